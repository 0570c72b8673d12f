"""Parquet files that Spark's workers write and read: their rows never come here.

A folder of such files has one subfolder per file, named by its number: that is how both Spark and Sail are told which
row goes into which file. A path is one of a folder that all workers see, or the URL of a bucket.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from warehouse.engine.base import Column
from warehouse.engine.spark import SparkEngine
from warehouse.engine.spark_frames import answers
from warehouse.engine.spark_types import duckdb_type
from warehouse.engine.spark_values import spark_identifier
from warehouse.errors import QueryError
from warehouse.sql import Query, Step

_MOST_TASKS = 2_000
"""Beyond, a worker writes several files one after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedFile:
    """One file, as the workers see it."""

    number: int
    path: str
    """Below the folder, with slashes."""
    byte_count: int
    sha256: str


def write_numbered_files(
    engine: SparkEngine, query: Query, folder: str, *, number: str, order: Sequence[str], file_count: int
) -> None:
    """Writes the rows of a query into one Parquet file per number, all at once, each by one worker.

    Args:
        engine: Whose workers write.
        query: The rows.
        folder: Where; nothing may be there yet.
        number: The column that says which file a row belongs to, a whole number; it is not written.
        order: Columns by which the rows of a file are sorted, nulls last, and which are not written; empty for any
            order.
        file_count: How many numbers there are.

    Raises:
        QueryError: Spark refused it, or went away.
    """
    with engine.errors(query):
        frame = engine.frame(query).repartition(min(file_count, _MOST_TASKS), number)
        keys = [frame[name].asc_nulls_last() for name in (number, *order)]
        # Also without an order: Spark would sort by the number itself, and Sail needs none.
        frame = frame.sortWithinPartitions(*keys).drop(*order) if order else frame
        frame.write.partitionBy(number).option("compression", "zstd").parquet(folder)


def numbered_rows(engine: SparkEngine, folder: str, *, number: str) -> Mapping[int, int]:
    """How many rows each file has, by its number, as the workers find them.

    Raises:
        QueryError: the workers find no files, or cannot read them.
    """
    with engine.errors(_reading(folder)):
        counts = engine.session.read.parquet(folder).groupBy(number).count()
        return {int(row[number]): int(row["count"]) for row in answers(counts)}


def numbered_columns(engine: SparkEngine, folder: str, *, number: str) -> tuple[Column, ...]:
    """The files' columns, with DuckDB's names of their types.

    Raises:
        QueryError: the workers find no files, or cannot read them.
    """
    with engine.errors(_reading(folder)):
        fields = engine.session.read.parquet(folder).schema.fields
    return tuple(Column(field.name, duckdb_type(field.dataType)) for field in fields if field.name != number)


def numbered_files(engine: SparkEngine, folder: str, *, number: str) -> tuple[NumberedFile, ...]:
    """Every file with its size and SHA-256, which the workers compute.

    Raises:
        QueryError: the workers find no files, or cannot read one, as when it is larger than what Spark holds as one
            value: 2 GiB.
    """
    with engine.errors(_reading(folder)):
        files = engine.session.read.format("binaryFile").load(folder)
        rows = answers(files.selectExpr("path", "length as byte_count", "sha2(content, 256) as sha256"))
    return tuple(sorted((_numbered(row, number) for row in rows), key=lambda file: file.number))


def _numbered(row: Mapping[str, Any], number: str) -> NumberedFile:
    match = re.search(rf"/({re.escape(number)}=(\d+)/[^/]+)$", f"/{row['path']}")
    if match is None:
        raise QueryError(f"{row['path']} is no file of a number", step="files", statement=spark_identifier(number))
    return NumberedFile(
        number=int(match[2]), path=match[1], byte_count=int(row["byte_count"]), sha256=str(row["sha256"])
    )


def _reading(folder: str) -> Query:
    return Query.of(Step("written_files", f"read the files in {folder}"))
