"""All columns together: what a classifier tells of two relations, from which rows, in which words."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from warehouse.checks.drift import domain
from warehouse.checks.drift.domain import domain_obstacle, find_domain_drift
from warehouse.checks.drift.parts import DomainDrift
from warehouse.checks.drift.verdicts import Verdict
from warehouse.datasets.drift_rules import DriftRules
from warehouse.engine.local import LocalEngine
from warehouse.sql import Relation
from warehouse.statistics.pair import ColumnPair, compare_relations
from warehouse.statistics.row_samples import draw_rows, features_of

pytest.importorskip("sklearn")

LEFT, RIGHT = Relation.table("l"), Relation.table("r")


def pairs_of(engine: LocalEngine, left: str, right: str) -> Sequence[ColumnPair]:
    engine.connection.execute(f"create or replace table l as {left}")
    engine.connection.execute(f"create or replace table r as {right}")
    return compare_relations(engine, LEFT, RIGHT).columns


def domain_of(engine: LocalEngine, left: str, right: str, **options: object) -> DomainDrift:
    pairs = pairs_of(engine, left, right)
    options = {"any_drifted": False, "left_name": "train", "right_name": "test", **options}
    found = find_domain_drift(engine, LEFT, RIGHT, pairs, **options)  # type: ignore[arg-type]
    assert found is not None, domain_obstacle(pairs)
    return found


def trips(rows: int, agreement: int, *, seed: int) -> str:
    """An origin and a carrier that go together in `agreement` percent of the rows, and a distance."""
    return f"""
        select
            'o' || hash(i, {seed}) % 2 as origin,
            'c' || case when hash(i, {seed}, 2) % 100 < {agreement} then hash(i, {seed}) % 2
                else 1 - hash(i, {seed}) % 2 end as carrier,
            (hash(i, {seed}, 3) % 100000) / 7 as distance,
        from range({rows}) as r(i)
    """


def test_columns_that_go_together_otherwise_are_found(engine: LocalEngine) -> None:
    found = domain_of(engine, trips(2000, 50, seed=1), trips(2000, 90, seed=2))

    assert found.verdict is Verdict.DRIFTED
    assert found.beyond_columns
    assert {column.name for column in found.columns[:2]} == {"origin", "carrier"}
    assert (found.left_sample_rows, found.right_sample_rows) == (2000, 2000)
    assert found.explanation.startswith(
        "A classifier can tell from a row of train or test by all columns together where it comes from (AUC 0."
    )
    assert found.explanation.endswith("No column drifted by itself: how they go together has changed.")


def test_a_column_that_drifted_by_itself_is_not_called_a_matter_of_all(engine: LocalEngine) -> None:
    found = domain_of(engine, trips(1000, 50, seed=1), trips(1000, 90, seed=2), any_drifted=True)

    assert not found.beyond_columns
    assert "No column drifted by itself" not in found.explanation


def test_one_law_is_stable(engine: LocalEngine) -> None:
    found = domain_of(engine, trips(4000, 70, seed=1), trips(3000, 70, seed=2))

    assert found.verdict is Verdict.STABLE
    assert found.columns == ()
    assert found.p_value > 0.01


def test_the_threshold_is_that_of_the_rules(engine: LocalEngine) -> None:
    rules = DriftRules(thresholds={"auc": 0.9})

    assert domain_of(engine, trips(1000, 50, seed=1), trips(1000, 90, seed=2), rules=rules).verdict is Verdict.STABLE


@pytest.mark.parametrize("equal", [False, True], ids=["rows that differ", "many equal rows"])
def test_large_sides_are_sampled_alike_in_any_order(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch, equal: bool
) -> None:
    monkeypatch.setattr(domain, "SAMPLE_ROWS", 1500)
    draw = "select * exclude (distance) from ({}) as t" if equal else "{}"
    left, right = draw.format(trips(40_000, 50, seed=1)), draw.format(trips(30_000, 90, seed=2))
    one = domain_of(engine, left, right)
    engine.connection.execute("set threads = 1")
    other = domain_of(engine, f"{left} order by hash(carrier, origin) desc", f"from ({right}) as t order by all")

    assert one == other
    assert one.left_sample_rows == pytest.approx(1500, abs=200)
    assert one.right_sample_rows == pytest.approx(1500, abs=200)
    assert one.verdict is Verdict.DRIFTED


def test_many_columns_take_fewer_rows(engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domain, "SAMPLE_VALUES", 60_000)
    monkeypatch.setattr(domain, "MOST_FEATURES", 50)
    columns = ", ".join(f"(hash(i, {place}, '{{0}}') % 100000) / 7 as x{place}" for place in range(60))
    draw = f"select {columns} from range(3000) as r(i)"
    found = domain_of(engine, draw.format("a"), draw.format("b"))

    assert found.left_sample_rows == pytest.approx(1200, abs=150)
    assert "by the first 50 of 60 columns together" in found.explanation


def test_kinds_of_all_sorts_and_hostile_names_can_be_learned_from(engine: LocalEngine) -> None:
    draw = """
        select
            case when i % 5 > 0 then (hash(i, '{0}') % 1000) / 7 end as "a ""quoted"" näme",
            ['nan', 'inf', '-inf', '1e308', null][1 + i % 5]::double as odd,
            hash(i, '{0}', 1) % 2 = 0 as "select",
            case when i % 7 > 0 then timestamp '2020-01-01' + to_seconds(i * 977) else 'infinity'::timestamp end
                as moment,
            date '2020-01-01' + (i % 99)::int as day,
            time '00:00' + to_seconds(i) as clock,
            'a flight ' || md5(i || '{0}') || ' was late because of ' || (i % 3) || ' storms' as note,
            'v' || hash(i, '{0}', 2) % 300 as value_0,
            [i % 3, 2] as list, map {{'a': i % 2}} as map, {{'a': i % 9, 'b': 'x'}} as struct,
            [hash(i, '{0}', 3) % 100 / 50 - 1, 0.5, {1}]::double[3] as embedding,
            null::integer as "nothing", 4 as constant, '\\x00'::blob as blob, 'x''; drop table l; --' as "drop"
        from range(1500) as r(i)
    """
    found = domain_of(engine, draw.format("a", 0), draw.format("b", "hash(i) % 2"))

    assert found.verdict is Verdict.DRIFTED
    assert found.columns[0].name == "embedding"


def test_identifiers_tell_nothing(engine: LocalEngine) -> None:
    pairs = pairs_of(
        engine, "select i as id from range(3000) as r(i)", "select i + 3000 as id from range(3000) as r(i)"
    )

    assert domain_obstacle(pairs) == "no column can be compared"
    assert find_domain_drift(engine, LEFT, RIGHT, pairs, any_drifted=False) is None


def test_few_rows_are_an_obstacle(engine: LocalEngine) -> None:
    pairs = pairs_of(engine, trips(1, 50, seed=1), trips(500, 50, seed=2))

    assert domain_obstacle(pairs) == "a side has 1 rows, and a classifier needs 50"
    assert find_domain_drift(engine, LEFT, RIGHT, pairs, any_drifted=False) is None
    assert domain_obstacle(pairs_of(engine, trips(0, 50, seed=1), trips(0, 50, seed=2))) != ""


def test_without_scikit_learn_it_is_said_what_to_install(engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domain, "find_spec", lambda name: None)
    pairs = pairs_of(engine, trips(500, 50, seed=1), trips(500, 50, seed=2))

    assert domain_obstacle(pairs) == "scikit-learn is not installed (pip install 'ml-warehouse[classifier]')"
    assert find_domain_drift(engine, LEFT, RIGHT, pairs, any_drifted=False) is None


def test_groups_make_a_chance_difference_less_certain(engine: LocalEngine) -> None:
    # Thirty planes on either side, of a seat count each.
    draw = """
        select '{0}' || i // 50 as plane, (hash(i // 50, '{0}') % 1000) / 7 as seats,
            (hash(i, '{0}') % 1000) / 7 as wind
        from range(1500) as r(i)
    """
    pairs = [pair for pair in pairs_of(engine, draw.format("a"), draw.format("b")) if pair.name != "plane"]
    alone, grouped = (
        find_domain_drift(engine, LEFT, RIGHT, pairs, any_drifted=False, groups=groups) for groups in ((), ("plane",))
    )

    assert alone is not None
    assert grouped is not None
    # A row's plane was learned from, unless the plane is kept apart.
    assert alone.auc > 0.9
    assert grouped.low < 0.6


def test_equal_rows_are_drawn_in_proportion(engine: LocalEngine) -> None:
    draw = "select 'v' || case when i % 10 < 7 then 0 else i % 10 end as x from range({}) as r(i)"
    pairs = pairs_of(engine, draw.format(50_000), draw.format(10))
    features = [feature for pair in pairs for feature in features_of(pair)]
    sample = draw_rows(engine, LEFT, features, (), row_count=50_000, wanted=4000, side="left")
    counts = sorted(int((sample.values[:, 0] == value).sum()) for value in set(sample.values[:, 0].tolist()))

    assert sample.row_count == pytest.approx(4000, abs=300)
    assert counts == pytest.approx([400, 400, 400, 2800], abs=250)
