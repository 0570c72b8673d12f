"""When rows happen: from when to when, days without a row, profiles of the day, the week and the year. All in UTC."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step
from warehouse.statistics.bins import to_datetime
from warehouse.statistics.distance import NORMAL_QUANTILE
from warehouse.statistics.significance import normal_tail

HOUR = 3_600_000_000
DAY = 24 * HOUR
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """Days (or hours) that follow each other, and how many rows fall into each."""

    first: int
    """Number of the first one with a row, counted from 1970."""
    last: int
    sizes: Mapping[int, int]
    """How many slots have so many rows; those without a row are not among them."""
    longest_gap: int
    """Most slots in a row without any row, between the first and the last."""
    gap_start: int | None
    """The first of these; None without a gap."""

    @property
    def count(self) -> int:
        """All slots from the first to the last."""
        return self.last - self.first + 1

    @property
    def used_count(self) -> int:
        """Slots with a row."""
        return sum(self.sizes.values())

    @property
    def row_count(self) -> int:
        """All rows."""
        return sum(size * count for size, count in self.sizes.items())

    def expected_used(self, kept_share: float) -> float:
        """Slots that would still have a row if each row were kept with this chance.

        Source: rarefaction (Hurlbert 1971), with independent draws.
        """
        return sum(count * (1 - (1 - kept_share) ** size) for size, count in self.sizes.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Rows per place in a cycle: per hour of the day, day of the week, month of the year."""

    row_counts: tuple[int, ...]
    squares: tuple[float, ...]
    """Per place, the sum over its slots (days, or hours of one day) of their rows squared."""
    slot_counts: tuple[int, ...]
    """Per place, how many slots the covered time has, those without a row included."""

    @property
    def even_counts(self) -> tuple[float, ...]:
        """Rows per place as if each had equally many slots; they add up to the rows."""
        rates = [rows / slots if slots else 0.0 for rows, slots in zip(self.row_counts, self.slot_counts, strict=True)]
        scale = sum(self.row_counts) / sum(rates) if any(rates) else 0.0
        return tuple(rate * scale for rate in rates)

    @property
    def dispersion(self) -> float:
        """How much more the rows of slots at one place differ than independent rows would, at least 1.

        Their variance over their mean. Source: the quasi-Poisson dispersion of McCullagh and Nelder (1989).
        """
        spread = degrees = 0.0
        for rows, squares, slots in zip(self.row_counts, self.squares, self.slot_counts, strict=True):
            if slots > 1 and rows:
                mean = rows / slots
                spread += (squares - rows * mean) / mean
                degrees += slots - 1
        return max(1.0, spread / degrees) if degrees else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """When the rows of one side happened; infinite times are left out."""

    row_count: int
    has_clock: bool
    """Whether any time is not midnight."""
    days: Slots
    hours: Slots
    hour_of_day: Profile
    day_of_week: Profile
    month: Profile | None
    """None for years that no calendar has (before 1, after 9999)."""


def rows_per_hour_sql(relation: Relation, moment: str) -> Query:
    """One row per hour with a row: `slot` (hours since 1970), `row_count`, `clock_count` (rows not at midnight).

    `moment` is an expression of microseconds since 1970, null where there is none.
    """
    return Query.of(
        Step("moments", f"select cast({moment} as bigint) as moment from {relation.sql} where {moment} is not null"),
        Step(
            "rows_per_hour",
            f"""
            select
                cast(floor(moment / {HOUR}.0) as bigint) as slot,
                count(*) as row_count,
                count(*) filter (moment % {DAY} <> 0) as clock_count,
            from moments group by cast(floor(moment / {HOUR}.0) as bigint)
            """,
        ),
    )


def rows_per_day_sql(hours: str) -> Query:
    """One row per day with a row: `slot` (days since 1970), `row_count`."""
    return Query.of(
        Step(
            "rows_per_day",
            f"select cast(floor(slot / 24.0) as bigint) as slot, cast(sum(row_count) as bigint) as row_count "
            f"from {hours} group by cast(floor(slot / 24.0) as bigint)",
        )
    )


def slots_sql(hours: str, days: str) -> Query:
    """What `Slots` tells of the days and of the hours, in rows of three kinds, each with `is_day`.

    `all`: `first`, `last`, and as `number` of the hours the rows not at midnight (null for days). `gap`: the longest as
    `number`, and `first`, where the earliest of this length begins; no row without a gap. `size`: how many rows, as
    `number`, and how many slots have so many, as `slot_count`.
    """
    steps, answers = [], []
    for unit, table in (("hour", hours), ("day", days)):
        is_day = unit == "day"
        clock_count = "null" if is_day else "sum(clock_count)"
        steps += [
            Step(f"{unit}_steps", f"select slot, slot - lag(slot) over (order by slot) - 1 as gap from {table}"),
            Step(
                f"{unit}_gaps",
                f"select gap, min(slot - gap) as start from {unit}_steps where gap > 0 group by gap "
                "order by gap desc limit 1",
            ),
        ]
        answers += [
            f"select {is_day} as is_day, 'all' as kind, cast({clock_count} as bigint) as number, min(slot) as first, "
            f"max(slot) as last, cast(null as bigint) as slot_count from {table}",
            f"select {is_day}, 'gap', gap, start, null, null from {unit}_gaps",
            f"select {is_day}, 'size', row_count, null, null, count(*) from {table} group by row_count",
        ]
    # NOTE: no sub-queries for one value: Spark would answer each by jobs of its own.
    return Query.of(*steps, Step("slots", " union all ".join(answers)))


