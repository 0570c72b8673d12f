"""How much rows know that come in groups: a hundred trips of one plane tell less than trips of a hundred planes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step, identifier
from warehouse.statistics.cells import Cell
from warehouse.statistics.profile import Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Clustering:
    """How one side's rows of a column come in groups. Rows without a group are left out of it."""

    group_count: int
    design_effect: float
    """How many rows of this column count as one independent row, at least 1."""
    lone_rows: int
    """Rows whose value occurs in one group only: what a group that was not seen would bring anew."""
    lone_squares: int
    """Sum of squares of the rows of each such value."""


INDEPENDENT = Clustering(group_count=0, design_effect=1.0, lone_rows=0, lone_squares=0)
"""Rows that come in no groups."""


def cell_sums_sql(relation: Relation, column: Measured, cells: Sequence[Cell], groups: Sequence[str]) -> Query:
    """One row per cell: `row_count`, and over the groups the sums of x squared and of x n; in each also those of n.

    x is a group's rows in the cell, n its rows in all. A cell is a bin, a value, or (null) everything else.
    """
    bounds = [cell.label[1] for cell in cells if isinstance(cell.label, tuple)]
    values = [cell.label for cell in cells if cell.has_value and not isinstance(cell.label, tuple)]
    parameters: dict[str, object] = {}
    if bounds:
        whens = " ".join(f"when value <= $bound_{index} then {index}" for index in range(len(bounds)))
        value, cell = column.finite_sql, f"case {whens} end"
        parameters = {f"bound_{index}": bound for index, bound in enumerate(bounds)}
    elif values:
        value, cell = column.value_sql, "case when value in (select unnest($values)) then value end"
        parameters = {"values": values}
    else:
        value, cell = f"{identifier(column.name)} is null", "value"
    members = ", ".join(f"{identifier(group)} as group_{index}" for index, group in enumerate(groups))
    keys = ", ".join(f"group_{index}" for index in range(len(groups)))
    present = " and ".join(f"{identifier(group)} is not null" for group in groups)
    return Query.of(
        Step("rows", f"select {members}, {value} as value from {relation.sql} where {present}"),
        Step("rows_in_cells", f"select {keys}, {cell} as cell from rows"),
        Step("groups_in_cells", f"select {keys}, cell, count(*) as x from rows_in_cells group by {keys}, cell"),
        Step("groups", f"select {keys}, sum(x) as n from groups_in_cells group by {keys}"),
        Step(
            "cell_sums",
            f"""
            select
                cell,
                sum(x) as row_count,
                sum(x * x) as squares,
                sum(x * n) as products,
                (select sum(n * n) from groups) as group_squares,
                (select count(*) from groups) as group_count,
            from groups_in_cells join groups using ({keys})
            group by cell
            """,
        ),
        **parameters,
    )


def lone_values_sql(relation: Relation, column: Measured, groups: Sequence[str]) -> Query:
    """One row: `lone_rows`, `lone_squares` of present values that occur in one group only."""
    # A struct of the groups' columns: its fields are numbered, so that no name of theirs matters.
    members = "{" + ", ".join(f"'{index}': {identifier(group)}" for index, group in enumerate(groups)) + "}"
    present = " and ".join(f"{identifier(group)} is not null" for group in groups)
    return Query.of(
        Step(
            "groups_per_value",
            f"""
            select {column.value_sql} as value, count(*) as row_count, count(distinct {members}) as group_count
            from {relation.sql} where {present} group by {column.value_sql}
            """,
        ),
        Step(
            "lone_values",
            """
            select coalesce(sum(row_count), 0) as lone_rows, coalesce(sum(row_count * row_count), 0) as lone_squares
            from groups_per_value where group_count = 1 and value is not null
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
    with_lone_values: bool,
) -> Clustering:
    """How this column's rows come in groups; one scan of it and the group columns, and one more for lone values.

    The design effect is the mean, over the cells, of the variance of a cell's share that the groups show, in units of
    the one that independent rows would have. Source: Rao and Scott (1981), the first-order correction.
    """
    sums = engine.rows(cell_sums_sql(relation, column, cells, groups))
    total = sum(int(row["row_count"]) for row in sums)
    lone = engine.rows(lone_values_sql(relation, column, groups))[0] if with_lone_values else {}
    group_count = int(sums[0]["group_count"]) if sums else 0
    effect = 1.0
    if len(sums) > 1 and group_count > 1:
        spread = 0.0
        for row in sums:
            share = int(row["row_count"]) / total
            squares, products, of_groups = (float(row[key]) for key in ("squares", "products", "group_squares"))
            spread += (squares - 2 * share * products + share * share * of_groups) / (total * share)
        effect = spread / (len(sums) - 1) * group_count / (group_count - 1)
    return Clustering(
        group_count=group_count,
        design_effect=max(1.0, effect),
        lone_rows=int(lone.get("lone_rows", 0)),
        lone_squares=int(lone.get("lone_squares", 0)),
    )
