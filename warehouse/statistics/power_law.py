"""How an error falls as rows are added: `limit + scale * size ** -exponent`, fitted to a few points, with intervals.

For a given exponent the law is a straight line, so only the exponent is searched. An interval holds every value that
some law has which fits the points not significantly worse than the best one does (the profile of the sum of squares):
where the points hardly tell the exponent, the linear approximation at the best law is far too sure of itself.
Sources: Cortes et al. (1994) and Hestness et al. (2017) for the law; Bates and Watts (1988), chapter 6, and Venzon and
Moolgavkar (1988) for the intervals.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from warehouse.statistics.estimates import student_quantile

FEWEST_SIZES = 4
"""Three unknowns, and one more to see how far the points lie off the curve."""
EXPONENTS = (0.02, 3.0)
"""Those that are considered. The first is a straight line over the logarithm of the size; all that were measured in
practice lie from 0.05 to 1."""
_GRID = 400
_GOLDEN = (math.sqrt(5) - 1) / 2

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A value and where the truth lies with 95 % confidence."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lines:
    """For each exponent the straight line over `size ** -exponent` that fits best."""

    exponents: Numbers
    middle: Numbers
    """Weighted mean of `size ** -exponent`; there the line's level and slope vary independently."""
    level: float
    slope: Numbers
    weight: float
    spread: Numbers
    """Weighted sum of squares of `size ** -exponent` around its mean."""
    squares: Numbers
    """What is left of the weighted sum of squares when the limit is free."""
    bound: float
    """The limit cannot be less."""
    bound_slope: Numbers
    """The slope when the limit is at its bound."""
    bound_curvature: Numbers
    bound_squares: Numbers

    @property
    def is_bound(self) -> npt.NDArray[np.bool_]:
        """Whether the best line's limit is less than it can be."""
        return self.level - self.slope * self.middle < self.bound

    @property
    def least_squares(self) -> Numbers:
        """What is left when the limit keeps its bound."""
        return np.where(self.is_bound, self.bound_squares, self.squares)


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLaw:
    """The law that fits best; sizes are shares of `unit`."""

    unit: float
    limit: float
    """The error that no amount of rows gets below."""
    scale: float
    """What rows can take off the error at size `unit`; below 0 when it grows with rows, as that of train does."""
    exponent: float
    residual: float
    """Root of the mean square that points lie off the curve."""
    _lines: _Lines
    _most_squares: float
    """Laws with more left of the sum of squares fit significantly worse."""

    def error(self, size: float) -> Range:
        """The expected error of a model that is trained on so many rows."""
        return self._range(1.0, lambda exponents: (size / self.unit) ** -exponents)

    def gain(self, left: float, right: float) -> Range:
        """By how much it falls from the one size to the other."""
        return self._range(0.0, lambda exponents: (left / self.unit) ** -exponents - (right / self.unit) ** -exponents)

    @property
    def limit_range(self) -> Range:
        """The limit with its interval."""
        return self._range(1.0, np.zeros_like)

    @property
    def exponent_range(self) -> Range:
        """The exponent with its interval, which ends where exponents are no longer considered."""
        lines = self._lines
        likely = lines.exponents[lines.least_squares <= self._most_squares]
        return Range(value=self.exponent, low=float(likely.min()), high=float(likely.max()))

    def _range(self, of_limit: float, of_scale: Callable[[Numbers], Numbers]) -> Range:
        """Of `of_limit * limit + of_scale * scale`: its extremes over all laws that fit not significantly worse."""
        lines, most = self._lines, self._most_squares
        factor = of_scale(lines.exponents)
        value = of_limit * self.limit + float(of_scale(np.array([self.exponent]))[0]) * self.scale
        # Laws of one exponent that fit well enough are an ellipse over level and slope.
        lever = factor - of_limit * lines.middle
        variance = of_limit**2 / lines.weight + lever**2 / lines.spread
        radius = np.sqrt(np.maximum(most - lines.squares, 0.0))
        centre = of_limit * lines.level + lever * lines.slope
        found = [value]
        for side in (-1, 1):
            reach = side * radius / np.sqrt(np.maximum(variance, 1e-300))
            slope = lines.slope + reach * lever / lines.spread
            limit = lines.level + reach * of_limit / lines.weight - slope * lines.middle
            kept = (lines.squares <= most) & (limit >= lines.bound)
            found += (centre + reach * variance)[kept].tolist()
            if math.isfinite(lines.bound):
                # Where the bound cuts the ellipse.
                kept = lines.bound_squares <= most
                reach = side * np.sqrt(np.maximum(most - lines.bound_squares, 0.0) / lines.bound_curvature)
                found += (of_limit * lines.bound + factor * (lines.bound_slope + reach))[kept].tolist()
        return Range(value=value, low=min(found), high=max(found))


