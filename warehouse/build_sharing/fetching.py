"""Putting a build together from pieces: those that are here already, and those that only the store has."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from warehouse import storage
from warehouse.build_sharing.describing import read_at
from warehouse.build_sharing.layout import (
    DATABASE,
    RECORD,
    SharedBuild,
    SharedFile,
    chunk_bounds,
    chunk_key,
    parse_index,
)
from warehouse.build_sharing.readability import HEADER_BYTES, check_header
from warehouse.errors import StorageError, StoreError, UnusableBuildError
from warehouse.object_store import Store

INDEX_NAME = "shared.json"
"""The index of a build that was pushed or pulled, kept in its folder: it tells which pieces of content it has."""

_DOWNLOADS = 4


def fetch_files(
    store: Store,
    build: SharedBuild,
    folder: Path,
    *,
    others: Iterable[Path],
    on_bytes: Callable[[int], None] = lambda _: None,
) -> int:
    """Makes `folder` hold the build's files, each piece checked; returns how many bytes were downloaded.

    A folder that an earlier, killed call left is gone on with. All is durable when this returns.

    Args:
        store: Where the pieces lie.
        build: Which ones.
        folder: Made when missing.
        others: Folders of builds with their index; pieces they have are copied.
        on_bytes: Called with the size of each piece that is in its place, from several threads.

    Raises:
        StoreError: a piece is missing or is not what its name says, or this DuckDB cannot read such a file.
        StorageError: the disk has no room, or cannot be written.
    """
    with storage.storage_errors(f"write {folder}"):
        (folder / "dbt").mkdir(parents=True, exist_ok=True)
        _check_room(build, folder)
        with _pieces_here(others) as here:
            fetched = 0
            # The database first: its head tells whether this DuckDB can read it, before all of it is downloaded.
            for file in sorted(build.files, key=lambda file: file.path != DATABASE):
                fetched += _fetch_file(store, build, file, folder / file.path, here, on_bytes)
        storage.write_file(folder / INDEX_NAME, build.content)
        storage.sync_folder(folder / "dbt")
        storage.sync_folder(folder)
    return fetched


def _check_room(build: SharedBuild, folder: Path) -> None:
    present = sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())
    free = shutil.disk_usage(folder).free
    if build.byte_count - present > free:
        raise StorageError(
            f"build {build.id} needs {build.byte_count:,} bytes, and {folder.parent} has {free:,} left\n"
            "  free some space, or set WAREHOUSE_STATE_PATH to a larger disk; nothing is lost"
        )


def _fetch_file(
    store: Store,
    build: SharedBuild,
    file: SharedFile,
    path: Path,
    here: Mapping[str, tuple[int, int]],
    on_bytes: Callable[[int], None],
) -> int:
    known = path.stat().st_size if path.is_file() else 0
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    try:
        os.ftruncate(handle, file.byte_count)

        def place(start: int, end: int, checksum: str) -> int:
            size, fetched = end - start, 0
            if not (start < known and _has(handle, start, size, checksum)):
                content = _copy(here.get(checksum), size, checksum)
                if content is None:
                    content = _download(store, build, checksum, size)
                    fetched = size
                _write_at(handle, content, start)
            on_bytes(size)
            return fetched

        pieces = list(zip(chunk_bounds(file, build.chunk_bytes), file.chunks, strict=True))
        fetched = 0
        if file.path == DATABASE and pieces:
            ((start, end), checksum), *pieces = pieces
            fetched += place(start, end, checksum)
            check_header(read_at(handle, 0, HEADER_BYTES), path.with_name("header.duckdb"), build_id=build.id)
        with ThreadPoolExecutor(max_workers=_DOWNLOADS) as pool:
            tasks = [pool.submit(place, start, end, checksum) for (start, end), checksum in pieces]
            fetched += _total(pool, tasks)
        os.fsync(handle)
    finally:
        os.close(handle)
    return fetched


def _total(pool: ThreadPoolExecutor, tasks: list[Future[int]]) -> int:
    try:
        return sum(task.result() for task in tasks)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise


def _has(handle: int, start: int, size: int, checksum: str) -> bool:
    return hashlib.sha256(read_at(handle, start, size)).hexdigest() == checksum


def _copy(found: tuple[int, int] | None, size: int, checksum: str) -> bytes | None:
    """The piece from a file of this machine, if that still holds it."""
    if found is None:
        return None
    try:
        content = read_at(*found, size)
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest() == checksum else None


def _download(store: Store, build: SharedBuild, checksum: str, size: int) -> bytes:
    parts, count, digest = [], 0, hashlib.sha256()
    for part in store.chunks(chunk_key(checksum)):
        count += len(part)
        if count > size:
            break
        digest.update(part)
        parts.append(bytes(part))
    if count != size or digest.hexdigest() != checksum:
        raise UnusableBuildError(
            f"{store.url}/{chunk_key(checksum)} is not what its name says: it was cut off or changed "
            f"({count:,} bytes of {size:,})\n"
            f"  delete it, and push again from a machine that has the build: warehouse push {build.id}"
        )
    return b"".join(parts)


def _write_at(handle: int, content: bytes, start: int) -> None:
    view = memoryview(content)
    while view:
        written = os.pwrite(handle, view, start)
        view, start = view[written:], start + written


@contextmanager
def _pieces_here(folders: Iterable[Path]) -> Iterator[dict[str, tuple[int, int]]]:
    """Handle and offset by checksum of the pieces that builds of this machine say they have."""
    found: dict[str, tuple[int, int]] = {}
    handles: list[int] = []
    try:
        for folder in folders:
            try:
                content = (folder / INDEX_NAME).read_bytes()
                build = parse_index(content, build_id=folder.name, where=str(folder / INDEX_NAME))
            except (OSError, StoreError):
                continue  # never shared, half deleted, or damaged: then it is no source
            for file in build.files:
                # NOTE: what this process has open with DuckDB loses its lock when this handle is closed. Nobody
                # writes a build that is sealed, and what is deleted stays readable for whoever has it open.
                try:
                    handle = os.open(folder / file.path, os.O_RDONLY)
                except OSError:
                    continue
                handles.append(handle)
                for (start, _), checksum in zip(chunk_bounds(file, build.chunk_bytes), file.chunks, strict=True):
                    found.setdefault(checksum, (handle, start))
        yield found
    finally:
        for handle in handles:
            os.close(handle)


def seal(folder: Path, build: SharedBuild) -> None:
    """Makes the database read-only, and leaves the record to where records lie."""
    with storage.storage_errors(f"seal {folder}"):
        (folder / DATABASE).chmod(0o444)
        (folder / RECORD).unlink(missing_ok=True)
        storage.sync_folder(folder)
