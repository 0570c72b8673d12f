"""One column over all periods, from counts alone: its distance to the baseline in each, and its lasting changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from warehouse.checks.drift.series_result import ChangePoint, SeriesColumn, SeriesPoint
from warehouse.checks.drift.series_words import explain_series
from warehouse.checks.drift.slices import SliceDrift, explain_slice, judged, slice_drift
from warehouse.checks.drift.verdicts import Effect, Verdict
from warehouse.statistics.change_points import find_changes
from warehouse.statistics.coded import MISSING, Coding
from warehouse.statistics.distance import Counts
from warehouse.statistics.pair import ColumnPair
from warehouse.statistics.part_counts import PartCounts

CALENDAR_PERIODS = 5
CALENDAR_SHARE = 0.8
"""Of a period's rows. Not all: a weekday may be of local time, and periods are of UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnCounts:
    """A column's counts by code: of the baseline, and of each period."""

    pair: ColumnPair
    coding: Coding
    baseline: Counts
    periods: Counts
    """One row per period, one column per code."""
    baseline_design_effect: float
    design_effects: Counts
    """Of each period."""
    threshold: float

    @staticmethod
    def of(
        pair: ColumnPair, coding: Coding, baseline: PartCounts, periods: PartCounts, *, threshold: float
    ) -> ColumnCounts:
        """Of one column; the baseline is one part."""
        return ColumnCounts(
            pair=pair,
            coding=coding,
            baseline=baseline.counts[pair.name][0],
            periods=periods.counts[pair.name],
            baseline_design_effect=float(baseline.design_effects[pair.name][0]),
            design_effects=periods.design_effects[pair.name],
            threshold=threshold,
        )

    @property
    def follows_calendar(self) -> bool:
        """Whether it has one value per period, nearly, and most often another in the next: a weekday, a batch.

        It differs from any baseline in every period, and that says nothing.
        """
        if len(self.periods) < CALENDAR_PERIODS:
            return False
        usual = self.periods.argmax(axis=1)
        share = float(np.median(self.periods.max(axis=1) / self.periods.sum(axis=1)))
        return share >= CALENDAR_SHARE and float((np.diff(usual) != 0).mean()) > 0.5

    def period(self, index: int) -> SliceDrift:
        """This period against the baseline."""
        return slice_drift(
            self.pair,
            self.coding,
            self.baseline,
            self.periods[index],
            left_design_effect=self.baseline_design_effect,
            right_design_effect=float(self.design_effects[index]),
            threshold=self.threshold,
        )

    def stretch(self, start: int, end: int) -> SliceDrift:
        """Periods from start up to, not including, end together against the baseline."""
        return self.between(self.baseline, self.periods[start:end].sum(axis=0))

    def between(self, before: Counts, after: Counts) -> SliceDrift:
        """Rows of several periods against others."""
        # Groups that last over periods are larger in all than in each, so the baseline's effect counts when it is more.
        effect = max(self.baseline_design_effect, float(np.mean(self.design_effects)))
        return slice_drift(
            self.pair,
            self.coding,
            before,
            after,
            left_design_effect=effect,
            right_design_effect=effect,
            threshold=self.threshold,
        )


