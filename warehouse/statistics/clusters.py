"""How much rows know that come in groups: a hundred trips of one plane tell less than trips of a hundred planes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from warehouse.engine.base import Engine
from warehouse.engine.partitions import partitioned
from warehouse.sql import Query, Relation, Step, identifier
from warehouse.statistics.bins import bin_sql
from warehouse.statistics.cells import Cell
from warehouse.statistics.group_slices import slice_count, slice_sql, slices_sql
from warehouse.statistics.lasting_hashes import part_sql
from warehouse.statistics.profile import Measured

PARTS = 128
"""Groups are put into so many parts by a hash, whose spread tells how the cells vary together."""
ROWS_AT_ONCE = 50_000_000
"""Of more, groups are asked in slices: a statement holds a row per group and cell, several times over."""
SLICES_READ = 4
"""So many slices are read from all rows, each anew; more are written aside first, which takes as long as four scans."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clustering:
    """How one side's rows of a column come in groups. Rows without a group are left out of it."""

    group_count: int
    design_effect: float
    """How many rows of this column count as one independent row, at least 1; on average over the cells."""
    lone_rows: int
    """Rows whose value occurs in one group only: what a group that was not seen would bring anew."""
    lone_squares: int
    """Sum of squares of the rows of each such value."""
    concentration: float = 1.0
    """By how much few directions carry the variance: 1 plus the squared coefficient of variation of the design effects
    in all directions. Where one maker's planes fly most, the cells' shares vary far more one way than another."""
    cell_effects: Mapping[str | float, float] = field(default_factory=dict)
    """The design effect of each value's share, where values are cells."""
    rest_effect: float | None = None
    """That of the share of rows without such a value."""

    def effect_of(self, cell: Cell) -> float:
        """How many rows count as one for this cell's share; the average where it is not known."""
        if cell.has_value and not isinstance(cell.label, tuple):
            return self.cell_effects.get(cell.label, self.design_effect)
        return self.design_effect if self.rest_effect is None else self.rest_effect


INDEPENDENT = Clustering(group_count=0, design_effect=1.0, lone_rows=0, lone_squares=0)
"""Rows that come in no groups."""


@dataclass(frozen=True, slots=True)
class CellSums:
    """What is known of some groups; sums of other groups may be added up."""

    rows: Sequence[Mapping[str, Any]]
    """As `cell_sums_sql` says."""
    group_squares: float
    """Sum of n squared over all groups."""
    group_count: int


def cell_sums(
    engine: Engine,
    relation: Relation,
    column: Measured,
    cells: Sequence[Cell],
    groups: Sequence[str],
    *,
    row_count: int,
) -> CellSums:
    """The sums of all groups; of many rows, some groups after the others."""
    count = slice_count(engine, row_count=row_count, rows_at_once=ROWS_AT_ONCE)
    if count <= SLICES_READ:
        asked = (
            cell_sums_sql(relation, column, cells, groups, row_count=row_count, within=within)
            for within in slices_sql([identifier(group) for group in groups], count)
        )
        return _sums_of(map(engine.rows, asked))
    values = _values(cells)
    with partitioned(engine, sliced_rows_sql(relation, column, cells, groups, slices=count), by="slice") as slices:
        found = _sums_of(engine.rows(sliced_sums_sql(rows)) for rows in slices.values())
    if not values:
        return found
    labels: dict[int | None, Any] = {None: None, **dict(enumerate(values))}
    return CellSums(
        [{**row, "cell": labels[row["cell"]]} for row in found.rows], found.group_squares, found.group_count
    )


def _sums_of(answers: Iterable[Sequence[Mapping[str, Any]]]) -> CellSums:
    """What answers about disjoint groups come to."""
    found = [rows for rows in answers if rows]
    return CellSums(
        [row for rows in found for row in rows],
        sum(float(rows[0]["group_squares"]) for rows in found),
        sum(int(rows[0]["group_count"]) for rows in found),
    )


def _values(cells: Sequence[Cell]) -> list[Any]:
    return [cell.label for cell in cells if cell.has_value and not isinstance(cell.label, tuple)]


