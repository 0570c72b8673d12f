"""Pushing a build: its contents, then its index, then the one pointer by compare-and-swap."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from warehouse import records, storage
from warehouse.build_sharing.describing import OpenBuild, open_build
from warehouse.build_sharing.fetching import INDEX_NAME
from warehouse.build_sharing.layout import SharedBuild, chunk_key, chunks_folder, index_key, read_index
from warehouse.build_sharing.pointer import Pointer, change_pointer, read_pointer, refuse_while_cleaning
from warehouse.errors import StorageError, StoreError, WarehouseError
from warehouse.object_store import Store, project_store
from warehouse.project import Project
from warehouse.published import find_build

_UPLOADS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildPush:
    """What a push of a build did."""

    id: str
    url: str
    """Of the store."""
    is_new: bool
    """Whether the store did not have this build."""
    is_moved: bool
    """Whether the pointer was moved to it; it may have named it already."""
    replaced: str | None
    """The build that the pointer named before it was moved."""
    byte_count: int
    sent_bytes: int
    """What the store did not hold yet."""


def push_build(
    project: Project,
    *,
    now: datetime,
    build_id: str | None = None,
    store: Store | str | None = None,
    force: bool = False,
    on_bytes: Callable[[int], None] = lambda _: None,
) -> BuildPush:
    """Puts a build into the store and makes it the one that others pull; what the store holds is not sent again.

    A push that was killed is simply run again. The pointer moves only from what was looked at, so two machines never
    undo each other unseen. An older build replaces a newer one only when this project itself had put that there.

    Args:
        project: The project.
        now: The time.
        build_id: The build; the published one when left out.
        store: The store or its URL; the project's when left out.
        force: Replace a newer build of another machine, or one of another dbt project.
        on_bytes: Called with the size of each piece that was sent, from several threads.

    Raises:
        ProjectError: there is no such build, or no store is set.
        BuildError: the build did not pass.
        StoreError: another machine published a newer build, or the store cannot be used.
    """
    target = store if isinstance(store, Store) else project_store(project, store)
    files = find_build(project, build_id)
    files.check_in_duckdb()
    with open_build(project, files) as ours:
        build = ours.build
        own = _known_pointer(project, target)
        _check_order(target, read_pointer(target), build, own=own, force=force)
        theirs = read_index(target, build.id)
        if theirs is not None and theirs != build:
            raise _taken(target, build, theirs)
        sent = _send(target, ours, on_bytes)
        is_new = target.create(index_key(build.id), build.content)
        replaced: list[str] = []

        def move(old: Pointer | None) -> Pointer | None:
            nonlocal sent
            _check_order(target, old, build, own=own, force=force)
            # Whatever a clean-up deleted since we looked; from here on it would have to change the pointer first.
            sent += _send(target, ours, on_bytes)
            theirs = read_index(target, build.id)
            if theirs is None:
                target.create(index_key(build.id), build.content)
            elif theirs != build:
                raise _taken(target, build, theirs)
            if old is not None and (old.build, old.index_sha256) == (build.id, build.checksum):
                return None
            replaced[:] = [old.build] if old else []
            return Pointer(
                revision=old.revision + 1 if old else 1,
                build=build.id,
                index_sha256=build.checksum,
                project=build.project,
                moved_at=now.astimezone(UTC).isoformat(timespec="seconds"),
                by=records.whoami(),
            )

        moved = change_pointer(target, move)
        # NOTE: what is kept here saves work and a --force; on a disk that is full or read-only, the push is done too.
        with suppress(StorageError):
            if moved is not None:
                _remember_pointer(project, target, moved)
            _keep_index(project, files.path, build)
    return BuildPush(
        id=build.id,
        url=target.url,
        is_new=is_new,
        is_moved=moved is not None,
        replaced=replaced[0] if moved is not None and replaced else None,
        byte_count=build.byte_count,
        sent_bytes=sent,
    )


def share_published(project: Project, *, now: datetime, build_id: str | None = None) -> BuildPush | None:
    """Pushes what was just published, when `share_builds` is set; None when it is not.

    Raises:
        StoreError: it is published here and not shared; the message says what to do.
    """
    if not project.settings.share_builds:
        return None
    try:
        return push_build(project, now=now, build_id=build_id)
    except WarehouseError as error:
        raise StoreError(
            f"build {build_id or ''} is published here, but not shared: {error}\n  share it with: warehouse push"
        ) from error


def _check_order(store: Store, old: Pointer | None, build: SharedBuild, *, own: str | None, force: bool) -> None:
    """Refuses what would undo the work of others unseen."""
    if old is None:
        return
    refuse_while_cleaning(store, old)
    if force:
        return
    if old.project != build.project:
        raise StoreError(
            f"{store.url} holds builds of dbt project {old.project!r}, and build {build.id} is of {build.project!r}\n"
            "  give each project a prefix of its own, or say --force"
        )
    if build.id < old.build and old.placement != own:
        raise StoreError(
            f"{store.url} publishes build {old.build}, which is newer than {build.id}: moved there by {old.mover}\n"
            "  nothing was changed; fetch it with: warehouse pull\n"
            f"  or put the older one in its place: warehouse push {build.id} --force"
        )


def _taken(store: Store, build: SharedBuild, theirs: SharedBuild) -> StoreError:
    return StoreError(
        f"{store.url} has another build {build.id}, made by {theirs.by.get('user', '?')} "
        f"on {theirs.by.get('host', '?')} in the same second; the store stands as it was\n"
        "  build again, then push that one"
    )


def _send(store: Store, ours: OpenBuild, on_bytes: Callable[[int], None]) -> int:
    """Sends what the store lacks, several pieces at once; how many bytes that were."""
    present = {item.key: item.byte_count for item in store.objects(chunks_folder())}
    missing = [
        checksum
        for checksum, piece in ours.pieces.items()
        if present.get(chunk_key(checksum)) != piece.end - piece.start
    ]

    def send(checksum: str) -> int:
        content = ours.pieces[checksum].read()
        if hashlib.sha256(content).hexdigest() != checksum:
            raise StorageError(
                f"the database of build {ours.build.id} was changed while it was pushed; it is not shared"
            )
        store.put_bytes(chunk_key(checksum), content)
        on_bytes(len(content))
        return len(content)

    with ThreadPoolExecutor(max_workers=_UPLOADS) as pool:
        return sum(_results(pool, [pool.submit(send, checksum) for checksum in missing]))


def _results(pool: ThreadPoolExecutor, tasks: Iterable[object]) -> Iterable[int]:
    try:
        for task in tasks:
            yield task.result()  # type: ignore[attr-defined]
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise


def _keep_index(project: Project, folder: Path, build: SharedBuild) -> None:
    # Under the lock of retention: a folder that it deleted meanwhile must not come back with nothing but an index.
    with storage.lock(project.warehouse_path / "publish.lock", purpose="publishing", timeout=60):
        if folder.is_dir() and not (folder / INDEX_NAME).is_file():
            storage.write_file(folder / INDEX_NAME, build.content)


def _pointers_path(project: Project) -> Path:
    return project.warehouse_path / "pointers.json"


def _known_pointer(project: Project, store: Store) -> str | None:
    """The last placement of the pointer that this project did in this store; None when there was none."""
    try:
        found = json.loads(_pointers_path(project).read_text(encoding="utf-8"))
        return str(found[store.url])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember_pointer(project: Project, store: Store, pointer: Pointer) -> None:
    try:
        known = dict(json.loads(_pointers_path(project).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        known = {}
    storage.write_json(_pointers_path(project), {**known, store.url: pointer.placement})
