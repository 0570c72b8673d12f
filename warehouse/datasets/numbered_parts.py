"""Which row goes into which file where many workers write at once: every file has a number, told by a row's values.

DuckDB cuts files from rows that lie in an order. Spark's have none, so the rows of a split are divided into fine ranges
of what they are ordered by, the ranges are counted, and neighbours are put together as long as a file may hold them.
Files follow each other in that order, and none has more rows than it may.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from warehouse.datasets.placement import Placement
from warehouse.datasets.sharding import stretches
from warehouse.datasets.spec import DatasetSpec, Order
from warehouse.datasets.splits import hash_text_sql, salt_of
from warehouse.engine.base import Engine
from warehouse.errors import ExportError
from warehouse.sql import Query, Relation, Step, identifier, literal

MOST_ROWS = 2_000_000
"""Rows of a file when the specification bounds neither rows nor bytes: a worker writes it in a few seconds."""
_RANGES_PER_FILE = 32
_MOST_RANGES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedPart:
    """The rows of one file."""

    number: int
    split: str
    path: str
    """In the version's folder, without the extension."""
    row_count: int
    subset: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedParts:
    """All files of a version."""

    parts: tuple[NumberedPart, ...]
    number_sql: str
    """A row's file, as an expression; NULL for a row in no split."""
    order: tuple[str, ...]
    """Expressions by which the rows of a file are sorted; empty for any order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    """Rows of one split, or of one subset of train, that have files of their own."""

    split: str
    folder: str
    subset: float | None
    condition: str
    row_count: int
    range_sql: str = ""
    """The fine range of a row, as an expression; empty when one file holds all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LanedRows:
    """Rows with the number by which any order and a shuffled one spread them over files."""

    relation: Relation
    lane: str
    """That column of the relation, as an expression: from 0 to 2**32 - 1."""


def with_lanes(relation: Relation, spec: DatasetSpec, *, lane: str) -> LanedRows:
    """The rows with a column `lane`, and one more whose name begins with that of the lane.

    Spark moves conditions to where rows are read, with all that it takes to know them: MD5, microseconds, would be
    computed anew for every branch of every `case` on the way. It moves none below a number that it gives to rows, as
    long as that is asked for.
    """
    column, passed = identifier(lane), identifier(f"{lane}_passed")
    # Lane 4 of the key's own hash, as an export from DuckDB shuffles by.
    number = f"('0x' || substr({hash_text_sql(spec.key, salt=salt_of(spec))}, 25, 8))::bigint"
    laned = f"select *, {number} as {column}, row_number() over () as {passed} from {relation.sql}"
    kept = Relation(f"(select * from ({laned}) where {passed} >= 0)", relation.name)
    return LanedRows(relation=kept, lane=column)


def order_terms(spec: DatasetSpec, rows: LanedRows) -> tuple[str, ...]:
    """What the rows of a split are ordered by, as expressions; empty for any order."""
    keys = tuple(map(identifier, spec.key))
    match spec.order:
        case Order.TABLE:
            return ()
        case Order.KEY:
            return keys
        case Order.TIME:
            return (identifier(spec.time or ""), *keys)
        case Order.SHUFFLED:
            return (rows.lane, *keys)


def numbered_parts(
    engine: Engine,
    rows: LanedRows,
    spec: DatasetSpec,
    placement: Placement,
    *,
    types: Mapping[str, str],
    most_rows: int | None,
) -> NumberedParts:
    """Every file of the splits, and the expression that tells a row's.

    Args:
        engine: Counts the rows of ranges.
        rows: What the placement's conditions are about.
        spec: Of the dataset.
        placement: Of its rows.
        types: The table's, by column.
        most_rows: Of a file; None for what suits a worker.

    Raises:
        ExportError: more rows than a file may hold are equal in what files are cut by.
    """
    most = most_rows or MOST_ROWS
    found = [
        _Stretch(split=split, folder=folder, subset=subset, condition=condition, row_count=row_count)
        for split in placement.row_counts
        for folder, subset, condition, row_count in stretches(placement, split)
    ]
    parts: list[NumberedPart] = []
    branches = []
    for stretch in found:
        number = str(len(parts))
        counts = [stretch.row_count]
        if stretch.row_count > most:
            range_sql = _range_sql(engine, rows, spec, stretch, types, most)
            ranges = _ranges(engine, rows.relation, stretch, range_sql)
            starts, counts = _packed(ranges, most, spec, stretch)
            number = _step_sql((range_sql,), [(str(start),) for start in starts], first=len(parts))
        branches.append(f"when {stretch.condition} then {number}")
        for index, count in enumerate(counts):
            path = f"{stretch.folder}/part-{index:05}"
            parts.append(
                NumberedPart(number=len(parts), split=stretch.split, path=path, row_count=count, subset=stretch.subset)
            )
    return NumberedParts(parts=tuple(parts), number_sql=f"case {' '.join(branches)} end", order=order_terms(spec, rows))


