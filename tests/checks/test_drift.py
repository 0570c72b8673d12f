"""Verdicts: false alarms on data that does not drift, sight for shifts of stated size, and honesty in between."""

from __future__ import annotations

import math
import re
from collections import Counter

import numpy as np
import pytest

from warehouse.checks.drift.comparison import compare
from warehouse.checks.drift.result import ColumnDrift, DriftResult, Role
from warehouse.checks.drift.verdicts import EffectName, Verdict
from warehouse.engine.local import LocalEngine
from warehouse.findings import Severity
from warehouse.sql import Relation
from warehouse.statistics.kinds import Kind

LEFT, RIGHT = Relation.table("l"), Relation.table("r")


def compare_tables(engine: LocalEngine, **options: object) -> DriftResult:
    return compare(engine, LEFT, RIGHT, left_name="train", right_name="test", **options)  # type: ignore[arg-type]


def drift_of(engine: LocalEngine, left: str, right: str, **options: object) -> dict[str, ColumnDrift]:
    engine.connection.execute(f"create or replace table l as {left}")
    engine.connection.execute(f"create or replace table r as {right}")
    return {column.name: column for column in compare_tables(engine, **options).columns}


def fill(engine: LocalEngine, name: str, columns: dict[str, np.ndarray]) -> None:
    selected = ", ".join(f'unnest(${key}) as "{key}"' for key in columns)
    values = {key: [None if item is None else item for item in value.tolist()] for key, value in columns.items()}
    engine.connection.execute(f"create or replace table {name} as select {selected}", values)


def one_law(chance: np.random.Generator, rows: int) -> dict[str, np.ndarray]:
    return {
        "normal": chance.normal(size=rows),
        "skewed": np.exp(chance.normal(size=rows)),
        "mostly_zero": np.where(chance.random(rows) < 0.6, 0.0, chance.normal(size=rows)),
        "few_numbers": np.floor(chance.exponential(4, rows)),
        "flag": chance.random(rows) < 0.3,
        "category": np.array([f"c{index}" for index in np.floor(50 * chance.random(rows) ** 2).astype(int)]),
        "rare": np.array([f"c{index}" for index in np.floor(1000 * chance.random(rows) ** 2).astype(int)]),
        "gaps": np.where(chance.random(rows) < 0.1, None, chance.random(rows)),
    }


def shifted(chance: np.random.Generator, rows: int) -> dict[str, np.ndarray]:
    return {
        "normal": chance.normal(0.5, 1, rows),
        "skewed": np.exp(chance.normal(0, 1.6, rows)),
        "mostly_zero": np.where(chance.random(rows) < 0.4, 0.0, chance.normal(size=rows)),
        "few_numbers": np.floor(chance.exponential(6, rows)),
        "flag": chance.random(rows) < 0.5,
        "category": np.array(
            [
                f"c{index}"
                for index in np.where(chance.random(rows) < 0.2, 0, np.floor(50 * chance.random(rows) ** 2)).astype(int)
            ]
        ),
        "rare": np.array(
            [
                "never seen" if chance.random() < 0.3 else f"c{index}"
                for index in np.floor(1000 * chance.random(rows) ** 2).astype(int)
            ]
        ),
        "gaps": np.where(chance.random(rows) < 0.3, None, chance.random(rows)),
    }


@pytest.mark.parametrize(
    ("left_rows", "right_rows", "runs", "most_undecided"),
    [(500, 500, 25, 1.0), (2000, 2000, 12, 0.5), (10_000, 4000, 8, 0.25), (100_000, 20_000, 2, 0.0)],
)
def test_no_drift_gives_no_alarm_and_enough_rows_give_certainty(
    engine: LocalEngine, left_rows: int, right_rows: int, runs: int, most_undecided: float
) -> None:
    chance = np.random.default_rng(left_rows)
    verdicts: Counter[Verdict] = Counter()
    for _ in range(runs):
        fill(engine, "l", one_law(chance, left_rows))
        fill(engine, "r", one_law(chance, right_rows))
        verdicts.update(column.verdict for column in compare_tables(engine).columns)

    total = verdicts.total()
    assert total == 8 * runs
    assert verdicts[Verdict.DRIFTED] == 0
    assert verdicts[Verdict.UNDECIDED] / total <= most_undecided


