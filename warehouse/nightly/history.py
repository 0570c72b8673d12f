"""Nightly runs on record: the newest ones, and those whose process died."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import takewhile
from typing import Any

from warehouse import records
from warehouse.project import Project
from warehouse.records import Record, Status
from warehouse.stages import Nightly, StageName, StageResult, StageStatus

RUNNING = "running"
"""Key of a record that is not finished: name and start of the stage that runs."""


def nightly_records(project: Project) -> Iterator[Record]:
    """Records of nightly runs, the newest first; none is read before it is asked for."""
    for run_id in reversed(records.run_ids(project)):
        record = records.read_record(project, run_id)
        if record is not None and record.command == "nightly":
            yield record


def last_night(project: Project) -> Record | None:
    """The newest night, running ones too; None before the first. A run of some stages alone (`--only`) is no night."""
    return next((record for record in nightly_records(project) if not _is_of_some_stages(record)), None)


def last_nightly(project: Project) -> Nightly | None:
    """The same, with its stages."""
    record = last_night(project)
    return None if record is None else Nightly.from_record(record)


def stages_since(project: Project, night: Nightly) -> frozenset[StageName]:
    """What runs of some stages alone have done after this night."""
    newer = takewhile(lambda record: record.id > night.id, nightly_records(project))
    runs = (Nightly.from_record(record) for record in newer)
    return frozenset(
        stage.name for run in runs if run is not None for stage in run.stages if stage.status is not StageStatus.SKIPPED
    )


def _is_of_some_stages(record: Record) -> bool:
    return bool(record.details.get("options", {}).get("only"))


def sweep_interrupted(project: Project) -> Record | None:
    """Marks the newest run as interrupted when its process died, and returns it; the caller holds the nights' lock.

    The stage that it was in counts as one that could not be done.
    """
    record = next(nightly_records(project), None)
    if record is None or record.status is not Status.RUNNING:
        return None
    details = dict(record.details)
    running = details.pop(RUNNING, None)
    if isinstance(running, dict) and running.get("name") in list(StageName):
        stopped = StageResult(
            name=StageName(running["name"]),
            status=StageStatus.ERROR,
            message="the process ended while this stage ran",
            started_at=str(running.get("started_at", "")),
        )
        details["stages"] = [*details.get("stages", ()), stage_document(stopped)]
    marked = replace(record, status=Status.INTERRUPTED, details=details)
    records.write_record(project, marked)
    return marked


def stage_document(result: StageResult) -> dict[str, Any]:
    """The result as plain JSON."""
    return {**asdict(result), "seconds": round(result.seconds, 3)}
