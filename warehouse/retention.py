"""Which builds are kept, and cleaning up after processes that died. Never touches the published build."""

from __future__ import annotations

import shutil
from dataclasses import replace

from warehouse import records, storage
from warehouse.datasets.versions import dataset_names, find_version, version_numbers
from warehouse.errors import VersionError
from warehouse.project import Project
from warehouse.published import BuildFiles, build_ids, published_id
from warehouse.records import Status

KEPT_LOGS = 50
"""Runs whose dbt log is kept."""


def sweep_interrupted(project: Project) -> tuple[str, ...]:
    """Marks builds whose process died and deletes their half-written files; the caller holds the build lock."""
    swept = []
    for record in records.read_records(project):
        if record.command != "build" or record.status is not Status.RUNNING:
            continue
        records.write_record(project, replace(record, status=Status.INTERRUPTED))
        swept.append(record.id)
        if record.id != published_id(project):
            _delete(project, record.id)
    known = set(records.run_ids(project))
    for build_id in build_ids(project):
        if build_id not in known and build_id != published_id(project):
            _delete(project, build_id)
    (project.warehouse_path / "building").unlink(missing_ok=True)
    return tuple(swept)


def remove_old_builds(project: Project) -> tuple[str, ...]:
    """Deletes builds that nothing needs and returns their ids; their records stay.

    Kept are: the published build, the newest `keep_builds` that passed, the newest one that did not (for inspection),
    what a dataset version was exported from, and what another process has open.
    """
    with storage.lock(project.warehouse_path / "publish.lock", purpose="publishing", timeout=60):
        status = {record.id: record.status for record in records.read_records(project)}
        ids = build_ids(project)
        passed = [build_id for build_id in ids if status.get(build_id) is Status.PASSED]
        others = [build_id for build_id in ids if status.get(build_id) is not Status.PASSED]
        keep = {*passed[-project.settings.keep_builds :], *others[-1:], *needed_builds(project), published_id(project)}
        removed = []
        for build_id in ids:
            files = BuildFiles(id=build_id, path=project.builds_path / build_id)
            if build_id not in keep and not storage.has_reader(files.database_path):
                _delete(project, build_id)
                removed.append(build_id)
        _remove_old_logs(project)
        return tuple(removed)


def _remove_old_logs(project: Project) -> None:
    """Keeps dbt's logs of the newest runs, failed ones above all, whether or not their builds are kept."""
    kept = set(records.run_ids(project)[-KEPT_LOGS:])
    for path in (project.warehouse_path / "logs").glob("*"):
        if path.name not in kept:
            shutil.rmtree(path, ignore_errors=True)


def needed_builds(project: Project) -> set[str]:
    """Builds that dataset versions were exported from, so that these can be made again."""
    needed = set()
    for name in dataset_names(project):
        for number in version_numbers(project, name):
            try:
                needed.add(find_version(project, f"{name}@{number}").manifest.provenance.build_id)
            except VersionError:
                continue  # a damaged manifest names no build; `warehouse verify` says what is wrong with it
    return needed


def _delete(project: Project, build_id: str) -> None:
    """Renames the folder away first: a kill in between leaves no folder that looks like a build."""
    path = project.builds_path / build_id
    if not path.is_dir():
        return
    with storage.storage_errors(f"remove {path}"):
        trash = path.with_name(f".trash-{build_id}")
        path.rename(trash)
        for leftover in project.builds_path.glob(".trash-*"):
            shutil.rmtree(leftover)
