"""Writing a version's files: rows in a stable order, durable, each file with its checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from warehouse import storage
from warehouse.datasets.arrow_writing import write_arrow
from warehouse.datasets.columns import OutputColumn
from warehouse.datasets.formats import copy_options, written_sql
from warehouse.datasets.manifest import FileRecord
from warehouse.datasets.placement import Placement
from warehouse.datasets.sharding import SAMPLE_ROWS, Part, part_rows_sql, rows_per_file, split_parts
from warehouse.datasets.spec import DatasetSpec, Format
from warehouse.engine.base import Engine
from warehouse.errors import ExportError, QueryError, StorageError
from warehouse.sql import Query, Relation, Step, identifier, literal

CHECKSUMS_NAME = "SHA256SUMS"


def write_splits(
    engine: Engine,
    relation: Relation,
    spec: DatasetSpec,
    columns: Sequence[OutputColumn],
    placement: Placement,
    folder: Path,
) -> dict[str, tuple[FileRecord, ...]]:
    """Writes `data/<split>/part-00000.parquet`, or what format and shards say, and returns what was written.

    Each file is synced and hashed while the next one is written.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
        ExportError: a file holds other rows than it should.
        MissingExtraError: Arrow files are asked for, and pyarrow is not installed.
    """
    most_rows = _rows_per_file(engine, relation, spec, columns, placement, folder)
    pending: dict[str, list[Future[FileRecord]]] = {}
    # The largest first, so that its checksum is not waited for at the end.
    by_size = sorted(placement.row_counts, key=lambda split: -placement.row_counts[split])
    with ThreadPoolExecutor(max_workers=1) as pool:
        for split in by_size:
            parts = split_parts(engine, relation, spec, columns, placement, split, most_rows=most_rows)
            pending[split] = []
            for part in parts:
                path = folder / f"{part.path}.{spec.format.value}"
                written = _write_part(engine, part, spec, columns, path)
                if written != part.row_count:
                    raise ExportError(
                        f"{path} holds {written:,} rows where {part.row_count:,} were placed\n"
                        "  this is a bug of ml-warehouse or DuckDB; please report it"
                    )
                pending[split].append(pool.submit(_finish_file, path, folder, part))
        with writing(folder):
            return {split: tuple(file.result() for file in pending[split]) for split in placement.row_counts}


def _rows_per_file(
    engine: Engine,
    relation: Relation,
    spec: DatasetSpec,
    columns: Sequence[OutputColumn],
    placement: Placement,
    folder: Path,
) -> int | None:
    if not spec.shard_bytes:
        return rows_per_file(spec, sample_rows=0, sample_bytes=0)
    row_count = min(SAMPLE_ROWS, placement.row_counts["train"])
    path = folder / f"sample.{spec.format.value}"
    sample = Part(
        split="train",
        path="sample",
        row_count=row_count,
        subset=None,
        source=relation,
        condition=placement.holds_sql("train"),
        order_by=f"limit {row_count}",
        is_sorted=False,
    )
    try:
        _write_part(engine, sample, spec, columns, path)
        return rows_per_file(spec, sample_rows=row_count, sample_bytes=path.stat().st_size)
    finally:
        path.unlink(missing_ok=True)


def _write_part(engine: Engine, part: Part, spec: DatasetSpec, columns: Sequence[OutputColumn], path: Path) -> int:
    """Writes one file and returns how many rows went into it."""
    found = [replace(column, value=identifier(column.name)) for column in columns] if part.is_sorted else columns
    query = part_rows_sql(part, [written_sql(column, spec.format) for column in found])
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if spec.format is Format.ARROW:
            return write_arrow(engine, query, path)
        options = copy_options(spec.format, column_count=len(columns))
        # NOTE: a literal, since the first value that Python binds makes DuckDB import pandas: 0.3 s.
        copy = Step(f"write_{part.split}", f"copy ({query.text}) to {literal(str(path))} ({options})")
        ((written,),) = (row.values() for row in engine.rows(Query.of(copy)))
        return int(written)


def _finish_file(path: Path, folder: Path, part: Part) -> FileRecord:
    storage.sync_file(path)
    storage.sync_folder(path.parent)
    return FileRecord(
        path=path.relative_to(folder).as_posix(),
        row_count=part.row_count,
        byte_count=path.stat().st_size,
        sha256=file_sha256(path),
        subset=part.subset,
    )


def file_sha256(path: Path) -> str:
    """The file's SHA-256 as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns whatever a full or read-only disk does to the block, also inside DuckDB, into a `StorageError`."""
    import duckdb

    with storage.storage_errors(f"write {path}"):
        try:
            yield
        except QueryError as error:
            if isinstance(error.__cause__, duckdb.OutOfMemoryException):
                raise ExportError(
                    f"cannot write {path}: {str(error.__cause__).splitlines()[0]}\n"
                    "  export fewer columns (columns.include), or use fewer threads: WAREHOUSE_THREADS=2"
                ) from error
            if not isinstance(error.__cause__, duckdb.IOException):
                raise
            reason = str(error.__cause__).splitlines()[0]
            raise StorageError(
                f"cannot write {path}: {reason}\n"
                "  free some space or make the folder writable, or set WAREHOUSE_STATE_PATH to another disk; "
                "nothing was changed"
            ) from error


def checksums_text(checksums: Mapping[str, str]) -> str:
    """The content of SHA256SUMS: what `sha256sum -c` reads, sorted by path."""
    return "".join(f"{checksum}  {path}\n" for path, checksum in sorted(checksums.items()))