@pytest.mark.parametrize(("left_rows", "right_rows"), [(500, 500), (3000, 1000), (30_000, 10_000)])
def test_large_shifts_are_never_stable_and_soon_seen(engine: LocalEngine, left_rows: int, right_rows: int) -> None:
    chance = np.random.default_rng(7)
    fill(engine, "l", one_law(chance, left_rows))
    fill(engine, "r", shifted(chance, right_rows))

    verdicts = {column.name: column.verdict for column in compare_tables(engine).columns}

    assert Verdict.STABLE not in verdicts.values()
    if right_rows >= 1000:
        assert set(verdicts.values()) == {Verdict.DRIFTED}
    else:
        assert sum(verdict is Verdict.DRIFTED for verdict in verdicts.values()) >= 4


def test_a_trifle_is_stable_however_many_rows_prove_it(engine: LocalEngine) -> None:
    columns = drift_of(
        engine,
        "select hash(i) / 2e19 as x from range(1000000) as r(i)",
        "select hash(i) / 2e19 + 0.01 as x from range(1000000, 2000000) as r(i)",
    )

    assert columns["x"].verdict is Verdict.STABLE
    assert columns["x"].q_value < 1e-6


def test_missing_values_that_appear_are_drift(engine: LocalEngine) -> None:
    column = drift_of(
        engine,
        "select i * 0.37 as x from range(5000) as r(i)",
        "select case when i % 10 > 0 then i * 0.37 end as x from range(5000) as r(i)",
    )["x"]

    assert column.verdict is Verdict.DRIFTED
    assert column.explanation == "Missing values appeared: 10.0% of rows, none before."
    assert column.right.missing_share == 0.1
    assert column.measures is not None
    assert column.measures.missing_change == pytest.approx(0.1)


def test_nan_and_infinities_are_cells_of_their_own(engine: LocalEngine) -> None:
    column = drift_of(
        engine,
        "select i * 0.37 as x from range(5000) as r(i)",
        "select case i % 5 when 0 then 'nan'::double when 1 then 'inf'::double else i * 0.37 end as x "
        "from range(5000) as r(i)",
    )["x"]

    assert column.verdict is Verdict.DRIFTED
    assert (column.right.nan_count, column.right.positive_infinity_count) == (1000, 1000)
    assert [bar.label for bar in column.bars if bar.role is Role.MISSING] == ["NaN", "+∞"]
    assert column.right.mean is not None
    assert math.isfinite(column.right.mean)


def test_new_categories_are_named_with_their_rows(engine: LocalEngine) -> None:
    column = drift_of(
        engine,
        "select 'a' || (i % 5) as x from range(5000) as r(i)",
        "select case when i % 20 = 0 then 'brand new' else 'a' || (i % 4) end as x from range(5000) as r(i)",
    )["x"]

    assert column.verdict is Verdict.DRIFTED
    assert column.new is not None
    assert column.new.examples == (("brand new", 250),)
    assert column.new.row_share == 0.05
    assert column.vanished is not None
    assert column.vanished.examples == (("a4", 1000),)


def test_categories_ever_new_in_both_are_no_drift(engine: LocalEngine) -> None:
    chance = np.random.default_rng(3)
    fill(engine, "l", {"x": np.array([f"v{i}" for i in chance.integers(0, 20_000, 20_000)])})
    fill(engine, "r", {"x": np.array([f"v{i}" for i in chance.integers(0, 20_000, 20_000)])})

    (column,) = compare_tables(engine).columns

    assert column.new is not None
    assert column.new.row_share > 0.3
    (effect,) = (effect for effect in column.effects if effect.name is EffectName.NEW)
    assert effect.value < 0.02
    assert column.verdict is not Verdict.DRIFTED


def test_new_categories_are_told_beside_how_many_were_to_be_expected(engine: LocalEngine) -> None:
    chance = np.random.default_rng(3)
    fill(engine, "l", {"x": np.array([f"v{i}" for i in chance.integers(0, 20_000, 20_000)])})
    fill(engine, "r", {"x": np.array([f"v{i}" for i in chance.integers(0, 30_000, 20_000)])})

    (column,) = compare_tables(engine).columns

    assert column.verdict is Verdict.DRIFTED
    assert re.match(
        r"5\d\.\d% of rows hold one of [\d,]+ values that train never had, “v\d+” above all, "
        r"where 3\d\.\d% were to be expected, so many values being rare\.$",
        column.explanation,
    )


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("select 1.5 as x from range(1000)", "select 1.5 as x from range(1000)"),
        ("select 'same' as x from range(1000)", "select 'same' as x from range(1000)"),
        ("select null::double as x from range(1000)", "select null::double as x from range(1000)"),
    ],
    ids=["constant", "one category", "all null"],
)
def test_what_is_the_same_in_every_row_is_stable(engine: LocalEngine, left: str, right: str) -> None:
    column = drift_of(engine, left, right)["x"]

    assert column.verdict is Verdict.STABLE
    assert column.effects[0].value == 0.0


