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

_BLOCK = 1 << 14
"""Values that are worked on at a time, so that intermediate results stay in the processor's cache."""


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


def kolmogorov_smirnov_binned(
    left: Counts, right: Counts, single: npt.NDArray[np.bool_] | None = None
) -> tuple[float, float]:
    """Largest gap between the cumulative shares at the cells' bounds, and how much larger the true one may be.

    Cells are in the order of their values. Between two bounds the gap can grow by at most the share of one side in
    that cell, so the true statistic lies in `gap .. gap + error`. It cannot grow within the cells that are marked
    `single`, which hold one value; where all do, the statistic is exact.
    """
    p, q = left / left.sum(), right / right.sum()
    gaps = np.cumsum(p) - np.cumsum(q)
    before = np.concatenate(([0.0], gaps[:-1]))
    statistic = float(np.abs(gaps).max())
    within = np.maximum(before + p, np.abs(before - q))
    if single is not None:
        within = np.where(single, 0.0, within)
    return statistic, max(0.0, float(within.max()) - statistic)


def rising(values: Counts) -> Counts:
    """The finite values in rising order, sorted in place; NaN stands for what is none."""
    values.sort()
    # NaN sorts last.
    finite: Counts = values[: np.searchsorted(values, np.nan)]
    return finite


def kolmogorov_smirnov_sorted(left: Counts, right: Counts) -> float:
    """Largest gap between the cumulative shares of two rising sets of values, 0..1; exact.

    Between two values of the smaller side its share stands still and the other's only rises, so the largest gap lies at
    such a value or just below it: the larger side is only looked up, never merged.
    """
    few, many = (left, right) if len(left) < len(right) else (right, left)
    before = np.searchsorted(many, few, "left")
    # Looking up is what costs, and most values are not on the larger side at all.
    shared = np.flatnonzero(many[np.minimum(before, len(many) - 1)] == few)
    after = before.copy()
    after[shared] = np.searchsorted(many, few[shared], "right")
    below, upto = before / len(many), after / len(many)
    ranks = np.arange(len(few) + 1) / len(few)
    if np.all(few[1:] > few[:-1]):
        below -= ranks[:-1]
        upto -= ranks[1:]
    else:
        below -= ranks[np.searchsorted(few, few, "left")]
        upto -= ranks[np.searchsorted(few, few, "right")]
    return max(float(np.abs(below).max()), float(np.abs(upto).max()))


