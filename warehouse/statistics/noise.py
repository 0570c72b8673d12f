"""What a measure would be without any drift, and how far it may lie from the truth: numbers in, numbers out.

All but PSI are norms of a difference of two shares, so the noise moves each by at most its own norm. By the
concentration of Gaussian measure that norm exceeds its mean by more than 1.645 of its largest standard deviations in at
most 5 % of cases. So measure plus and minus that reach holds the truth 95 times in 100 or more, also where nothing
differs and no normal law holds. Sources: Borell (1975); Tsirelson, Ibragimov and Sudakov (1976).

`left` and `right` are counts of the same cells in independent rows; rows that come in groups count as fewer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from warehouse.statistics.distance import NORMAL_QUANTILE, Counts, share_variance, solved_interval

ONE_SIDED = 1.6448536269514722
"""95 % of a normal variable lie below this."""
KOLMOGOROV_MEAN = math.sqrt(math.pi / 2) * math.log(2)
"""Mean of Kolmogorov's law."""
KOLMOGOROV_95 = 1.3580986393225505
"""95 % of Kolmogorov's law lie below this."""
SPREAD_VALUES = 20_000
HALF_NORMAL_MEAN = math.sqrt(2 / math.pi)
"""Mean size of a standard normal variable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """What chance alone does to a measure, in the measure's unit."""

    floor: float
    """The measure to expect when both sides come from one law."""
    low: float
    """The true measure is at least this, with 95 % confidence in the interval."""
    high: float


def _around(value: float, floor: float, reach: float, *, largest: float = math.inf) -> Noise:
    return Noise(floor=min(floor, largest), low=max(0.0, value - reach), high=min(largest, value + reach))


def population_stability_noise(value: float, left: Counts, right: Counts) -> Noise:
    """Of the PSI `value` of these cells: without drift (1/n + 1/m) times chi-square of one degree less than cells.

    The noise is taken out of the interval, which therefore may lie below the measured value. It is solved for the truth
    as that of Jensen-Shannon is, with the delta method's variance. A cell that one side lacks has no finite true PSI;
    the interval then is of the smoothed one. Source: Yurdakul (2018).
    """
    n, m = float(left.sum()), float(right.sum())
    used = (left + right) > 0
    count = int(used.sum())
    p = (left[used] + 0.5) / (n + 0.5 * count)
    q = (right[used] + 0.5) / (m + 0.5 * count)
    logs = np.log(p / q)
    variance = share_variance(p, logs + 1 - q / p) / n + share_variance(q, 1 - p / q - logs) / m
    unit = 1 / n + 1 / m
    _, low, high = solved_interval(value, degrees=count - 1, unit=unit, variance=variance)
    return Noise(floor=(count - 1) * unit, low=max(0.0, low), high=max(0.0, high))


def total_variation_noise(value: float, left: Counts, right: Counts) -> Noise:
    """Of the total variation `value` of these cells, 0..1."""
    floor = HALF_NORMAL_MEAN * float(_pooled_errors(left, right).sum()) / 2
    reach = HALF_NORMAL_MEAN * float(_errors(left, right).sum()) / 2
    widest = math.sqrt(1 / float(left.sum()) + 1 / float(right.sum())) / 2
    return _around(value, floor, reach + ONE_SIDED * widest, largest=1.0)


def largest_change_noise(value: float, left: Counts, right: Counts) -> Noise:
    """Of the largest change `value` of one cell's share, 0..1; its mean as if cells were independent of each other."""
    pooled, errors = _pooled_errors(left, right), _errors(left, right)
    if len(pooled) == 2:
        # What one cell gains the other loses: a single variable.
        pooled, errors = pooled[:1], errors[:1]
    floor = _mean_of_largest(pooled)
    return _around(value, floor, _mean_of_largest(errors) + ONE_SIDED * float(errors.max()), largest=1.0)


def kolmogorov_smirnov_noise(value: float, left_count: float, right_count: float) -> Noise:
    """Of the Kolmogorov-Smirnov statistic `value`, 0..1; where values repeat the floor is lower and the interval wide.

    Source: Kolmogorov (1933), Smirnov (1948).
    """
    scale = math.sqrt(1 / left_count + 1 / right_count)
    return _around(value, KOLMOGOROV_MEAN * scale, KOLMOGOROV_95 * scale, largest=1.0)


def wasserstein_noise(
    value: float,
    *,
    counts: tuple[float, float],
    spreads: tuple[float, float],
    variances: tuple[float, float],
) -> Noise:
    """Of the Wasserstein distance `value`, in the values' unit; both pairs are of the left and the right.

    A spread is the area under sqrt(F (1 - F)), F being the side's cumulative shares (`spread_sorted`); the floor takes
    that of the left. The largest standard deviation is that of the mean, no function of slope one varying more.
    Source: del Barrio, Giné and Matrán (1999).
    """
    n, m = counts
    floor = HALF_NORMAL_MEAN * spreads[0] * math.sqrt(1 / n + 1 / m)
    # Squares of the largest doubles would overflow.
    mean = HALF_NORMAL_MEAN * math.hypot(spreads[0] / math.sqrt(n), spreads[1] / math.sqrt(m))
    return _around(value, floor, mean + ONE_SIDED * math.sqrt(variances[0] / n + variances[1] / m))


