"""A sheet of sampled errors for people to tag, and their tags read back from it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from warehouse.checks.diagnosis.slice_result import SliceReport
from warehouse.checks.diagnosis.slice_samples import TagSheet, row_sql
from warehouse.engine.base import Engine
from warehouse.errors import PredictionError
from warehouse.sql import Query, Relation, Step, identifier
from warehouse.statistics.kinds import family_of, is_numeric

TAG, NOTE, ROW = "tag", "note", "row"
OWN_COLUMNS = (TAG, NOTE, ROW, "slices", "label", "prediction", "probability", "loss")
"""What a sheet begins with; the dataset's columns follow."""
BETWEEN_TAGS = ";"
LONGEST_CELL = 2_000
"""Characters; people look at more of a text elsewhere."""
LARGEST_SHEET = 32 * 1024 * 1024
"""Bytes; a sheet of ours is far smaller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetCell:
    """One cell of a sheet."""

    text: str
    is_number: bool = False


def sheet_columns_sql(relation: Relation, key: Sequence[str], columns: Sequence[str], rows: Sequence[str]) -> Query:
    """One row per row of these names: `row_name`, then the i-th column as bounded text, `c<i>`."""
    cells = ", ".join(f"left({identifier(name)}::varchar, {LONGEST_CELL}) as c{i}" for i, name in enumerate(columns))
    return Query.of(
        Step("named_rows", f'select *, {row_sql(key)} as "row name" from {relation.sql}'),
        Step(
            "sheet_rows",
            f'select "row name" as row_name, {cells} from named_rows where list_contains($rows, "row name")',
        ),
        rows=list(rows),
    )


def sheet_rows(
    engine: Engine, relation: Relation, key: Sequence[str], report: SliceReport
) -> tuple[list[str], list[list[SheetCell]]]:
    """The header and a row per sampled error, those of all errors first; one scan of the split that they are of."""
    types = {column.name: column.type for column in engine.columns(relation)}
    names = [*key, *(name for name in types if name not in key)]
    values = {
        row["row_name"]: row
        for row in engine.rows(sheet_columns_sql(relation, key, names, [each.row for each in report.samples]))
    }
    listed = []
    for sample in report.samples:
        probability = "" if sample.probability is None else f"{sample.probability:.6g}"
        own = [
            *(SheetCell(text="") for _ in (TAG, NOTE)),
            SheetCell(text=sample.row),
            SheetCell(text=" | ".join(report.slices[place].name for place in sample.slices)),
            *(SheetCell(text=said or "", is_number=False) for said in (sample.label, sample.prediction)),
            *(SheetCell(text=text, is_number=True) for text in (probability, f"{sample.loss:.6g}")),
        ]
        row = values[sample.row]
        listed.append(
            own
            + [
                SheetCell(text=row[f"c{i}"] or "", is_number=is_numeric(family_of(types[name])))
                for i, name in enumerate(names)
            ]
        )
    return [*OWN_COLUMNS, *names], listed


def read_tags(path: Path) -> TagSheet:
    """The tags in a sheet that people filled in: a row may have several, set apart by `;`.

    Commas, semicolons and tabs between cells are all understood, since spreadsheets write any of them, and so is the
    mark that they put before UTF-8 or UTF-16.

    Raises:
        PredictionError: the file is none, or has no columns `row` and `tag`.
    """
    try:
        size = path.stat().st_size
        raw = path.read_bytes() if size <= LARGEST_SHEET else b""
    except OSError as error:
        raise PredictionError(f"{path} cannot be read: {error.strerror or error}") from error
    if size > LARGEST_SHEET:
        raise PredictionError(f"{path} has {size:,} bytes, which no sheet of errors has; was it made by --sheet?")
    try:
        text = raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise PredictionError(f"{path} is no text in UTF-8\n  save the sheet as CSV UTF-8") from error
    if raw[:4] == b"PK\x03\x04" or "\0" in text:
        raise PredictionError(f"{path} is no CSV\n  save the sheet as CSV UTF-8")
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise PredictionError(f"{path} is no CSV: {error}") from error
    header = [name.strip().casefold() for name in rows[0]] if rows else []
    missing = [name for name in (ROW, TAG) if name not in header]
    if missing:
        raise PredictionError(
            f"{path} has no column {' and no column '.join(map(repr, missing))}; was it made by --sheet?"
        )
    row_place, tag_place = header.index(ROW), header.index(TAG)
    tags: dict[str, tuple[str, ...]] = {}
    for cells in rows[1:]:
        if len(cells) > max(row_place, tag_place) and (name := cells[row_place].strip()):
            found = (" ".join(tag.split()) for tag in cells[tag_place].split(BETWEEN_TAGS))
            tags[name] = (*tags.get(name, ()), *(tag for tag in found if tag))
    return TagSheet(source=str(path), tags=tags)
