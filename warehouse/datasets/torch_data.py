"""A split as a PyTorch dataset: every row to exactly one worker of one rank, a row group in memory at a time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy
import pyarrow
import torch
from pyarrow import compute
from torch import distributed
from torch.utils.data import IterableDataset, get_worker_info

from warehouse.datasets.record_batches import Unit, read_unit, read_units
from warehouse.datasets.spec import Format
from warehouse.datasets.subsets import Share

if TYPE_CHECKING:
    Converter = Callable[[pyarrow.Array], Any]

_ROWS_AT_ONCE = 4_096
"""Rows that are converted together when they are given one by one."""


class SplitRows(IterableDataset[Any]):  # type: ignore[misc, unused-ignore]  # Any where PyTorch is not installed
    """The rows of a split, one by one or in batches, as dictionaries by column.

    Numbers, booleans and times become tensors; text, lists and structs stay Python values. Integers and booleans of a
    column that has a NULL anywhere become float64 with NaN, so that a column has one type throughout. Dates are days,
    timestamps microseconds since 1970 (UTC), times of day microseconds since midnight; decimals become float64.

    The workers of a `DataLoader`, and the ranks of an initialized process group, take turns at the row groups: no row
    comes twice and none is lost. How many rows each gets may differ by row groups.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        columns: Sequence[str],
        *,
        format_: Format,
        label: str | None = None,
        batch_size: int | None = None,
        shuffle_seed: int | None = None,
        share: Share | None = None,
    ) -> None:
        super().__init__()
        files = list(read_units(paths, format_))
        nullable = frozenset().union(*(file.nullable for file in files))
        self.columns = tuple(columns)
        self.label = label
        self.batch_size = batch_size
        self.shuffle_seed = shuffle_seed
        self._format = format_
        self._units = [unit for file in files for unit in file.units]
        self._types = {name: _tensor_type(files[0].schema.field(name).type, name in nullable) for name in columns}
        self._share = share
        self._rank = _rank()
        # Shared memory, so that workers that live for several epochs see it change.
        self._epoch = torch.zeros((), dtype=torch.int64)
        self._epoch.share_memory_()  # type: ignore[no-untyped-call, unused-ignore]  # PyTorch left it untyped

    def set_epoch(self, epoch: int) -> None:
        """Says which epoch comes next: with a seed, each has its own order, the same on every run."""
        self._epoch.fill_(epoch)

    def __getstate__(self) -> dict[str, Any]:
        # A worker that is started afresh knows nothing of the process group.
        return {**self.__dict__, "_rank": _rank() or self._rank}

    def __iter__(self) -> Iterator[Any]:
        tables = self._tables()
        if self.batch_size is None:
            for table in tables:
                for start in range(0, table.num_rows, _ROWS_AT_ONCE):
                    yield from self._rows(table.slice(start, _ROWS_AT_ONCE))
        else:
            for table in _resized(tables, self.batch_size):
                yield self._with_label(self._values(table))

    def _tables(self) -> Iterator[pyarrow.Table]:
        """This worker's row groups, in the order of this epoch."""
        rank, ranks = _rank() or self._rank or (0, 1)
        info = get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        units = list(self._units)
        epoch = int(self._epoch)
        if self.shuffle_seed is not None:
            random.Random(f"{self.shuffle_seed}/{epoch}").shuffle(units)
        for unit in units[rank * workers + worker :: ranks * workers]:
            table = self._read(unit)
            if self.shuffle_seed is not None:
                order = list(range(table.num_rows))
                random.Random(f"{self.shuffle_seed}/{epoch}/{unit.path.name}/{unit.number}").shuffle(order)
                table = table.take(pyarrow.array(order, type=pyarrow.int64()))
            yield table

    def _read(self, unit: Unit) -> pyarrow.Table:
        if self._share is None:
            return read_unit(unit, self.columns, self._format)
        needed = (*self.columns, *(name for name in self._share.columns if name not in self.columns))
        table = read_unit(unit, needed, self._format)
        kept = self._share.holds({name: table.column(name).to_pylist() for name in self._share.columns})
        return table.filter(pyarrow.array(kept, type=pyarrow.bool_())).select(self.columns)

    def _values(self, table: pyarrow.Table) -> dict[str, Any]:
        """One tensor or list per column."""
        return {
            name: column.to_pylist() if (to := self._types[name]) is None else _tensor(column, to)
            for name, column in zip(self.columns, table.columns, strict=True)
        }

    def _rows(self, table: pyarrow.Table) -> Iterator[Any]:
        values = self._values(table)
        for row in zip(*values.values(), strict=True):
            yield self._with_label(dict(zip(values, row, strict=True)))

    def _with_label(self, values: dict[str, Any]) -> Any:
        """The values alone, or the features and the label."""
        if self.label is None:
            return values
        label = values.pop(self.label)
        return values, label


def _rank() -> tuple[int, int] | None:
    """This process's rank and how many there are; None without a process group."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return None


def _tensor_type(type_: pyarrow.DataType, is_nullable: bool) -> pyarrow.DataType | None:
    """What a column is cast to before it becomes a tensor; None for one that does not."""
    types = pyarrow.types
    if types.is_boolean(type_) or types.is_integer(type_):
        if is_nullable:
            return pyarrow.float64()
        # PyTorch calculates with no unsigned integers but bytes.
        wider = {"uint16": pyarrow.int32(), "uint32": pyarrow.int64(), "uint64": pyarrow.int64()}
        return wider.get(str(type_), type_)
    if types.is_floating(type_):
        return type_
    if types.is_decimal(type_):
        return pyarrow.float64()
    if types.is_date(type_):
        return pyarrow.float64() if is_nullable else pyarrow.int32()
    if types.is_timestamp(type_) or types.is_time(type_):
        return pyarrow.float64() if is_nullable else pyarrow.int64()
    return None


def _tensor(column: pyarrow.ChunkedArray, to: pyarrow.DataType) -> torch.Tensor:
    types, type_ = pyarrow.types, column.type
    if types.is_timestamp(type_):
        column = compute.cast(column, pyarrow.timestamp("us", tz=type_.tz), safe=False).cast(pyarrow.int64())
    elif types.is_time(type_):
        column = compute.cast(column, pyarrow.time64("us"), safe=False).cast(pyarrow.int64())
    elif types.is_date(type_):
        column = column.cast(pyarrow.date32()).cast(pyarrow.int32())
    elif types.is_boolean(type_) and types.is_floating(to):
        column = column.cast(pyarrow.int8())
    # NOTE: a copy, since a tensor on Arrow's read-only memory could be written to.
    return torch.from_numpy(numpy.array(column.cast(to).to_numpy()))


def _resized(tables: Iterator[pyarrow.Table], size: int) -> Iterator[pyarrow.Table]:
    """The same rows in tables of `size`, the last one smaller; at most one table more than that is held."""
    rest: list[pyarrow.Table] = []
    for table in tables:
        whole = pyarrow.concat_tables([*rest, table])
        full = whole.num_rows - whole.num_rows % size
        for start in range(0, full, size):
            yield whole.slice(start, size)
        rest = [whole.slice(full)] if full < whole.num_rows else []
    yield from rest