def profiles_sql(tables_and_places: Sequence[tuple[str, str]]) -> Query:
    """One row per cycle and place: `cycle` (which of these, from 0), `place`, `row_count`, `squares`."""
    cycles = [
        f"select {cycle} as cycle, {place} as place, cast(sum(row_count) as bigint) as row_count, "
        f"sum(cast(row_count as double) ** 2) as squares from {table} group by {place}"
        for cycle, (table, place) in enumerate(tables_and_places)
    ]
    return Query.of(
        Step("rows_per_place", " union all ".join(cycles)),
        Step("places", "select cycle, place, row_count, squares from rows_per_place order by cycle, place"),
    )


def calendar(engine: Engine, hours: str, days: str) -> Calendar | None:
    """The calendar of a side by its tables of rows per hour and per day; None without rows."""
    # Few questions, each about all of it: a cluster takes as long for one of few rows as for one of many.
    found = engine.rows(slots_sql(hours, days))
    by_day, by_hour = (_slots([row for row in found if row["is_day"] is is_day]) for is_day in (True, False))
    if by_day is None or by_hour is None:
        return None
    # 1970 began on a Thursday.
    cycles = [(hours, "((slot % 24) + 24) % 24"), (days, "((slot + 3) % 7 + 7) % 7")]
    slot_counts = [_cycle(by_hour, 24, 0), _cycle(by_day, 7, 3)]
    if months := _month_lengths(by_day):
        cycles.append((days, "month(date '1970-01-01' + cast(slot as integer)) - 1"))
        slot_counts.append(months)
    places = engine.rows(profiles_sql(cycles))
    profiles = [
        _profile([row for row in places if row["cycle"] == cycle], counts) for cycle, counts in enumerate(slot_counts)
    ]
    return Calendar(
        row_count=by_hour.row_count,
        has_clock=any(row["number"] for row in found if row["kind"] == "all"),
        days=by_day,
        hours=by_hour,
        hour_of_day=profiles[0],
        day_of_week=profiles[1],
        month=profiles[2] if months else None,
    )


def _slots(rows: list[dict[str, Any]]) -> Slots | None:
    """Those of days or of hours; None without rows."""
    (whole,) = (row for row in rows if row["kind"] == "all")
    if whole["first"] is None:
        return None
    gap = next((row for row in rows if row["kind"] == "gap"), None)
    return Slots(
        first=whole["first"],
        last=whole["last"],
        sizes=dict(sorted((row["number"], row["slot_count"]) for row in rows if row["kind"] == "size")),
        longest_gap=gap["number"] if gap else 0,
        gap_start=gap["first"] if gap else None,
    )


def _profile(rows: list[dict[str, Any]], slot_counts: list[int]) -> Profile:
    found = {int(row["place"]): row for row in rows}
    return Profile(
        row_counts=tuple(int(found[place]["row_count"]) if place in found else 0 for place in range(len(slot_counts))),
        squares=tuple(float(found[place]["squares"]) if place in found else 0.0 for place in range(len(slot_counts))),
        slot_counts=tuple(slot_counts),
    )


def _cycle(slots: Slots, length: int, offset: int) -> list[int]:
    """How often each place of a cycle occurs among the slots."""
    whole, rest = divmod(slots.count, length)
    start = (slots.first + offset) % length
    return [whole + ((place - start) % length < rest) for place in range(length)]


def _month_lengths(days: Slots) -> list[int]:
    """How many of these days each month of the year has; empty when a year has no calendar."""
    first, last = to_datetime(float(days.first) * DAY), to_datetime(float(days.last) * DAY)
    if first is None or last is None:
        return []
    lengths = [0] * 12
    for index in range(first.year * 12 + first.month - 1, last.year * 12 + last.month):
        year, month = divmod(index, 12)
        is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        length = 29 if month == 1 and is_leap else (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month]
        start = first.day if (year, month) == (first.year, first.month - 1) else 1
        end = last.day if (year, month) == (last.year, last.month - 1) else length
        lengths[month] += end - start + 1
    return lengths


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareGap:
    """Jensen-Shannon distances (base 2) between two shares, 0..1."""

    distance: float
    noise_floor: float
    effect: float
    low: float
    high: float
    p_value: float


def share_gap(left: float, right: float, left_count: float, right_count: float) -> ShareGap:
    """How far two shares of so many days lie apart, also where few days or nearly none make a share.

    By the angle whose sine is the root of the share: its variance is that of the count alone, and small distances are
    an eighth of the squared difference of the angles, in nats. Source: Anscombe (1948).
    """
    angles = [
        2 * math.asin(math.sqrt((share * count + 3 / 8) / (count + 3 / 4)))
        for share, count in ((left, left_count), (right, right_count))
    ]
    apart = abs(angles[1] - angles[0])
    variance = 1 / (left_count + 0.5) + 1 / (right_count + 0.5)
    reach = NORMAL_QUANTILE * math.sqrt(variance)

    def scaled(angle: float) -> float:
        return min(1.0, max(0.0, angle) / math.sqrt(8 * math.log(2)))

    return ShareGap(
        distance=scaled(apart),
        noise_floor=scaled(math.sqrt(variance)),
        effect=scaled(math.sqrt(max(0.0, apart**2 - variance))),
        low=scaled(apart - reach),
        high=scaled(apart + reach),
        p_value=min(1.0, 2 * normal_tail(apart / math.sqrt(variance))),
    )
