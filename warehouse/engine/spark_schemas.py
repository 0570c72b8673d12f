"""Schemas of a Spark catalog, and tables and views in them that stand for files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from warehouse.engine.spark_errors import spark_errors
from warehouse.engine.spark_frames import question
from warehouse.engine.spark_values import spark_identifier, spark_text

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTable:
    """Files, or a table that other tools wrote, that a query reads as a table."""

    schema: str
    name: str
    format: str
    """Spark's name of it: `csv`, `parquet`, `delta`, `iceberg`."""
    location: str
    """A path or pattern, as the cluster sees it."""
    options: Mapping[str, str] = field(default_factory=dict)
    null_texts: tuple[str, ...] | None = None
    """For text: what stands for null, empty text only when it is one of these; None leaves values as they are."""
    version: str | None = None
    """Of a table with versions, the only one that is read; empty for none, which has no row. None for files."""
    columns: tuple[str, ...] = ()
    """In this order, of a table with versions; empty for that of the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileUnion:
    """The rows of files one by one, each with the path that it came from."""

    schema: str
    name: str
    columns: tuple[str, ...]
    """Of all files; what one lacks is null there."""
    files: tuple[tuple[str, frozenset[str]], ...]
    """Path of each Parquet file and its columns."""
    path_column: str | None
    """What the column with the path is called; None for none."""


def make_file_tables(session: SparkSession, tables: Iterable[FileTable | FileUnion]) -> None:
    """Gives the catalog a table, or a view, for each; schemas are made when missing.

    Raises:
        QueryError: Spark cannot read the files.
    """
    for table in tables:
        run(session, f"create schema if not exists {spark_identifier(table.schema)}")
        if isinstance(table, FileUnion):
            _make_union(session, table)
        elif table.version is not None:
            _make(session, table, table.name + _FILES)
            columns = ", ".join(map(spark_identifier, table.columns)) or "*"
            moment = f"version as of {int(table.version)}" if table.version else "where false"
            _make_view(session, table, f"select {columns} from {_place(table, table.name + _FILES)} {moment}")
        elif table.null_texts is not None:
            # NOTE: what stands for null is said by a view and not by the reader: readers of text differ in what they
            # make of empty fields, and Sail's knows no such option.
            _make(session, table, table.name + _FILES)
            columns = ", ".join(
                _without(table.null_texts, spark_identifier(name))
                for name in _columns(session, table.schema, table.name + _FILES)
            )
            _make_view(session, table, f"select {columns} from {_place(table, table.name + _FILES)}")
        else:
            _make(session, table, table.name)


_FILES = "__files"


def _make_union(session: SparkSession, union: FileUnion) -> None:
    # NOTE: Sail knows no column of a file's path, and that of Spark is an address: a table for each file is neither.
    names = [f"{union.name}__{number}" for number in range(1, len(union.files) + 1)]
    for name, (path, _) in zip(names, union.files, strict=True):
        _make(session, FileTable(schema=union.schema, name=name, format="parquet", location=path), name)
    # What is null in all rows of one file must be of the type that it has in others.
    nulls = {}
    for column in union.columns:
        owner = next(name for name, (_, has) in zip(names, union.files, strict=True) if column in has)
        if not all(column in has for _, has in union.files):
            (field,) = _schema(session, f"select {spark_identifier(column)} from {_place(union, owner)}")
            nulls[column] = f"cast(null as {field.dataType.simpleString()})"
    selects = []
    for name, (path, has) in zip(names, union.files, strict=True):
        listed = [
            spark_identifier(column) if column in has else f"{nulls[column]} as {spark_identifier(column)}"
            for column in union.columns
        ]
        if union.path_column is not None:
            listed.append(f"{spark_text(path)} as {spark_identifier(union.path_column)}")
        selects.append(f"select {', '.join(listed)} from {_place(union, name)}")
    _make_view(session, union, " union all ".join(selects))


def _make_view(session: SparkSession, table: FileTable | FileUnion, select: str) -> None:
    run(session, f"create or replace view {_place(table, table.name)} as {select}")


def _place(table: FileTable | FileUnion, name: str) -> str:
    return f"{spark_identifier(table.schema)}.{spark_identifier(name)}"


def spark_is_sail(session: SparkSession) -> bool:
    """Whether the server is Sail, which speaks Spark Connect, and no Apache Spark.

    Raises:
        QueryError: it does not say what it is.
    """
    statement = "select version() as version"
    with spark_errors(statement):
        (row,) = session.sql(statement).collect()
    # Sail says its own version here, and that of the Spark that it speaks as elsewhere.
    return str(row["version"]).startswith("0.")


def schema_names(session: SparkSession) -> frozenset[str]:
    """Names of all schemas of the session's catalog, in small letters: some catalogs keep no others.

    Raises:
        QueryError: Spark refused it, or is gone.
    """
    statement = "show schemas"
    with spark_errors(statement):
        return frozenset(str(row[0]).lower() for row in session.sql(statement).collect())


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
    return [str(field.name) for field in _schema(session, statement)]


def _schema(session: SparkSession, statement: str) -> Any:
    with spark_errors(statement):
        return question(session, statement).schema


def _without(null_texts: Sequence[str], column: str) -> str:
    if list(null_texts) == [""]:
        return f"nullif({column}, '') as {column}"
    value = column if "" in null_texts else f"coalesce({column}, '')"
    listed = ", ".join(map(spark_text, null_texts))
    return f"case when {column} in ({listed}) then null else {value} end as {column}"
