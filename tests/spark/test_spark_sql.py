"""Spark's table: every entry gives what DuckDB gives, and what has no entry is refused by name."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import spark_grouped_vectors
import spark_nested_vectors
import spark_vectors
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spark_vectors import HASHES

from warehouse.engine.base import Engine
from warehouse.engine.local import LocalEngine
from warehouse.engine.spark import SparkEngine
from warehouse.engine.spark_functions import FUNCTIONS, OPERATORS, VARIADIC
from warehouse.engine.spark_sql import spark_statement
from warehouse.engine.spark_values import spark_literal
from warehouse.errors import QueryError
from warehouse.sql import Query, Relation, Step
from warehouse.storage import connect

_ALL = (spark_vectors, spark_nested_vectors, spark_grouped_vectors)
EXPRESSIONS = {name: vectors for each in _ALL for name, vectors in each.EXPRESSIONS.items()}
AGGREGATES = {**spark_vectors.AGGREGATES, **spark_grouped_vectors.AGGREGATES}
STATEMENTS = {name: vector for each in _ALL for name, vector in each.STATEMENTS.items()}
REFUSED = {name: reason for each in _ALL for name, reason in each.REFUSED.items()}


@pytest.fixture(params=["duckdb", "spark"])
def either(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Both engines, in turn."""
    if request.param == "spark":
        yield request.getfixturevalue("there")
        return
    with connect(None) as connection:
        yield LocalEngine(connection)


def plain(value: Any) -> Any:
    """The value so that it compares: NaN equals itself, whole numbers of any type are one."""
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    return value


def asked(engine: Engine, text: str, **parameters: Any) -> list[tuple[Any, ...]]:
    rows = engine.rows(Query.of(Step("vector", text), **parameters))
    return [tuple(map(plain, row.values())) for row in rows]


def test_every_entry_has_vectors() -> None:
    known = {*EXPRESSIONS, *AGGREGATES, *STATEMENTS}
    # A hash of Spark's own: what it says of equality is in HASHES.
    assert {*FUNCTIONS, *VARIADIC, *OPERATORS} - {"hash"} <= known


def test_expressions_give_the_same_on_both_engines(either: Engine) -> None:
    for vectors in EXPRESSIONS.values():
        terms = ", ".join(f"{expression} as v{place}" for place, (expression, _) in enumerate(vectors))
        (values,) = asked(either, f"select {terms}")
        found = {expression: value for (expression, _), value in zip(vectors, values, strict=True)}
        assert found == {expression: plain(value) for expression, value in vectors}


def test_aggregates_give_the_same_on_both_engines(either: Engine) -> None:
    for vectors in AGGREGATES.values():
        for expression, rows, expected in vectors:
            ((value,),) = asked(either, f"select {expression} as v from {rows} as r")
            if isinstance(expected, float) and math.isfinite(expected):
                assert value == pytest.approx(expected, rel=1e-14), expression
            else:
                assert value == plain(expected), expression


def test_statements_give_the_same_on_both_engines(either: Engine) -> None:
    for name, (statement, expected) in STATEMENTS.items():
        parameters = {"values": [2.0, 1.5]} if "$values" in statement else {}
        assert asked(either, statement, **parameters) == [tuple(map(plain, row)) for row in expected], name


def test_hashes_are_equal_where_values_are_and_nowhere_else(either: Engine) -> None:
    terms = (f"hash({left}) = hash({right}) as v{place}" for place, (left, right, _) in enumerate(HASHES))
    (found,) = asked(either, f"select {', '.join(terms)}")

    wrong = [(left, right) for (left, right, is_equal), answer in zip(HASHES, found, strict=True) if answer != is_equal]
    assert wrong == []


def test_hashes_are_whole_numbers_that_are_not_negative(either: Engine) -> None:
    rows = " union all ".join(f"select {i} as x, case when {i} % 3 > 0 then 't' end as t" for i in range(40))
    text = f"select count(distinct hash(x, t)) as n, min(hash(x, t)) >= 0 as is_fine from ({rows}) as r"

    assert asked(either, text) == [(40, True)]


