"""Which files a build read: sizes, hashes, row counts, so that a build can say what it was made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from warehouse import storage
from warehouse.dbt_manifest import Source
from warehouse.engine.local import LocalEngine
from warehouse.errors import QueryError
from warehouse.findings import Finding, Severity
from warehouse.project import Project
from warehouse.sources.lake_tables import LakeTableError, TableVersion, find_version, is_elsewhere
from warehouse.sources.locations import Location, parse_location
from warehouse.sql import Query, Step

COUNTED_BYTES = 1 << 30
"""Rows of Parquet come from its metadata; text is counted only up to this size, as that reads it all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One raw file."""

    path: str
    """Relative to the project when it lies inside."""
    bytes: int
    modified_at: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """One source table and the local files behind it; a database or object store has none."""

    name: str
    """`source.table`."""
    files: tuple[SourceFile, ...]
    """Of a Delta or Iceberg table, the one entry of its log that says what the version consists of."""
    row_count: int | None
    """None when counting would read more than a gibibyte of text, or nothing can be read."""
    table: TableVersion | None = None
    """The version of a Delta or Iceberg table."""


def read_sources(project: Project, sources: Iterable[Source]) -> tuple[SourceState, ...]:
    """The state of every source; a file's hash is computed again only when its size or time has changed."""
    cache_path = project.warehouse_path / "source_hashes.json"
    known = _read_cache(cache_path)
    fresh: dict[str, list[Any]] = {}
    connection = storage.connect(None, memory_limit=project.settings.memory_limit, threads=project.settings.threads)
    try:
        engine = LocalEngine(connection)
        states = tuple(_state(project, source, engine, known, fresh) for source in sources)
    finally:
        connection.close()
    if fresh != known:
        storage.write_json(cache_path, fresh)
    return states


def changed_while_reading(project: Project, states: Iterable[SourceState]) -> tuple[Finding, ...]:
    """A warning for every file that is no longer what it was when the build began: the build may hold half of each."""
    return tuple(
        Finding(
            severity=Severity.WARNING,
            check="source",
            subject=state.name,
            message=f"{file.path} changed while the build was reading it",
            advice="build again once its delivery is complete",
        )
        for state in states
        for file in state.files
        if _is_changed(project.root / file.path, file)
    )


def _is_changed(path: Path, file: SourceFile) -> bool:
    try:
        stat = path.stat()
    except OSError:
        return True
    return (stat.st_size, _iso(stat.st_mtime)) != (file.bytes, file.modified_at)


def _state(
    project: Project, source: Source, engine: LocalEngine, known: Mapping[str, list[Any]], fresh: dict[str, list[Any]]
) -> SourceState:
    location = parse_location(source.external_location or "")
    version = _version(project, location)
    matched = () if location.is_table else matched_paths(project, location.patterns, engine)
    paths = [path for path in matched if path.is_file()]
    if version is not None:
        paths = [project.root / version.log_path]
    files = tuple(_file(project, path, known, fresh) for path in paths)
    is_cheap = all(".parquet" in path.name for path in paths) or sum(file.bytes for file in files) <= COUNTED_BYTES
    rows = _row_count(source.external_location, engine) if files and is_cheap and source.external_location else None
    return SourceState(name=f"{source.source_name}.{source.name}", files=files, row_count=rows, table=version)


def _version(project: Project, location: Location) -> TableVersion | None:
    if not location.is_table or is_elsewhere(location):
        return None
    try:
        return find_version(project.root, location)
    except LakeTableError:
        return None  # the look before the build says what is wrong with it


def matched_paths(project: Project, patterns: Iterable[str], engine: LocalEngine) -> tuple[Path, ...]:
    """Local paths that these patterns match, sorted; those of object stores are passed over."""
    found: set[Path] = set()
    for pattern in patterns:
        if not pattern or "://" in pattern:
            continue
        # DuckDB's own glob, so that a pattern means here what it means to the build.
        absolute = pattern if Path(pattern).is_absolute() else str(project.root / pattern)
        try:
            rows = engine.rows(Query.of(Step("file", "select file from glob($pattern)"), pattern=absolute))
        except QueryError:
            continue
        found.update(Path(row["file"]) for row in rows)
    return tuple(sorted(found))


def remember_hashes(project: Project, fresh: Mapping[str, list[Any]]) -> None:
    """Keeps checksums that were computed elsewhere: size, time in nanoseconds and SHA-256 by path."""
    path = project.warehouse_path / "source_hashes.json"
    known = _read_cache(path)
    merged = {**known, **fresh}
    if merged != known:
        storage.write_json(path, merged)


def _row_count(location: str, engine: LocalEngine) -> int | None:
    relation = location if "(" in location or location.startswith("'") else "'" + location.replace("'", "''") + "'"
    try:
        # NOTE: the location is the project's own SQL, which dbt runs as it stands too.
        return int(engine.rows(Query.of(Step("row_count", f"select count(*) as rows from {relation}")))[0]["rows"])
    except QueryError:
        return None  # dbt will say what is wrong with it, with the model that reads it


def _file(project: Project, path: Path, known: Mapping[str, list[Any]], fresh: dict[str, list[Any]]) -> SourceFile:
    with storage.storage_errors(f"read {path}"):
        stat = path.stat()
        cached = known.get(str(path))
        if cached and cached[:2] == [stat.st_size, stat.st_mtime_ns]:
            digest = cached[2]
        else:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
    fresh[str(path)] = [stat.st_size, stat.st_mtime_ns, digest]
    return SourceFile(
        path=project.relative(path), bytes=stat.st_size, modified_at=_iso(stat.st_mtime), sha256=str(digest)
    )


def _read_cache(path: Path) -> dict[str, list[Any]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _iso(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, UTC).isoformat()


def sources_document(states: Iterable[SourceState]) -> list[dict[str, Any]]:
    """The states as plain JSON for the run's record."""
    return [asdict(state) for state in states]
