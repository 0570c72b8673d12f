"""A dev build: what an analyst has changed, and what depends on it, beside the published build.

    parse -> compare with the published build -> dbt into a file of one's own, the rest read from there -> checks

It takes no lock that other builds take, writes nowhere that others read, and any number of people make theirs at once.
"""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from warehouse import dbt_runner, storage
from warehouse.builds.dev_inputs import PUBLISHED_PATH, write_profile, write_state
from warehouse.builds.result import Listener
from warehouse.dbt_manifest import DbtManifest, Model, read_dbt_manifest
from warehouse.dbt_results import NodeResult, broken_nodes
from warehouse.dbt_runner import Place
from warehouse.dbt_tests import findings_of_tests
from warehouse.errors import BuildError, problem_list
from warehouse.findings import Finding, is_critical
from warehouse.project import Project
from warehouse.published import CATALOG, DEV_CATALOG, BuildFiles, DevFiles, dev_files, find_build
from warehouse.records import Status
from warehouse.sources.lake_tables import newest_locations
from warehouse.sql import Relation, identifier
from warehouse.validation import Suite, ValidationResult, load_suites, run_suites

CHANGED = "state:modified+"
"""What dev builds build: what differs from the published build, and what depends on that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DevBuild:
    """One finished dev build."""

    name: str
    path: Path
    """The DuckDB file; it is there unless nothing was built."""
    beside: str
    """Id of the published build that the rest was read from."""
    status: Status
    nodes: tuple[NodeResult, ...]
    """What was built; empty when nothing differs from the published build."""
    started_from_copy: tuple[str, ...]
    """Incremental models and snapshots among them, which added to a copy of the published rows."""
    read: tuple[str, ...]
    """Models that were read from the published build."""
    vanished: tuple[str, ...]
    """Models of the published build that the project no longer has."""
    validation: ValidationResult | None
    """None when nothing was validated: no suite is about what was built, nobody wanted it, or dbt's tests failed."""
    findings: tuple[Finding, ...]
    seconds: float

    @property
    def is_failed(self) -> bool:
        """Whether a critical finding stands."""
        return self.status is Status.FAILED


def build_dev(
    project: Project,
    *,
    now: datetime,
    name: str | None = None,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    full_refresh: bool = False,
    validate: bool = True,
    listener: Listener | None = None,
) -> DevBuild:
    """Builds what differs from the published build into a file of one's own; everything else is read from there.

    The file is made anew each time and takes the place of the one before once dbt is through, also when tests failed:
    their rows are there to be looked at. Where dbt breaks, the one before stays.

    Args:
        project: The project.
        now: When it starts.
        name: Whose it is; the user's own name when left out.
        select: Build these nodes instead of what has changed, in dbt's words.
        exclude: Leave these out.
        full_refresh: Make incremental models again from nothing, and not from a copy of the published rows.
        validate: Run the suites of the models that were built.
        listener: Who wants to know how it goes on.

    Raises:
        ProjectError: nothing is published yet, or the name cannot be used.
        LockedError: a dev build of the same name is running.
        BuildError: dbt could not parse or build the project.
        ValidationError: a suite cannot be run as written.
        StorageError: the disk is full or cannot be written.
    """
    started = time.monotonic()
    files, published = dev_files(project, name), find_build(project)
    # Nobody may delete the published build while dbt opens and closes it.
    with (
        storage.lock(files.path / "dev.lock", purpose=f"a dev build of {files.name}"),
        storage.held_open(published.database_path),
    ):
        run = _DevRun(project, files, published, listener or Listener())
        return run.build(
            now=now,
            select=select,
            exclude=exclude,
            full_refresh=full_refresh,
            validate=validate,
            started=started,
        )


