"""Drift over time: every day, week or month of some rows against one baseline, and when things changed for good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

from warehouse.checks.drift.comparison import all_excluded
from warehouse.checks.drift.periods import (
    PeriodRows,
    all_rows,
    end_of,
    is_last_unfinished,
    label_mean_of,
    period_rows,
    periods_of,
    start_of,
)
from warehouse.checks.drift.result import LeftOut
from warehouse.checks.drift.series_columns import ColumnCounts, series_columns
from warehouse.checks.drift.series_result import (
    ChangePoint,
    DriftSeries,
    Gap,
    Period,
    SeriesColumn,
    SeriesPoint,
)
from warehouse.checks.drift.series_words import summarise_series
from warehouse.checks.drift.verdicts import Verdict
from warehouse.datasets.drift_rules import NO_RULES, DriftRules
from warehouse.engine.base import Engine
from warehouse.findings import Severity
from warehouse.sql import Relation
from warehouse.statistics.coded import Every, Whole, coding_of
from warehouse.statistics.kinds import Kind
from warehouse.statistics.pair import RelationPair, compare_relations
from warehouse.statistics.part_counts import part_counts

__all__ = [
    "ChangePoint",
    "DriftSeries",
    "Every",
    "Gap",
    "Period",
    "SeriesColumn",
    "SeriesPoint",
    "compare_over_time",
]

THIN_SHARE = 0.2
"""Of the median period's rows; a period with fewer has just begun, or lost rows."""
MOST_VALUES = 50
"""So many values of a category have cells of their own in a series; a period rarely bears more."""


def compare_over_time(
    engine: Engine,
    baseline: Relation,
    rows: Relation,
    *,
    time: str,
    every: Every,
    baseline_name: str,
    rows_name: str,
    subject: str = "",
    excluded: Mapping[str, str] | None = None,
    label: str | None = None,
    groups: Sequence[str] = (),
    severity: Severity = Severity.WARNING,
    rules: DriftRules = NO_RULES,
) -> DriftSeries:
    """How each period of the rows differs from the baseline.

    Cells are cut once, by the baseline and all rows together; then one grouped scan of the rows counts all periods,
    some 40 columns at a time. Memory grows with periods times cells, not with rows.

    Args:
        engine: runs the queries.
        baseline: the rows to compare with: what a model learned from. Needs no time column.
        rows: the rows in question, of many periods.
        time: the column of the rows that says when they happened, a date or a timestamp.
        every: how long a period is.
        baseline_name: what people call the baseline.
        rows_name: what people call the rows.
        subject: what both belong to; for the report's title.
        excluded: columns to leave out, each with the reason.
        label: the column to predict; comes first and is marked.
        groups: columns whose values bind rows together; the intervals then allow for it.
        severity: what a column that has drifted by the last period counts as.
        rules: thresholds and kinds; columns to ignore.

    Raises:
        SpecError: the rows have no such time column or it holds no times; or there are more than a thousand periods.
        QueryError: a relation cannot be read.
    """
    excluded = all_excluded(rules, excluded) | {time: "the periods run along it"}
    periods = periods_of(engine, rows, time=time, every=every)
    facts = compare_relations(engine, baseline, rows, skip=excluded, kinds=rules.kinds, exact_rows=0)
    compared = [pair for pair in facts.columns if pair.kind is not Kind.IDENTIFIER]
    mean = label_mean_of(next((pair for pair in facts.columns if pair.name == label), None))
    timed, untimed = period_rows(engine, rows, periods, mean)
    found: list[ColumnCounts] = []
    if facts.left_row_count and timed and compared:
        codings = [coding_of(pair, key=str(index), most_values=MOST_VALUES) for index, pair in enumerate(compared)]
        before = part_counts(engine, baseline, Whole(), codings, groups=groups, row_count=facts.left_row_count)
        after = part_counts(
            engine, rows, periods, codings, groups=groups, part_count=len(timed), row_count=facts.right_row_count
        )
        found = [
            ColumnCounts.of(pair, coding, before, after, threshold=rules.threshold("distance", pair.name))
            for pair, coding in zip(compared, codings, strict=True)
        ]
    calendar = [column for column in found if column.follows_calendar]
    found = [column for column in found if not column.follows_calendar]
    excluded |= {
        column.pair.name: f"it has another value each {every}, so it says when a row is from" for column in calendar
    }
    usual = median([period.row_count for period in timed]) if timed else 0
    thin = [period.row_count < THIN_SHARE * usual for period in timed]
    starts = [start_of(period.part, every).isoformat() for period in timed]
    unfinished = is_last_unfinished(timed, every)
    columns = series_columns(found, starts, thin, label, last_unfinished=unfinished)
    series = DriftSeries(
        subject=subject,
        baseline_name=baseline_name,
        rows_name=rows_name,
        time=time,
        every=every,
        baseline_row_count=facts.left_row_count,
        row_count=sum(period.row_count for period in timed),
        untimed_row_count=untimed,
        label=label,
        label_value=mean.value if mean else None,
        baseline_label_mean=all_rows(engine, baseline, mean).label_mean if mean else None,
        periods=tuple(
            _period(
                period,
                every,
                [column.points[index] for column in columns],
                is_thin=thin[index],
                is_unfinished=unfinished and index == len(timed) - 1,
            )
            for index, period in enumerate(timed)
        ),
        gaps=_gaps(timed, every),
        columns=columns,
        left_out=_left_out(facts, excluded, left_name=baseline_name, right_name=rows_name),
        summary=(),
        severity=severity,
    )
    return replace(series, summary=summarise_series(series))


def _period(
    period: PeriodRows, every: Every, points: Sequence[SeriesPoint], *, is_thin: bool, is_unfinished: bool
) -> Period:
    return Period(
        start=start_of(period.part, every).isoformat(),
        end=end_of(period.part, every).isoformat(),
        row_count=period.row_count,
        is_thin=is_thin,
        is_unfinished=is_unfinished,
        label_mean=period.label_mean,
        drifted_count=sum(point.verdict is Verdict.DRIFTED for point in points),
        undecided_count=sum(point.verdict is Verdict.UNDECIDED for point in points),
    )


def _gaps(timed: Sequence[PeriodRows], every: Every) -> tuple[Gap, ...]:
    return tuple(
        Gap(
            start=start_of(before.part + 1, every).isoformat(),
            end=end_of(after.part - 1, every).isoformat(),
            period_count=after.part - before.part - 1,
        )
        for before, after in pairwise(timed)
        if after.part - before.part > 1
    )


def _left_out(
    facts: RelationPair, excluded: Mapping[str, str], *, left_name: str, right_name: str
) -> tuple[LeftOut, ...]:
    left_out = [LeftOut(name=name, reason=reason) for name, reason in excluded.items()]
    left_out += [
        LeftOut(name=pair.name, reason="an identifier: nearly every row has a value of its own")
        for pair in facts.columns
        if pair.kind is Kind.IDENTIFIER
    ]
    for name, reason in facts.left_out.items():
        named = reason.replace("on the left", f"in {left_name}").replace("on the right", f"in {right_name}")
        left_out.append(LeftOut(name=name, reason=named, is_problem=True))
    return tuple(left_out)
