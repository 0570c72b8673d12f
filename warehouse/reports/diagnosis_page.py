"""The page of a diagnosis: the verdict, the ladder of levels and gaps, what to do, and everything that it rests on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from warehouse.checks.diagnosis.result import (
    HUMAN,
    Answer,
    Diagnosis,
    Gap,
    Level,
    MetricName,
    RequiredSize,
    SplitErrors,
    Task,
)
from warehouse.checks.diagnosis.slice_result import Slice, SliceAnswer, SliceErrors, SliceReport, TagShare, TagTally
from warehouse.checks.diagnosis.words import (
    CAUSE_WORDS,
    METRIC_WORDS,
    answer_text,
    causes_text,
    change_interval_text,
    change_text,
    interval_text,
    value_text,
)
from warehouse.findings import Finding
from warehouse.reports import diagnosis_charts as charts
from warehouse.reports import diagnosis_comparison_text as comparison_text
from warehouse.reports import diagnosis_curve_text as curve_text
from warehouse.reports.diagnosis_text import metric_headers
from warehouse.reports.html import render_page
from warehouse.reports.plain_page import MOST_LINES, PlainPart

SLICE_STATES = {
    SliceAnswer.CONFIRMED: "drifted",
    SliceAnswer.UNDECIDED: "undecided",
    SliceAnswer.REFUTED: "stable",
}
"""Which of the page's looks an answer has: something to act on, not known, nothing to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelView:
    """One level of the ladder."""

    level: Level
    value: str
    interval: str
    rows: str
    span: charts.Span
    is_known: bool
    """Somebody said it; nobody measured it here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GapView:
    """The way from one level to the next."""

    gap: Gap
    title: str
    state: str
    word: str
    more: str
    """What it would take to tell; empty when it is told."""
    change: str
    interval: str
    step: charts.Step
    is_largest: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """An estimate in a table."""

    value: str
    interval: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityView:
    """One split's reliability diagram."""

    errors: SplitErrors
    chart: charts.Reliability
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeView:
    """Whether one split is large enough."""

    size: RequiredSize
    smallest: str
    needed: str
    is_enough: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceView:
    """One slice, as the rows that had no part in finding it show it where there are any."""

    slice: Slice
    state: str
    errors: SliceErrors
    seen_on: str
    error: Cell
    rest: str
    removable: Cell
    error_span: charts.Span
    rest_x: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TagView:
    """One tag of people's."""

    tag: TagShare
    share: Cell
    removable: Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class TallyView:
    """What people saw in one set of errors."""

    tally: TagTally
    tags: list[TagView]


def diagnosis_html(result: Diagnosis) -> str:
    """The page: nothing is loaded, no script runs, and nothing in the data can become markup."""
    slices = result.slices
    return render_page(
        "diagnosis.html",
        style_names=("report.css", "diagnosis.css"),
        result=result,
        metric=METRIC_WORDS[result.metric],
        wanted=change_text(result.metric, result.difference),
        ladder=ladder(result),
        ticks=charts.levels_scale(result).ticks,
        advice=[(CAUSE_WORDS[each.cause], each) for each in result.advice],
        measure_names=metric_headers(result)[1:],
        measures=list(measures(result)),
        calibrated=list(reliability_views(result)),
        of_class=_probability_of(result),
        sizes=list(size_views(result)),
        slices=list(slice_views(slices)) if slices else [],
        slice_ticks=_slices_scale(slices).ticks if slices else (),
        slice_metric=METRIC_WORDS[slices.metric] if slices else "",
        tallies=list(tally_views(result)),
        findings=coverage_findings(result),
        plain_parts=list(plain_parts(result)),
        most_lines=MOST_LINES,
    )


def ladder(result: Diagnosis) -> list[LevelView | GapView]:
    """Levels from the best down, the gap to each before it."""
    scale = charts.levels_scale(result)
    levels = {level.name: level for level in result.levels}
    gaps = {gap.right: gap for gap in result.gaps}
    found: list[LevelView | GapView] = []
    for level in result.levels:
        if gap := gaps.get(level.name):
            found.append(_gap_view(result, gap, levels[gap.left], scale))
        is_known = level.name == HUMAN and not level.estimate.row_count
        found.append(
            LevelView(
                level=level,
                value=value_text(result.metric, level.estimate.value),
                interval="as given" if is_known else interval_text(result.metric, level.estimate),
                rows=f"{level.estimate.row_count:,} {result.units}" if level.estimate.row_count else "",
                span=charts.span(scale, level.estimate),
                is_known=is_known,
            )
        )
    return found


def _gap_view(result: Diagnosis, gap: Gap, left: Level, scale: charts.Scale) -> GapView:
    word, _, more = answer_text(gap, result.units).partition("; ")
    return GapView(
        gap=gap,
        title=causes_text(gap.causes),
        state=gap_state(result, gap),
        word=word,
        more=more,
        change=change_text(result.metric, gap.change.value),
        interval=change_interval_text(result.metric, gap.change),
        step=charts.step(scale, left, gap, result.metric),
        is_largest=gap == result.largest,
    )


