"""Rows in groups count for as many independent rows as their spread between groups shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from warehouse.checks.drift.effects import find_effects
from warehouse.checks.drift.evidence import gather_evidence
from warehouse.engine.local import LocalEngine
from warehouse.sql import Relation
from warehouse.statistics import clusters, lasting_hashes
from warehouse.statistics.cells import Cell, distribution_cells
from warehouse.statistics.clusters import Clustering, clustering
from warehouse.statistics.distance import measure_jensen_shannon
from warehouse.statistics.kinds import family_of
from warehouse.statistics.pair import compare_relations
from warehouse.statistics.profile import Measured

T = Relation.table("t")


def clusterings_of(engine: LocalEngine, *groups: str) -> dict[str, Clustering]:
    """Of every other column of the table `t`."""
    pairs = compare_relations(engine, T, T, skip=groups).columns
    return {
        pair.name: clustering(
            engine,
            T,
            Measured(pair.name, pair.family),
            distribution_cells(pair),
            groups,
            row_count=4000,
            with_lone_values=False,
        )
        for pair in pairs
    }


def clustering_of(engine: LocalEngine, sql: str, *groups: str) -> dict[str, float]:
    engine.connection.execute(f"create or replace table t as {sql}")
    return {name: known.design_effect for name, known in clusterings_of(engine, *groups).items()}


def numbers_of(known: Clustering) -> list[float]:
    effects = [known.design_effect, known.concentration, known.rest_effect or 0.0]
    return [
        known.group_count,
        known.lone_rows,
        known.lone_squares,
        *effects,
        *(effect for _, effect in sorted(known.cell_effects.items())),
    ]


def test_rows_of_one_value_per_group_count_as_one_row_each(engine: LocalEngine) -> None:
    effects = clustering_of(
        engine,
        "select i // 50 as g, (i // 50) % 4 as few, 'c' || (i // 50) % 6 as name, hash(i // 50) / 1e19 as x, "
        "(i // 50) % 2 = 0 as flag, case when (i // 50) % 3 = 0 then [1] end as list from range(20000) as r(i)",
        "g",
    )

    for name, effect in effects.items():
        assert effect == pytest.approx(50, rel=0.1), name


def test_rows_that_do_not_depend_on_their_group_count_in_full(engine: LocalEngine) -> None:
    chance = np.random.default_rng(1)
    values = chance.integers(0, 5, 20_000).tolist()
    engine.connection.execute("create table v as select unnest($v) as x, unnest(range(20000)) as i", {"v": values})

    assert clustering_of(engine, "select i // 50 as g, x, i * 0.37 as number from v", "g")["x"] == pytest.approx(
        1, abs=0.15
    )


def test_groups_of_one_row_are_independent(engine: LocalEngine) -> None:
    assert clustering_of(engine, "select i as g, i % 7 as x from range(700) as r(i)", "g")["x"] == pytest.approx(
        1, abs=0.01
    )


def test_several_columns_make_a_group_together(engine: LocalEngine) -> None:
    effects = clustering_of(
        engine,
        "select i // 100 as \"a 'group'\", (i // 50) % 2 as b, (i // 50) % 4 as x from range(20000) as r(i)",
        "a 'group'",
        "b",
    )

    assert effects["x"] == pytest.approx(50, rel=0.1)


@pytest.mark.parametrize("rows_at_once", [1300, 900], ids=["each from all rows", "written aside"])
def test_the_groups_of_many_rows_are_asked_in_slices_to_the_same_numbers(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rows_at_once: int
) -> None:
    engine.connection.execute(f"set temp_directory = '{tmp_path}'")
    engine.connection.execute(
        """
        create table t as
        select i // 40 as "a 'group'", i % 3 as b, sqrt(i) as number, 'c' || (i // 50) % 6 as name,
        case when i % 7 = 0 then [i] end as list from range(4000) as r(i)
        """
    )
    # Parts of few rows are alike on every engine, at the price of md5; slices are for many.
    monkeypatch.setattr(lasting_hashes, "MOST_ROWS", 0)
    at_once = clusterings_of(engine, "a 'group'", "b")
    monkeypatch.setattr(clusters, "ROWS_AT_ONCE", rows_at_once)
    in_slices = clusterings_of(engine, "a 'group'", "b")

    # Sums of the same whole numbers; only doubles are then added in another order.
    for name, known in at_once.items():
        assert numbers_of(in_slices[name]) == pytest.approx(numbers_of(known), rel=1e-12), name
    assert {known.group_count for known in at_once.values()} == {300}
    assert set(at_once) == {"number", "name", "list"}


def test_rows_without_a_group_are_left_out(engine: LocalEngine) -> None:
    engine.connection.execute("create table t as select null::int as g, 1 as x from range(10)")

    found = clustering(
        engine,
        T,
        Measured("x", family_of("INTEGER")),
        [Cell(1.0, 10, 10)],
        ["g"],
        row_count=4000,
        with_lone_values=True,
    )

    assert (found.group_count, found.design_effect, found.lone_rows) == (0, 1.0, 0)


def test_lone_values_occur_in_one_group(engine: LocalEngine) -> None:
    engine.connection.execute(
        "create table t as select * from "
        "(values (1, 'a'), (1, 'a'), (2, 'b'), (3, 'b'), (3, 'c'), (3, null)) as v(g, x)"
    )

    found = clustering(
        engine, T, Measured("x", family_of("VARCHAR")), [Cell("a", 1, 1)], ["g"], row_count=4000, with_lone_values=True
    )

    assert (found.lone_rows, found.lone_squares) == (3, 5)


def test_groups_of_unlike_weight_raise_no_more_false_alarms_than_stated(engine: LocalEngine) -> None:
    """Five kinds of groups, of which one has a few huge ones: its share varies far more than the others'."""
    engine.connection.execute(
        """
        create table rows as
        select g as g, 'kind ' || g % 5 as x from range(600) as groups(g),
        range(
            case when g % 5 > 0 then 5 when md5_number_lower(g::varchar) % 8 = 0 then 420 else 20 end
        ) as members(i)
        """
    )
    alarms, alone = [], []
    for salt in range(40):
        for side in (0, 1):
            engine.connection.execute(
                f"create or replace view side_{side} as select * from rows "
                f"where md5_number_lower(g || '/{salt}') % 2 = {side}"
            )
        left, right = Relation.table("side_0"), Relation.table("side_1")
        (pair,) = compare_relations(engine, left, right, skip=("g",)).columns
        evidence = gather_evidence(engine, left, right, pair, ["g"])
        alarms.append(find_effects(evidence)[0].p_value < 0.05)
        alone.append(measure_jensen_shannon(*evidence.independent_counts).p_value < 0.05)

    assert sum(alarms) <= 6, "more than five percent, even allowing for chance"
    assert sum(alone) > sum(alarms), "the average design effect alone calls chance drift"
