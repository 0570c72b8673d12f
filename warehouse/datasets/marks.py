"""What is said about versions outside of them: tags, withdrawals and removals, each a small JSON file.

A version never changes, so whatever is decided about it later stands beside it: `tags.json` and `removed.json` in the
dataset's folder, `withdrawn.json` in the version's own. No checksum covers them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from warehouse import storage
from warehouse.errors import VersionError

TAGS_NAME = "tags.json"
WITHDRAWN_NAME = "withdrawn.json"
REMOVED_NAME = "removed.json"
STORED_NAME = "stored.json"
"""In a version's folder: its data files lie in a store, where Spark's workers put them, until somebody pulls them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """Why a version is no longer to be used; it never says who asked for it."""

    at: str
    """UTC, ISO 8601."""
    reason: str
    """`forgotten`."""
    successor: str | None
    """Number of the version to use instead; None when there is none."""
    row_count: int
    """Rows that had to go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A version that was deleted; its number is never given again."""

    number: str
    at: str
    """UTC, ISO 8601."""
    reason: str
    """`removed`, `old` or `withdrawn`."""
    successor: str | None = None
    """Number of the version to use instead, when it was withdrawn for one."""


def write_stored(folder: Path, url: str) -> None:
    """Says that the data files of the version in this folder lie in the store at this URL.

    Raises:
        StorageError: it cannot be written.
    """
    storage.write_json(folder / STORED_NAME, {"store": url})


def read_stored_url(folder: Path) -> str | None:
    """URL of the store that has the data files of the version in this folder; None when they are here.

    Raises:
        VersionError: the file cannot be read.
    """
    path = folder / STORED_NAME
    if not path.is_file():
        return None
    document = _read(path)
    url = document.get("store") if isinstance(document, dict) else None
    if not isinstance(url, str):
        raise _unreadable(path, "it names no store")
    return url


def read_tags(folder: Path) -> dict[str, str]:
    """The dataset's tags, each with the number that it names, sorted; empty when there are none.

    Raises:
        VersionError: the file cannot be read.
    """
    document = _read(folder / TAGS_NAME)
    if not isinstance(document, dict) or not all(isinstance(number, str) for number in document.values()):
        raise _unreadable(folder / TAGS_NAME, "it does not map names to numbers")
    return dict(sorted(document.items()))


def write_tags(folder: Path, tags: Mapping[str, str]) -> None:
    """Replaces all tags of the dataset at once; the caller holds its lock."""
    storage.write_json(folder / TAGS_NAME, dict(sorted(tags.items())))


def read_withdrawal(version_path: Path) -> Withdrawal | None:
    """Why the version in this folder was withdrawn; None for one that stands.

    Raises:
        VersionError: the file cannot be read.
    """
    path = version_path / WITHDRAWN_NAME
    if not path.is_file():
        return None
    try:
        return Withdrawal(**_read(path))
    except TypeError as error:
        raise _unreadable(path, str(error)) from error


def write_withdrawal(version_path: Path, withdrawal: Withdrawal) -> None:
    """Withdraws the version in this folder; the caller holds the dataset's lock."""
    # NOTE: aside, since a file that a kill left in the version's folder would not be part of the version.
    storage.write_json(version_path / WITHDRAWN_NAME, asdict(withdrawal), aside=version_path.parent)


def read_removals(folder: Path) -> dict[str, Removal]:
    """Versions of the dataset that were deleted, by number.

    Raises:
        VersionError: the file cannot be read.
    """
    document = _read(folder / REMOVED_NAME)
    try:
        return {number: Removal(number=number, **entry) for number, entry in document.items()}
    except (AttributeError, TypeError) as error:
        raise _unreadable(folder / REMOVED_NAME, str(error)) from error


def add_removal(folder: Path, removal: Removal) -> None:
    """Writes down that a version is deleted; the caller holds the dataset's lock."""
    removals = {**read_removals(folder), removal.number: removal}
    entries = {number: asdict(entry) for number, entry in removals.items()}
    storage.write_json(
        folder / REMOVED_NAME,
        {number: {key: value for key, value in entry.items() if key != "number"} for number, entry in entries.items()},
    )


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _unreadable(path, str(error)) from error


def _unreadable(path: Path, reason: str) -> VersionError:
    return VersionError(f"cannot read {path}: {reason}\n  restore it from a copy, or delete it")
