"""Nearly equal texts: documents whose similarity reaches a threshold, found by MinHash and proved by comparing.

What a document's shingles and the similarity of two are stands in `shingles.py`, how candidates are found in
`minhash.py`. Equal normalised texts are one document. Every candidate is compared shingle by shingle, so nothing below
the threshold is ever linked. A pair at the threshold is missed with a chance of at most 0.001, which falls fast above:
for 0.8, with 18 bands of 5 places, 0.0008 at 0.8 and 0.00003 at 0.85.

Up to 16 documents that share a band are all compared with each other. Of more, in the order of a hash of their texts,
each is compared with the first and with the one before it; those that differ from the first go on among themselves, 24
times at most. So a hundred thousand variants of one letter cost a few hundred thousand comparisons. How many documents
were still waiting after the last round is told, never silent.

For one column, links do not depend on the order of rows, on the version of the engine or on chance.
"""

from __future__ import annotations

from dataclasses import dataclass

from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step, identifier
from warehouse.statistics.components import Components, Link, find_components
from warehouse.statistics.minhash import (
    banding,
    bucket_sql,
    large_bucket_candidates,
    large_buckets_sql,
    signatures_sql,
    small_bucket_candidates,
    unsettled_sql,
)
from warehouse.statistics.session_tables import SessionTables
from warehouse.statistics.shingles import (
    LEAST_CHARACTERS,
    LEAST_THRESHOLD,
    Kind,
    codes_sql,
    is_kind_sql,
    jaccard_sql,
    normalised_sql,
    shingle_steps,
    word_count_sql,
)

THRESHOLD = 0.8

_ROUNDS = 24
_SLICE_CELLS = 4_000_000
"""Signature cells that are held at once; each takes a few bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NearTexts:
    """Which rows hold nearly the same text, as tables of the engine's session."""

    pairs_table: str
    """`left_row`, `right_row`, `similarity` (threshold to 1): as many pairs as it takes to link what is alike.

    A row whose normalised text equals an earlier row's stands once, against the first such row, with similarity 1; of
    rows that differ, the documents' first rows stand for them. Not every near pair of rows is in it: ask `components`.
    """
    components: Components
    """Rows linked by pairs, transitively: its table has `row_number`, `component` (the smallest row number)."""
    text_count: int
    """Rows whose text is long enough."""
    short_count: int
    """Rows whose text is empty or too short; NULL is not counted."""
    unsettled_count: int
    """Documents that were still to be compared with others of their band after the last round."""


def near_text_link(pairs_table: str, *, name: str) -> Link:
    """The pairs as a link for `find_components`, next to others: each pair is two rows of one value."""
    pairs = identifier(pairs_table)
    return Link(
        name=name,
        sql=f"select left_row as row_number, left_row as value from {pairs} "
        f"union all select right_row, left_row from {pairs}",
    )


def find_near_texts(
    engine: Engine,
    relation: Relation,
    column: str,
    *,
    table: str,
    threshold: float = THRESHOLD,
    row_number: str = "rowid",
) -> NearTexts:
    """Finds the rows of this column whose texts are alike, and leaves tables named `<table>` and `<table>_pairs`.

    Costs one scan of the column and a few passes over its distinct texts: about a minute for a million texts of 20
    words. Memory is the engine's own limit; the texts are written to its temporary folder.

    Args:
        engine: Where the relation is; it must be able to make temporary tables.
        relation: The rows.
        column: The text; other types are compared as text.
        table: Name of the temporary table of components; `<table>_pairs` holds the pairs.
        threshold: Smallest similarity of a pair, `LEAST_THRESHOLD` to 1.
        row_number: SQL that numbers the rows from 0 to below 2 ** 32; `rowid` for tables.

    Raises:
        QueryError: the column cannot be read.
        ValueError: the threshold is out of range.
    """
    if not LEAST_THRESHOLD <= threshold <= 1:
        raise ValueError(f"a threshold of {threshold} is not from {LEAST_THRESHOLD} to 1")
    pairs_table = f"{table}_pairs"
    with SessionTables(engine, table) as session:
        texts = session.create("texts", texts_sql(relation, column, row_number=row_number))
        copies = session.create("copies", copies_sql(texts))
        found = session.create("found", Query.of(Step("none", _NO_PAIRS)))
        unsettled = 0
        for kind in Kind:
            unsettled += _compare(
                session, texts, copies, found, kind=kind, threshold=threshold, in_parts=not engine.is_distributed
            )
        session.keep(pairs_table, pairs_sql(copies, found))
        (counts,) = engine.rows(text_counts_sql(texts))
    components = find_components(engine, [near_text_link(pairs_table, name=column)], table=table)
    return NearTexts(pairs_table=pairs_table, components=components, unsettled_count=unsettled, **counts)


