"""Exporting into a temporary place: what an export would write, without a new version."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from warehouse import storage
from warehouse.datasets.spec import DatasetSpec, HashSplit
from warehouse.datasets.splits import whole_name
from warehouse.datasets.versions import Version, find_version, newest_version, standing_numbers, version_numbers
from warehouse.errors import ExportError, VersionError, problem_list
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
        VersionError: a version that it followed is not there any more.
        ExportError: nothing would be written.
        StorageError: the disk is full or cannot be written.
    """
    state = project.temporary_path / f"aside-{uuid.uuid4().hex}"
    # NOTE: no store, which would take what is written here for the dataset's next version.
    aside = replace(project, settings=replace(project.settings, state_path=str(state), store=""))
    try:
        with storage.storage_errors(f"write {state}"):
            aside.datasets_path.mkdir(parents=True)
            aside.warehouse_path.symlink_to(project.warehouse_path.resolve(), target_is_directory=True)
            share = _share(project, name) if recorded is None else None
            if recorded is not None:
                _show_followed(project, aside, recorded)
            else:
                for dataset in {name, whole_name(share) if share else name}:
                    _link(project, aside, dataset, version_numbers(project, dataset))
        result = export_dataset(
            aside,
            whole_name(share) if share else name,
            now=now,
            build=build,
            fraction=share.fraction if share else None,
            allow_split_changes=True,
            recorded=recorded.manifest.spec if recorded else None,
            tell=False,
        )
        yield Version(path=_path(result), manifest=result.manifest)
    finally:
        shutil.rmtree(state, ignore_errors=True)


def _share(project: Project, name: str) -> DatasetSpec | None:
    """The specification of an exported share of train, whose name no declaration has; None for a whole."""
    newest = newest_version(project, name)
    return newest.manifest.spec if newest and newest.manifest.spec.fraction < 1 else None


def _show_followed(project: Project, aside: Project, recorded: Version) -> None:
    """Links to the versions in which the export looks keys up: frozen splits, and strata whose rows stay."""
    spec = recorded.manifest.spec
    # A share of train follows the versions of the whole.
    whole = whole_name(spec)
    numbers = set(spec.freeze.values()) & set(version_numbers(project, whole))
    if isinstance(spec.split, HashSplit) and spec.split.stratify:
        before = _newest_before(project, whole, recorded)
        if before is None and recorded.manifest.change is not None:
            raise VersionError(
                f"{recorded.reference} cannot be made again: its strata kept the places that rows had in an earlier "
                f"version, {whole}@{recorded.manifest.change.since}, which does not stand any more"
            )
        numbers |= {before} if before else set()
    _link(project, aside, whole, numbers)


def _link(project: Project, aside: Project, dataset: str, numbers: Iterable[str]) -> None:
    folder = aside.datasets_path / dataset
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        original = project.datasets_path / dataset / number
        (folder / number).symlink_to(original.resolve(), target_is_directory=True)


def _newest_before(project: Project, whole: str, recorded: Version) -> str | None:
    """Number of the version whose rows kept their places in this one; None when there was or is none."""
    numbers = standing_numbers(project, whole)
    if whole == recorded.name:
        change = recorded.manifest.change
        return change.since if change is not None and change.since in numbers else None
    made = recorded.manifest.created_at
    before = [number for number in numbers if find_version(project, f"{whole}@{number}").manifest.created_at <= made]
    return before[-1] if before else None


def _path(result: Export) -> Path:
    if result.path is None:
        problems = [finding.message for finding in result.findings]
        raise ExportError(problem_list(f"{result.manifest.name} would not be exported:", problems))
    return result.path
