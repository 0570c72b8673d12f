"""Linked rows are one entity with one point on the split line, whatever the order of rows."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from warehouse.datasets.duplicates import mark_duplicate_rows
from warehouse.datasets.entities import Entities, entity_findings, resolve_entities
from warehouse.datasets.placement_rows import own_point_sql
from warehouse.datasets.row_checks import read_table_facts
from warehouse.datasets.spec import DatasetSpec, Deduplicate, DuplicateRule, Grouping, HashSplit, NearText
from warehouse.datasets.splits import hash_text, lane
from warehouse.engine.local import LocalEngine
from warehouse.findings import Severity
from warehouse.sql import Relation, identifier
from warehouse.storage import connect

SALT = "a 'salt'"
SPEC = DatasetSpec(
    name="late", model="t", key=("id",), split=HashSplit(shares={"train": 0.8, "dev": 0.1, "test": 0.1}, salt=SALT)
)
TOGETHER = Deduplicate(exact=DuplicateRule.TOGETHER)


@pytest.fixture
def engine() -> Any:
    with connect(None) as connection:
        yield LocalEngine(connection)


def grouped(*groups: str, **changes: Any) -> DatasetSpec:
    return replace(SPEC, groups=groups, **changes)


def resolved(
    engine: LocalEngine, spec: DatasetSpec, rows: Mapping[str, Sequence[Any]]
) -> tuple[Entities | None, dict[str, str]]:
    """The entities, and each key's point."""
    typed = {name: [None if v is None else str(v) for v in values] for name, values in rows.items()}
    columns = ", ".join(f"unnest($c{i}::varchar[]) as {identifier(name)}" for i, name in enumerate(typed))
    parameters = {f"c{i}": values for i, values in enumerate(typed.values())}
    engine.connection.execute(f"create or replace table t as select {columns}", parameters)
    relation = Relation.table("t")
    facts = read_table_facts(engine, relation, spec, integer_key=False)
    entities = resolve_entities(engine, relation, spec, tuple(rows), facts)
    key = identifier(spec.key[0])
    if entities is None:
        query = f"select {key}, {own_point_sql(spec)} from t"
    else:
        query = (
            f"select {key}, coalesce(entities.point, own_point) "
            f"from (select *, rowid as number, {own_point_sql(spec)} as own_point from t) as own_points "
            "left join temp.entities on number = entities.row_number"
        )
    return entities, dict(engine.connection.execute(query).fetchall())


def point(*parts: str) -> str:
    return hash_text(parts, salt=SALT)


def by_lane_4(values: Sequence[str]) -> str:
    """The point of the value that comes first by its fourth lane."""
    return min(map(point, values), key=lambda digits: (lane(digits, 4), digits))


def expected_points(groups: Sequence[str], rows: Mapping[str, Sequence[Any]]) -> dict[str, str]:
    """The rule again, with SciPy's components."""
    count = len(rows["id"])
    nodes: dict[tuple[str, str], int] = {}
    edges = [
        (row, count + nodes.setdefault((group, str(value)), len(nodes)))
        for group in groups
        for row, value in enumerate(rows[group])
        if value is not None
    ]
    left, right = zip(*edges, strict=True) if edges else ((), ())
    size = count + len(nodes)
    _, labels = connected_components(coo_matrix((np.ones(len(edges)), (left, right)), shape=(size, size)))
    points = {}
    for row in range(count):
        members = [other for other in range(count) if labels[other] == labels[row]]
        candidates = [str(rows["id"][row])]
        for group in groups:
            if values := [str(rows[group][other]) for other in members if rows[group][other] is not None]:
                candidates = values
                break
        points[str(rows["id"][row])] = by_lane_4(candidates)
    return points


GRAPHS = st.integers(1, 40).flatmap(
    lambda count: st.fixed_dictionaries(
        {
            "id": st.just(list(range(count))),
            **{
                name: st.lists(st.none() | st.integers(0, 20), min_size=count, max_size=count)
                for name in ("customer", "device", "mail")
            },
        }
    )
)


