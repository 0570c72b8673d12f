from __future__ import annotations

from pathlib import Path

import pytest

from warehouse import storage
from warehouse.engine.base import Column
from warehouse.engine.local import LocalEngine
from warehouse.errors import ProjectError, QueryError
from warehouse.sql import Query, Relation, Step, identifier, literal

HOSTILE = ['a"b', "a b", "select", "é", "Capital", "'; drop table x; --", "名前", "rows"]


@pytest.fixture
def engine() -> LocalEngine:
    return LocalEngine(storage.connect(None))


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_can_be_a_table_and_a_column(engine: LocalEngine, name: str) -> None:
    relation = Relation.table(name)
    engine.connection.execute(f"create table {relation.sql} ({identifier(name)} integer)")

    assert engine.columns(relation) == (Column(name, "INTEGER"),)
    assert relation.name == name


@pytest.mark.parametrize("value", HOSTILE)
def test_a_literal_is_its_text(engine: LocalEngine, value: str) -> None:
    assert engine.rows(Query.of(Step("value", f"select {literal(value)} as value"))) == [{"value": value}]


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_names_that_no_engine_stores_are_refused(name: str) -> None:
    with pytest.raises(ProjectError):
        identifier(name)


def test_steps_read_each_other_and_bind_values(engine: LocalEngine) -> None:
    query = Query.of(
        Step("number", "select unnest([1, 2, 3]) as n"),
        Step("large", "select n from number where n >= $least"),
        least=2,
    )

    assert query.name == "large"
    assert engine.rows(query) == [{"n": 2}, {"n": 3}]


def test_a_refused_statement_names_its_step_and_hides_its_values(engine: LocalEngine) -> None:
    with pytest.raises(QueryError, match="query 'bad' failed") as caught:
        engine.rows(Query.of(Step("bad", "select missing, $value"), value="secret"))

    assert "secret" not in str(caught.value)
    assert "select missing" in caught.value.statement


@pytest.mark.parametrize("name", ["plain", "with space", "star*", "q?", "set[1]", "quote'"])
def test_parquet_paths_are_never_patterns(engine: LocalEngine, tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.parquet"
    engine.connection.execute("copy (select 1 as n) to $path (format parquet)", {"path": str(path)})
    engine.connection.execute(
        "copy (select 2 as n) to $path (format parquet)", {"path": str(tmp_path / "star1.parquet")}
    )

    relation = Relation.parquet([str(path)], name="data")

    assert engine.rows(Query.of(Step("n", f"select n from {relation.sql}"))) == [{"n": 1}]


def test_a_line_break_in_a_name_or_a_value_stays_as_it_is(engine: LocalEngine) -> None:
    name = "two\n  lines"
    engine.connection.execute(f"create table t as select 1 as {identifier(name)}")

    query = Query.of(
        Step("first", f"select {identifier(name)}, 'a\n  b' as text from t"),
        Step("second", f"select {identifier(name)}, text from first"),
    )

    assert engine.rows(query) == [{name: 1, "text": "a\n  b"}]


def test_an_answer_can_be_kept_with_its_values_bound(engine: LocalEngine) -> None:
    query = Query.of(Step("numbers", "select $n as n"), Step("doubled", "select 2 * n as n from numbers"), n=21)

    engine.rows(query.kept_as(identifier("an answer")))

    assert engine.rows(Query.of(Step("kept", 'select n from "an answer"'))) == [{"n": 42}]
