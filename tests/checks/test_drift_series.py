"""Drift over time: each period's effect is that of its rows alone, changes are dated right, odd times do no harm."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from warehouse.checks.drift.series import DriftSeries, Every, Gap, SeriesColumn, compare_over_time
from warehouse.checks.drift.verdicts import Verdict
from warehouse.datasets.drift_rules import ColumnRules, DriftRules
from warehouse.engine.local import LocalEngine
from warehouse.errors import SpecError
from warehouse.findings import Severity
from warehouse.sql import Relation
from warehouse.statistics.distance import measure_jensen_shannon
from warehouse.statistics.kinds import Kind

BASE, ROWS = Relation.table("base"), Relation.table("rows now")


def series_of(engine: LocalEngine, base: str, rows: str, *, every: Every = Every.DAY, **options: object) -> DriftSeries:
    engine.connection.execute(f"create or replace table base as {base}")
    engine.connection.execute(f'create or replace table "rows now" as {rows}')
    return compare_over_time(
        engine, BASE, ROWS, every=every, baseline_name="train", rows_name="today", **{"time": "at", **options}
    )  # type: ignore[arg-type]


def rows(
    *, days: int = 30, per_day: int = 400, value: str = "hash(i, 1) / 1.8446744073709552e19", more: str = ""
) -> str:
    return (
        f"select timestamp '2024-01-01' + to_days(cast(i // {per_day} as int)) + to_minutes(i % 1440) as \"at\", "
        f"i // {per_day} as day, {value} as x, hash(i, 2) % 5 as few, 'v' || hash(i, 3) % 9 as word{more} "
        f"from range({days * per_day}) as r(i)"
    )


BASELINE = (
    "select hash(i, 11) / 1.8446744073709552e19 as x, hash(i, 12) % 5 as few, 'v' || hash(i, 13) % 9 as word "
    "from range(20000) as r(i)"
)
SHIFTED = "hash(i, 1) / 1.8446744073709552e19 + case when i >= 20 * 400 then 0.4 else 0 end"


def column(series: DriftSeries, name: str) -> SeriesColumn:
    return next(column for column in series.columns if column.name == name)


def test_a_change_is_dated_and_the_columns_that_stay_are_stable(engine: LocalEngine) -> None:
    series = series_of(engine, BASELINE, rows(value=SHIFTED), excluded={"day": "the day itself"})

    x = column(series, "x")
    assert x.verdict is Verdict.DRIFTED
    assert x.drifted_since == "2024-01-21"
    assert [change.period for change in x.change_points] == ["2024-01-21"]
    assert x.change_points[0].low > x.threshold
    assert x.change_points[0].explanation.startswith("From 2024-01-21 on the median rose from about 0.")
    assert x.explanation.startswith("Drifted since 2024-01-21: the median rose from about 0.")
    assert [point.verdict for point in x.points[20:]] == [Verdict.DRIFTED] * 10
    for name in ("few", "word"):
        assert column(series, name).verdict is not Verdict.DRIFTED
        assert column(series, name).drifted_count == 0
        assert column(series, name).change_points == ()
    assert series.summary[0] == "1 of 3 columns of today has drifted from train by 2024-01-30."
    assert series.summary[-1] == "Lasting changes from 2024-01-21 (“x”) on."
    assert [(finding.subject, finding.severity) for finding in series.findings] == [("x", Severity.WARNING)]
    assert series.findings[0].advice == "look at what changed in 2024-01-21, or take a newer baseline"


def test_each_period_has_the_effect_of_its_rows_alone(engine: LocalEngine) -> None:
    chance = np.random.default_rng(3)
    base, day = chance.integers(0, 4, 5000), chance.integers(0, 6, 9000)
    word = np.where(chance.random(9000) < 0.1 * day, 0, chance.integers(0, 4, 9000))
    engine.connection.execute("create table b as select unnest($few) as few", {"few": base.tolist()})
    engine.connection.execute(
        "create table n as select unnest($few) as few, date '2024-01-01' + unnest($day)::int as \"at\"",
        {"few": word.tolist(), "day": day.tolist()},
    )

    series = series_of(engine, "from b", "from n")

    for index, point in enumerate(series.columns[0].points):
        expected = measure_jensen_shannon(
            np.bincount(base, minlength=4).astype(float), np.bincount(word[day == index], minlength=4).astype(float)
        )
        assert point.row_count == (day == index).sum()
        assert (point.value, point.low, point.high) == pytest.approx((expected.effect, expected.low, expected.high))
        assert point.noise_floor == pytest.approx(expected.noise_floor)
        assert point.missing_share == 0


@pytest.mark.parametrize("per_day", [60, 400])
def test_without_drift_no_period_alarms_and_nothing_changes(engine: LocalEngine, per_day: int) -> None:
    more = ", " + ", ".join(f"hash(i, {index}) % {index} as k{index}" for index in range(10, 30))
    base = BASELINE.replace(
        " as word", " as word, " + ", ".join(f"hash(i, {k + 99}) % {k} as k{k}" for k in range(10, 30))
    )

    series = series_of(engine, base, rows(days=60, per_day=per_day, more=more), excluded={"day": ""})

    assert len(series.columns) == 23
    assert sum(column.drifted_count for column in series.columns) == 0
    assert sum(len(column.change_points) for column in series.columns) == 0
    assert series.findings == ()


def test_gaps_are_named_and_rows_without_a_time_are_told_of(engine: LocalEngine) -> None:
    series = series_of(
        engine,
        BASELINE,
        f"select * exclude (day) replace (case when i % 100 = 0 then null when i % 100 = 1 then 'infinity'::timestamp "
        f'when i % 100 = 2 then \'-infinity\' else "at" end as "at") exclude (i) from ({rows(more=", i")}) '
        "where day not in (5, 6, 7, 20)".replace("exclude (day) replace", "exclude (day, i) replace").replace(
            "exclude (i) from", "from"
        ),
    )

    assert series.gaps == (
        Gap(start="2024-01-06", end="2024-01-08", period_count=3),
        Gap(start="2024-01-21", end="2024-01-21", period_count=1),
    )
    assert len(series.periods) == 26
    assert series.untimed_row_count == 26 * 400 * 3 // 100
    assert series.row_count == sum(period.row_count for period in series.periods) == 26 * 400 * 97 // 100
    assert "4 days without rows (the longest gap: 2024-01-06 to 2024-01-08)." in series.summary
    assert any(sentence.startswith("312 rows have no “at” that is a day") for sentence in series.summary)
    assert series.findings[-1].message == "today has no rows from 2024-01-06 to 2024-01-08"


@pytest.mark.parametrize(
    ("every", "starts", "ends"),
    [
        (Every.DAY, ["1969-12-31", "1970-01-01", "1970-02-01"], ["1969-12-31", "1970-01-01", "1970-02-01"]),
        (Every.WEEK, ["1969-12-29", "1970-01-26"], ["1970-01-04", "1970-02-01"]),
        (Every.MONTH, ["1969-12-01", "1970-01-01", "1970-02-01"], ["1969-12-31", "1970-01-31", "1970-02-28"]),
    ],
)
def test_periods_before_1970_and_across_it_are_the_calendars(
    engine: LocalEngine, every: Every, starts: list[str], ends: list[str]
) -> None:
    days = "['1969-12-31 23:59:59', '1970-01-01', '1970-02-01 12:00']::timestamp[]"
    series = series_of(
        engine, BASELINE, f'select ({days})[1 + i % 3] as "at", i % 5 as few from range(900) as r(i)', every=every
    )

    assert [period.start for period in series.periods] == starts
    assert [period.end for period in series.periods] == ends
    assert all(date.fromisoformat(start).weekday() == 0 for start in starts) or every is not Every.WEEK


@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamptz", "timestamp_s", "timestamp_ns"])
def test_every_type_of_time_can_be_followed(engine: LocalEngine, kind: str) -> None:
    series = series_of(engine, BASELINE, f'select * replace (cast("at" as {kind}) as "at") from ({rows()})')

    assert len(series.periods) == 30
    assert series.periods[0].start == "2024-01-01"


def test_one_period_is_judged_and_has_no_change(engine: LocalEngine) -> None:
    series = series_of(engine, BASELINE, rows(days=1, per_day=3000), excluded={"day": ""})

    assert [len(column.points) for column in series.columns] == [1, 1, 1]
    assert {column.verdict for column in series.columns} == {Verdict.STABLE}
    assert series.summary == ("By 2024-01-01 no column of today has drifted from train.",)
    assert all(column.explanation == "Alike." for column in series.columns)


def test_a_last_period_that_has_just_begun_decides_nothing(engine: LocalEngine) -> None:
    begun = "select timestamp '2024-02-01' as \"at\", 0 as day, 9.0 as x, 0 as few, 'v0' as word from range(60)"

    series = series_of(engine, BASELINE, f"{rows()} union all {begun}", excluded={"day": ""})

    assert [period.is_thin for period in series.periods][-2:] == [False, True]
    assert column(series, "x").points[-1].verdict is Verdict.DRIFTED
    assert all(found.verdict is not Verdict.DRIFTED for found in series.columns)
    assert "The last day, 2024-02-01, has 60 rows: too few beside the others to rest a verdict on." in series.summary


def test_a_last_week_that_is_not_over_decides_nothing_whatever_its_days_are_like(engine: LocalEngine) -> None:
    base = "select hash(i) % 5 as few, i % 7 < 5 as work from range(20000) as r(i)"

    def weeks(days: int, closed: str = "false") -> DriftSeries:
        now = (
            "select date '2024-01-01' + cast(i // 300 as int) as \"at\", hash(i, 1) % 5 as few, "
            f"i // 300 % 7 < 5 as work from range({days * 300}) as r(i) where not {closed}"
        )
        return series_of(engine, base, now, every=Every.WEEK, label="work")

    half, whole = weeks(8 * 7 + 2), weeks(8 * 7)

    assert [period.is_unfinished for period in half.periods] == [False] * 8 + [True]
    work = column(half, "work")
    assert (work.points[-1].verdict, work.points[-1].is_thin) == (Verdict.DRIFTED, False)
    assert (work.verdict, work.drifted_count, work.change_points) == (Verdict.STABLE, 0, ())
    assert work.explanation == "Alike in all 8 periods."
    assert half.findings == whole.findings == ()
    assert half.summary[0] == whole.summary[0] == "By the week of 2024-02-19 no column of today has drifted from train."
    assert "The last week, 2024-02-26, has not come to its end: nothing rests on it." in half.summary
    assert not whole.periods[-1].is_unfinished
    # Who is closed on Sundays ends weeks on Saturdays.
    assert not weeks(8 * 7 - 1, closed="i // 300 % 7 = 6").periods[-1].is_unfinished
    assert weeks(8 * 7 - 2, closed="i // 300 % 7 = 6").periods[-1].is_unfinished


def test_a_column_that_says_which_day_it_is_is_left_out(engine: LocalEngine) -> None:
    series = series_of(
        engine,
        "select 1 as day, 2 as weekday, hash(i) % 5 as few from range(5000) as r(i)",
        f'select * exclude (x, word), dayofweek("at") as weekday from ({rows(per_day=300)})',
        rules=DriftRules(columns={"day": ColumnRules(kind=Kind.DISCRETE)}),
    )

    assert {left.name: left.reason for left in series.left_out} == {
        "at": "the periods run along it",
        "day": "it has another value each day, so it says when a row is from",
        "weekday": "it has another value each day, so it says when a row is from",
    }
    assert [column.name for column in series.columns] == ["few"]


@pytest.mark.parametrize(
    ("kind", "expected"), [("boolean", (None, 0.25)), ("integer", (None, 0.25)), ("varchar", ("false", 0.75))]
)
def test_the_label_is_followed(engine: LocalEngine, kind: str, expected: tuple[str | None, float]) -> None:
    base = f"select hash(i) % 5 as few, cast(i % 4 = 0 as {kind}) as late from range(8000) as r(i)"
    now = (
        f"select date '2024-01-01' + cast(i // 1000 as int) as \"at\", hash(i) % 5 as few, "
        f"cast(i % 2 = 0 as {kind}) as late from range(5000) as r(i)"
    )

    series = series_of(engine, base, now, label="late")

    assert (series.label_value, series.baseline_label_mean) == expected
    assert [period.label_mean for period in series.periods] == [0.5] * 5
    assert series.columns[0].is_label
    assert series.columns[0].verdict is Verdict.DRIFTED
    assert any(
        sentence.startswith("The label “late”: drifted since 2024-01-01, the first of all:")
        for sentence in series.summary
    )


def test_rows_in_groups_count_less(engine: LocalEngine) -> None:
    base = "select hash(g, 7) % 4 as few, g from (select i % 12 as g from range(8000) as r(i))"
    now = (
        "select date '2024-01-01' + cast(i // 4000 as int) as \"at\", hash(g, 7) % 4 as few, g "
        "from (select i, 1000 + i % 12 as g from range(16000) as r(i))"
    )

    alone = series_of(engine, base, now, excluded={"g": ""})
    grouped = series_of(engine, base, now, excluded={"g": ""}, groups=["g"])

    widths = [series.columns[0].points[0].high - series.columns[0].points[0].low for series in (alone, grouped)]
    assert widths[1] > 2 * widths[0]
    assert grouped.columns[0].drifted_count == 0


@pytest.mark.parametrize(("base_where", "rows_where"), [("false", "true"), ("true", "false"), ("false", "false")])
def test_empty_sides_are_told_of(engine: LocalEngine, base_where: str, rows_where: str) -> None:
    series = series_of(engine, f"{BASELINE} where {base_where}", f"from ({rows()}) where {rows_where}")

    assert series.columns == ()
    assert series.summary[0].startswith("Nothing could be compared: ")
    assert series.findings == ()


def test_columns_without_values_or_variation_do_no_harm(engine: LocalEngine) -> None:
    series = series_of(
        engine,
        "select 1 as same, null::double as none, [i] as list, 'a' as word from range(5000) as r(i)",
        "select date '2024-01-01' + cast(i // 500 as int) as \"at\", 1 as same, null::double as none, [i] as list, "
        "'a' as word from range(5000) as r(i)",
    )

    assert {column.verdict for column in series.columns} == {Verdict.STABLE}
    assert all(column.change_points == () for column in series.columns)


def test_more_periods_than_a_thousand_are_one_clear_error(engine: LocalEngine) -> None:
    now = "select date '1990-01-01' + cast(i as int) as \"at\", 1 as few from range(1001) as r(i)"

    with pytest.raises(SpecError) as caught:
        series_of(engine, BASELINE, now)

    assert str(caught.value) == (
        "drift over time: 'rows now' has rows of more than 1,000 days by 'at', from 1990-01-01 on\n"
        "  take longer periods: --over week"
    )
    assert len(series_of(engine, BASELINE, now, every=Every.WEEK).periods) == 143


@pytest.mark.parametrize(
    ("time", "message"),
    [
        ("att", "drift over time: 'rows now' has no column 'att'\n  did you mean 'at'?"),
        (
            "few",
            "drift over time: 'few' of 'rows now' is UBIGINT, neither a date nor a timestamp\n  dates and timestamps",
        ),
    ],
)
def test_a_column_that_is_no_time_is_one_clear_error(engine: LocalEngine, time: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        series_of(engine, BASELINE, rows(), time=time)

    assert str(caught.value).startswith(message)


def test_hostile_names_are_only_names(engine: LocalEngine) -> None:
    series = series_of(
        engine,
        'select hash(i) % 5 as "a ""b""", hash(i, 1) % 3 as part from range(5000) as r(i)',
        'select date \'2024-01-01\' + cast(i // 500 as int) as "it\'s ""now""", hash(i) % 5 as "a ""b""", '
        "hash(i, 1) % 3 as part from range(5000) as r(i)",
        time='it\'s "now"',
    )

    assert sorted(column.name for column in series.columns) == ['a "b"', "part"]
    assert len(series.periods) == 10


def test_columns_of_one_side_only_are_named(engine: LocalEngine) -> None:
    series = series_of(engine, BASELINE, rows(more=", 1 as extra"), excluded={"day": ""})

    left = {left.name: (left.reason, left.is_problem) for left in series.left_out}
    assert left["extra"] == ("only in today", True)


def test_the_answer_is_the_same_each_time_and_in_any_order(engine: LocalEngine) -> None:
    first = series_of(engine, BASELINE, rows(value=SHIFTED))
    again = series_of(engine, f"from ({BASELINE}) order by x", f"from ({rows(value=SHIFTED)}) order by hash(x)")

    assert first.columns == again.columns
    assert first.summary == again.summary
