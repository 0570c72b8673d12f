"""Running suites on a build that is there already, as a run of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from typing import Any

from warehouse import runs
from warehouse.build_tables import read_build_manifest
from warehouse.errors import WarehouseError
from warehouse.findings import is_critical
from warehouse.lineage.checks import checked_tables
from warehouse.project import Project
from warehouse.published import BuildFiles
from warehouse.records import Status
from warehouse.runs import CommandRun
from warehouse.validation import Suite, ValidationResult, as_record, run_suites_on


def validate_build(
    project: Project, files: BuildFiles, suites: Sequence[Suite], *, now: datetime, examples: int = 5
) -> ValidationResult:
    """What the suites find on this build; nothing of it changes. On record for who may write records, and told.

    Args:
        project: The project.
        files: The build.
        suites: What to run.
        now: When it happens.
        examples: How many failing rows to keep for each expectation; none is ever put on record.

    Raises:
        ValidationError: a suite cannot be run as written.
        StorageError: the build's file is missing or cannot be opened.
    """
    details = {"build_id": files.id, "options": {"suite": [suite.name for suite in suites]}}
    with runs.on_record(project, "validate", now=now, details=details, is_reading=True) as run:
        result = run_suites_on(project, files, suites, examples=examples)
        run.status = Status.FAILED if is_critical(result.findings) else Status.PASSED
        run.details = {
            "findings": [asdict(finding) for finding in result.findings],
            "validation": _without_rows(as_record(result)),
        }
        _tell(run, files)
    return result


def _without_rows(validation: dict[str, Any]) -> dict[str, Any]:
    """The result without rows that failed: a record is for more people than who asked."""
    suites: Sequence[Mapping[str, Any]] = validation["suites"]
    bare = [
        {**suite, "expectations": [{**result, "examples": []} for result in suite["expectations"]]} for suite in suites
    ]
    return {**validation, "suites": bare}


def _tell(run: CommandRun, files: BuildFiles) -> None:
    with run.telling() as is_told, suppress(WarehouseError):  # a build without dbt's manifest has tables of nobody
        if is_told:
            run.inputs += checked_tables(run.project, run.details, read_build_manifest(files))