def fit_power_law(
    sizes: Sequence[float],
    errors: Sequence[float],
    *,
    variances: Sequence[float] | None = None,
    least: float = 0.0,
) -> PowerLaw:
    """The law that fits these points best, by weighted least squares.

    Args:
        sizes: above 0, of at least `FEWEST_SIZES` different values; a size may be there several times.
        errors: one for each.
        variances: of each error from its own measurement; points then weigh by it, and count as no surer than that
            even where they happen to lie on a curve. None: all weigh the same.
        least: the limit is at least this; minus infinity when an error may be anything.

    Raises:
        ValueError: there are too few sizes.
    """
    if len(set(sizes)) < FEWEST_SIZES:
        raise ValueError(f"{len(set(sizes))} sizes, and it takes {FEWEST_SIZES}")
    unit = float(max(sizes))
    shares, values = np.asarray(sizes, dtype=float) / unit, np.asarray(errors, dtype=float)
    weights = np.ones_like(values) if variances is None else 1 / np.asarray(variances, dtype=float)
    grid = np.geomspace(*EXPONENTS, _GRID)
    squares = _lines(shares, values, weights, grid, least).least_squares
    place = int(squares.argmin())
    best = _golden_section(
        lambda exponent: float(_lines(shares, values, weights, np.array([exponent]), least).least_squares[0]),
        float(grid[max(0, place - 1)]),
        float(grid[min(_GRID - 1, place + 1)]),
    )
    lines = _lines(shares, values, weights, np.sort(np.append(grid, best)), least)
    chosen = int(np.searchsorted(lines.exponents, best))
    scale = float((lines.bound_slope if lines.is_bound[chosen] else lines.slope)[chosen])
    limit = least if lines.is_bound[chosen] else float(lines.level - scale * lines.middle[chosen])
    left = float(lines.least_squares[chosen])
    degrees = len(values) - 3
    noise = left / degrees if variances is None else max(1.0, left / degrees)
    off = values - limit - scale * shares**-best
    # Rounding alone leaves so much of the squares.
    rounding = 1e-12 * float(weights @ values**2)
    return PowerLaw(
        unit=unit,
        limit=limit,
        scale=scale,
        exponent=best,
        residual=float(np.sqrt(np.mean(off**2))),
        _lines=lines,
        _most_squares=left + student_quantile(degrees) ** 2 * noise + rounding,
    )


def _lines(shares: Numbers, values: Numbers, weights: Numbers, exponents: Numbers, least: float) -> _Lines:
    powers = shares ** -exponents[:, None]
    weight = float(weights.sum())
    middle = powers @ weights / weight
    around = powers - middle[:, None]
    level = float(values @ weights) / weight
    spread = around**2 @ weights
    slope = around @ (weights * (values - level)) / spread
    squares = (values - level - slope[:, None] * around) ** 2 @ weights
    # A limit that can be anything has no bound to calculate with.
    bound = least if math.isfinite(least) else 0.0
    curvature = powers**2 @ weights
    bound_slope = powers @ (weights * (values - bound)) / curvature
    return _Lines(
        exponents=exponents,
        middle=middle,
        level=level,
        slope=slope,
        weight=weight,
        spread=spread,
        squares=squares,
        bound=least,
        bound_slope=bound_slope,
        bound_curvature=curvature,
        bound_squares=(values - bound - bound_slope[:, None] * powers) ** 2 @ weights,
    )


def _golden_section(function: Callable[[float], float], low: float, high: float) -> float:
    """Where the function, which has one valley between the ends, is least. Source: Kiefer (1953)."""
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    of_left, of_right = function(left), function(right)
    while high - low > 1e-9:
        if of_left <= of_right:
            high, right, of_right = right, left, of_left
            left = high - _GOLDEN * (high - low)
            of_left = function(left)
        else:
            low, left, of_left = left, right, of_right
            right = low + _GOLDEN * (high - low)
            of_right = function(right)
    return (low + high) / 2
