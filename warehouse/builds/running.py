"""Build, audit, publish: dbt into a private file, checks on it, one switch when nothing critical stands.

    lock -> parse -> private file (empty, or a copy of the published one) -> dbt -> expectations -> record -> switch

Readers are never blocked: nobody ever writes the file that they read.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from warehouse import dbt_runner, lineage, queues, records, retention, runs, storage
from warehouse.build_inputs import read_inputs
from warehouse.builds.publication import publish
from warehouse.builds.result import Build, Listener
from warehouse.builds.targets import BuildTarget, DuckDBTarget
from warehouse.dbt_manifest import DbtManifest, carry_compiled_code, read_dbt_manifest
from warehouse.dbt_results import NodeResult, broken_nodes
from warehouse.dbt_runner import Parsed
from warehouse.errors import BuildError, WarehouseError
from warehouse.findings import Finding, Severity, is_critical
from warehouse.project import Project
from warehouse.published import BuildFiles, find_build, published_id
from warehouse.records import Record, Status
from warehouse.sources.inspection import inspect_sources
from warehouse.sources.shapes import shape_document
from warehouse.sources.states import SourceState, changed_while_reading, read_sources, sources_document
from warehouse.validation import Suite, ValidationResult, as_record, load_suites


def build_warehouse(
    project: Project,
    *,
    now: datetime,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    full_refresh: bool = False,
    wait: float = 0.0,
    engine: str | None = None,
    listener: Listener | None = None,
) -> Build:
    """Builds, checks and, when nothing critical stands, publishes.

    A partial build (`select`, `exclude`), one with incremental models, and one with snapshots start from a copy of the
    published build; every other one starts from an empty file. On Spark all start from nothing.

    Args:
        project: The project.
        now: When it starts.
        select: Build only these nodes, in dbt's words.
        exclude: Leave these out.
        full_refresh: Make incremental models again from nothing.
        wait: Seconds to wait at most while another build runs, in the order of coming; 0 fails at once.
        engine: `duckdb` or `spark`; None for the one of the settings.
        listener: Who wants to know how it goes on.

    Raises:
        ProjectError: there is no such engine, or no cluster is set.
        LockedError: another build is running, and `wait` seconds are over.
        BuildError: dbt could not parse or build the project; the published build stays as it was.
        ValidationError: a suite cannot be run as written.
        StorageError: the disk is full or cannot be written.
    """
    listener = listener or Listener()
    if engine is not None:
        project = project.on_engine(engine)
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
        record = replace(record, details={"options": options, "engine": project.settings.engine})
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
        self._target: BuildTarget | None = None
        self._started = started
        self._listener = listener
        self._now = now

    def build(self, *, select: Sequence[str], exclude: Sequence[str], full_refresh: bool) -> Build:
        """The whole way, from parsing to the switch."""
        self._target = _target(self.project, self.files, now=self._now)
        try:
            return self._build(self._target, select=select, exclude=exclude, full_refresh=full_refresh)
        finally:
            self._target.close()

    def _build(
        self, target: BuildTarget, *, select: Sequence[str], exclude: Sequence[str], full_refresh: bool
    ) -> Build:
        # What can fail at once fails before anything is made: wrong suites, a project that dbt cannot parse.
        suites = load_suites(self.project.expectations_path)
        # Read before dbt reads them: a file that changes meanwhile makes the next build another one.
        self.record = replace(self.record, details={**self.record.details, "inputs": read_inputs(self.project)})
        self._listener.on_stage("parsing")
        parsed = dbt_runner.parse_project(self.project, log_path=self._log_path, place=target.place)
        target.check(parsed, is_partial=bool(select or exclude), full_refresh=full_refresh)
        origin = self._origin(parsed, is_partial=bool(select or exclude), full_refresh=full_refresh)
        if origin is not None:
            self._listener.on_stage("copying the published build")
        target.prepare(origin)
        manifest = read_dbt_manifest(target.place.target_path / "manifest.json")
        self._listener.on_stage("looking at the sources")
        inspection = inspect_sources(self.project, manifest.sources.values(), now=self._now, move=True)
        if not inspection.may_build:
            return self._stopped(origin, inspection.findings)
        # Of tables with versions, the one that was looked at is read throughout, whoever writes meanwhile.
        manifest = replace(manifest, sources={key: inspection.fixed(one) for key, one in manifest.sources.items()})
        source_states = read_sources(self.project, manifest.sources.values())
        shapes = {source.name: shape_document(source.shape) for source in inspection.sources}
        self._listener.on_stage("building")
        target.begin(manifest)
        nodes = target.run(
            lambda: dbt_runner.run_build(
                self.project,
                parsed,
                log_path=self._log_path,
                place=target.place,
                select=select,
                exclude=exclude,
                full_refresh=full_refresh,
                locations=inspection.locations,
                on_node=self._listener.on_node,
            )
        )
        self._keep_artifacts(target.place.target_path, origin)
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
        target.seal()
        findings = (
            *inspection.findings,
            *target.findings_of_tests(nodes),
            *changed_while_reading(self.project, source_states),
        )
        validation = None if is_critical(findings) else self._validate(target, suites)
        findings += validation.findings if validation else (_not_validated(suites),) if suites else ()
        status = Status.FAILED if is_critical(findings) else Status.PASSED
        self.finish(status, findings=[asdict(finding) for finding in findings], validation=validation)
        if status is Status.PASSED:
            publish(self.project, self.files.id)
        return Build(
            id=self.files.id,
            path=self.files.path,
            content_path=self.files.content_path,
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
            content_path=self.files.content_path,
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
        """Deletes what has filled the disk, if it is full."""
        if self._target is not None:
            self._target.make_room()

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
        origin = find_build(self.project)
        if origin.is_on_spark:
            raise BuildError(
                f"this build starts from a copy of the published one, and build {origin.id} lies on Spark\n"
                "  make everything from nothing (--full-refresh, no --select), or publish one that lies in DuckDB: "
                "warehouse rollback BUILD"
            )
        return origin

    def _keep_artifacts(self, target_path: Path, origin: BuildFiles | None) -> None:
        """Keeps dbt's manifest and results with the build: they say how its tables were made."""
        folder = self.files.dbt_manifest_path.parent
        with storage.storage_errors(f"write {folder}"):
            folder.mkdir()
            for name in ("manifest.json", "run_results.json"):
                shutil.copyfile(target_path / name, folder / name)
                storage.sync_file(folder / name)
        if origin is not None:
            carry_compiled_code(self.files.dbt_manifest_path, origin.dbt_manifest_path)

    def _validate(self, target: BuildTarget, suites: Sequence[Suite]) -> ValidationResult | None:
        if not suites:
            return None
        self._listener.on_stage("validating")
        return target.validate(suites, lambda suite: self._listener.on_stage(f"validating: {suite.table} is done"))


def _target(project: Project, files: BuildFiles, *, now: datetime) -> BuildTarget:
    if project.settings.engine != "spark":
        return DuckDBTarget(project, files)
    from warehouse.builds.spark_target import SparkTarget

    return SparkTarget(project, files, now=now)


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
