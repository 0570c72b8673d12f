"""A version's files, written by Spark's workers: all at once, checked before anybody sees them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from warehouse.datasets.columns import OutputColumn
from warehouse.datasets.manifest import FileRecord
from warehouse.datasets.numbered_parts import NumberedPart, numbered_parts, with_lanes
from warehouse.datasets.placement import Placement
from warehouse.datasets.sharding import SAMPLE_ROWS, rows_per_file
from warehouse.datasets.spec import DatasetSpec
from warehouse.engine.spark import SparkEngine
from warehouse.engine.spark_files import (
    numbered_columns,
    numbered_files,
    numbered_rows,
    write_numbered_files,
)
from warehouse.errors import ExportError, QueryError, StorageError, problem_list
from warehouse.exports.spark_destinations import Destination
from warehouse.sql import Query, Relation, Step

_NUMBER = "file_number"
_ORDER = "file_order"
_LANE = "file_lane"


def check_is_shared(engine: SparkEngine, destination: Destination) -> None:
    """Lets a worker write one row aside, and looks for it from here.

    Raises:
        StorageError: it cannot be written there, or is not there then.
    """
    with _aside(destination) as (name, folder):
        query = Query.of(Step("probe", f"select 0 as {_NUMBER}, 1 as probe"))
        write_numbered_files(engine, query, folder, number=_NUMBER, order=(), file_count=1)
        if not destination.has_files(name):
            raise StorageError(
                f"what Spark's workers write into {destination.shown} is not there for this machine, so it is another "
                "place to them\n  let state_path be a folder that all of them see at the same path, or set store; "
                "nothing was changed"
            )


def write_on_workers(
    engine: SparkEngine,
    relation: Relation,
    spec: DatasetSpec,
    columns: Sequence[OutputColumn],
    placement: Placement,
    destination: Destination,
) -> dict[str, tuple[FileRecord, ...]]:
    """Writes `data/<split>/part-00000.parquet` and so on, and returns what was written.

    Raises:
        StorageError: the workers cannot write there.
        StoreError: the store cannot be reached.
        ExportError: a file holds other rows, or columns of other types, than it should.
    """
    types = {column.name: column.type for column in engine.columns(relation)}
    most_rows = _most_rows(engine, relation, spec, columns, placement, destination)
    written_names = [column.name for column in columns]
    number, order_name, lane = _free(_NUMBER, written_names), _free(_ORDER, written_names), _free(_LANE, types)
    laned = with_lanes(relation, spec, lane=lane)
    plan = numbered_parts(engine, laned, spec, placement, types=types, most_rows=most_rows)
    order = {f"{order_name}_{index}": term for index, term in enumerate(plan.order)}
    query = _numbered_rows_sql(laned.relation, columns, {number: plan.number_sql, **order}, number=number)
    with _aside(destination) as (name, folder):
        write_numbered_files(engine, query, folder, number=number, order=tuple(order), file_count=len(plan.parts))
        _check_rows(plan.parts, numbered_rows(engine, folder, number=number), destination)
        _check_columns(columns, engine, folder, number, destination)
        written = {file.number: file for file in numbered_files(engine, folder, number=number)}
        paths = {part: f"{part.path}.{spec.format.value}" for part in plan.parts}
        destination.keep(name, {paths[part]: written[part.number] for part in plan.parts})
    return {
        split: tuple(
            FileRecord(
                path=paths[part],
                row_count=part.row_count,
                byte_count=written[part.number].byte_count,
                sha256=written[part.number].sha256,
                subset=part.subset,
            )
            for part in plan.parts
            if part.split == split
        )
        for split in placement.row_counts
    }


def sampled_on_workers(
    engine: SparkEngine,
    relation: Relation,
    columns: Sequence[OutputColumn],
    condition: str,
    destination: Destination,
) -> tuple[int, int]:
    """Rows and bytes of a file of some rows that satisfy the condition; it is written aside and deleted.

    Raises:
        StorageError: the workers cannot write there.
    """
    number = _free(_NUMBER, (column.name for column in columns))
    terms = ", ".join(column.sql for column in columns)
    sample = f"select {terms}, 0 as {number} from {relation.sql} where {condition} limit {SAMPLE_ROWS}"
    with _aside(destination) as (_, folder):
        query = Query.of(Step("sample", sample))
        write_numbered_files(engine, query, folder, number=number, order=(), file_count=1)
        row_count = sum(numbered_rows(engine, folder, number=number).values())
        return row_count, sum(file.byte_count for file in numbered_files(engine, folder, number=number))


def _most_rows(
    engine: SparkEngine,
    relation: Relation,
    spec: DatasetSpec,
    columns: Sequence[OutputColumn],
    placement: Placement,
    destination: Destination,
) -> int | None:
    if not spec.shard_bytes:
        return rows_per_file(spec, sample_rows=0, sample_bytes=0)
    train = placement.holds_sql("train")
    row_count, byte_count = sampled_on_workers(engine, relation, columns, train, destination)
    return rows_per_file(spec, sample_rows=row_count, sample_bytes=byte_count)


def _numbered_rows_sql(
    relation: Relation, columns: Sequence[OutputColumn], added: Mapping[str, str], *, number: str
) -> Query:
    """The rows of all splits as they are written, with the number of their file and what they are sorted by."""
    terms = [column.sql for column in columns] + [f"{term} as {name}" for name, term in added.items()]
    return Query.of(
        Step("placed_rows", f"select {', '.join(terms)} from {relation.sql}"),
        Step("numbered_rows", f"select * from placed_rows where {number} is not null"),
    )


def _free(name: str, columns: Iterable[str]) -> str:
    """The name, or a longer one, so that no column begins with it."""
    taken = [column.lower() for column in columns]
    while any(column.startswith(name) for column in taken):
        name += "_"
    return name


def _check_rows(parts: Sequence[NumberedPart], found: Mapping[int, int], destination: Destination) -> None:
    for part in parts:
        written = found.get(part.number, 0)
        if written != part.row_count:
            raise ExportError(
                f"Spark wrote {written:,} rows of {part.split} for {part.path}, where {part.row_count:,} were placed, "
                f"into {destination.shown}\n"
                "  a worker may have died, or not see that place; nothing was changed, so run the same command again"
            )


def _check_columns(
    columns: Sequence[OutputColumn], engine: SparkEngine, folder: str, number: str, destination: Destination
) -> None:
    found = {column.name: column.type for column in numbered_columns(engine, folder, number=number)}
    wrong = [
        f"{column.name}: {found.get(column.name, 'nothing')} instead of {column.type}"
        for column in columns
        if found.get(column.name) != column.type
    ]
    if wrong or len(found) != len(columns):
        raise ExportError(
            problem_list(f"the files that Spark wrote into {destination.shown} have other columns:", wrong)
        )


@contextmanager
def _aside(destination: Destination) -> Iterator[tuple[str, str]]:
    """A name, and where the workers find the folder of this name; in the end it is gone.

    What Spark says of a place that cannot be written becomes a `StorageError`.
    """
    name = f"written-{uuid.uuid4().hex}"
    try:
        yield name, destination.aside(name)
    except QueryError as error:
        raise StorageError(
            f"Spark could not write into {destination.shown}: {error.reason}\n"
            "  its workers must see that place, be allowed to write there, and have space; nothing was changed, so run "
            "the same command again"
        ) from error
    finally:
        destination.remove(name)
