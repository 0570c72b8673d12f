"""Rows whose features others have too: found by the engine's 64-bit hash of all features, within one session.

Two different rows among a million are taken for equal with a probability of 3 in 10^8, among a billion of 3 in 100.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from warehouse.checks.leakage.rows import SplitRows, types_together
from warehouse.engine.base import Engine
from warehouse.engine.local import LocalEngine
from warehouse.engine.partitions import KEPT_TYPES, partitioned
from warehouse.sql import Query, Relation, Step
from warehouse.statistics.group_slices import slice_count, slice_sql
from warehouse.statistics.session_tables import SessionTables
from warehouse.statistics.value_hashes import row_hash_sql

ROWS_AT_ONCE = 50_000_000
"""More are written aside first, in parts, with whatever is asked of a row that repeats: one scan, and no lookups."""
ROWS_PER_PART = 16_000_000
"""Their hashes are sorted in memory: 128 MB, and twice as much while they are read."""
MOST_PARTS = 1_000
"""More files than that are too many; parts grow, and are sorted no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """Rows with features that several rows have; of some features, when the rows are many."""

    kinds: int
    """How many such features there are."""
    row_count: int
    twins: Relation
    """A table of the session, until the next are asked for; as `twins_sql` says."""
    is_whole: bool
    """Whether these are the repeats of all rows."""


def feature_hash_sql(rows: SplitRows) -> str:
    """One hash of all features of a row, as an expression."""
    return row_hash_sql((column.sql, column.type) for column in rows.features)


def label_hash_sql(rows: SplitRows) -> str:
    """A label as something to compare; NULL when it is missing, constant without a label."""
    if rows.label is None:
        return "0"
    return f"case when {rows.label.sql} is not null then {row_hash_sql([(rows.label.sql, rows.label.type)])} end"


def rows_with_hash(rows: SplitRows, hashes: str) -> Relation:
    """The rows whose hash of features is among these; the split of no other is told."""
    hashed = row_hash_sql((rows.asked_sql(column), column.type) for column in rows.features)
    return rows.only(f"{hashed} in ({hashes})")


def read_repeats(engine: Engine, rows: SplitRows, tables: SessionTables) -> Generator[Repeats]:
    """Finds the rows with features that others have, features by features; none when no row repeats.

    A sorting of a hash, and a scan for those that repeat; of many rows one scan, which writes them aside.
    """
    if isinstance(engine, LocalEngine) and _is_in_parts(engine, rows):
        yield from _read_in_parts(engine, rows, tables)
        return
    features = f"(select {feature_hash_sql(rows)} as h from {rows.placeless.sql})"
    hashes = Relation(features, "feature hashes")
    found = tables.create("repeats", repeats_sql(hashes, is_sorted=not engine.is_distributed))
    kinds, row_count = _counts(engine, found)
    if kinds:
        repeated = rows_with_hash(rows, f"select h from {found}")
        twins = tables.create("twins", twins_sql(hashed_rows_sql(rows, repeated)))
        yield Repeats(kinds=kinds, row_count=row_count, twins=Relation(twins, "twins"), is_whole=True)


def _is_in_parts(engine: LocalEngine, rows: SplitRows) -> bool:
    # Keys of other types are not kept beside a hash: texts would take more room than the table.
    many = rows.row_count > ROWS_AT_ONCE and len(rows.key) == 1
    return many and types_together(engine, rows)[rows.key[0].sql] in KEPT_TYPES


def _read_in_parts(engine: LocalEngine, rows: SplitRows, tables: SessionTables) -> Generator[Repeats]:
    count = min(MOST_PARTS, slice_count(engine, row_count=rows.row_count, rows_at_once=ROWS_PER_PART))
    hashed = hashed_rows_sql(rows, rows.relation)
    parted = Step("parted_rows", f"select *, {slice_sql('h', count)} as part from {hashed.name}")
    with partitioned(engine, Query.of(*hashed.steps, parted), by="part") as parts:
        for part in parts.values():
            found = _keep_repeats(engine, part, tables)
            kinds, row_count = _counts(engine, found)
            if kinds:
                repeated = Step("hashed_rows", f"select * from {part.sql} where h in (select h from {found})")
                twins = tables.create("twins", twins_sql(Query.of(repeated)))
                yield Repeats(kinds=kinds, row_count=row_count, twins=Relation(twins, "twins"), is_whole=False)


def _keep_repeats(engine: LocalEngine, hashes: Relation, tables: SessionTables) -> str:
    """The table that `repeats_sql` would make. NumPy sorts numbers in a tenth of the time that DuckDB takes."""
    (size,) = engine.rows(Query.of(Step("part_size", f"select count(*) as n from {hashes.sql}")))
    if size["n"] > 2 * ROWS_PER_PART:
        # Some features are those of very many rows, and different ones are few.
        return tables.create("repeats", repeats_sql(hashes, is_sorted=False))
    (numbers,) = engine.arrays(Query.of(Step("part_hashes", f"select h from {hashes.sql}")))
    numbers.sort()
    repeated, again = np.unique(numbers[1:][numbers[1:] == numbers[:-1]], return_counts=True)
    with engine.arrays_as_rows({"h": repeated, "n": again + 1}, name="repeats") as found:
        return tables.create("repeats", Query.of(Step("repeats", f"select h, n from {found.sql}")))


def _counts(engine: Engine, repeats: str) -> tuple[int, int]:
    """How many hashes several rows have, and how many rows have one of them."""
    count = f"select count(*) as kinds, coalesce(sum(n), 0)::bigint as row_count from {repeats}"
    (found,) = engine.rows(Query.of(Step("repeat_counts", count)))
    return int(found["kinds"]), int(found["row_count"])


def hashed_rows_sql(rows: SplitRows, relation: Relation) -> Query:
    """One row per row of this relation, which has those of `rows` or some: `h` its features, `y` label, `k` key, `s`.

    A key of one column is kept as it is, and any other as text.
    """
    key = rows.key[0].sql if len(rows.key) == 1 else rows.key_sql
    terms = f"s, {feature_hash_sql(rows)} as h, {label_hash_sql(rows)} as y, {key} as k"
    return Query.of(Step("hashed_rows", f"select {terms} from {relation.sql}"))


def repeats_sql(hashes: Relation, *, is_sorted: bool) -> Query:
    """One row per hash `h` that several rows have, with `n`, how many.

    On one machine, numbers are sorted in half of the time in which they are grouped when nearly all of them differ.
    """
    if not is_sorted:
        return Query.of(Step("repeats", f"select h, count(*) as n from {hashes.sql} group by h having count(*) > 1"))
    return Query.of(
        Step("sorted_hashes", f"select h, lag(h) over (order by h) as before from {hashes.sql}"),
        Step("repeats", "select h, count(*) + 1 as n from sorted_hashes where h = before group by h"),
    )


def twins_sql(hashed_rows: Query) -> Query:
    """One row per hash of features `h`, hash of label `y` and split `s`: `n` rows, `k` the least key among them."""
    twins = Step("twins", f"select h, y, s, count(*) as n, min(k) as k from {hashed_rows.name} group by h, y, s")
    return Query.of(*hashed_rows.steps, twins)
