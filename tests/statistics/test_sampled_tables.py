"""Samples of rows: bounded, whatever the order of rows, and honest about rows that are alike."""

from __future__ import annotations

import pytest

from warehouse.engine.local import LocalEngine
from warehouse.sql import Relation
from warehouse.statistics.sampled_tables import SAMPLE_ROWS, SampledTable, Taken, sample_table
from warehouse.statistics.session_tables import SessionTables

TAKEN = {"x": Taken("choice", lambda value: f"{value} || '!'")}


def sample(
    engine: LocalEngine, sql: str, groups: tuple[str, ...] = ()
) -> tuple[SampledTable, list[tuple[int, int, str]]]:
    engine.connection.execute(f"create or replace table t as {sql}")
    with SessionTables(engine, "s") as tables:
        found = sample_table(engine, tables, Relation.table("t"), TAKEN, name="left", groups=groups)
        rows = engine.connection.execute(f"select row, cluster, x from {found.table} order by row").fetchall()
    return found, rows


def test_few_rows_are_taken_whole(engine: LocalEngine) -> None:
    found, rows = sample(engine, "select 'k' || i as choice from range(1000) as r(i)")

    assert found.is_whole
    assert found.row_count == 1000
    assert sorted(x for _, _, x in rows) == sorted(f"k{i}!" for i in range(1000))
    assert len({cluster for _, cluster, _ in rows}) == 1000


def test_many_rows_are_sampled_the_same_in_any_order(engine: LocalEngine) -> None:
    found, rows = sample(engine, "select 'k' || i as choice from range(200000) as r(i)")
    _, turned = sample(engine, "select 'k' || i as choice from range(200000) as r(i) order by i desc")

    assert not found.is_whole
    assert found.row_count == pytest.approx(SAMPLE_ROWS, rel=0.05)
    assert {x for _, _, x in rows} == {x for _, _, x in turned}


def test_equal_rows_are_chosen_apart(engine: LocalEngine) -> None:
    found, rows = sample(engine, "select 'k' || i % 50 as choice from range(200000) as r(i)")

    assert found.row_count == pytest.approx(SAMPLE_ROWS, rel=0.05)
    assert len({x for _, _, x in rows}) == 50


def test_rows_of_a_group_are_one_cluster_and_rows_without_stand_alone(engine: LocalEngine) -> None:
    _, rows = sample(
        engine,
        """
        select 'k' || i as choice, case when i < 20 then i % 2 end as "row", i % 3 as "a ""b" from range(30) as r(i)
        """,
        groups=("row", 'a "b'),
    )

    clusters = {int(x[1:-1]): cluster for _, cluster, x in rows}
    assert clusters[0] == clusters[6] == clusters[12] != clusters[1]
    assert len({clusters[i] for i in range(20)}) == 6
    assert len({clusters[i] for i in range(20, 30)} - {clusters[i] for i in range(20)}) == 10
