"""Whether probabilities are true: how often what was given 70 % comes about.

Of two classes the probability of the positive one is judged, of more that of the class that was predicted, in bins of
equal width. The expected calibration error is the mean distance of a bin's probability and its observed share.
Sources: Naeini, Cooper and Hauskrecht (2015); Guo et al. (2017), for its definition; the interval as in
`statistics.noise`: the measure plus and minus what noise adds to it on average, and its one-sided spread.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from warehouse.checks.diagnosis.joined import JoinedRows
from warehouse.checks.diagnosis.means import read_means
from warehouse.checks.diagnosis.result import ReliabilityBin
from warehouse.engine.base import Engine
from warehouse.sql import Query, Step
from warehouse.statistics.estimates import Estimate, Mean, rate_estimate
from warehouse.statistics.noise import HALF_NORMAL_MEAN, ONE_SIDED

BIN_COUNT = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How true a split's probabilities are."""

    error: Estimate
    """The expected calibration error."""
    floor: float
    """What it would be on average if all probabilities were true."""
    bins: tuple[ReliabilityBin, ...]


def bins_sql(rows: JoinedRows) -> Query:
    """One row per split and bin that has rows: `s`, `bin`, `row_count`, `mean_probability`, `hit_count`."""
    probability, hit = _judged(rows)
    return Query.of(
        Step(
            "reliability_bins",
            f"""
            select
                s,
                least({BIN_COUNT - 1}, floor({probability} * {BIN_COUNT}))::int as bin,
                count(*) as row_count,
                avg({probability}) as mean_probability,
                count(*) filter (where {hit}) as hit_count,
            from {rows.relation.sql}
            group by 1, 2
            order by 1, 2
            """,
        )
    )


def read_calibration(engine: Engine, rows: JoinedRows) -> dict[str, Calibration]:
    """The calibration of each split with rows."""
    probability, hit = _judged(rows)
    counted: dict[str, list[dict[str, Any]]] = {}
    for row in engine.rows(bins_sql(rows)):
        counted.setdefault(rows.splits[row["s"]], []).append(row)
    effects = _design_effects(engine, rows, f"({hit})::int - {probability}") if rows.clusters else {}
    return {split: calibration(found, effects.get(split)) for split, found in counted.items()}


def calibration(counted: Sequence[dict[str, Any]], clusters: tuple[float, int] | None) -> Calibration:
    """From a split's rows of `bins_sql`; `clusters` is by how much they raise a variance, and how many there are."""
    effect = max(1.0, clusters[0]) if clusters else 1.0
    total = sum(row["row_count"] for row in counted)
    bins, value, floor, noise, widest = [], 0.0, 0.0, 0.0, 0.0
    for row in counted:
        count, expected = row["row_count"], row["mean_probability"]
        share, weight = row["hit_count"] / count, row["row_count"] / total
        error = math.sqrt(share * (1 - share) / count * effect)
        observed = rate_estimate(Mean(value=share, standard_error=0.0, row_count=max(1, round(count / effect))))
        bins.append(
            ReliabilityBin(
                low=row["bin"] / BIN_COUNT,
                high=(row["bin"] + 1) / BIN_COUNT,
                row_count=count,
                mean_probability=expected,
                observed=Estimate(
                    value=share, low=observed.low, high=observed.high, standard_error=error, row_count=count
                ),
            )
        )
        # One row more with and one without: that none was seen does not mean that there are none.
        near = (row["hit_count"] + 1) / (count + 2)
        spread = math.sqrt(near * (1 - near) / (count + 2) * effect)
        value += weight * abs(share - expected)
        floor += weight * HALF_NORMAL_MEAN * math.sqrt(expected * (1 - expected) / count * effect)
        noise += weight * HALF_NORMAL_MEAN * spread
        widest += (weight * spread) ** 2
    reach = noise + ONE_SIDED * math.sqrt(widest)
    error_estimate = Estimate(
        value=value,
        low=max(0.0, value - reach),
        high=min(1.0, value + reach),
        standard_error=math.sqrt(widest),
        row_count=total,
        cluster_count=clusters[1] if clusters else None,
    )
    return Calibration(error=error_estimate, floor=floor, bins=tuple(bins))


def _judged(rows: JoinedRows) -> tuple[str, str]:
    if rows.has("probability"):
        return "probability", f"label = {rows.target.positive_code}"
    return "confidence", "label = prediction"


def _design_effects(engine: Engine, rows: JoinedRows, value: str) -> dict[str, tuple[float, int]]:
    """By how much clusters raise the variance of the mean of this value, and how many clusters there are."""
    clustered = read_means(engine, rows, {"value": value, "square": f"({value}) ** 2"})
    effects = {}
    for split, means in clustered.items():
        mean, square = means["value"], means["square"]
        variance = (square.value - mean.value**2) / mean.row_count
        is_known = variance > 0 and math.isfinite(mean.standard_error)
        effects[split] = (mean.standard_error**2 / variance if is_known else 1.0, mean.cluster_count or 0)
    return effects
