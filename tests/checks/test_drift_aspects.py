"""What values are made of: seen when it changes, quiet when it does not, whatever is in the values."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from warehouse.checks.drift.aspects_text import distance_of_new
from warehouse.checks.drift.comparison import compare
from warehouse.checks.drift.parts import Aspect
from warehouse.checks.drift.result import ColumnDrift, DriftResult
from warehouse.checks.drift.verdicts import EffectName, Verdict
from warehouse.datasets.drift_rules import ColumnRules, DriftRules
from warehouse.engine.local import LocalEngine
from warehouse.sql import Query, Relation
from warehouse.statistics.distance import counts_of, jensen_shannon_distance
from warehouse.statistics.kinds import Kind

SCALES = np.linspace(2, 0.05, 32)
MIXED = np.random.default_rng(0).normal(size=(32, 32)) * SCALES
CYRILLIC = [chr(0x430 + index % 32) * 2 + chr(0x430 + index // 32) + "ж" for index in range(500)]


def rows_of(chance: np.random.Generator, rows: int, shift: str = "") -> dict[str, list[object]]:
    """Texts with topics, lists with topics, correlated vectors, times with a week and a day, numbers."""
    texts, lists = [], []
    for _ in range(rows):
        topic = int(chance.integers(0, 20))
        count = int(chance.poisson(9 + 2 * (shift == "words"))) + 4
        ranks = np.minimum(chance.pareto(1.0, count) * 8, 3000).astype(int) + topic * 10
        words = [CYRILLIC[rank % 500] for rank in ranks] if chance.random() < 0.1 else [f"w{rank:x}q" for rank in ranks]
        if shift == "script" and chance.random() < 0.25:
            words = [CYRILLIC[rank % 500] for rank in ranks]
        if shift == "new":
            words = [
                f"new{rank % 300}" if chance.random() < 0.06 else word for rank, word in zip(ranks, words, strict=True)
            ]
        texts.append(" ".join(words) + ("!!!!!!!!" if shift == "class" else "," if chance.random() < 0.3 else ""))
        length = int(chance.poisson(3 + (shift == "length")))
        add = 6 if shift == "elements" and chance.random() < 0.3 else 0
        lists.append([topic + int(item) + add for item in chance.poisson(3, length)])
    share = np.where(np.arange(203) % 7 < 5, 1.0, 0.4)
    days = chance.choice(203, rows, p=share / share.sum())
    if shift == "week":
        days = np.where(chance.random(rows) < 0.2, days // 7 * 7 + 5, days)
    hours = np.clip(chance.normal(13 + 2 * (shift == "hour"), 4, rows), 0, 23.99)
    return {
        "text": texts,
        "list": lists,
        "vector": (chance.normal(size=(rows, 32)) @ MIXED.T + (shift == "centroid") * 0.5 * MIXED.std() * 5).tolist(),
        "seconds": (days * 86400 + hours * 3600).astype(int).tolist(),
        "number": (chance.normal(size=rows) + 0.5 * (shift == "field")).tolist(),
        "word": [f"c{index}" for index in chance.integers(0, 6 - 2 * (shift == "keys"), rows)],
    }


def fill(engine: LocalEngine, name: str, rows: dict[str, list[object]]) -> None:
    engine.connection.execute(
        f"""
        create or replace table {name} as
        select text, list, vector, timestamp '2021-01-04' + to_seconds(seconds) as time,
            {{'number': number, 'word': word}} as struct, map([word], [number]) as map
        from (select unnest($text) as text, unnest($list::int[][]) as list, unnest($vector::double[][]) as vector,
            unnest($seconds) as seconds, unnest($number) as number, unnest($word) as word)
        """,
        rows,
    )


def compare_tables(engine: LocalEngine, **options: object) -> DriftResult:
    left, right = Relation.table("l"), Relation.table("r")
    return compare(engine, left, right, left_name="train", right_name="test", **options)  # type: ignore[arg-type]


def drift_of(engine: LocalEngine, left: str, right: str, **options: object) -> dict[str, ColumnDrift]:
    engine.connection.execute(f"create or replace table l as {left}")
    engine.connection.execute(f"create or replace table r as {right}")
    return {column.name: column for column in compare_tables(engine, **options).columns}


def aspect(column: ColumnDrift, name: str) -> Aspect:
    return next(one for one in column.aspects if one.name == name)


@pytest.mark.parametrize(
    ("left_rows", "right_rows", "runs", "stable"),
    [(500, 500, 8, 0.0), (2000, 2000, 4, 0.75), (10_000, 4000, 1, 1.0)],
)
def test_no_drift_gives_no_alarm_and_enough_rows_give_certainty(
    engine: LocalEngine, left_rows: int, right_rows: int, runs: int, stable: float
) -> None:
    chance = np.random.default_rng(left_rows)
    verdicts: Counter[Verdict] = Counter()
    p_values: list[float] = []
    for _ in range(runs):
        fill(engine, "l", rows_of(chance, left_rows))
        fill(engine, "r", rows_of(chance, right_rows))
        columns = compare_tables(engine).columns
        assert {column.kind for column in columns} == {
            *(Kind.TEXT, Kind.LIST, Kind.EMBEDDING, Kind.TIME, Kind.STRUCT, Kind.MAP)
        }
        verdicts.update(column.verdict for column in columns)
        p_values += [one.effect.p_value for column in columns for one in column.aspects]

    assert verdicts[Verdict.DRIFTED] == 0
    assert verdicts[Verdict.STABLE] / verdicts.total() >= stable
    assert np.mean(np.array(p_values) < 0.05) <= 0.12
    assert len(p_values) >= 13 * runs


@pytest.mark.parametrize(
    ("shift", "column", "name"),
    [
        ("words", "text", "number of words"),
        ("script", "text", "script of the letters"),
        ("class", "text", "kinds of characters"),
        ("new", "text", "words never seen"),
        ("length", "list", "length"),
        ("elements", "list", "elements"),
        ("centroid", "vector", "distance of the centroids"),
        ("week", "time", "day of the week"),
        ("hour", "time", "hour of the day"),
        ("field", "struct", "field number"),
        ("keys", "map", "keys"),
        ("field", "map", "values"),
    ],
)
def test_a_change_of_what_values_are_made_of_is_drift(engine: LocalEngine, shift: str, column: str, name: str) -> None:
    chance = np.random.default_rng(9)
    fill(engine, "l", rows_of(chance, 2000))
    fill(engine, "r", rows_of(chance, 2000, shift))

    found = {one.name: one for one in compare_tables(engine).columns}[column]

    changed = aspect(found, name)
    assert changed.effect.verdict is Verdict.DRIFTED
    assert found.verdict is Verdict.DRIFTED
    assert changed.effect in found.effects
    assert changed.effect.low <= changed.effect.value <= changed.effect.high
    assert changed.effect.value <= changed.jensen_shannon
    if changed.bars:
        assert sum(bar.left_share for bar in changed.bars) == pytest.approx(1)
        assert sum(bar.right_share for bar in changed.bars) == pytest.approx(1)
    assert changed.explanation.startswith(name[0].upper() + name[1:])
    assert changed.explanation.endswith(".")


def test_an_aspect_alone_makes_a_column_drift_and_says_so(engine: LocalEngine) -> None:
    column = drift_of(
        engine,
        "select [i % 4, i % 3] as x from range(5000) as r(i)",
        "select [i % 4, i % 3 + 2] as x from range(5000) as r(i)",
    )["x"]

    assert column.verdict is Verdict.DRIFTED
    assert column.leading is not None
    assert (column.leading.name, column.leading.subject) == (EffectName.ASPECT, "elements")
    assert column.explanation == ("Elements: 1.25 on average in train, 2.25 in test; “0” fell from 29.2% to 12.5%.")


def test_thresholds_of_aspects_are_those_of_the_rules(engine: LocalEngine) -> None:
    sql = "select [i % 4] as x, [i % 4] as y from range(5000) as r(i)"
    rules = DriftRules(thresholds={"aspect": 0.3}, columns={"y": ColumnRules(thresholds={"aspect": 0.02})})

    columns = drift_of(engine, sql, sql, rules=rules)

    assert aspect(columns["x"], "elements").effect.threshold == 0.3
    assert aspect(columns["y"], "elements").effect.threshold == 0.02
    assert columns["y"].verdict is Verdict.UNDECIDED


def test_plain_tables_pay_nothing(engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    plain = engine.rows

    def rows(query: Query) -> list[dict[str, object]]:
        asked.append(query.text)
        return plain(query)

    monkeypatch.setattr(engine, "rows", rows)
    sql = "select i % 9 as a, i * 0.3 as b, 'k' || i % 5 as c from range(1000) as r(i)"
    drift_of(engine, sql, sql)

    assert asked
    assert not any("drift_aspects" in text or "part_" in text for text in asked)


def test_times_of_other_days_are_judged_by_how_much_days_differ(engine: LocalEngine) -> None:
    chance = np.random.default_rng(4)
    verdicts: Counter[Verdict] = Counter()
    for _ in range(6):
        for name, first, days in (("l", 0, 270), ("r", 273, 60)):
            rows = chance.poisson(chance.gamma(4.0, 100.0, days))
            engine.connection.execute(
                f"create or replace table {name} as select timestamp '2021-01-04' + to_days(day::int) "
                "+ to_hours((hash(day, n) % 24)::int) as x from "
                "(select day, unnest(range(row_count)) as n from "
                "(select unnest($d) as day, unnest($n::int[]) as row_count))",
                {"d": list(range(first, first + days)), "n": rows.tolist()},
            )
        (column,) = compare_tables(engine).columns
        verdicts[aspect(column, "day of the week").effect.verdict] += 1
        assert aspect(column, "hour of the day").effect.verdict is not Verdict.DRIFTED

    assert verdicts[Verdict.DRIFTED] == 0


def test_fewer_rows_do_not_make_gaps(engine: LocalEngine) -> None:
    sql = "select date '2020-01-01' + (hash(i * {0}) % 400)::int as x from range({1}) as r(i)"
    few = drift_of(engine, sql.format(7, 20_000), sql.format(3, 400))["x"]
    closed = "select x from (select date '2021-01-04' + (hash(i) % 700)::int as x from range(20000) as r(i))"
    gone = drift_of(
        engine,
        f"{closed} where dayofweek(x) <> 0",
        f"{closed} where dayofweek(x) <> 0 and not x between '2021-05-01' and '2021-06-20'",
    )["x"]

    assert aspect(few, "days without a row").effect.verdict is not Verdict.DRIFTED
    assert aspect(few, "days without a row").effect.p_value > 0.01
    lost = aspect(gone, "days without a row")
    assert lost.effect.verdict is Verdict.DRIFTED
    assert lost.explanation == (
        "Days without a row: 0 of 600 days in train and 43 of 600 days in test; "
        "the longest gap is 51 days from 2021-05-01."
    )


def test_times_with_a_zone_say_that_they_are_in_utc(engine: LocalEngine) -> None:
    sql = "select timestamptz '2020-01-01 01:00:00+02' + to_hours(24 * i) as x from range(100) as r(i)"

    (profile,) = (one for one in drift_of(engine, sql, sql)["x"].aspects if one.name.startswith("hour"))

    assert profile.name == "hour of the day, in UTC"
    assert max(profile.bars, key=lambda bar: bar.left_share).label == "23:00"


def test_rows_in_groups_know_less(engine: LocalEngine) -> None:
    # Each of twelve groups has one law of its own: two sets of groups differ by chance alone.
    sql = """
        select g, [hash(g, {0}) % 4, hash(g, {0}, 1) % 4] as list, {{'a': hash(g, {0}, 2) % 4}} as struct
        from (select i % 12 as g from range(4000) as r(i))
    """
    with_groups = drift_of(engine, sql.format(1), sql.format(2), groups=["g"], excluded={"g": "a group"})
    without = drift_of(engine, sql.format(1), sql.format(2), excluded={"g": "a group"})

    for name in ("list", "struct"):
        assert without[name].verdict is Verdict.DRIFTED
        assert with_groups[name].verdict is Verdict.UNDECIDED


NAN = "[1.0, 2, 3, 4, 5, 6, 7, case i % 5 when 0 then 'nan'::double when 1 then null else hash(i) / 1e19 end]"
EDGES = {
    "empty lists, null elements, NaN": "select case i % 3 when 0 then [] when 1 then [null, 'nan'::double] end as x",
    "vectors with holes": f"select {NAN} as x",
    "hostile names": """select {'a"b''c; drop': i % 3, 'select': 'x', '': i} as "q""uo'te", [{'k"': i % 4}] as "row",
        map{'x''"y': i % 2} as "cluster", ['a' || i % 4] as "choice", ['b'] as "part_0", {'p': i % 2} as "group_0" """,
    "right-to-left, emoji": "select 'שלום עולם ' || i || ' مرحبا 😀👨‍👩‍👧 ' || chr(8238) || ' abc' as x",
    "infinite times": "select case when i > 5 then timestamp 'infinity' else timestamp '2020-01-01' end as x",
    "times before Christ": "select timestamp '4000-01-01 (BC) 00:00:00' + to_days(i::int) as x",
    "nested deep": "select {'a': {'b': {'c': {'d': {'e': i}}}}} as s, [[[i % 3]]] as l, map{i % 3: {'v': [1]}} as m",
    "huge numbers": "select [1e200, 2, 3, 4, 5, 6, 7, i]::double[] as x, [1e38, i]::float[2] as y",
    "all null": "select null::int[] as a, null::struct(b int) as c, null::map(int, int) as d, null::float[8] as e",
}


@pytest.mark.parametrize("name", EDGES)
@pytest.mark.parametrize("rows", [0, 1, 1000])
def test_equal_sides_are_never_drifted_whatever_is_in_them(engine: LocalEngine, name: str, rows: int) -> None:
    sql = f"{EDGES[name]} from range({rows}) as r(i)"

    for column in drift_of(engine, sql, sql).values():
        assert column.verdict is not Verdict.DRIFTED
        if rows == 1000 and column.kind is not Kind.IDENTIFIER:
            assert column.verdict is Verdict.STABLE, column.explanation
        for one in column.aspects:
            assert one.effect.value == 0 or one.name == "distance of the centroids"


def test_a_side_that_is_empty_or_null_has_no_aspects(engine: LocalEngine) -> None:
    full = "select [1, 2] as x, {'a': 1} as y, 'some words of a text ' || i as z from range(500) as r(i)"
    null = "select null::int[] as x, null::struct(a int) as y, null::varchar as z from range(500) as r(i)"

    for other in (null, f"{full} where i < 0"):
        assert all(not column.aspects for column in drift_of(engine, full, other).values())


def test_cells_of_ten_megabytes_are_read_in_part(engine: LocalEngine) -> None:
    columns = drift_of(
        engine,
        "select case when i = 0 then repeat('abc ', 2500000) else 'some words of text number ' || hash(i) end as text, "
        "case when i = 0 then range(2000000) else [i % 3] end as list from range(500) as r(i)",
        "select 'some words of text number ' || hash(i) as text, [i % 3] as list from range(500) as r(i)",
    )

    assert aspect(columns["text"], "number of words").left_mean == pytest.approx((25_000 + 499 * 6) / 500)
    assert aspect(columns["list"], "length").left_mean == pytest.approx((2_000_000 + 499) / 500)


def test_samples_say_how_many_rows_they_have(engine: LocalEngine) -> None:
    sql = "select ['v' || hash(i) % 7] as x from range({}) as r(i)"
    found = aspect(drift_of(engine, sql.format(100_000), sql.format(50_000))["x"], "elements")

    assert found.effect.verdict is Verdict.STABLE
    assert found.explanation.endswith(" sampled rows).")


def test_new_words_make_the_distance_that_their_share_makes() -> None:
    for share in (0.0, 0.02, 0.3, 1.0):
        expected = jensen_shannon_distance(counts_of(1, 0), counts_of(1 - share, share))
        assert distance_of_new(share) == pytest.approx(expected)
    assert distance_of_new(-0.1) == 0
