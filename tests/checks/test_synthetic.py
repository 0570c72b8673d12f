"""Synthetic rows are told good, copied, collapsed or shifted when they are; measures are scikit-learn's and numpy's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from warehouse.checks.synthetic.examine import examine_synthetic
from warehouse.checks.synthetic.result import REAL, SYNTHETIC, SyntheticResult
from warehouse.datasets.spec import ColumnSplit, DatasetSpec, Synthetic
from warehouse.engine.local import LocalEngine
from warehouse.errors import SpecError
from warehouse.sql import Relation

SPEC = DatasetSpec(
    name="d",
    model="m",
    key=("id",),
    label="flag",
    split=ColumnSplit(column="part"),
    synthetic=Synthetic(column="is_synthetic"),
)
# A law: two numbers that go together, a category that goes with them, and one that does not.
LAW = """
    select
        i as id, part, is_synthetic,
        10 * x as width,
        3 * x + y as height,
        case when x > 0.5 then 'large' when x > -1 then 'small' else 'tiny' end as size,
        ['red', 'green', 'blue'][1 + (hash(concat(i, ' {seed} 5')) % 3)::int] as colour,
        hash(concat(i, ' {seed} 6')) % 10 < 3 as flag,
    from (
        select i, part, is_synthetic,
            sqrt(-2 * ln(((hash(concat(i, ' {seed} 1')) >> 11) + 0.5) / 2**53)) as distance,
            2 * pi() * (hash(concat(i, ' {seed} 2')) >> 11) / 2**53 as angle,
            distance * cos(angle) as x, distance * sin(angle) as y,
        from ({rows})
    )
