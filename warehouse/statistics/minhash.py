"""MinHash signatures cut into bands, and which documents they make candidates for being alike.

A document's *signature* are the smallest of its shingles in many pseudo-random orders; two documents agree in each
place with a chance that equals their similarity s. Signatures are cut into b bands of r places; documents that agree
in a whole band are in one *bucket*. A pair is in no common bucket with chance (1 - s ** r) ** b. Sources: Broder
(1997) for MinHash; Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", chapter 3, for the bands, after Indyk
and Motwani (1998). All hashes are plain arithmetic with fixed numbers: the same in every version of every engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log

from warehouse.sql import Query, Step
from warehouse.statistics.shingles import Kind, constants, shingle_steps

SMALL_BUCKET = 16
"""In a bucket of so many documents, each is a candidate for each."""

_MISSED = 0.001
_LOW_BITS = (1 << 31) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Banding:
    """How signatures are cut; b bands of r places."""

    bands: int
    rows: int

    def missed_share(self, similarity: float) -> float:
        """The chance that a pair of this similarity agrees in no band."""
        return float((1 - similarity**self.rows) ** self.bands)


def banding(threshold: float) -> Banding:
    """Bands as long as a pair at the threshold agrees in one of four, and as many as miss it once in a thousand."""
    rows = 12 if threshold >= 0.9 else max(3, int(log(0.3) / log(threshold)))
    agreed = threshold**rows
    return Banding(rows=rows, bands=1 if agreed >= 1 else ceil(log(_MISSED) / log(1 - agreed)))


def signatures_sql(documents: Step, kind: Kind, cut: Banding) -> Query:
    """One row per document: `document` and a number for each band, `band_0`...

    The r places of a band take their orders from r base hashes, one each, so that they are independent; another band
    takes the same hashes, each turned by exclusive or with another number.
    """
    factors = constants("base hashes", cut.rows, bits=31)
    turns = constants("turns", cut.rows * cut.bands, bits=31)
    weights = constants("bands", cut.rows, bits=28)
    bases = ", ".join(f"(((mixed * {f}) >> 16) & {_LOW_BITS})::uinteger as h{i}" for i, f in enumerate(factors))
    bands = ", ".join(
        " + ".join(
            f"min(xor(h{place}, {turns[band * cut.rows + place]}::uinteger))::bigint * {weights[place]}"
            for place in range(cut.rows)
        )
        + f" as band_{band}"
        for band in range(cut.bands)
    )
    return Query.of(
        documents,
        *shingle_steps(kind, "documents"),
        Step(
            "scattered",
            f"""
            select document, ((xor(shingle & {_LOW_BITS}, shingle >> 31) * 1540483477) >> 16) & {_LOW_BITS} as scattered
            from shingles
            """,
        ),
        Step("mixed", "select document, xor(scattered, scattered >> 15) as mixed from scattered"),
        Step("hashed", f"select document, {bases} from mixed"),
        Step("signatures", f"select document, {bands} from hashed group by document"),
    )


def bucket_sql(signatures: str, band: int) -> Query:
    """One row per document that agrees with another in this band: `band`, `key`, `document`."""
    return Query.of(
        Step("shared_keys", f"select band_{band} as key from {signatures} group by band_{band} having count(*) > 1"),
        Step(
            "bucket",
            f"""
            select {band} as band, shared_keys.key, signatures.document
            from {signatures} as signatures
            join shared_keys on signatures.band_{band} = shared_keys.key
            """,
        ),
    )


def small_bucket_candidates(buckets: str) -> tuple[Step, ...]:
    """Steps; one row of the last, `candidates`, per pair of documents that share a small bucket."""
    return (
        Step("small_keys", f"select band, key from {buckets} group by band, key having count(*) <= {SMALL_BUCKET}"),
        Step("small_buckets", f"select * from {buckets} semi join small_keys using (band, key)"),
        Step(
            "candidates",
            """
            select distinct a.document as left_row, b.document as right_row
            from small_buckets as a
            join small_buckets as b on a.band = b.band and a.key = b.key
            where a.document < b.document
            """,
        ),
    )


def large_buckets_sql(buckets: str, texts: str) -> Query:
    """The buckets that are not small, as `bucket_sql`, with `place`: where a document comes, by a hash of its text.

    Not by its row number, so that which documents are compared does not depend on the order of rows.
    """
    return Query.of(
        Step("large_keys", f"select band, key from {buckets} group by band, key having count(*) > {SMALL_BUCKET}"),
        Step(
            "large_buckets",
            f"""
            select buckets.band, buckets.key, buckets.document, ('0x' || substr(texts.digest, 1, 15))::bigint as place
            from {buckets} as buckets
            semi join large_keys on buckets.band = large_keys.band and buckets.key = large_keys.key
            join {texts} as texts on buckets.document = texts.row_number
            """,
        ),
    )


def large_bucket_candidates(buckets: str) -> tuple[Step, ...]:
    """Steps; one row of the last, `candidates`, per document of a bucket and its first one, or the one before."""
    window = "over (partition by band, key order by place)"
    return (
        Step(
            "neighbours",
            f"""
            select document, first_value(document) {window} as first, lag(document) {window} as previous
            from {buckets}
            """,
        ),
        Step(
            "candidates",
            """
            select least(first, document) as left_row, greatest(first, document) as right_row
            from neighbours where first <> document
            union
            select least(previous, document), greatest(previous, document) from neighbours where previous is not null
            """,
        ),
    )


def unsettled_sql(buckets: str, compared: str, threshold: float) -> Query:
    """The buckets without their first documents and those like them, while there are two others left in one."""
    return Query.of(
        Step(
            "first_documents",
            f"select band, key, arg_min(document, place) as document from {buckets} group by band, key",
        ),
        Step(
            "different_documents",
            f"""
            select buckets.band, buckets.key, buckets.document, buckets.place
            from {buckets} as buckets
            join first_documents on buckets.band = first_documents.band and buckets.key = first_documents.key
            left join {compared} as compared
                on compared.left_row = least(first_documents.document, buckets.document)
                and compared.right_row = greatest(first_documents.document, buckets.document)
            where buckets.document <> first_documents.document and compared.similarity < {threshold}
            """,
        ),
        Step("full_buckets", "select band, key from different_documents group by band, key having count(*) > 1"),
        Step(
            "unsettled",
            "select * from different_documents semi join full_buckets using (band, key)",
        ),
    )