def test_a_constant_that_changes_is_drift(engine: LocalEngine) -> None:
    column = drift_of(engine, "select 1 as x from range(1000)", "select 2 as x from range(1000)")["x"]

    assert column.verdict is Verdict.DRIFTED
    assert column.effects[0].value > 0.99
    assert column.measures is not None
    assert column.measures.kolmogorov_smirnov == 1.0


@pytest.mark.parametrize("rows", [1, 2, 3, 4])
def test_few_rows_prove_nothing(engine: LocalEngine, rows: int) -> None:
    column = drift_of(
        engine, f"select 'a' as x, 1.5 as y from range({rows})", f"select 'b' as x, 2.5 as y from range({rows})"
    )

    assert {one.verdict for one in column.values()} == {Verdict.UNDECIDED}


def test_an_empty_side_is_said_and_not_judged(engine: LocalEngine) -> None:
    engine.connection.execute("create table l as select 1 as x, 'a' as y; create table r as from l limit 0")

    result = compare_tables(engine)

    assert {column.verdict for column in result.columns} == {Verdict.UNDECIDED}
    assert result.summary == ("Nothing could be compared: test has no rows.",)
    assert result.findings == ()


def test_the_label_comes_first_and_says_so(engine: LocalEngine) -> None:
    engine.connection.execute("create table l as select i % 2 = 0 as late, i % 7 as x from range(1000) as r(i)")
    engine.connection.execute("create table r as select i % 2 = 0 as late, 9 as x from range(1000) as r(i)")

    result = compare_tables(engine, label="late")

    assert [(column.name, column.is_label) for column in result.columns] == [("late", True), ("x", False)]
    assert result.summary[0] == "1 of 2 columns drifted from train to test."
    assert "The label “late” is" in " ".join(result.summary)


def test_findings_have_the_severity_that_was_asked_for(engine: LocalEngine) -> None:
    engine.connection.execute("create table l as select 'a' as x, 1 as gone from range(100)")
    engine.connection.execute("create table r as select 'b' as x from range(100)")

    result = compare_tables(engine, severity=Severity.CRITICAL)

    assert [(finding.subject, finding.severity) for finding in result.findings] == [
        ("x", Severity.CRITICAL),
        ("gone", Severity.CRITICAL),
    ]
    assert result.findings[0].message == "100% of rows hold a value that train never had: “b”."
    assert "only in train" in result.findings[1].message


def test_excluded_columns_are_not_read_and_keep_their_reason(engine: LocalEngine) -> None:
    engine.connection.execute(
        "create table l as select i as id, 1.5 as x from range(300) as r(i); create table r as from l"
    )

    result = compare_tables(engine, excluded={"id": "the key"})

    assert [(column.name, column.reason) for column in result.left_out] == [("id", "the key")]
    assert [column.name for column in result.columns] == ["x"]


def test_identifiers_are_left_out_with_a_reason(engine: LocalEngine) -> None:
    engine.connection.execute(
        "create table l as select i as id, 1.5 as x from range(2000) as r(i); create table r as from l"
    )

    result = compare_tables(engine)

    assert [column.name for column in result.left_out] == ["id"]
    assert "identifier" in result.left_out[0].reason
    assert not result.findings


def test_times_are_told_in_words(engine: LocalEngine) -> None:
    engine.connection.execute(
        "create table l as select timestamp '2013-01-01' + to_hours(i) as t, i % 3 as x from range(2000) as r(i);"
        "create table r as select timestamp '2013-06-01' + to_hours(i) as t, i % 3 as x from range(2000) as r(i)"
    )

    result = compare_tables(engine, time="t")

    column = next(column for column in result.columns if column.name == "t")
    assert column.kind is Kind.TIME
    assert column.left.minimum == "2013-01-01"
    assert column.right.maximum == "2013-08-23T07:00Z"
    assert column.measures is not None
    assert column.measures.wasserstein == pytest.approx(151.0)
    assert result.summary[-1] == "By “t”, train covers 2013-01-01 to 2013-03-25 and test 2013-06-01 to 2013-08-23."


def test_bars_add_up_to_all_rows(engine: LocalEngine) -> None:
    chance = np.random.default_rng(11)
    fill(engine, "l", one_law(chance, 3000))
    fill(engine, "r", shifted(chance, 2000))

    for column in compare_tables(engine).columns:
        assert sum(bar.left_count for bar in column.bars) == 3000, column.name
        assert sum(bar.right_count for bar in column.bars) == 2000, column.name
        assert sum(bar.left_share for bar in column.bars) == pytest.approx(1)


