"""Segments: what drifts in a slice is found though the whole stands still; where nothing drifts, nothing is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from warehouse.checks.drift.comparison import compare_with_facts
from warehouse.checks.drift.parts import Segments
from warehouse.checks.drift.segments import find_segments
from warehouse.checks.drift.verdicts import Verdict
from warehouse.datasets.drift_rules import ColumnRules, DriftRules
from warehouse.engine.local import LocalEngine
from warehouse.errors import SpecError
from warehouse.sql import Relation
from warehouse.statistics.distance import measure_jensen_shannon

LEFT, RIGHT = Relation.table("l"), Relation.table("r")


def segments_of(
    engine: LocalEngine, left: str, right: str, *, by: str, groups: Sequence[str] = (), rules: DriftRules | None = None
) -> Segments:
    engine.connection.execute(f"create or replace table l as {left}")
    engine.connection.execute(f"create or replace table r as {right}")
    return segments(engine, by=by, groups=groups, rules=rules)


def segments(engine: LocalEngine, *, by: str, groups: Sequence[str] = (), rules: DriftRules | None = None) -> Segments:
    rules = rules or DriftRules()
    whole = compare_with_facts(engine, LEFT, RIGHT, left_name="l", right_name="r", groups=groups, rules=rules)
    verdicts = {column.name: column.verdict for column in whole.result.columns}
    return find_segments(engine, LEFT, RIGHT, by=by, pairs=whole.facts, verdicts=verdicts, groups=groups, rules=rules)


def rows(start: int, count: int, *, shift: str = "0", more: str = "") -> str:
    return (
        f"select 'c' || (hash(i, 1) % 20) as carrier, hash(i, 2) / 1.8446744073709552e19 + {shift} as x, "
        f"hash(i, 3) % 7 as few, 'v' || (hash(i, 4) % 30) as word{more} "
        f"from range({start}, {start + count}) as r(i)"
    )


def test_drift_in_one_slice_is_found_though_the_whole_is_stable(engine: LocalEngine) -> None:
    found = segments_of(
        engine,
        rows(0, 40_000),
        rows(100_000, 40_000, shift="case when hash(i, 1) % 20 = 3 then 0.3 else 0 end"),
        by="carrier",
    )

    first, *others = found.segments
    assert first.value == "c3"
    assert first.verdict is Verdict.DRIFTED
    assert [column.name for column in first.columns] == ["x"]
    assert first.columns[0].q_value < 1e-6
    assert first.columns[0].explanation.startswith("The median rose from about 0.")
    assert found.hidden == ("x",)
    assert found.explanation.startswith(
        "1 of 20 values of “carrier” drifted; the whole does not show 1 column of it: “x” in “c3” (the median rose"
    )
    assert len(others) == 19
    assert all(segment.verdict is not Verdict.DRIFTED and not segment.columns for segment in others)


def test_without_drift_no_slice_of_twenty_and_no_column_of_twenty_alarms(engine: LocalEngine) -> None:
    chance = np.random.default_rng(11)
    alarms = runs = 0
    for rows_per_side in (4000, 20_000):
        for _ in range(3):
            for name in ("l", "r"):
                columns = {f"n{index}": chance.normal(size=rows_per_side).tolist() for index in range(12)}
                columns |= {f"k{index}": chance.integers(0, 30, rows_per_side).tolist() for index in range(8)}
                columns["part"] = chance.integers(0, 20, rows_per_side).tolist()
                selected = ", ".join(f'unnest(${key}) as "{key}"' for key in columns)
                engine.connection.execute(f"create or replace table {name} as select {selected}", columns)
            found = segments(engine, by="part")
            assert len(found.segments) == 20
            alarms += sum(segment.drifted_count for segment in found.segments)
            runs += 1

    assert runs == 6
    assert alarms == 0


def test_effects_are_those_of_each_slice_alone(engine: LocalEngine) -> None:
    found = segments_of(
        engine,
        "select ['a', 'b'][1 + i % 2] as part, i // 2 % 4 as few from range(8000) as r(i)",
        "select ['a', 'b'][1 + i % 2] as part, case when i % 2 = 0 then i // 2 % 2 else i // 2 % 4 end as few "
        "from range(6000) as r(i)",
        by="part",
    )

    effect = found.segments[0].columns[0].effect
    expected = measure_jensen_shannon(np.full(4, 1000.0), np.array([1500.0, 1500, 0, 0]))
    assert found.segments[0].value == "a"
    assert (effect.value, effect.low, effect.high) == pytest.approx((expected.effect, expected.low, expected.high))
    assert (found.segments[0].left_row_count, found.segments[0].right_row_count) == (4000, 3000)
    assert found.segments[1].stable_count == 1


def test_missing_values_are_a_segment(engine: LocalEngine) -> None:
    part = "case when i % 20 > 0 then 'missing' end as part"
    found = segments_of(
        engine,
        f"select {part}, hash(i) % 5 as few from range(6000) as r(i)",
        f"select {part}, case when i % 20 = 0 then 1 else hash(i) % 5 end as few from range(6000) as r(i)",
        by="part",
    )

    assert [(segment.value, segment.has_value) for segment in found.segments] == [("missing", False), ("missing", True)]
    assert "“few” in missing values (" in found.explanation


@pytest.mark.parametrize(
    ("by", "values"),
    [
        ("number", ["up to", "above", "above", "above"]),
        ("moment", ["2019-12", "2020-01", "2020-02"]),
        ("day", ["2019-12", "2020-01", "2020-02"]),
        ("flag", ["false", "true"]),
        ("few", ["0", "1", "2"]),
        ("clock", ["up to", "above", "above", "above"]),
    ],
)
def test_numbers_are_cut_in_quarters_and_times_in_months(engine: LocalEngine, by: str, values: list[str]) -> None:
    table = (
        "select i * 0.37 as number, timestamp '2019-12-15' + to_minutes(i * 15) as moment, "
        "cast(moment as date) as day, cast(moment as time) as clock, i % 2 = 0 as flag, i % 3 as few, "
        "hash(i) % 11 as measured from range(6000) as r(i)"
    )

    found = segments_of(engine, table, table, by=by)

    named = sorted(segment.value for segment in found.segments)
    assert len(named) == len(values)
    assert all(name.startswith(value) for name, value in zip(named, sorted(values), strict=True)) or by in (
        "number",
        "clock",
    )
    assert sum(segment.left_row_count for segment in found.segments) == 6000
    assert all(segment.verdict is not Verdict.DRIFTED for segment in found.segments)


def test_few_rows_and_values_beyond_fifty_are_counted_and_left_out(engine: LocalEngine) -> None:
    table = (
        "select case when i < 12000 then 'v' || (i % 60) else 'rare' || (i % 40) end as part, hash(i) % 5 as few "
        "from range(12400) as r(i)"
    )

    found = segments_of(engine, table, table, by="part")

    assert len(found.segments) == 50
    assert found.left_out_count == 50
    assert "50 values with fewer than 100 rows on a side" in found.explanation


def test_values_of_one_side_only_are_left_out(engine: LocalEngine) -> None:
    found = segments_of(
        engine,
        "select ['a', 'b'][1 + i % 2] as part, hash(i) % 5 as few from range(2000) as r(i)",
        "select ['a', 'c'][1 + i % 2] as part, hash(i) % 5 as few from range(2000) as r(i)",
        by="part",
    )

    assert [segment.value for segment in found.segments] == ["a"]
    assert found.left_out_count == 2


def test_rows_in_groups_count_less(engine: LocalEngine) -> None:
    def side(start: int) -> str:
        return (
            "select ['a', 'b'][1 + g % 2] as part, hash(g, 7) % 4 as few, g from "
            f"(select {start} + i % 40 as g from range(8000) as r(i))"
        )

    alone = segments_of(engine, side(0), side(1000), by="part")
    grouped = segments_of(engine, side(0), side(1000), by="part", groups=["g"], rules=DriftRules(ignore=("g",)))

    assert any(segment.drifted_count for segment in alone.segments)
    assert all(segment.drifted_count == 0 for segment in grouped.segments)


def test_thresholds_of_a_column_are_heeded(engine: LocalEngine) -> None:
    sides = rows(0, 20_000), rows(100_000, 20_000, shift="0.3")

    rules = DriftRules(columns={"x": ColumnRules(thresholds={"distance": 0.9})})

    assert all("x" in [column.name for column in s.columns] for s in segments_of(engine, *sides, by="carrier").segments)
    assert all(not segment.columns for segment in segments_of(engine, *sides, by="carrier", rules=rules).segments)


def test_columns_that_drift_in_the_whole_too_are_not_hidden(engine: LocalEngine) -> None:
    found = segments_of(engine, rows(0, 20_000), rows(100_000, 20_000, shift="0.5"), by="carrier")

    assert found.hidden == ()
    assert found.explanation == "20 of 20 values of “carrier” drifted, in no column that did not drift in the whole."


def test_hostile_names_and_values_are_only_names_and_values(engine: LocalEngine) -> None:
    table = (
        """select ['it''s', '"', '<b>', 'a' || chr(8238)][1 + i % 4] as "part ""of"" it", """
        'hash(i) % 5 as "select", hash(i, 1) % 5 as part, hash(i, 2) % 3 as place from range(8000) as r(i)'
    )

    found = segments_of(engine, table, table, by='part "of" it')

    assert sorted(segment.value for segment in found.segments) == sorted(["it's", '"', "<b>", "a\u202e"])
    assert {segment.stable_count for segment in found.segments} == {3}


def test_texts_and_identifiers_can_be_segments_when_asked_for(engine: LocalEngine) -> None:
    table = "select 'row ' || i as name, i as id, hash(i) % 5 as few from range(4000) as r(i)"

    assert segments_of(engine, table, table, by="name").segments == ()
    assert segments_of(engine, table, table, by="name").left_out_count == 4000
    assert len(segments_of(engine, table, table, by="id").segments) == 4


def test_empty_sides_have_no_segments(engine: LocalEngine) -> None:
    found = segments_of(engine, f"{rows(0, 100)} where false", rows(0, 1000), by="carrier")

    assert found.segments == ()
    assert "No value of “carrier” has rows enough on both sides" in found.explanation


def test_a_relation_of_one_column_has_nothing_to_compare(engine: LocalEngine) -> None:
    found = segments_of(engine, "select i % 2 as part from range(1000) r(i)", "select 1 as part", by="part")

    assert found.segments == ()


def test_a_column_that_is_not_there_is_one_clear_error(engine: LocalEngine) -> None:
    with pytest.raises(SpecError) as caught:
        segments_of(engine, rows(0, 100), rows(0, 100), by="carier")

    assert str(caught.value) == "'l' has no column 'carier' to compare segments by\n  did you mean 'carrier'?"


def test_nested_values_cannot_be_segments(engine: LocalEngine) -> None:
    table = "select [i] as list, i % 5 as few from range(1000) as r(i)"

    with pytest.raises(SpecError, match=r"'list' is of type .*, whose values cannot be segments"):
        segments_of(engine, table, table, by="list")


def test_types_that_do_not_meet_are_one_clear_error(engine: LocalEngine) -> None:
    with pytest.raises(SpecError, match="segments by 'part' cannot be compared: its type differs"):
        segments_of(
            engine,
            "select 'a' as part, i % 5 as few from range(1000) as r(i)",
            "select 1 as part, i % 5 as few from range(1000) as r(i)",
            by="part",
        )