def test_lists_of_values_are_searched_and_nulls_stay_nulls(either: Engine) -> None:
    text = "select x in (select unnest($values)) as found from (select 'a' as x union all select 'é\\') as t order by x"

    assert asked(either, text, values=["é\\", "b"]) == [(False,), (True,)]
    assert asked(either, text, values=[]) == [(False,), (False,)]


@pytest.mark.parametrize("edges", [[2.0], [-1.5, 2.0, 2.5], [float(edge) / 7 for edge in range(401)]])
def test_histograms_count_what_lies_up_to_each_edge(either: Engine, edges: list[float]) -> None:
    numbers = " union all ".join(f"select {value}::double as n" for value in (-1.5, "-0.0", 0, 2, 2, 1.9999, 0.5))
    query = Query.of(
        Step("numbers", f"{numbers} union all select null"),
        Step("histograms", "select histogram(n, $edges) as h, avg(n / $scale) as mean, count(n) as c from numbers"),
        edges=edges,
        scale=4.0,
    )

    (row,) = either.rows(query)

    values = [-1.5, 0.0, 0.0, 2.0, 2.0, 1.9999, 0.5]
    bins = [next((edge for edge in edges if value <= edge), None) for value in values]
    counted = {edge: bins.count(edge) for edge in bins if edge is not None}
    assert {edge: count for edge, count in row["h"].items() if count and edge in edges} == counted
    assert row["c"] == 7
    assert row["mean"] == pytest.approx(sum(values) / 28)


@pytest.mark.parametrize("statement", REFUSED)
def test_what_is_not_in_the_table_is_refused_by_name(statement: str) -> None:
    with pytest.raises(QueryError, match="not available on Spark") as caught:
        spark_statement(Query.of(Step("asked", statement)), schemas={"marts": "b1_marts"})

    assert REFUSED[statement].lower() in str(caught.value).lower()
    assert caught.value.step == "asked"


def test_what_is_no_sql_is_an_error_of_the_query() -> None:
    with pytest.raises(QueryError, match="cannot be read for Spark"):
        spark_statement(Query.of(Step("asked", "select (1")), schemas={})


VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**100), 2**100)
    | st.floats()
    | st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20)
    | st.sampled_from(["${x}", "\\", "'", "\\'", "`", "--", "/*", ";", "%s", "$a", "\\u0041"])
    | st.dates(date(1, 1, 1))
    | st.datetimes(datetime(1, 1, 1))
    | st.decimals(allow_nan=False, allow_infinity=False, places=5, min_value=-(10**12), max_value=10**12)
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(VALUES, min_size=5, max_size=20))
def test_any_value_of_a_parameter_arrives_as_it_is(there: SparkEngine, values: list[Any]) -> None:
    parameters = {f"p{place}": value for place, value in enumerate(values)}
    terms = ", ".join(f"${name} as {name}" for name in parameters)

    (row,) = there.rows(Query.of(Step("values", f"select {terms}"), **parameters))

    for found, value in zip(row.values(), values, strict=True):
        assert plain(found) == plain(value)
        if isinstance(value, float) and not math.isnan(value):
            assert math.copysign(1, found) == math.copysign(1, value)


def test_parameters_of_other_kinds() -> None:
    import numpy as np

    assert spark_literal([1, -2.5, "a"]) == "array(1, (-2.5D), 'a')"
    assert spark_literal(np.int64(7)) == "7"
    assert spark_literal(UUID(int=1)) == "'00000000-0000-0000-0000-000000000001'"
    assert spark_literal(datetime(2013, 1, 1, tzinfo=UTC)) == "timestamp_ltz'2013-01-01 00:00:00Z'"
    assert spark_literal(b"\x00\xff") == "x'00ff'"
    with pytest.raises(QueryError, match=r"\$p: values of type set"):
        spark_statement(Query.of(Step("asked", "select $p as p"), p={1}), schemas={})


def test_a_builds_tables_are_read_from_its_schemas() -> None:
    query = Query.of(Step("asked", f"select x from {Relation.table('warehouse', 'marts', 'fct `x`').sql} as t"))

    statement = spark_statement(query, schemas={"marts": "b20261128t1015_marts"})

    assert statement.sql == "select `x` from `b20261128t1015_marts`.`fct ``x```" + " as `t`"
