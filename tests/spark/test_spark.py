"""The Spark engine: what it reads, how it answers, and how it fails."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from warehouse.engine.base import Column
from warehouse.engine.spark import SparkEngine
from warehouse.engine.spark_opening import spark_engine
from warehouse.errors import QueryError
from warehouse.project import Project
from warehouse.sql import Query, Relation, Step
from warehouse.storage import connect


@pytest.fixture(scope="module")
def there(spark_project: Project) -> Iterator[SparkEngine]:
    with spark_engine(spark_project, schemas={"marts": "b1_marts"}) as engine:
        yield engine


def asked(text: str, **parameters: Any) -> Query:
    return Query.of(Step("answers", text), **parameters)


def test_columns_have_duckdbs_names_of_types(there: SparkEngine) -> None:
    there.session.sql("create schema if not exists b1_marts")
    there.session.sql(
        """create or replace temporary view typed as select true as a, cast(1 as tinyint) as b,
        cast(1 as smallint) as c, 1 as d, 1L as e, cast(1 as decimal(18, 3)) as f, cast(1 as float) as g, 1D as h,
        'x' as i, date'2013-01-01' as j, timestamp_ntz'2013-01-01 00:00:00' as k,
        timestamp_ltz'2013-01-01 00:00:00Z' as l, x'00' as m, array(1.5D) as n,
        named_struct('p q', 1, 'r', 'x') as o, map('k', 1L) as s"""
    )

    found = {column.name: column.type for column in there.columns(Relation.table("typed"))}

    assert found == {
        "a": "BOOLEAN",
        "b": "TINYINT",
        "c": "SMALLINT",
        "d": "INTEGER",
        "e": "BIGINT",
        "f": "DECIMAL(18,3)",
        "g": "FLOAT",
        "h": "DOUBLE",
        "i": "VARCHAR",
        "j": "DATE",
        "k": "TIMESTAMP",
        "l": "TIMESTAMP WITH TIME ZONE",
        "m": "BLOB",
        "n": "DOUBLE[]",
        "o": 'STRUCT("p q" INTEGER, r VARCHAR)',
        "s": "MAP(VARCHAR, BIGINT)",
    }
    (row,) = there.rows(asked("select k, l, m, n, s from typed"))
    assert row["k"] == datetime(2013, 1, 1)
    assert row["l"] == datetime(2013, 1, 1, tzinfo=UTC)
    assert (row["m"], row["n"], row["s"]) == (b"\x00", [1.5], {"k": 1})


def test_a_builds_table_is_read_by_its_name_in_the_warehouse(there: SparkEngine) -> None:
    there.session.sql("create schema if not exists b1_marts")
    there.session.sql("create table b1_marts.fct_x using parquet as select 7 as `a b`")
    relation = Relation.table("warehouse", "marts", "fct_x")

    assert there.columns(relation) == (Column("a b", "INTEGER"),)
    assert there.rows(asked(f'select "a b" + $more as n from {relation.sql}', more=1)) == [{"n": 8}]
    there.session.sql("drop table b1_marts.fct_x")


def test_files_are_read_by_the_names_of_their_columns(there: SparkEngine, tmp_path: Path) -> None:
    paths = [str(tmp_path / "a 1.parquet"), str(tmp_path / "x=3.parquet")]
    with connect(None) as connection:
        connection.execute(f"copy (select 1 as a, 'x' as b) to '{paths[0]}'")
        connection.execute(f"copy (select 'y' as b, 2 as a) to '{paths[1]}'")

    files = Relation.parquet(paths, name="files")

    assert there.rows(asked(f"select a, b from {files.sql} order by a")) == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


def test_columns_of_numbers_are_arrays_of_ones_own(there: SparkEngine) -> None:
    query = asked("select 1.5::double as a, cast('nan' as double) as b union all select 2.5::double, 1.0::double")

    first, second = there.number_columns(query)

    assert sorted(first.tolist()) == [1.5, 2.5]
    assert np.isnan(second).sum() == 1
    first[0] = 7.0
    assert there.numbers(asked("select 1.0::double as a where false")).tolist() == []


def test_batches_are_of_the_size_that_was_asked_for(there: SparkEngine) -> None:
    text = " union all ".join(f"select {place} as i" for place in range(7))
    query = asked(f"select i from ({text}) as n order by i")

    found = [batch.to_pydict()["i"] for batch in there.batches(query, row_count=3)]

    assert found == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(there.batches(asked("select 1 as i where false"), row_count=3).read_all().schema.names) == ["i"]


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("select missing from (select 1 as a) as t", "missing"),
        ("select 1 from nowhere", "nowhere"),
        ("select cast(t as bigint) as n from (select 'abc' as t) as t", "abc"),
    ],
)
def test_what_spark_refuses_is_an_error_of_the_query(there: SparkEngine, statement: str, reason: str) -> None:
    with pytest.raises(QueryError, match=reason) as caught:
        there.rows(asked(statement))

    assert caught.value.step == "answers"
    assert "JVM" not in str(caught.value)
