"""What is inside nested values: scalars by name, and which types can be compared at all."""

from __future__ import annotations

import pytest

from warehouse.engine.local import LocalEngine
from warehouse.sql import Relation
from warehouse.statistics.kinds import types_meet
from warehouse.statistics.nested_parts import parts_of, parts_relation
from warehouse.statistics.type_names import parse_type


def names(left: str, right: str, name: str = "") -> list[str]:
    return [part.name for part in parts_of(parse_type(left), parse_type(right), "x", "x", name=name)]


@pytest.mark.parametrize(
    ("type_name", "name", "found"),
    [
        ("INTEGER[]", "", ["length"]),
        ("INTEGER[3]", "", []),
        ("STRUCT(a INTEGER, b STRUCT(c VARCHAR[], d DATE))", "", ["field a", "length of field b.c", "field b.d"]),
        ("MAP(VARCHAR, INTEGER)", "", ["number of keys"]),
        ("VARCHAR", "elements", ["elements"]),
        (
            "STRUCT(a INTEGER, m MAP(INTEGER, INTEGER))",
            "elements",
            ["elements field a", "number of keys of elements field m"],
        ),
        ("VARCHAR", "", []),
        ('STRUCT("a ""b" INTEGER, "c, d" INTEGER)', "", ['field a "b', "field c, d"]),
    ],
)
def test_parts_of_a_type(type_name: str, name: str, found: list[str]) -> None:
    assert names(type_name, type_name, name) == found


def test_only_what_both_sides_have_is_compared() -> None:
    assert names("STRUCT(a INTEGER, b INTEGER, c INTEGER[])", "STRUCT(B INTEGER, z INTEGER, c INTEGER)") == ["field b"]
    assert names("INTEGER[]", "MAP(INTEGER, INTEGER)") == []


def test_structs_are_followed_to_a_bounded_depth() -> None:
    deep = "INTEGER"
    for _ in range(9):
        deep = f"STRUCT(a {deep}, b INTEGER)"

    assert names(deep, deep)[:3] == ["field a.a.a.b", "field a.a.b", "field a.b"]


def test_parts_read_fields_with_hostile_names(engine: LocalEngine) -> None:
    engine.connection.execute("""create table "t t" as select {'a"b''c': 1, 'select': ['x', 'y']} as "q""uo'te" """)
    relation = Relation.table("t t")
    (column,) = engine.columns(relation)
    type_ = parse_type(column.type)
    parts = list(parts_of(type_, type_, '"q""uo\'te"', '"q""uo\'te"'))

    found = parts_relation(relation, [part.left_sql for part in parts], ("q\"uo'te",))

    assert engine.connection.execute(f"select part_0, part_1 from {found.sql}").fetchall() == [(1, 2)]


@pytest.mark.parametrize(
    ("left", "right", "meet"),
    [
        ("INTEGER[]", "DOUBLE[3]", True),
        ("INTEGER[]", "VARCHAR[]", False),
        ("INTEGER[]", "MAP(INTEGER, INTEGER)", False),
        ("MAP(VARCHAR, INTEGER)", "MAP(VARCHAR, DOUBLE)", True),
        ("MAP(VARCHAR, INTEGER)", "MAP(INTEGER, INTEGER)", False),
        ("STRUCT(a INTEGER, b INTEGER)", "STRUCT(A BIGINT, c INTEGER)", True),
        ("STRUCT(a INTEGER)", "STRUCT(a VARCHAR)", False),
        ("BLOB", "BLOB", True),
        ("BLOB", "INTERVAL", False),
        ("INTEGER[][]", "INTEGER[]", False),
    ],
)
def test_types_meet_when_something_in_them_can_be_compared(left: str, right: str, meet: bool) -> None:
    assert types_meet(parse_type(left), parse_type(right)) is meet
    assert types_meet(parse_type(right), parse_type(left)) is meet
