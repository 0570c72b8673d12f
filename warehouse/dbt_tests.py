"""What dbt's tests found: a finding per test that did not pass, with rows to look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from warehouse import storage
from warehouse.dbt_results import NodeResult
from warehouse.engine.local import LocalEngine
from warehouse.errors import QueryError
from warehouse.findings import Finding, Severity
from warehouse.project import Project
from warehouse.sql import Query, Step

EXAMPLE_COUNT = 3
_CELL_LENGTH = 60


def findings_of_tests(
    project: Project, database_path: Path, results: Sequence[NodeResult], *, attached: Mapping[str, Path] | None = None
) -> tuple[Finding, ...]:
    """One finding per data or unit test that did not pass; what dbt counts as an error is critical.

    `attached` are further DuckDB files that the tests read, by the catalog's name.
    """
    if not _failed(results):
        return ()
    settings = project.settings
    connection = storage.connect(database_path, memory_limit=settings.memory_limit, threads=settings.threads)
    try:
        for name, path in (attached or {}).items():
            storage.attach_read_only(connection, path, name=name)
        engine = LocalEngine(connection)
        return findings_of_tests_by(project, results, lambda sql: engine.rows(Query.of(Step("failing_row", sql))))
    finally:
        connection.close()


def findings_of_tests_by(
    project: Project, results: Sequence[NodeResult], read_rows: Callable[[str], Sequence[Mapping[str, Any]]]
) -> tuple[Finding, ...]:
    """The same on any engine: `read_rows` gives the rows of a statement that dbt compiled, or raises a `QueryError`."""
    return tuple(_finding(project, result, _examples(project, result, read_rows)) for result in _failed(results))


def _failed(results: Sequence[NodeResult]) -> list[NodeResult]:
    return [
        result
        for result in results
        if result.resource_type in ("test", "unit_test") and result.status in ("warn", "fail")
    ]


def _finding(project: Project, result: NodeResult, examples: Sequence[str]) -> Finding:
    return Finding(
        severity=Severity.CRITICAL if result.status == "fail" else Severity.WARNING,
        check="dbt_test",
        subject=f"{result.tested}.{result.name}" if result.tested else result.name,
        message="\n".join([result.message, *(f"  such as {example}" for example in examples)]),
        measured=None if result.failures is None else float(result.failures),
        threshold=0.0,
        advice=f"declared in {result.path}"
        + (
            f"; all its rows: the query in {project.relative(Path(result.compiled_path))}"
            if result.compiled_path
            else ""
        ),
    )


def _examples(
    project: Project, result: NodeResult, read_rows: Callable[[str], Sequence[Mapping[str, Any]]]
) -> list[str]:
    """The first rows that the test returned; none for a unit test, whose message shows the difference itself."""
    if result.resource_type != "test" or not result.compiled_path:
        return []
    try:
        test_sql = (project.root / result.compiled_path).read_text(encoding="utf-8")
        # NOTE: no `order by`: which rows are shown does not matter, and sorting a large table would.
        rows = read_rows(f"select * from ({test_sql}\n) limit {EXAMPLE_COUNT}")
    except (OSError, QueryError):
        return []  # a store_failures test, say: the count alone must do
    return [", ".join(f"{name} = {str(value)[:_CELL_LENGTH]!r}" for name, value in row.items()) for row in rows]
