r"""A fingerprint of rows that lasts: equal for equal rows, whatever their order, their files, the format or the engine.

    value text   NULL `\N`; otherwise the canonical text, with `\` written `\\` and 0x1F written `\s`
    row hash     md5 of the value texts, joined by 0x1F, in the order of the columns' names (by code point)
    fingerprint  sha256 of the lines: scheme, the columns' names (escaped, joined by 0x1F), the number of rows, and the
                 sums of the row hashes' halves, each read as a number of 64 bits, modulo 2^64
    scheme       `v2` when a column is FLOAT or DOUBLE, otherwise `v1`: without floats both are the same

Canonical text: integers and DECIMAL in decimal (with all places of the type), booleans `true` and `false`, text as it
is, floats as below, dates as `2013-01-31`, timestamps and times as microseconds since 1970 and since midnight
(TIMESTAMP_NS: nanoseconds), UUIDs in lower case, blobs as upper-case hex, nested values as DuckDB's JSON, in which zero
has no sign. It tells equal content from other content by accident, not against somebody who forges it: that is what
the SHA-256 of every file is for.

Floats: in `v2` the 64 bits of the double by IEEE 754 in hexadecimal, capitals, no zeros in front; `nan`, `inf` and
`-inf`; zero has no sign. In `v1` as C prints `%.17g`, which neither Java nor Rust does; old fingerprints have it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step, identifier

SCHEMES = ("v1", "v2")
_LANE = 2**64
_PLAIN = (
    *(
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "HUGEINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
        "UBIGINT",
        "UHUGEINT",
    ),
    *("BOOLEAN", "FLOAT", "DOUBLE", "DECIMAL", "DATE", "TIME", "TIMESTAMP", "UUID", "BLOB"),
)
"""Types whose canonical text never needs to be escaped."""
_SIGNED_ZERO = r"""'("(?:[^"\\]|\\.)*")|-(0\.0)\b'"""
"""A pattern for JSON: a text, which stays as it is whatever it says, or the number -0.0."""


def scheme_of(types: Mapping[str, str]) -> str:
    """The scheme of fingerprints of columns with these types."""
    return "v2" if any(map(_is_float, types.values())) else "v1"


def _is_float(type_name: str) -> bool:
    return type_name.upper() in ("FLOAT", "DOUBLE", "REAL")


def _has_floats(upper: str) -> bool:
    return not upper.startswith("JSON") and any(name in upper for name in ("FLOAT", "DOUBLE", "REAL"))


def canonical_sql(expression: str, type_name: str, *, scheme: str = "v1") -> str:
    """The value as text that every engine can print alike (in v1: all but floats); NULL stays NULL.

    Args:
        expression: The value; quoted already.
        type_name: Its type, as DuckDB names it.
        scheme: How floats are printed.
    """
    upper = type_name.upper()
    text = f"{expression}::varchar"
    if upper.endswith("]") or upper.startswith(("STRUCT", "MAP", "UNION", "JSON")):
        text = f"to_json({expression})::varchar"
        return f"regexp_replace({text}, {_SIGNED_ZERO}, '\\1\\2', 'g')" if _has_floats(upper) else text
    if _is_float(type_name):
        # NOTE: adding zero takes the sign from -0.0, which equals 0.0.
        number = f"({expression}::double + 0.0)"
        if scheme == "v1":
            return f"printf('%.17g', {number})"
        return (
            f"case when isfinite({expression}) then hex({number}::bit::bigint) when isnan({expression}) then 'nan' "
            f"when {expression} > 0 then 'inf' when {expression} < 0 then '-inf' end"
        )
    if upper == "TIMESTAMP_NS":
        return f"coalesce(epoch_ns({expression})::varchar, {text})"
    if upper.startswith(("TIMESTAMP", "DATETIME")) or upper == "TIME":
        # NOTE: an infinite timestamp has no microseconds; it is 'infinity' or '-infinity'.
        return f"coalesce(epoch_us({expression})::varchar, {text})"
    if upper in ("BLOB", "BYTEA", "BINARY", "VARBINARY"):
        return f"hex({expression})"
    return expression if upper == "VARCHAR" else text


def row_hashes_sql(relation: Relation, types: Mapping[str, str], *, scheme: str) -> tuple[Step, ...]:
    """Steps; one row of the last per row: `row_hash`, 32 hex digits."""
    texts = ", ".join(_escaped_sql(name, types[name], scheme) for name in sorted(types))
    return (Step("row_hashes", f"select md5(concat_ws(chr(31), {texts})) as row_hash from {relation.sql}"),)


def _escaped_sql(name: str, type_name: str, scheme: str) -> str:
    text = canonical_sql(identifier(name), type_name, scheme=scheme)
    if not type_name.upper().startswith(_PLAIN) or type_name.endswith("]"):
        text = f"replace(replace({text}, '\\', '\\\\'), chr(31), '\\s')"
    return f"coalesce({text}, '\\N')"


def hash_sums_sql(relation: Relation, types: Mapping[str, str], *, scheme: str) -> Query:
    """One row: `row_count`, and the sums of the halves of all row hashes, `upper_sum` and `lower_sum` (NULL: no row).

    A sum of 2^63 numbers of 64 bits still fits into the 128 bits of HUGEINT.
    """
    return Query.of(
        *row_hashes_sql(relation, types, scheme=scheme),
        Step(
            "hash_sums",
            """
            select
                count(*) as row_count,
                sum(('0x' || substr(row_hash, 1, 16))::ubigint::hugeint) as upper_sum,
                sum(('0x' || substr(row_hash, 17, 16))::ubigint::hugeint) as lower_sum,
            from row_hashes
            """,
        ),
    )


def content_fingerprint(
    engine: Engine, relation: Relation, types: Mapping[str, str], *, scheme: str | None = None
) -> str:
    """The fingerprint of these columns of the relation, as 64 hex digits; the session's time zone must be UTC.

    Args:
        engine: Reads the rows; one scan.
        relation: The rows.
        types: The columns that count, with their types.
        scheme: `v1` to compare with an old fingerprint; that of the types when left out.
    """
    scheme = scheme or scheme_of(types)
    (row,) = engine.rows(hash_sums_sql(relation, types, scheme=scheme))
    return fingerprint_of(
        tuple(types),
        row_count=row["row_count"],
        sums=(int(row["upper_sum"] or 0), int(row["lower_sum"] or 0)),
        scheme=scheme,
    )


def fingerprint_of(columns: tuple[str, ...], *, row_count: int, sums: tuple[int, int], scheme: str) -> str:
    """The fingerprint of rows whose hashes' halves have these sums; sums of several parts may be added up first."""
    names = "\x1f".join(name.replace("\\", "\\\\").replace("\x1f", "\\s") for name in sorted(columns))
    lines = (scheme, names, str(row_count), *(f"{total % _LANE:016x}" for total in sums))
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
