"""Features by which the label no longer goes as it did: verdicts and words."""

from __future__ import annotations

import numpy as np
import pytest

from warehouse.checks.drift.parts import LabelRelation
from warehouse.checks.drift.relations import find_label_relations
from warehouse.checks.drift.verdicts import Verdict
from warehouse.datasets.drift_rules import ColumnRules, DriftRules
from warehouse.engine.local import LocalEngine
from warehouse.sql import Relation
from warehouse.statistics.kinds import Kind
from warehouse.statistics.pair import compare_relations

LEFT, RIGHT = Relation.table("l"), Relation.table("r")


def relations_of(engine: LocalEngine, label: str, **options: object) -> dict[str, LabelRelation]:
    facts = compare_relations(engine, LEFT, RIGHT)
    pairs = {pair.name: pair for pair in facts.columns}
    found = find_label_relations(engine, LEFT, RIGHT, facts.columns, pairs[label], **options)  # type: ignore[arg-type]
    return {relation.feature: relation for relation in found}


def create(engine: LocalEngine, left: str, right: str) -> None:
    engine.connection.execute(f"create or replace table l as {left}")
    engine.connection.execute(f"create or replace table r as {right}")


def flights(rows: int, late_of_ev: float, *, seed: int) -> str:
    """Carriers AA, EV and UA, late in 20 % of trips but for EV; a distance that says nothing."""
    chance = f"(hash(i, {seed}) >> 11) / 9007199254740992.0"
    return f"""
        select
            ['AA', 'EV', 'UA'][1 + i % 3] as carrier,
            hash(i, {seed}, 'distance') % 2000 as distance,
            {chance} < case when i % 3 = 1 then {late_of_ev} else 0.2 end as is_late,
            1 as constant,
        from range({rows}) as r(i)
    """


def test_the_value_whose_label_changed_is_named(engine: LocalEngine) -> None:
    create(engine, flights(20_000, 0.4, seed=1), flights(15_000, 0.2, seed=2))
    found = relations_of(engine, "is_late")

    assert list(found) == ["carrier", "distance"]
    carrier = found["carrier"]
    assert carrier.verdict is Verdict.DRIFTED
    assert carrier.low < 0.2 * (1 / 3) ** 0.5 < carrier.high
    assert carrier.q_value < 0.001
    assert carrier.left_dependence > 0.03 > carrier.right_dependence
    ev = next(one for one in carrier.bins if one.label == "EV")
    assert (ev.left_count, ev.right_count) == (6667, 5000)
    assert ev.left_mean == pytest.approx(0.4, abs=0.02)
    assert ev.right_mean == pytest.approx(0.2, abs=0.02)
    assert carrier.outcome == "true"
    assert carrier.explanation.startswith("For “carrier” “EV”, “is_late” fell from ")
    assert carrier.explanation.endswith("% of rows.")


def test_counts_and_shares_are_numpys(engine: LocalEngine) -> None:
    create(engine, flights(3000, 0.4, seed=3), flights(2000, 0.3, seed=4))
    rows = engine.connection.execute("select carrier, is_late from l").fetchnumpy()
    found = relations_of(engine, "is_late")["carrier"]

    for one in found.bins:
        inside = rows["carrier"] == one.label
        assert one.left_count == inside.sum()
        assert one.left_mean == pytest.approx(rows["is_late"][inside].mean(), abs=1e-12)


def test_nothing_changes_between_two_draws(engine: LocalEngine) -> None:
    create(engine, flights(50_000, 0.4, seed=5), flights(50_000, 0.4, seed=6))
    found = relations_of(engine, "is_late")

    assert {relation.verdict for relation in found.values()} == {Verdict.STABLE}
    assert found["carrier"].explanation.startswith("“is_late” depends on “carrier” as before: it changed by at most ")


def test_few_rows_leave_it_open(engine: LocalEngine) -> None:
    create(engine, flights(500, 0.4, seed=7), flights(500, 0.4, seed=8))

    assert {one.verdict for one in relations_of(engine, "is_late").values()} == {Verdict.UNDECIDED}


def test_a_label_that_changed_everywhere_is_said_to_have(engine: LocalEngine) -> None:
    draw = "select i % 5 as bin, (hash(i, '{}') % 100) < {} as y from range(20000) as r(i)"
    create(engine, draw.format("a", 20), draw.format("b", 40))
    found = relations_of(engine, "y")["bin"]

    assert found.verdict is Verdict.DRIFTED
    assert found.explained_by_label > 0.9
    assert found.explanation.endswith("Mostly the label itself changed, for all values nearly alike.")


