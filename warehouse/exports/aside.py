"""Exporting into a temporary place: what an export would write, without a new version."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from warehouse import storage
from warehouse.datasets.versions import Version
from warehouse.errors import ExportError, problem_list
from warehouse.exports.export import export_dataset
from warehouse.exports.outcome import Export
from warehouse.project import Project


@contextmanager
def exported_aside(
    project: Project, name: str, *, now: datetime, build: str | None = None, recorded: Version | None = None
) -> Iterator[Version]:
    """A version of this dataset as it would be written, until the block ends.

    Args:
        project: The project; nothing in it changes but its temporary folder.
        name: The dataset's name.
        now: When.
        build: Id of a build; the published one when left out.
        recorded: Export by this version's specification, with all that it resolved, instead of the declared one.

    Raises:
        ProjectError: there is no such build.
        SpecError: no such dataset, or its declaration is wrong.
        ExportError: nothing would be written.
        StorageError: the disk is full or cannot be written.
    """
    state = project.temporary_path / f"aside-{uuid.uuid4().hex}"
    aside = replace(project, settings=replace(project.settings, state_path=str(state)))
    try:
        with storage.storage_errors(f"write {state}"):
            aside.datasets_path.mkdir(parents=True)
            aside.warehouse_path.symlink_to(project.warehouse_path.resolve(), target_is_directory=True)
            if recorded is not None:
                _show_frozen(project, aside, recorded)
        result = export_dataset(
            aside,
            name,
            now=now,
            build=build,
            allow_split_changes=True,
            recorded=recorded.manifest.spec if recorded else None,
        )
        yield Version(path=_path(result), manifest=result.manifest)
    finally:
        shutil.rmtree(state, ignore_errors=True)


def _show_frozen(project: Project, aside: Project, recorded: Version) -> None:
    """Links to the versions that splits are frozen to: the export looks the keys up there."""
    for number in set(recorded.manifest.spec.freeze.values()):
        original = project.datasets_path / recorded.name / number
        link = aside.datasets_path / recorded.name / number
        link.parent.mkdir(parents=True, exist_ok=True)
        if original.is_dir():
            link.symlink_to(original.resolve(), target_is_directory=True)


def _path(result: Export) -> Path:
    if result.path is None:
        problems = [finding.message for finding in result.findings]
        raise ExportError(problem_list(f"{result.manifest.name} would not be exported:", problems))
    return result.path