def _rows_in_cells(
    relation: Relation, column: Measured, cells: Sequence[Cell], groups: Sequence[str], *, within: str = "true"
) -> tuple[str, Query]:
    """The names of a group's columns, and one row per row that has a group: those columns, and its `cell`."""
    bounds = [cell.label[1] for cell in cells if isinstance(cell.label, tuple)]
    values = _values(cells)
    parameters: dict[str, object] = {}
    if bounds:
        last = len(bounds) - 1
        value = column.finite_sql
        cell = f"case when value <= $bound_{last} then {bin_sql('value', 'bound', 0, last)} end"
        parameters = {f"bound_{index}": bound for index, bound in enumerate(bounds)}
    elif values:
        value, cell = column.value_sql, "case when value in (select unnest($values)) then value end"
        parameters = {"values": values}
    else:
        value, cell = f"{identifier(column.name)} is null", "value"
    members = ", ".join(f"{identifier(group)} as group_{index}" for index, group in enumerate(groups))
    keys = ", ".join(f"group_{index}" for index in range(len(groups)))
    present = " and ".join(f"{identifier(group)} is not null" for group in groups)
    return keys, Query.of(
        Step("rows", f"select {members}, {value} as value from {relation.sql} where {present} and {within}"),
        Step("rows_in_cells", f"select {keys}, {cell} as cell from rows"),
        **parameters,
    )


def _sums_steps(keys: str, part: str) -> tuple[Step, ...]:
    """The steps from `rows_in_cells` to its sums; `part` is an expression over a group's columns."""
    return (
        Step("groups_in_cells", f"select {keys}, cell, count(*) as x from rows_in_cells group by {keys}, cell"),
        Step("groups", f"select {keys}, sum(x) as n, {part} as part from groups_in_cells group by {keys}"),
        Step(
            "cell_sums",
            f"""
            select
                part,
                cell,
                sum(x) as row_count,
                sum(x * x) as squares,
                sum(x * n) as products,
                (select sum(n * n) from groups) as group_squares,
                (select count(*) from groups) as group_count,
            from groups_in_cells join groups using ({keys})
            group by part, cell
            """,
        ),
    )


def cell_sums_sql(
    relation: Relation,
    column: Measured,
    cells: Sequence[Cell],
    groups: Sequence[str],
    *,
    row_count: int,
    within: str = "true",
) -> Query:
    """One row per part and cell: `row_count`, and over its groups the sums of x squared and of x n.

    Every row also has the sum of n squared over all groups, and their number. x is a group's rows in the cell, n its
    rows in all; a part is some of the groups, by a hash. A cell is a bin's number, a value, or (null) everything else.
    `within` is a condition on the groups: those that are asked.
    """
    keys, rows = _rows_in_cells(relation, column, cells, groups, within=within)
    part = part_sql(keys.split(", "), parts=PARTS, row_count=row_count)
    return Query((*rows.steps, *_sums_steps(keys, part)), rows.parameters)


def sliced_rows_sql(
    relation: Relation, column: Measured, cells: Sequence[Cell], groups: Sequence[str], *, slices: int
) -> Query:
    """One row per row that has a group: its `slice` of so many, the `group_hash`, and its `cell`.

    A value is told by its place among those of the cells, since not all types have one in Parquet. Two of a billion
    groups have one hash with a probability of 3 in 100.
    """
    keys, rows = _rows_in_cells(relation, column, cells, groups)
    places = "(select unnest($values) as label, unnest(range(len($values))) as place)"
    cell, joined = ("place", f"left join {places} on cell = label") if _values(cells) else ("cell", "")
    return Query(
        (
            *rows.steps,
            Step("hashed_rows", f"select hash({keys}) as group_hash, cell from rows_in_cells"),
            Step(
                "sliced_rows",
                f"select group_hash, {cell} as cell, {slice_sql('group_hash', slices)} as slice "
                f"from hashed_rows {joined}",
            ),
        ),
        rows.parameters,
    )


def sliced_sums_sql(rows: Relation) -> Query:
    """As `cell_sums_sql` of a slice; parts are by the hash, as always where rows are many."""
    return Query.of(
        Step("rows_in_cells", f"select * from {rows.sql}"),
        *_sums_steps("group_hash", f"group_hash % {PARTS}::ubigint"),
    )


def lone_values_sql(relation: Relation, column: Measured, groups: Sequence[str]) -> Query:
    """One row: `lone_rows`, `lone_squares` of present values that occur in one group only."""
    # Counting distinct groups would hold them all; whether the least is the greatest is known from two of each value.
    members = [identifier(group) for group in groups]
    alone = " and ".join(f"min({member}) = max({member})" for member in members)
    present = " and ".join(f"{member} is not null" for member in members)
    return Query.of(
        Step(
            "groups_per_value",
            f"""
            select {column.value_sql} as value, count(*) as row_count, {alone} as is_alone
            from {relation.sql} where {present} group by {column.value_sql}
            """,
        ),
        Step(
            "lone_values",
            """
            select coalesce(sum(row_count), 0) as lone_rows, coalesce(sum(row_count * row_count), 0) as lone_squares
            from groups_per_value where is_alone and value is not null
            """,
        ),
    )


