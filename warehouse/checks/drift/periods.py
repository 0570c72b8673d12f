"""The days, weeks or months that rows are from: how many rows each has, and how the label stands in it."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil

from warehouse.engine.base import Engine
from warehouse.errors import SpecError, suggestion
from warehouse.sql import Query, Relation, Step, identifier
from warehouse.statistics.coded import Every, Parts, Periods, Whole
from warehouse.statistics.kinds import Family, Kind, family_of, is_numeric
from warehouse.statistics.pair import ColumnPair
from warehouse.statistics.profile import Measured

MOST_PERIODS = 1_000
"""So many days are nearly three years; more would make a report that nobody reads, and take memory."""
_LONGER = {Every.DAY: Every.WEEK, Every.WEEK: Every.MONTH}


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodRows:
    """One part of the rows: a period, or all."""

    part: int
    row_count: int
    label_mean: float | None
    newest: date | None = None
    """The last day with a row; None for all rows."""


@dataclass(frozen=True, slots=True)
class LabelMean:
    """What of the label has a mean: the share of true or of one class, or the number itself."""

    column: Measured
    value: str | None
    """The class whose share it is; None for booleans and numbers."""

    @property
    def sql(self) -> str:
        """A double; null where the label is missing, NaN or infinite."""
        if self.value is not None:
            return f"cast({self.column.value_sql} = $label_value as double)"
        if self.column.family is Family.BOOLEAN:
            return f"cast({identifier(self.column.name)} as double)"
        return self.column.finite_sql


def label_mean_of(pair: ColumnPair | None) -> LabelMean | None:
    """Of a label's facts: its most frequent class, the first side's, is told of; None for times and nested values."""
    if pair is None:
        return None
    column = Measured(pair.name, pair.family)
    if pair.kind is Kind.BOOLEAN or is_numeric(pair.family):
        return LabelMean(column, None)
    if pair.kind is Kind.CATEGORY and pair.categories is not None and pair.categories.listed:
        most = max(pair.categories.listed, key=lambda category: category.left_count)
        return LabelMean(column, str(most.label))
    return None


def periods_of(engine: Engine, rows: Relation, *, time: str, every: Every) -> Periods:
    """The rows' periods by this column.

    Raises:
        SpecError: there is no such column, or it holds no dates or timestamps.
    """
    types = {column.name: column.type for column in engine.columns(rows)}
    if time not in types:
        raise SpecError(
            f"drift over time: {rows.name!r} has no column {time!r}\n  {suggestion(time, list(types))}\n"
            "  name a column of dates or timestamps"
        )
    if family_of(types[time]) is not Family.TIMESTAMP:
        timely = [name for name, kind in types.items() if family_of(kind) is Family.TIMESTAMP]
        known = f"dates and timestamps: {', '.join(timely[:30])}" if timely else f"{rows.name!r} has no such column"
        raise SpecError(
            f"drift over time: {time!r} of {rows.name!r} is {types[time]}, neither a date nor a timestamp\n  {known}"
        )
    return Periods(time, every, types[time] == "DATE")


MOST_DAYS, MOST_WEEKS = 62, 3 * 366
"""Up to so many days, days are told apart, and weeks up to the other number; beyond, months."""


def span_sql(relation: Relation, time: str) -> Query:
    """One row, `days`: from the first to the last moment of the column; null without any."""
    column = f"cast({identifier(time)} as timestamp)"
    return Query.of(Step("span", f"select date_diff('day', min({column}), max({column})) as days from {relation.sql}"))


def fitting_period(engine: Engine, rows: Relation, *, time: str) -> Every | None:
    """How long periods must be for a series that people can read; None without rows or the column of times."""
    types = {column.name: column.type for column in engine.columns(rows)}
    if time not in types or family_of(types[time]) is not Family.TIMESTAMP:
        return None
    days = engine.rows(span_sql(rows, time))[0]["days"]
    if days is None:
        return None
    return Every.DAY if days <= MOST_DAYS else Every.WEEK if days <= MOST_WEEKS else Every.MONTH


def period_rows_sql(relation: Relation, parts: Parts, label: LabelMean | None, *, limit: int) -> Query:
    """One row per part, the earliest first, and one for rows in none: `part`, `row_count`, `label_mean`, `newest`."""
    newest = "max(day)" if isinstance(parts, Periods) else "cast(null as date)"
    day = "part_date" if isinstance(parts, Periods) else "null"
    reads = [*parts.read_sql(), f"{label.sql if label else 'cast(null as double)'} as label"]
    parameters = parts.parameters() | ({"label_value": label.value} if label and label.value is not None else {})
    return Query.of(
        Step("rows_read", f"select {', '.join(reads)} from {relation.sql}"),
        Step("rows_of_parts", f"select {parts.code_sql()} as part, label, {day} as day from rows_read"),
        Step(
            "period_rows",
            f"""
            select part, count(*) as row_count, avg(label) as label_mean, {newest} as newest
            from rows_of_parts group by part order by part nulls first limit {int(limit)}
            """,
        ),
        **parameters,
    )


def period_rows(
    engine: Engine, rows: Relation, periods: Periods, label: LabelMean | None
) -> tuple[list[PeriodRows], int]:
    """The periods that have rows, in order, and how many rows are in none; one scan of the time and the label.

    Raises:
        SpecError: there are more than a thousand.
    """
    # One more for rows in none, one to see that there are more.
    found = _period_rows(engine, rows, periods, label, limit=MOST_PERIODS + 2)
    untimed = sum(row_count for part, row_count, *_ in found if part is None)
    timed = [
        PeriodRows(part=part, row_count=row_count, label_mean=mean, newest=newest)
        for part, row_count, mean, newest in found
        if part is not None
    ]
    if len(timed) > MOST_PERIODS:
        longer = _LONGER.get(periods.every)
        advice = f"take longer periods: --over {longer}" if longer else "compare fewer rows"
        raise SpecError(
            f"drift over time: {rows.name!r} has rows of more than {MOST_PERIODS:,} {periods.every}s by "
            f"{periods.time!r}, from {start_of(timed[0].part, periods.every)} on\n  {advice}"
        )
    return timed, untimed


def all_rows(engine: Engine, relation: Relation, label: LabelMean | None) -> PeriodRows:
    """Rows and label of the whole relation, as one part."""
    for part, row_count, mean, _ in _period_rows(engine, relation, Whole(), label, limit=1):
        return PeriodRows(part=part or 0, row_count=row_count, label_mean=mean)
    return PeriodRows(part=0, row_count=0, label_mean=None)


def _period_rows(
    engine: Engine, relation: Relation, parts: Parts, label: LabelMean | None, *, limit: int
) -> Sequence[tuple[int | None, int, float | None, date | None]]:
    found = engine.rows(period_rows_sql(relation, parts, label, limit=limit))
    return [(row["part"], row["row_count"], row["label_mean"], row["newest"]) for row in found]


_USUAL_SHARE = 0.9


def is_last_unfinished(timed: Sequence[PeriodRows], every: Every) -> bool:
    """Whether rows of the last week or month are still to come, as far as the rows tell: no clock is asked.

    Its newest row is a day or more from its end, and further than in nine of ten periods before it: shops that close
    on Sundays end their weeks on Saturdays. Days are not looked at, for which dates are too coarse; neither is a period
    that has none before it.
    """
    if every is Every.DAY or len(timed) < 2:
        return False
    *before, last = ((end_of(period.part, every) - (period.newest or date.min)).days for period in timed)
    usual = sorted(before)[ceil(_USUAL_SHARE * len(before)) - 1]
    return last > usual


def start_of(part: int, every: Every) -> date:
    """The first day of a period; periods are numbered as in `Periods`."""
    if every is Every.MONTH:
        return date(part // 12, part % 12 + 1, 1)
    days = part if every is Every.DAY else 7 * part - 3
    return date(1970, 1, 1) + timedelta(days=days)


def end_of(part: int, every: Every) -> date:
    """The last day of a period."""
    start = start_of(part, every)
    if every is Every.MONTH:
        return start.replace(day=calendar.monthrange(start.year, start.month)[1])
    # The week of 9999-12-31 has no Sunday.
    return start if every is Every.DAY else start + min(timedelta(days=6), date.max - start)