@given(GRAPHS, st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_points_follow_the_rule_and_no_order_of_rows(rows: dict[str, list[Any]], chance: random.Random) -> None:
    groups = ("customer", "device", "mail")
    order = list(range(len(rows["id"])))
    chance.shuffle(order)
    with connect(None) as connection:
        engine = LocalEngine(connection)
        _, points = resolved(engine, grouped(*groups), rows)
        _, shuffled = resolved(engine, grouped(*groups), {k: [v[i] for i in order] for k, v in rows.items()})

    assert points == shuffled == expected_points(groups, rows)


def test_a_component_with_one_customer_lies_where_the_customer_lies(engine: LocalEngine) -> None:
    rows = {"id": [1, 2, 3, 4], "customer": ["ann", "ann", None, "bob"], "device": ["x", "y", "y", None]}

    _, points = resolved(engine, grouped("customer", "device"), rows)

    assert points == {"1": point("ann"), "2": point("ann"), "3": point("ann"), "4": point("bob")}
    _, alone = resolved(engine, grouped("customer"), rows)
    assert alone == {**points, "3": point("3")}


def test_a_row_without_any_link_has_the_point_of_its_key(engine: LocalEngine) -> None:
    rows = {"id": [1, 2, 3], "customer": [None, None, None], "device": [None, None, "x"]}

    entities, points = resolved(engine, grouped("customer", "device"), rows)

    assert points == {"1": point("1"), "2": point("2"), "3": point("x")}
    assert entities is not None
    assert entities.entity_count == 3


@pytest.mark.parametrize(
    "spec",
    [
        SPEC,
        grouped("customer"),
        grouped("customer", "device", grouping=Grouping.COMPOSITE),
        replace(SPEC, deduplicate=Deduplicate(exact=DuplicateRule.ONCE)),
    ],
    ids=["key", "group", "composite", "once"],
)
def test_one_hash_that_says_it_all_needs_no_entities(engine: LocalEngine, spec: DatasetSpec) -> None:
    entities, _ = resolved(engine, spec, {"id": [1, 2], "customer": [1, 1], "device": [1, 2]})

    assert entities is None
    assert engine.connection.execute("select count(*) from duckdb_tables() where temporary").fetchall() == [(0,)]


@pytest.mark.parametrize("size", [1, 2, 5, 30])
def test_components_of_any_size_are_placed_evenly(engine: LocalEngine, size: int) -> None:
    count = 3000
    rows = {
        "id": list(range(count * size)),
        "customer": [f"c{i}" for i in range(count * size)],
        "device": [f"d{i // size}" for i in range(count * size)],
    }

    _, points = resolved(engine, grouped("customer", "device"), rows)

    placed = sorted({lane(found, 1) for found in points.values()})
    assert len(placed) == count
    # Kolmogorov-Smirnov against the even line; 1.95 is exceeded once in a thousand times.
    gap = max(max(abs(x - i / count), abs(x - (i + 1) / count)) for i, x in enumerate(placed))
    assert gap * count**0.5 < 1.95


def test_rows_equal_in_all_but_the_key_are_together_when_asked(engine: LocalEngine) -> None:
    rows = {"id": ["a", "b", "c", "d"], "x": ["1", "1", "2", None], "y": [None, None, None, None]}

    entities, points = resolved(engine, replace(SPEC, deduplicate=TOGETHER), rows)

    assert points == {"a": by_lane_4(["a", "b"]), "b": by_lane_4(["a", "b"]), "c": point("c"), "d": point("d")}
    assert entities is not None
    assert entities.components.linked_rows == {"equal rows": 1}


def test_duplicates_link_groups_but_never_choose_their_point(engine: LocalEngine) -> None:
    rows = {"id": ["a", "b", "c", "d"], "customer": ["ann", None, None, None], "x": ["1", "2", "2", "3"]}
    spec = replace(SPEC, groups=("customer",), deduplicate=Deduplicate(text=NearText(column="x", threshold=0.8)))
    text = "the same long text, word for word, and more"

    _, points = resolved(engine, spec, {**rows, "x": [text, text.upper(), "another text that is long enough too", "-"]})

    assert points == {"a": point("ann"), "b": point("ann"), "c": point("c"), "d": point("d")}


def test_a_composite_group_is_linked_by_duplicates_as_a_whole(engine: LocalEngine) -> None:
    spec = grouped("a", "b", grouping=Grouping.COMPOSITE, deduplicate=TOGETHER)
    rows = {
        "id": ["1", "2", "3", "4"],
        "a": ["x", "x", "y", "x"],
        "b": ["u", "u", "u", None],
        "v": ["p", "q", "p", "p"],
    }

    _, points = resolved(engine, spec, rows)

    assert points == {"1": point("x", "u"), "2": point("x", "u"), "3": point("y", "u"), "4": point("4")}


def test_nan_and_null_are_equal_to_themselves_and_to_nothing_else(engine: LocalEngine) -> None:
    engine.connection.execute(
        "create table t as select * "
        "from (values (1, 'nan'::double), (2, 'nan'), (3, null), (4, null), (5, 0.0)) as v(id, v)"
    )
    spec = replace(SPEC, deduplicate=TOGETHER)
    facts = read_table_facts(engine, Relation.table("t"), spec, integer_key=True)

    entities = resolve_entities(engine, Relation.table("t"), spec, ("id", "v"), facts)

    assert entities is not None
    assert (entities.components.component_count, entities.components.row_count) == (2, 4)
    # One row of each pair has the other's point.
    moved = engine.connection.execute("select row_number // 2 from entities order by 1").fetchall()
    assert moved == [(0,), (1,)]


def test_the_tables_of_links_are_gone_when_all_is_counted(engine: LocalEngine) -> None:
    text = Deduplicate(exact=DuplicateRule.TOGETHER, text=NearText(column="v"))
    rows = {"id": ["1", "2", "3"], "v": ["the same long text of many words"] * 2 + ["another long text of many words"]}

    resolved(engine, grouped(deduplicate=text), rows)

    tables = engine.connection.execute("select table_name from duckdb_tables() where temporary").fetchall()
    assert tables == [("entities",)]


def test_of_equal_rows_the_one_with_the_smallest_key_is_exported_once(engine: LocalEngine) -> None:
    engine.connection.execute(
        "create table t as select * "
        "from (values (9, 1, 'x', [1]), (3, 2, 'x', [1]), (5, 3, 'x', [2]), (4, 4, null, null), "
        '(2, 5, null, null), (3, 1, \'x\', [1])) as v(id, "row_number", "a \'b", list)'
    )
    spec = replace(SPEC, key=("id", "row_number"), deduplicate=Deduplicate(exact=DuplicateRule.ONCE))
    facts = read_table_facts(engine, Relation.table("t"), spec, integer_key=False)

    count = mark_duplicate_rows(engine, Relation.table("t"), spec, ("id", "row_number", "a 'b", "list"), facts.blocks)

    kept = engine.connection.execute(
        f'select id, "row_number" from t where not {facts.blocks.is_in_sql("duplicate_rows")} order by all'
    )
    assert count == 3
    assert kept.fetchall() == [(2, 5), (3, 1), (5, 3)]


def test_no_duplicates_set_nothing(engine: LocalEngine) -> None:
    engine.connection.execute("create table t as select i as id, i as x from range(10) as r(i)")
    facts = read_table_facts(engine, Relation.table("t"), SPEC, integer_key=True)

    assert mark_duplicate_rows(engine, Relation.table("t"), SPEC, ("id", "x"), facts.blocks) == 0
    assert mark_duplicate_rows(engine, Relation.table("t"), SPEC, ("id",), facts.blocks) == 0


@pytest.mark.parametrize("name", ["a 'b\" c", "select", "row_number", "value", "point", "component", "名前", "Member"])
def test_hostile_names_of_groups_and_keys_do_no_harm(engine: LocalEngine, name: str) -> None:
    spec = replace(SPEC, key=(f"{name} id",), groups=(name, "device"), deduplicate=TOGETHER)
    rows = {f"{name} id": ["1", "2", "3"], name: ["';--", "\\", None], "device": ["\x1f", "\x1f", "9"]}

    _, points = resolved(engine, spec, rows)

    assert points == {"1": by_lane_4(["';--", "\\"]), "2": by_lane_4(["';--", "\\"]), "3": point("9")}


def giant(engine: LocalEngine, **changes: Any) -> list[Any]:
    rows = {
        "id": list(range(1000)),
        "customer": [f"c{i}" for i in range(1000)],
        "mail": ["unknown@example.com" if i % 4 == 0 else f"{i}@example.com" for i in range(1000)],
    }
    spec = grouped("customer", "mail", **changes)
    entities, _ = resolved(engine, spec, rows)
    assert entities is not None
    return list(entity_findings(entities, spec))


def test_a_giant_component_is_a_warning_that_names_the_hub(engine: LocalEngine) -> None:
    info, warning = giant(engine)

    assert info.severity is Severity.INFO
    assert info.message == (
        "1,000 rows are 751 entities; 250 rows are linked to others, the largest entity has 250 "
        "(rows that repeat a value of an earlier row: customer 0, mail 249)"
    )
    assert warning.severity is Severity.WARNING
    assert warning.message == (
        "one entity holds 250 of 1,000 rows (25.0%), and all of them lie in one split; "
        "its most frequent values: mail = 'unknown@example.com' in 250 rows"
    )
    assert "NULL" in warning.advice


def test_values_that_a_version_hides_stand_in_no_finding(engine: LocalEngine) -> None:
    _, warning = giant(engine, pseudonymise=("mail",))

    assert "mail (hidden) in 250 rows" in warning.message
    assert "unknown" not in warning.message
