"""The builds that are kept, as their records tell of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from warehouse import records
from warehouse.findings import Severity
from warehouse.project import Project
from warehouse.published import BuildFiles, published_id
from warehouse.records import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildEntry:
    """One build in the list."""

    id: str
    status: Status
    published: bool
    started_at: str
    seconds: float
    started_from: str | None
    engine: str
    """`duckdb` or `spark`."""
    bytes: int
    """Size of its file; 0 when the file is gone, and on Spark."""
    critical_count: int
    warning_count: int
    commit: str | None


def list_builds(project: Project) -> list[BuildEntry]:
    """Every build whose folder is kept, oldest first."""
    current = published_id(project)
    entries = []
    for record in records.read_records(project):
        files = BuildFiles(id=record.id, path=project.builds_path / record.id)
        if record.command != "build" or not files.path.is_dir():
            continue
        severities = [finding.get("severity") for finding in record.details.get("findings", [])]
        entries.append(
            BuildEntry(
                id=record.id,
                status=record.status,
                published=record.id == current,
                started_at=record.started_at,
                seconds=record.seconds,
                started_from=record.details.get("started_from"),
                engine="spark" if files.is_on_spark else "duckdb",
                bytes=0 if files.is_on_spark else _size(files.database_path),
                critical_count=severities.count(Severity.CRITICAL.value),
                warning_count=severities.count(Severity.WARNING.value),
                commit=(record.git or {}).get("commit"),
            )
        )
    return entries


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # never made, or deleted in this moment
        return 0
