"""Where the marks of the catalog's small charts lie: numbers and path texts, which the templates draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from warehouse.catalog_facts import CheckPoint, ColumnDigest, RunFacts, Size, State, ValueBar, VersionFacts
from warehouse.checks.drift.words import share_text

WIDTH, HEIGHT = 200, 44
MOST_VALUES = 6
DOT = 10
"""Pixels from dot to dot."""
RUN_WIDTH, RUN_HEIGHT = 16, 70


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Touching bars along an axis."""

    path: str
    first: str
    """Where the axis begins and ends."""
    last: str
    label: str
    """The chart in words, for who does not see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRow:
    """One frequent value."""

    label: str
    share: str
    width: int
    """Of its bar, 0..100; 0 without one."""


def histogram(digest: ColumnDigest) -> Histogram | None:
    """The ranges of a number or time; None when there is nothing to draw."""
    bars = [bar for bar in digest.bars if bar.is_value]
    highest = max((bar.share for bar in bars), default=0.0)
    if not digest.is_range or highest <= 0:
        return None
    slot = WIDTH / len(bars)
    parts = []
    for index, bar in enumerate(bars):
        if bar.share > 0:
            # What is there must be seen, however small.
            tall = max(1.5, HEIGHT * bar.share / highest)
            left, right = round(index * slot), round((index + 1) * slot)
            parts.append(f"M{left} {HEIGHT}v-{tall:.4g}h{max(1, right - left - 1)}v{tall:.4g}z")
    most = max(bars, key=lambda bar: bar.share)
    return Histogram(
        path="".join(parts),
        first=digest.minimum,
        last=digest.maximum,
        label=f"{len(bars)} ranges; most rows, {share_text(most.share)}, in {most.label}",
    )


def value_rows(digest: ColumnDigest) -> tuple[ValueRow, ...]:
    """The most frequent values, and all others together; none for ranges."""
    if digest.is_range:
        return ()
    values = [bar for bar in digest.bars if bar.is_value]
    shown = sorted(values, key=lambda bar: -bar.share)[:MOST_VALUES]
    highest = max((bar.share for bar in shown), default=0.0) or 1.0
    rows = [
        ValueRow(label=bar.label, share=share_text(bar.share), width=max(1, round(100 * bar.share / highest)))
        for bar in shown
    ]
    rest = sum(bar.share for bar in values) - sum(bar.share for bar in shown) + sum(map(_others, digest.bars))
    if rest > 1e-9:
        rows.append(ValueRow(label="all others", share=share_text(min(rest, 1.0)), width=0))
    return tuple(rows)


def _others(bar: ValueBar) -> float:
    """The share of a bar of rare values; missing and infinite ones are told apart from the chart."""
    return bar.share if not bar.is_value and bar.label.endswith(("other", "others")) else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dots:
    """How a check came out, build by build: one path for each look."""

    paths: tuple[tuple[str, str], ...]
    """Look and path."""
    width: int
    label: str


def dots(history: Sequence[CheckPoint]) -> Dots:
    """A dot for what held, a triangle for what did not, a diamond for a warning; oldest first."""
    shapes = {State.GOOD: "a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0 -6.4 0", State.BAD: "l4.2 -7.4l4.2 7.4z"}
    starts = {State.GOOD: (1.8, 6.0), State.BAD: (0.8, 9.6)}
    found: dict[State, list[str]] = {}
    for index, point in enumerate(history):
        x, y = starts.get(point.state, (0.6, 6.0))
        shape = shapes.get(point.state, "l4.4 -4.4l4.4 4.4l-4.4 4.4z")
        found.setdefault(point.state, []).append(f"M{index * DOT + x:g} {y:g}{shape}")
    held = sum(point.state is State.GOOD for point in history)
    builds = "build" if len(history) == 1 else "builds"
    last = next((point.run_id for point in reversed(history) if point.state in (State.BAD, State.WARN)), "")
    return Dots(
        paths=tuple((state.value, "".join(parts)) for state, parts in found.items()),
        width=max(1, len(history)) * DOT,
        label=f"held in {held} of {len(history)} {builds}" + (f", last not in {last}" if last else ""),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """A line over builds."""

    line: str
    area: str
    label: str


def size_trend(sizes: Sequence[Size]) -> Trend | None:
    """Rows from build to build, on an axis from 0; None when they never differ."""
    if len({size.row_count for size in sizes}) < 2:
        return None
    highest = max(size.row_count for size in sizes) or 1
    step = WIDTH / (len(sizes) - 1)
    spots = [f"{index * step:.4g} {HEIGHT * (1 - size.row_count / highest):.4g}" for index, size in enumerate(sizes)]
    line = "M" + "L".join(spots)
    first, last = sizes[0].row_count, sizes[-1].row_count
    return Trend(
        line=line,
        area=f"{line}V{HEIGHT}H0z",
        label=f"from {first:,} to {last:,} rows in {len(sizes)} builds",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBar:
    """One run of the history."""

    run: RunFacts
    x: int
    height: float


def run_bars(runs: Sequence[RunFacts]) -> tuple[RunBar, ...]:
    """Runs as bars, as high as they took long; oldest first."""
    longest = max((run.seconds for run in runs), default=0.0) or 1.0
    return tuple(
        RunBar(run=run, x=index * RUN_WIDTH, height=max(3.0, round(RUN_HEIGHT * run.seconds / longest, 1)))
        for index, run in enumerate(runs)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitBar:
    """One split of a version's bar."""

    name: str
    x: float
    """Of 100, which is the largest version."""
    width: float
    row_count: int


def split_bars(versions: Sequence[VersionFacts]) -> tuple[tuple[SplitBar, ...], ...]:
    """One bar per version, of its splits side by side, on one scale."""
    largest = max((version.row_count for version in versions), default=0) or 1
    bars = []
    for version in versions:
        x, parts = 0.0, []
        for split in version.splits:
            width = 100 * split.row_count / largest
            parts.append(SplitBar(name=split.name, x=round(x, 2), width=round(width, 2), row_count=split.row_count))
            x += width
        bars.append(tuple(parts))
    return tuple(bars)
