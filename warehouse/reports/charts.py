"""Where the marks of a chart lie: geometry as numbers and path texts, which the template draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from warehouse.checks.drift.parts import Aspect, LabelRelation
from warehouse.checks.drift.result import Bar, Role
from warehouse.checks.drift.verdicts import Effect

WIDTH = 600
PLOT_HEIGHT = 150
GAP = 14
"""Space around bars that are not part of the axis: tails, rare and missing values."""
LETTER = 13
"""Width of a tick's letter on a phone, where the chart is half as wide and its letters twice as large."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A word under, or beside, the chart."""

    x: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Paired upright bars over an axis."""

    left_path: str
    right_path: str
    ticks: tuple[Tick, ...]
    highest_share: float
    axes: tuple[tuple[float, float], ...]
    """From and to of each run of base line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One category's line in a table."""

    label: str
    left_share: float
    right_share: float
    left_width: float
    """Of its bar, 0..100; 0 without one."""
    right_width: float


def upright(bars: Sequence[Bar]) -> Columns:
    """Bars of a number or a time: a run of touching slots for the values, and apart from it the tails and the rest."""
    highest = max((share for bar in bars for share in (bar.left_share, bar.right_share)), default=0.0) or 1.0
    breaks = sum(1 for before, after in pairwise(bars) if _apart(before, after))
    slot = min(64.0, (WIDTH - GAP * breaks) / max(1, len(bars)))
    left_bars: list[tuple[float, float, float]] = []
    right_bars: list[tuple[float, float, float]] = []
    ticks = []
    axes: list[tuple[float, float]] = []
    x, start = 0.0, 0.0
    values = [index for index, bar in enumerate(bars) if bar.role is Role.VALUE]
    longest = max((min(len(_from(bars[index])), 14) for index in values), default=0)
    every = max(1, math.ceil((longest * LETTER + GAP) / slot))
    # The first tick begins at the chart's edge, so the next would touch it.
    hidden = every if values[:1] == [0] and 1.5 * longest * LETTER + GAP > every * slot else -1
    for index, bar in enumerate(bars):
        if index and _apart(bars[index - 1], bar):
            axes.append((start, x))
            x += GAP
            start = x
        width = max(1.0, slot * 0.42)
        left_bars.append((x + slot * 0.06, width, bar.left_share / highest))
        right_bars.append((x + slot * 0.06 + width, width, bar.right_share / highest))
        place = index - values[0] if values else 0
        after_tail = place == 0 and index > 0 and every > 1
        if bar.role is not Role.VALUE:
            ticks.append(Tick(round(x + slot / 2, 1), _short(bar)))
        elif every == 1:
            ticks.append(Tick(round(x + slot / 2, 1), _from(bar)))
        elif place % every == 0 and place + every / 2 <= len(values) and not after_tail and place != hidden:
            ticks.append(Tick(round(x, 1), _from(bar), "start" if x < 20 else "middle"))
        x += slot
    axes.append((start, x))
    return Columns(
        left_path=_path(left_bars),
        right_path=_path(right_bars),
        ticks=tuple(ticks),
        highest_share=highest,
        axes=tuple((round(low, 1), round(high, 1)) for low, high in axes),
    )


def _from(bar: Bar) -> str:
    """Where the bar begins, as its tick says."""
    return bar.label.split(" to ")[0]


def _apart(before: Bar, after: Bar) -> bool:
    return before.role is not after.role or after.role is not Role.VALUE


def _path(bars: Sequence[tuple[float, float, float]]) -> str:
    """Bars of (x, width, height 0..1), in half units and whole numbers, each from where the one before ended.

    Paths make up much of a report's size.
    """
    parts, at = [f"M0 {2 * PLOT_HEIGHT}"], 0
    for x, width, height in bars:
        if height > 0:
            start, wide = round(2 * x), round(2 * width)
            # What is there must be seen, however small.
            tall = max(round(2 * height * PLOT_HEIGHT), 2)
            parts.append(f"m{start - at} 0v-{tall}h{wide}v{tall}")
            at = start + wide
    return "".join(parts) if len(parts) > 1 else ""


def _short(bar: Bar) -> str:
    if bar.role is Role.BELOW:
        return "less"
    if bar.role is Role.ABOVE:
        return "more"
    return "rest" if bar.role is Role.OTHER else bar.label


def lying(bars: Sequence[Bar]) -> tuple[Row, ...]:
    """Bars of categories, one pair per line.

    All others together have only their shares written: their bars would make those of single values too short to see.
    """
    drawn = [bar for bar in bars if bar.role is not Role.OTHER]
    highest = max((share for bar in drawn for share in (bar.left_share, bar.right_share)), default=0.0) or 1.0

    def width(bar: Bar, share: float) -> float:
        # What is there must be seen, however small.
        return max(round(100 * share / highest, 1), 0.5) if share > 0 and bar.role is not Role.OTHER else 0.0

    return tuple(
        Row(
            label=bar.label,
            left_share=bar.left_share,
            right_share=bar.right_share,
            left_width=width(bar, bar.left_share),
            right_width=width(bar, bar.right_share),
        )
        for bar in bars
    )


@dataclass(frozen=True, slots=True)
class Gauge:
    """An interval against its threshold, each as a place 0..100; the threshold is always in the middle."""

    low: float
    value: float
    high: float


def gauge(effect: Effect | LabelRelation) -> Gauge:
    """Places on a scale that runs from nothing to everything: x / (x + threshold)."""

    def place(value: float) -> float:
        size = max(0.0, value)
        return round(100 * size / (size + effect.threshold), 1) if size else 0.0

    value = effect.change if isinstance(effect, LabelRelation) else effect.value
    return Gauge(place(effect.low), place(value), place(effect.high))


def aspect_bars(aspect: Aspect) -> tuple[Bar, ...]:
    """An aspect's bars as a column's; only shares are known."""
    return tuple(
        Bar(label=bar.label, left_count=0, right_count=0, left_share=bar.left_share, right_share=bar.right_share)
        for bar in aspect.bars
    )
