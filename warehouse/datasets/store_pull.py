"""Pulling a version: every file is checked as it arrives, and the folder appears in one rename."""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from warehouse import storage
from warehouse.datasets.marks import STORED_NAME, write_stored
from warehouse.datasets.store_keys import object_key
from warehouse.datasets.store_layout import StoredVersion, find_stored, stored_numbers
from warehouse.datasets.versions import MANIFEST_NAME, Version, number_parts, read_version, taken_numbers
from warehouse.datasets.writing import CHECKSUMS_NAME, file_sha256
from warehouse.errors import StoreError, VersionError
from warehouse.object_store import Store, cache_path, open_store
from warehouse.project import Project

_DOWNLOADS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """What a pull did."""

    reference: str
    url: str
    """Of the store."""
    path: Path
    is_new: bool
    """Whether it was not here yet."""
    file_count: int
    fetched_bytes: int
    """What was downloaded; files that another version here has are linked."""


def pull_version(store: Store, project: Project, reference: str) -> Pull:
    """Fetches `name@1.0.0`, or the newest version of `name`, into the project's datasets.

    Raises:
        StoreError: there is no such version, the store cannot be reached, or an object is not what its name says.
        VersionError: another version of this number is here already.
        LockedError: an export or another pull of this dataset is running.
    """
    found = find_stored(store, reference)
    folder = project.datasets_path / found.dataset
    with storage.lock(folder / ".lock", purpose=f"an export of {found.dataset}"):
        return fetch(store, found, folder / found.number)


def pull_newest(store: Store, project: Project, dataset: str, *, data: bool = True) -> Pull | None:
    """Fetches the dataset's newest version unless one as new is or was here; the caller holds the dataset's lock.

    Numbers continue from the newest version, and rows are compared with it, so older ones are not needed.

    Args:
        store: The project's.
        project: The project.
        dataset: The dataset's name.
        data: Whether its data files must be here: also those of a version that lies in the store with nothing but
            texts here. False leaves them in the store.
    """
    if not stored_numbers(store, dataset):
        return None
    found = find_stored(store, dataset)
    taken = taken_numbers(project, dataset)
    target = project.datasets_path / dataset / found.number
    is_half_here = data and (target / STORED_NAME).is_file()
    if taken and number_parts(taken[-1]) >= number_parts(found.number) and not is_half_here:
        return None
    return fetch(store, found, target, data=data)


def fetch(store: Store, found: StoredVersion, target: Path, *, data: bool = True) -> Pull:
    """Makes `target` the folder of this version, with the layout that an export gives it.

    Without `data`, its data files stay in the store, and the folder says so.
    """
    if (target / MANIFEST_NAME).is_file():
        if (target / CHECKSUMS_NAME).read_bytes() != found.checksums:
            raise VersionError(
                f"another {found.reference} is here already: {target}\n"
                f"  move it aside, then run again: warehouse pull {found.reference}"
            )
        fetched = _fetch_data(store, found, target) if data and (target / STORED_NAME).is_file() else 0
        return _pulled(store, found, target, fetched_bytes=fetched, is_new=bool(fetched))
    temporary = target.parent / f".tmp-{uuid.uuid4().hex}"
    paths = [path for path in found.files if path != MANIFEST_NAME and (data or not _is_data(path))]
    try:
        fetched = _fetch_files(store, found, temporary, paths, _files_here(target.parent))
        if not data:
            write_stored(temporary, store.url)
        storage.write_file(temporary / CHECKSUMS_NAME, found.checksums)
        fetched += _fetch_file(store, found, temporary, MANIFEST_NAME, {})
        storage.sync_folder(temporary)
        _check_manifest(store, found, read_version(temporary))
        storage.publish_folder(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return _pulled(store, found, target, fetched_bytes=fetched, is_new=True)


def _fetch_data(store: Store, found: StoredVersion, target: Path) -> int:
    """Puts the data files of a version whose texts are here into its folder, in one rename; bytes downloaded."""
    temporary = target.parent / f".tmp-{uuid.uuid4().hex}"
    try:
        paths = [path for path in found.files if _is_data(path)]
        fetched = _fetch_files(store, found, temporary, paths, _files_here(target.parent))
        with storage.storage_errors(f"write {target}"):
            # Left by a pull that died between its two last steps.
            shutil.rmtree(target / "data", ignore_errors=True)
            (temporary / "data").rename(target / "data")
            (target / STORED_NAME).unlink()
            storage.sync_folder(target)
        return fetched
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _is_data(path: str) -> bool:
    return path.startswith("data/")


def _fetch_files(store: Store, found: StoredVersion, folder: Path, paths: Sequence[str], here: dict[str, Path]) -> int:
    """Puts these files into the folder, durable, several at once; bytes that were downloaded."""
    parents = {(folder / path).parent for path in paths}
    with storage.storage_errors(f"write {folder}"):
        for parent in {folder, *parents}:
            parent.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max_workers=_DOWNLOADS) as pool:
        fetching = [pool.submit(_fetch_file, store, found, folder, path, here) for path in paths]
        try:
            fetched = sum(download.result() for download in fetching)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    with storage.storage_errors(f"write {folder}"):
        for parent in sorted(parents):
            storage.sync_folder(parent)
    return fetched


