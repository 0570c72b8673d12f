"""Every expectation that GX has for SQL finds on Spark what it finds on DuckDB, on rows that pass and that fail."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

sys.path.append(str(Path(__file__).parents[1] / "validation"))

from expectation_cases import CASES, HOSTILE, TABLES, Case, suites_of

from warehouse.errors import ValidationError
from warehouse.findings import Severity
from warehouse.published import BuildFiles
from warehouse.validation import Expectation, ExpectationResult, Suite, run_suites
from warehouse.validation.spark_running import NOT_ON_SPARK, validate_schema

pytestmark = pytest.mark.slow

SCHEMA = "cases_main"
NAMES = {HOSTILE: "weird_table"}
"""Spark's own catalogs take no such name of a table; columns may be called anything."""

CASES_THERE = [(position, case) for position, case in enumerate(CASES) if case.type not in NOT_ON_SPARK]


@pytest.fixture(scope="module")
def found(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[ExpectationResult, ...]]:
    """The results on DuckDB and on Spark of every case, by its position."""
    folder = tmp_path_factory.mktemp("cases")
    path = folder / "cases.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(TABLES)
        # Spark has no integers of 128 bits.
        connection.execute("alter table facts alter big type decimal(38, 0)")
        spark.sql(f"create schema {SCHEMA}")
        for (table,) in connection.execute("select table_name from information_schema.tables").fetchall():
            name = NAMES.get(table, table)
            file = folder / f"{name}.parquet"
            quoted = '"' + table.replace('"', '""') + '"'
            connection.execute(f"copy {quoted} to '{file}'")
            spark.sql(f"create table {SCHEMA}.{name} using parquet location '{file}'")
    suites = list(suites_of(CASES_THERE))
    there = [replace(suite, table=NAMES.get(suite.table, suite.table)) for suite in suites]
    files = BuildFiles(id="20260101T000000Z", path=folder)
    results = (
        run_suites(path, suites, examples=10),
        validate_schema(spark, SCHEMA, there, files, 10),
    )
    by_line: list[dict[int, ExpectationResult]] = [
        {each.line: each for suite in result.suites for each in suite.expectations} for result in results
    ]
    return {position: tuple(lines[position] for lines in by_line) for position, _ in CASES_THERE}


@pytest.mark.parametrize(("position", "case"), CASES_THERE, ids=[case.name for _, case in CASES_THERE])
def test_expectation_finds_on_spark_what_it_finds_on_duckdb(
    found: dict[int, tuple[ExpectationResult, ...]], position: int, case: Case
) -> None:
    local, spark = found[position]
    assert spark.error is None, spark.error
    assert facts(spark) == facts(local)
    assert sorted(spark.examples, key=repr) == sorted(local.examples, key=repr)


def facts(result: ExpectationResult) -> dict[str, Any]:
    return {
        name: getattr(result, name)
        for name in (
            "success",
            "observed",
            "row_count",
            "null_count",
            "unexpected_count",
            "unexpected_share",
            "details",
        )
    }


@pytest.mark.parametrize("type_name", NOT_ON_SPARK)
def test_what_would_find_something_else_is_refused_by_name(spark: Any, type_name: str) -> None:
    position, case = next((position, case) for position, case in enumerate(CASES) if case.type == type_name)
    expectation = Expectation(
        type=type_name,
        arguments=case.arguments,
        severity=Severity.CRITICAL,
        reason="known",
        path=Path("facts.yml"),
        line=position,
    )
    suite = Suite(name="facts", table="facts", path=Path("facts.yml"), expectations=(expectation,))
    files = BuildFiles(id="20260101T000000Z", path=Path("nowhere"))

    with pytest.raises(ValidationError, match=f"facts.yml:{position} {type_name}: Spark"):
        validate_schema(spark, SCHEMA, [suite], files, 1)