def spread_sorted(values: Counts) -> float:
    """Area under sqrt(F (1 - F)) of rising values, in their unit; 0 for a constant.

    Of many values some 20,000 at even ranks serve, and all that matter of the tails, where values lie far apart.
    """
    count = len(values)
    steps = np.arange(0, count, max(1, count // SPREAD_VALUES))
    tail = 2 ** np.arange(math.ceil(math.log2(count)) + 1)
    tail = tail[tail < count]
    places = np.unique(np.concatenate((steps, tail - 1, count - tail)))
    # Between two places F rises from one share to the next; the middle stands for both.
    share = (places[1:] + places[:-1] + 1) / 2 / count
    return float(2 * (np.sqrt(share * (1 - share)) @ np.diff(values[places] / 2)))


def spread_binned(counts: Counts, widths: npt.NDArray[np.float64]) -> float:
    """The same of values that lie evenly within their cells, which are in order and `widths` wide."""
    after = np.clip(np.cumsum(counts) / counts.sum(), 0.0, 1.0)
    before = np.concatenate(([0.0], after[:-1]))
    rise = after - before
    # F runs in a straight line within a cell, and sqrt(u (1 - u)) has a closed integral.
    inside = np.divide(
        _root_integral(after) - _root_integral(before), rise, out=np.sqrt(after * (1 - after)), where=rise > 1e-9
    )
    return float((inside * widths).sum())


def _root_integral(share: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    centred = 2 * share - 1
    result: npt.NDArray[np.float64] = (centred * np.sqrt(share * (1 - share)) * 2 + np.arcsin(centred)) / 8
    return result


def mean_difference_noise(value: float, *, counts: tuple[float, float], variances: tuple[float, float]) -> Noise:
    """Of the standardised mean difference `value`; all pairs are of the left and the right. The floor is of its size.

    The interval is the delta method's with variances that vary as a normal law's do.
    Source: Hedges and Olkin (1985), for two variances.
    """
    (n, m), (v, w) = counts, variances
    pooled = (v + w) / 2
    if pooled <= 0:
        return Noise(floor=0.0, low=value, high=value)
    error = math.sqrt((v / n + w / m) / pooled)
    of_spread = value**2 / 8 * (v**2 / n + w**2 / m) / pooled**2
    reach = NORMAL_QUANTILE * math.sqrt(error**2 + of_spread)
    return Noise(floor=HALF_NORMAL_MEAN * error, low=value - reach, high=value + reach)


def share_change_noise(left: tuple[float, float], right: tuple[float, float]) -> Noise:
    """Of the change of one share; each side is rows with it and rows in all. The floor is of its size.

    Source: Agresti and Caffo (2000), one more row with and one without on either side.
    """
    (a, n), (b, m) = left, right
    change, pooled = b / m - a / n, (a + b) / (n + m)
    p, q = (a + 1) / (n + 2), (b + 1) / (m + 2)
    reach = NORMAL_QUANTILE * math.sqrt(p * (1 - p) / (n + 2) + q * (1 - q) / (m + 2))
    floor = HALF_NORMAL_MEAN * math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return Noise(floor=floor, low=max(-1.0, change - reach), high=min(1.0, change + reach))


def _pooled_errors(left: Counts, right: Counts) -> npt.NDArray[np.float64]:
    """Standard deviation of each cell's change when both sides have the law of both together."""
    n, m = float(left.sum()), float(right.sum())
    pooled = (left + right) / (n + m)
    result: npt.NDArray[np.float64] = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return result


def _errors(left: Counts, right: Counts) -> npt.NDArray[np.float64]:
    """The same when each side keeps its own law; one row more per cell, since none seen does not mean none there."""
    n, m = float(left.sum()), float(right.sum())
    p, q = (left + 1) / (n + 2), (right + 1) / (m + 2)
    result: npt.NDArray[np.float64] = np.sqrt(
        np.maximum(p * (1 - p), 0) / (n + 2) + np.maximum(q * (1 - q), 0) / (m + 2)
    )
    return result


_GRID = np.linspace(0.0, 6.0, 241)
_HALF_NORMAL = np.array([math.erf(point / math.sqrt(2)) for point in _GRID])


def _mean_of_largest(deviations: npt.NDArray[np.float64]) -> float:
    """Mean of the largest size among independent normal variables with these standard deviations."""
    widest = float(deviations.max())
    if not widest > 0:
        return 0.0
    points = _GRID * widest
    below = np.interp(points / deviations[deviations > 0, np.newaxis], _GRID, _HALF_NORMAL).prod(axis=0)
    above = 1 - below
    return float((above[1:] + above[:-1]).sum() / 2 * (points[1] - points[0]))
