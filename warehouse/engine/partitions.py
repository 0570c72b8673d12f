"""Rows written aside once, in partitions, for whoever asks them one partition after the other."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step, identifier, literal
from warehouse.storage import storage_errors

KEPT_TYPES = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
    | {"DATE", "TIMESTAMP", "UUID"}
)
"""Some of the types that come back from Parquet as they were, and are no wider than 16 bytes."""


@contextmanager
def partitioned(engine: Engine, query: Query, *, by: str) -> Iterator[dict[int, Relation]]:
    """The rows of a query, a relation for each number in its column `by`, which the relations do not have.

    They lie as Parquet where DuckDB spills, so their types must be some that Parquet has; afterwards they are gone.

    Args:
        engine: Of one machine.
        query: Its last step's name is what people call the rows.
        by: A column of whole numbers, few of them.

    Raises:
        StorageError: nothing can be written where DuckDB spills.
        QueryError: the engine refused it, for want of space say.
    """
    (setting,) = engine.rows(Query.of(Step("spill_folder", "select current_setting('temp_directory') as folder")))
    folder = Path(setting["folder"]) / f"partitions-{uuid4().hex}"
    with storage_errors(f"write {folder}"):
        folder.mkdir(parents=True)
    try:
        # The names of files are DuckDB's, and it would not write into a folder that is there.
        form = "format parquet, parquet_version v2, codec uncompressed"  # hashes do not get smaller
        options = f"{form}, partition_by ({identifier(by)}), overwrite_or_ignore"
        copy = Step(query.name, f"copy ({query.text}) to {literal(str(folder))} ({options})")
        engine.rows(Query((copy,), query.parameters))
        found = {int(part.name.partition("=")[2]): sorted(map(str, part.iterdir())) for part in folder.iterdir()}
        yield {number: Relation.parquet(found[number], name=query.name) for number in sorted(found)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
