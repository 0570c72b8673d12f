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


def estimated_bytes(
    engine: Engine,
    relation: Relation,
    spec: DatasetSpec,
    columns: Sequence[OutputColumn],
    placement: Placement,
    previous: Version | None,
    folder: Path,
) -> dict[str, int]:
    """Roughly the bytes of each split's files.

    From the newest version's bytes per row when it has the same columns in the same format; otherwise from the first
    rows of the table, written aside and deleted.

    Args:
        engine: Whose session holds the placement.
        relation: The model's table.
        spec: Of the dataset.
        columns: As they would be written.
        placement: Of the rows.
        previous: The newest version.
        folder: Where a sample may be written for a moment.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    known = {} if previous is None else _bytes_per_row(previous, spec, columns)
    if not known:
        sampled = _sampled_bytes_per_row(engine, relation, spec, columns, folder)
        known = dict.fromkeys(placement.row_counts, sampled)
    mean = max(known.values())
    return {split: round(count * known.get(split, mean)) for split, count in placement.row_counts.items()}


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


def _sampled_bytes_per_row(
    engine: Engine, relation: Relation, spec: DatasetSpec, columns: Sequence[OutputColumn], folder: Path
) -> float:
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
