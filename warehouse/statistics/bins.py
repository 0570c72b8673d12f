"""Where to cut a column of numbers or times into bins: fine ones to compute with, round ones to show.

An edge here is a bin's largest value, inclusive, as DuckDB's `histogram` counts: bin i holds `edges[i-1] < x <=
edges[i]`, the first everything up to its edge. People read "10 up to but not 20", so a round bound b enters as the
largest double below b. Times are microseconds since 1970, which doubles hold exactly until the year 2255.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

BAR_COUNT = 24
"""About how many bars a chart has."""
USUAL_LEVELS = (0.001, 0.999)
"""Values between these quantiles are usual."""
QUANTILE_LEVELS = tuple(sorted({index / 200 for index in range(201)} | set(USUAL_LEVELS)))
"""Quantiles of the sample that become fine edges."""

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_STEPS = [
    *(seconds * _SECOND for seconds in (1, 5, 15, 30, 60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600)),
    *(days * _DAY for days in (1, 2, 7, 14)),
]
_MONTH_STEPS = (1, 3, 6, 12, 24, 60, 120, 240, 600, 1200)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """How both sides of one column are cut."""

    edges: tuple[float, ...]
    """Rising largest values of the fine bins; the last is at least the largest value of either side."""
    bounds: tuple[float, ...]
    """Rising round bounds between the bars of a chart: bar i is `bounds[i] <= x < bounds[i+1]`; fine bins never
    straddle one. Values outside belong to two further bars, below and above."""
    lowest: float
    """Smallest value of either side, so that the first bin has a width."""


def make_bins(
    quantiles: Sequence[Sequence[float]], extremes: Sequence[tuple[float, float]], *, is_time: bool, is_whole: bool
) -> Bins | None:
    """Common bins for two sides; None when neither has a finite value.

    Args:
        quantiles: per side, the sample's values at `QUANTILE_LEVELS`; empty for a side without values.
        extremes: per side with values, its smallest and largest.
        is_time: bounds fall on round hours, days, months or years.
        is_whole: values are whole numbers, so no bar is narrower than one.
    """
    if not extremes:
        return None
    lowest = min(low for low, _ in extremes)
    highest = max(high for _, high in extremes)
    low, high = _window([side for side in quantiles if side], lowest, highest)
    bounds = time_bounds(low, high) if is_time else round_bounds(low, high, is_whole=is_whole)
    edges = {_below(bound) for bound in bounds} | {highest}
    for smallest, largest in extremes:
        # So that rows beyond the range of one side can be counted.
        edges |= {_below(smallest), largest}
    for side in quantiles:
        # A value that fills several quantiles is an atom (a default, a zero): it gets a bin of its own.
        atoms = {value for value, following in pairwise(side) if value == following}
        edges |= set(side) | {_below(atom) for atom in atoms}
        edges |= {_below(value) for level, value in zip(QUANTILE_LEVELS, side, strict=True) if level == USUAL_LEVELS[0]}
    kept = sorted(edge for edge in edges if lowest <= edge <= highest)
    return Bins(edges=tuple(kept), bounds=tuple(bounds), lowest=lowest)


def _window(quantiles: Sequence[Sequence[float]], lowest: float, highest: float) -> tuple[float, float]:
    """The range that a chart shows: all values, but for tails so long that they would hide the rest."""
    lows, highs = [], []
    for side in quantiles:
        at = dict(zip(QUANTILE_LEVELS, side, strict=True))
        reach = 3 * (at[0.75] - at[0.25])
        lows.append(max(at[0.005], at[0.25] - reach) if reach > 0 else at[0.005])
        highs.append(min(at[0.995], at[0.75] + reach) if reach > 0 else at[0.995])
    low, high = min(lows, default=lowest), max(highs, default=highest)
    # Nothing is cut off for the sake of a short tail.
    room = (high - low) / 4
    return (lowest if low - lowest <= room else low), (highest if highest - high <= room else high)


_LEAST_SPAN = 1e-290
"""The power of ten by which tenths of a smaller span are reckoned would be no double."""


def _below(value: float) -> float:
    return math.nextafter(value, -math.inf)


def round_bounds(low: float, high: float, *, is_whole: bool = False) -> list[float]:
    """Rising bounds at multiples of 1, 2, 2.5 or 5 times a power of ten, covering `low` to `high`; two at least."""
    span = high - low
    if not math.isfinite(span) or span <= max(abs(low), abs(high)) * 1e-12 or span < _LEAST_SPAN:
        # A single value, or a span beyond doubles or too small to divide: one bar.
        return [low, max(math.nextafter(high, math.inf), low + 1.0 if is_whole else low)]
    raw = span / BAR_COUNT
    exponent = math.floor(math.log10(raw))
    scale, tenths = next((step, exponent) for step in (1.0, 2.0, 2.5, 5.0, 10.0) if step * 10.0**exponent >= raw)
    if is_whole and scale * 10.0**tenths < 1:
        scale, tenths = 1.0, 0
    if is_whole and scale == 2.5 and tenths == 0:
        scale = 5.0
    step = scale * 10.0**tenths

    def bound(index: int) -> float:
        # Dividing by a power of ten rounds right, multiplying by 0.1 does not: 3 * 0.1 is not 0.3.
        return index * scale / 10.0**-tenths if tenths < 0 else index * step

    first, last = math.floor(low / step), math.floor(high / step) + 1
    # The quotients may be off by a hair.
    first += (bound(first + 1) <= low) - (bound(first) > low)
    last += bound(last) <= high
    return sorted({bound(index) for index in range(first, last + 1)})


def time_bounds(low: float, high: float) -> list[float]:
    """Rising bounds on round clock times, days, months or years in UTC, in microseconds since 1970."""
    span = high - low
    for step in _STEPS:
        if span / step <= 1.5 * BAR_COUNT:
            # 1970 began on a Thursday; weeks begin on Mondays.
            offset = 4 * _DAY if step >= 7 * _DAY else 0
            first, last = math.floor((low - offset) / step), math.floor((high - offset) / step) + 1
            return [float(k * step + offset) for k in range(first, last + 1)]
    start, end = to_datetime(low), to_datetime(high)
    if start is None or end is None:
        return round_bounds(low, high)
    months = (end.year - start.year) * 12 + end.month - start.month
    size = next((step for step in _MONTH_STEPS if months / step <= 1.5 * BAR_COUNT), 12_000)
    first = (start.year * 12 + start.month - 1) // size
    last = (end.year * 12 + end.month - 1) // size + 1
    bounds = []
    for index in range(first, last + 1):
        year, month = divmod(index * size, 12)
        if 1 <= year <= 9999:
            bounds.append((datetime(year, month + 1, 1, tzinfo=UTC) - _EPOCH) / timedelta(microseconds=1))
    return bounds if len(bounds) > 1 else round_bounds(low, high)


def to_datetime(microseconds: float) -> datetime | None:
    """The time that many microseconds after 1970 began, UTC; None outside the years 1 to 9999."""
    try:
        return _EPOCH + timedelta(microseconds=microseconds)
    except (OverflowError, ValueError):
        return None


def bin_sql(value: str, name: str, first: int, last: int) -> str:
    """The number of the bin that a value lies in, as an expression; the last takes all above, and NULL.

    Bounds are the parameters `$name_0` and on. Halving takes a fifth of the time of comparing with all.
    """
    if first == last:
        return str(first)
    middle = (first + last) // 2
    below, above = bin_sql(value, name, first, middle), bin_sql(value, name, middle + 1, last)
    return f"case when {value} <= ${name}_{middle} then {below} else {above} end"