def _range_sql(
    engine: Engine,
    rows: LanedRows,
    spec: DatasetSpec,
    stretch: _Stretch,
    types: Mapping[str, str],
    most: int,
) -> str:
    """The fine range of a row, as an expression: a number that rises with what rows are ordered by."""
    range_count = min(_MOST_RANGES, _RANGES_PER_FILE * -(-stretch.row_count // most))
    if spec.order in (Order.TABLE, Order.SHUFFLED):
        return f"({rows.lane} * {range_count} >> 32)"
    names = spec.key if spec.order is Order.KEY else (spec.time or "", *spec.key)
    sampled = engine.rows(range_starts_sql(rows, stretch.condition, names, share=range_count / stretch.row_count))
    starts = [tuple(f"{literal(row[f'start_{i}'])}::{types[name]}" for i, name in enumerate(names)) for row in sampled]
    return _step_sql(tuple(map(identifier, names)), starts, first=0)


def range_starts_sql(rows: LanedRows, condition: str, names: Sequence[str], *, share: float) -> Query:
    """One row per sampled row that satisfies the condition, rising: these columns as text, `start_0` and so on.

    Args:
        rows: From which they are taken.
        condition: Which of them count.
        names: The columns that rows are ordered by; rows with a NULL among them are left out.
        share: Of the rows that are sampled, by their lane; all when it is 1 or more.
    """
    last = min(0xFFFFFFFF, round(share * 0xFFFFFFFF))
    columns = [identifier(name) for name in names]
    known = " and ".join(f"{column} is not null" for column in columns)
    return Query.of(
        Step(
            "sampled_rows",
            f"""
            select
                {", ".join(f"{column} as value_{i}" for i, column in enumerate(columns))},
            from {rows.relation.sql}
            where {condition} and {known} and {rows.lane} <= {last}
            """,
        ),
        Step(
            "range_starts",
            f"""
            select
                {", ".join(f"value_{i}::varchar as start_{i}" for i in range(len(columns)))},
            from sampled_rows
            order by {", ".join(f"value_{i}" for i in range(len(columns)))}
            """,
        ),
    )


def rows_per_range_sql(relation: Relation, condition: str, range_sql: str) -> Query:
    """One row per range that has rows, rising: `range_number`, `row_count`."""
    return Query.of(
        Step("ranged_rows", f"select {range_sql} as range_number from {relation.sql} where {condition}"),
        Step(
            "rows_per_range",
            """
            select
                range_number,
                count(*) as row_count,
            from ranged_rows
            group by range_number
            order by range_number
            """,
        ),
    )


def _ranges(engine: Engine, relation: Relation, stretch: _Stretch, range_sql: str) -> list[tuple[int, int]]:
    rows = engine.rows(rows_per_range_sql(relation, stretch.condition, range_sql))
    return [(int(row["range_number"]), int(row["row_count"])) for row in rows]


def _packed(
    ranges: Sequence[tuple[int, int]], most: int, spec: DatasetSpec, stretch: _Stretch
) -> tuple[list[int], list[int]]:
    """The ranges at which the second file and those behind it begin, and every file's rows."""
    largest = max(count for _, count in ranges)
    if largest > most:
        raise ExportError(
            f"dataset {spec.name!r}: {stretch.split} cannot be cut into files of at most {most:,} rows on Spark: "
            f"{largest:,} rows lie in one range of what they are ordered by\n  allow more rows per file: shard"
        )
    starts: list[int] = []
    counts = [0]
    for number, count in ranges:
        if counts[-1] + count > most:
            starts.append(number)
            counts.append(0)
        counts[-1] += count
    return starts, counts


def _step_sql(values: Sequence[str], starts: Sequence[tuple[str, ...]], *, first: int) -> str:
    """How many of the rising starts a row has reached, plus `first`: an expression, by halves.

    Values and starts are compared one after the other, as words are by their letters; a NULL lies behind all starts.
    """
    if not starts:
        return str(first)
    middle = len(starts) // 2
    lower = _step_sql(values, starts[:middle], first=first)
    upper = _step_sql(values, starts[middle + 1 :], first=first + middle + 1)
    return f"case when {_is_before(values, starts[middle])} then {lower} else {upper} end"


def _is_before(values: Sequence[str], start: Sequence[str]) -> str:
    value, bound = values[0], start[0]
    if len(values) == 1:
        return f"{value} < {bound}"
    return f"({value} < {bound} or ({value} = {bound} and {_is_before(values[1:], start[1:])}))"
