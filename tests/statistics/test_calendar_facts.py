"""When rows happen, beside Python's own calendar."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from warehouse.engine.local import LocalEngine
from warehouse.sql import Relation
from warehouse.statistics.calendar_facts import (
    Calendar,
    Profile,
    Slots,
    calendar,
    rows_per_day_sql,
    rows_per_hour_sql,
    share_gap,
)
from warehouse.statistics.session_tables import SessionTables

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def calendar_of(engine: LocalEngine, times: list[datetime | None]) -> Calendar | None:
    micros = [None if time is None else (time - EPOCH) // timedelta(microseconds=1) for time in times]
    engine.connection.execute('create or replace table t as select unnest($m::bigint[]) as "a time"', {"m": micros})
    with SessionTables(engine, "c") as tables:
        hours = tables.create("hours", rows_per_hour_sql(Relation.table("t"), '"a time"'))
        return calendar(engine, hours, tables.create("days", rows_per_day_sql(hours)))


@pytest.mark.parametrize("start", [datetime(2023, 12, 29, 5, tzinfo=UTC), datetime(1969, 11, 3, 23, tzinfo=UTC)])
def test_profiles_and_gaps_equal_a_plain_count(engine: LocalEngine, start: datetime) -> None:
    chance = np.random.default_rng(3)
    times = [start + timedelta(seconds=int(second)) for second in chance.integers(0, 86400 * 430, 300)]

    found = calendar_of(engine, [*times, None])

    assert found is not None
    assert found.row_count == 300
    assert found.has_clock
    by_day = Counter((time - EPOCH).days for time in times)
    first, last = min(by_day), max(by_day)
    days = [EPOCH + timedelta(days=day) for day in range(first, last + 1)]
    assert (found.days.first, found.days.last, found.days.count) == (first, last, len(days))
    assert found.days.used_count == len(by_day)
    assert found.days.sizes == Counter(by_day.values())
    weekdays, months = Counter(time.weekday() for time in times), Counter(time.month for time in times)
    assert found.day_of_week.row_counts == tuple(weekdays[day] for day in range(7))
    assert found.day_of_week.slot_counts == tuple(sum(day.weekday() == d for day in days) for d in range(7))
    assert found.month is not None
    assert found.month.row_counts == tuple(months[month] for month in range(1, 13))
    assert found.month.slot_counts == tuple(sum(day.month == month for day in days) for month in range(1, 13))
    hours = Counter(time.hour for time in times)
    assert found.hour_of_day.row_counts == tuple(hours[hour] for hour in range(24))
    by_hour = Counter((time - EPOCH) // timedelta(hours=1) for time in times)
    slots = range(min(by_hour), max(by_hour) + 1)
    assert found.hour_of_day.slot_counts == tuple(sum(slot % 24 == hour for slot in slots) for hour in range(24))
    squares = [sum(count**2 for slot, count in by_hour.items() if slot % 24 == hour) for hour in range(24)]
    assert found.hour_of_day.squares == pytest.approx(squares)
    steps = sorted(by_day)
    assert found.days.longest_gap == max(later - earlier - 1 for earlier, later in pairwise(steps))


def test_dates_have_no_clock_and_no_rows_have_no_calendar(engine: LocalEngine) -> None:
    found = calendar_of(engine, [EPOCH, EPOCH + timedelta(days=3)])

    assert found is not None
    assert not found.has_clock
    assert (found.days.longest_gap, found.days.gap_start) == (2, 1)
    assert calendar_of(engine, [None]) is None


def test_rows_left_out_by_chance_leave_as_many_days_as_expected() -> None:
    chance = np.random.default_rng(1)
    sizes = chance.poisson(3, 400)
    slots = Slots(first=0, last=399, sizes=Counter(sizes[sizes > 0].tolist()), longest_gap=0, gap_start=None)

    thinned = [np.count_nonzero(chance.binomial(sizes, 0.2)) for _ in range(2000)]

    assert slots.expected_used(0.2) == pytest.approx(np.mean(thinned), rel=0.01)
    assert slots.expected_used(1.0) == slots.used_count


def test_even_counts_make_up_for_places_that_come_more_often() -> None:
    profile = Profile(row_counts=(20, 10), squares=(200.0, 100.0), slot_counts=(2, 1))

    assert profile.even_counts == (15.0, 15.0)


@pytest.mark.parametrize("spread", [1.0, 9.0])
def test_dispersion_is_how_much_days_differ_beyond_chance(spread: float) -> None:
    chance = np.random.default_rng(2)
    days = (
        chance.poisson(50, (5000, 7))
        if spread == 1
        else 50 + np.rint(chance.normal(0, (50 * spread) ** 0.5, (5000, 7)))
    )
    profile = Profile(
        row_counts=tuple(int(n) for n in days.sum(axis=0)),
        squares=tuple(float(n) for n in (days**2).sum(axis=0)),
        slot_counts=(5000,) * 7,
    )

    assert profile.dispersion == pytest.approx(spread, rel=0.05)


@pytest.mark.parametrize(("days", "share"), [(60, 0.02), (60, 0.3), (365, 0.005), (365, 0.1)])
def test_shares_of_few_days_keep_their_promise(days: int, share: float) -> None:
    chance = np.random.default_rng(days)
    alarms = highs = 0
    for left, right in chance.binomial(days, share, (4000, 2)):
        found = share_gap(left / days, right / days, days, days)
        alarms += found.p_value < 0.05
        highs += found.low > 0
        assert found.low <= found.effect <= found.high

    assert alarms / 4000 <= 0.06
    assert highs / 4000 <= 0.06


def test_a_share_that_grows_makes_the_distance_that_its_cells_have() -> None:
    from warehouse.statistics.distance import counts_of, jensen_shannon_distance

    found = share_gap(0.1, 0.2, 1e6, 1e6)

    assert found.distance == pytest.approx(jensen_shannon_distance(counts_of(0.1, 0.9), counts_of(0.2, 0.8)), rel=0.01)
