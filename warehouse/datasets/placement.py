"""Which row of the model's table lies in which split: checked and decided in few scans, kept as one bit per row.

The bits of a split are indexed by the table's row numbers. They take an eighth of a byte per row and split, answer in
constant time, and leave the rows in the table's order when a split is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from warehouse.datasets.row_checks import TableFacts
from warehouse.datasets.spec import ColumnSplit, DatasetSpec, TimeSplit
from warehouse.datasets.splits import hash_text_sql, place_sql, split_bounds
from warehouse.engine.base import Engine
from warehouse.errors import ExportError
from warehouse.sql import Query, Relation, Step, identifier, literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Every row's split, as bits that live in the engine's session."""

    row_counts: Mapping[str, int]
    """Per split, in the order of `SPLITS`."""
    dropped: Mapping[str, int]
    """Rows in no split, by reason."""
    first_row: int

    def holds_sql(self, split: str) -> str:
        """Whether a row of the table lies in this split, as a condition."""
        return f"get_bit(getvariable({literal(_variable(split))}), (rowid - {self.first_row})::integer) = 1"

    @property
    def split_sql(self) -> str:
        """The name of a row's split, as an expression; NULL for a row in none."""
        branches = " ".join(f"when {self.holds_sql(split)} then {literal(split)}" for split in self.row_counts)
        return f"case {branches} end"


def placed_rows_sql(relation: Relation, spec: DatasetSpec, facts: TableFacts) -> tuple[Step, ...]:
    """Steps; one row of the last per row of the table: `row_number`, `split` (NULL: in none)."""
    split = spec.split
    if isinstance(split, ColumnSplit):
        return (_rows_step(relation, f"{identifier(split.column)}::varchar"),)
    bounds = split_bounds(split)
    own = place_sql("point", bounds)
    by_key = hash_text_sql(spec.key, salt=split.salt)
    if isinstance(split, TimeSplit):
        return (_rows_step(relation, _time_place_sql(spec, split, by_key)),)
    if not spec.groups:
        points = Step("points", f"select rowid as row_number, {by_key} as point from {relation.sql}")
        return points, Step("placed_rows", f"select row_number, {own} as split from points")
    group = identifier(spec.groups[0])
    by_group = hash_text_sql(spec.groups, salt=split.salt)
    if facts.group_kinds * 4 > facts.row_count:
        point = f"coalesce({by_group}, {by_key})"
        points = Step("points", f"select rowid as row_number, {point} as point from {relation.sql}")
        return points, Step("placed_rows", f"select row_number, {own} as split from points")
    # A hash costs more than a probe: with few groups, each is hashed once.
    return (
        Step("groups_once", f"select distinct {group} as member from {relation.sql} where {group} is not null"),
        Step("group_points", f"select member, {hash_text_sql(('member',), salt=split.salt)} as point from groups_once"),
        Step("placed_groups", f"select member, {own} as split from group_points"),
        Step(
            "rows_with_group",
            f"""
            select
                rowid as row_number,
                {group} as member,
                case when {group} is null then {place_sql(by_key, bounds)} end as own_split,
            from {relation.sql}
            """,
        ),
        Step(
            "placed_rows",
            """
            select
                rows_with_group.row_number,
                coalesce(placed_groups.split, rows_with_group.own_split) as split,
            from rows_with_group
            left join placed_groups on rows_with_group.member = placed_groups.member
            """,
        ),
    )


def _rows_step(relation: Relation, split: str) -> Step:
    return Step("placed_rows", f"select rowid as row_number, {split} as split from {relation.sql}")


def _time_place_sql(spec: DatasetSpec, split: TimeSplit, point: str) -> str:
    """Test and dev from their cutoff on, nothing during the embargo before each, train before."""
    # NOTE: the session's zone is UTC, so a zoned timestamp casts to its UTC wall time.
    time = f"{identifier(spec.time or '')}::timestamp"
    branches = []
    for name in ("test", "dev"):
        if split.cutoffs and name in split.cutoffs:
            cutoff = split.cutoffs[name].replace(tzinfo=None)
            embargo = cutoff - timedelta(seconds=split.embargo_seconds)
            branches.append(f"when {time} >= timestamp '{cutoff}' then '{name}'")
            branches.append(f"when {time} >= timestamp '{embargo}' then null")
    train = place_sql(point, split_bounds(split)) if split.train_dev else "'train'"
    return f"case {' '.join(branches)} else {train} end"


def split_bits_sql(relation: Relation, spec: DatasetSpec, facts: TableFacts) -> Query:
    """One row per split, and one whose `split` is NULL for the rows in none: `row_count`, `bits`."""
    return Query.of(
        *placed_rows_sql(relation, spec, facts),
        Step(
            "split_bits",
            f"""
            select
                split,
                count(*) as row_count,
                bitstring_agg(row_number, {facts.first_row}, {facts.last_row}) as bits,
            from placed_rows
            group by split
            """,
        ),
    )


def place_rows(engine: Engine, relation: Relation, spec: DatasetSpec, facts: TableFacts) -> Placement:
    """Decides every row's split and keeps the answer in the engine's session.

    Raises:
        ExportError: a split would be empty.
    """
    bits = split_bits_sql(relation, spec, facts)
    engine.rows(Query.of(Step("keep_bits", f"create or replace temp table {_BITS} as\n{bits.text}")))
    counts = {row["split"]: row["row_count"] for row in engine.rows(_KEPT)}
    row_counts = {name: counts.get(name, 0) for name in spec.splits}
    if isinstance(spec.split, ColumnSplit):
        row_counts = {name: count for name, count in row_counts.items() if count or name in ("train", "test")}
    empty = [name for name, count in row_counts.items() if not count]
    dropped = {"embargo": counts[None]} if counts.get(None) else {}
    if empty:
        raise ExportError(_empty_message(spec, empty, row_counts, dropped))
    for name in row_counts:
        load = f"set variable {_variable(name)} = (select bits from {_BITS} where split = {literal(name)})"
        engine.rows(Query.of(Step(f"load_{name}", load)))
    return Placement(row_counts=row_counts, dropped=dropped, first_row=facts.first_row)


_BITS = "split_bits"
_KEPT = Query.of(Step("kept_bits", f"select split, row_count from {_BITS}"))


def _variable(split: str) -> str:
    return f"rows_in_{split}"


def _empty_message(
    spec: DatasetSpec, empty: Sequence[str], row_counts: Mapping[str, int], dropped: Mapping[str, int]
) -> str:
    counts = ", ".join(f"{name} {count:,}" for name, count in {**row_counts, **dropped}.items())
    if isinstance(spec.split, TimeSplit):
        cutoffs = ", ".join(
            f"{name} from {moment:%Y-%m-%d %H:%M}" for name, moment in (spec.split.cutoffs or {}).items()
        )
        advice = f"the cutoffs ({cutoffs}) or the embargo leave no room; choose others"
    elif isinstance(spec.split, ColumnSplit):
        advice = f"no row says so in {spec.split.column!r}"
    else:
        advice = f"there are too few {'groups' if spec.groups else 'rows'} for these shares"
    return f"dataset {spec.name!r}: split {' and '.join(empty)} would be empty; rows: {counts}\n  {advice}"


def placed_relations(relation: Relation, placement: Placement) -> dict[str, Relation]:
    """The table's rows by split, as relations of the session that placed them."""
    return {
        split: Relation(
            f"(select * from {relation.sql} where {placement.holds_sql(split)})", f"{relation.name} {split}"
        )
        for split in placement.row_counts
    }
