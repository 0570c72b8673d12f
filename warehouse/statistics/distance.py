"""Distances between two sets of rows: numbers in, number out.

Counts are of the same cells (bins or categories) on both sides, in the same order; each side has at least one row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.float64]

SMOOTHING = 0.5
"""Added to each cell's count before a PSI, which is infinite otherwise as soon as one side lacks a category."""
NORMAL_QUANTILE = 1.959963984540054
"""95 % of a normal variable lie within this many standard deviations."""


def counts_of(*values: float) -> Counts:
    """These numbers as counts."""
    return np.array(values, dtype=np.float64)


def jensen_shannon_distance(left: Counts, right: Counts) -> float:
    """Distance between two distributions over the same cells, 0 (equal) to 1 (no common cell).

    Logarithms are base 2; an empty cell is fine.
    Source: Lin (1991) for the divergence; Endres and Schindelin (2003) for its square root as a metric.
    """
    return _distance(_divergence(left / left.sum(), right / right.sum()))


def population_stability_index(left: Counts, right: Counts) -> float:
    """PSI, 0 (equal) upwards; rules of thumb call 0.1 a shift and 0.25 a large one, whatever the number of rows.

    Each cell's count is raised by 0.5, so that an empty cell gives a large number, not an infinite one.
    Source: Siddiqi, Credit Risk Scorecards (2006); it is the symmetric divergence of Jeffreys (1946), in nats.
    """
    p = (left + SMOOTHING) / (left.sum() + SMOOTHING * len(left))
    q = (right + SMOOTHING) / (right.sum() + SMOOTHING * len(right))
    return float(np.sum((p - q) * np.log(p / q)))


def total_variation(left: Counts, right: Counts) -> float:
    """Share of rows that would have to change cells to make both sides alike, 0..1; half the L1 distance."""
    return float(np.abs(left / left.sum() - right / right.sum()).sum() / 2)


def largest_change(left: Counts, right: Counts) -> float:
    """Largest change of one cell's share, 0..1 (L-infinity)."""
    return float(np.abs(left / left.sum() - right / right.sum()).max())


def kolmogorov_smirnov_binned(left: Counts, right: Counts) -> tuple[float, float]:
    """Largest gap between the cumulative shares at the cells' bounds, and how much larger the true one may be.

    Cells are in the order of their values. Between two bounds the gap can grow by at most the share of one side in
    that cell, so the true statistic lies in `gap .. gap + error`, and it is exact where each cell is a single value.
    """
    p, q = left / left.sum(), right / right.sum()
    gaps = np.cumsum(p) - np.cumsum(q)
    before = np.concatenate(([0.0], gaps[:-1]))
    statistic = float(np.abs(gaps).max())
    highest = float(np.maximum(before + p, np.abs(before - q)).max())
    return statistic, max(0.0, highest - statistic)


def cumulative_gaps(left: Counts, right: Counts) -> tuple[float, float]:
    """Kolmogorov-Smirnov statistic (0..1) and Wasserstein distance (in the values' unit) of two sets of finite values.

    Exact: all values are sorted, ties counted as such. Source: Kolmogorov (1933), Smirnov (1948); the area between two
    cumulative distributions is W1 (Vallender 1974).
    """
    left, right = np.sort(left), np.sort(right)
    both = np.concatenate((left, right))
    # Merges the two sorted runs.
    both.sort(kind="stable")
    gaps = np.searchsorted(left, both, side="right") / len(left)
    gaps -= np.searchsorted(right, both, side="right") / len(right)
    np.abs(gaps, out=gaps)
    # Halves keep the widest of ranges from overflowing.
    widths = np.diff(both / 2)
    return float(gaps.max()), float(2 * (gaps[:-1] @ widths))


