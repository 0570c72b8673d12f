"""What the warehouse takes of a machine: the published build, its largest tables, how long builds and exports took."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from warehouse import records
from warehouse.engine.base import Engine
from warehouse.engine.local import LocalEngine
from warehouse.exports.timing import ExportTime, export_times
from warehouse.project import Project
from warehouse.published import BuildFiles, find_build, open_build, published_id
from warehouse.records import Status
from warehouse.sql import Query, Step

LARGEST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSize:
    """A table of the published build."""

    name: str
    """With its schema."""
    row_count: int
    column_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSize:
    """A build that passed and is kept."""

    id: str
    started_at: datetime
    seconds: float
    byte_count: int
    """0 on Spark."""
    is_whole: bool
    """Whether all models were built, so that its time says what a night takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """All that was measured here; empty where nothing was yet."""

    build_id: str | None
    """The published build's."""
    is_on_spark: bool = False
    """Whether the published build lies on Spark; then only times are measured here, and `build_id` is None."""
    build_bytes: int
    tables: tuple[TableSize, ...]
    """The largest of the published build, by rows."""
    builds: tuple[BuildSize, ...]
    """Those of the published build's engine, by the moment at which they started; none that lies in the future."""
    exports: tuple[ExportTime, ...]
    """By the moment at which they started; none that lies in the future."""
    passed_over: tuple[str, ...]
    """What was not counted because its moment cannot be right."""

    @property
    def newest_exports(self) -> tuple[ExportTime, ...]:
        """Of each dataset the newest."""
        return tuple({time.dataset: time for time in self.exports}.values())


def largest_tables_sql(count: int) -> Query:
    """One row per table, those with the most rows first: `name`, `row_count`, `column_count`; reads no table."""
    return Query.of(
        Step(
            "largest_tables",
            f"""
            select
                schema_name || '.' || table_name as name,
                estimated_size as row_count,
                column_count,
            from duckdb_tables()
            where database_name = current_database() and not internal
            order by estimated_size desc, name
            limit {count}
            """,
        )
    )


def read_largest_tables(engine: Engine) -> tuple[TableSize, ...]:
    """The largest tables of the main database."""
    return tuple(
        TableSize(name=row["name"], row_count=int(row["row_count"]), column_count=int(row["column_count"]))
        for row in engine.rows(largest_tables_sql(LARGEST))
    )


def read_usage(project: Project, *, now: datetime) -> Usage:
    """What is measured of this project by now; builds on Spark take nothing of this machine but time.

    Raises:
        ProjectError: the published build is gone.
        StorageError: it cannot be opened.
    """
    build_id, build_bytes = None, 0
    tables: tuple[TableSize, ...] = ()
    is_on_spark = published_id(project) is not None and find_build(project).is_on_spark
    if published_id(project) is not None and not is_on_spark:
        files, connection = open_build(project)
        with connection:
            tables = read_largest_tables(LocalEngine(connection))
        build_id, build_bytes = files.id, files.database_path.stat().st_size
    builds, strange = _builds(project, on_spark=is_on_spark, now=now)
    exports: list[ExportTime] = []
    for time in export_times(project):
        if _moment(time.started_at, now=now) is None or time.seconds < 0:
            strange.append(f"export {time.dataset}@{time.version} of {time.started_at}")
        else:
            exports.append(time)
    return Usage(
        build_id=build_id,
        is_on_spark=is_on_spark,
        build_bytes=build_bytes,
        tables=tables,
        builds=tuple(builds),
        exports=tuple(sorted(exports, key=lambda time: time.started_at)),
        passed_over=tuple(strange),
    )


def _builds(project: Project, *, on_spark: bool, now: datetime) -> tuple[list[BuildSize], list[str]]:
    found, strange = [], []
    for record in records.read_records(project):
        files = BuildFiles(id=record.id, path=project.builds_path / record.id)
        if record.command != "build" or record.status is not Status.PASSED:
            continue
        if files.is_on_spark is not on_spark or not files.content_path.is_file():
            continue
        started_at = _moment(record.started_at, now=now)
        if started_at is None or record.seconds < 0:
            strange.append(f"build {record.id} of {record.started_at}")
            continue
        options = record.details.get("options") or {}
        size = BuildSize(
            id=record.id,
            started_at=started_at,
            seconds=record.seconds,
            byte_count=0 if on_spark else files.database_path.stat().st_size,
            is_whole=not (options.get("select") or options.get("exclude")),
        )
        found.append(size)
    return sorted(found, key=lambda build: build.started_at), strange


def _moment(text: str, *, now: datetime) -> datetime | None:
    """The moment, unless it lies in the future or is none: a clock was wrong, and what it says is worth nothing."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None if moment > now else moment