def test_a_numeric_label_is_compared_by_its_mean(engine: LocalEngine) -> None:
    draw = """
        select
            (hash(i, '{0}') % 1000) / 100 as distance,
            (hash(i, '{0}', 'y') % 1000) / 1000 * 40 + case when distance >= 8 then {1} else 0 end as delay,
        from range(20000) as r(i)
    """
    create(engine, draw.format("a", 0), draw.format("b", 25))
    found = relations_of(engine, "delay")["distance"]

    assert found.verdict is Verdict.DRIFTED
    assert found.outcome == ""
    assert found.bins[-1].left_mean == pytest.approx(20, abs=1)
    assert found.bins[-1].right_mean == pytest.approx(45, abs=1)
    assert found.explanation.startswith("For “distance” of ")
    assert "the mean of “delay” rose from " in found.explanation


def test_of_many_classes_the_one_that_changed_most_is_told(engine: LocalEngine) -> None:
    draw = """
        select i % 4 as airport, case when hash(i, '{0}') % 10 < {1} then 'on time' when i % 7 = 0 then 'diverted'
            else 'late' end as status
        from range(20000) as r(i)
    """
    create(engine, draw.format("a", 7), draw.format("b", 4))
    found = relations_of(engine, "status")["airport"]

    assert found.outcome == "on time"
    assert found.explanation.startswith("For “airport” ")
    assert "“status” “on time” fell from 7" in found.explanation


def test_groups_make_a_change_less_certain(engine: LocalEngine) -> None:
    # Forty planes on either side, each with a habit of its own.
    draw = """
        select '{0}' || i // 100 as plane, hash(i // 100, '{0}', 'seats') % 3 as seats,
            hash(i, '{0}', 'y') % 100 < 10 + hash(i // 100, '{0}', 'habit') % 60 as y
        from range(4000) as r(i)
    """
    create(engine, draw.format("a"), draw.format("b"))
    alone, grouped = relations_of(engine, "y"), relations_of(engine, "y", groups=["plane"])

    assert grouped["seats"].p_value > 10 * alone["seats"].p_value
    assert grouped["seats"].high > alone["seats"].high


def test_thresholds_are_those_of_the_rules(engine: LocalEngine) -> None:
    create(engine, flights(20_000, 0.4, seed=1), flights(15_000, 0.2, seed=2))
    rules = DriftRules(thresholds={"label": 0.03}, columns={"carrier": ColumnRules(thresholds={"label": 0.3})})
    found = relations_of(engine, "is_late", rules=rules)

    assert (found["carrier"].threshold, found["distance"].threshold) == (0.3, 0.03)
    assert found["carrier"].verdict is Verdict.STABLE


def test_values_of_one_side_alone_are_told_and_not_compared(engine: LocalEngine) -> None:
    draw = """
        select '{0}' || i % 2 as x, i % 3 = 0 as y from range(2000) as r(i)
        union all select 'both', i % 2 = 0 from range({1}) as r(i)
    """
    create(engine, draw.format("old", 900), draw.format("new", 1000))
    found = relations_of(engine, "y")["x"]

    assert {one.label: one.is_compared for one in found.bins} == {
        **{"both": True, "old0": False, "old1": False, "new0": False, "new1": False}
    }
    assert found.compared_share == pytest.approx(1 / 3)
    assert next(one for one in found.bins if one.label == "new0").left_mean is None
    assert found.verdict is not Verdict.STABLE


@pytest.mark.parametrize(
    "label",
    [
        "true",
        "null::boolean",
        "1.5",
        "timestamp '2020-01-01' + to_days(i::int)",
        "'text ' || i || ' of many words, never the same'",
    ],
    ids=["constant", "missing", "constant number", "time", "text"],
)
def test_nothing_is_found_without_a_label_that_varies(engine: LocalEngine, label: str) -> None:
    draw = f"select i % 5 as x, {label} as y from range(3000) as r(i)"
    create(engine, draw, draw)

    assert relations_of(engine, "y") == {}


def test_empty_sides_and_constant_features_are_passed_over(engine: LocalEngine) -> None:
    create(engine, flights(2000, 0.4, seed=1), flights(0, 0.4, seed=2))
    assert relations_of(engine, "is_late") == {}

    create(engine, flights(1, 0.4, seed=1), flights(1, 0.4, seed=2))
    assert relations_of(engine, "is_late") == {}


