"""Deleting versions: one that somebody names, or all that nothing needs any more.

A version is renamed aside and then emptied, so that a kill leaves it whole or gone. Its number is written down first
and never given again.
"""

from __future__ import annotations

import os
import shutil
import stat
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from warehouse import storage
from warehouse.datasets.marks import Removal, add_removal, read_withdrawal
from warehouse.datasets.tags import dataset_lock, tags_by_number
from warehouse.datasets.verification import REPORTS_FOLDER
from warehouse.datasets.versions import Version, find_version, read_version, standing_numbers, version_numbers
from warehouse.errors import StorageError, VersionError, problem_list
from warehouse.findings import Finding, Severity
from warehouse.project import Project

_BLOCK_BYTES = 512
"""What `st_blocks` counts, whatever the file system's own blocks are (POSIX)."""


class Reason(StrEnum):
    """Why a version was deleted."""

    REMOVED = "removed"
    """Somebody asked for it."""
    WITHDRAWN = "withdrawn"
    OLD = "old"
    """Newer ones are enough, as somebody said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedVersion:
    """A version that was deleted, or would be."""

    name: str
    number: str
    path: Path
    reason: Reason

    @property
    def reference(self) -> str:
        """`late_arrivals@1.0.0`."""
        return f"{self.name}@{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalResult:
    """What a deletion came to."""

    versions: tuple[RemovedVersion, ...]
    byte_count: int
    """Disk space that became free; a file that a version that stays also has is not counted."""


def remove_version(project: Project, reference: str, *, now: datetime, force: bool = False) -> RemovalResult:
    """Deletes one version.

    Args:
        project: The project.
        reference: The version, with its number or tag.
        now: When it is deleted.
        force: Also the newest one that stands.

    Raises:
        VersionError: there is no such version, or it is needed: it has a tag, another version's test set is frozen to
            it, or it is the newest one.
        LockedError: the dataset is being exported or changed.
        StorageError: the folder cannot be changed.
    """
    name = find_version(project, reference, allow_withdrawn=True).name
    with dataset_lock(project, name):
        version = find_version(project, reference, allow_withdrawn=True)
        uses = _uses(project, version, force=force)
        if uses:
            raise VersionError(problem_list(f"{version.reference} is needed, so it was not deleted:", uses))
        plan = [RemovedVersion(name=name, number=version.number, path=version.path, reason=Reason.REMOVED)]
        size = freed_bytes([version.path])
        delete_versions(project, plan, now=now)
    return RemovalResult(versions=tuple(plan), byte_count=size)


def _uses(project: Project, version: Version, *, force: bool) -> list[str]:
    """Why the version must stay; each with what would free it."""
    if version.withdrawal is not None:
        return []
    name, number = version.name, version.number
    tags = tags_by_number(project, name).get(number, ())
    uses = [f"tag {tag!r} names it\nwarehouse tag --delete {name} {tag}" for tag in tags]
    for other in standing_numbers(project, name):
        if other != number and number in _frozen_to(project, name, other):
            uses.append(f"{name}@{other} has a split that is frozen to it\ndelete that one first")
    if not force and number == standing_numbers(project, name)[-1]:
        uses.append("it is the newest version, which the next export is compared with\nif this is meant: --force")
    return uses


def _frozen_to(project: Project, name: str, number: str) -> set[str]:
    try:
        return set(read_version(project.datasets_path / name / number).manifest.spec.freeze.values())
    except VersionError:
        return set()


def unneeded_versions(
    project: Project, name: str, *, keep: int | None
) -> tuple[tuple[RemovedVersion, ...], tuple[Finding, ...]]:
    """Versions of a dataset that may go, and why some that seem to may not.

    Withdrawn ones may go, and with `keep` those older than the newest `keep` that stand, unless they have a tag or a
    version that stays has a split that is frozen to them.
    """
    folder = project.datasets_path / name
    tagged = tags_by_number(project, name)
    standing = standing_numbers(project, name)
    findings = []
    plan = []
    for number in version_numbers(project, name):
        if number in standing:
            continue
        if number in tagged:
            findings.append(_kept(name, number, f"was withdrawn and still has the tag {tagged[number][0]!r}"))
        else:
            plan.append((number, Reason.WITHDRAWN))
    if keep is not None:
        kept = {*standing[-max(keep, 1) :], *(number for number in standing if number in tagged)}
        unread = set(kept)
        while unread:
            number = unread.pop()
            try:
                frozen = set(read_version(folder / number).manifest.spec.freeze.values())
            except VersionError:
                findings.append(_kept(name, number, "cannot be read, so no older version of it was deleted"))
                kept = set(standing)
                break
            unread |= frozen & set(standing) - kept
            kept |= frozen
        plan += [(number, Reason.OLD) for number in standing if number not in kept]
    versions = (
        RemovedVersion(name=name, number=number, path=folder / number, reason=reason) for number, reason in plan
    )
    return tuple(versions), tuple(findings)


def _kept(name: str, number: str, message: str) -> Finding:
    return Finding(
        severity=Severity.WARNING,
        check="gc",
        subject=f"{name}@{number}",
        message=f"{name}@{number} {message}",
        advice=f"look at it with: warehouse show {name}@{number}",
    )


def delete_versions(project: Project, plan: Iterable[RemovedVersion], *, now: datetime) -> None:
    """Deletes these versions; the caller holds the locks of their datasets."""
    at = now.astimezone(UTC).isoformat(timespec="seconds")
    for version in plan:
        folder = project.datasets_path / version.name
        withdrawal = read_withdrawal(version.path)
        successor = withdrawal.successor if withdrawal else None
        removal = Removal(number=version.number, at=at, reason=version.reason.value, successor=successor)
        try:
            add_removal(folder, removal)
        except StorageError:
            # On a full disk, what is about to go and no checksum covers makes room for the record.
            shutil.rmtree(version.path / REPORTS_FOLDER, ignore_errors=True)
            add_removal(folder, removal)
        # NOTE: the name of an export's leftovers, so that the next export or gc finishes what a kill interrupts.
        storage.remove_folder(version.path, aside=folder / f".tmp-removed-{uuid.uuid4().hex}")


def leftovers(dataset_path: Path) -> list[Path]:
    """What killed exports and changes left behind; only while holding the dataset's lock is it dead."""
    files = (path for path in dataset_path.glob(".*.tmp") if not path.name.startswith(".lock"))
    return sorted([*dataset_path.glob(".tmp-*"), *files])


def delete_leftovers(paths: Iterable[Path]) -> None:
    """Deletes what a dead process left."""
    for path in paths:
        with storage.storage_errors(f"remove {path}"):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def freed_bytes(folders: Iterable[Path]) -> int:
    """Disk space that deleting all these folders at once frees.

    A file that has a name outside of them stays on the disk, and one that has several names in them counts once. What
    somebody else deletes meanwhile is passed over.
    """
    names = Counter[tuple[int, int]]()
    files: dict[tuple[int, int], tuple[int, int]] = {}
    for folder in folders:
        for path in (folder, *(Path(below, name) for below, _, found in os.walk(folder) for name in found)):
            try:
                state = path.lstat()
            except FileNotFoundError:
                continue
            if stat.S_ISDIR(state.st_mode):
                continue
            inode = (state.st_dev, state.st_ino)
            names[inode] += 1
            files[inode] = (state.st_nlink, state.st_blocks * _BLOCK_BYTES)
    return sum(size for inode, (links, size) in files.items() if names[inode] == links)
