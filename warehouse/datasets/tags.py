"""Tags: names such as `prod` that point at one version of a dataset and can be moved to another."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from dataclasses import dataclass

from warehouse import storage
from warehouse.datasets.marks import read_tags, write_tags
from warehouse.datasets.versions import NEWEST, find_version, is_folder_name, version_numbers
from warehouse.errors import VersionError, suggestion
from warehouse.project import Project

_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_NUMBER_LIKE = re.compile(r"[vV]?\d+(\.\d+)*")
RESERVED = (NEWEST, "latest", "build")

LOCK_SECONDS = 30.0
"""How long a small change waits for an export of the same dataset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TagChange:
    """What became of one tag."""

    name: str
    """The dataset's."""
    tag: str
    old: str | None
    """Number that it named before; None when it is new."""
    new: str | None
    """Number that it names now; None when it was deleted."""


def list_tags(project: Project, name: str) -> dict[str, str]:
    """The dataset's tags, each with the number that it names.

    Raises:
        VersionError: the dataset has no version, or its tags cannot be read.
    """
    _require_dataset(project, name)
    return read_tags(project.datasets_path / name)


def tags_by_number(project: Project, name: str) -> dict[str, tuple[str, ...]]:
    """Every tagged number with its tags; empty for a dataset without any."""
    found: dict[str, tuple[str, ...]] = {}
    for tag, number in read_tags(project.datasets_path / name).items():
        found[number] = (*found.get(number, ()), tag)
    return found


def set_tag(project: Project, reference: str, tag: str) -> TagChange:
    """Lets the tag name this version, whatever it named before.

    Raises:
        VersionError: there is no such version, it was withdrawn, or the tag cannot be a name.
        LockedError: the dataset is being exported or changed.
    """
    check_tag(tag)
    name = find_version(project, reference).name
    folder = project.datasets_path / name
    with dataset_lock(project, name):
        # Looked up again: `reference` may name another tag, or the newest version, which may have changed meanwhile.
        number = find_version(project, reference).number
        tags = read_tags(folder)
        old = tags.get(tag)
        if old != number:
            write_tags(folder, {**tags, tag: number})
    return TagChange(name=name, tag=tag, old=old, new=number)


def delete_tag(project: Project, name: str, tag: str) -> TagChange:
    """Takes the tag away; the version that it named stays.

    Raises:
        VersionError: there is no such dataset or tag.
        LockedError: the dataset is being exported or changed.
    """
    _require_dataset(project, name)
    folder = project.datasets_path / name
    with dataset_lock(project, name):
        tags = read_tags(folder)
        if tag not in tags:
            raise VersionError(
                f"dataset {name!r} has no tag {tag!r}; {suggestion(tag, list(tags)) or 'it has none at all'}"
            )
        old = tags.pop(tag)
        write_tags(folder, tags)
    return TagChange(name=name, tag=tag, old=old, new=None)


def check_tag(tag: str) -> None:
    """Makes sure that the text can be a tag.

    Raises:
        VersionError: it has other characters, looks like a number, or is reserved.
    """
    if not _TAG.fullmatch(tag):
        raise VersionError(
            f"{tag!r} cannot be a tag: letters (a to z), digits, '.', '_' and '-' only, a letter or digit first, "
            "100 at most"
        )
    if _NUMBER_LIKE.fullmatch(tag):
        raise VersionError(f"{tag!r} cannot be a tag: it looks like a version's number")
    if tag.lower() in RESERVED:
        raise VersionError(f"{tag!r} cannot be a tag: it is reserved ({', '.join(RESERVED)})")


def dataset_lock(project: Project, name: str, *, timeout: float = LOCK_SECONDS) -> AbstractContextManager[None]:
    """Holds the dataset's own lock, which exports hold too.

    Raises:
        LockedError: somebody else holds it, also after `timeout` seconds.
    """
    path = project.datasets_path / name / ".lock"
    return storage.lock(path, purpose=f"an export or another change of {name}", timeout=timeout)


def _require_dataset(project: Project, name: str) -> None:
    if "@" in name:
        raise VersionError(f"{name!r} is a version; name the dataset alone: {name.partition('@')[0]}")
    if not is_folder_name(name) or not version_numbers(project, name):
        find_version(project, name)
