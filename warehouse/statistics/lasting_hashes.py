"""Hashes that every engine makes alike, for what numbers depend on; DuckDB's own `hash` is faster and its alone."""

from __future__ import annotations

from collections.abc import Sequence

from warehouse.sql import literal

MOST_ROWS = 500_000
"""Up to so many rows groups are put into parts alike on every engine; of more, md5 would take a noticeable time."""


def digest_sql(texts: Sequence[str]) -> str:
    """Hexadecimal digits of these texts, expressions that may be null; 32 of them."""
    if not texts:
        return f"md5({literal('')})"
    # A null is none of the texts that a column has, but for this one.
    parts = ", ".join(f"coalesce({text}, {literal(chr(0x5C) + 'N')})" for text in texts)
    return f"md5(concat_ws(chr(31), {parts}))"


def digits_sql(digest: str, *, start: int, count: int) -> str:
    """A number of so many of a digest's digits, the first of which is 1; of 15 at most."""
    return f"('0x' || substr({digest}, {start}, {count}))::bigint"


def part_sql(values: Sequence[str], *, parts: int, row_count: int) -> str:
    """In which of so many parts rows with these values are, from 0; none of the values is null.

    Alike on every engine where there are not too many rows: `row_count` is about how many are asked.
    """
    if row_count > MOST_ROWS:
        return f"hash({', '.join(values)}) % {parts}"
    texts = ", ".join(f"cast({value} as varchar)" for value in values)
    return f"{digits_sql(f'md5(concat_ws(chr(31), {texts}))', start=1, count=7)} % {parts}"
