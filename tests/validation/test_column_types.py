"""DuckDB's type names as classes."""

from __future__ import annotations

import pytest

from warehouse.validation.column_types import TypeModule, column_type, type_problem


@pytest.mark.parametrize(
    ("actual", "named", "is_kind"),
    [
        ("INTEGER", "int", True),
        ("BIGINT", "INTEGER", False),
        ("DECIMAL(12,2)", "DECIMAL", True),
        ("DECIMAL(12,2)", "numeric(12, 2)", True),
        ("DECIMAL(12,2)", "DECIMAL(12,3)", False),
        ("DECIMAL", "DECIMAL(12,2)", False),
        ("VARCHAR[]", "LIST", True),
        ("VARCHAR[]", "text[]", True),
        ("VARCHAR[][]", "VARCHAR[]", False),
        ("INTEGER[3]", "LIST", True),
        ("STRUCT(a INTEGER)", "STRUCT", True),
        ("STRUCT(a INTEGER)[]", "STRUCT", False),
        ("TIMESTAMP WITH TIME ZONE", "timestamptz", True),
        ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP", False),
        ("ENUM('a', 'B')", "enum", True),
        ("DOUBLE", "FLOAT", False),
    ],
)
def test_type_is_a_kind_of_its_family(actual: str, named: str, is_kind: bool) -> None:
    assert isinstance(column_type(actual)(), getattr(TypeModule("types"), named)) is is_kind


def test_name_that_duckdb_does_not_have_is_told_with_a_suggestion() -> None:
    assert type_problem("INTGER") == "'INTGER' is not a type of DuckDB; did you mean 'INTEGER'?"
    assert type_problem("decimal(5,2)") is None
    assert not hasattr(TypeModule("types"), "INTGER")
