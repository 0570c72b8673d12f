"""Rows that share a value of any link, directly or through others, are one component."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from warehouse.engine.local import LocalEngine
from warehouse.errors import QueryError
from warehouse.sql import identifier
from warehouse.statistics.components import Components, Link, find_components, order_sql
from warehouse.storage import connect

Values = Mapping[str, Sequence[object]]


def link(column: str) -> Link:
    return Link(name=column, sql=f"select rowid as row_number, {identifier(column)} as value from t")


def components_of(engine: LocalEngine, columns: Values) -> tuple[Components, list[int]]:
    """What was found, and for each row the smallest row of its component."""
    names = list(columns)
    unnested = ", ".join(f"unnest($values_{i}::varchar[]) as {identifier(name)}" for i, name in enumerate(names))
    parameters = {f"values_{i}": [None if v is None else str(v) for v in columns[name]] for i, name in enumerate(names)}
    engine.connection.execute(f"create or replace table t as select {unnested}", parameters)
    found = find_components(engine, [link(name) for name in names], table="found")
    labels = list(range(len(columns[names[0]])))
    for row, component in engine.connection.execute("select row_number, component from found").fetchall():
        labels[row] = component
    return found, labels


def expected(columns: Values) -> list[int]:
    """The same by SciPy, on the graph of rows and values."""
    count = len(next(iter(columns.values())))
    nodes: dict[tuple[str, str], int] = {}
    edges = [
        (row, count + nodes.setdefault((name, str(value)), len(nodes)))
        for name, values in columns.items()
        for row, value in enumerate(values)
        if value is not None
    ]
    size = count + len(nodes)
    left, right = zip(*edges, strict=True) if edges else ((), ())
    _, labels = connected_components(coo_matrix((np.ones(len(edges)), (left, right)), shape=(size, size)))
    first: dict[int, int] = {}
    return [first.setdefault(int(label), row) for row, label in enumerate(labels[:count])]


@given(
    st.integers(1, 60).flatmap(
        lambda count: st.fixed_dictionaries(
            {
                name: st.lists(st.none() | st.integers(0, 25), min_size=count, max_size=count)
                for name in ("customer", "device", "e'mail\" x")
            }
        )
    )
)
@settings(max_examples=40, deadline=None)
def test_components_are_those_of_the_graph_of_rows_and_values(columns: Values) -> None:
    with connect(None) as connection:
        _, labels = components_of(LocalEngine(connection), columns)

    assert labels == expected(columns)


@pytest.mark.parametrize("shuffled", [False, True], ids=["in_order", "shuffled"])
def test_a_chain_of_ten_thousand_links_is_one_component_in_few_rounds(engine: LocalEngine, shuffled: bool) -> None:
    places = np.arange(10_001)
    if shuffled:
        np.random.default_rng(1).shuffle(places)

    found, labels = components_of(
        engine, {"left": [f"a{i // 2}" for i in places], "right": [f"b{(i + 1) // 2}" for i in places]}
    )

    assert set(labels) == {0}
    assert (found.component_count, found.row_count, found.largest, found.largest_row_count) == (1, 10_001, 0, 10_001)
    assert found.round_count <= 20


def test_rings_stars_and_grids_hold_together(engine: LocalEngine) -> None:
    ring = [(i, (i + 1) % 500) for i in range(500)]
    star = [(1000, 1001 + i) for i in range(500)]
    grid = [(2000 + x * 30 + y, 2000 + x * 30 + y + step) for x in range(29) for y in range(29) for step in (1, 30)]
    edges = ring + star + grid

    values = [value for edge in edges for value in edge]
    rows = [row for row in range(len(edges)) for _ in range(2)]
    engine.connection.execute(
        "create table pairs as select unnest($1) as row_number, unnest($2) as value", [rows, values]
    )
    both = find_components(engine, [Link(name="ends", sql="select * from pairs")], table="found")

    assert both.component_count == 3
    assert both.largest_row_count == len(grid)


def test_values_of_different_links_never_meet(engine: LocalEngine) -> None:
    _, labels = components_of(engine, {"customer": [7, 1, None], "device": [None, 7, 7]})

    assert labels == [0, 1, 1]


def test_null_links_nothing_but_an_empty_text_is_a_value(engine: LocalEngine) -> None:
    _, labels = components_of(engine, {"a": [None, None, "", "", " "]})

    assert labels == [0, 1, 2, 2, 4]


def test_nothing_shared_is_no_component(engine: LocalEngine) -> None:
    found, labels = components_of(engine, {"a": [1, 2, 3], "b": [None, None, None]})

    assert labels == [0, 1, 2]
    assert (found.component_count, found.row_count, found.largest, found.largest_row_count) == (0, 0, None, 0)
    assert found.linked_rows == {"a": 0, "b": 0}


def test_the_largest_component_and_what_links_it_are_counted(engine: LocalEngine) -> None:
    found, _ = components_of(engine, {"a": [1, 1, 2, 2, 3], "b": [None, 5, 6, 6, 5]})

    assert (found.component_count, found.largest, found.largest_row_count) == (2, 0, 3)
    assert found.linked_rows == {"a": 2, "b": 2}


@pytest.mark.parametrize("type_name", ["double", "uuid", "date", "integer[]"])
def test_values_of_any_type_that_groups_link(engine: LocalEngine, type_name: str) -> None:
    value = {"double": "'nan'", "uuid": "uuid()", "date": "date '2026-01-01'", "integer[]": "[1, null]"}[type_name]
    engine.connection.execute(f"create table t as select v::{type_name} as v from (select {value} as v), range(3)")

    assert find_components(engine, [link("v")], table="found").largest_row_count == 3


def test_other_tables_of_the_session_stay_and_none_of_ours_does(engine: LocalEngine) -> None:
    engine.connection.execute("create temp table mine as select 1 as x")
    components_of(engine, {"a": [1, 1]})

    names = {name for (name,) in engine.connection.execute("select table_name from duckdb_tables()").fetchall()}
    assert names == {"mine", "t", "found"}


def test_a_row_number_that_is_too_large_is_refused(engine: LocalEngine) -> None:
    wide = Link(name="wide", sql="select 5000000000 + i as row_number, 1 as value from range(2) as r(i)")

    with pytest.raises(QueryError, match="link_edges"):
        find_components(engine, [wide], table="found")
    assert engine.connection.execute("select count(*) from duckdb_tables()").fetchall() == [(0,)]


def test_the_pseudo_random_order_is_a_permutation_that_no_engine_changes(engine: LocalEngine) -> None:
    query = f"select count(distinct {order_sql('i', 3)}), sum({order_sql('i', 3)}) from range(100000) as r(i)"

    def order(number: int) -> int:
        word = number ^ 0x32DF000B
        for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
            word = (word ^ (word >> shift)) * factor & 0xFFFFFFFF
        return word

    assert engine.connection.execute(query).fetchall() == [(100_000, sum(map(order, range(100_000))))]
