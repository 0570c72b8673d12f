"""Means of anything that every row has, per split, with the standard error that clusters of rows leave."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from warehouse.checks.diagnosis.joined import JoinedRows
from warehouse.engine.base import Engine
from warehouse.sql import Query, Step
from warehouse.statistics.estimates import Mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What was counted of some rows of a split."""

    place: int
    """The cell's, within its split."""
    row_count: int
    means: Mapping[str, float]
    """Of each value, by its name."""
    variances: Mapping[str, float]
    """Of the rows, divided by their count."""


def cells_sql(rows: JoinedRows, values: Mapping[str, str], *, by: str = "0", exact: Collection[str] = ()) -> Query:
    """One row per split and cell that has rows: `s`, `cell`, `row_count`, and for the i-th value `m<i>` and `v<i>`.

    `by` is the cell's number, up to 255, over a joined row; `v<i>` is the variance, divided by the count of rows, and
    left 0 for the names in `exact`.
    """
    named = ", ".join(f"({sql})::double as x{i}" for i, sql in enumerate(values.values()))
    columns = ", ".join(
        f"avg(x{i}) as m{i}, {'0.0' if name in exact else f'var_pop(x{i})'} as v{i}" for i, name in enumerate(values)
    )
    return Query.of(
        Step("row_values", f"select s, ({by})::utinyint as cell, {named} from {rows.relation.sql}"),
        Step(
            "cells",
            f"select s, cell, count(*) as row_count, {columns} from row_values group by s, cell order by s, cell",
        ),
    )


def read_cells(
    engine: Engine, rows: JoinedRows, values: Mapping[str, str], *, by: str = "0", exact: Collection[str] = ()
) -> dict[str, list[Cell]]:
    """The cells of each split that has rows, ascending; see `cells_sql`."""
    found: dict[str, list[Cell]] = {}
    for row in engine.rows(cells_sql(rows, values, by=by, exact=exact)):
        cell = Cell(
            place=row["cell"],
            row_count=row["row_count"],
            means={name: row[f"m{i}"] for i, name in enumerate(values)},
            variances={name: row[f"v{i}"] for i, name in enumerate(values)},
        )
        found.setdefault(rows.splits[row["s"]], []).append(cell)
    return found


def mean_of_cells(cells: Sequence[Cell], name: str) -> Mean:
    """The mean of all rows of these cells, taken as independent; a single row has an infinite standard error."""
    total = sum(cell.row_count for cell in cells)
    mean = math.fsum(cell.row_count * cell.means[name] for cell in cells) / total
    squares = math.fsum(cell.row_count * (cell.variances[name] + (cell.means[name] - mean) ** 2) for cell in cells)
    error = math.sqrt(squares / (total - 1) / total) if total > 1 else math.inf
    return Mean(value=mean, standard_error=error, row_count=total)


def clustered_means_sql(rows: JoinedRows, values: Mapping[str, str]) -> Query:
    """One row per split that has rows: `s`, `row_count`, `cluster_count`, for the i-th value `m<i>` and `e<i>`.

    `e<i>` is the standard error, NULL for a single cluster.
    """
    listed = list(values.values())
    sums = ", ".join(f"sum(({sql})::double) as v{i}" for i, sql in enumerate(listed))
    means = ", ".join(f"sum(v{i}) / sum(n) as m{i}" for i in range(len(listed)))
    errors = ", ".join(
        f"any_value(m{i}) as m{i}, case when count(*) > 1 then"
        f" sqrt(sum((v{i} - m{i} * n) * (v{i} - m{i} * n)) * count(*) / (count(*) - 1)) / sum(n) end as e{i}"
        for i in range(len(listed))
    )
    return Query.of(
        Step("cluster_sums", f"select s, g, count(*)::double as n, {sums} from {rows.relation.sql} group by s, g"),
        Step("split_totals", f"select s, {means} from cluster_sums group by s"),
        Step(
            "split_means",
            f"""
            select
                s,
                sum(n)::bigint as row_count,
                count(*) as cluster_count,
                {errors},
            from cluster_sums
            join split_totals using (s)
            group by s
            order by s
            """,
        ),
    )


def read_means(engine: Engine, rows: JoinedRows, values: Mapping[str, str]) -> dict[str, dict[str, Mean]]:
    """The mean of each value, an expression over a joined row, by split and by the value's name.

    Splits without rows are left out. A single row or cluster has an infinite standard error.
    """
    if not rows.clusters:
        cells = read_cells(engine, rows, values)
        return {split: {name: mean_of_cells(found, name) for name in values} for split, found in cells.items()}
    return {
        rows.splits[row["s"]]: {
            name: Mean(
                value=row[f"m{i}"],
                standard_error=math.inf if row[f"e{i}"] is None else row[f"e{i}"],
                row_count=row["row_count"],
                cluster_count=row["cluster_count"],
            )
            for i, name in enumerate(values)
        }
        for row in engine.rows(clustered_means_sql(rows, values))
    }
