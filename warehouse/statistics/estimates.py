"""Estimates with 95 % intervals, from facts that were counted: numbers in, numbers out.

Rows that come in clusters (one customer's, say) count as fewer: their variance is that of the clusters' sums, the ratio
estimator's linearised one. Sources: Cochran, Sampling Techniques (1977), chapters 6 and 9A; Cameron and Miller (2015).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from warehouse.statistics.distance import NORMAL_QUANTILE

POWER_QUANTILE = 0.8416212335729143
"""80 % of a standard normal variable lie below this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value and where the truth lies with 95 % confidence."""

    value: float
    low: float
    high: float
    standard_error: float
    """0 for what is known, not measured."""
    row_count: int
    cluster_count: int | None = None
    """Clusters of rows that vary together; None when rows were taken as independent."""

    @property
    def spread(self) -> float:
        """The standard error, or what the interval's width amounts to if that is more: no errors seen prove little."""
        width = (self.high - self.low) / (2 * NORMAL_QUANTILE)
        return max(self.standard_error, width)

    @property
    def row_variance(self) -> float:
        """What one row adds to the variance of the value, clusters included: the spread squared, times rows."""
        return self.spread**2 * self.row_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A mean over rows, as it was counted."""

    value: float
    standard_error: float
    """Of clusters when there are any."""
    row_count: int
    cluster_count: int | None = None

    @property
    def quantile(self) -> float:
        """How many standard errors the interval reaches to each side."""
        return NORMAL_QUANTILE if self.cluster_count is None else student_quantile(self.cluster_count - 1)


def known(value: float) -> Estimate:
    """What somebody says and nobody measured here."""
    return Estimate(value=value, low=value, high=value, standard_error=0.0, row_count=0)


def student_quantile(degrees: int) -> float:
    """What 97.5 % of Student's law with so many degrees of freedom lie below; infinite without any.

    Within 1 % from three degrees on. Source: Abramowitz and Stegun (1964), 26.7.5.
    """
    if degrees < 1:
        return math.inf
    if degrees <= 2:
        return (12.706204736, 4.30265273)[degrees - 1]
    z = NORMAL_QUANTILE
    return (
        z
        + (z**3 + z) / (4 * degrees)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * degrees**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * degrees**4)
    )


def rate_estimate(mean: Mean) -> Estimate:
    """A share of rows with Wilson's interval; of clustered rows with as many rows as would vary as much independently.

    When all rows or none have it, clusters show no variance: then each counts as one row.
    Sources: Wilson (1927); Korn and Graubard (1998) for clusters.
    """
    p, z = mean.value, mean.quantile
    if mean.cluster_count is None:
        count = float(mean.row_count)
    elif mean.standard_error > 0 and 0 < p < 1:
        count = min(float(mean.row_count), p * (1 - p) / mean.standard_error**2)
    else:
        count = float(mean.cluster_count)
    if count <= 0 or math.isinf(z):
        low, high = 0.0, 1.0
    else:
        spread = z * math.sqrt(p * (1 - p) / count + z**2 / (4 * count**2))
        low, high = ((p + z**2 / (2 * count) + side * spread) / (1 + z**2 / count) for side in (-1, 1))
        # Rounding must not leave the value itself outside.
        low, high = max(0.0, min(low, p)), min(1.0, max(high, p))
    error = math.sqrt(p * (1 - p) / count) if count > 0 else math.inf
    return Estimate(
        value=p, low=low, high=high, standard_error=error, row_count=mean.row_count, cluster_count=mean.cluster_count
    )


def mean_estimate(mean: Mean, *, least: float = -math.inf) -> Estimate:
    """A mean with its normal interval, Student's for clusters; no part of it below `least`."""
    reach = mean.quantile * mean.standard_error if mean.standard_error else 0.0
    if mean.row_count < 2 or mean.cluster_count == 1:
        reach = math.inf
    return Estimate(
        value=mean.value,
        low=max(least, mean.value - reach),
        high=mean.value + reach,
        standard_error=mean.standard_error,
        row_count=mean.row_count,
        cluster_count=mean.cluster_count,
    )


def root_estimate(mean: Mean) -> Estimate:
    """The root of a mean of squares: the interval is that of the mean, its ends rooted."""
    of_squares = mean_estimate(mean, least=0.0)
    value = math.sqrt(mean.value)
    return Estimate(
        value=value,
        low=math.sqrt(of_squares.low),
        high=math.sqrt(of_squares.high),
        standard_error=mean.standard_error / (2 * value) if value else 0.0,
        row_count=mean.row_count,
        cluster_count=mean.cluster_count,
    )


def difference(left: Estimate, right: Estimate) -> Estimate:
    """`right` minus `left` of independent rows; the interval combines those of both sides and need not be symmetric.

    Sources: Newcombe (1998), method 10, for two rates; Zou and Donner (2008) for any two intervals.
    """
    value = right.value - left.value
    below = math.hypot(right.value - right.low, left.high - left.value)
    above = math.hypot(right.high - right.value, left.value - left.low)
    return Estimate(
        value=value,
        low=value - below,
        high=value + above,
        standard_error=math.hypot(left.standard_error, right.standard_error),
        row_count=min(count for count in (left.row_count, right.row_count) if count) if right.row_count else 0,
    )


def rows_for_difference(row_variance: float, difference: float) -> int:
    """Rows per side for which two errors that differ by so much are told apart 80 times in 100, at the 5 % level.

    Of the same rows for both sides this is what is needed when their errors are independent; as both err on the same
    rows mostly, fewer do. Source: Fleiss, Levin and Paik (2003), chapter 4, without continuity correction.
    """
    return math.ceil(2 * row_variance * ((NORMAL_QUANTILE + POWER_QUANTILE) / difference) ** 2)


def smallest_difference(row_variance: float, row_count: int) -> float:
    """The difference for which so many rows per side suffice; see `rows_for_difference`."""
    return (NORMAL_QUANTILE + POWER_QUANTILE) * math.sqrt(2 * row_variance / row_count)
