"""What a session keeps for itself on Spark: tables in a schema of its own.

A query of ours makes temporary tables, `create temp table x`, and reads them as `temp.x` or `x`. Spark has temporary
views alone, which are computed anew at every read, so an engine that computes more than a little writes real tables.
They lie in one schema, made when it is first needed and dropped in the end. A process that died drops nothing: its
schema's name says when it began, and builds and `warehouse gc` drop those older than a day.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING

from warehouse.engine.spark_errors import spark_errors
from warehouse.engine.spark_frames import answers, question
from warehouse.engine.spark_schemas import drop_schemas, run, schema_names
from warehouse.engine.spark_values import spark_identifier
from warehouse.errors import QueryError

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession

LONGEST_LIFE = timedelta(days=1)
"""How old a scratch schema must be before others take its process for dead."""
_NAME = re.compile(r"scratch_(\d{8}t\d{6}z)_[0-9a-f]{8}")
_TIME = "%Y%m%dt%H%M%Sz"


class ScratchTables:
    """Parquet tables in a schema of one engine; leaving the block drops it.

    Names are as in the statement, unquoted; capitals do not count.
    """

    def __init__(self, session: SparkSession, *, started_at: datetime) -> None:
        """Nothing is made before the first table.

        Args:
            session: As `connect_spark` gives it.
            started_at: When the process began; the schema's name says so.
        """
        self._session = session
        self.schema = f"scratch_{started_at.astimezone(UTC):{_TIME}}_{uuid.uuid4().hex[:8]}"
        self._is_made = False
        self._made_count = 0
        self._parts: dict[str, list[str]] = {}

    def __enter__(self) -> ScratchTables:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Where the cluster is gone, the next build there drops it, and what went wrong is said by `error`.
        with suppress(QueryError):
            self.close()

    @property
    def sources(self) -> Mapping[str, str]:
        """What stands behind `from` for each table: its parts, one after the other."""
        return {name: _source(parts) for name, parts in self._parts.items()}

    def create(self, name: str, rows: str) -> None:
        """Writes the rows; a table of this name goes when they are there, since they may be made of it."""
        part = self._write(name, rows)
        self.drop(name)
        self._parts[name.lower()] = [part]

    def insert(self, name: str, rows: str) -> int:
        """Writes the rows beside those that are there: what reads the table meanwhile sees none of them."""
        if name.lower() not in self._parts:
            raise QueryError(f"there is no table {name} to insert into", step=name, statement=rows)
        part = self._write(name, rows)
        statement = f"select count(*) as row_count from {part}"
        with spark_errors(statement):
            (row,) = answers(question(self._session, statement))
        self._parts[name.lower()].append(part)
        return int(row["row_count"])

    def drop(self, name: str) -> None:
        """Drops it; one that is not there is fine."""
        for part in self._parts.pop(name.lower(), []):
            self._session.sql(f"drop table if exists {part}")

    def close(self) -> None:
        """Drops the schema, if there is one.

        Raises:
            QueryError: Spark refused it, or is gone.
        """
        self._parts.clear()
        if self._is_made:
            drop_schemas(self._session, [self.schema])
            self._is_made = False

    def _write(self, name: str, rows: str) -> str:
        if not self._is_made:
            self._is_made = True
            run(self._session, f"create schema if not exists {spark_identifier(self.schema)}")
        # Never a name twice: what a statement that failed half-way has written stays in its place.
        self._made_count += 1
        table = f"{re.sub('[^a-z0-9_]', '_', name.lower())}_{self._made_count}"
        part = f"{spark_identifier(self.schema)}.{spark_identifier(table)}"
        self._session.sql(f"create table {part} using parquet as {rows}")
        return part


def _source(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"({' union all '.join(f'select * from {part}' for part in parts)})"


def is_dead_scratch(schema: str, *, now: datetime) -> bool:
    """Whether this is the name of a scratch schema that is older than any process lives."""
    match = _NAME.fullmatch(schema)
    if match is None:
        return False
    try:
        started_at = datetime.strptime(match[1], _TIME).replace(tzinfo=UTC)
    except ValueError:
        return False
    return now - started_at > LONGEST_LIFE


def drop_dead_scratch(session: SparkSession, *, now: datetime) -> tuple[str, ...]:
    """Drops the scratch schemas of processes that died, and no others; returns their names.

    Raises:
        QueryError: Spark refused it.
    """
    dead = tuple(sorted(name for name in schema_names(session) if is_dead_scratch(name, now=now)))
    drop_schemas(session, dead)
    return dead