def series_columns(
    found: Sequence[ColumnCounts],
    starts: Sequence[str],
    thin: Sequence[bool],
    label: str | None,
    *,
    last_unfinished: bool = False,
) -> tuple[SeriesColumn, ...]:
    """The columns over all periods, which begin at `starts`; verdicts are corrected for all columns and periods.

    With `last_unfinished`, nothing that is said of a column as a whole rests on the last period.
    """
    effects: list[Effect] = []
    floors: list[float] = []
    for column in found:
        for index in range(len(starts)):
            drift = column.period(index)
            effects.append(drift.effect)
            floors.append(drift.noise_floor)
    answers = judged(effects)
    columns = []
    for place, column in enumerate(found):
        own = slice(place * len(starts), (place + 1) * len(starts))
        rows = column.periods.sum(axis=1)
        points = tuple(
            SeriesPoint(
                period=start,
                row_count=int(row_count),
                is_thin=is_thin,
                is_unfinished=last_unfinished and start == starts[-1],
                value=effect.value,
                low=effect.low,
                high=effect.high,
                noise_floor=floor,
                missing_share=float(missing / row_count),
                q_value=q_value,
                verdict=effect.verdict,
            )
            for start, is_thin, (effect, q_value), floor, row_count, missing in zip(
                starts, thin, answers[own], floors[own], rows, column.periods[:, MISSING], strict=True
            )
        )
        columns.append(_column(column, points, is_label=column.pair.name == label))
    rank = list(Verdict)
    columns.sort(
        key=lambda column: (
            not column.is_label,
            rank.index(column.verdict),
            -max(point.value for point in column.points) / column.threshold,
            column.name,
        )
    )
    return tuple(columns)


def _column(counts: ColumnCounts, shown: tuple[SeriesPoint, ...], *, is_label: bool) -> SeriesColumn:
    points = tuple(point for point in shown if not point.is_unfinished)
    decided = [index for index, point in enumerate(points) if point.verdict is not Verdict.UNDECIDED]
    last = max((index for index in decided if not points[index].is_thin), default=None)
    verdict = points[last].verdict if last is not None else Verdict.UNDECIDED
    since = _since(points, last) if last is not None and verdict is Verdict.DRIFTED else None
    return SeriesColumn(
        name=counts.pair.name,
        kind=counts.pair.kind,
        is_label=is_label,
        threshold=counts.threshold,
        verdict=verdict,
        drifted_since=points[since].period if since is not None else None,
        drifted_count=sum(point.verdict is Verdict.DRIFTED for point in points),
        undecided_count=sum(point.verdict is Verdict.UNDECIDED for point in points),
        points=shown,
        change_points=_change_points(counts, points),
        explanation=explain_series(points, last, since, _happened(counts, points, last, since)),
    )


def _since(points: Sequence[SeriesPoint], last: int) -> int:
    """Index of the first drifted period up to the last with none stable between, thin ones apart."""
    since = last
    for index in range(last, -1, -1):
        if points[index].is_thin:
            continue
        if points[index].verdict is Verdict.STABLE:
            break
        if points[index].verdict is Verdict.DRIFTED:
            since = index
    return since


def _happened(counts: ColumnCounts, points: Sequence[SeriesPoint], last: int | None, since: int | None) -> str:
    """How the column differs, in the periods that show it; without a full stop, empty when it does not."""
    if last is not None and since is not None:
        whole = counts.stretch(since, last + 1)
        # Summers and winters make up for each other.
        if whole.effect.low > counts.threshold:
            return explain_slice(whole)
        return f"in {points[last].period} {explain_slice(counts.period(last))}"
    drifted = [index for index, point in enumerate(points) if point.verdict is Verdict.DRIFTED]
    if not drifted:
        return ""
    worst = max(drifted, key=lambda index: points[index].value)
    return f"{points[worst].period}, when {explain_slice(counts.period(worst))}"


def _change_points(counts: ColumnCounts, points: Sequence[SeriesPoint]) -> tuple[ChangePoint, ...]:
    def matters(before: Counts, after: Counts) -> bool:
        return counts.between(before, after).effect.low > counts.threshold

    cuts = find_changes(counts.periods[: len(points)], matters=matters)
    bounds = [0, *(cut.place for cut in cuts), len(points)]
    found = []
    for index, cut in enumerate(cuts):
        before = counts.periods[bounds[index] : cut.place].sum(axis=0)
        after = counts.periods[cut.place : bounds[index + 2]].sum(axis=0)
        drift = counts.between(before, after)
        found.append(
            ChangePoint(
                period=points[cut.place].period,
                value=drift.effect.value,
                low=drift.effect.low,
                high=drift.effect.high,
                p_value=cut.p_value,
                explanation=f"From {points[cut.place].period} on {explain_slice(drift)}.",
            )
        )
    return tuple(found)
