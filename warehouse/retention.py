"""Which builds and versions are kept, and cleaning up after processes that died. Never touches the published build."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from warehouse import records, storage
from warehouse.datasets.removal import (
    RemovedVersion,
    delete_leftovers,
    delete_versions,
    freed_bytes,
    leftovers,
    unneeded_versions,
)
from warehouse.datasets.tags import dataset_lock
from warehouse.datasets.versions import dataset_names, read_version, standing_numbers
from warehouse.errors import LockedError, VersionError
from warehouse.findings import Finding, Severity
from warehouse.project import Project
from warehouse.published import BuildFiles, build_ids, published_id
from warehouse.records import Status
from warehouse.spark_leftovers import SparkLeftovers

KEPT_LOGS = 50
"""Runs whose dbt log is kept."""


def sweep_interrupted(project: Project) -> tuple[str, ...]:
    """Marks builds whose process died, and deletes half-written files; the caller holds the build lock.

    Returns the ids of the builds.
    """
    swept = []
    for record in records.read_records(project):
        if record.command != "build" or record.status is not Status.RUNNING:
            continue
        records.write_record(project, replace(record, status=Status.INTERRUPTED))
        swept.append(record.id)
    # NOTE: folders before records: a pull writes its record first, so that no build that is just arriving is unknown.
    ids = build_ids(project)
    known = set(records.run_ids(project))
    unknown = [build_id for build_id in ids if build_id not in known]
    if swept or unknown:
        with SparkLeftovers(project) as on_spark, _deleting(project, on_spark):
            for build_id in {*swept, *unknown} - {published_id(project)}:
                _delete(project, build_id, on_spark)
    (project.warehouse_path / "building").unlink(missing_ok=True)
    return tuple(swept)


def remove_old_builds(project: Project) -> tuple[str, ...]:
    """Deletes builds that nothing needs and returns their ids; their records stay.

    Kept are: the published build, the newest `keep_builds` that passed, as many that were pulled from a store, the
    newest one that did not pass (for inspection), what a dataset version was exported from, and what another process
    has open.
    """
    with SparkLeftovers(project) as on_spark:
        return _remove_old_builds(project, on_spark)


def _remove_old_builds(project: Project, on_spark: SparkLeftovers) -> tuple[str, ...]:
    with _deleting(project, on_spark):
        removed = tuple(build_id for build_id in list(unneeded_builds(project)) if _delete(project, build_id, on_spark))
        _remove_old_logs(project)
        return removed


def unneeded_builds(project: Project, *, without: Collection[tuple[str, str]] = ()) -> Iterator[str]:
    """Ids of the builds that `remove_old_builds` would delete, were these versions (name, number) gone."""
    ids = build_ids(project)  # before the records, as above
    known = records.read_records(project)
    status = {record.id: record.status for record in known}
    # Builds of others must not push one's own out.
    of_others = {record.id for record in known if "pulled" in record.details}
    pulled = [build_id for build_id in ids if build_id in of_others]
    own = [build_id for build_id in ids if build_id not in of_others]
    passed = [build_id for build_id in own if status.get(build_id) is Status.PASSED]
    others = [build_id for build_id in own if status.get(build_id) is not Status.PASSED]
    needed = needed_builds(project, without=without)
    count = project.settings.keep_builds
    keep = {*passed[-count:], *pulled[-count:], *others[-1:], *needed, published_id(project)}
    for build_id in ids:
        files = BuildFiles(id=build_id, path=project.builds_path / build_id)
        if build_id not in keep and not storage.has_reader(files.content_path):
            yield build_id


def _remove_old_logs(project: Project) -> None:
    """Keeps dbt's logs of the newest runs, failed ones above all, whether or not their builds are kept."""
    kept = set(records.run_ids(project)[-KEPT_LOGS:])
    for path in (project.warehouse_path / "logs").glob("*"):
        if path.name not in kept:
            shutil.rmtree(path, ignore_errors=True)


def needed_builds(project: Project, *, without: Collection[tuple[str, str]] = ()) -> set[str]:
    """Builds that dataset versions were exported from, so that these can be made again.

    A version that was withdrawn needs none, and neither does one from which somebody was left out: it cannot be made
    again from a build that still holds them.
    """
    needed = set()
    for name in dataset_names(project):
        for number in standing_numbers(project, name):
            if (name, number) in without:
                continue
            try:
                manifest = read_version(project.datasets_path / name / number).manifest
            except VersionError:
                continue  # a damaged manifest names no build; `warehouse verify` says what is wrong with it
            if manifest.forgotten is None:
                needed.add(manifest.provenance.build_id)
    return needed


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaning:
    """What a clean-up deleted, or would delete."""

    dry_run: bool
    versions: tuple[RemovedVersion, ...]
    leftover_count: int
    """Folders of killed exports and deletions."""
    builds: tuple[str, ...]
    """Ids."""
    byte_count: int
    """Disk space that becomes free; a file that something kept also has is not counted."""
    findings: tuple[Finding, ...]
    """What was left alone, and why."""