"""


def law(part: str, count: int, *, seed: int, start: int, is_synthetic: bool = False) -> str:
    rows = f"select i + {start} as i, '{part}' as part, {is_synthetic} as is_synthetic from range({count}) as r(i)"
    return LAW.format(seed=seed, rows=rows)


REAL_ROWS = law("train", 3000, seed=1, start=0)
TEST_ROWS = law("test", 800, seed=2, start=10_000)
GOOD = law("train", 2000, seed=3, start=20_000, is_synthetic=True)


def examined(
    engine: LocalEngine, synthetic: str, *, test: str = TEST_ROWS, spec: DatasetSpec = SPEC
) -> SyntheticResult:
    engine.connection.execute(f"create or replace table train as {REAL_ROWS} union all {synthetic}")
    engine.connection.execute(f"create or replace table test as {test}")
    return examine_synthetic(engine, {name: Relation.table(name) for name in ("train", "test")}, spec)


def checks(result: SyntheticResult) -> set[tuple[str, str, str]]:
    return {(finding.severity.value, finding.check, finding.subject) for finding in result.findings}


def test_good_rows_have_no_findings(engine: LocalEngine) -> None:
    result = examined(engine, GOOD)

    assert checks(result) == set()
    assert [(split.split, split.real_count, split.synthetic_count) for split in result.splits] == [
        ("train", 3000, 2000),
        ("test", 800, 0),
    ]
    assert result.features == ("width", "height", "size", "colour")
    assert result.not_judged == ()
    assert {(one.of, one.to) for one in result.closeness} == {
        (SYNTHETIC, REAL),
        (SYNTHETIC, SYNTHETIC),
        ("test", SYNTHETIC),
    }
    assert result.diversity is not None
    assert result.diversity.real.coverage == pytest.approx(1 - 2**-5, abs=0.02)
    assert result.summary[0] == "Synthetic rows copy no row of test beyond chance."


def copies_of_test(count: int, more: str = "") -> str:
    """So many of its rows as synthetic ones of train, but for this."""
    replaced = f"id + 30000 as id, 'train' as part, true as is_synthetic{more}"
    return f"select * replace ({replaced}) from ({TEST_ROWS}) where id < {10_000 + count}"


def test_copies_of_test_rows_are_critical_and_named(engine: LocalEngine) -> None:
    copies = copies_of_test(3)
    result = examined(engine, f"{GOOD} union all {copies}")

    assert checks(result) == {("critical", "synthetic_copies", "test")}
    (copied,) = result.copies
    assert (copied.row_count, copied.copied_count, copied.known_count, copied.expected_count) == (800, 3, 0, 0)
    assert copied.examples == ("10000", "10001", "10002")
    assert "copy 3 of 800 rows of test" in result.findings[0].message
    assert result.summary[0].startswith("Synthetic rows copy rows that judge a model: 3 of test.")


def test_near_copies_of_test_rows_are_found(engine: LocalEngine) -> None:
    copies = copies_of_test(200, ", width + 0.001 as width")
    result = examined(engine, f"{GOOD} union all {copies}")

    assert checks(result) == {("warning", "synthetic_near_copies", "test")}
    near = next(one for one in result.closeness if one.of == "test")
    assert 0.2 < near.near.value < 0.35


def test_copies_of_train_are_no_variety(engine: LocalEngine) -> None:
    result = examined(
        engine, f"select * replace (id + 30000 as id, true as is_synthetic) from ({REAL_ROWS}) where id < 1500"
    )

    assert checks(result) == {("warning", "synthetic_copies", "train")}
    assert result.repeats is not None
    assert (result.repeats.copied_count, result.repeats.copied_share, result.repeats.synthetic_count) == (1500, 1.0, 0)


def test_collapsed_rows_lack_modes(engine: LocalEngine) -> None:
    collapsed = f"select * from ({GOOD}) where size = 'small' and colour <> 'blue'"
    result = examined(engine, collapsed)

    found = checks(result)
    assert ("warning", "synthetic_diversity", SYNTHETIC) in found
    assert ("warning", "synthetic_values", SYNTHETIC) in found
    assert not any(check == "synthetic_realism" for _, check, _ in found)
    lacking = {one.columns: one for one in result.lacking if one.lacking == SYNTHETIC}
    counts = dict(
        engine.connection.execute(
            "select colour, count(*) from train where not is_synthetic group by colour"
        ).fetchall()
    )
    assert lacking[("colour",)].examples == ("blue",)
    assert lacking[("colour",)].row_count == counts["blue"]
    assert lacking[("colour",)].sure_count == 1
    assert set(lacking[("size",)].examples) == {"large", "tiny"}
    # A combination lacks only when both of its values are there by themselves.
    assert all(len(columns) == 1 for columns in lacking)


def test_combinations_that_are_lacking_or_invented_are_told_from_chance(engine: LocalEngine) -> None:
    size = "case when colour = 'red' then 'tiny' when size = 'tiny' then 'small' else size end"
    odd = f"select * replace ({size} as size) from ({GOOD})"
    result = examined(engine, odd)

    found = {(one.columns, one.lacking): one for one in result.lacking}
    lacking = found[("size", "colour"), SYNTHETIC]
    expected = engine.connection.execute("""
        select count(distinct (size, colour)), count(*) from train
        where not is_synthetic and (size, colour) not in (select (size, colour) from train where is_synthetic)
    """).fetchone()
    assert (lacking.value_count, lacking.row_count) == expected
    assert lacking.sure_count == lacking.value_count
    assert (("size", "colour"), REAL) not in found


def test_rows_that_lie_where_no_real_ones_do_are_not_real(engine: LocalEngine) -> None:
    result = examined(engine, f"select * replace (height + 6 as height, 'odd' as colour) from ({GOOD})")

    found = checks(result)
    assert ("warning", "synthetic_realism", SYNTHETIC) in found
    assert ("warning", "synthetic_diversity", SYNTHETIC) in found
    assert ("warning", "synthetic_values", REAL) in found


def test_repeated_and_nearly_repeated_rows_are_found(engine: LocalEngine) -> None:
    again = f"select * replace (id + 50000 as id) from ({GOOD}) where id < 20400"
    nearly = (
        f"select * replace (id + 60000 as id, width + 1e-4 as width) from ({GOOD}) where id >= 20400 and id < 20800"
    )
    result = examined(engine, f"{GOOD} union all {again} union all {nearly}")

    assert {("warning", "synthetic_repeats", SYNTHETIC)} == checks(result)
    assert len(result.findings) == 2
    assert result.repeats is not None
    assert result.repeats.synthetic_count == 800


def test_coarse_rows_that_meet_by_chance_are_no_copies(engine: LocalEngine) -> None:
    coarse = "select id, part, is_synthetic, flag, hash(width) % 40 as a, hash(height) % 40 as b from ({})"
    engine.connection.execute(f"create table train as {coarse.format(REAL_ROWS)} union all {coarse.format(GOOD)}")
    engine.connection.execute(f"create table test as {coarse.format(TEST_ROWS)}")
    result = examine_synthetic(engine, {name: Relation.table(name) for name in ("train", "test")}, SPEC)

    assert result.copies[0].copied_count > 100
    assert not any(finding.check == "synthetic_copies" for finding in result.findings)


def test_texts_are_compared_by_their_shingles(engine: LocalEngine) -> None:
    words = "list_aggregate(list_transform(range(20), k -> 'w' || (hash(i, k, {}) % 500)::varchar), 'string_agg', ' ')"
    engine.connection.execute(f"""
        create table test as select i as id, 'test' as part, false as is_synthetic, true as flag,
            {words.format(1)} as words from range(200) as r(i)
    """)
    engine.connection.execute(f"""
        create table train as
        select i as id, 'train' as part, false as is_synthetic, true as flag, {words.format(2)} as words
        from range(500, 1000) as r(i)
        union all select i, 'train', true, true, {words.format(3)} from range(1000, 1300) as r(i)
        union all select id + 2000, 'train', true, true, words || ' more' from test where id < 4
        union all select i + 3000, 'train', true, true, {words.format(3)} || ' and' from range(1000, 1050) as r(i)
    """)
    result = examine_synthetic(engine, {name: Relation.table(name) for name in ("train", "test")}, SPEC)

    (texts,) = result.texts
    assert texts.split_counts == {"test": 4}
    assert texts.synthetic_count == 100
    assert texts.examples[0].startswith("test 0 “")
    assert ("warning", "synthetic_near_copies", "test.words") in checks(result)
    assert ("warning", "synthetic_repeats", "synthetic.words") in checks(result)


def test_few_rows_are_said_to_be_few(engine: LocalEngine) -> None:
    result = examined(engine, f"select * from ({GOOD}) where id < 20030")

    assert result.diversity is None
    assert result.not_judged == ("neighbourhoods: 30 synthetic and 3,000 real rows are too few; 50 and 100 are not",)


@pytest.mark.parametrize(
    ("synthetic", "spec", "message"),
    [
        (GOOD, {"synthetic": None}, "does not say which rows are synthetic"),
        (GOOD, {"synthetic": Synthetic(column="made up")}, "does not hold 'made up'"),
        (f"select * from ({GOOD}) where false", {}, "no row of dataset 'd' is synthetic"),
    ],
    ids=["nothing said", "no column", "no rows"],
)
def test_what_cannot_be_looked_at_is_said(
    engine: LocalEngine, synthetic: str, spec: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        examined(engine, synthetic, spec=replace(SPEC, **spec))
