"""Counts of all parts and columns in one scan are those that NumPy counts one by one."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from warehouse.engine.local import LocalEngine
from warehouse.sql import Relation
from warehouse.statistics import part_counts as module
from warehouse.statistics.cells import distribution_cells
from warehouse.statistics.clusters import clustering
from warehouse.statistics.coded import (
    FIRST,
    MISSING,
    NAN,
    NEGATIVE,
    NO_PERIOD,
    OTHER,
    POSITIVE,
    Coding,
    Every,
    Periods,
    Whole,
    coding_of,
    pair_of_counts,
)
from warehouse.statistics.kinds import Family
from warehouse.statistics.pair import compare_relations
from warehouse.statistics.part_counts import part_counts
from warehouse.statistics.profile import Measured

T = Relation.table("t")
AT = Coding(column=Measured("at", Family.TIMESTAMP), key="0")
HOSTILE = ['a "quoted" one', "select", "Größe", "part", "place", "x", "it's", "cell_0", "rows_read", " "]


def real(name: str, *, bounds: tuple[float, ...] = (), values: tuple[float, ...] = (), key: str = "0") -> Coding:
    return Coding(column=Measured(name, Family.REAL), bounds=bounds, values=values, key=key)


def test_counts_are_numpys(engine: LocalEngine) -> None:
    chance = np.random.default_rng(1)
    x, part = chance.normal(size=5000), chance.integers(0, 7, size=5000)
    word = chance.choice(["a", "b", "c", "d"], size=5000)
    engine.connection.execute(
        "create table t as select unnest($x) as x, unnest($part) as part, unnest($word) as word",
        {"x": x.tolist(), "part": part.tolist(), "word": word.tolist()},
    )
    bounds = (-1.0, 0.0, 0.5, 10.0)
    codings = [
        real("x", bounds=bounds),
        Coding(column=Measured("word", Family.STRING), values=("c", "a"), key="1"),
    ]
    parts = Coding(column=Measured("part", Family.INTEGER), values=tuple(map(float, range(7))))

    found = part_counts(engine, T, parts, codings)

    assert found.parts == tuple(FIRST + index for index in range(7))
    for row in range(7):
        expected = np.histogram(x[part == row], [-np.inf, *bounds])[0]
        assert found.counts["x"][row].tolist() == [0] * FIRST + expected.tolist()
        words = word[part == row].tolist()
        others = len(words) - words.count("a") - words.count("c")
        assert found.counts["word"][row].tolist() == [0, 0, 0, 0, others, words.count("c"), words.count("a")]


def test_rows_without_a_value_have_codes_of_their_own(engine: LocalEngine) -> None:
    engine.connection.execute(
        "create table t as select unnest(['1.5', null, 'nan', 'nan', 'inf', '-inf', '99', '1.5000000000000002']"
        "::double[]) as x"
    )

    found = part_counts(engine, T, Whole(), [real("x", bounds=(1.5, 2.0))])

    counts = found.counts["x"][0]
    assert [counts[code] for code in (MISSING, NAN, POSITIVE, NEGATIVE, OTHER)] == [1, 2, 1, 1, 1]
    assert counts[FIRST:].tolist() == [1, 1]


@pytest.mark.parametrize("value", [5e-324, -1.7976931348623157e308, 0.1 + 0.2, math.nextafter(1, 0), -0.0])
def test_bounds_reach_the_engine_to_the_last_bit(engine: LocalEngine, value: float) -> None:
    above = math.nextafter(value, math.inf)
    engine.connection.execute("create table t as select unnest($x::double[]) as x", {"x": [value, above]})

    found = part_counts(engine, T, Whole(), [real("x", bounds=(value, above))])

    assert found.counts["x"][0][FIRST:].tolist() == [1, 1]


def test_hostile_names_and_values_are_only_names_and_values(engine: LocalEngine) -> None:
    columns = ", ".join(
        f"['v''{index}', null, '\"'][1 + i % 3] as \"{name.replace(chr(34), chr(34) * 2)}\""
        for index, name in enumerate(HOSTILE)
    )
    engine.connection.execute(f"create table t as select {columns} from range(30) as r(i)")
    codings = [
        Coding(column=Measured(name, Family.STRING), values=('"', f"v'{index}"), key=str(index))
        for index, name in enumerate(HOSTILE)
    ]
    parts = Coding(column=Measured(HOSTILE[0], Family.STRING), values=("v'0", "$x"))

    found = part_counts(engine, T, parts, codings, groups=HOSTILE[1:3])

    assert found.parts == (MISSING, OTHER, FIRST)
    for name in HOSTILE:
        assert found.counts[name].sum(axis=1).tolist() == [10, 10, 10]
        assert found.counts[name].sum(axis=0)[[MISSING, FIRST, FIRST + 1]].tolist() == [10, 10, 10]


def test_many_columns_are_counted_in_several_scans_with_the_same_answer(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = ", ".join(f"hash(i, {index}) % 9 as c{index}" for index in range(45))
    engine.connection.execute(f"create table t as select i % 4 as part, {columns} from range(3000) as r(i)")
    codings = [
        Coding(column=Measured(f"c{index}", Family.INTEGER), values=tuple(map(float, range(9))), key=str(index))
        for index in range(45)
    ]
    parts = Coding(column=Measured("part", Family.INTEGER), values=(0.0, 1.0, 2.0, 3.0))

    whole = part_counts(engine, T, parts, codings)
    monkeypatch.setattr(module, "COUNTS_PER_SCAN", 100)
    pieces = part_counts(engine, T, parts, codings, part_count=4)

    assert whole.parts == pieces.parts
    assert all((whole.counts[name] == pieces.counts[name]).all() for name in whole.counts)


def test_design_effects_are_those_of_whole_comparisons(engine: LocalEngine) -> None:
    engine.connection.execute(
        "create table t as select chr(cast(97 + (hash(g, 1) % 4 + hash(i, 5) % 2) as int)) as word, "
        "case when g % 11 > 0 then g end as g from (select i, hash(i) % 60 as g from range(4000) as r(i))"
    )
    pair = compare_relations(engine, T, T).columns[0]
    coding = coding_of(pair, key="0")

    found = part_counts(engine, T, Whole(), [coding], groups=["g"]).design_effects["word"][0]

    cells = distribution_cells(pair)
    expected = clustering(engine, T, coding.column, cells, ["g"], row_count=4000, with_lone_values=False)
    assert expected.design_effect > 3
    # Shares are of all rows here, and of rows with a group there.
    assert found == pytest.approx(expected.design_effect, rel=0.15)


def test_the_groups_of_many_rows_are_asked_in_slices_to_the_same_numbers(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.connection.execute(
        "create table t as select chr(cast(97 + hash(i) % 4 as int)) as word, sqrt(i) as x, i % 3 as part, "
        "case when i % 11 > 0 then i // 40 end as g, i // 100 as \"an 'h'\" from range(4000) as r(i)"
    )
    codings = [
        Coding(column=Measured("word", Family.STRING), values=("a", "c"), key="0"),
        real("x", bounds=(10.0, 20.0, 50.0), key="1"),
    ]
    parts = Coding(column=Measured("part", Family.INTEGER), values=(0.0, 1.0, 2.0))
    groups = ["g", "an 'h'"]
    at_once = part_counts(engine, T, parts, codings, groups=groups, row_count=4000)
    monkeypatch.setattr(module, "VALUES_AT_ONCE", 1500)
    in_slices = part_counts(engine, T, parts, codings, groups=groups, row_count=4000)

    assert in_slices.parts == at_once.parts == (FIRST, FIRST + 1, FIRST + 2)
    for name in ("word", "x"):
        assert (in_slices.counts[name] == at_once.counts[name]).all()
        assert in_slices.design_effects[name] == pytest.approx(at_once.design_effects[name], rel=1e-12)
    assert at_once.counts["word"].sum() == 4000
    assert at_once.design_effects["x"].min() > 3


def test_counts_of_the_whole_give_the_cells_of_the_whole(engine: LocalEngine) -> None:
    engine.connection.execute(
        "create table l as select i * 0.37 as x, i % 5 as few, 'c' || (i % 70) as word, i % 3 = 0 as flag "
        "from range(4000) as r(i)"
    )
    engine.connection.execute(
        "create table r as select i * 0.4 as x, i % 6 as few, 'c' || (i % 90) as word, i % 4 = 0 as flag "
        "from range(3000) as r(i)"
    )
    left, right = Relation.table("l"), Relation.table("r")

    for pair in compare_relations(engine, left, right).columns:
        coding = coding_of(pair, key="0")
        sides = [part_counts(engine, side, Whole(), [coding]).counts[pair.name][0] for side in (left, right)]
        told = distribution_cells(pair_of_counts(pair, coding, *sides))
        expected = distribution_cells(pair)
        assert sum(cell.left_count for cell in told) == 4000
        assert sum(cell.right_count for cell in told) == 3000
        assert abs(len(told) - len(expected)) <= (0 if pair.categories is not None else 7)


@pytest.mark.parametrize("every", list(Every))
def test_periods_are_pythons_calendar(engine: LocalEngine, every: Every) -> None:
    days = [
        date(1, 1, 1),
        date(1969, 12, 28),
        date(1969, 12, 29),
        date(1970, 1, 1),
        date(2000, 2, 29),
        date(9999, 12, 31),
    ]
    engine.connection.execute(
        "create table t as select unnest($days::timestamp[]) as at",
        {"days": [datetime(day.year, day.month, day.day, 23, 59) for day in days]},
    )

    found = part_counts(engine, T, Periods("at", every, False), [AT])

    def number(day: date) -> int:
        if every is Every.MONTH:
            return day.year * 12 + day.month - 1
        monday = day - timedelta(days=day.weekday())
        return (day - date(1970, 1, 1)).days if every is Every.DAY else (monday - date(1969, 12, 29)).days // 7

    assert found.parts == tuple(sorted({number(day) for day in days}))


def test_times_of_other_zones_are_in_the_period_of_utc(engine: LocalEngine) -> None:
    engine.connection.execute(
        "create table t as select unnest(['2020-01-01 00:30:00+02', '2019-12-31 23:30:00-05']::timestamptz[]) as at"
    )

    found = part_counts(engine, T, Periods("at", Every.DAY, False), [AT])

    first = (date(2019, 12, 31) - date(1970, 1, 1)).days
    assert found.parts == (first, first + 1)
    assert datetime(2019, 12, 31, 22, 30, tzinfo=UTC).date() == date(2019, 12, 31)


def test_times_that_are_in_no_period_are_left_out_or_a_part_of_their_own(engine: LocalEngine) -> None:
    engine.connection.execute(
        "create table t as select 1.0::double as x, unnest(['2020-01-01', 'infinity', '-infinity', null, "
        "'0044-03-15 (BC)', '20000-01-01']::timestamp[]) as at"
    )
    month = 2020 * 12

    without = part_counts(engine, T, Periods("at", Every.MONTH, False), [real("x", bounds=(2.0,))])
    with_missing = part_counts(
        engine, T, Periods("at", Every.MONTH, False, with_missing=True), [real("x", bounds=(2.0,))]
    )

    assert without.parts == (month,)
    assert with_missing.parts == (NO_PERIOD, month)
    assert with_missing.counts["x"].sum(axis=1).tolist() == [1, 1]


def test_long_values_are_known_by_their_beginning(engine: LocalEngine) -> None:
    engine.connection.execute("create table t as select repeat('long', 50) || i % 2 as word from range(300) as r(i)")
    pair = compare_relations(engine, T, T, kinds={}).columns[0]

    found = part_counts(engine, T, Whole(), [coding_of(pair, key="0")])

    assert found.counts["word"][0][FIRST:].sum() == 300


def test_an_empty_relation_has_no_parts(engine: LocalEngine) -> None:
    engine.connection.execute("create table t as select 1.0::double as x where false")

    found = part_counts(engine, T, Whole(), [real("x", bounds=(1.0,))])

    assert found.parts == ()
    assert found.counts["x"].shape == (0, FIRST + 1)
