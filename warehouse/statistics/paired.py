"""Two measurements of the same rows: whether they differ, from facts that were counted; numbers in, numbers out."""

from __future__ import annotations

import math

from warehouse.statistics.estimates import Estimate, Mean, mean_estimate, rate_estimate
from warehouse.statistics.significance import normal_tail

_TINY = 1e-300
_PRECISION = 1e-15


def beta_share(x: float, left: float, right: float) -> float:
    """The regularised incomplete beta function I_x(left, right), 0..1.

    By its continued fraction. Source: Press et al., Numerical Recipes (3rd ed.), section 6.4.
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (left + 1) / (left + right + 2):
        return 1 - beta_share(1 - x, right, left)
    log_front = math.lgamma(left + right) - math.lgamma(left) - math.lgamma(right)
    log_front += left * math.log(x) + right * math.log1p(-x)
    c, d = 1.0, 1 / (1 - (left + right) * x / (left + 1) or _TINY)
    fraction = d
    # It converges within about the root of the larger argument.
    for m in range(1, 1_000_000):
        for numerator in (
            m * (right - m) * x / ((left + 2 * m - 1) * (left + 2 * m)),
            -(left + m) * (left + right + m) * x / ((left + 2 * m) * (left + 2 * m + 1)),
        ):
            d = 1 / (1 + numerator * d or _TINY)
            c = 1 + numerator / c or _TINY
            fraction *= c * d
        if abs(c * d - 1) < _PRECISION:
            break
    return min(1.0, math.exp(log_front) * fraction / left)


def student_tail(deviations: float, degrees: float) -> float:
    """P(Student's variable with so many degrees of freedom is at least this large)."""
    tail = beta_share(degrees / (degrees + deviations**2), degrees / 2, 0.5) / 2
    return tail if deviations >= 0 else 1 - tail


def mcnemar_p_value(first_only: int, second_only: int, *, mid: bool = True) -> float:
    """P of so uneven a split of the rows that only one of two models got wrong, if either were as likely.

    Args:
        first_only: rows that only the first got wrong.
        second_only: rows that only the second did.
        mid: counts the split that was seen as half as likely as it is, which keeps the level on average where the exact
            test is far below it.

    Sources: McNemar (1947); Fagerland, Lydersen and Laake (2013), who recommend the mid-p value.
    """
    count, fewer = first_only + second_only, min(first_only, second_only)
    if not count:
        return 1.0
    at_most = beta_share(0.5, count - fewer, fewer + 1)
    seen = math.exp(
        math.lgamma(count + 1) - math.lgamma(fewer + 1) - math.lgamma(count - fewer + 1) - count * math.log(2)
    )
    return min(1.0, 2 * at_most - (seen if mid else 0.0))


def paired_rate_difference(first_only: int, second_only: int, both: int, neither: int) -> Estimate:
    """The first rate minus the second, of the same rows, each of which has both, one or neither.

    Wilson's intervals of both rates, combined with how they go together. Source: Newcombe (1998), method 10 for paired
    rates, with his correction of the correlation; Fagerland, Lydersen and Laake (2014) recommend it.
    """
    count = first_only + second_only + both + neither
    left, right = (
        rate_estimate(Mean(value=(both + only) / count, standard_error=0.0, row_count=count))
        for only in (first_only, second_only)
    )
    together = float(both * neither - first_only * second_only)
    margins = (both + first_only) * (second_only + neither) * (both + second_only) * (first_only + neither)
    if together > 0:
        together = max(0.0, together - count / 2)
    correlation = together / math.sqrt(margins) if margins else 0.0
    value = left.value - right.value

    def reach(of_left: float, of_right: float) -> float:
        return math.sqrt(max(0.0, of_left**2 - 2 * correlation * of_left * of_right + of_right**2))

    share = (first_only + second_only) / count
    return Estimate(
        value=value,
        low=value - reach(left.value - left.low, right.high - right.value),
        high=value + reach(left.high - left.value, right.value - right.low),
        standard_error=math.sqrt(max(0.0, share - value**2) / count),
        row_count=count,
    )


def mean_difference(mean: Mean) -> tuple[Estimate, float]:
    """The mean of the differences of all rows with its interval, and the p-value of there being none.

    Student's law over clusters, the normal one over independent rows.
    """
    estimate = mean_estimate(mean)
    if math.isinf(mean.quantile) or math.isinf(mean.standard_error):
        return estimate, 1.0
    if not mean.standard_error:
        return estimate, float(mean.value == 0)
    deviations = abs(mean.value) / mean.standard_error
    one_side = (
        normal_tail(deviations) if mean.cluster_count is None else student_tail(deviations, mean.cluster_count - 1)
    )
    return estimate, 2 * one_side