def text_rows_sql(rows: str, *, is_numbered: bool) -> Query:
    """The rows, a query of `s`, `key` and `text`; with `rowid`, from 0, for engines whose tables have none."""
    if not is_numbered:
        return Query.of(Step("texts", rows))
    return Query.of(
        Step("unnumbered", rows),
        Step("texts", "select s, key, text, row_number() over (order by s, key, text) - 1 as rowid from unnumbered"),
    )


_NO_PAIRS = "select 0::bigint as left_row, 0::bigint as right_row, 0::double as similarity where false"


def texts_sql(relation: Relation, column: str, *, row_number: str) -> Query:
    """One row per row with a text: `row_number`, `text` (normalised; NULL when too short), `digest`, `word_count`."""
    return Query.of(
        Step(
            "normalised_rows",
            f"""
            select {row_number}::bigint as row_number, {normalised_sql(identifier(column))} as normalised
            from {relation.sql}
            where {identifier(column)} is not null
            """,
        ),
        Step(
            "long_enough",
            f"""
            select row_number, case when length(normalised) >= {LEAST_CHARACTERS} then normalised end as text,
            from normalised_rows
            """,
        ),
        Step(
            "texts",
            f"select row_number, text, md5(text) as digest, {word_count_sql('text')} as word_count from long_enough",
        ),
    )


def text_counts_sql(texts: str) -> Query:
    """One row: `text_count`, `short_count`."""
    return Query.of(
        Step("text_counts", f"select count(text) as text_count, count(*) - count(text) as short_count from {texts}")
    )


def copies_sql(texts: str) -> Query:
    """One row per row whose text an earlier row has: `row_number`, `document` (the first row of that text)."""
    return Query.of(
        Step(
            "repeated_texts",
            f"""
            select digest, min(row_number) as document
            from {texts}
            where digest is not null
            group by digest
            having count(*) > 1
            """,
        ),
        Step(
            "copies",
            f"""
            select texts.row_number, repeated_texts.document
            from {texts} as texts
            join repeated_texts on texts.digest = repeated_texts.digest
            where texts.row_number <> repeated_texts.document
            """,
        ),
    )


def pairs_sql(copies: str, found: str) -> Query:
    """One row per linked pair: `left_row`, `right_row`, `similarity`."""
    return Query.of(
        Step(
            "all_pairs",
            f"""
            select document as left_row, row_number as right_row, 1.0::double as similarity from {copies}
            union all
            select left_row, right_row, similarity from {found}
            """,
        ),
        Step(
            "pairs",
            "select left_row, right_row, max(similarity) as similarity from all_pairs group by left_row, right_row",
        ),
    )


def _documents(texts: str, copies: str, kind: Kind, threshold: float, condition: str) -> Step:
    return Step(
        "documents",
        f"""
        select row_number as document, {codes_sql(kind, "text")} as codes
        from {texts}
        where text is not null and {is_kind_sql(kind, "word_count", threshold=threshold)} and {condition}
            and row_number not in (select row_number from {copies})
        """,
    )


