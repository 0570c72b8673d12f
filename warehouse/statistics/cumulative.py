"""Kolmogorov-Smirnov and Wasserstein over every row: one sort per column, out of core, nothing sampled."""

from __future__ import annotations

from dataclasses import dataclass

from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step
from warehouse.statistics.profile import Measured, power_of_two


@dataclass(frozen=True, slots=True, kw_only=True)
class CumulativeGap:
    """How far two cumulative distributions lie apart."""

    kolmogorov_smirnov: float
    """Largest vertical gap, 0..1."""
    kolmogorov_smirnov_error: float
    """How much larger the true gap may be at most; 0 when all rows were sorted."""
    wasserstein: float
    """Area between them (W1): the mean distance a value has to move, in the values' unit."""
    wasserstein_error: float
    """How wrong that may be at most, either way."""


def cumulative_gap_sql(
    left: Relation, right: Relation, column: Measured, *, left_count: int, right_count: int, scale: float
) -> Query:
    """One row: `gap` (largest), `area` (of x / scale); finite values only, of which each side has these many."""
    number = column.finite_sql
    return Query.of(
        Step(
            "rows_per_side_and_value",
            f"""
            select {number} as value, count(*) as left_rows, 0 as right_rows
            from {left.sql} group by {number}
            union all
            select {number} as value, 0 as left_rows, count(*) as right_rows
            from {right.sql} group by {number}
            """,
        ),
        Step(
            "rows_per_value",
            """
            select value, sum(left_rows) as left_rows, sum(right_rows) as right_rows
            from rows_per_side_and_value where value is not null group by value
            """,
        ),
        Step(
            "gap_per_value",
            """
            select
                abs(
                    cast(sum(left_rows) over upwards as double) / $left_count
                    - cast(sum(right_rows) over upwards as double) / $right_count
                ) as gap,
                lead(value) over (order by value) / $scale - value / $scale as width,
            from rows_per_value
            window upwards as (order by value rows unbounded preceding)
            """,
        ),
        Step("cumulative_gap", "select max(gap) as gap, sum(gap * width) as area from gap_per_value"),
        left_count=left_count,
        right_count=right_count,
        scale=scale,
    )


def cumulative_gap(
    engine: Engine,
    left: Relation,
    right: Relation,
    column: Measured,
    *,
    left_count: int,
    right_count: int,
    largest: float,
) -> CumulativeGap:
    """The exact gap; each side has at least one finite value, none larger in size than `largest`."""
    scale = power_of_two(largest)
    query = cumulative_gap_sql(left, right, column, left_count=left_count, right_count=right_count, scale=scale)
    row = engine.rows(query)[0]
    return CumulativeGap(
        kolmogorov_smirnov=row["gap"],
        kolmogorov_smirnov_error=0.0,
        wasserstein=(row["area"] or 0.0) * scale,
        wasserstein_error=0.0,
    )
