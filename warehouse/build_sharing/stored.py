"""The builds in a store: list them, and delete those beyond a number without ever deleting what the pointer names."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from warehouse.build_sharing.layout import (
    SharedBuild,
    chunk_key,
    chunks_folder,
    index_key,
    missing_build,
    read_index,
    stored_ids,
)
from warehouse.build_sharing.pointer import (
    CLEANING_TIME,
    POINTER_KEY,
    Pointer,
    change_pointer,
    read_pointer,
    refuse_while_cleaning,
)
from warehouse.errors import StoreError
from warehouse.object_store import Store, StoredObject

GRACE = timedelta(days=7)
_DELETED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBuild:
    """One build in a store."""

    id: str
    is_current: bool
    """Whether the pointer names it."""
    started_at: str
    by: Mapping[str, str]
    """User and host of the machine that built it."""
    duckdb: str
    byte_count: int
    own_bytes: int
    """Of pieces that no older build has: what it costs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildCleaning:
    """What deleting old builds from a store did, or would do."""

    url: str
    is_dry_run: bool
    builds: tuple[str, ...]
    """Ids."""
    object_count: int
    """Pieces of content that no build names any more."""
    byte_count: int
    young_count: int
    """Pieces that no build names and that are too young: an upload may be on its way to them."""


def list_stored_builds(store: Store) -> tuple[StoredBuild, ...]:
    """Every build in the store, oldest first; one request per build.

    Raises:
        StoreError: the store cannot be read, or the index of a build is broken.
    """
    pointer = read_pointer(store)
    found = []
    seen: set[str] = set()
    for build_id in stored_ids(store) if pointer else ():
        build = read_index(store, build_id)
        if build is None:
            continue
        sizes = _piece_sizes(build)
        found.append(
            StoredBuild(
                id=build.id,
                is_current=pointer is not None and pointer.build == build.id,
                started_at=build.started_at,
                by=build.by,
                duckdb=build.duckdb,
                byte_count=build.byte_count,
                own_bytes=sum(size for key, size in sizes.items() if key not in seen),
            )
        )
        seen |= sizes.keys()
    return tuple(found)


def clean_builds(
    store: Store, *, now: datetime, keep: int, grace: timedelta = GRACE, dry_run: bool = False
) -> BuildCleaning:
    """Deletes builds beyond the newest `keep` that are older than `grace`, and contents that no build names.

    The pointer carries a mark meanwhile: it does not move, so that nobody publishes what is being deleted. A clean-up
    that was killed is run again; its mark counts for an hour.

    Raises:
        StoreError: another clean-up is running, the store cannot be used, or the index of a build is broken: then
            nothing was deleted.
    """
    began = time.monotonic()
    with nullcontext(read_pointer(store)) if dry_run else _held_pointer(store, now) as pointer:
        if pointer is None:
            return BuildCleaning(
                url=store.url, is_dry_run=dry_run, builds=(), object_count=0, byte_count=0, young_count=0
            )
        if not dry_run and (marked := store.read_tagged(POINTER_KEY)):
            # What is young is told by the store's clock too: a machine whose clock is ahead must not take all for old.
            now = min(now, marked.modified_at)
        builds, contents, young = _unneeded(store, pointer, now=now, keep=keep, grace=grace)
        if not dry_run:
            # The indexes first: a build whose contents go is no build any more.
            keys = [index_key(build_id) for build_id in builds] + [item.key for item in contents]
            for start in range(0, len(keys), _DELETED_AT_ONCE):
                if time.monotonic() - began > CLEANING_TIME.total_seconds() / 2:
                    raise StoreError(f"cleaning {store.url} takes too long; run the same command again to go on")
                store.delete(keys[start : start + _DELETED_AT_ONCE])
    return BuildCleaning(
        url=store.url,
        is_dry_run=dry_run,
        builds=builds,
        object_count=len(contents),
        byte_count=sum(item.byte_count for item in contents),
        young_count=young,
    )


def remove_stored_build(store: Store, build_id: str, *, now: datetime) -> None:
    """Deletes one build from the store; its contents go with `clean_builds`, when no other build has them.

    Raises:
        StoreError: the store has no such build, publishes it, or is being cleaned.
    """
    with _held_pointer(store, now) as pointer:
        if read_index(store, build_id) is None:
            raise missing_build(store, build_id)
        if pointer is not None and pointer.build == build_id:
            raise StoreError(
                f"{store.url} publishes build {build_id}, so it stays\n"
                "  put another one in its place first: warehouse push BUILD"
            )
        store.delete([index_key(build_id)])


@contextmanager
def _held_pointer(store: Store, now: datetime) -> Iterator[Pointer | None]:
    """While the block runs, the pointer does not move; None when there is none."""
    pointer = change_pointer(store, lambda old: _marked(store, old, now))
    try:
        yield pointer
    finally:
        if pointer is not None:
            change_pointer(store, lambda old: _unmarked(old, pointer))


def _unneeded(
    store: Store, pointer: Pointer, *, now: datetime, keep: int, grace: timedelta
) -> tuple[tuple[str, ...], list[StoredObject], int]:
    """Ids of builds and contents to delete, and how many contents are too young for that."""
    # NOTE: contents first, then the builds: what is committed in between is too young to be deleted.
    contents = list(store.objects(chunks_folder()))
    ids = stored_ids(store)
    old = {
        build_id
        for build_id in ids
        for item in store.objects(f"{index_key(build_id).rpartition('/')[0]}")
        if now - item.modified_at > grace
    }
    kept = {*ids[-keep:], pointer.build, *(set(ids) - old)}
    named: set[str] = set()
    for build_id in ids:
        build = read_index(store, build_id) if build_id in kept else None
        if build is not None:
            named |= build.chunk_keys
    unnamed = [item for item in contents if item.key not in named]
    ready = [item for item in unnamed if now - item.modified_at > grace]
    return tuple(build_id for build_id in ids if build_id not in kept), ready, len(unnamed) - len(ready)


def _marked(store: Store, old: Pointer | None, now: datetime) -> Pointer | None:
    if old is None:
        return None
    refuse_while_cleaning(store, old)
    since = now.astimezone(UTC).isoformat(timespec="seconds")
    return replace(old, revision=old.revision + 1, cleaning_since=since)


def _unmarked(old: Pointer | None, marked: Pointer) -> Pointer | None:
    """The pointer without our mark; None when it is not ours any more."""
    if old is None or old.revision != marked.revision:
        return None
    return replace(old, revision=old.revision + 1, cleaning_since=None)


def _piece_sizes(build: SharedBuild) -> dict[str, int]:
    """Size by key of the build's pieces."""
    sizes = {}
    for file in build.files:
        for number, checksum in enumerate(file.chunks):
            rest = file.byte_count - number * build.chunk_bytes
            sizes[chunk_key(checksum)] = min(rest, build.chunk_bytes)
    return sizes
