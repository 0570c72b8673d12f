"""Arrow files: record batches in the IPC file format, which can be mapped into memory and read in any order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.engine.base import Engine
from warehouse.errors import import_extra
from warehouse.sql import Query

if TYPE_CHECKING:
    import pyarrow

BATCH_ROWS = 65_536
"""Rows per record batch; memory holds about two of them, and readers may share batches out."""


def write_arrow(engine: Engine, query: Query, path: Path) -> int:
    """Writes the rows of the query, in their order, and returns how many there were; one batch at a time.

    Equal rows give equal bytes: batches are cut at fixed numbers of rows, and what lies under a null is zero.

    Raises:
        MissingExtraError: pyarrow is not installed.
        QueryError: the engine refused the query.
    """
    ipc = import_extra("pyarrow.ipc", extra="arrow")
    row_count = 0
    reader = engine.batches(query, row_count=BATCH_ROWS)
    with ipc.new_file(str(path), reader.schema) as writer:
        for batch in _even_batches(reader):
            writer.write_batch(_without_leftovers(batch))
            row_count += batch.num_rows
    return row_count


def _even_batches(reader: pyarrow.RecordBatchReader) -> Iterator[pyarrow.RecordBatch]:
    import pyarrow

    waiting, count = list[Any](), 0
    for batch in reader:
        waiting.append(batch)
        count += batch.num_rows
        while count >= BATCH_ROWS:
            joined = pyarrow.concat_batches(waiting)
            yield joined.slice(0, BATCH_ROWS)
            waiting, count = [joined.slice(BATCH_ROWS)], count - BATCH_ROWS
    if count:
        yield pyarrow.concat_batches(waiting)


def _without_leftovers(batch: pyarrow.RecordBatch) -> pyarrow.RecordBatch:
    import pyarrow

    return pyarrow.RecordBatch.from_arrays([_zeroed(column) for column in batch.columns], schema=batch.schema)


def _zeroed(array: pyarrow.Array) -> pyarrow.Array:
    """The array with zeros under its nulls, where DuckDB leaves what was in memory."""
    import pyarrow

    kind = array.type
    if pyarrow.types.is_struct(kind):
        members = [_zeroed(array.field(i)) for i in range(kind.num_fields)]
        mask = array.is_null() if array.null_count else None
        return pyarrow.StructArray.from_arrays(members, fields=list(kind), mask=mask)
    if pyarrow.types.is_fixed_size_list(kind):
        return _zeroed_rows(array)
    if pyarrow.types.is_list(kind) or pyarrow.types.is_map(kind):
        return _zeroed_lists(array)
    if not array.null_count:
        return array
    if pyarrow.types.is_boolean(kind):
        values = array.fill_null(False).buffers()[1]
    elif pyarrow.types.is_primitive(kind) or pyarrow.types.is_decimal(kind):
        values = _zeroed_values(array, kind.bit_width // 8)
    else:
        # Text keeps nothing under a null.
        return array
    return pyarrow.Array.from_buffers(kind, len(array), [_validity(array), values])


def _validity(array: pyarrow.Array) -> pyarrow.Buffer | None:
    return array.is_valid().buffers()[1] if array.null_count else None


def _zeroed_values(array: pyarrow.Array, width: int) -> pyarrow.Buffer:
    import numpy as np
    import pyarrow

    bytes_ = np.frombuffer(array.buffers()[1], dtype=np.uint8)
    rows = bytes_[array.offset * width : (array.offset + len(array)) * width].reshape(len(array), width).copy()
    rows[array.is_null().to_numpy(zero_copy_only=False)] = 0
    return pyarrow.py_buffer(rows)


def _zeroed_lists(array: pyarrow.Array) -> pyarrow.Array:
    """Lists or maps; a null one has no values."""
    import numpy as np
    import pyarrow

    offsets = np.asarray(array.offsets)
    first, count = int(offsets[0]), int(offsets[-1] - offsets[0])
    if pyarrow.types.is_map(array.type):
        pairs = [_zeroed(part.slice(first, count)) for part in (array.keys, array.items)]
        values = pyarrow.StructArray.from_arrays(pairs, fields=[array.type.key_field, array.type.item_field])
    else:
        values = _zeroed(array.values.slice(first, count))
    buffers = [_validity(array), pyarrow.py_buffer((offsets - first).astype(np.int32))]
    return pyarrow.Array.from_buffers(array.type, len(array), buffers, children=[values])


def _zeroed_rows(array: pyarrow.Array) -> pyarrow.Array:
    """Arrays of one length, which have values also under a null."""
    import numpy as np
    import pyarrow
    from pyarrow import compute

    size = array.type.list_size
    values = array.values.slice(array.offset * size, len(array) * size)
    if array.null_count:
        missing = np.repeat(array.is_null().to_numpy(zero_copy_only=False), size)
        values = compute.if_else(pyarrow.array(missing), pyarrow.scalar(None, values.type), values)
    return pyarrow.Array.from_buffers(array.type, len(array), [_validity(array)], children=[_zeroed(values)])
