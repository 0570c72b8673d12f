"""Tells catalogs that read OpenLineage of an export: from the model's table to the dataset's version."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from warehouse import lineage
from warehouse.dbt_manifest import Model
from warehouse.exports.outcome import Export, Outcome
from warehouse.findings import Severity
from warehouse.project import Project
from warehouse.records import Status


@contextmanager
def told(project: Project, name: str, *, build_id: str, model: Model, now: datetime) -> Iterator[list[Export]]:
    """Within it the export is done, and what it came to put into the list; what is raised is told of too.

    Args:
        project: The project.
        name: The dataset's.
        build_id: Of the build that it reads.
        model: Whose table it reads.
        now: When it begins.
    """
    run = lineage.start_run(
        project, job=f"export.{name}", run_id=f"{build_id}/{name}", started_at=now.isoformat(timespec="milliseconds")
    )
    started = time.monotonic()
    done: list[Export] = []
    try:
        yield done
    except BaseException as error:
        status = Status.ERROR if isinstance(error, Exception) else Status.INTERRUPTED
        run.end(status, seconds=time.monotonic() - started, error=str(error) or type(error).__name__)
        raise
    for export in done:
        lineage.end_export(
            run,
            seconds=time.monotonic() - started,
            table=(model.schema, model.alias),
            dataset=export.manifest.name,
            version=export.manifest.version,
            description=export.manifest.description,
            columns=[(column.name, column.type, column.description) for column in export.manifest.columns],
            rows=export.manifest.row_count,
            error=_refusal(export),
        )


def _refusal(export: Export) -> str:
    if export.outcome is not Outcome.REFUSED:
        return ""
    critical = [finding for finding in export.findings if finding.severity is Severity.CRITICAL]
    return "\n".join(f"{finding.subject}: {finding.message}" for finding in critical)
