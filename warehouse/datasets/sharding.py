"""Which rows of a split go into which file: one file, several of so many rows, and files for nested subsets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from warehouse.datasets.columns import OutputColumn
from warehouse.datasets.placement import Placement
from warehouse.datasets.spec import DatasetSpec, Order
from warehouse.datasets.splits import hash_text_sql, salt_of
from warehouse.engine.base import Engine
from warehouse.errors import ExportError
from warehouse.sql import Query, Relation, Step, identifier

SAMPLE_ROWS = 122_880
"""The first rows of train, whose bytes say how many rows a file of so many bytes has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The rows of one file."""

    split: str
    path: str
    """In the version's folder, without the extension."""
    row_count: int
    subset: float | None
    source: Relation
    condition: str
    order_by: str
    """Empty when the rows stand in their order already."""
    is_sorted: bool
    """Whether the source holds the exported columns by their names, sorted."""


def part_rows_sql(part: Part, terms: Sequence[str]) -> Query:
    """The rows of one file, in their order, with these terms as columns."""
    return Query.of(
        Step(
            "part_rows",
            f"""
            select
                {", ".join(terms)},
            from {part.source.sql}
            where {part.condition}
            {part.order_by}
            """,
        )
    )


def order_sql(spec: DatasetSpec) -> str:
    """The clause that puts rows into the order that the specification asks for; empty for the table's own."""
    keys = ", ".join(identifier(name) for name in spec.key)
    match spec.order:
        case Order.TABLE:
            return ""
        case Order.KEY:
            return f"order by {keys}"
        case Order.TIME:
            return f"order by {identifier(spec.time or '')}, {keys}"
        case Order.SHUFFLED:
            # The key's own hash, also for groups, whose rows would otherwise stand together; lane 4 of it.
            return f"order by substr({hash_text_sql(spec.key, salt=salt_of(spec))}, 25, 8), {keys}"


def rows_per_file(spec: DatasetSpec, *, sample_rows: int, sample_bytes: int) -> int | None:
    """The most rows of a file; None when nothing bounds it.

    A bound in bytes becomes rows by what a sample takes, rounded down to two digits: the sample is the first rows of
    train, so rows that are added behind them change nothing.
    """
    bounds = [spec.shard_rows] if spec.shard_rows else []
    if spec.shard_bytes and sample_bytes:
        rows = max(1, spec.shard_bytes * sample_rows // sample_bytes)
        step = 10 ** max(0, len(str(rows)) - 2)
        bounds.append(rows // step * step)
    return min(bounds) if bounds else None


def shard_starts_sql(relation: Relation, condition: str, *, row_count: int) -> Query:
    """One row per file, in their order: `row_number` of its first row in the table; one scan of row numbers."""
    return Query.of(
        Step(
            "chosen_rows",
            f"""
            select
                rowid as row_number,
                row_number() over () - 1 as position,
            from {relation.sql}
            where {condition}
            """,
        ),
        Step(
            "shard_starts",
            f"select row_number from chosen_rows where position % {row_count} = 0 order by row_number",
        ),
    )


def split_parts(
    engine: Engine,
    relation: Relation,
    spec: DatasetSpec,
    columns: Sequence[OutputColumn],
    placement: Placement,
    split: str,
    *,
    most_rows: int | None,
) -> Iterator[Part]:
    """The split's files, in the order of its rows; each must be written before the next is asked for.

    Several files in another order than the table's are cut from one sorted temporary table, which lies in the spill
    folder and is dropped behind the last of them.
    """
    order_by = order_sql(spec)
    for folder, subset, condition, row_count in stretches(placement, split):
        whole = Part(
            split=split,
            path=f"{folder}/part-00000",
            row_count=row_count,
            subset=subset,
            source=relation,
            condition=condition,
            order_by=order_by,
            is_sorted=False,
        )
        if most_rows is None or row_count <= most_rows:
            yield whole
            continue
        if not order_by:
            starts = engine.rows(shard_starts_sql(relation, condition, row_count=most_rows))
            bounds = [row["row_number"] for row in starts]
            yield from _cut(whole, relation, bounds, condition, most_rows, is_sorted=False)
            continue
        engine.rows(part_rows_sql(whole, [column.sql for column in columns]).kept_as(_SORTED))
        try:
            bounds = list(range(0, row_count, most_rows))
            yield from _cut(whole, Relation.table("temp", _SORTED), bounds, "true", most_rows, is_sorted=True)
        finally:
            engine.rows(Query.of(Step("drop_sorted", f"drop table if exists temp.{_SORTED}")))


_SORTED = "sorted_rows"


def stretches(placement: Placement, split: str) -> Iterator[tuple[str, float | None, str, int]]:
    """Folder, subset, condition and row count of everything in the split that has files of its own."""
    for part in placement.parts_of(split):
        if part.subset is not None:
            folder = f"data/{split}/subset-{part.subset:g}"
        else:
            folder = f"data/{split}" + ("/rest" if len(placement.parts_of(split)) > 1 else "")
        yield folder, part.subset, placement.holds_part_sql(part), part.row_count


def _cut(
    whole: Part, source: Relation, starts: Sequence[int], condition: str, most_rows: int, *, is_sorted: bool
) -> Iterator[Part]:
    folder = whole.path.rpartition("/")[0]
    if len(starts) != -(-whole.row_count // most_rows):
        raise ExportError(f"{whole.split} has {len(starts)} shards of {most_rows:,} rows, for {whole.row_count:,} rows")
    for index, start in enumerate(starts):
        stop = f" and rowid < {starts[index + 1]}" if index + 1 < len(starts) else ""
        yield Part(
            split=whole.split,
            path=f"{folder}/part-{index:05}",
            row_count=min(most_rows, whole.row_count - index * most_rows),
            subset=whole.subset,
            source=source,
            condition=f"{condition} and rowid >= {start}{stop}",
            order_by="",
            is_sorted=is_sorted,
        )
