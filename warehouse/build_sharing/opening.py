"""Reading the published build from Python: of a project here, or of a store, downloaded once into a cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse import storage
from warehouse.build_sharing.fetching import fetch_files, seal
from warehouse.build_sharing.layout import DATABASE, SharedBuild
from warehouse.build_sharing.pull import find_shared
from warehouse.errors import StorageError, UnusableBuildError
from warehouse.object_store import Store, cache_path, open_store
from warehouse.project import Project
from warehouse.published import open_build

if TYPE_CHECKING:
    import duckdb

KEPT_BUILDS = 2
"""Builds of one store that the cache keeps; others go when nobody has opened them for a day."""

_UNUSED_SECONDS = 86_400.0


def open_warehouse(
    source: str | Path | Project | None = None,
    *,
    build_id: str | None = None,
    memory_limit: str = "2GB",
    threads: int = 0,
) -> duckdb.DuckDBPyConnection:
    """A read-only connection to the published build, or to this one; close it when done.

    What was opened stays as it is, whatever is published since; call again for the newest.

    Args:
        source: `s3://bucket/prefix` of a store: fetched into the cache when its build is not there yet, so that the
            next call costs two small requests. Or a project, or a folder in one; the one around the working directory
            when left out.
        build_id: A build that is not the published one.
        memory_limit: DuckDB's.
        threads: DuckDB's; 0 means all cores.

    Raises:
        StoreError: the store has no such build, cannot be reached, or what it has is not whole.
        ProjectError: there is no project, or it has no such build.
        StorageError: the file cannot be opened.
    """
    if isinstance(source, str) and source.startswith(("s3://", "file://")):
        store = open_store(source)
        while True:
            folder = cached_build(store, build_id)
            try:
                return storage.connect(folder / DATABASE, memory_limit=memory_limit, threads=threads)
            except StorageError:
                # Another process took it for unused between our look and our opening it: then it is fetched anew.
                if folder.is_dir():
                    raise
    project = source if isinstance(source, Project) else Project.find(Path(source) if source else None)
    _, connection = open_build(project, build_id, memory_limit=memory_limit, threads=threads)
    return connection


def cached_build(store: Store, build_id: str | None = None, *, cache: Path | None = None) -> Path:
    """The folder in the cache with the store's published build, or this one; downloaded when it is not there yet.

    Raises:
        StoreError: the store has no such build, cannot be reached, or what it has is not whole.
    """
    build = find_shared(store, build_id, now=datetime.now(UTC))
    shelf = (cache or cache_path()) / "builds" / hashlib.sha256(store.url.encode()).hexdigest()[:16]
    # Named by the whole content, so never stale.
    folder = shelf / build.checksum / build.id
    if not folder.is_dir():
        with storage.lock(shelf / ".lock", purpose=f"a download of build {build.id}", timeout=3600):
            if not folder.is_dir():
                _download(store, build, folder)
                _remove_unused(shelf, keep=folder)
    with suppress(OSError):  # a cache that others fill: whether it was used is theirs to know
        os.utime(folder)
    return folder


def _download(store: Store, build: SharedBuild, folder: Path) -> None:
    temporary = folder.with_name(f".pull-{build.id}")
    others = sorted(folder.parent.parent.glob("*/[0-9]*"), key=lambda path: path.name, reverse=True)
    try:
        fetch_files(store, build, temporary, others=others)
        seal(temporary, build)
    except (UnusableBuildError, StorageError):
        shutil.rmtree(folder.parent, ignore_errors=True)
        raise
    storage.publish_folder(temporary, folder)


def _remove_unused(shelf: Path, *, keep: Path) -> None:
    """Deletes what nobody opened for a day; whoever has it open still reads it to the end."""
    builds = sorted((path for path in shelf.glob("*/[0-9]*") if path != keep), key=lambda path: path.stat().st_mtime)
    for path in builds[: -(KEPT_BUILDS - 1)]:
        if time.time() - path.stat().st_mtime > _UNUSED_SECONDS:
            shutil.rmtree(path.parent, ignore_errors=True)