def test_rows_without_a_label_do_not_count(engine: LocalEngine) -> None:
    draw = "select i % 2 as x, case when i % 4 < 2 then hash(i) % 2 = 0 end as y from range(4000) as r(i)"
    create(engine, draw, draw)

    assert sum(one.left_count for one in relations_of(engine, "y")["x"].bins) == 2000


def test_odd_numbers_and_hostile_names_do_no_harm(engine: LocalEngine) -> None:
    draw = """
        select
            [1e308, -1e308, 'nan', 'inf', null, 3][1 + i % 6]::double as "a ""quoted"" näme",
            ['x''; drop table l; --', repeat('long ', 60) || i % 2, '', null][1 + i % 4] as "select",
            hash(i) % 100 / 10 as bin_0, (i % 23) * 1e300 as value_0, i % 3 = 0 as class,
            [i, i + 1] as list, case when i % 2 = 0 then {'a': i} end as struct,
            hash(i, 2) % 3 = 0 as "the ""label"" ",
        from range(6000) as r(i)
    """
    create(engine, draw, draw)
    found = relations_of(engine, 'the "label" ')

    assert set(found) == {'a "quoted" näme', "select", "bin_0", "value_0", "class", "struct"}
    assert {one.label for one in found["select"].bins} >= {"x'; drop table l; --", "", "missing"}
    assert sum(one.left_count for one in found["select"].bins) == 6000
    for relation in found.values():
        assert relation.change == relation.low == 0.0
        assert relation.p_value == 1.0
    by_number = relations_of(engine, "value_0")
    assert all(np.isfinite([one.change, one.low, one.high, one.left_dependence]).all() for one in by_number.values())
    assert by_number["class"].bins[0].left_mean == pytest.approx(11e300, rel=0.01)


def test_features_of_all_kinds_and_more_than_one_scan_takes(engine: LocalEngine) -> None:
    draw = """
        select
            hash(i, '{0}') % 2 = 0 as y,
            timestamp '2020-01-01' + to_hours((hash(i, '{0}', 1) % 5000)::int) as moment,
            time '00:00' + to_seconds((hash(i, '{0}', 2) % 80000)::int) as clock,
            'a note of ' || repeat('many ', (hash(i, '{0}', 3) % 9)::int) || 'words: ' || md5(i || '{0}') as note,
            (hash(i, '{0}', 4) % 30)::int as hour,
            (hash(i, '{0}', 5) % 900) / 8.0 as number_as_category,
            [i % 2, 0.5]::double[2] as embedding,
            case when i % 3 > 0 then [i] end as list,
            {1},
        from range(4000) as r(i)
    """
    copies = ", ".join(f"(i % 7)::int as copy_{index}" for index in range(45))
    create(engine, draw.format("a", copies), draw.format("b", copies))
    kinds = {"number_as_category": Kind.CATEGORY}
    facts = compare_relations(engine, LEFT, RIGHT, kinds=kinds)
    label = next(pair for pair in facts.columns if pair.name == "y")
    found = {one.feature: one for one in find_label_relations(engine, LEFT, RIGHT, facts.columns, label)}

    assert {"moment", "clock", "note", "hour", "list", "copy_44"} <= set(found)
    assert len({(one.change, one.p_value) for name, one in found.items() if name.startswith("copy")}) == 1
    assert all(relation.verdict is not Verdict.DRIFTED for relation in found.values())
    assert found["moment"].bins[0].label.startswith("2020-01-01")
    assert found["hour"].bins[0].label.startswith("0 to ")
    assert found["note"].bins[0].label.endswith(" characters")
    assert {one.label for one in found["list"].bins} == {"present", "missing"}


def test_the_order_of_rows_does_not_matter(engine: LocalEngine) -> None:
    draw = "select hash(i) % 50 / 7 as x, ln(1 + hash(i, 1) % 1000) * (1 + hash(i) % 50) as y from range(9000) as r(i)"
    create(engine, draw, f"{draw} where i % 2 = 0")
    one = relations_of(engine, "y")["x"]
    create(engine, f"{draw} order by hash(i, 3)", f"{draw} where i % 2 = 0 order by hash(i, 4)")

    assert relations_of(engine, "y")["x"].change == pytest.approx(one.change, abs=1e-9)
