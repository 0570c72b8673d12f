"""Run suites on a build that lies on Spark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from warehouse.build_tables import check_is_there
from warehouse.engine.spark_errors import spark_errors
from warehouse.engine.spark_schemas import run
from warehouse.engine.spark_session import connect_spark
from warehouse.engine.spark_values import spark_identifier
from warehouse.errors import ValidationError, problem_list
from warehouse.project import Project
from warehouse.published import BuildFiles, read_spark_place
from warehouse.storage import held_open
from warehouse.validation.results import SuiteResult, ValidationResult
from warehouse.validation.running import evaluate_suites, make_datasource
from warehouse.validation.suites import Suite, check_against_tables

NOT_ON_SPARK = {
    "expect_column_values_to_be_json_parseable": "Spark's readers of JSON take what is none; use "
    "expect_column_values_to_match_regex for what must be there",
    "expect_column_values_to_match_strftime_format": "Spark reads times by other patterns; use "
    "expect_column_values_to_match_regex, or make a timestamp of it in the model",
}
"""Expectations that would find something else on Spark than on DuckDB, and what to use instead."""
SCHEMA = "main"
"""Suites are about tables of this schema, as in DuckDB."""


def run_spark_suites(
    project: Project,
    files: BuildFiles,
    suites: Sequence[Suite],
    *,
    session: Any = None,
    examples: int = 5,
    skip_missing: bool = False,
    on_suite: Callable[[SuiteResult], None] | None = None,
) -> ValidationResult:
    """What all expectations of these suites find on this build, in the caller's session or in one of its own.

    Queries in suites run as they are written, with the build's schema for `main`.

    Raises:
        ValidationError: a suite names a table or column that the build does not have; lists all of them.
        StorageError: nobody answers on the cluster, its tables are gone, or the build's file cannot be read.
    """
    place = read_spark_place(files)
    if not suites:
        return ValidationResult(database_path=files.content_path, suites=(), seconds=0.0)
    own = session is None
    session = session or connect_spark(project)
    try:
        with held_open(files.content_path):
            check_is_there(session, files, place)
            return validate_schema(
                session, place.schemas[SCHEMA], suites, files, examples, skip_missing=skip_missing, on_suite=on_suite
            )
    finally:
        if own:
            session.stop()


def validate_schema(
    session: Any,
    schema: str,
    suites: Sequence[Suite],
    files: BuildFiles,
    examples: int,
    *,
    skip_missing: bool = False,
    on_suite: Callable[[SuiteResult], None] | None = None,
) -> ValidationResult:
    """The same of the tables of one schema of the catalog."""
    _refuse_unknown(suites)
    from warehouse.validation import gx

    gx.load()
    from warehouse.validation.spark_dialect import spark_columns, spark_engine_on

    statement = f"show tables in {spark_identifier(schema)}"
    frame = run(session, statement)
    with spark_errors(statement):
        tables = [row.tableName for row in frame.collect()]
    wanted = {suite.table.lower() for suite in suites}
    columns_of = {
        table: [name for name, _ in spark_columns(session, f"{spark_identifier(schema)}.{spark_identifier(table)}")]
        if table.lower() in wanted
        else []
        for table in tables
    }
    checked = check_against_tables(suites, columns_of, skip_missing=skip_missing)
    datasource = make_datasource(schema)
    return evaluate_suites(
        checked,
        datasource.bind(spark_engine_on(session, {SCHEMA: schema})),
        examples=examples,
        path=files.content_path,
        on_suite=on_suite,
    )


def _refuse_unknown(suites: Sequence[Suite]) -> None:
    problems = [
        f"{suite.path.name}:{expectation.line} {expectation.type}: {NOT_ON_SPARK[expectation.type]}"
        for suite in suites
        for expectation in suite.expectations
        if expectation.type in NOT_ON_SPARK
    ]
    if problems:
        raise ValidationError(problem_list("expectations that cannot be evaluated on Spark as on DuckDB:", problems))
