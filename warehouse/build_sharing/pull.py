"""Pulling a build: what the pointer names becomes a build of this project, whole, and the published one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from warehouse import records, retention, runs, storage
from warehouse.build_sharing.describing import PULLED, open_build, record_content
from warehouse.build_sharing.fetching import INDEX_NAME, fetch_files, seal
from warehouse.build_sharing.layout import DATABASE, FOLDER, RECORD, SharedBuild, index_key, missing_build, read_index
from warehouse.build_sharing.pointer import Pointer, read_pointer
from warehouse.build_sharing.readability import unreadable_views
from warehouse.builds import publish
from warehouse.errors import BuildError, StorageError, StoreError, UnusableBuildError
from warehouse.findings import Finding
from warehouse.lineage.builds import tables_of_build
from warehouse.lineage.names import store_name
from warehouse.lineage.runs import DatasetUse
from warehouse.object_store import Store, project_store
from warehouse.project import Project
from warehouse.published import BuildFiles, build_ids, published_id
from warehouse.records import Record, Status

_LONGEST_WAIT = 3600.0
_MOST_AHEAD = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildPull:
    """What a pull of a build did."""

    id: str
    url: str
    """Of the store."""
    path: Path
    """The build's folder."""
    is_new: bool
    """Whether it was not here yet."""
    replaced: str | None
    """The build that was published here before; None when it was this one, or none."""
    started_at: str
    by: Mapping[str, str]
    """User and host of the machine that built it."""
    byte_count: int
    fetched_bytes: int
    """What was downloaded; pieces that another build here has were copied."""
    findings: tuple[Finding, ...]
    """Views that cannot be read here."""
    removed_builds: tuple[str, ...]


def pull_build(
    project: Project,
    *,
    now: datetime,
    build_id: str | None = None,
    store: Store | str | None = None,
    on_bytes: Callable[[int], None] = lambda _: None,
) -> BuildPull:
    """Fetches the build that the store's pointer names, or this one, and publishes it here.

    Readers of the build before keep it. A pull that was killed is simply run again, and goes on with what it had.
    Two at once: one fetches, the other waits and finds it here.

    Args:
        project: The project.
        now: The time.
        build_id: The build; the one that the pointer names when left out.
        store: The store or its URL; the project's when left out.
        on_bytes: Called with the size of each piece that is in its place, from several threads.

    Raises:
        StoreError: the store has no such build, what it has is not whole, or this DuckDB cannot read it.
        BuildError: another build of this id is here.
        StorageError: the disk has no room, or cannot be written.
    """
    target = store if isinstance(store, Store) else project_store(project, store)
    build = find_shared(target, build_id, now=now)
    before = published_id(project)
    if before == build.id:
        # Asked for every few minutes: that there is nothing new is no news.
        return _pull(project, target, build, now=now, on_bytes=on_bytes)
    # On record before the switch, as by whom builds are published here.
    details = {"url": target.url, "from": before, "to": build.id}
    with runs.on_record(project, "pull", now=now, details=details) as run:
        result = _pull(project, target, build, now=now, on_bytes=on_bytes)
        run.details = {
            "is_new": result.is_new,
            "fetched_bytes": result.fetched_bytes,
            "findings": [asdict(finding) for finding in result.findings],
        }
        with run.telling() as is_told:
            run.inputs.append(DatasetUse(name=store_name(target.url, FOLDER)))
            run.outputs += tables_of_build(project, BuildFiles(id=result.id, path=result.path)) if is_told else []
    return result


def _pull(
    project: Project, target: Store, build: SharedBuild, *, now: datetime, on_bytes: Callable[[int], None]
) -> BuildPull:
    with storage.lock(project.warehouse_path / "pull.lock", purpose="a pull", timeout=_LONGEST_WAIT):
        files = BuildFiles(id=build.id, path=project.builds_path / build.id)
        is_new = not files.path.is_dir()
        fetched = _fetch(project, target, build, now=now, on_bytes=on_bytes) if is_new else 0
        if not is_new:
            _check_same(project, files, build)
        findings = unreadable_views(files.database_path)
        before = published_id(project)
        publish(project, build.id)
        return BuildPull(
            id=build.id,
            url=target.url,
            path=files.path,
            is_new=is_new,
            replaced=before if before != build.id else None,
            started_at=build.started_at,
            by=build.by,
            byte_count=build.byte_count,
            fetched_bytes=fetched,
            findings=findings,
            removed_builds=retention.remove_old_builds(project),
        )


