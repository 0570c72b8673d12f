"""Keys and entities that stand in more than one split."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from warehouse.checks.leakage.result import PairCount, SharedValues
from warehouse.checks.leakage.rows import EXAMPLE_COUNT, LeakColumn, SplitRows, types_together
from warehouse.datasets.splits import is_integer_type
from warehouse.engine.base import Engine
from warehouse.engine.partitions import partitioned
from warehouse.sql import Query, Relation, Step
from warehouse.statistics.group_slices import slice_count_of, slice_sql, slices_sql

ROWS_AT_ONCE = 50_000_000
VALUES_AT_ONCE = 5_000_000
"""Of more rows with more values, these are asked in slices: 20 million do not fit into the memory of an export.

First by their hashes, written aside in slices, since slices of the table would each read all of it. Equal values have
equal hashes, so values are asked only where two splits have one of these.
"""
VALUE_BITS = 1 << 25
"""Integers of a range this wide are told apart by bits in one scan, 4 MiB for each split and thread."""
MOST_RANGES = 4
"""As many scans as the hashes take, which are written aside otherwise."""


def splits_per_value_step(
    rows: SplitRows, columns: Sequence[LeakColumn], *, masked: bool, within: str | None = None
) -> Step:
    """One row per value (or tuple) that stands in several splits: `v0`..., `mask` if asked (bit i: split i has it).

    A NULL names nobody, so it is shared by nobody. `within` is a condition on the columns: the rows that are asked.
    """
    values = ", ".join(f"{column.sql} as v{index}" for index, column in enumerate(columns))
    present = " and ".join(f"{column.sql} is not null" for column in columns)
    grouped = ", ".join(column.sql for column in columns)
    mask = " bit_or((1 << s)::utinyint) as mask," if masked else ""
    return Step(
        "shared_values",
        f"""
        select
            {values},{mask}
        from {_asked(rows, within).sql}
        where {present}
        group by {grouped}
        having min(s) < max(s)
        """,
    )


def _asked(rows: SplitRows, within: str | None) -> Relation:
    return rows.relation if within is None else rows.only(within)


def shared_count_sql(rows: SplitRows, columns: Sequence[LeakColumn], *, within: str | None = None) -> Query:
    """One row: `value_count`, how many values stand in several splits."""
    return Query.of(
        splits_per_value_step(rows, columns, masked=False, within=within),
        Step("shared_count", "select count(*) as value_count from shared_values"),
    )


def shared_values_sql(rows: SplitRows, columns: Sequence[LeakColumn], *, within: str | None = None) -> Query:
    """One row per set of splits that share values: `mask`, `value_count`, `rows_0`... per split, `examples`."""
    matches = " and ".join(f"all_rows.{column.sql} = shared_values.v{i}" for i, column in enumerate(columns))
    example = ", ".join(column.example_sql for column in columns)
    counts = ",\n".join(f"count(*) filter (all_rows.s = {place}) as rows_{place}" for place in range(len(rows.splits)))
    values = ", ".join(f"v{index}" for index in range(len(columns)))
    return Query.of(
        splits_per_value_step(rows, columns, masked=True, within=within),
        Step(
            "rows_per_shared_value",
            f"""
            select
                {values},
                any_value(mask) as mask,
                min(concat_ws(', ', {example})) as example,
                {counts},
            from {_asked(rows, within).sql} as all_rows
            inner join shared_values on {matches}
            group by {values}
            """,
        ),
        Step(
            "shared_by_splits",
            f"""
            select
                mask,
                count(*) as value_count,
                min(example, {EXAMPLE_COUNT}) as examples,
                {", ".join(f"sum(rows_{place})::bigint as rows_{place}" for place in range(len(rows.splits)))},
            from rows_per_shared_value
            group by mask
            order by mask
            """,
        ),
    )


def value_range_sql(rows: SplitRows, column: LeakColumn) -> Query:
    """One row: the `least` and the `greatest` value, NULL of none."""
    terms = f"min({column.sql}) as least, max({column.sql}) as greatest"
    return Query.of(Step("value_range", f"select {terms} from {rows.placeless.sql}"))


def shared_bits_sql(rows: SplitRows, column: LeakColumn, least: int, greatest: int) -> Query:
    """One row: `value_count`, how many integers within this range stand in several splits."""
    value, places = column.sql, range(len(rows.splits))
    bits = ", ".join(
        f"bitstring_agg({value}, {least}, {greatest}) filter (s = {place}) as bits_{place}" for place in places
    )
    pairs = ", ".join(f"bits_{left} & bits_{right}" for left, right in combinations(places, 2))
    return Query.of(
        Step("value_bits", f"select {bits} from {rows.relation.sql} where {value} between {least} and {greatest}"),
        Step("bits_of_pairs", f"select unnest([{pairs}]) as common from value_bits"),
        # A split without a value has no bits, and no pair with it.
        Step("shared_bits", "select coalesce(bit_count(bit_or(common)), 0) as value_count from bits_of_pairs"),
    )


def _is_denied_by_bits(engine: Engine, rows: SplitRows, columns: Sequence[LeakColumn]) -> bool:
    """Whether bits show that no two splits have a value; they are asked where values are integers of few ranges."""
    if len(columns) > 1 or not is_integer_type(types_together(engine, rows)[columns[0].sql]):
        return False
    (column,) = columns
    (found,) = engine.rows(value_range_sql(rows, column))
    if found["least"] is None:
        return True
    starts = range(found["least"], found["greatest"] + 1, VALUE_BITS)
    if len(starts) > MOST_RANGES:
        return False
    ranges = ((start, min(start + VALUE_BITS - 1, found["greatest"])) for start in starts)
    return not any(engine.rows(shared_bits_sql(rows, column, *each))[0]["value_count"] for each in ranges)


def hashed_places_sql(rows: SplitRows, columns: Sequence[LeakColumn], *, slices: int) -> Query:
    """One row per row with these values: a `value_hash` of them, its `slice` of so many, and the row's place `s`."""
    present = " and ".join(f"{column.sql} is not null" for column in columns)
    hashed = f"select hash({', '.join(column.sql for column in columns)}) as value_hash, s from {rows.relation.sql}"
    return Query.of(
        Step("hashed_rows", f"{hashed} where {present}"),
        Step("hashed_places", f"select value_hash, s, {slice_sql('value_hash', slices)} as slice from hashed_rows"),
    )