def clean_up(project: Project, *, now: datetime, keep: int | None = None, dry_run: bool = False) -> Cleaning:
    """Deletes what nothing needs: withdrawn versions, leftovers of killed processes, old builds.

    Args:
        project: The project.
        now: When it happens.
        keep: Also delete versions older than the newest so many of their dataset, unless they are tagged or another
            version's split is frozen to them. At least one stays.
        dry_run: Only find out.

    Raises:
        VersionError: tags or other marks of a dataset cannot be read.
        StorageError: something cannot be deleted.
    """
    with SparkLeftovers(project) as on_spark:
        return _clean_up(project, on_spark, now=now, keep=keep, dry_run=dry_run)


def _clean_up(
    project: Project, on_spark: SparkLeftovers, *, now: datetime, keep: int | None, dry_run: bool
) -> Cleaning:
    versions: list[RemovedVersion] = []
    dead: list[Path] = []
    findings: list[Finding] = []
    builds: list[str] = []
    size = 0
    if not dry_run:
        # First what takes no room to delete: a version needs some, for the record that it was there.
        size += _build_bytes(project, unneeded_builds(project))
        builds += _remove_old_builds(project, on_spark)
        if project.settings.engine == "spark":
            on_spark.drop_scratch(now=now)
    folders = sorted(project.datasets_path.iterdir()) if project.datasets_path.is_dir() else []
    for folder in (path for path in folders if path.is_dir() and not path.name.startswith(".")):
        try:
            with nullcontext() if dry_run else dataset_lock(project, folder.name, timeout=0):
                found, kept = unneeded_versions(project, folder.name, keep=keep)
                garbage = leftovers(folder)
                size += freed_bytes([*(version.path for version in found), *garbage])
                if not dry_run:
                    delete_leftovers(garbage)
                    delete_versions(project, found, now=now)
        except LockedError as error:
            findings.append(_left_alone(folder.name, error))
            continue
        versions += found
        dead += garbage
        findings += kept
    gone = {(version.name, version.number) for version in versions}
    free = tuple(unneeded_builds(project, without=gone))
    size += _build_bytes(project, free)
    builds += free if dry_run else _remove_old_builds(project, on_spark)
    findings += [_stays(project, build_id, why) for build_id, why in sorted(on_spark.kept.items())]
    return Cleaning(
        dry_run=dry_run,
        versions=tuple(versions),
        leftover_count=len(dead),
        builds=tuple(builds),
        byte_count=size,
        findings=tuple(findings),
    )


def _build_bytes(project: Project, build_ids: Iterable[str]) -> int:
    return freed_bytes([project.builds_path / build_id for build_id in build_ids])


def _left_alone(name: str, error: LockedError) -> Finding:
    return Finding(
        severity=Severity.WARNING,
        check="gc",
        subject=name,
        message=f"nothing of {name} was deleted: {str(error).splitlines()[0]}",
        advice="run warehouse gc again when that is done",
    )


def _stays(project: Project, build_id: str, why: str) -> Finding:
    path = project.relative(project.builds_path / build_id)
    return Finding(
        severity=Severity.INFO,
        check="gc",
        subject=f"build {build_id}",
        message=f"nothing needs it, and its tables on Spark cannot be dropped now: {why}",
        advice=f"each clean-up tries it again; if that cluster is gone for good, delete {path}",
    )


def _delete(project: Project, build_id: str, on_spark: SparkLeftovers) -> bool:
    """Whether the build is gone; one that somebody opened at the last moment stays, and one that Spark still has.

    The folder is renamed away first: a kill in between leaves no folder that looks like a build, and from then on
    nobody can open it by its name, so that who has not opened it by then never will.
    """
    path = project.builds_path / build_id
    if not path.is_dir():
        return False
    with storage.storage_errors(f"remove {path}"):
        trash = path.with_name(f".trash-{build_id}")
        path.rename(trash)
        files = BuildFiles(id=build_id, path=trash)
        if storage.has_reader(files.content_path) or not on_spark.drop_build(files):
            trash.rename(path)
            return False
        shutil.rmtree(trash)
    return True


@contextmanager
def _deleting(project: Project, on_spark: SparkLeftovers) -> Iterator[None]:
    """Nobody publishes, and nobody else deletes, while the block runs; what a killed process left goes first."""
    with storage.lock(project.warehouse_path / "publish.lock", purpose="publishing", timeout=60):
        for leftover in project.builds_path.glob(".trash-*"):
            files = BuildFiles(id=leftover.name.removeprefix(".trash-"), path=leftover)
            with storage.storage_errors(f"remove {leftover}"):
                if on_spark.drop_build(files):
                    shutil.rmtree(leftover)
        yield
