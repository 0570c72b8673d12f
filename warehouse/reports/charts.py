"""Where the marks of a chart lie: geometry as numbers and path texts, which the template draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from warehouse.checks.drift_result import Bar, Role
from warehouse.checks.drift_verdicts import Effect

WIDTH = 600
PLOT_HEIGHT = 150
GAP = 14
"""Space around bars that are not part of the axis: tails, rare and missing values."""
ROW_HEIGHT = 34


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
    """One category's line: its name, and both shares written at `x`."""

    x: float
    y: float
    label: str
    left_share: float
    right_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Paired lying bars, one pair per line."""

    left_path: str
    right_path: str
    rows: tuple[Row, ...]


def upright(bars: Sequence[Bar]) -> Columns:
    """Bars of a number or a time: a run of touching slots for the values, and apart from it the tails and the rest."""
    highest = max((share for bar in bars for share in (bar.left_share, bar.right_share)), default=0.0) or 1.0
    breaks = sum(1 for before, after in pairwise(bars) if _apart(before, after))
    slot = min(64.0, (WIDTH - GAP * breaks) / max(1, len(bars)))
    left_path, right_path, ticks = [], [], []
    axes: list[tuple[float, float]] = []
    x, start = 0.0, 0.0
    values = [index for index, bar in enumerate(bars) if bar.role is Role.VALUE]
    for index, bar in enumerate(bars):
        if index and _apart(bars[index - 1], bar):
            axes.append((start, x))
            x += GAP
            start = x
        width = max(1.0, slot * 0.42)
        left_path.append(_bar(x + slot * 0.06, width, bar.left_share / highest))
        right_path.append(_bar(x + slot * 0.06 + width, width, bar.right_share / highest))
        if bar.role is not Role.VALUE:
            ticks.append(Tick(round(x + slot / 2, 1), _short(bar), "middle"))
        elif len(values) <= 12:
            ticks.append(Tick(round(x + slot / 2, 1), bar.label.split(" to ")[0]))
        elif (index - values[0]) % max(1, round(len(values) / 5)) == 0 and index - values[0] <= len(values) * 0.93:
            ticks.append(Tick(round(x, 1), bar.label.split(" to ")[0], "start" if x < 20 else "middle"))
        x += slot
    axes.append((start, x))
    return Columns(
        left_path="".join(left_path),
        right_path="".join(right_path),
        ticks=tuple(ticks),
        highest_share=highest,
        axes=tuple((round(low, 1), round(high, 1)) for low, high in axes),
    )


def _apart(before: Bar, after: Bar) -> bool:
    return before.role is not after.role or after.role is not Role.VALUE


def _bar(x: float, width: float, height: float) -> str:
    """In half units, whole numbers: the paths make up much of a report's size."""
    if height <= 0:
        return ""
    # What is there must be seen, however small.
    tall = max(round(2 * height * PLOT_HEIGHT), 2)
    return f"M{2 * x:.0f} {2 * PLOT_HEIGHT}v-{tall}h{2 * width:.0f}v{tall}"


def _short(bar: Bar) -> str:
    if bar.role is Role.BELOW:
        return "less"
    if bar.role is Role.ABOVE:
        return "more"
    return "rest" if bar.role is Role.OTHER else bar.label


def lying(bars: Sequence[Bar], *, start: float = 200.0, width: float = 250.0) -> Rows:
    """Bars of categories, one pair per line.

    All others together have only their shares written: their bars would make those of single values too short to see.
    """
    drawn = [bar for bar in bars if bar.role is not Role.OTHER]
    highest = max((share for bar in drawn for share in (bar.left_share, bar.right_share)), default=0.0) or 1.0
    left_path: list[str] = []
    right_path: list[str] = []
    rows = []
    for index, bar in enumerate(bars):
        y, end = index * ROW_HEIGHT, start
        for share, top, path in ((bar.left_share, y + 4, left_path), (bar.right_share, y + 15, right_path)):
            if share > 0 and bar.role is not Role.OTHER:
                # What is there must be seen, however small.
                length = max(share / highest * width, 1.0)
                path.append(f"M{start:.0f} {top}h{length:.0f}v11h-{length:.0f}")
                end = max(end, start + length)
        rows.append(Row(x=round(end + 8), y=y, label=bar.label, left_share=bar.left_share, right_share=bar.right_share))
    return Rows(left_path="".join(left_path), right_path="".join(right_path), rows=tuple(rows))


@dataclass(frozen=True, slots=True)
class Gauge:
    """An interval against its threshold, each as a place 0..100; the threshold is always in the middle."""

    low: float
    value: float
    high: float


def gauge(effect: Effect) -> Gauge:
    """Places on a scale that runs from nothing to everything: x / (x + threshold)."""

    def place(value: float) -> float:
        return round(100 * value / (value + effect.threshold), 1)

    return Gauge(place(effect.low), place(effect.value), place(effect.high))
