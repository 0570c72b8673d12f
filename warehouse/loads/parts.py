"""Rows on their way into a Parquet file: their types there, what is new beside earlier batches, what was written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.errors import LoadError, problem_list
from warehouse.findings import Finding, Severity
from warehouse.loads.batches import Landed
from warehouse.loads.specs import LoadSpec
from warehouse.sql import Relation, identifier, literal

if TYPE_CHECKING:
    import duckdb

ROW_GROUP_ROWS = 122_880


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one table's load did, for the result."""

    row_count: int = 0
    byte_count: int = 0
    batch_count: int = 0
    message: str = ""
    findings: tuple[Finding, ...] = ()
    is_planned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Facts of a Parquet file that is not shown yet."""

    path: Path
    row_count: int
    columns: tuple[tuple[str, str], ...]
    high_mark: str | None = None
    null_cursor_count: int = 0


@dataclass(frozen=True, slots=True)
class Session:
    """A connection for one load, and who wants to know how far it is."""

    connection: duckdb.DuckDBPyConnection
    on_progress: Callable[[str], None] = field(default=lambda _: None)

    def value(self, sql: str) -> tuple[object, ...]:
        """The only row of the answer."""
        row = self.connection.execute(sql).fetchone()
        assert row is not None
        return tuple(row)

    def parquet_columns(self, rows: str, probe: Path) -> tuple[tuple[str, str], ...]:
        """Names and types that these rows will have as Parquet, which knows fewer types than databases do.

        Reads no rows: a file without any is written to `probe`, and deleted.
        """
        try:
            self.write(f"select * from {rows} as source_rows where false", probe)
            return self.columns_of(probe)
        finally:
            probe.unlink(missing_ok=True)

    def columns_of(self, path: Path) -> tuple[tuple[str, str], ...]:
        """Names and types of this Parquet file."""
        described = self.connection.execute(f"describe select * from {parquet(path)}").fetchall()
        return tuple((str(row[0]), str(row[1])) for row in described)

    def write(self, select: str, path: Path) -> None:
        """Writes what the statement gives, in any order, without holding it in memory."""
        options = f"format parquet, compression zstd, row_group_size {ROW_GROUP_ROWS}"
        self.connection.execute(f"copy (\n{select}\n) to {literal(str(path))} ({options})")

    def facts(self, path: Path, *, cursor: str | None) -> Written:
        """What was written."""
        column = identifier(cursor) if cursor else "null"
        rows, high, nulls = self.value(
            f"select count(*), max({column})::varchar, count(*) filter ({column} is null) from {parquet(path)}"
        )
        return Written(
            path=path,
            row_count=int(str(rows)),
            columns=self.columns_of(path),
            high_mark=None if high is None else str(high),
            null_cursor_count=int(str(nulls)) if cursor else 0,
        )

    def check_key(self, path: Path, spec: LoadSpec) -> None:
        """Whether the key identifies the rows of this file and is never null.

        Raises:
            LoadError: says how many rows it does not identify, without showing them.
        """
        if not spec.key:
            return
        key = ", ".join(map(identifier, spec.key))
        missing = " or ".join(f"{identifier(name)} is null" for name in spec.key)
        nulls, repeated = self.value(
            f"select coalesce(sum(rows) filter ({missing}), 0), coalesce(sum(rows) filter (rows > 1), 0) "
            f"from (select {key}, count(*) as rows from {parquet(path)} group by {key})"
        )
        names = ", ".join(spec.key)
        problems = [f"key {names} is null in {nulls} rows"] if nulls else []
        problems += [f"key {names} is not unique: {repeated} rows share theirs with others"] if repeated else []
        if problems:
            raise LoadError("; ".join(problems) + f"\n  correct key in {spec.declared_in}, or leave it out")


def parquet(path: Path) -> str:
    """The file's rows, to stand behind `from`, whatever its name ends in."""
    return Relation.parquet([str(path)], name=path.name).sql


def landed_rows(landed: Landed) -> str:
    """All rows that are there, to stand behind `from`."""
    return Relation.parquet(landed.parquet_paths, name="landed").sql


def check_schema(spec: LoadSpec, landed: Landed, columns: tuple[tuple[str, str], ...]) -> tuple[Finding, ...]:
    """What differs from the batches before: new and vanished columns are findings.

    Raises:
        LoadError: a type changed, or a column is new and `new_columns: error` says that none may be.
    """
    before, now = landed.columns, dict(columns)
    if not before:
        return ()
    new = [name for name in now if name not in before]
    problems = [
        f"column {name!r} was {before[name]} and is now {type_}"
        for name, type_ in now.items()
        if name in before and before[name] != type_
    ]
    if new and spec.new_columns == "error":
        problems.append(f"new columns: {', '.join(new)}")
    if problems:
        raise LoadError(
            problem_list("the columns are not those of the rows that are there:", problems)
            + f"\n  take all rows anew: warehouse load {spec.name} --full-refresh"
            + ("" if spec.query else f", or cast what changed in a query, in {spec.declared_in}")
        )
    gone = [name for name in before if name not in now]
    told = (
        (new, Severity.INFO, "new", "older rows have nulls there, until warehouse load --full-refresh"),
        (gone, Severity.WARNING, "no longer at the source", "new rows have nulls there"),
    )
    return tuple(
        Finding(
            severity=severity,
            check="load",
            subject=spec.name,
            message=f"columns {', '.join(names)} are {what}",
            advice=advice,
        )
        for names, severity, what, advice in told
        if names
    )


def with_columns(rows: str, columns: Mapping[str, str], *, has: Mapping[str, str]) -> str:
    """A select of these columns in their types; those that the rows lack are null."""
    listed = ", ".join(
        f"cast({identifier(name) if name in has else 'null'} as {type_}) as {identifier(name)}"
        for name, type_ in columns.items()
    )
    return f"select {listed} from {rows} as source_rows"