def shingle_sets_sql(documents: Step, kind: Kind) -> Query:
    """One row per document: `document`, `shingles` (a list of different numbers)."""
    return Query.of(
        documents,
        *shingle_steps(kind, "documents"),
        Step("different_shingles", "select distinct document, shingle from shingles"),
        Step("shingle_sets", "select document, list(shingle) as shingles from different_shingles group by document"),
    )


def comparisons_sql(candidates: tuple[Step, ...], sets: str, compared: str, threshold: float) -> Query:
    """One row per candidate that was not compared yet: `left_row`, `right_row`, `similarity`.

    Sets whose sizes alone rule the threshold out are not compared: their similarity is 0 here.
    """
    sizes = f"least(len(a.shingles), len(b.shingles)) >= {threshold} * greatest(len(a.shingles), len(b.shingles))"
    return Query.of(
        *candidates,
        Step(
            "new_candidates",
            f"select * from candidates anti join {compared} as compared using (left_row, right_row)",
        ),
        Step(
            "comparisons",
            f"""
            select
                left_row,
                right_row,
                case when {sizes} then {jaccard_sql("a.shingles", "b.shingles")} else 0 end as similarity,
            from new_candidates
            join {sets} as a on left_row = a.document
            join {sets} as b on right_row = b.document
            """,
        ),
    )


def component_rows_step(near: str, texts: Relation, *, places: int) -> Step:
    """One row per set of linked rows: `component`, and `n0`, `n1`..., its rows of each part.

    Args:
        near: the session's table of components, one row per linked row: `component`, `row_number`.
        texts: the rows that were looked at; `s` is a row's part, `rowid` its number.
        places: how many parts there are.
    """
    counts = ", ".join(f"count(*) filter (texts.s = {place}) as n{place}" for place in range(places))
    return Step(
        "rows_per_component",
        f"""
        select
            components.component,
            {counts},
        from {Relation.table(near).sql} as components
        inner join {texts.sql} as texts on components.row_number = texts.rowid
        group by components.component
        """,
    )


def _compare(
    session: SessionTables, texts: str, copies: str, found: str, *, kind: Kind, threshold: float, in_parts: bool
) -> int:
    """Adds the near pairs of documents of one kind to `found`; returns how many documents were left unsettled.

    `in_parts` makes signatures of some rows after others, which bounds memory.
    """
    cut = banding(threshold)

    def documents(condition: str = "true") -> Step:
        return _documents(texts, copies, kind, threshold, condition)

    if not session.count(texts, f"count(*) filter ({is_kind_sql(kind, 'word_count', threshold=threshold)})"):
        return 0
    step = max(1, _SLICE_CELLS // (cut.bands * cut.rows))
    slices = ["true"]
    if in_parts:
        slices = [f"rowid >= {start} and rowid < {start + step}" for start in range(0, session.count(texts), step)]
    signatures = session.fill("signatures", [signatures_sql(documents(part), kind, cut) for part in slices])
    buckets = session.fill("buckets", [bucket_sql(signatures, band) for band in range(cut.bands)])
    session.drop(signatures)
    members = f"row_number in (select document from {buckets})"
    sets = session.fill("sets", [shingle_sets_sql(documents(f"{part} and {members}"), kind) for part in slices])
    compared = session.create("compared", Query.of(Step("none", _NO_PAIRS)))
    session.insert(compared, comparisons_sql(small_bucket_candidates(buckets), sets, compared, threshold))
    large = session.create("large_buckets", large_buckets_sql(buckets, texts))
    session.drop(buckets)
    buckets = large
    for number in range(_ROUNDS):
        if not session.count(buckets):
            break
        session.insert(compared, comparisons_sql(large_bucket_candidates(buckets), sets, compared, threshold))
        remaining = session.create(f"buckets_{number}", unsettled_sql(buckets, compared, threshold))
        session.drop(buckets)
        buckets = remaining
    near = f"select left_row, right_row, similarity from {compared} where similarity >= {threshold}"
    session.insert(found, Query.of(Step("near_pairs", near)))
    left = session.count(buckets, "count(distinct document)")
    for name in (buckets, sets, compared):
        session.drop(name)
    return left
