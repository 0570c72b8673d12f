"""A version's files as Arrow, in units that are read one at a time: row groups of Parquet, batches of Arrow files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.datasets.spec import Format
from warehouse.errors import import_extra

if TYPE_CHECKING:
    import pyarrow

UNIT_FORMATS = (Format.PARQUET, Format.ARROW)
"""Formats whose files can be read in parts."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Rows that are read together."""

    path: Path
    number: int
    """Of the row group or batch in its file."""
    row_count: int


@dataclass(frozen=True, slots=True)
class UnitFile:
    """What reading a file's footer tells."""

    units: tuple[Unit, ...]
    schema: pyarrow.Schema
    nullable: frozenset[str]
    """Columns that have a missing value, or may have one for all that the file says."""


def read_units(paths: Sequence[Path], format_: Format) -> Iterator[UnitFile]:
    """The units of each file, without their rows."""
    for path in paths:
        yield _parquet_units(path) if format_ is Format.PARQUET else _arrow_units(path)


def _parquet_units(path: Path) -> UnitFile:
    parquet = import_extra("pyarrow.parquet", extra="arrow")
    with parquet.ParquetFile(path) as file:
        metadata, schema = file.metadata, file.schema_arrow
        units, complete = [], set(schema.names)
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            units.append(Unit(path, number, group.num_rows))
            for index in range(group.num_columns):
                column = group.column(index)
                facts = column.statistics
                if facts is None or not facts.has_null_count or facts.null_count:
                    complete.discard(column.path_in_schema)
    return UnitFile(tuple(units), schema, frozenset(schema.names) - complete)


def _arrow_units(path: Path) -> UnitFile:
    ipc = import_extra("pyarrow.ipc", extra="arrow")
    with _mapped(path) as source, ipc.open_file(source) as file:
        units, nullable = [], set()
        for number in range(file.num_record_batches):
            batch = file.get_batch(number)
            units.append(Unit(path, number, batch.num_rows))
            nullable |= {
                name for name, column in zip(batch.schema.names, batch.columns, strict=True) if column.null_count
            }
        return UnitFile(tuple(units), file.schema, frozenset(nullable))


def read_unit(unit: Unit, columns: Sequence[str], format_: Format) -> pyarrow.Table:
    """The unit's rows with these columns, in this order."""
    pyarrow = import_extra("pyarrow", extra="arrow")
    if format_ is Format.PARQUET:
        parquet = import_extra("pyarrow.parquet", extra="arrow")
        with parquet.ParquetFile(unit.path) as file:
            # NOTE: no threads, since a forked worker has none of its parent's; and a name picks `name.x` as well.
            return file.read_row_group(unit.number, columns=list(columns), use_threads=False).select(columns)
    ipc = import_extra("pyarrow.ipc", extra="arrow")
    with _mapped(unit.path) as source, ipc.open_file(source) as file:
        return pyarrow.Table.from_batches([file.get_batch(unit.number)]).select(columns)


def read_table(paths: Sequence[Path], columns: Sequence[str] | None, format_: Format) -> pyarrow.Table:
    """All rows as one table: in memory from Parquet, a view of the mapped files from Arrow."""
    pyarrow = import_extra("pyarrow", extra="arrow")
    if format_ is Format.PARQUET:
        parquet = import_extra("pyarrow.parquet", extra="arrow")
        # One file at a time: given a folder or several files, pyarrow would look for partitions in their names.
        tables = [parquet.ParquetFile(path).read(columns=columns) for path in paths]
    else:
        ipc = import_extra("pyarrow.ipc", extra="arrow")
        tables = [ipc.open_file(_mapped(path)).read_all() for path in paths]
    table = pyarrow.concat_tables(tables)
    return table if columns is None else table.select(columns)


def _mapped(path: Path) -> Any:
    return import_extra("pyarrow", extra="arrow").memory_map(str(path))