def _pulled(store: Store, found: StoredVersion, target: Path, *, fetched_bytes: int, is_new: bool) -> Pull:
    return Pull(
        reference=found.reference,
        url=store.url,
        path=target,
        is_new=is_new,
        file_count=len(found.files) + 1,
        fetched_bytes=fetched_bytes,
    )


def _fetch_file(store: Store, found: StoredVersion, folder: Path, path: str, here: dict[str, Path]) -> int:
    """Puts one file in its place, from a version that is here or from the store; bytes that were downloaded."""
    checksum, target = found.files[path], folder / path
    if checksum in here and file_sha256(here[checksum]) == checksum:
        storage.link_or_copy(here[checksum], target)
        return 0
    key = object_key(found.dataset, path, checksum)
    digest, size = hashlib.sha256(), 0
    with storage.storage_errors(f"write {target}"), target.open("wb") as file:
        for chunk in store.chunks(key):
            digest.update(chunk)
            size += file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    if digest.hexdigest() != checksum:
        raise StoreError(
            f"{store.url}/{key} is not what its name says: it was cut off or changed ({size:,} bytes)\n"
            f"  delete it, and push again from a copy that is whole: warehouse push {found.reference}"
        )
    return size


def _files_here(folder: Path) -> dict[str, Path]:
    """Data files of the dataset's versions in this folder, by checksum."""
    files: dict[str, Path] = {}
    for manifest_path in sorted(folder.glob(f"[0-9]*/{MANIFEST_NAME}")):
        try:
            version = read_version(manifest_path.parent)
        except VersionError:
            continue
        files |= {file.sha256: version.path / file.path for file in version.manifest.files}
    return {checksum: path for checksum, path in files.items() if path.is_file()}


def _check_manifest(store: Store, found: StoredVersion, version: Version) -> None:
    """Refuses a version whose manifest is of something else, or disagrees with SHA256SUMS about its data."""
    listed = {file.path: file.sha256 for file in version.manifest.files}
    is_same = all(found.files.get(path) == checksum for path, checksum in listed.items())
    if version.reference != found.reference or not is_same:
        raise StoreError(
            f"{store.url} does not hold {found.reference} under its name: its manifest is of {version.reference}"
            f"{'' if is_same else ', and lists other files'}"
        )


def open_remote(url: str, number: str | None = None, *, cache: Path | None = None) -> Version:
    """The version of a dataset in a store, by `s3://bucket/prefix/name`; downloaded once, then read from the cache.

    Folders in the cache are named by content, so they are never stale; deleting one costs a download.

    Raises:
        StoreError: there is no such version, or the store cannot be reached.
    """
    base, _, name = url.rstrip("/").rpartition("/")
    name, _, in_name = name.partition("@")
    store = open_store(base)
    found = find_stored(store, f"{name}@{number or in_name}" if number or in_name else name)
    folder = (cache or cache_path()) / found.content_id
    if not (folder / found.number / MANIFEST_NAME).is_file():
        with storage.lock(folder / ".lock", purpose=f"a download of {found.reference}", timeout=3600):
            fetch(store, found, folder / found.number)
    return read_version(folder / found.number)