def wasserstein_binned(left: Counts, right: Counts, widths: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Mean distance that a value has to move (W1) in the values' unit, and how wrong it may be at most.

    Cells are in the order of their values; `widths[i]` is the width of cell i. Values count as spread evenly within
    their cell; the largest error is the mean width of a row's cell, over both sides.
    """
    p, q = left / left.sum(), right / right.sum()
    gaps = np.cumsum(p) - np.cumsum(q)
    before = np.concatenate(([0.0], gaps[:-1]))
    # Within a cell the gap runs in a straight line; where it changes its sign, two triangles lie under it.
    same_sign = before * gaps >= 0
    span = np.abs(before) + np.abs(gaps)
    crossed = np.divide(before**2 + gaps**2, 2 * span, out=np.zeros_like(span), where=span > 0)
    area = np.where(same_sign, span / 2, crossed)
    return float((area * widths).sum()), float(((p + q) / 2 * widths).sum())


def standardised_mean_difference(
    left_mean: float, right_mean: float, left_variance: float, right_variance: float
) -> float | None:
    """Right mean minus left mean in pooled standard deviations; None when neither side varies but the means differ.

    Source: Cohen (1988), with the plain mean of both variances (Austin 2009), which the sizes of the sides do not sway.
    """
    spread = math.sqrt((left_variance + right_variance) / 2)
    if spread > 0:
        return (right_mean - left_mean) / spread
    return 0.0 if left_mean == right_mean else None


@dataclass(frozen=True, slots=True, kw_only=True)
class JensenShannon:
    """A Jensen-Shannon distance measured on finitely many rows, and what it says about the truth behind them."""

    distance: float
    """As measured, 0..1. Grows with the number of cells and falls with rows even when nothing differs."""
    noise_floor: float
    """The distance to expect when both sides come from one law: bins and rows alone decide it."""
    effect: float
    """The distance with that noise taken out, 0..1: the estimate of the true distance."""
    low: float
    """Lower bound of the 95 % interval around the effect."""
    high: float
    """Upper bound."""
    p_value: float
    """Of Pearson's chi-square test that both sides have one law."""


def measure_jensen_shannon(left: Counts, right: Counts) -> JensenShannon:
    """The distance with noise floor, interval and p-value; cells should expect five rows or more on either side.

    With k cells, n and m rows and one law behind both, the divergence (in nats) follows (1/n + 1/m) / 8 times a
    chi-square of k - 1 degrees of freedom. Its mean is the floor, and is subtracted; the interval adds its variance to
    that of the delta method, which rules once the laws differ. Rows count as independent: rows that come in groups
    (trips of one plane) carry less information, and the true interval is wider.
    Source: Menéndez et al. (1997) for the law; both are checked by simulation in `tests/statistics/`.
    """
    from warehouse.statistics.significance import chi_square_tail

    n, m = float(left.sum()), float(right.sum())
    used = (left + right) > 0
    p, q = left[used] / n, right[used] / m
    degrees = max(len(p) - 1, 1)
    unit = (1 / n + 1 / m) / 8
    divergence = _divergence(p, q)
    middle = (p + q) / 2
    slope_left = np.log(p / middle, out=np.zeros_like(p), where=p > 0) / 2
    slope_right = np.log(q / middle, out=np.zeros_like(q), where=q > 0) / 2
    centre = divergence - (len(p) - 1) * unit
    variance = _variance(p, slope_left) / n + _variance(q, slope_right) / m
    # The variance grows in proportion to the true divergence. Solving for the truths that lie 1.96 of *their* standard
    # deviations away (as Wilson's interval does) keeps its promise near zero, where the plain interval is too short.
    slope = variance / divergence if divergence > 1e-12 else 4 * unit
    shift = NORMAL_QUANTILE**2 * slope / 2
    reach = NORMAL_QUANTILE * math.sqrt(
        2 * degrees * unit**2 + slope * max(centre, 0.0) + (shift / NORMAL_QUANTILE) ** 2
    )
    pooled = (n * p + m * q) / (n + m)
    statistic = float(((p - q) ** 2 / pooled).sum() * n * m / (n + m))
    return JensenShannon(
        distance=_distance(divergence),
        noise_floor=_distance((len(p) - 1) * unit),
        effect=_distance(centre),
        low=_distance(centre + shift - reach),
        high=_distance(centre + shift + reach),
        p_value=chi_square_tail(statistic, len(p) - 1) if len(p) > 1 else 1.0,
    )


def _divergence(p: Counts, q: Counts) -> float:
    """Jensen-Shannon divergence of two shares, nats, 0..ln 2."""
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        of_left = np.where(p > 0, p * np.log(p / middle), 0.0)
        of_right = np.where(q > 0, q * np.log(q / middle), 0.0)
    return max(0.0, float(of_left.sum() + of_right.sum()) / 2)


def _distance(divergence: float) -> float:
    return math.sqrt(min(1.0, max(0.0, divergence) / math.log(2)))


def _variance(shares: Counts, values: npt.NDArray[np.float64]) -> float:
    mean = float((shares * values).sum())
    return max(0.0, float((shares * values**2).sum()) - mean**2)
