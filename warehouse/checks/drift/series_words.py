"""Drift over time said in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from warehouse.checks.drift.series_result import DriftSeries, SeriesColumn, SeriesPoint
from warehouse.checks.drift.verdicts import Verdict
from warehouse.checks.drift.words import count_text, listed, lowered, number_text, quoted, share_text
from warehouse.statistics.coded import Every
from warehouse.statistics.kinds import Kind

TOLD_COLUMNS = 3


def explain_series(points: Sequence[SeriesPoint], last: int | None, since: int | None, happened: str) -> str:
    """What became of one column, in one or two sentences.

    Args:
        points: all periods.
        last: index of the period that the verdict is of; None when none could be decided.
        since: index of the first period of the drift that lasts.
        happened: how the column differs, without a full stop; names the period when the drift did not last.
    """
    drifted = sum(point.verdict is Verdict.DRIFTED for point in points)
    undecided = sum(point.verdict is Verdict.UNDECIDED for point in points)
    if since is not None:
        return f"Drifted since {points[since].period}{', the first of all' if not since else ''}: {happened}."
    if last is None:
        return f"Too few rows in any period to tell{f', but drifted {_times(drifted)}{happened}' if drifted else ''}."
    if drifted:
        return f"Alike in {points[last].period}, but drifted {_times(drifted)}{happened}."
    if undecided:
        told = f"Alike in {count_text(len(points) - undecided, 'period')}"
        return f"{told}; {undecided:,} cannot be judged without more rows."
    return f"Alike in all {count_text(len(points), 'period')}." if len(points) > 1 else "Alike."


def _times(drifted: int) -> str:
    return "in " if drifted == 1 else f"in {drifted:,} periods, most in "


def summarise_series(series: DriftSeries) -> tuple[str, ...]:
    """The verdict on the whole, the first sentence being enough."""
    return tuple(_sentences(series))


def _sentences(series: DriftSeries) -> Iterable[str]:
    if not series.baseline_row_count or not series.periods:
        if not series.baseline_row_count:
            yield f"Nothing could be compared: {series.baseline_name} has no rows."
        else:
            untimed = ", only such without a time" if series.untimed_row_count else ""
            yield f"Nothing could be compared: {series.rows_name} has no rows in any {series.every}{untimed}."
        return
    yield _opening(series)
    drifted = [column for column in series.with_verdict(Verdict.DRIFTED) if not column.is_label]
    if drifted:
        told = [
            f"{quoted(column.name)} ({lowered(column.explanation).removesuffix('.')})"
            for column in drifted[:TOLD_COLUMNS]
        ]
        yield f"Strongest: {listed(told)}."
    yield from _on_label(series)
    yield from _on_changes(series)
    if series.gaps:
        missing = sum(gap.period_count for gap in series.gaps)
        longest = max(series.gaps, key=lambda gap: gap.period_count)
        where = longest.start if longest.start == longest.end else f"{longest.start} to {longest.end}"
        which = "" if len(series.gaps) == 1 else "the longest gap: "
        yield f"{count_text(missing, series.every.value)} without rows ({which}{where})."
    last = series.periods[-1]
    if last.is_unfinished:
        yield f"The last {series.every}, {last.start}, has not come to its end: nothing rests on it."
    elif last.is_thin:
        yield (
            f"The last {series.every}, {last.start}, has {count_text(last.row_count, 'row')}: too few beside the "
            "others to rest a verdict on."
        )
    if series.untimed_row_count:
        have = "has" if series.untimed_row_count == 1 else "have"
        yield (
            f"{count_text(series.untimed_row_count, 'row')} {have} no {quoted(series.time)} that is a day of the years "
            "1 to 9999, and so are in no period."
        )


def _opening(series: DriftSeries) -> str:
    total = len(series.columns)
    drifted = len(series.with_verdict(Verdict.DRIFTED))
    undecided = len(series.with_verdict(Verdict.UNDECIDED))
    full = (period for period in reversed(series.periods) if not period.is_thin and not period.is_unfinished)
    last = next(full, series.periods[-1])
    by = last.start if series.every is Every.DAY else f"the {series.every} of {last.start}"
    if not total:
        return f"No column of {series.baseline_name} and {series.rows_name} could be compared."
    if drifted:
        have = "has" if drifted == 1 else "have"
        columns = f"{drifted} of {count_text(total, 'column')} of {series.rows_name}"
        return f"{columns} {have} drifted from {series.baseline_name} by {by}."
    if undecided == total:
        return f"Too few rows per {series.every} to tell whether {series.rows_name} drifts from {series.baseline_name}."
    before = sum(bool(column.drifted_count) for column in series.columns)
    then = f"; {count_text(before, 'column')} did in an earlier {series.every}" if before else ""
    unsure = f", and {count_text(undecided, 'column')} cannot be judged" if undecided else ""
    return f"By {by} no column of {series.rows_name} has drifted from {series.baseline_name}{then}{unsure}."


def _on_label(series: DriftSeries) -> Iterable[str]:
    label = next((column for column in series.columns if column.is_label), None)
    if label is None:
        return
    means = [
        (period.label_mean, period)
        for period in series.periods
        if period.label_mean is not None and not period.is_unfinished
    ]
    told = ""
    if means and series.baseline_label_mean is not None:
        as_share = series.label_value is not None or label.kind is Kind.BOOLEAN
        text = share_text if as_share else number_text
        what = f"share of {quoted(series.label_value or 'true')}" if as_share else "mean"
        low, high = min(means, key=lambda pair: pair[0]), max(means, key=lambda pair: pair[0])
        told = (
            f"Its {what} is {text(series.baseline_label_mean)} in {series.baseline_name}, {text(low[0])} to "
            f"{text(high[0])} by {series.every} (most in {high[1].start})."
        )
    yield f"The label {quoted(label.name)}: {lowered(label.explanation)} {told}".strip()


def _on_changes(series: DriftSeries) -> Iterable[str]:
    starts = [change.period for column in series.columns for change in column.change_points]
    if not starts:
        return
    counted = sorted({start: starts.count(start) for start in starts}.items(), key=lambda item: (-item[1], item[0]))
    told = [f"{start} ({_some(_changed(series, start))})" for start, _ in counted[:TOLD_COLUMNS]]
    more = f" and at {count_text(len(counted) - len(told), 'other time')}" if len(counted) > len(told) else ""
    yield f"Lasting changes from {listed(told)} on{more}."


def _changed(series: DriftSeries, start: str) -> list[SeriesColumn]:
    return [column for column in series.columns if any(change.period == start for change in column.change_points)]


def _some(columns: Sequence[SeriesColumn]) -> str:
    named = ", ".join(quoted(column.name) for column in columns[:TOLD_COLUMNS])
    return f"{named}, …" if len(columns) > TOLD_COLUMNS else named
