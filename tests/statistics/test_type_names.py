"""What may stand in a statement as a type although others wrote it."""

from __future__ import annotations

import duckdb
import pytest

from warehouse.statistics.type_names import is_type_name


def test_every_type_of_duckdb_is_one() -> None:
    with duckdb.connect() as connection:
        types = {str(type_) for type_ in connection.sql("select * from test_all_types()").types}
        types |= {
            str(type_)
            for type_ in connection.sql("""
                select row(1, timestamptz '2026-01-01'), {'a b': 1, 'c"d': [[1]]}, map {'a': {'x': [1.5]::double[1]}},
                    'a'::enum('a', 'b''c', 'd, e)'), union_value("x y" := '10:00'::timetz), {'名': 1}
            """).types
        }

    assert {type_ for type_ in types if not is_type_name(type_)} == set()
    assert len(types) > 40


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "5", "'x'", "a.b", "a b", "INTEGER as x", "INTEGER; drop table x", "INTEGER--", "INTEGER /* */"),
        *("VARCHAR) from read_text('/etc/passwd')", "VARCHAR, (select 1)", "VARCHAR from x", "VARCHAR collate nocase"),
        *(
            "STRUCT(a INTEGER",
            "STRUCT(a INTEGER))",
            "STRUCT()",
            "STRUCT(a b c)",
            "MAP(INTEGER,)",
            "INTEGER[",
            "INTEGER]",
        ),
        *(
            "INTEGER[x]",
            "INTEGER[1, 2]",
            "DECIMAL(1,)",
            "DECIMAL()",
            "ENUM('a', select)",
            "ENUM('a",
            "TIMESTAMP WITH TIME",
        ),
        *('"a', "STRUCT(a " * 5000, "MAP(" * 5000 + "INTEGER" + ")" * 5000, "INTEGER\0"),
    ],
)
def test_nothing_else_is(text: str) -> None:
    assert not is_type_name(text)
