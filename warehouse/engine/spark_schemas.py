"""Schemas of a Spark catalog, and tables and views in them that stand for files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from warehouse.engine.spark_values import spark_identifier, spark_text
from warehouse.errors import QueryError, import_extra

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTable:
    """Files that a query reads as a table."""

    schema: str
    name: str
    format: str
    """Spark's name of it: `csv`, `parquet`."""
    location: str
    """A path or pattern, as the cluster sees it."""
    options: Mapping[str, str] = field(default_factory=dict)
    null_text: str | None = None
    """For text: what stands for null; empty text is null only when this is empty. None leaves values as they are."""


def make_file_tables(session: SparkSession, tables: Iterable[FileTable]) -> None:
    """Gives the catalog a table, or a view, for each; schemas are made when missing.

    Raises:
        QueryError: Spark cannot read the files.
    """
    for table in tables:
        run(session, f"create schema if not exists {spark_identifier(table.schema)}")
        if table.null_text is None:
            _make(session, table, table.name)
            continue
        # NOTE: what stands for null is said by a view and not by the reader: readers of text differ in what they make
        # of empty fields, and Sail's knows no such option.
        files = f"{table.name}__files"
        _make(session, table, files)
        columns = ", ".join(
            _without(table.null_text, spark_identifier(name)) for name in _columns(session, table.schema, files)
        )
        run(
            session,
            f"create or replace view {spark_identifier(table.schema)}.{spark_identifier(table.name)} as "
            f"select {columns} from {spark_identifier(table.schema)}.{spark_identifier(files)}",
        )


def drop_schemas(session: SparkSession, schemas: Iterable[str]) -> None:
    """Drops these schemas with all their tables; those that are gone already are fine.

    Raises:
        QueryError: Spark refused it.
    """
    for schema in schemas:
        run(session, f"drop schema if exists {spark_identifier(schema)} cascade")


def run(session: SparkSession, statement: str) -> Any:
    """The statement's frame; a command has run when this returns.

    Raises:
        QueryError: Spark refused it.
    """
    with spark_errors(statement):
        return session.sql(statement)


@contextmanager
def spark_errors(statement: str) -> Iterator[None]:
    """Turns what Spark, or the way to it, raises into a `QueryError` with the first line of the reason."""
    pyspark_error = import_extra("pyspark.errors", extra="spark").PySparkException
    rpc_error = import_extra("grpc", extra="spark").RpcError
    try:
        yield
    except (pyspark_error, rpc_error) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise QueryError(reason, step="spark", statement=statement) from error


def _make(session: SparkSession, table: FileTable, name: str) -> None:
    options = ", ".join(f"{spark_text(key)} {spark_text(value)}" for key, value in table.options.items())
    run(
        session,
        f"create table if not exists {spark_identifier(table.schema)}.{spark_identifier(name)} using {table.format} "
        + (f"options ({options}) " if options else "")
        + f"location {spark_text(table.location)}",
    )


def _columns(session: SparkSession, schema: str, name: str) -> list[str]:
    statement = f"select * from {spark_identifier(schema)}.{spark_identifier(name)}"
    with spark_errors(statement):
        return list(session.sql(statement).columns)


def _without(null_text: str, column: str) -> str:
    if not null_text:
        return f"nullif({column}, '') as {column}"
    return f"case when {column} = {spark_text(null_text)} then null else coalesce({column}, '') end as {column}"