def test_bars_count_what_lies_between_their_bounds(engine: LocalEngine) -> None:
    chance = np.random.default_rng(12)
    left, right = chance.normal(size=4000), chance.normal(1, 2, 3000)
    fill(engine, "l", {"x": left})
    fill(engine, "r", {"x": right})

    for bar in compare_tables(engine).columns[0].bars:
        low, high = (-math.inf if bar.low is None else bar.low), (math.inf if bar.high is None else bar.high)
        assert bar.left_count == ((left >= low) & (left < high)).sum()
        assert bar.right_count == ((right >= low) & (right < high)).sum()


def test_quantiles_are_near_the_true_ones(engine: LocalEngine) -> None:
    chance = np.random.default_rng(13)
    values = chance.normal(size=20_000)
    fill(engine, "l", {"x": values, "n": np.floor(values * 100).astype(int)})
    engine.connection.execute("create table r as from l")

    columns = {column.name: column for column in compare_tables(engine).columns}

    for level, found in zip((0.05, 0.25, 0.5, 0.75, 0.95), columns["x"].left.quantiles, strict=True):
        assert (values <= found).mean() == pytest.approx(level, abs=0.006)
    assert all(float(quantile).is_integer() for quantile in columns["n"].left.quantiles)


def test_the_result_is_the_same_whatever_the_order_of_rows(engine: LocalEngine) -> None:
    chance = np.random.default_rng(14)
    fill(engine, "a", one_law(chance, 4000))
    fill(engine, "b", shifted(chance, 3000))
    engine.connection.execute("create or replace table l as from a; create or replace table r as from b")
    first = compare_tables(engine)
    engine.connection.execute(
        "create or replace table l as from a order by normal; create or replace table r as from b order by normal"
    )
    second = compare_tables(engine)

    assert [column.bars for column in first.columns] == [column.bars for column in second.columns]
    assert [column.explanation for column in first.columns] == [column.explanation for column in second.columns]


def in_groups(chance: np.random.Generator, groups: int, first: int) -> dict[str, np.ndarray]:
    """Forty rows per group; what a group is, its rows are."""
    group = np.repeat(np.arange(first, first + groups), 40)
    level = chance.normal(size=groups)
    return {
        "g": group,
        "level": np.repeat(level, 40),
        "around": np.repeat(level, 40) + chance.normal(size=groups * 40),
        "maker": np.array([f"m{index}" for index in np.repeat(chance.integers(0, 8, groups), 40)]),
        "model": np.array([f"t{index}" for index in np.repeat((chance.random(groups) ** 2 * 300).astype(int), 40)]),
        "flag": np.repeat(chance.random(groups) < 0.4, 40),
        "noise": chance.normal(size=groups * 40),
    }


def test_rows_in_groups_raise_no_alarm_when_the_groups_are_told(engine: LocalEngine) -> None:
    chance = np.random.default_rng(21)
    told: Counter[Verdict] = Counter()
    untold: Counter[Verdict] = Counter()
    for _ in range(8):
        fill(engine, "l", in_groups(chance, 400, 0))
        fill(engine, "r", in_groups(chance, 100, 400))
        told.update(column.verdict for column in compare_tables(engine, groups=["g"], excluded={"g": ""}).columns)
        untold.update(column.verdict for column in compare_tables(engine, excluded={"g": ""}).columns)

    # One report in twenty may hold a false alarm: that is what Benjamini and Hochberg promise.
    assert told[Verdict.DRIFTED] <= 1
    assert told[Verdict.STABLE] >= 8
    assert untold[Verdict.DRIFTED] > 8


def test_drift_between_many_groups_is_seen(engine: LocalEngine) -> None:
    chance = np.random.default_rng(22)
    fill(engine, "l", in_groups(chance, 1500, 0))
    right = in_groups(chance, 800, 1500)
    fill(engine, "r", {**right, "level": right["level"] + 1.0, "maker": np.where(right["flag"], "m9", right["maker"])})

    result = compare_tables(engine, groups=["g"], excluded={"g": ""})
    verdicts = {column.name: column.verdict for column in result.columns}

    assert verdicts["level"] is Verdict.DRIFTED
    assert verdicts["maker"] is Verdict.DRIFTED
    assert verdicts["noise"] is Verdict.STABLE
    assert any("“g”" in sentence for sentence in result.summary)