def _slices(engine: Engine, rows: SplitRows, columns: Sequence[LeakColumn]) -> Sequence[str | None]:
    """Conditions on the values that are asked together; none where no two splits have a value of one hash."""
    if engine.is_distributed or rows.row_count <= ROWS_AT_ONCE:
        return [None]
    if _is_denied_by_bits(engine, rows, columns):
        return []
    count = slice_count_of(engine, rows.placeless, [column.sql for column in columns], groups_at_once=VALUES_AT_ONCE)
    if count == 1:
        return [None]
    slices = slices_sql([rows.asked_sql(column) for column in columns], count)
    with partitioned(engine, hashed_places_sql(rows, columns, slices=count), by="slice") as parts:
        return [slices[number] for number, part in parts.items() if _has_shared_hashes(engine, part)]


def _has_shared_hashes(engine: Engine, hashed_places: Relation) -> bool:
    shared = f"select value_hash from {hashed_places.sql} group by value_hash having min(s) < max(s)"
    return bool(engine.rows(Query.of(Step("shared_hashes", shared), Step("any_shared", "from shared_hashes limit 1"))))


def read_shared_values(engine: Engine, rows: SplitRows, columns: Sequence[LeakColumn]) -> SharedValues:
    """Which values of these columns, together, stand in several splits. One grouping; a second one only if any do."""
    value_count, shared = 0, []
    for within in _slices(engine, rows, columns):
        (found,) = engine.rows(shared_count_sql(rows, columns, within=within))
        if found["value_count"]:
            value_count += found["value_count"]
            shared.append(within)
    name = ", ".join(column.name for column in columns)
    if not shared:
        return SharedValues(name=name, value_count=0, row_counts={}, pairs=(), examples=())
    masks = [row for within in shared for row in engine.rows(shared_values_sql(rows, columns, within=within))]
    pairs = []
    for left, right in combinations(range(len(rows.splits)), 2):
        both = 1 << left | 1 << right
        count = sum(row["value_count"] for row in masks if row["mask"] & both == both)
        if count:
            pairs.append(PairCount(left=rows.splits[left], right=rows.splits[right], count=count))
    examples = sorted(example for row in masks for example in row["examples"])[:EXAMPLE_COUNT]
    return SharedValues(
        name=name,
        value_count=value_count,
        row_counts={
            split: count
            for place, split in enumerate(rows.splits)
            if (count := sum(row[f"rows_{place}"] for row in masks))
        },
        pairs=tuple(pairs),
        examples=tuple(dict.fromkeys(examples)),
    )
