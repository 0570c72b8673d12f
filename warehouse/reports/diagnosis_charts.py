"""Where the marks of a diagnosis' charts lie: places 0..100 on a scale, which the template draws."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from warehouse.checks.diagnosis.result import Diagnosis, Gap, Level, MetricName, SplitErrors
from warehouse.checks.diagnosis.slice_result import SliceErrors
from warehouse.checks.drift.words import number_text
from warehouse.statistics.estimates import Estimate

EDGE = 3.0
"""Of the scale, at either end, so that a dot there is whole."""
MOST_TICKS = 6
SQUARE = 200.0
"""Side of a reliability diagram."""
BARS_HEIGHT = 36.0


@dataclass(frozen=True, slots=True)
class Tick:
    """A round number under the chart."""

    x: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """From values to places; what lies beyond, or is not finite, ends at the edge."""

    low: float
    high: float
    ticks: tuple[Tick, ...] = ()

    def place(self, value: float) -> float:
        """0..100."""
        if math.isnan(value):
            return 50.0
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(EDGE + (100 - 2 * EDGE) * share, 2)


@dataclass(frozen=True, slots=True)
class Span:
    """An estimate's place and those of its interval's ends."""

    low: float
    value: float
    high: float


def span(scale: Scale, estimate: Estimate) -> Span:
    """Where an estimate lies."""
    return Span(*(scale.place(value) for value in (estimate.low, estimate.value, estimate.high)))


def levels_scale(result: Diagnosis) -> Scale:
    """Of the ladder: from nothing, unless all levels lie so close together that their gaps would not be seen."""
    estimates = [level.estimate for level in result.levels]
    return scale_of([end for each in estimates for end in (each.low, each.value, each.high)], result.metric)


def slices_scale(errors: Sequence[SliceErrors], metric: MetricName) -> Scale:
    """Of slices: their errors, and those of the rest."""
    estimates = [each for part in errors for each in (part.error, part.rest)]
    return scale_of([end for each in estimates for end in (each.low, each.value, each.high)], metric)


def scale_of(values: Iterable[float], metric: MetricName) -> Scale:
    """One on which all finite values fit, with round numbers."""
    finite = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(finite), max(finite)
    if high == low:
        low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    if min(finite) >= 0 and low <= 0.6 * high:
        low = 0.0
    step = _round_step((high - low) / (MOST_TICKS - 1))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    bare = Scale(low=low, high=high)
    ticks = (Tick(bare.place(count * step), _tick_text(metric, count * step, step)) for count in range(first, last + 1))
    return Scale(low=low, high=high, ticks=tuple(ticks))


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least * (1 - 1e-9))


def _tick_text(metric: MetricName, value: float, step: float) -> str:
    if not metric.is_share:
        return number_text(value + 0.0)
    # So many decimals that neighbours differ; adding nothing makes of minus nothing nothing.
    return f"{100 * value + 0.0:,.{max(0, -math.floor(math.log10(100 * step) + 1e-9))}f}%"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """From one level to the next, and where the second may lie as seen from the first."""

    start: float
    end: float
    low: float
    high: float


def step(scale: Scale, left: Level, gap: Gap, metric: MetricName) -> Step:
    """Where a gap lies; worse is to the right, or to the left of a measure of which more is better."""
    sign = -1.0 if metric.is_better_greater else 1.0
    start = left.estimate.value
    low, high = sorted(scale.place(start + sign * end) for end in (gap.change.low, gap.change.high))
    return Step(start=scale.place(start), end=scale.place(start + sign * gap.change.value), low=low, high=high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A bin of a reliability diagram."""

    x: float
    y: float
    low_y: float
    high_y: float
    radius: float
    bar_x: float
    bar_width: float
    bar_height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """A reliability diagram: predicted probability to the right, what was observed upwards, rows as bars below."""

    dots: tuple[Dot, ...]
    line: str
    """Through the dots."""


def reliability(errors: SplitErrors) -> Reliability:
    """The diagram of one split; y grows downwards, as pages do."""
    bins = errors.reliability
    most = max((each.row_count for each in bins), default=1) or 1

    def y(share: float) -> float:
        return round(SQUARE * (1 - min(max(share, 0.0), 1.0)), 1)

    dots = tuple(
        Dot(
            x=round(SQUARE * each.mean_probability, 1),
            y=y(each.observed.value),
            low_y=y(each.observed.low),
            high_y=y(each.observed.high),
            radius=round(2 + 4 * math.sqrt(each.row_count / most), 1),
            bar_x=round(SQUARE * each.low + 0.5, 1),
            bar_width=round(max(SQUARE * (each.high - each.low) - 1, 1.0), 1),
            # What is there must be seen, however small.
            bar_height=round(max(BARS_HEIGHT * each.row_count / most, 0.8), 1),
        )
        for each in bins
    )
    line = "".join(f"M{a.x:g} {a.y:g}L{b.x:g} {b.y:g}" for a, b in pairwise(dots))
    return Reliability(dots=dots, line=line)
