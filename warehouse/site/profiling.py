"""What the columns of the published tables hold, computed when their rows have changed and kept.

A view is computed when it is read, so it has no profile. Of a column that identifies people only counts are kept.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
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
from warehouse.sql import Query, Relation, Step, identifier
from warehouse.statistics.kinds import Kind
from warehouse.statistics.profile_making import profile_of, with_itself
from warehouse.statistics.stored_profile import ColumnProfile
from warehouse.statistics.value_hashes import row_hash_sql

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


def profiles_folder(project: Project) -> Path:
    """Where the profiles lie, one file per table."""
    return project.warehouse_path / "profiles"


def forget_other_profiles(project: Project, *, keep: Collection[str]) -> None:
    """Deletes those of tables that are gone."""
    folder = profiles_folder(project)
    for path in folder.glob("*.json") if folder.is_dir() else ():
        if path.name not in keep:
            path.unlink(missing_ok=True)


def fingerprint_sql(relation: Relation, types: Mapping[str, str], *, hash_bits: int = 64) -> Query:
    """One row: `row_count`, and `fingerprint` of all values: equal for equal rows, in whatever order they are.

    Hashes of fewer than 64 bits are signed numbers of the engine, whose sum would not fit.
    """
    row_hash = row_hash_sql((identifier(name), type_name) for name, type_name in types.items())
    if hash_bits < 64:
        row_hash = f"cast({row_hash} as hugeint)"
    return Query.of(
        Step(
            "fingerprint",
            f"select count(*) as row_count, cast(sum({row_hash}) as varchar) as fingerprint from {relation.sql}",
        )
    )


def table_profile(
    engine: Engine,
    relation: Relation,
    types: Mapping[str, str],
    *,
    build_id: str,
    withheld: Sequence[str],
    path: Path,
) -> TableProfile:
    """The table's profile; what is kept at `path` is not computed again while the rows stay the same.

    Of the same build they do; of another one the rows are hashed, which is one scan and one statement.

    Args:
        engine: Open on the build.
        relation: The table.
        types: Its columns.
        build_id: The build that it is in.
        withheld: Columns of which nothing but counts is kept.
        path: Where the profile is kept.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    known = _read(path)
    same = {"format": FORMAT, "withheld": sorted(withheld), "types": dict(types)}
    if known is not None and any(known[0].get(key) != value for key, value in same.items()):
        known = None
    if known is not None and known[0].get("build_id") == build_id:
        return known[1]
    try:
        row = engine.rows(fingerprint_sql(relation, types, hash_bits=engine.hash_bits))[0]
    except QueryError as error:
        return TableProfile(row_count=None, columns={}, note=f"it could not be read: {str(error).splitlines()[0]}")
    rows, fingerprint = int(row["row_count"]), row["fingerprint"]
    if known is not None and known[0].get("fingerprint") == fingerprint and known[1].row_count == rows:
        made = known[1]
    else:
        made = _made(engine, relation, rows, withheld)
    document = {**same, "build_id": build_id, "fingerprint": fingerprint, **asdict(made)}
    storage.write_file(path, json.dumps(document, ensure_ascii=False, separators=(",", ":")))
    return made


def _made(engine: Engine, relation: Relation, rows: int, withheld: Sequence[str]) -> TableProfile:
    if rows > MOST_ROWS:
        return TableProfile(row_count=rows, columns={}, note=f"tables of more than {MOST_ROWS:,} rows are not profiled")
    if not rows:
        return TableProfile(row_count=0, columns={}, note="it has no rows")
    try:
        profile = profile_of(engine, {"table": relation})
    except QueryError as error:
        return TableProfile(row_count=rows, columns={}, note=f"it could not be read: {str(error).splitlines()[0]}")
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


def _read(path: Path) -> tuple[Mapping[str, Any], TableProfile] | None:
    """What is kept, and the profile in it; None when it cannot be read."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        columns = {
            name: ColumnDigest(**{**digest, "bars": tuple(ValueBar(**bar) for bar in digest["bars"])})
            for name, digest in document["columns"].items()
        }
        return document, TableProfile(row_count=document["row_count"], columns=columns, note=document["note"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