class _DevRun:
    """One dev build on its way."""

    def __init__(self, project: Project, files: DevFiles, published: BuildFiles, listener: Listener) -> None:
        self.project = project
        self.files = files
        self.published = published
        self._listener = listener
        self._building_path = files.path / "building"
        self._log_path = files.path / "logs"
        self._place = Place(
            build_path=self._building_path,
            target_path=files.path / "dbt",
            profiles_path=files.path / "profile",
            state_path=files.path / "state",
            environment={PUBLISHED_PATH: str(published.database_path)},
        )

    def build(
        self,
        *,
        now: datetime,
        select: Sequence[str],
        exclude: Sequence[str],
        full_refresh: bool,
        validate: bool,
        started: float,
    ) -> DevBuild:
        """The whole way, from parsing to the switch to the new file."""
        suites = load_suites(self.project.expectations_path) if validate else ()
        self._listener.on_stage("parsing")
        write_profile(self.project, self._place.profiles_path)
        parsed = dbt_runner.parse_project(self.project, log_path=self._log_path, place=self._place)
        manifest_path = self._place.target_path / "manifest.json"
        manifest, before = read_dbt_manifest(manifest_path), read_dbt_manifest(self.published.dbt_manifest_path)
        write_state(self.project, self.published, manifest_path, self.files.path / "state")
        wanted = list(select) or [CHANGED]
        selected = dbt_runner.selected_nodes(
            self.project, parsed, log_path=self._log_path, place=self._place, select=wanted, exclude=exclude
        )
        if select and not selected:
            raise BuildError(f"nothing to build: the selection {' '.join(select)} matches no model")
        _check_parents(selected, manifest, before)
        result = DevBuild(
            name=self.files.name,
            path=self.files.database_path,
            beside=self.published.id,
            status=Status.PASSED,
            nodes=(),
            started_from_copy=(),
            read=(),
            vanished=tuple(sorted(before.models[gone].name for gone in before.models.keys() - manifest.models.keys())),
            validation=None,
            findings=(),
            seconds=0.0,
        )
        if selected:
            copied = _copied(selected, manifest, before, full_refresh=full_refresh)
            self._prepare(copied)
            self._listener.on_stage("building")
            nodes = dbt_runner.run_build(
                self.project,
                parsed,
                log_path=self._log_path,
                place=self._place,
                select=wanted,
                exclude=exclude,
                full_refresh=full_refresh,
                locations=newest_locations(self.project.root, manifest.sources.values()),
                on_node=self._listener.on_node,
            )
            if error := broken_nodes(nodes):
                raise error
            self._switch(now)
            result = self._check(
                replace(
                    result,
                    nodes=nodes,
                    started_from_copy=tuple(sorted(model.name for model, _ in copied)),
                    read=_read_models(selected, manifest, before),
                ),
                [suite for suite in suites if suite.table.lower() in _tables(selected, manifest)],
            )
        return replace(result, seconds=time.monotonic() - started)

    def _prepare(self, copied: Sequence[tuple[Model, Model]]) -> None:
        """An empty folder for dbt to write to; in its file copies of what incremental models and snapshots add to."""
        with storage.storage_errors(f"make {self._building_path}"):
            shutil.rmtree(self._building_path, ignore_errors=True)
            self._building_path.mkdir(parents=True)
        if not copied:
            return
        self._listener.on_stage("copying what incremental models add to")
        connection = storage.connect(
            self._building_path / f"{DEV_CATALOG}.duckdb",
            read_only=False,
            memory_limit=self.project.settings.memory_limit,
            threads=self.project.settings.threads,
        )
        try:
            storage.attach_read_only(connection, self.published.database_path, name=CATALOG)
            for model, origin in copied:
                target = Relation.table(DEV_CATALOG, model.schema, model.alias)
                source = Relation.table(CATALOG, origin.schema, origin.alias)
                connection.execute(f"create schema if not exists {identifier(DEV_CATALOG)}.{identifier(model.schema)}")
                connection.execute(f"create table {target.sql} as from {source.sql}")
        finally:
            connection.close()

    def _switch(self, now: datetime) -> None:
        """Lets the new file take the place of the one before; whoever reads that one keeps what was opened."""
        with storage.storage_errors(f"write {self.files.path}"):
            storage.write_json(
                self._building_path / "dev.json",
                {"beside": self.published.id, "made_at": now.astimezone(UTC).isoformat(timespec="seconds")},
            )
            made = self.files.path / f"made-{uuid.uuid4().hex}"
            storage.publish_folder(self._building_path, made)
            storage.switch_link(self.files.current_path, made)
            for folder in self.files.path.glob("made-*"):
                if folder != made and not storage.has_reader(folder / f"{DEV_CATALOG}.duckdb"):
                    shutil.rmtree(folder)

    def _check(self, result: DevBuild, suites: Sequence[Suite]) -> DevBuild:
        """The result with what dbt's tests and the suites found."""
        attached = {CATALOG: self.published.database_path}
        findings = findings_of_tests(self.project, self.files.database_path, result.nodes, attached=attached)
        validation = None
        if suites and not is_critical(findings):
            self._listener.on_stage("validating")
            settings = self.project.settings
            validation = run_suites(
                self.files.database_path,
                suites,
                memory_limit=settings.memory_limit,
                threads=settings.threads,
                temporary_path=self.project.temporary_path,
                attached=attached,
                on_suite=lambda suite: self._listener.on_stage(f"validating: {suite.table} is done"),
            )
            findings += validation.findings
        status = Status.FAILED if is_critical(findings) else Status.PASSED
        return replace(result, status=status, validation=validation, findings=findings)


def _check_parents(selected: Collection[str], manifest: DbtManifest, before: DbtManifest) -> None:
    problems = [
        f"{manifest.models[name].name} reads {manifest.models[parent].name}, which is new and not selected"
        for name in selected
        if name in manifest.models
        for parent in _parents(name, manifest)
        if parent not in selected and parent not in before.models
    ]
    if problems:
        raise BuildError(
            problem_list("what is neither built nor published cannot be read:", problems)
            + "\n  select it too, or leave --select and --exclude out: then all that has changed is built"
        )


def _parents(unique_id: str, manifest: DbtManifest) -> set[str]:
    """Models, seeds and snapshots that this node reads, also through ephemeral models."""
    if unique_id in manifest.models:
        direct = manifest.models[unique_id].depends_on
    else:
        direct = manifest.tests[unique_id].depends_on if unique_id in manifest.tests else ()
    parents = set()
    for parent in direct:
        if parent in manifest.models and manifest.models[parent].materialized == "ephemeral":
            parents |= _parents(parent, manifest)
        elif parent in manifest.models:
            parents.add(parent)
    return parents


def _read_models(selected: Collection[str], manifest: DbtManifest, before: DbtManifest) -> tuple[str, ...]:
    read = {parent for name in selected for parent in _parents(name, manifest) if parent not in selected}
    return tuple(sorted(manifest.models[parent].name for parent in read if parent in before.models))


def _copied(
    selected: Iterable[str], manifest: DbtManifest, before: DbtManifest, *, full_refresh: bool
) -> list[tuple[Model, Model]]:
    """Pairs of a model that adds to what is there and what it is in the published build."""
    adding = ("snapshot",) if full_refresh else ("snapshot", "incremental")
    return [
        (manifest.models[name], before.models[name])
        for name in selected
        if name in manifest.models
        and name in before.models
        and manifest.models[name].materialized in adding
        and before.models[name].materialized in ("snapshot", "incremental", "table")
    ]


def _tables(selected: Iterable[str], manifest: DbtManifest) -> set[str]:
    return {manifest.models[name].alias.lower() for name in selected if name in manifest.models}
