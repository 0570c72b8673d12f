"""Whether some rows err more than others: one-sided tail probabilities, of many pairs of sets at once.

Every argument is an array of as many pairs; a set is its count of rows, and the sums of its values and their squares.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from warehouse.statistics.significance import normal_tail

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sums:
    """Sets of rows, one per place of the arrays; they add and subtract as sets do that share no row or hold another."""

    count: Numbers
    total: Numbers
    squares: Numbers

    @staticmethod
    def of(count: float, total: float, squares: float) -> Sums:
        """One set."""
        return Sums(*(np.array([float(value)]) for value in (count, total, squares)))

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.count + other.count, self.total + other.total, self.squares + other.squares)

    def __sub__(self, other: Sums) -> Sums:
        return Sums(self.count - other.count, self.total - other.total, self.squares - other.squares)

    def at(self, place: int) -> Sums:
        """The one at this place."""
        return Sums.of(self.count[place], self.total[place], self.squares[place])

    @property
    def mean(self) -> Numbers:
        """NaN of no rows."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.count > 0, self.total / self.count, np.nan)

    @property
    def variance(self) -> Numbers:
        """Of one row, from the sample; NaN below two rows."""
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            spread = np.maximum(0.0, self.squares / self.count - self.mean**2)
            return np.where(self.count > 1, spread * self.count / (self.count - 1), np.nan)


def tails(deviations: Numbers, degrees: Numbers | None = None) -> Numbers:
    """P(a standard normal variable, or Student's of so many degrees of freedom, is at least this); 1 for NaN.

    Of Student's law by Wallace's transformation, within a few percent from two degrees on. Source: Wallace (1959).
    """
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        if degrees is not None:
            normal = np.sqrt(degrees * np.log1p(deviations**2 / degrees)) * (8 * degrees + 1) / (8 * degrees + 3)
            deviations = np.where(degrees >= 1, np.copysign(normal, deviations), np.nan)
    return np.array([1.0 if math.isnan(value) else normal_tail(value) for value in deviations.tolist()])


def rate_deviations(inside: Sums, outside: Sums, *, weight: Numbers | float = 1.0) -> Numbers:
    """By how many standard deviations a share of rows is greater inside, 0 when it is not; values are 0 or 1.

    The root of the likelihood ratio, with half a row for what is counted in whole ones: its tail is near Fisher's exact
    one also where a few rows have it, as that of the difference of shares is not. Sources: McCullagh and Nelder (1989);
    Yates (1934). `weight` independent rows are in one row, at most 1, where rows come in clusters (Rao and Scott 1981).
    """
    n, m = inside.count * weight, outside.count * weight
    k, rest = inside.total * weight, outside.total * weight
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (k + rest) / (n + m)
        k = np.maximum(k - 0.5, n * share)
        rest = share * (n + m) - k
        parts = (
            _log_part(k, n * share)
            + _log_part(n - k, n * (1 - share))
            + _log_part(rest, m * share)
            + _log_part(m - rest, m * (1 - share))
        )
        return np.sqrt(np.maximum(0.0, 2 * parts))


def _log_part(observed: Numbers, expected: Numbers) -> Numbers:
    return np.where(observed > 0, observed * np.log(np.maximum(observed, 1e-300) / expected), 0.0)


def rate_tails(inside: Sums, outside: Sums) -> Numbers:
    """P(the share inside is so much greater by chance), of independent rows."""
    return np.where(inside.mean > outside.mean, tails(rate_deviations(inside, outside)), 1.0)


def mean_tails(inside: Sums, outside: Sums) -> Numbers:
    """P(the mean inside is so much greater by chance), of independent rows. Source: Welch (1947).

    Each side's own variance makes it safe for errors with a long upper tail.
    """
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        parts = inside.variance / inside.count, outside.variance / outside.count
        variance = parts[0] + parts[1]
        degrees = variance**2 / (parts[0] ** 2 / (inside.count - 1) + parts[1] ** 2 / (outside.count - 1))
        found = tails((inside.mean - outside.mean) / np.sqrt(variance), degrees)
    return np.where(inside.mean > outside.mean, found, 1.0)
