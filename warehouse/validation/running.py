"""Run suites on a database, read-only.

All expectations of a suite are evaluated together, so that GX asks for most facts in one scan. What fails then gets its
example rows with one query of our own each; what holds costs nothing more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from warehouse.errors import ValidationError
from warehouse.project import Project
from warehouse.published import BuildFiles
from warehouse.storage import attach_read_only, connect, look_into
from warehouse.validation.results import SuiteResult, ValidationResult
from warehouse.validation.suites import Suite, check_against_database

DATASOURCE = "warehouse"
"""What expectations that compare queries call this database."""


def run_suites(
    database_path: Path,
    suites: Sequence[Suite],
    *,
    memory_limit: str = "2GB",
    threads: int = 0,
    temporary_path: Path | None = None,
    examples: int = 5,
    skip_missing: bool = False,
    attached: Mapping[str, Path] | None = None,
    on_suite: Callable[[SuiteResult], None] | None = None,
) -> ValidationResult:
    """What all expectations of these suites find on this DuckDB file, which is opened read-only.

    `examples` is how many failing rows to keep for each expectation; 0 asks for none. `skip_missing` leaves out suites
    whose table the file does not have. `attached` are DuckDB files, by the catalog's name, that expectations and
    views read too. `on_suite` is called with each suite's result as soon as it is there.

    Raises:
        ValidationError: a suite names a table or column that the file does not have; lists all of them.
        StorageError: the file cannot be opened.
    """
    if not suites:
        return ValidationResult(database_path=database_path, suites=(), seconds=0.0)
    connection = connect(
        database_path, memory_limit=memory_limit, threads=threads, temporary_path=temporary_path, read_only=True
    )
    try:
        for name, path in (attached or {}).items():
            attach_read_only(connection, path, name=name)
        if attached:
            own = connection.execute("select current_database()").fetchall()[0][0]
            look_into(connection, [own, *attached])
        checked = check_against_database(suites, connection, skip_missing=skip_missing)
        # Loads GX, which the dialect must not do on its own.
        datasource = make_datasource("main")
        from warehouse.validation.dialect import engine_on

        return evaluate_suites(
            checked, datasource.bind(engine_on(connection)), examples=examples, path=database_path, on_suite=on_suite
        )
    finally:
        connection.close()


def run_suites_on(
    project: Project,
    files: BuildFiles,
    suites: Sequence[Suite],
    *,
    examples: int = 5,
    on_suite: Callable[[SuiteResult], None] | None = None,
) -> ValidationResult:
    """What all expectations of these suites find on this build, in DuckDB or on Spark.

    Raises:
        ValidationError: a suite names a table or column that the build does not have; lists all of them.
        StorageError: the build cannot be opened.
    """
    if files.is_on_spark:
        from warehouse.validation.spark_running import run_spark_suites

        return run_spark_suites(project, files, suites, examples=examples, on_suite=on_suite)
    return run_suites(
        files.database_path,
        suites,
        memory_limit=project.settings.memory_limit,
        threads=project.settings.threads,
        temporary_path=project.temporary_path,
        examples=examples,
        on_suite=on_suite,
    )


def evaluate_suites(
    suites: Sequence[Suite],
    datasource: Any,
    *,
    examples: int,
    path: Path,
    on_suite: Callable[[SuiteResult], None] | None,
) -> ValidationResult:
    """What the suites find through this datasource, which is bound to an engine; `path` is the file that says where.

    Raises:
        ValidationError: fewer expectations ran than a suite declares.
    """
    results = []
    started = time.perf_counter()
    for suite in suites:
        results.append(_run(suite, datasource, examples))
        if on_suite is not None:
            on_suite(results[-1])
    return ValidationResult(database_path=path, suites=tuple(results), seconds=time.perf_counter() - started)


def make_datasource(schema: str) -> Any:
    """GX's datasource of this schema's tables, in a context that lives in memory and shows no progress bars."""
    from warehouse.validation import gx

    context = gx.load().get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return context.data_sources.add_duckdb(name=DATASOURCE, schema_name=schema)


def _run(suite: Suite, datasource: Any, examples: int) -> SuiteResult:
    from warehouse.validation.evaluation import evaluate

    started = time.perf_counter()
    row_count, results = evaluate(suite, datasource, example_limit=examples)
    if len(results) != len(suite.expectations):
        raise ValidationError(
            f"suite {suite.name!r} declares {len(suite.expectations)} expectations, and only {len(results)} ran"
        )
    return SuiteResult(
        name=suite.name,
        table=suite.table,
        path=suite.path,
        row_count=row_count,
        seconds=time.perf_counter() - started,
        expectations=results,
    )
