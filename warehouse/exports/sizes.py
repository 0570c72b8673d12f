"""How large the files of a version would be, without writing it."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from warehouse.datasets.columns import OutputColumn
from warehouse.datasets.formats import copy_options, written_sql
from warehouse.datasets.placement import Placement
from warehouse.datasets.sharding import SAMPLE_ROWS
from warehouse.datasets.spec import DatasetSpec, Format
from warehouse.datasets.versions import Version
from warehouse.datasets.writing import writing
from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step, literal


def known_bytes(
    spec: DatasetSpec, columns: Sequence[OutputColumn], placement: Placement, previous: Version | None
) -> dict[str, int]:
    """Roughly the bytes of each split's files, from the newest version's bytes per row.

    Empty when there is none with the same columns in the same format.
    """
    known = {} if previous is None else _bytes_per_row(previous, spec, columns)
    mean = max(known.values(), default=0)
    return {split: round(count * known.get(split, mean)) for split, count in placement.row_counts.items() if known}


def sampled_bytes(bytes_per_row: float, placement: Placement) -> dict[str, int]:
    """Roughly the bytes of each split's files, when rows of all splits take as much."""
    return {split: round(count * bytes_per_row) for split, count in placement.row_counts.items()}


def _bytes_per_row(previous: Version, spec: DatasetSpec, columns: Sequence[OutputColumn]) -> Mapping[str, float]:
    manifest = previous.manifest
    same = [(column.name, column.type) for column in columns] == [(c.name, c.type) for c in manifest.columns]
    if not same or manifest.spec.format is not spec.format:
        return {}
    return {
        split.name: sum(file.byte_count for file in split.files) / split.row_count
        for split in manifest.splits
        if split.row_count
    }


def sampled_bytes_per_row(
    engine: Engine, relation: Relation, spec: DatasetSpec, columns: Sequence[OutputColumn], folder: Path
) -> float:
    """Roughly what a row takes: from the first rows of the table, written aside and deleted.

    Args:
        engine: DuckDB.
        relation: The model's table.
        spec: Of the dataset.
        columns: As they would be written.
        folder: Where the sample may be written for a moment.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    # Arrow files are about as large as CSV, and are not written by the engine.
    format_ = Format.CSV if spec.format is Format.ARROW else spec.format
    terms = ", ".join(written_sql(column, format_) for column in columns)
    path = folder / f"sample-{uuid.uuid4().hex}" / f"sample.{format_.value}"
    options = copy_options(format_, column_count=len(columns))
    copy = f"copy (select {terms} from {relation.sql} limit {SAMPLE_ROWS}) to {literal(str(path))} ({options})"
    try:
        with writing(path):
            path.parent.mkdir(parents=True)
            ((written,),) = (row.values() for row in engine.rows(Query.of(Step("write_sample", copy))))
            return path.stat().st_size / max(int(written), 1)
    finally:
        shutil.rmtree(path.parent, ignore_errors=True)