def clustering(
    engine: Engine,
    relation: Relation,
    column: Measured,
    cells: Sequence[Cell],
    groups: Sequence[str],
    *,
    row_count: int,
    with_lone_values: bool,
) -> Clustering:
    """How this column's rows come in groups; one scan of it and the group columns, and one more for lone values.

    `row_count` is how many rows the relation has: of few, the parts are alike on every engine.

    The design effect is the mean, over the cells, of the variance of a cell's share that the groups show, in units of
    the one that independent rows would have. Source: Rao and Scott (1981), the first-order correction, and (1984) the
    second, by which few heavy directions count (`concentration`); their covariance is that of random groups (Wolter
    2007, chapter 2).
    """
    found = cell_sums(engine, relation, column, cells, groups, row_count=row_count)
    lone = engine.rows(lone_values_sql(relation, column, groups))[0] if with_lone_values else {}
    group_count = found.group_count
    lone_rows, lone_squares = int(lone.get("lone_rows", 0)), int(lone.get("lone_squares", 0))
    sums = _sums_per_cell(found.rows)
    if len(sums) < 2 or group_count < 2:
        return Clustering(group_count=group_count, design_effect=1.0, lone_rows=lone_rows, lone_squares=lone_squares)
    total = sum(row_count for row_count, _, _ in sums.values())
    spread, effects = 0.0, {}
    for cell, (row_count, squares, products) in sums.items():
        share = row_count / total
        variance = (squares - 2 * share * products + share * share * found.group_squares) / (total * share)
        spread += variance
        effects[cell] = max(1.0, variance / (1 - share) * group_count / (group_count - 1))
    has_values = any(cell.has_value and not isinstance(cell.label, tuple) for cell in cells)
    has_bounds = any(isinstance(cell.label, tuple) for cell in cells)
    # Without values or bounds the cells are: missing, and not.
    rest = effects.get(None) if has_values or has_bounds else effects[next(iter(effects))]
    return Clustering(
        group_count=group_count,
        design_effect=max(1.0, spread / (len(sums) - 1) * group_count / (group_count - 1)),
        concentration=_concentration(found.rows, list(sums)),
        cell_effects={cell: effect for cell, effect in effects.items() if cell is not None} if has_values else {},
        lone_rows=lone_rows,
        lone_squares=lone_squares,
        rest_effect=rest,
    )


def _sums_per_cell(rows: Sequence[Mapping[str, Any]]) -> dict[Any, tuple[int, float, float]]:
    """Rows, squares and products of each cell, over all parts."""
    sums: dict[Any, tuple[int, float, float]] = {}
    for row in rows:
        count, squares, products = sums.get(row["cell"], (0, 0.0, 0.0))
        sums[row["cell"]] = (
            count + int(row["row_count"]),
            squares + float(row["squares"]),
            products + float(row["products"]),
        )
    return sums


def _concentration(rows: Sequence[Mapping[str, Any]], cells: Sequence[Any]) -> float:
    """From how the parts' shares of the cells vary together; 1 with too few parts to know."""
    places = {cell: place for place, cell in enumerate(cells)}
    parts = {part: place for place, part in enumerate(sorted({int(row["part"]) for row in rows}))}
    freedom = len(parts) - 1
    if freedom < 2:
        return 1.0
    counts = np.zeros((len(parts), len(cells)))
    for row in rows:
        counts[parts[int(row["part"])], places[row["cell"]]] += int(row["row_count"])
    total = counts.sum()
    shares = counts.sum(axis=0) / total
    residuals = (counts - np.outer(counts.sum(axis=1), shares)) / np.sqrt(shares * total)
    product = residuals.T @ residuals * (freedom + 1) / freedom
    trace, degrees = float(np.trace(product)), len(cells) - 1
    # The sum of squares of an estimated matrix is too large by what its own noise adds.
    square = (float((product**2).sum()) - trace**2 / freedom) * freedom**2 / ((freedom - 1) * (freedom + 2))
    return float(min(max(1.0, degrees * square / trace**2), degrees)) if trace > 0 else 1.0