def find_shared(store: Store, build_id: str | None, *, now: datetime) -> SharedBuild:
    """The index of this build, or of the one that the pointer names, as its writer left it.

    Raises:
        StoreError: there is none, or what lies there is not what the pointer means.
    """
    pointer: Pointer | None = None
    if build_id is None:
        pointer = read_pointer(store)
        if pointer is None:
            raise StoreError(f"{store.url} has no build yet\n  put the published one there with: warehouse push")
    wanted = pointer.build if pointer else str(build_id)
    build = read_index(store, wanted)
    if build is None:
        raise missing_build(store, wanted)
    if pointer is not None and build.checksum != pointer.index_sha256:
        raise StoreError(
            f"{store.url}/{index_key(wanted)} is not what the pointer means: it was cut off or changed\n"
            f"  delete it, and push again from a machine that has the build: warehouse push {wanted}"
        )
    latest = (now + _MOST_AHEAD).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    if build.id > latest:
        raise StoreError(
            f"build {build.id} of {store.url} is of the future, and it is {now.astimezone(UTC):%Y%m%dT%H%M%SZ} here\n"
            "  correct the clock of this machine, or of the one that built it; then build again"
        )
    return build


def _fetch(
    project: Project, store: Store, build: SharedBuild, *, now: datetime, on_bytes: Callable[[int], None]
) -> int:
    """Puts the build into its place, in one rename; the caller holds the lock of pulls."""
    if records.record_path(project, build.id).exists():
        record = records.read_record(project, build.id)
        if record is None or PULLED not in record.details:
            raise BuildError(
                f"a run of this project has the id of build {build.id} already: "
                f"{project.relative(records.record_path(project, build.id))}\n"
                "  have that machine build again, or move the record aside"
            )
    folder = project.builds_path / f".pull-{build.id}"
    leftovers = [path for path in project.builds_path.glob(".pull-*") if path != folder]
    others = [project.builds_path / name for name in build_ids(project)[::-1]]
    try:
        fetched = fetch_files(store, build, folder, others=others, on_bytes=on_bytes)
        record = _read_record(store, build, (folder / RECORD).read_bytes())
        unreadable_views(folder / DATABASE)  # opens the whole of it: what cannot be opened is not shown
        seal(folder, build)
    except (UnusableBuildError, StorageError):
        # What is wrong, or fills the disk, goes; after any other end the next pull goes on with what is there.
        shutil.rmtree(folder, ignore_errors=True)
        raise
    origin = {"from": store.url, "at": now.astimezone(UTC).isoformat(timespec="seconds")}
    # NOTE: the record first: a folder without one is taken for a build whose process died.
    records.write_record(project, replace(record, details={**record.details, PULLED: origin}))
    storage.publish_folder(folder, project.builds_path / build.id)
    for path in leftovers:
        shutil.rmtree(path, ignore_errors=True)
    return fetched


def _check_same(project: Project, files: BuildFiles, build: SharedBuild) -> None:
    """Refuses a build of this id that is here and is another one."""
    try:
        if (files.path / INDEX_NAME).read_bytes() == build.content:
            return
    except OSError:
        pass  # never shared from here: its contents tell
    with open_build(project, files) as ours:
        if ours.build == build:
            return
    raise BuildError(
        f"another build {build.id} is here already: {project.relative(files.path)}\n"
        "  two machines built in the same second: have one of them build again"
    )


def _read_record(store: Store, build: SharedBuild, content: bytes) -> Record:
    """The record that came with a build, refused unless it is one of just this build, and one that passed.

    Raises:
        UnusableBuildError: it is not.
    """
    try:
        document: dict[str, Any] = json.loads(content)
        own = {name: document.pop(name) for name in ("id", "command", "started_at", "seconds", "by", "git", "tools")}
        record = Record(**own, status=Status(document.pop("status")), details=document)
        is_sound = (
            (record.id, record.command, record.status) == (build.id, "build", Status.PASSED)
            and isinstance(record.started_at, str)
            and isinstance(record.seconds, int | float)
            and isinstance(record.by, dict)
            and isinstance(record.tools, dict)
            and (record.git is None or isinstance(record.git, dict))
            and all(isinstance(finding, dict) for finding in document.get("findings", []))
            and PULLED not in document
            and record_content(record) == content
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        is_sound = False
    if not is_sound:
        raise UnusableBuildError(
            f"the record that {store.url} holds for build {build.id} is refused: it is not that of this build\n"
            f"  push again from a machine that has the build: warehouse push {build.id}"
        )
    return record
