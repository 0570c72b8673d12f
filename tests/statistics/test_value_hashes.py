"""Hashes of values differ where the values do, also within nested ones, and nowhere else."""

from __future__ import annotations

from itertools import combinations

import pytest

from warehouse.engine.local import LocalEngine
from warehouse.sql import Relation
from warehouse.statistics.value_hashes import row_hash_sql

DIFFERENT = {
    "INTEGER[]": ["null", "[]", "[null]", "[null, null]", "[1]", "[1, null]", "[null, 1]", "[1, 1]"],
    "INTEGER[][]": ["null", "[]", "[[]]", "[null]", "[[1, 2]]", "[[1], [2]]", "[[1], [2], []]", "[[], [1], [2]]"],
    "DOUBLE[]": ["null", "[]", "[null]", "[0]", "[0, null]", "[0.5]"],
    "FLOAT[2]": ["null", "[null, null]", "[0, null]", "[null, 0]", "[1, 0]"],
    "VARCHAR[]": ["null", "['null']", "[null]", "['NULL']", "['a, b']", "['a', 'b']", "['']", "[]"],
    "STRUCT(a INTEGER, b INTEGER)": ["null", "{'a': null, 'b': null}", "{'a': 1, 'b': null}", "{'a': null, 'b': 1}"],
    "MAP(VARCHAR, INTEGER[])": ["null", "map {}", "map {'a': null}", "map {'a': []}", "map {'a': [null]}"],
    "VARCHAR": ["null", "''", "'-0.0'", "'0.0'"],
}
EQUAL = {
    "DOUBLE": ["0.0", "-0.0"],
    "DOUBLE[]": ["[0.0::double, 'nan'::double]", "[-0.0::double, 'nan'::double]"],
    "DOUBLE[][]": ["[[0.0], [-1.5]]", "[[-0.0], [-1.5]]"],
    "STRUCT(a FLOAT)": ["{'a': 0.0}", "{'a': -0.0}"],
}


def hashes(engine: LocalEngine, type_name: str, values: list[str]) -> list[int]:
    rows = " union all ".join(f"select {i} as i, ({value})::{type_name} as v" for i, value in enumerate(values))
    relation = Relation(f"({rows})", "values")
    (_, column) = engine.columns(relation)
    hashed = row_hash_sql([("v", column.type), ("1", "INTEGER")])
    return [row[0] for row in engine.connection.execute(f"select {hashed} from {relation.sql} order by i").fetchall()]


@pytest.mark.parametrize("type_name", DIFFERENT)
def test_different_values_have_different_hashes(engine: LocalEngine, type_name: str) -> None:
    values = DIFFERENT[type_name]

    found = dict(zip(values, hashes(engine, type_name, values), strict=True))

    assert [pair for pair in combinations(values, 2) if found[pair[0]] == found[pair[1]]] == []


@pytest.mark.parametrize("type_name", EQUAL)
def test_equal_values_have_one_hash(engine: LocalEngine, type_name: str) -> None:
    assert len(set(hashes(engine, type_name, EQUAL[type_name]))) == 1


def test_of_nothing_there_is_a_constant() -> None:
    assert row_hash_sql([]) == "0"