def gap_state(result: Diagnosis, gap: Gap) -> str:
    """Which of the page's looks a gap has; one that is there but smaller than what matters has none."""
    if gap.answer is Answer.PRESENT:
        return "drifted" if gap.change.value >= result.difference else "none"
    return {Answer.ABSENT: "stable", Answer.REVERSED: "stable", Answer.UNDECIDED: "undecided"}[gap.answer]


def measures(result: Diagnosis) -> Iterator[tuple[str, bool, list[Cell | None]]]:
    """Each measure: its name, whether the ladder is in it, and it in every split."""
    for name in dict.fromkeys(metric.name for errors in result.splits for metric in errors.metrics):
        cells = [errors.of(name) for errors in result.splits]
        yield (
            METRIC_WORDS[name],
            name is result.metric,
            [
                Cell(value=value_text(name, cell.value), interval=interval_text(name, cell)) if cell else None
                for cell in cells
            ],
        )


def reliability_views(result: Diagnosis) -> Iterator[ReliabilityView]:
    """A diagram for each split with probabilities."""
    name = MetricName.CALIBRATION_ERROR
    for errors in result.splits:
        if not errors.reliability:
            continue
        found, floor = errors.of(name), errors.calibration_floor
        sentence = ""
        if found is not None:
            sentence = f"Off by {change_text(name, found.value)} on average"
            if floor is not None:
                sentence += f"; true probabilities would seem off by {change_text(name, floor)} in so many rows"
            sentence += "."
        yield ReliabilityView(errors=errors, chart=charts.reliability(errors), sentence=sentence)


def _probability_of(result: Diagnosis) -> str:
    """What class the predicted probabilities are of; empty for the one that was predicted."""
    return result.positive or "" if result.task is Task.CLASSES and len(result.classes) == 2 else ""


def size_views(result: Diagnosis) -> Iterator[SizeView]:
    """Whether dev and test are large enough."""
    for size in result.sizes:
        yield SizeView(
            size=size,
            smallest=change_text(result.metric, size.smallest_difference),
            needed=f"{size.needed_count:,}",
            is_enough=size.needed_count <= size.row_count,
        )


def slice_views(report: SliceReport) -> Iterator[SliceView]:
    """Slices in the report's order."""
    scale = _slices_scale(report)
    for each in report.slices:
        errors = each.verified or each.found
        yield SliceView(
            slice=each,
            state=SLICE_STATES[each.answer],
            errors=errors,
            seen_on=report.verified_on if each.verified else report.found_on,
            error=Cell(
                value=value_text(report.metric, errors.error.value), interval=interval_text(report.metric, errors.error)
            ),
            rest=value_text(report.metric, errors.rest.value),
            removable=Cell(
                value=change_text(report.metric, errors.removable.value),
                interval=change_interval_text(report.metric, errors.removable),
            ),
            error_span=charts.span(scale, errors.error),
            rest_x=scale.place(errors.rest.value),
        )


def _slices_scale(report: SliceReport) -> charts.Scale:
    return charts.slices_scale([each.verified or each.found for each in report.slices], report.metric)


def tally_views(result: Diagnosis) -> Iterator[TallyView]:
    """Ng's ceiling tables."""
    if result.tags is None:
        return
    metric = result.slices.metric if result.slices else result.metric
    for tally in result.tags.tallies:
        tags = [
            TagView(
                tag=tag,
                share=Cell(
                    value=_percent(tag.share.value), interval=f"{_percent(tag.share.low)} to {_percent(tag.share.high)}"
                ),
                removable=Cell(
                    value=change_text(metric, tag.removable.value),
                    interval=change_interval_text(metric, tag.removable),
                ),
            )
            for tag in tally.tags
        ]
        yield TallyView(tally=tally, tags=tags)


def plain_parts(result: Diagnosis) -> Iterator[PlainPart]:
    """The comparison with another model and the learning curve, where they were asked for."""
    if result.comparison is not None:
        yield PlainPart(
            id="comparison",
            title="Beside the other model",
            short="Comparison",
            lines=(comparison_text.comparison_opening(result.comparison),),
            headers=comparison_text.comparison_headers(result.comparison),
            rows=comparison_text.comparison_rows(result.comparison),
        )
    if result.curve is not None:
        yield PlainPart(
            id="curve",
            title="What more rows would give",
            short="More rows",
            lines=tuple(curve_text.curve_lines(result.curve)),
            headers=curve_text.curve_headers(result.curve),
            rows=curve_text.curve_rows(result.curve),
        )


def _percent(value: float) -> str:
    return f"{100 * value:.0f}%" if math.isfinite(value) else "?"


def coverage_findings(result: Diagnosis) -> list[Finding]:
    """What of predictions and rows did not meet."""
    return [finding for finding in result.findings if finding.check.endswith("_predictions")]
