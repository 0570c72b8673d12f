"""Tail probabilities and their correction for many columns; no dependency but the standard library."""

from __future__ import annotations

import math
from collections.abc import Sequence

_TINY = 1e-300
_PRECISION = 1e-15


def chi_square_tail(statistic: float, degrees: float) -> float:
    """P(a chi-square variable of `degrees` degrees of freedom is at least `statistic`), 0..1.

    The regularised upper incomplete gamma function Q(degrees / 2, statistic / 2): by its series below the mean and by
    its continued fraction above it. Source: Press et al., Numerical Recipes (3rd ed.), section 6.2.
    """
    if statistic <= 0:
        return 1.0
    shape, x = degrees / 2, statistic / 2
    if math.isinf(x):
        return 0.0
    front = math.exp(-x + shape * math.log(x) - math.lgamma(shape))
    if x < shape + 1:
        term = total = 1 / shape
        divisor = shape
        while abs(term) > abs(total) * _PRECISION:
            divisor += 1
            term *= x / divisor
            total += term
        return max(0.0, 1 - front * total)
    return min(1.0, front * _gamma_fraction(shape, x))


def _gamma_fraction(shape: float, x: float) -> float:
    # Lentz's method; converges fast for x > shape + 1.
    b = x + 1 - shape
    c = 1 / _TINY
    d = 1 / b
    h = d
    for index in range(1, 100_000):
        a = -index * (index - shape)
        b += 2
        d = 1 / (a * d + b or _TINY)
        c = b + a / c or _TINY
        step = d * c
        h *= step
        if abs(step - 1) < _PRECISION:
            break
    return h


def kolmogorov_tail(statistic: float, left_count: float, right_count: float) -> float:
    """P(two samples of one continuous law are at least `statistic` apart in Kolmogorov-Smirnov's sense), 0..1.

    Asymptotic; with ties (rounded values) it is on the safe side. Source: Smirnov (1948).
    """
    if not left_count or not right_count:
        return 1.0
    x = statistic * math.sqrt(left_count * right_count / (left_count + right_count))
    if x < 0.2:
        return 1.0
    if x < 1.18:
        # The alternating series below converges slowly here; this is its theta-function twin.
        terms = (math.exp(-((2 * k - 1) ** 2) * math.pi**2 / (8 * x * x)) for k in range(1, 6))
        return min(1.0, max(0.0, 1 - math.sqrt(2 * math.pi) / x * sum(terms)))
    return min(1.0, 2 * sum(math.copysign(math.exp(-2 * k * k * x * x), k % 2 - 0.5) for k in range(1, 10)))


def normal_tail(deviations: float) -> float:
    """P(a standard normal variable is at least this large)."""
    return math.erfc(deviations / math.sqrt(2)) / 2


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values in the same order: those at most q are, in expectation, false to a share of at most q.

    Source: Benjamini and Hochberg (1995); holds under independence and the usual positive dependence of columns.
    """
    count = len(p_values)
    adjusted = [1.0] * count
    smallest = 1.0
    for rank, index in sorted(enumerate(sorted(range(count), key=p_values.__getitem__), start=1), reverse=True):
        smallest = min(smallest, p_values[index] * count / rank)
        adjusted[index] = smallest
    return adjusted


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values in the same order: the chance of any false one among those at most q is at most q.

    Source: Holm (1979); holds however they depend on each other.
    """
    adjusted = [1.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = largest
    return adjusted
