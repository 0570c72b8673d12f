"""Where the marks of charts of a label's dependence and of series lie: numbers and paths, which the template draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from warehouse.checks.drift.parts import LabelRelation, RelationBin
from warehouse.checks.drift.series_result import DriftSeries, SeriesColumn
from warehouse.checks.drift.verdicts import Verdict

MOST_BINS = 20
START, SPAN = 8.0, 184.0
"""Of the scale, in a chart 200 wide, so that a dot at its end is whole."""
TREND_WIDTH, TREND_HEIGHT = 320.0, 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One bin's line: the label on both sides."""

    label: str
    left_x: float | None
    right_x: float | None
    left_mean: float | None
    right_mean: float | None
    size: float
    """Radius of the dots: larger, the more of the right's rows the bin has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependence:
    """How the label behaves in each bin of a feature."""

    pairs: tuple[Pair, ...]
    hidden_count: int
    """Bins not drawn: those with the fewest rows."""


def dependence(relation: LabelRelation) -> Dependence:
    """Both sides' label per bin, on one scale; at most `MOST_BINS` bins, in their own order."""

    def rows(part: RelationBin) -> int:
        return part.left_count + part.right_count

    largest = sorted(relation.bins, key=lambda part: (-rows(part), part.label))[:MOST_BINS]
    kept = {id(part) for part in largest}
    bins = [part for part in relation.bins if id(part) in kept]
    means = [mean for part in bins for mean in (part.left_mean, part.right_mean) if mean is not None]
    low, high = min([0.0, *means]), max([0.0, *means])
    most = max((part.right_count for part in bins), default=0) or 1

    def place(mean: float | None) -> float | None:
        return None if mean is None else round(START + SPAN * (mean - low) / ((high - low) or 1.0), 1)

    pairs = tuple(
        Pair(
            label=part.label,
            left_x=place(part.left_mean),
            right_x=place(part.right_mean),
            left_mean=part.left_mean,
            right_mean=part.right_mean,
            size=round(3 + 4 * (part.right_count / most) ** 0.5, 1),
        )
        for part in bins
    )
    return Dependence(pairs=pairs, hidden_count=len(relation.bins) - len(bins))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """One value over time."""

    line: str
    band: str
    """The outline of the interval around the line; empty without one."""
    level_y: float | None
    """Of the threshold, or of the baseline."""
    marks: tuple[float, ...]
    """Where change points lie."""
    dots: str
    """A path with a point for each period that drifted."""
    highest: float
    """The value at the top of the chart."""


def places(series: DriftSeries) -> list[float]:
    """Where each period lies, 0..1 from the first to the last; as dates lie, so that gaps are seen."""
    starts = [period.start for period in series.periods]
    try:
        days = [float(date.fromisoformat(start[:10]).toordinal()) for start in starts]
    except ValueError:
        days = [float(index) for index in range(len(starts))]
    if len(days) < 2 or days[-1] == days[0]:
        return [0.5] * len(days)
    return [(day - days[0]) / (days[-1] - days[0]) for day in days]


def column_trend(series: DriftSeries, column: SeriesColumn, at: Sequence[float]) -> Trend:
    """A column's distance to the baseline, period by period, against its threshold."""
    where = {period.start: x for period, x in zip(series.periods, at, strict=True)}
    points = [point for point in column.points if point.period in where]
    # A period with few rows says little and reaches far: it would press all others flat.
    highest = max(
        [1.5 * column.threshold, *(point.high for point in points if not point.is_thin and not point.is_unfinished)]
    )
    spots = [(where[point.period] * TREND_WIDTH, _y(point.value, highest)) for point in points]
    edges = [
        ((x, _y(point.high, highest)), (x, _y(point.low, highest))) for (x, _), point in zip(spots, points, strict=True)
    ]
    breaks = _breaks(series, [point.period for point in points])
    return Trend(
        line=_line(spots, breaks),
        band=_band(edges, breaks),
        level_y=_y(column.threshold, highest),
        marks=tuple(
            round(where[change.period] * TREND_WIDTH, 1) for change in column.change_points if change.period in where
        ),
        dots="".join(
            f"M{x:.0f} {y:.0f}h0"
            for (x, y), point in zip(spots, points, strict=True)
            if point.verdict is Verdict.DRIFTED
        ),
        highest=highest,
    )


def label_trend(series: DriftSeries, at: Sequence[float]) -> Trend | None:
    """The label's mean, period by period, against the baseline's; None without a label."""
    known = [(period, x) for period, x in zip(series.periods, at, strict=True) if period.label_mean is not None]
    baseline = series.baseline_label_mean
    values = [period.label_mean or 0.0 for period, _ in known]
    highest = max([*values, baseline or 0.0], default=0.0)
    if not known or highest <= 0 or min([*values, baseline or 0.0]) < 0:
        return None
    spots = [(x * TREND_WIDTH, _y(value, highest)) for (_, x), value in zip(known, values, strict=True)]
    return Trend(
        line=_line(spots, _breaks(series, [period.start for period, _ in known])),
        band="",
        level_y=_y(baseline, highest) if baseline is not None else None,
        marks=(),
        dots="",
        highest=highest,
    )


def _y(value: float, highest: float) -> float:
    return TREND_HEIGHT * (1 - min(value / (highest or 1.0), 1.0))


def _breaks(series: DriftSeries, periods: Sequence[str]) -> set[int]:
    """Places in the line that follow a gap."""
    return {
        index
        for index in range(1, len(periods))
        if any(periods[index - 1] < gap.start <= periods[index] for gap in series.gaps)
    }


def _band(edges: Sequence[tuple[tuple[float, float], tuple[float, float]]], breaks: set[int]) -> str:
    """The outline of what lies between upper and lower edges, one for each run of periods."""
    bounds = [0, *sorted(breaks), len(edges)]
    runs = [edges[start:end] for start, end in pairwise(bounds) if start < end]
    return "".join(
        _line([*(upper for upper, _ in run), *(lower for _, lower in reversed(run))], set()) + "z" for run in runs
    )


def _line(spots: Sequence[tuple[float, float]], breaks: set[int]) -> str:
    parts = []
    for index, (x, y) in enumerate(spots):
        parts.append(f"{'M' if not index or index in breaks else 'L'}{x:.0f} {y:.0f}")
    # A lone period would be a line without length, which nothing draws.
    return "".join(parts) + ("h.1" if len(spots) == 1 else "")
