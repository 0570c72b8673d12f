"""What the columns of the published tables hold, computed once per build and kept beside its record.

A view is computed when it is read, so it has no profile. Of a column that identifies people only counts are kept.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from warehouse import storage
from warehouse.catalog_facts import ColumnDigest, ValueBar
from warehouse.checks.drift.bars import bars_of, side_of
from warehouse.checks.drift.result import Bar, Role
from warehouse.checks.drift.words import number_text
from warehouse.engine.base import Engine
from warehouse.errors import QueryError
from warehouse.project import Project
from warehouse.published import BUILD_ID
from warehouse.sql import Relation
from warehouse.statistics.kinds import Kind
from warehouse.statistics.profile import row_count
from warehouse.statistics.profile_making import profile_of, with_itself
from warehouse.statistics.stored_profile import ColumnProfile

MOST_ROWS = 20_000_000
"""A larger table has its rows counted and is not profiled."""
LONGEST_LABEL = 60
FORMAT = 1
"""Raised when what is kept would be misread; then it is computed again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableProfile:
    """What is known of a table's rows."""

    row_count: int | None
    columns: Mapping[str, ColumnDigest]
    note: str
    """Why there is nothing of the columns; empty when there is."""


NOTHING = TableProfile(row_count=None, columns={}, note="profiles were left out")


def profiles_folder(project: Project, build_id: str) -> Path:
    """Where the profiles of a build lie."""
    return project.warehouse_path / "profiles" / build_id


def forget_old_profiles(project: Project, *, keep: Iterable[str]) -> None:
    """Deletes those of all other builds."""
    kept = set(keep)
    folder = project.warehouse_path / "profiles"
    for path in folder.iterdir() if folder.is_dir() else ():
        if BUILD_ID.fullmatch(path.name) and path.name not in kept:
            shutil.rmtree(path, ignore_errors=True)


def table_profile(engine: Engine, relation: Relation, *, withheld: Sequence[str], path: Path) -> TableProfile:
    """The table's profile; what is kept at `path` is not computed again.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    if (known := _read(path, withheld)) is not None:
        return known
    made = _made(engine, relation, withheld)
    storage.write_file(path, json.dumps(_document(made, withheld), ensure_ascii=False, separators=(",", ":")))
    return made


def _made(engine: Engine, relation: Relation, withheld: Sequence[str]) -> TableProfile:
    try:
        rows = row_count(engine, relation)
        if rows > MOST_ROWS:
            note = f"tables of more than {MOST_ROWS:,} rows are not profiled"
            return TableProfile(row_count=rows, columns={}, note=note)
        if not rows:
            return TableProfile(row_count=0, columns={}, note="it has no rows")
        profile = profile_of(engine, {"table": relation})
    except QueryError as error:
        return TableProfile(row_count=None, columns={}, note=f"it could not be read: {str(error).splitlines()[0]}")
    digests = {column.name: _digest(column, is_withheld=column.name in withheld) for column in profile.columns}
    return TableProfile(row_count=rows, columns=digests, note="")


def _digest(column: ColumnProfile, *, is_withheld: bool) -> ColumnDigest:
    pair = with_itself(column, 0)
    side = side_of(pair, pair.left, pair.left_histogram, is_left=True)
    distinct = side.distinct_count if side.distinct_count is not None else column.sides[0].distinct_count
    if distinct is not None:
        # An estimate can be a few percent too high.
        distinct = min(distinct, side.row_count - side.missing_count)
    counts = ColumnDigest(
        kind=column.kind.value,
        row_count=side.row_count,
        missing_count=side.missing_count,
        distinct_count=distinct,
        is_withheld=is_withheld,
    )
    if is_withheld:
        return counts
    is_range = bool(column.bounds) and not column.values
    bars = () if column.kind is Kind.IDENTIFIER else bars_of(pair)
    return replace(
        counts,
        minimum=_text(side.minimum),
        median=_text(side.quantiles[2]) if len(side.quantiles) > 2 else "",
        maximum=_text(side.maximum),
        mean=_text(side.mean),
        bars=_bars(bars, is_range=is_range),
        is_range=is_range,
    )


def _bars(bars: Sequence[Bar], *, is_range: bool) -> tuple[ValueBar, ...]:
    """Ranges and what is apart from them; an empty range keeps its place on the axis."""
    return tuple(
        ValueBar(
            label=bar.label if len(bar.label) <= LONGEST_LABEL else f"{bar.label[: LONGEST_LABEL - 1]}…",
            share=round(bar.left_share, 6),
            is_value=bar.role is Role.VALUE or (is_range and bar.role in (Role.BELOW, Role.ABOVE)),
        )
        for bar in bars
        if bar.left_count or (is_range and bar.role is Role.VALUE)
    )


def _text(value: float | str | None) -> str:
    return "" if value is None else value if isinstance(value, str) else number_text(value)


def _document(profile: TableProfile, withheld: Sequence[str]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "withheld": sorted(withheld),
        "row_count": profile.row_count,
        "note": profile.note,
        "columns": {name: asdict(digest) for name, digest in profile.columns.items()},
    }


def _read(path: Path, withheld: Sequence[str]) -> TableProfile | None:
    """What is kept; None when it is of another format, or of other columns that identify people."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != FORMAT or document["withheld"] != sorted(withheld):
            return None
        columns = {
            name: ColumnDigest(**{**digest, "bars": tuple(ValueBar(**bar) for bar in digest["bars"])})
            for name, digest in document["columns"].items()
        }
        return TableProfile(row_count=document["row_count"], columns=columns, note=document["note"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
