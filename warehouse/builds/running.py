"""Build, audit, publish: dbt into a private file, checks on it, one switch when nothing critical stands.

    lock -> parse -> private file (empty, or a copy of the published one) -> dbt -> expectations -> record -> switch

Readers are never blocked: nobody ever writes the file that they read.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from warehouse import dbt_runner, lineage, queues, records, retention, runs, storage
from warehouse.build_inputs import read_inputs
from warehouse.builds.publication import publish
from warehouse.builds.result import Build, Listener
from warehouse.dbt_manifest import DbtManifest, carry_compiled_code, read_dbt_manifest
from warehouse.dbt_results import NodeResult, broken_nodes
from warehouse.dbt_runner import Parsed
from warehouse.dbt_tests import findings_of_tests
from warehouse.errors import BuildError, WarehouseError
from warehouse.findings import Finding, Severity, is_critical
from warehouse.project import Project
from warehouse.published import BuildFiles, find_build, published_id
from warehouse.records import Record, Status
from warehouse.sources.inspection import inspect_sources
from warehouse.sources.shapes import shape_document
from warehouse.sources.states import SourceState, changed_while_reading, read_sources, sources_document
from warehouse.validation import Suite, ValidationResult, as_record, load_suites, run_suites

_FULL_BYTES = 16 * 2**20
"""A disk with less room than this is full."""


def build_warehouse(
    project: Project,
    *,
    now: datetime,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    full_refresh: bool = False,
    wait: float = 0.0,
    listener: Listener | None = None,
) -> Build:
    """Builds, checks and, when nothing critical stands, publishes.

    A partial build (`select`, `exclude`), one with incremental models, and one with snapshots start from a copy of the
    published build; every other one starts from an empty file.

    Args:
        project: The project.
        now: When it starts.
        select: Build only these nodes, in dbt's words.
        exclude: Leave these out.
        full_refresh: Make incremental models again from nothing.
        wait: Seconds to wait at most while another build runs, in the order of coming; 0 fails at once.
        listener: Who wants to know how it goes on.

    Raises:
        LockedError: another build is running, and `wait` seconds are over.
        BuildError: dbt could not parse or build the project; the published build stays as it was.
        ValidationError: a suite cannot be run as written.
        StorageError: the disk is full or cannot be written.
    """
    listener = listener or Listener()
    asked = time.monotonic()
    # What catalogs are told waits for them, and nobody shall wait for a build that is done.
    with (
        ExitStack() as afterwards,
        queues.queued_lock(
            project.warehouse_path / "build.lock", purpose="a build", wait=wait, on_wait=listener.on_wait
        ),
    ):
        started = time.monotonic()
        now += timedelta(seconds=started - asked)  # its id says when it began, not since when it waited
        _sweep_interrupted(project, now=now)
        record = records.start_record(project, command="build", run_id=records.new_run_id(project, now), now=now)
        options = {"select": list(select), "exclude": list(exclude), "full_refresh": full_refresh}
        record = replace(record, details={"options": options})
        records.write_record(project, record)
        run = _Run(project, record, started, listener, now=now)
        told = lineage.start_run(project, job="build", run_id=record.id, started_at=record.started_at)
        afterwards.callback(lambda: lineage.end_build(told, run.record, run.files))
        try:
            return run.build(select=select, exclude=exclude, full_refresh=full_refresh)
        except WarehouseError as error:
            run.make_room()
            run.finish(Status.ERROR, error=str(error))
            raise
        except BaseException as error:
            run.finish(Status.INTERRUPTED, error=f"{type(error).__name__}: {error}")
            raise


def _sweep_interrupted(project: Project, *, now: datetime) -> None:
    runs.sweep_dead(project, now=now)
    for run_id in retention.sweep_interrupted(project):
        if (record := records.read_record(project, run_id)) is not None:
            lineage.abort_run(project, job="build", record=record, now=now)


class _Run:
    """One build on its way; `finish` writes its record."""

    def __init__(self, project: Project, record: Record, started: float, listener: Listener, *, now: datetime) -> None:
        self.project = project
        self.record = record
        self.files = BuildFiles(id=record.id, path=project.builds_path / record.id)
        self._started = started
        self._listener = listener
        self._now = now

    def build(self, *, select: Sequence[str], exclude: Sequence[str], full_refresh: bool) -> Build:
        """The whole way, from parsing to the switch."""
        # What can fail at once fails before anything is made: wrong suites, a project that dbt cannot parse.
        suites = load_suites(self.project.expectations_path)
        # Read before dbt reads them: a file that changes meanwhile makes the next build another one.
        self.record = replace(self.record, details={**self.record.details, "inputs": read_inputs(self.project)})
        self._listener.on_stage("parsing")
        parsed = dbt_runner.parse_project(self.project, log_path=self._log_path)
        origin = self._origin(parsed, is_partial=bool(select or exclude), full_refresh=full_refresh)
        self._prepare(origin)
        manifest = read_dbt_manifest(self._target_path / "manifest.json")
        self._listener.on_stage("looking at the sources")
        inspection = inspect_sources(self.project, manifest.sources.values(), now=self._now, move=True)
        if not inspection.may_build:
            return self._stopped(origin, inspection.findings)
        source_states = read_sources(self.project, manifest.sources.values())
        shapes = {source.name: shape_document(source.shape) for source in inspection.sources}
        self._listener.on_stage("building")
        nodes = dbt_runner.run_build(
            self.project,
            parsed,
            log_path=self._log_path,
            select=select,
            exclude=exclude,
            full_refresh=full_refresh,
            on_node=self._listener.on_node,
        )
        self._keep_artifacts(origin)
        self.record = replace(
            self.record,
            details={
                **self.record.details,
                **_facts(self.files, manifest, nodes, source_states, origin),
                "source_shapes": shapes,
            },
        )
        if error := broken_nodes(nodes):
            raise error
        self._seal()
        findings = (
            *inspection.findings,
            *findings_of_tests(self.project, self.files.database_path, nodes),
            *changed_while_reading(self.project, source_states),
        )
        validation = None if is_critical(findings) else self._validate(suites)
        findings += validation.findings if validation else (_not_validated(suites),) if suites else ()
        status = Status.FAILED if is_critical(findings) else Status.PASSED
        self.finish(status, findings=[asdict(finding) for finding in findings], validation=validation)
        if status is Status.PASSED:
            publish(self.project, self.files.id)
        return Build(
            id=self.files.id,
            path=self.files.path,
            status=status,
            published=status is Status.PASSED,
            started_from=origin.id if origin else None,
            nodes=nodes,
            sources=source_states,
            validation=validation,
            findings=findings,
            removed_builds=retention.remove_old_builds(self.project),
            seconds=time.monotonic() - self._started,
        )

    def _stopped(self, origin: BuildFiles | None, findings: tuple[Finding, ...]) -> Build:
        """The build that never began, since its sources must not be read."""
        self.finish(Status.FAILED, findings=[asdict(finding) for finding in findings])
        return Build(
            id=self.files.id,
            path=self.files.path,
            status=Status.FAILED,
            published=False,
            started_from=origin.id if origin else None,
            nodes=(),
            sources=(),
            validation=None,
            findings=findings,
            removed_builds=(),
            seconds=time.monotonic() - self._started,
        )

    def make_room(self) -> None:
        """Deletes the half database when the disk is full: it is what filled it, and records must still be written."""
        with suppress(OSError):
            if shutil.disk_usage(self.project.builds_path).free < _FULL_BYTES:
                for path in self.files.path.glob("warehouse.duckdb*"):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    def finish(self, status: Status, *, validation: ValidationResult | None = None, **details: Any) -> None:
        """Writes the record as it will stay."""
        (self.project.warehouse_path / "building").unlink(missing_ok=True)
        if validation is not None:
            details["validation"] = as_record(validation)
        self.record = replace(
            self.record,
            status=status,
            seconds=time.monotonic() - self._started,
            details={**self.record.details, **details},
        )
        records.write_record(self.project, self.record)

    @property
    def _target_path(self) -> Path:
        return self.project.warehouse_path / "dbt"

    @property
    def _log_path(self) -> Path:
        return self.project.warehouse_path / "logs" / self.record.id

    def _origin(self, parsed: Parsed, *, is_partial: bool, full_refresh: bool) -> BuildFiles | None:
        """The published build when this one must start from its copy."""
        wants_copy = is_partial or parsed.keeps_history or (parsed.is_incremental and not full_refresh)
        if is_partial and published_id(self.project) is None:
            raise BuildError(
                "nothing is published yet, and a partial build starts from the published one\n"
                "  make the first build without --select and --exclude: warehouse build"
            )
        if not wants_copy or published_id(self.project) is None:
            return None
        return find_build(self.project)

    def _prepare(self, origin: BuildFiles | None) -> None:
        with storage.storage_errors(f"make {self.files.path}"):
            self.files.path.mkdir(parents=True)
        if origin is not None:
            self._listener.on_stage("copying the published build")
            storage.copy_file(origin.database_path, self.files.database_path)
        # dbt always writes through this link: a path that changed would make it parse the whole project again.
        storage.switch_link(self.project.warehouse_path / "building", self.files.path)

    def _keep_artifacts(self, origin: BuildFiles | None) -> None:
        """Keeps dbt's manifest and results with the build: they say how its tables were made."""
        folder = self.files.dbt_manifest_path.parent
        with storage.storage_errors(f"write {folder}"):
            folder.mkdir()
            for name in ("manifest.json", "run_results.json"):
                shutil.copyfile(self._target_path / name, folder / name)
                storage.sync_file(folder / name)
        if origin is not None:
            carry_compiled_code(self.files.dbt_manifest_path, origin.dbt_manifest_path)

    def _seal(self) -> None:
        """Folds the write-ahead log into the file, makes it durable and read-only."""
        connection = storage.connect(self.files.database_path, read_only=False)
        try:
            connection.execute("checkpoint")
        finally:
            connection.close()
        with storage.storage_errors(f"seal {self.files.database_path}"):
            storage.sync_file(self.files.database_path)
            self.files.database_path.chmod(0o444)
            storage.sync_folder(self.files.path)
            storage.sync_folder(self.files.path.parent)

    def _validate(self, suites: Sequence[Suite]) -> ValidationResult | None:
        if not suites:
            return None
        self._listener.on_stage("validating")
        settings = self.project.settings
        return run_suites(
            self.files.database_path,
            suites,
            memory_limit=settings.memory_limit,
            threads=settings.threads,
            temporary_path=self.project.temporary_path,
            on_suite=lambda suite: self._listener.on_stage(f"validating: {suite.table} is done"),
        )


def _not_validated(suites: Sequence[Suite]) -> Finding:
    return Finding(
        severity=Severity.INFO,
        check="expectation",
        subject="all suites",
        message=f"{len(suites)} suites were not run, since critical dbt tests failed",
        advice="correct what the tests found, then build again",
    )


def _facts(
    files: BuildFiles,
    manifest: DbtManifest,
    nodes: Sequence[NodeResult],
    states: Sequence[SourceState],
    origin: BuildFiles | None,
) -> dict[str, Any]:
    return {
        "started_from": origin.id if origin else None,
        "dbt_manifest_sha256": hashlib.sha256(files.dbt_manifest_path.read_bytes()).hexdigest(),
        "dbt_project": manifest.project_name,
        "sources": sources_document(states),
        "nodes": [asdict(node) for node in nodes],
    }
