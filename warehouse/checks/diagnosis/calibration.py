"""Whether probabilities are true: how often what was given 70 % comes about.

Of two classes the probability of the positive one is judged, of more that of the class that was predicted, in bins of
equal width. The expected calibration error is the mean distance of a bin's probability and its observed share.
Sources: Naeini, Cooper and Hauskrecht (2015); Guo et al. (2017), for its definition; the interval as in
`statistics.noise`: the measure plus and minus what noise adds to it on average, and its one-sided spread.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from warehouse.checks.diagnosis.joined import JoinedRows
from warehouse.checks.diagnosis.means import Cell
from warehouse.checks.diagnosis.result import ReliabilityBin
from warehouse.statistics.estimates import Estimate, Mean, rate_estimate
from warehouse.statistics.noise import HALF_NORMAL_MEAN, ONE_SIDED

BIN_COUNT = 15
PROBABILITY, HIT, EXCESS, SQUARE = "bin_probability", "bin_hit", "bin_excess", "bin_square"
"""Names of means: of the probability that is judged, of what came about, of their difference and its square."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How true a split's probabilities are."""

    error: Estimate
    """The expected calibration error."""
    floor: float
    """What it would be on average if all probabilities were true."""
    bins: tuple[ReliabilityBin, ...]


def bin_sql(rows: JoinedRows) -> str:
    """The number of a joined row's bin."""
    return f"least({BIN_COUNT - 1}, floor({_judged(rows)[0]} * {BIN_COUNT}))"


def bin_values(rows: JoinedRows) -> dict[str, str]:
    """What a bin's cell must hold the means of."""
    probability, hit = _judged(rows)
    return {PROBABILITY: probability, HIT: f"({hit})::utinyint"}


def cluster_values(rows: JoinedRows) -> dict[str, str]:
    """What the clustered means must hold of a split, for `design_effect`."""
    probability, hit = _judged(rows)
    # Of two classes the square reads like the Brier score's, and whoever asks for both has it once.
    excess = f"({probability} - ({hit})::utinyint)"
    return {EXCESS: excess, SQUARE: f"{excess} * {excess}"}


def calibration(cells: Sequence[Cell], clustered: Mapping[str, Mean] | None = None) -> Calibration:
    """From the cells of a split's bins; with clusters also from the means of `cluster_values`."""
    effect = max(1.0, _design_effect(clustered)) if clustered else 1.0
    total = sum(cell.row_count for cell in cells)
    bins, value, floor, noise, widest = [], 0.0, 0.0, 0.0, 0.0
    for cell in cells:
        count, expected, share = cell.row_count, cell.means[PROBABILITY], cell.means[HIT]
        weight = count / total
        error = math.sqrt(share * (1 - share) / count * effect)
        observed = rate_estimate(Mean(value=share, standard_error=0.0, row_count=max(1, round(count / effect))))
        bins.append(
            ReliabilityBin(
                low=cell.place / BIN_COUNT,
                high=(cell.place + 1) / BIN_COUNT,
                row_count=count,
                mean_probability=expected,
                observed=Estimate(
                    value=share, low=observed.low, high=observed.high, standard_error=error, row_count=count
                ),
            )
        )
        # One row more with and one without: that none was seen does not mean that there are none.
        near = (share * count + 1) / (count + 2)
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
        cluster_count=clustered[EXCESS].cluster_count if clustered else None,
    )
    return Calibration(error=error_estimate, floor=floor, bins=tuple(bins))


def _judged(rows: JoinedRows) -> tuple[str, str]:
    if rows.has("probability"):
        return "probability", f"label = {rows.target.positive_code}"
    return "confidence", "label = prediction"


def _design_effect(clustered: Mapping[str, Mean]) -> float:
    """By how much clusters raise the variance of a bin's excess."""
    mean, square = clustered[EXCESS], clustered[SQUARE]
    variance = (square.value - mean.value**2) / mean.row_count
    is_known = variance > 0 and math.isfinite(mean.standard_error)
    return mean.standard_error**2 / variance if is_known else 1.0
