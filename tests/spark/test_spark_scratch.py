"""Temporary tables of an engine on Spark: written once, in a schema that ends with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from warehouse.engine.spark import SparkEngine
from warehouse.engine.spark_opening import spark_engine
from warehouse.engine.spark_schemas import drop_schemas
from warehouse.engine.spark_scratch import ScratchTables, drop_dead_scratch, is_dead_scratch
from warehouse.errors import QueryError
from warehouse.project import Project
from warehouse.retention import clean_up
from warehouse.sql import Query, Relation, Step
from warehouse.statistics.session_tables import SessionTables

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def there(spark_project: Project) -> Iterator[SparkEngine]:
    with spark_engine(spark_project) as engine:
        yield engine


def asked(text: str, **parameters: Any) -> Query:
    return Query.of(Step("answers", text), **parameters)


def scratch_schemas(spark: Any) -> set[str]:
    return {str(row[0]) for row in spark.sql("show schemas").collect() if str(row[0]).startswith("scratch_")}


def test_a_schema_is_made_when_first_needed_and_dropped_in_the_end(spark: Any, spark_project: Project) -> None:
    before = scratch_schemas(spark)
    with spark_engine(spark_project, schemas={"main": "b1_main"}) as engine:
        assert engine.rows(asked("select 1 as a")) == [{"a": 1}]
        assert scratch_schemas(spark) == before

        engine.rows(asked("select 1 as a").kept_as('"mine"'))

        (made,) = scratch_schemas(spark) - before
        assert datetime.strptime(made[8:24], "%Y%m%dt%H%M%Sz").replace(tzinfo=UTC) <= datetime.now(UTC)
        assert engine.rows(asked("select a from temp.mine")) == [{"a": 1}]
    assert scratch_schemas(spark) == before


def test_an_error_drops_the_schema_too(spark: Any, spark_project: Project) -> None:
    before = scratch_schemas(spark)

    def fail() -> None:
        with spark_engine(spark_project) as engine:
            engine.rows(asked("select 1 as a").kept_as('"mine"'))
            engine.rows(asked("select * from nowhere"))

    with pytest.raises(QueryError, match="nowhere"):
        fail()
    assert scratch_schemas(spark) == before


def test_a_table_is_computed_once(there: SparkEngine) -> None:
    rows = " union all ".join(f"select {place} as i" for place in range(5))
    there.rows(asked(f"select i, row_number() over () as n from ({rows}) as r").kept_as("numbered"))
    there.rows(asked("select n from numbered where i > 2").kept_as("later"))
    there.rows(asked("select 7 as n").kept_as("numbered"))

    # A view would be empty by now, or another.
    assert len(there.rows(asked("select n from later"))) == 2
    assert there.rows(asked("select n from numbered")) == [{"n": 7}]


def test_a_table_may_be_made_of_the_one_that_it_replaces(there: SparkEngine) -> None:
    there.rows(asked("select 1 as a").kept_as('"mine"'))
    there.rows(asked('select a + 1 as a from temp."mine"').kept_as('"mine"'))

    assert there.rows(asked('select "Mine".a from temp."Mine"')) == [{"a": 2}]


def test_rows_are_added_to_a_table_also_from_itself(there: SparkEngine) -> None:
    with SessionTables(there, "mine") as tables:
        table = tables.create("rows", asked("select 0 as a, '' as b where false"))
        assert tables.insert(table, asked("select 1 as a, 'x' as b union all select 2, null")) == 2
        more = Query.of(Step("doubled", f"select a * 2 as a, b from {table}"), Step("more", "select * from doubled"))
        assert tables.insert(table, more) == 2
        assert tables.insert(table, asked("select 1 as a, 'y' as b where false")) == 0

        found = there.rows(asked(f"select a, b from {table} order by a, b"))

        assert [tuple(row.values()) for row in found] == [(1, "x"), (2, "x"), (2, None), (4, None)]
        assert tables.count(table) == 4
        assert {column.name: column.type for column in there.columns(Relation(table, "mine"))} == {
            **{"a": "INTEGER", "b": "VARCHAR"}
        }

    with pytest.raises(QueryError, match="mine_rows"):
        there.rows(asked(f"select a from {table}"))


def test_a_step_of_a_query_hides_a_table_of_its_name(there: SparkEngine) -> None:
    there.rows(asked("select 1 as a").kept_as("mine"))
    query = Query.of(
        Step("before", "select mine.a from mine"),
        Step("mine", "select 2 as a"),
        Step(
            "answers",
            "select mine.a as hidden, t.a as kept, before.a as earlier "
            "from mine cross join temp.mine as t cross join before",
        ),
    )

    assert there.rows(query) == [{"hidden": 2, "kept": 1, "earlier": 1}]
    assert there.rows(asked("select mine.a from temp.mine")) == [{"a": 1}]


def test_rows_are_not_added_to_what_is_no_table(there: SparkEngine) -> None:
    with pytest.raises(QueryError, match="there is no table mine"):
        there.rows(asked("insert into mine select 1 as a"))


def test_only_scratch_schemas_older_than_a_day_are_dead() -> None:
    day = timedelta(days=1)
    assert is_dead_scratch("scratch_20260102t030405z_0123abcd", now=NOW + day + timedelta(seconds=1))
    assert not is_dead_scratch("scratch_20260102t030405z_0123abcd", now=NOW + day)
    for other in ("scratch", "scratch_20260102t030405z", "scratch_20269902t030405z_0123abcd", "b20260102t030405z_main"):
        assert not is_dead_scratch(other, now=NOW + 9 * day)
    assert not is_dead_scratch("my_scratch_20260102t030405z_0123abcd_x", now=NOW + 9 * day)


def test_what_dead_processes_left_is_dropped_and_nothing_else(spark: Any, spark_project: Project) -> None:
    left, young = ScratchTables(spark, started_at=NOW), ScratchTables(spark, started_at=NOW + timedelta(days=1))
    for tables in (left, young):
        tables.create("mine", "select 1 as a")
    drop_schemas(spark, ["scratch_of_somebody"])
    spark.sql("create schema scratch_of_somebody")

    found = drop_dead_scratch(spark, now=NOW + timedelta(days=1, hours=1))

    assert found == (left.schema,)
    assert scratch_schemas(spark) >= {young.schema, "scratch_of_somebody"}
    assert left.schema not in scratch_schemas(spark)

    # So does a clean-up, of which a dry run only looks.
    clean_up(spark_project, now=NOW + timedelta(days=9), dry_run=True)
    assert young.schema in scratch_schemas(spark)
    clean_up(spark_project, now=NOW + timedelta(days=9))
    assert scratch_schemas(spark) & {young.schema, "scratch_of_somebody"} == {"scratch_of_somebody"}
    drop_schemas(spark, ["scratch_of_somebody"])
