"""How versions lie in a store.

    <prefix>/<dataset>/<version>/SHA256SUMS      last written, the commit point: it lists every file of the version
    <prefix>/<dataset>/objects/<sha256><ext>     every file, data and texts, under the checksum of its content
    <prefix>/<dataset>/staging/<export>/         what Spark's workers are writing; copied to objects by the store itself

Content has one name, so a file that several versions share is stored once, two writers can never disagree about an
object, and an upload that was killed goes on where it stopped. A version exists when its one small object does, and
that is created by a conditional put.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from warehouse.datasets.manifest import NUMBER
from warehouse.datasets.versions import MANIFEST_NAME, number_parts
from warehouse.datasets.writing import CHECKSUMS_NAME
from warehouse.errors import StoreError, suggestion
from warehouse.object_store import Store

_LINE = re.compile(r"([0-9a-f]{64})  ([^\0-\x1f\\]+)")
_NAME = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVersion:
    """A version in a store."""

    dataset: str
    number: str
    checksums: bytes
    """Its SHA256SUMS."""
    files: Mapping[str, str]
    """SHA-256 by path, of every file but SHA256SUMS."""

    @property
    def reference(self) -> str:
        """`late_arrivals@1.0.0`."""
        return f"{self.dataset}@{self.number}"

    @property
    def content_id(self) -> str:
        """The SHA-256 of SHA256SUMS: equal when every file is."""
        return hashlib.sha256(self.checksums).hexdigest()


def commit_key(dataset: str, number: str) -> str:
    """Of the object that makes a version exist."""
    return f"{dataset}/{number}/{CHECKSUMS_NAME}"


def check_name(dataset: str) -> None:
    """Refuses what cannot be a dataset's name, before it becomes part of a key or a path.

    Raises:
        StoreError: it has anything but letters, digits and `_`.
    """
    if not _NAME.fullmatch(dataset):
        raise StoreError(f"{dataset!r} is not a dataset's name: letters, digits and _, a letter first")


def parse_checksums(dataset: str, number: str, content: bytes, *, where: str) -> StoredVersion:
    """The version that this SHA256SUMS describes.

    Raises:
        StoreError: it is not one, or it names a file outside of the version's folder.
    """
    files: dict[str, str] = {}
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError as error:
        raise StoreError(f"{where} is not a list of checksums: {error}") from error
    for line in lines:
        match = _LINE.fullmatch(line)
        parts = match[2].split("/") if match else []
        if match is None or any(part in ("", ".", "..") for part in parts) or match[2] in (*files, CHECKSUMS_NAME):
            raise StoreError(f"{where} is not a list of checksums: line {line[:100]!r} is refused")
        files[match[2]] = match[1]
    if MANIFEST_NAME not in files:
        raise StoreError(f"{where} does not list {MANIFEST_NAME}")
    return StoredVersion(dataset=dataset, number=number, checksums=content, files=files)


def stored_names(store: Store) -> tuple[str, ...]:
    """Names of the datasets in the store; what was not put there by this library is passed over."""
    return tuple(name for name in store.keys_below("") if _NAME.fullmatch(name))


def stored_numbers(store: Store, dataset: str) -> tuple[str, ...]:
    """Numbers of a dataset's versions in the store, oldest first; empty when there is none."""
    check_name(dataset)
    found = [number for number in store.keys_below(dataset) if NUMBER.fullmatch(number)]
    return tuple(sorted(found, key=number_parts))


def read_stored(store: Store, dataset: str, number: str) -> StoredVersion | None:
    """One version; None when the store has none of that number.

    Raises:
        StoreError: the store cannot be read, or what lies there is not a version.
    """
    check_name(dataset)
    key = commit_key(dataset, number)
    content = store.read(key)
    return None if content is None else parse_checksums(dataset, number, content, where=f"{store.url}/{key}")


def find_stored(store: Store, reference: str) -> StoredVersion:
    """The version that `name@1.2.0` names, or the newest one of `name`.

    Raises:
        StoreError: there is none, or the store cannot be read.
    """
    dataset, _, number = reference.partition("@")
    numbers = stored_numbers(store, dataset)
    if not numbers:
        hint = suggestion(dataset, stored_names(store)) or "the store is empty"
        raise StoreError(f"{store.url} has no version of dataset {dataset!r}; {hint}\n  list: warehouse remote")
    if number and number not in numbers:
        raise StoreError(
            f"{store.url} has no {reference}; {suggestion(number, numbers[::-1])}\n  list: warehouse remote"
        )
    # Newest first; a folder without its commit object is no version.
    for candidate in [number] if number else numbers[::-1]:
        found = read_stored(store, dataset, candidate)
        if found is not None:
            return found
    raise StoreError(f"{store.url} has no {reference}; it was deleted\n  list: warehouse remote")
