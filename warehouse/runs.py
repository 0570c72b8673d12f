"""A command's run from its start to its end: on record, and told to catalogs that read OpenLineage.

Builds and nights, which are more than one thing, keep their records themselves.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from warehouse import lineage, records, storage
from warehouse.errors import StorageError
from warehouse.lineage.runs import DatasetUse, Step, error_of
from warehouse.lineage.sending import harmless
from warehouse.project import Project
from warehouse.published import published_id
from warehouse.records import Record, Status

_TOLD = ("load", "pull", "reproduce", "validate")
_LONGEST = timedelta(days=1)
_COMMANDS = (*_TOLD, "publish", "rollback")


@dataclass(slots=True, kw_only=True)
class CommandRun:
    """A run on its way: what it came to is filled in while it goes on."""

    project: Project
    record: Record
    """As it was last written."""
    told: lineage.Run
    is_kept: bool
    """Whether there is a record: who only reads leaves none."""
    status: Status = Status.PASSED
    details: dict[str, Any] = field(default_factory=dict)
    """Of the record, beside what it began with."""
    inputs: list[DatasetUse] = field(default_factory=list)
    outputs: list[DatasetUse] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    def finish(self, seconds: float) -> None:
        """Puts the end on record, and tells of it."""
        details = {**self.record.details, **self.details}
        self.record = replace(self.record, status=self.status, seconds=seconds, details=details)
        try:
            if self.is_kept:
                records.write_record(self.project, self.record)
        finally:
            self.told.end(
                self.status,
                seconds=seconds,
                error=error_of(self.record),
                inputs=self.inputs,
                outputs=self.outputs,
                steps=self.steps,
            )

    @contextmanager
    def telling(self) -> Iterator[bool]:
        """Within it, what catalogs are told is put together: whether anybody listens; no error in it fails the run."""
        with harmless():
            yield self.told.is_told


@contextmanager
def on_record(
    project: Project,
    command: str,
    *,
    now: datetime,
    details: Mapping[str, Any] | None = None,
    dataset: str = "",
    is_reading: bool = False,
) -> Iterator[CommandRun]:
    """Within it the command does its work; how it ended, also by an error or a kill, is on record and told.

    Args:
        project: The project.
        command: What people typed: `load`.
        now: When it begins.
        details: What is known beforehand.
        dataset: The one that it is about; a job of its own for catalogs.
        is_reading: Whether it changes nothing: who may not write records does it without one.

    Raises:
        StorageError: the disk is full or the folder of records cannot be written.
    """
    started = time.monotonic()
    about = {**(details or {}), **({"dataset": dataset} if dataset else {})}
    record, is_kept = _started(project, command, now=now, details=about, is_reading=is_reading)
    told = lineage.start_run(project, job=_job(record), run_id=record.id, started_at=record.started_at)
    run = CommandRun(project=project, record=record, told=told, is_kept=is_kept)
    try:
        yield run
    except BaseException as error:
        run.status = Status.ERROR if isinstance(error, Exception) else Status.INTERRUPTED
        run.details["error"] = str(error) or type(error).__name__
        with suppress(StorageError):  # what stopped it says more
            run.finish(time.monotonic() - started)
        raise
    with suppress(StorageError) if is_reading else nullcontext():
        run.finish(time.monotonic() - started)


def sweep_dead(project: Project, *, now: datetime) -> None:
    """Marks the runs whose process died, and tells of them: they can no more say so themselves.

    Of a run of another machine nobody knows here; after a day it counts as dead.
    What was to publish a build and came as far as the switch has passed.
    """
    for seen in records.read_records(project):
        if seen.command not in _COMMANDS or seen.status is not Status.RUNNING or _may_live(seen, now):
            continue
        # NOTE: read again now that nobody writes it any more: it may have ended, and said so, after the first look.
        record = records.read_record(project, seen.id)
        if record is None or record.status is not Status.RUNNING:
            continue
        after = record.details.get("to")
        is_done = record.command in records.SWITCHES and bool(after) and after == published_id(project)
        marked = replace(record, status=Status.PASSED if is_done else Status.INTERRUPTED)
        records.write_record(project, marked)
        if record.command in _TOLD:
            lineage.abort_run(project, job=_job(record), record=marked, now=now)


def _may_live(record: Record, now: datetime) -> bool:
    if now - datetime.fromisoformat(record.started_at) > _LONGEST:
        return False
    return storage.may_live(int(record.by.get("pid", 0)), str(record.by.get("host", "")))


def _job(record: Record) -> str:
    dataset = record.details.get("dataset")
    return f"{record.command}.{dataset}" if dataset else record.command


def _started(
    project: Project, command: str, *, now: datetime, details: Mapping[str, Any], is_reading: bool
) -> tuple[Record, bool]:
    """The record of a run that begins, and whether it could be written."""
    run_id, is_kept = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ"), True
    try:
        run_id = records.new_run_id(project, now, is_build=False)
        record = records.start_record(project, command=command, run_id=run_id, now=now)
        records.write_record(project, replace(record, details=dict(details)))
    except StorageError:
        if not is_reading:
            raise
        record, is_kept = records.start_record(project, command=command, run_id=run_id, now=now), False
    return replace(record, details=dict(details)), is_kept