def wasserstein_sorted(left: Counts, right: Counts) -> float:
    """Mean distance that a value has to move (W1) between two rising sets of finite values, in their unit; exact.

    The i-th of n values holds the shares i/n to (i+1)/n; of the larger side each meets at most two of the smaller, and
    the weights are whole numbers over n m. All terms are positive, so no digits are lost.
    Source: Vallender (1974), as the area between the quantile functions.
    """
    few, many = (left, right) if len(left) < len(right) else (right, left)
    n, m = len(many), len(few)
    area, most = 0.0, max(1, _BLOCK * m // n)
    for begin in range(0, m, most):
        end = min(begin + most, m)
        partners = np.arange(begin, end + 1)
        # The first of the larger side's values that begins within each partner, and how much of the one before it, in
        # parts of 1/m, lies in the partner too.
        first = -(-partners * n // m)
        over = first * m - partners * n
        start = int(first[0])
        # Halves keep the widest of ranges from overflowing.
        values, halves = many[start : first[-1]] / 2, few[begin : end + 1] / 2
        gaps = np.abs(values - np.repeat(halves[: end - begin], np.diff(first)))
        # Partners but the first of all begin within a value that the one before has too.
        shared = np.flatnonzero(over[1:]) + 1
        last = first[shared] - 1 - start
        part = over[shared] / m
        gaps[last] = (1 - part) * gaps[last] + part * np.abs(values[last] - halves[shared])
        area += float((gaps / n).sum())
    return 2 * area


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

    None too where the variances are beyond doubles.

    Source: Cohen (1988), with the plain mean of both variances (Austin 2009), which the sizes of the sides do not sway.
    """
    spread = math.sqrt((left_variance + right_variance) / 2)
    if not math.isfinite(spread):
        return None
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


def measure_jensen_shannon(left: Counts, right: Counts, *, concentration: float = 1.0) -> JensenShannon:
    """The distance with noise floor, interval and p-value; cells should expect five rows or more on either side.

    With k cells, n and m rows and one law behind both, the divergence (in nats) follows (1/n + 1/m) / 8 times a
    chi-square of k - 1 degrees of freedom. Its mean is the floor, and is subtracted; the interval adds its variance to
    that of the delta method, which rules once the laws differ. Rows count as independent: rows that come in groups
    (trips of one plane) carry less information, and the true interval is wider. Where that information is lost more in
    some directions than in others, `concentration` (1 plus the squared coefficient of variation of the loss) makes the
    chi-square one of fewer degrees and a larger unit.
    Source: Menéndez et al. (1997) for the law; Satterthwaite (1946) for fewer degrees; both are checked by
    simulation in `tests/statistics/`.
    """
    from warehouse.statistics.significance import chi_square_tail

    n, m = float(left.sum()), float(right.sum())
    used = (left + right) > 0
    p, q = left[used] / n, right[used] / m
    unit = (1 / n + 1 / m) / 8
    divergence = _divergence(p, q)
    middle = (p + q) / 2
    slope_left = np.log(p / middle, out=np.zeros_like(p), where=p > 0) / 2
    slope_right = np.log(q / middle, out=np.zeros_like(q), where=q > 0) / 2
    variance = share_variance(p, slope_left) / n + share_variance(q, slope_right) / m
    degrees, wide = (len(p) - 1) / concentration, unit * concentration
    centre, low, high = solved_interval(divergence, degrees=degrees, unit=wide, variance=variance * concentration)
    pooled = (n * p + m * q) / (n + m)
    statistic = float(((p - q) ** 2 / pooled).sum() * n * m / (n + m))
    return JensenShannon(
        distance=_distance(divergence),
        noise_floor=_distance((len(p) - 1) * unit),
        effect=_distance(centre),
        low=_distance(low),
        high=_distance(high),
        p_value=chi_square_tail(statistic / concentration, degrees) if len(p) > 1 else 1.0,
    )


def solved_interval(value: float, *, degrees: float, unit: float, variance: float) -> tuple[float, float, float]:
    """A divergence without its noise, and the bounds of its 95 % interval.

    Without drift the divergence is `unit` times chi-square of `degrees`; `variance` is the delta method's, which grows
    in proportion to the true divergence. The bounds are solved for the truths whose *own* law makes the value one of
    the extreme 2.5 %, which keeps the promise near zero, where the plain interval is too short. For the lower bound
    that law is a cube root's, as skewed as a chi-square is (Wilson and Hilferty 1931; Sankaran 1959): with a normal
    law, as in Wilson's interval, a truth on the threshold was called above it twice too often. The upper bound keeps
    the normal law, which is on the safe side there.
    """
    centre = value - degrees * unit
    slope = variance / value if value > 1e-12 else 4 * unit
    shift = NORMAL_QUANTILE**2 * slope / 2
    reach = NORMAL_QUANTILE * math.sqrt(
        2 * max(degrees, 1) * unit**2 + slope * max(centre, 0.0) + (shift / NORMAL_QUANTILE) ** 2
    )
    return centre, _lower_bound(value, degrees, unit, slope), centre + shift + reach


def _lower_bound(value: float, degrees: float, unit: float, slope: float) -> float:
    """The smallest divergence behind this value that 2.5 % of its samples exceed; 0 when none does."""

    def deviations(truth: float) -> float:
        mean = truth + degrees * unit
        share = (2 * degrees * unit**2 + slope * truth) / (9 * mean**2)
        return (math.cbrt(value / mean) - 1 + share) / math.sqrt(share)

    if not degrees or deviations(0.0) <= NORMAL_QUANTILE:
        return 0.0
    low, high = 0.0, value
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if deviations(middle) > NORMAL_QUANTILE else (low, middle)
    return low


def _divergence(p: Counts, q: Counts) -> float:
    """Jensen-Shannon divergence of two shares, nats, 0..ln 2."""
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        of_left = np.where(p > 0, p * np.log(p / middle), 0.0)
        of_right = np.where(q > 0, q * np.log(q / middle), 0.0)
    return max(0.0, float(of_left.sum() + of_right.sum()) / 2)


def _distance(divergence: float) -> float:
    return math.sqrt(min(1.0, max(0.0, divergence) / math.log(2)))


def share_variance(shares: Counts, values: npt.NDArray[np.float64]) -> float:
    """Variance of a value that is drawn by these shares."""
    mean = float((shares * values).sum())
    return max(0.0, float((shares * values**2).sum()) - mean**2)
