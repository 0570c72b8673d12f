"""The nightly job: stage after stage, each on record as soon as it is done.

A kill at any moment leaves a record that says how far the run came; the next run marks it and, when it is told to
resume, goes on from there. What is published or exported is switched in one rename by the stage that does it.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

from warehouse import lineage, logs, records, runs, storage
from warehouse.errors import ProjectError, StorageError, WarehouseError
from warehouse.findings import is_critical
from warehouse.nightly.build_stage import build
from warehouse.nightly.drift_stage import compare_with_prod
from warehouse.nightly.export_stage import export_datasets
from warehouse.nightly.history import (
    RUNNING,
    last_night,
    last_nightly,
    stage_document,
    stages_since,
    sweep_interrupted,
)
from warehouse.nightly.last_stages import clean, notify, report, write_report
from warehouse.nightly.resuming import can_resume, kept_stages
from warehouse.nightly.source_stages import check, load
from warehouse.nightly.stages import BLOCKED_BY, RULES, blocking, chosen_stages
from warehouse.nightly.tonight import Done, Listener, Options, Tonight
from warehouse.project import Project
from warehouse.records import Record, Status
from warehouse.scrubbing import secrets_of
from warehouse.stages import Nightly, StageName, StageResult, StageStatus

WORK: Mapping[StageName, Callable[[Tonight], Done]] = {
    StageName.LOAD: load,
    StageName.SOURCES: check,
    StageName.BUILD: build,
    StageName.DRIFT: compare_with_prod,
    StageName.EXPORT: export_datasets,
    StageName.RETENTION: clean,
    StageName.REPORT: report,
    StageName.NOTIFY: notify,
}
"""What each stage does."""

WAIT_SECONDS = 3600.0
"""For a build that somebody else runs, unless another time is given: at night nobody is there to try again."""

_logger = logging.getLogger(__name__)


def run_nightly(
    project: Project,
    *,
    now: datetime,
    resume: bool = False,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    force: bool = False,
    wait: float = WAIT_SECONDS,
    listener: Listener | None = None,
    quiet: bool = False,
) -> Nightly | None:
    """Runs every stage from the sources to the notices; one that fails stops what needs it and nothing else.

    Args:
        project: The project.
        now: When it starts.
        resume: Go on from the last night, when that did not pass: with its options, and without what passed already.
            A run of some stages alone is no night.
        only: Stages to run alone.
        skip: Stages to leave out.
        force: Build although nothing has changed.
        wait: Seconds to wait while somebody else builds.
        listener: Who wants to know how it goes on.
        quiet: Log nothing on stderr.

    Returns:
        The run; None when there was nothing to resume.

    Raises:
        LockedError: another nightly run is going on.
        ProjectError: a word is no stage, or no stage is left.
        StorageError: the record cannot be written.
    """
    options = Options(only=tuple(only), skip=tuple(skip), force=force, wait=wait)
    chosen_stages(only=only, skip=skip)
    if resume and options != Options(wait=wait):
        raise ProjectError(
            "a run that goes on from another has its options; leave out --only, --skip and --force\n"
            "  or start a new run: warehouse nightly without --resume"
        )
    started = time.monotonic()
    with storage.lock(project.warehouse_path / "nightly.lock", purpose="a nightly run"):
        runs.sweep_dead(project, now=now)
        if (dead := sweep_interrupted(project)) is not None:
            lineage.abort_run(project, job="nightly", record=dead, now=now)
        previous = last_nightly(project)
        earlier = previous if resume else None
        if resume and not can_resume(earlier):
            return None
        if earlier is not None:
            options = replace(_options_of(project), wait=wait)
        run_id = records.new_run_id(project, now)
        with logs.run_log(project, run_id, command="nightly", quiet=quiet):
            run = _Run(project, run_id, now, started, options, listener or Listener(), earlier, previous)
            return run.go_through()


def _options_of(project: Project) -> Options:
    """Those of the last night."""
    record = last_night(project)
    said = record.details.get("options", {}) if record is not None else {}
    return Options(skip=tuple(said.get("skip", ())), force=bool(said.get("force")))


class _Run:
    """One run on its way."""

    def __init__(
        self,
        project: Project,
        run_id: str,
        now: datetime,
        started: float,
        options: Options,
        listener: Listener,
        earlier: Nightly | None,
        previous: Nightly | None,
    ) -> None:
        self._now = now
        self._started = started
        self._listener = listener
        self._earlier = earlier
        self._chosen = chosen_stages(only=options.only, skip=options.skip)
        self._kept = {}
        if earlier is not None:
            done_since = stages_since(project, earlier)
            self._kept = dict(kept_stages(earlier, now=now, chosen=self._chosen, done_since=done_since))
        record = records.start_record(project, command="nightly", run_id=run_id, now=now)
        details = {"resumed_from": earlier.id if earlier is not None else None, "options": asdict(options)}
        self._record = replace(record, details=details)
        self._tonight = Tonight(
            project=project,
            id=run_id,
            clock=self._clock,
            options=options,
            listener=listener,
            results={},
            so_far=lambda: self._nightly(overall_status(self._tonight.results.values())),
            previous=previous,
        )

    def go_through(self) -> Nightly:
        """All stages, each written down before and after it."""
        project = self._tonight.project
        told = lineage.start_run(project, job="nightly", run_id=self._record.id, started_at=self._record.started_at)
        try:
            with told.as_parent():
                for name in RULES:
                    self._pass(name)
        except BaseException as error:
            told.end_record(self._write(Status.INTERRUPTED, error=type(error).__name__))
            raise
        nightly = self._tonight.so_far()
        told.end_record(self._write(nightly.status))
        self._complete_report(nightly)
        return nightly

    def _complete_report(self, nightly: Nightly) -> None:
        """Writes the page again with the stages after it; the first one is there already, should this fail."""
        report = self._tonight.results[StageName.REPORT]
        if report.status is StageStatus.PASSED:
            with suppress(StorageError):
                write_report(self._tonight.project, nightly)

    def _pass(self, name: StageName) -> None:
        results = self._tonight.results
        idle = self._without_work(name)
        if idle is not None:
            results[name] = idle
        else:
            begun, clock = time.monotonic(), self._clock()
            started_at = clock.astimezone(UTC).isoformat(timespec="seconds")
            self._write(Status.RUNNING, running={"name": name.value, "started_at": started_at})
            self._listener.on_start(name)
            _logger.info("%s starts", name.value, extra=logs.event("stage_started", stage=name.value))
            done = _done(name, self._tonight)
            failed = StageStatus.FAILED if is_critical(done.findings) else StageStatus.PASSED
            results[name] = StageResult(
                name=name,
                status=done.status or failed,
                message=done.message,
                started_at=started_at,
                seconds=time.monotonic() - begun,
                findings=done.findings,
                details=dict(done.details),
            )
        result = results[name]
        _log(result)
        self._write(Status.RUNNING)
        self._listener.on_stage(result)

    def _without_work(self, name: StageName) -> StageResult | None:
        """The result of a stage that is not run."""
        if name in self._kept:
            return self._kept[name]
        if name not in self._chosen:
            return StageResult(name=name, status=StageStatus.SKIPPED, message="left out, as asked")
        blocked_by = blocking(name, self._tonight.results)
        if not blocked_by:
            return None
        names = " and ".join(other.value for other in blocked_by)
        return StageResult(
            name=name,
            status=StageStatus.SKIPPED,
            message=f"not run, since {names} did not pass",
            details={BLOCKED_BY: [other.value for other in blocked_by]},
        )

    def _clock(self) -> datetime:
        return self._now + timedelta(seconds=time.monotonic() - self._started)

    def _nightly(self, status: Status) -> Nightly:
        return Nightly(
            id=self._record.id,
            status=status,
            started_at=self._record.started_at,
            seconds=time.monotonic() - self._started,
            resumed_from=self._earlier.id if self._earlier is not None else None,
            stages=tuple(self._tonight.results.values()),
            only=self._tonight.options.only,
        )

    def _write(self, status: Status, **more: object) -> Record:
        """Writes the record as it stands, and returns it; a key that is left out is gone."""
        details = {
            **self._record.details,
            "stages": [stage_document(result) for result in self._tonight.results.values()],
            **({RUNNING: more["running"]} if "running" in more else {}),
            **({"error": more["error"]} if "error" in more else {}),
        }
        written: Record = replace(
            self._record, status=status, seconds=time.monotonic() - self._started, details=details
        )
        try:
            records.write_record(self._tonight.project, written)
        except StorageError as error:
            if status is not Status.RUNNING:
                raise
            # A disk that is full must not keep the stage that frees some of it from running.
            _logger.error("the record was not written: %s", error)
        return written


def overall_status(results: Iterable[StageResult]) -> Status:
    """Of a whole run: `error` when a stage could not be done, `failed` when a critical finding stands."""
    statuses = {result.status for result in results}
    if StageStatus.ERROR in statuses:
        return Status.ERROR
    return Status.FAILED if StageStatus.FAILED in statuses else Status.PASSED


def _done(name: StageName, tonight: Tonight) -> Done:
    """What the stage did; what stopped it, whatever that was, is its outcome and nothing else's."""
    try:
        return WORK[name](tonight)
    except WarehouseError as error:
        message = str(error)
    except Exception as error:
        _logger.exception("%s stopped in a way that nobody foresaw", name.value)
        message = f"unexpected {type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
    # What another library says of a connection may hold its password.
    secrets = secrets_of(os.environ, also=tonight.project.settings.notify_urls_from.split())
    return Done(message=secrets.scrub(message), status=StageStatus.ERROR)


def _log(result: StageResult) -> None:
    fields = {"stage": result.name.value, "status": result.status.value, "seconds": round(result.seconds, 3)}
    _logger.log(
        logging.ERROR if result.status is StageStatus.ERROR else logging.INFO,
        "%s: %s, %s",
        result.name.value,
        result.status.value,
        result.message.splitlines()[0] if result.message else "",
        extra=logs.event("stage_finished", **fields, kept=result.kept, finding_count=len(result.findings)),
    )
