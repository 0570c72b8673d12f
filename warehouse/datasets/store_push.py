"""Pushing a version: its contents first, then the one object that makes it exist."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from warehouse import storage
from warehouse.datasets.store_keys import object_key, objects_folder, staging_folder
from warehouse.datasets.store_layout import (
    StoredVersion,
    commit_key,
    parse_checksums,
    read_stored,
    stored_numbers,
)
from warehouse.datasets.verification import verify_version
from warehouse.datasets.versions import Version
from warehouse.datasets.writing import CHECKSUMS_NAME
from warehouse.errors import StoreError, VersionError, problem_list
from warehouse.object_store import Store

GRACE = timedelta(days=7)
"""How long contents that no version names are kept: an upload may still be on its way to them."""

_UPLOADS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """What a push did."""

    reference: str
    url: str
    """Of the store."""
    is_new: bool
    """Whether the store did not have this version."""
    file_count: int
    byte_count: int
    sent_count: int
    """Files that the store did not hold yet."""
    sent_bytes: int


def push_version(store: Store, version: Version, *, now: datetime, advice: str | None = None) -> Push:
    """Puts a version into the store; what the store holds already is not sent again.

    Every file is read first and compared with its checksum. A push that was killed is simply run again. Two that push
    different versions under one number: the first one stands, the other gets an error.

    Args:
        store: The store.
        version: The version.
        now: The time, to tell how old contents in the store are.
        advice: What to do when the store has another version of this number.

    Raises:
        VersionError: the version's files are not what was written, or it was withdrawn.
        StoreError: the store has another version of this number, or cannot be reached.
    """
    elsewhere = version.store_url
    if elsewhere is not None and elsewhere != store.url:
        version.check_is_here()
    if version.withdrawal is not None:
        raise VersionError(f"{version.reference} was withdrawn, so it is not pushed\n  list: warehouse datasets")
    with storage.storage_errors(f"read {version.path}"):
        checksums = (version.path / CHECKSUMS_NAME).read_bytes()
    ours = parse_checksums(version.name, version.number, checksums, where=str(version.path / CHECKSUMS_NAME))
    theirs = read_stored(store, version.name, version.number)
    taken = StoreError(
        f"{store.url} has another {version.reference}, so this one was not pushed; the store stands as it was\n"
        f"  {advice or f'move {version.path} aside, then: warehouse pull {version.reference}'}"
    )
    if theirs is not None and theirs.content_id != ours.content_id:
        raise taken
    if theirs is None and elsewhere is None:
        _check(version)
    missing = _missing(store, version, ours, now=now)
    if theirs is not None and missing and elsewhere is None:
        _check(version)
    _send(store, version, missing)
    is_new = theirs is None and store.create(commit_key(version.name, version.number), checksums)
    if theirs is None and not is_new:
        theirs = read_stored(store, version.name, version.number)
        if theirs is None or theirs.content_id != ours.content_id:
            raise taken
    if is_new:
        # Whatever somebody deleted between our look and the commit is sent once more.
        gone = _missing(store, version, ours, now=now)
        _send(store, version, gone)
        missing |= gone
    sizes = _sizes(version, ours)
    return Push(
        reference=version.reference,
        url=store.url,
        is_new=is_new,
        file_count=len(ours.files),
        byte_count=sum(sizes.values()),
        sent_count=len(missing),
        sent_bytes=sum(sizes[path] for path in missing.values()),
    )


def _check(version: Version) -> None:
    findings = verify_version(version).findings
    if findings:
        raise VersionError(
            problem_list(
                f"{version.reference} is not what was written, so it is not pushed:",
                [finding.message for finding in findings],
            )
        )


def _sizes(version: Version, ours: StoredVersion) -> dict[str, int]:
    """Bytes of every file; of data files as the manifest has them."""
    listed = {file.path: file.byte_count for file in version.manifest.files}
    with storage.storage_errors(f"read {version.path}"):
        return {path: listed.get(path) or (version.path / path).stat().st_size for path in ours.files}


def _missing(store: Store, version: Version, ours: StoredVersion, *, now: datetime) -> dict[str, str]:
    """Path by key of the contents that the store lacks, or may lose at any moment."""
    present = {item.key: item for item in store.objects(objects_folder(version.name))}
    paths: dict[str, str] = {}
    for path, checksum in ours.files.items():
        paths.setdefault(object_key(version.name, path, checksum), path)
    old = {key for key in paths if key in present and now - present[key].modified_at > GRACE / 2}
    # Old contents that no version names may be deleted at any moment; sent again, they are new.
    unsafe = old - referenced_keys(store, version.name) if old else old
    sizes = _sizes(version, ours)
    return {
        key: path
        for key, path in paths.items()
        if key not in present or key in unsafe or present[key].byte_count != sizes[path]
    }


def _send(store: Store, version: Version, missing: dict[str, str]) -> None:
    """Sends these contents, several at once."""
    if version.store_url is not None:
        data = {file.path for file in version.manifest.files}
        _renew(store, version, {key: path for key, path in missing.items() if path in data})
        missing = {key: path for key, path in missing.items() if path not in data}
    with ThreadPoolExecutor(max_workers=_UPLOADS) as pool:
        sending = [pool.submit(store.put_file, key, version.path / path) for key, path in missing.items()]
        try:
            for upload in sending:
                upload.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _renew(store: Store, version: Version, contents: dict[str, str]) -> None:
    """Makes contents young again that lie in the store and nowhere else.

    Raises:
        StoreError: they are not there any more.
    """
    for key, path in contents.items():
        if store.size(key) is None:
            raise StoreError(
                f"{path} of {version.reference} is gone from {store.url}, and is not here either\n"
                f"  delete the version, then export again: warehouse rm {version.reference}"
            )
        aside = f"{staging_folder(version.name)}/renewed/{key.rpartition('/')[2]}"
        store.copy(key, aside)
        store.copy(aside, key)
        store.delete([aside])


def referenced_keys(store: Store, dataset: str) -> set[str]:
    """Keys of all contents that a version of the dataset in the store names; one request per version.

    Raises:
        StoreError: a version cannot be read, so what it names is not known.
    """
    keys: set[str] = set()
    for number in stored_numbers(store, dataset):
        found = read_stored(store, dataset, number)
        if found is not None:
            keys |= {object_key(dataset, path, checksum) for path, checksum in found.files.items()}
    return keys
