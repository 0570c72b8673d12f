"""One slice in one set of rows: how much worse it is than the rest, and whether chance alone could do that."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from warehouse.checks.diagnosis.slice_cubes import Clusters, RowSet
from warehouse.checks.diagnosis.slice_result import SliceErrors
from warehouse.engine.base import Engine
from warehouse.sql import Query, Step
from warehouse.statistics.estimates import (
    Estimate,
    Mean,
    difference,
    mean_estimate,
    rate_estimate,
    student_quantile,
)
from warehouse.statistics.excess import Numbers, Sums, mean_tails, rate_deviations, rate_tails, tails

LEAST_ROWS = 20
"""A slice and what it is compared with have at least so many rows each."""


@dataclass(frozen=True, slots=True)
class Codes:
    """A slice by numbers: one feature's or two features' cells."""

    cells: tuple[tuple[int, int, int], ...]
    """Feature, first and last cell."""

    @property
    def conditions(self) -> list[str]:
        """Over the columns of a set."""
        return [
            f"c{feature} = {first}" if first == last else f"c{feature} between {first} and {last}"
            for feature, first, last in self.cells
        ]

    @property
    def sql(self) -> str:
        """All of them."""
        return " and ".join(self.conditions)

    def is_within(self, other: Codes) -> bool:
        """Whether each of its rows is in the other by what it says."""
        own = {feature: (first, last) for feature, first, last in self.cells}
        return all(
            feature in own and first <= own[feature][0] and own[feature][1] <= last
            for feature, first, last in other.cells
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceSums:
    """A slice's rows and, of two conditions, the rows that meet the first and those that meet the second."""

    inside: Sums
    sides: tuple[Sums, ...] = ()

    def others(self, whole: Sums) -> list[Sums]:
        """What it is compared with: the rest, then rows that meet just one of two conditions."""
        return [whole - self.inside, *(side - self.inside for side in self.sides)]


def compared_tails(inside: Sums, others: Sequence[Sums], *, is_rate: bool) -> Numbers:
    """P(no worse than one of the others), rows being independent; 1 where either side has too few rows."""
    tail = rate_tails if is_rate else mean_tails
    found = [
        np.where((inside.count >= LEAST_ROWS) & (other.count >= LEAST_ROWS), tail(inside, other), 1.0)
        for other in others
    ]
    return np.asarray(np.max(found, axis=0), dtype=np.float64)


def sums_sql(table: str, slices: Sequence[Codes]) -> Query:
    """One row: rows, losses and squares of the i-th slice and, of two conditions, of either: `n<i>_<j>`, `s`, `q`."""
    listed = []
    for i, codes in enumerate(slices):
        conditions = [codes.sql, *(codes.conditions if len(codes.cells) > 1 else ())]
        for j, condition in enumerate(conditions):
            chosen = f"filter (where {condition})"
            listed += [
                f"count(*) {chosen} as n{i}_{j}",
                f"coalesce(sum(loss) {chosen}, 0) as s{i}_{j}",
                f"coalesce(sum(loss * loss) {chosen}, 0) as q{i}_{j}",
            ]
    return Query.of(Step("slice_sums", f"select {', '.join(listed)} from {table}"))


def read_sums(engine: Engine, rows: RowSet, slices: Sequence[Codes]) -> list[SliceSums]:
    """The sums of these slices, in one scan."""
    if not slices:
        return []
    (row,) = engine.rows(sums_sql(rows.table, slices))

    def of(i: int, j: int) -> Sums:
        return Sums.of(*(row[f"{name}{i}_{j}"] for name in "nsq"))

    return [
        SliceSums(inside=of(i, 0), sides=(of(i, 1), of(i, 2)) if len(codes.cells) > 1 else ())
        for i, codes in enumerate(slices)
    ]


def clusters_sql(rows: RowSet, clusters: Clusters, codes: Codes, sums: SliceSums) -> Query:
    """One row: `cluster_count` that the slice has rows of, and variances that clusters leave, but for their number.

    `inside` of the slice's mean, `v<j>` of its difference to the j-th of what it is compared with, `rest` of the
    rest's mean; of the rest only by how much the slice's clusters change what all of them add up to.
    """
    conditions = codes.conditions
    others = sums.others(rows.whole)
    count, mean = float(sums.inside.count[0]), float(sums.inside.mean[0])
    counted = [f"count(*) filter (where {codes.sql})::double as n", f"sum(loss) filter (where {codes.sql}) as s"]
    for j, condition in enumerate(conditions if len(conditions) > 1 else (), start=1):
        counted += [
            f"count(*) filter (where {condition})::double as n{j}",
            f"coalesce(sum(loss) filter (where {condition}), 0) as s{j}",
        ]
    rest_count, rest_mean = _number(others[0].count[0]), _number(others[0].mean[0])
    inside = f"((coalesce(s, 0) - {_number(mean)} * n) / {_number(count)})"
    all_rest = f"((cluster_sum - {rest_mean} * cluster_rows) / {rest_count})"
    rest = f"((cluster_sum - coalesce(s, 0) - {rest_mean} * (cluster_rows - n)) / {rest_count})"
    variances = [
        f"sum({inside} ** 2) as inside",
        f"sum({rest} ** 2 - {all_rest} ** 2) as rest",
        f"sum(({inside} - {rest}) ** 2 - {all_rest} ** 2) as v0",
    ]
    for j, other in enumerate(others[1:], start=1):
        side = f"((s{j} - coalesce(s, 0) - {_number(other.mean[0])} * (n{j} - n)) / {_number(other.count[0])})"
        variances.append(f"sum(({inside} - {side}) ** 2) as v{j}")
    return Query.of(
        Step(
            "slice_clusters",
            f"select g, {', '.join(counted)} from {rows.table} where {' or '.join(conditions)} group by g",
        ),
        Step(
            "with_totals",
            f"select slice_clusters.*, totals.n as cluster_rows, totals.s as cluster_sum"
            f" from slice_clusters join {clusters.table} as totals using (g)",
        ),
        Step(
            "cluster_variances",
            f"select count(*) filter (where n > 0) as cluster_count, {', '.join(variances)} from with_totals",
        ),
    )


