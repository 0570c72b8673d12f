"""Writing a version's files: Parquet in a stable order, durable, each with its checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from warehouse import storage
from warehouse.datasets.columns import OutputColumn
from warehouse.datasets.manifest import FileRecord
from warehouse.datasets.placement import Placement
from warehouse.datasets.spec import DatasetSpec, Order
from warehouse.datasets.splits import hash_text_sql
from warehouse.engine.base import Engine
from warehouse.errors import ExportError, QueryError, StorageError
from warehouse.sql import Query, Relation, Step, identifier, literal

CHECKSUMS_NAME = "SHA256SUMS"

PARQUET_OPTIONS = (
    "format parquet, compression zstd, compression_level 1, write_bloom_filter false, dictionary_size_limit 10000"
)
"""Level 1 and no bloom filters: a fifth less time than DuckDB's own zstd for files of the same size."""

_ROW_GROUP_SIZE = 122_880
_ROW_GROUP_CELLS = 64 * _ROW_GROUP_SIZE
_VECTOR_SIZE = 2048


def row_group_size(column_count: int) -> int:
    """Rows per row group: DuckDB's own, and fewer when there are many columns, since a group is held in memory."""
    rows = _ROW_GROUP_CELLS // max(column_count, 1) // _VECTOR_SIZE * _VECTOR_SIZE
    return min(_ROW_GROUP_SIZE, max(4 * _VECTOR_SIZE, rows))


def split_rows_sql(
    relation: Relation, spec: DatasetSpec, columns: Sequence[OutputColumn], placement: Placement, split: str
) -> Query:
    """The rows of one split with the exported columns, in the order that the specification asks for."""
    return Query.of(
        Step(
            "split_rows",
            f"""
            select
                {", ".join(column.sql for column in columns)},
            from {relation.sql}
            where {placement.holds_sql(split)}
            {_order_sql(spec)}
            """,
        )
    )


def _order_sql(spec: DatasetSpec) -> str:
    keys = ", ".join(identifier(name) for name in spec.key)
    match spec.order:
        case Order.TABLE:
            return ""
        case Order.KEY:
            return f"order by {keys}"
        case Order.TIME:
            return f"order by {identifier(spec.time or '')}, {keys}"
        case Order.SHUFFLED:
            # The key's own hash, also for groups, whose rows would otherwise stand together; lane 4 of it.
            salt = getattr(spec.split, "salt", spec.name)
            return f"order by substr({hash_text_sql(spec.key, salt=salt)}, 25, 8), {keys}"


def write_splits(
    engine: Engine,
    relation: Relation,
    spec: DatasetSpec,
    columns: Sequence[OutputColumn],
    placement: Placement,
    folder: Path,
) -> dict[str, tuple[FileRecord, ...]]:
    """Writes `data/<split>/part-00000.parquet` for every split and returns what was written.

    Each file is synced and hashed while the next one is written.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
        ExportError: a file holds other rows than it should.
    """
    options = f"{PARQUET_OPTIONS}, row_group_size {row_group_size(len(columns))}"
    pending: dict[str, Future[FileRecord]] = {}
    # The largest first, so that its checksum is not waited for at the end.
    by_size = sorted(placement.row_counts, key=lambda split: -placement.row_counts[split])
    with ThreadPoolExecutor(max_workers=1) as pool:
        for split in by_size:
            path = folder / "data" / split / "part-00000.parquet"
            query = split_rows_sql(relation, spec, columns, placement, split)
            # NOTE: a literal, since the first value that Python binds makes DuckDB import pandas: 0.3 s.
            copy = Step(f"write_{split}", f"copy ({query.text}) to {literal(str(path))} ({options})")
            with writing(path):
                path.parent.mkdir(parents=True)
                ((written,),) = (row.values() for row in engine.rows(Query.of(copy)))
            if written != placement.row_counts[split]:
                raise ExportError(
                    f"{path} holds {written:,} rows where {placement.row_counts[split]:,} were placed\n"
                    "  this is a bug of ml-warehouse or DuckDB; please report it"
                )
            pending[split] = pool.submit(_finish_file, path, folder, written)
        with writing(folder):
            return {split: (pending[split].result(),) for split in placement.row_counts}


def _finish_file(path: Path, folder: Path, row_count: int) -> FileRecord:
    storage.sync_file(path)
    storage.sync_folder(path.parent)
    return FileRecord(
        path=path.relative_to(folder).as_posix(),
        row_count=row_count,
        byte_count=path.stat().st_size,
        sha256=file_sha256(path),
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
