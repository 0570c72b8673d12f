"""Whether a version's files are still what was written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from warehouse.datasets.croissant import CROISSANT_NAME
from warehouse.datasets.marks import STORED_NAME, WITHDRAWN_NAME
from warehouse.datasets.store_keys import object_key
from warehouse.datasets.versions import MANIFEST_NAME, Version
from warehouse.datasets.writing import CHECKSUMS_NAME, file_sha256
from warehouse.findings import Finding, Severity
from warehouse.object_store import Store, open_store

REPORTS_FOLDER = "reports"
REQUIRED_TEXTS = ("README.md", MANIFEST_NAME)
OPTIONAL_TEXTS = (CROISSANT_NAME,)
"""Versions of before it was written lack it; where SHA256SUMS lists it, it must be there and unchanged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What reading every file again showed."""

    reference: str
    path: Path
    file_count: int
    byte_count: int
    """Of the files that were read."""
    findings: tuple[Finding, ...]
    """None is critical when every file is as it was written."""


def verify_version(version: Version) -> Verification:
    """Reads every file again and compares it with the manifest and with SHA256SUMS.

    Files that are missing, cut off, changed or were never part of the version are each named. Reports may be written
    later, so nothing is said about them. Data files that lie in a store are read there, piece by piece.

    Raises:
        StoreError: the store that has the data files cannot be reached.
    """
    expected = {file.path: file.sha256 for file in version.manifest.files}
    sizes = {file.path: file.byte_count for file in version.manifest.files}
    url = version.store_url
    store = open_store(url) if url else None
    findings = list(_listed_checksums(version, expected))
    with ThreadPoolExecutor(max_workers=2) as pool:
        checked = pool.map(
            lambda item: _check_file(version, item[0], item[1], sizes.get(item[0]), store), expected.items()
        )
        findings += [finding for finding in checked if finding is not None]
    present = {path for path in _files(version.path) if path != CHECKSUMS_NAME}
    findings += [
        _finding(version, path, "was not there when the version was written", "remove it, or export again")
        for path in sorted(present - expected.keys())
    ]
    findings += _withdrawal(version)
    stored = {path for path in sizes if store is not None}
    read = sorted((present | stored) & expected.keys())
    return Verification(
        reference=version.reference,
        path=version.path,
        file_count=len(read),
        byte_count=sum(sizes[path] if path in stored else (version.path / path).stat().st_size for path in read),
        findings=tuple(findings),
    )


def _withdrawal(version: Version) -> Iterator[Finding]:
    """Says so when the version must no longer be used; its files may be whole nevertheless."""
    withdrawal = version.withdrawal
    if withdrawal is not None:
        instead = f"use {version.name}@{withdrawal.successor}; " if withdrawal.successor else ""
        yield Finding(
            severity=Severity.WARNING,
            check="withdrawn",
            subject=version.reference,
            message=f"{version.reference} was withdrawn on {withdrawal.at} ({withdrawal.reason})",
            advice=f"{instead}delete it with: warehouse gc",
        )


def _listed_checksums(version: Version, expected: dict[str, str]) -> Iterator[Finding]:
    """Adds to `expected` what SHA256SUMS alone lists (the texts); yields where it and the manifest differ."""
    try:
        lines = (version.path / CHECKSUMS_NAME).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        yield _finding(version, CHECKSUMS_NAME, f"cannot be read: {error}", "restore it from a copy")
        return
    listed = {path: checksum for checksum, _, path in (line.partition("  ") for line in lines)}
    for path in sorted(expected.keys() | listed.keys()):
        if path not in listed:
            yield _finding(version, CHECKSUMS_NAME, f"does not list {path}", "restore it from a copy")
        elif path not in expected and path in (*REQUIRED_TEXTS, *OPTIONAL_TEXTS):
            expected[path] = listed[path]
        elif expected.get(path) != listed[path]:
            yield _finding(
                version, CHECKSUMS_NAME, f"and the manifest disagree about {path!r}", "restore both from a copy"
            )
    for path in REQUIRED_TEXTS:
        if path not in listed:
            yield _finding(version, CHECKSUMS_NAME, f"does not list {path}", "restore it from a copy")


def _check_file(
    version: Version, path: str, checksum: str, byte_count: int | None, store: Store | None
) -> Finding | None:
    advice = "restore it from a copy"
    if store is not None and byte_count is not None:
        return _check_stored(version, path, checksum, byte_count, store)
    file = version.path / path
    try:
        found_bytes = file.stat().st_size
        if byte_count is not None and found_bytes != byte_count:
            return _finding(version, path, f"has {found_bytes:,} bytes instead of {byte_count:,}", advice)
        found = file_sha256(file)
    except FileNotFoundError:
        return _finding(version, path, "is missing", advice)
    except OSError as error:
        return _finding(version, path, f"cannot be read: {error.strerror or error}", advice)
    if found != checksum:
        return _finding(version, path, f"was changed: its SHA-256 is {found}, not {checksum}", advice)
    return None


def _check_stored(version: Version, path: str, checksum: str, byte_count: int, store: Store) -> Finding | None:
    key = object_key(version.name, path, checksum)
    advice = f"push it again from a copy that is whole, or delete the version: warehouse rm {version.reference}"
    if store.size(key) is None:
        return _finding(version, path, f"is missing: there is no {store.url}/{key}", advice)
    digest = hashlib.sha256()
    found_bytes = 0
    for chunk in store.chunks(key):
        digest.update(chunk)
        found_bytes += len(chunk)
    if digest.hexdigest() == checksum:
        return None
    return _finding(
        version, path, f"was changed in the store, where it has {found_bytes:,} bytes of {byte_count:,}", advice
    )


def _finding(version: Version, path: str, message: str, advice: str) -> Finding:
    return Finding(
        severity=Severity.CRITICAL,
        check="checksum",
        subject=f"{version.reference}/{path}",
        message=f"{path} {message}",
        advice=advice,
    )


def _files(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        relative = path.relative_to(folder)
        is_ours = relative.parts[0] == REPORTS_FOLDER or relative.as_posix() in (WITHDRAWN_NAME, STORED_NAME)
        if (path.is_file() or path.is_symlink()) and not is_ours:
            yield relative.as_posix()