def _number(value: float) -> str:
    return f"{float(value):.17e}"


def slice_errors(engine: Engine, rows: RowSet, codes: Codes, sums: SliceSums) -> SliceErrors:
    """How the slice errs in these rows; of clustered ones by one more scan. `adjusted_p_value` is not corrected yet.

    The slice has rows, and so has the rest.
    """
    others = sums.others(rows.whole)
    p_value = float(compared_tails(sums.inside, others, is_rate=rows.is_rate)[0])
    if rows.clusters is None:
        error, rest = _estimate(rows, sums.inside), _estimate(rows, others[0])
        change = difference(rest, error)
    else:
        # Where no row meets just one of the conditions there is nothing to compare with, and the p-value is 1.
        known = sums if all(other.count[0] > 0 for other in others) else SliceSums(inside=sums.inside)
        (facts,) = engine.rows(clusters_sql(rows, rows.clusters, codes, known))
        count = facts["cluster_count"]
        facts = _completed(facts, rows.clusters, others[0])
        p_value = max(p_value, *(_clustered_tail(rows, sums, other, facts, j) for j, other in enumerate(others)))
        error = _estimate(rows, sums.inside, variance=facts["inside"], cluster_count=count)
        rest = _estimate(rows, others[0], variance=facts["rest"], cluster_count=rows.clusters.count)
        spread = math.sqrt(facts["v0"])
        reach = student_quantile(count - 1) * spread if spread else 0.0
        change = Estimate(
            value=error.value - rest.value,
            low=error.value - rest.value - reach,
            high=error.value - rest.value + reach,
            standard_error=spread,
            row_count=error.row_count,
            cluster_count=count,
        )
    share = float(sums.inside.count[0] / rows.whole.count[0])
    total = float(rows.whole.total[0])
    return SliceErrors(
        row_count=int(sums.inside.count[0]),
        row_share=share,
        error=error,
        rest=rest,
        difference=change,
        removable=_scaled(change, share),
        removable_share=share * change.value / rows.mean if rows.mean > 0 else math.nan,
        error_share=float(sums.inside.total[0]) / total if total > 0 else math.nan,
        p_value=p_value,
        adjusted_p_value=p_value,
    )


def _completed(facts: dict[str, Any], clusters: Clusters, rest: Sums) -> dict[str, Any]:
    """The variances, with what clusters outside of the slice add and corrected for the number of those in it."""
    mean, count = float(rest.mean[0]), float(rest.count[0])
    all_rest = (clusters.loss_squares - 2 * mean * clusters.products + mean**2 * clusters.row_squares) / count**2
    found = facts["cluster_count"]
    factor = found / (found - 1) if found > 1 else math.inf
    completed = {name: max(0.0, value) * factor for name, value in facts.items() if name not in ("rest", "v0")}
    return completed | {
        "cluster_count": found,
        "v0": max(0.0, facts["v0"] + all_rest) * factor,
        "rest": max(0.0, facts["rest"] + all_rest),
    }


def _clustered_tail(rows: RowSet, sums: SliceSums, other: Sums, facts: dict[str, Any], j: int) -> float:
    variance = facts.get(f"v{j}", math.nan)
    inside = sums.inside
    if not math.isfinite(variance) or not inside.mean[0] > other.mean[0]:
        return 1.0
    degrees = np.array([float(facts["cluster_count"] - 1)])
    if rows.is_rate:
        independent = sum(float(each.mean[0] * (1 - each.mean[0]) / each.count[0]) for each in (inside, other))
        effect = max(1.0, variance / independent) if independent > 0 else 1.0
        return float(tails(rate_deviations(inside, other, weight=1 / effect), degrees)[0])
    deviations = (inside.mean - other.mean) / math.sqrt(variance) if variance > 0 else np.array([math.nan])
    return float(tails(deviations, degrees)[0])


def _estimate(rows: RowSet, sums: Sums, *, variance: float | None = None, cluster_count: int | None = None) -> Estimate:
    count = int(sums.count[0])
    if variance is None:
        variance = float(sums.variance[0]) / count if count > 1 else math.inf
    mean = Mean(
        value=float(sums.mean[0]), standard_error=math.sqrt(variance), row_count=count, cluster_count=cluster_count
    )
    return rate_estimate(mean) if rows.is_rate else mean_estimate(mean)


def _scaled(estimate: Estimate, share: float) -> Estimate:
    return Estimate(
        value=estimate.value * share,
        low=estimate.low * share,
        high=estimate.high * share,
        standard_error=estimate.standard_error * share,
        row_count=estimate.row_count,
        cluster_count=estimate.cluster_count,
    )
