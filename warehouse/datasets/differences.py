"""What differs between two versions: specification, columns, and every row, matched by its key.

Rows are matched exactly. Values are first compared by the engine's own hash of a row, and column by column only in the
rows whose hashes differ. Nothing but rows that differ is kept, on disk when they are many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from warehouse.datasets.manifest import ColumnRecord, LabelCount, Manifest, SplitRecord
from warehouse.datasets.spec import SPLITS
from warehouse.datasets.versions import Version
from warehouse.engine.base import Engine
from warehouse.sql import Query, Step, identifier, literal
from warehouse.statistics.value_hashes import row_hash_sql

EXAMPLES = 5
"""Keys that are shown per kind of difference, the smallest as text."""

_DIFFERING = "differing_rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """A field of the specification that is not the same."""

    field: str
    """Its path: `split.shares.train`."""
    left: str | None
    """As text; None when the left one has no such field."""
    right: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeChange:
    """A column that both have, of different types."""

    name: str
    left: str
    right: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChange:
    """Rows that went from one place to another."""

    from_split: str | None
    """None: added."""
    to_split: str | None
    """None: removed."""
    row_count: int
    changed_count: int
    """Of these, rows that are in both with other values."""
    examples: tuple[str, ...]
    """Some of their keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnChange:
    """A column whose values changed in rows that both have."""

    name: str
    row_count: int
    examples: tuple[str, ...]
    """Some of the rows' keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSide:
    """One split on one side."""

    row_count: int
    labels: tuple[LabelCount, ...] | None
    label_mean: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitDifference:
    """One split on both sides; None where a side has none of this name."""

    name: str
    left: SplitSide | None
    right: SplitSide | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How the right version differs from the left one."""

    left: str
    right: str
    """References."""
    is_same: bool
    """Whether columns and rows are the same and lie in the same splits; order, files, format and words may differ."""
    is_comparable: bool
    """Whether rows could be matched: both have the same key. If not, all count as removed and added."""
    fields: tuple[FieldChange, ...]
    columns_added: tuple[str, ...]
    columns_removed: tuple[str, ...]
    columns_retyped: tuple[TypeChange, ...]
    splits: tuple[SplitDifference, ...]
    rows: tuple[RowChange, ...]
    """Rows that are not as they were, by where they were and where they are."""
    columns: tuple[ColumnChange, ...]
    """Columns with other values, most rows first."""

    @property
    def rows_added(self) -> int:
        """Rows that only the right version has."""
        return sum(change.row_count for change in self.rows if change.from_split is None)

    @property
    def rows_removed(self) -> int:
        """Rows that only the left version has."""
        return sum(change.row_count for change in self.rows if change.to_split is None)

    @property
    def moves(self) -> tuple[RowChange, ...]:
        """Rows that both have, in different splits."""
        return tuple(
            change for change in self.rows if change.from_split and change.to_split not in (None, change.from_split)
        )

    @property
    def rows_moved(self) -> int:
        """Rows that both have, in different splits."""
        return sum(change.row_count for change in self.moves)

    @property
    def rows_changed(self) -> int:
        """Rows that both have, with other values."""
        return sum(change.changed_count for change in self.rows)


def compare_versions(engine: Engine, left: Version, right: Version) -> Difference:
    """How the right version differs from the left one; costs a scan of both and a join on the key.

    Raises:
        QueryError: a file cannot be read.
    """
    old, new = _columns(left.manifest), _columns(right.manifest)
    same = [name for name, column in old.items() if name in new and _kind(column) == _kind(new[name])]
    key = left.manifest.spec.key
    is_comparable = key == right.manifest.spec.key and all(name in same for name in key)
    rows: tuple[RowChange, ...] = ()
    columns: tuple[ColumnChange, ...] = ()
    if not is_comparable:
        rows = (*_all_rows(left.manifest, is_left=True), *_all_rows(right.manifest, is_left=False))
    elif not _has_same_files(left.manifest, right.manifest):
        compared = [name for name in same if name not in key]
        engine.rows(differing_rows_sql(left, right, key=key, compared=compared).kept_as(_DIFFERING))
        rows = _row_changes(engine, key)
        if any(change.changed_count for change in rows):
            columns = _column_changes(engine, left, right, key=key, compared=compared)
    retyped = tuple(
        TypeChange(name=name, left=_type_text(old[name]), right=_type_text(new[name]))
        for name in old
        if name in new and name not in same
    )
    added = tuple(name for name in new if name not in old)
    removed = tuple(name for name in old if name not in new)
    return Difference(
        left=left.reference,
        right=right.reference,
        is_same=is_comparable and not (rows or retyped or added or removed),
        is_comparable=is_comparable,
        fields=field_changes(left.manifest, right.manifest),
        columns_added=added,
        columns_removed=removed,
        columns_retyped=retyped,
        splits=_splits(left.manifest, right.manifest),
        rows=rows,
        columns=columns,
    )


def differing_rows_sql(left: Version, right: Version, *, key: Sequence[str], compared: Sequence[str]) -> Query:
    """One row per key that is not in the same split with the same values on both sides.

    `k0`, `k1`...: the key; `left_split`, `right_split`: NULL where it is missing; `is_changed`: in both, with other
    values.
    """
    return Query.of(
        _side("left_rows", left, key=key, compared=compared),
        _side("right_rows", right, key=key, compared=compared),
        Step(
            "differing_rows",
            f"""
            select
                {", ".join(f"coalesce(left_rows.k{i}, right_rows.k{i}) as k{i}" for i in range(len(key)))},
                left_rows.split as left_split,
                right_rows.split as right_split,
                coalesce(left_rows.h <> right_rows.h, false) as is_changed,
            from left_rows
            full join right_rows on {_matches("left_rows", "right_rows", len(key))}
            where left_rows.split is distinct from right_rows.split or left_rows.h <> right_rows.h
            """,
        ),
    )


def row_changes_sql(key_count: int) -> Query:
    """One row per pair of splits among the kept rows: both, `row_count`, `changed_count`, `examples`."""
    return Query.of(
        Step(
            "row_changes",
            f"""
            select
                left_split,
                right_split,
                count(*) as row_count,
                count(*) filter (is_changed) as changed_count,
                min({_key_text(key_count, _DIFFERING)}, {EXAMPLES}) as examples,
            from {_DIFFERING}
            group by left_split, right_split
            """,
        )
    )


def column_changes_sql(left: Version, right: Version, *, key: Sequence[str], compared: Sequence[str]) -> Query:
    """One row: per compared column `n<i>`, in how many of the kept rows it changed, and `e<i>`, some of their keys."""
    differs = [f"left_rows.v{i} is distinct from right_rows.v{i}" for i in range(len(compared))]
    text = _key_text(len(key), "changed_keys")
    counts = ",\n".join(
        f"count(*) filter ({condition}) as n{i},\nmin({text}, {EXAMPLES}) filter ({condition}) as e{i}"
        for i, condition in enumerate(differs)
    )
    return Query.of(
        Step("changed_keys", f"select * from {_DIFFERING} where is_changed"),
        _side("left_rows", left, key=key, compared=compared, has_values=True),
        _side("right_rows", right, key=key, compared=compared, has_values=True),
        Step(
            "column_changes",
            f"""
            select
                {counts},
            from changed_keys
            join left_rows on {_matches("changed_keys", "left_rows", len(key))}
            join right_rows on {_matches("changed_keys", "right_rows", len(key))}
            """,
        ),
    )


def _side(
    name: str, version: Version, *, key: Sequence[str], compared: Sequence[str], has_values: bool = False
) -> Step:
    """One row per row of the version: key `k<i>`, `split`, and either a hash of the values, `h`, or these, `v<i>`."""
    keys = [f"{identifier(column)} as k{i}" for i, column in enumerate(key)]
    names = [identifier(column) for column in compared]
    values = [f"{column} as v{i}" for i, column in enumerate(names)]
    types = {column.name: column.type for column in version.manifest.columns}
    hashed = row_hash_sql((identifier(column), types[column]) for column in compared)
    terms = ", ".join([*keys, *(values if has_values else [f"{hashed} as h"])])
    selects = (f"select {terms}, {literal(split)} as split from {version.split(split).sql}" for split in version.splits)
    return Step(name, " union all ".join(selects))


def _matches(left: str, right: str, key_count: int) -> str:
    return " and ".join(f"{left}.k{i} = {right}.k{i}" for i in range(key_count))


def _key_text(key_count: int, rows: str) -> str:
    parts = ", ".join(f"{rows}.k{i}::varchar" for i in range(key_count))
    return f"concat_ws(', ', {parts})"


def _row_changes(engine: Engine, key: Sequence[str]) -> tuple[RowChange, ...]:
    rows = engine.rows(row_changes_sql(len(key)))
    changes = [
        RowChange(
            from_split=row["left_split"],
            to_split=row["right_split"],
            row_count=row["row_count"],
            changed_count=row["changed_count"],
            examples=tuple(text[:100] for text in row["examples"]),
        )
        for row in rows
    ]
    return tuple(sorted(changes, key=lambda change: (_rank(change.from_split), _rank(change.to_split))))


def _rank(split: str | None) -> int:
    return SPLITS.index(split) if split in SPLITS else len(SPLITS)


def _column_changes(
    engine: Engine, left: Version, right: Version, *, key: Sequence[str], compared: Sequence[str]
) -> tuple[ColumnChange, ...]:
    (row,) = engine.rows(column_changes_sql(left, right, key=key, compared=compared))
    changes = [
        ColumnChange(name=name, row_count=row[f"n{i}"], examples=tuple(text[:100] for text in row[f"e{i}"]))
        for i, name in enumerate(compared)
        if row[f"n{i}"]
    ]
    return tuple(sorted(changes, key=lambda change: (-change.row_count, change.name)))


def _all_rows(manifest: Manifest, *, is_left: bool) -> tuple[RowChange, ...]:
    return tuple(
        RowChange(
            from_split=split.name if is_left else None,
            to_split=None if is_left else split.name,
            row_count=split.row_count,
            changed_count=0,
            examples=(),
        )
        for split in manifest.splits
    )


def _has_same_files(left: Manifest, right: Manifest) -> bool:
    """Whether the very bytes are the same, so that nothing needs to be read."""
    return [_files(split) for split in left.splits] == [_files(split) for split in right.splits] and [
        (column.name, column.type) for column in left.columns
    ] == [(column.name, column.type) for column in right.columns]


def _files(split: SplitRecord) -> tuple[str, list[str]]:
    return split.name, [file.sha256 for file in split.files]


def _columns(manifest: Manifest) -> dict[str, ColumnRecord]:
    return {column.name: column for column in manifest.columns}


def _kind(column: ColumnRecord) -> tuple[object, ...]:
    return column.type, column.pseudonym


def _type_text(column: ColumnRecord) -> str:
    return f"pseudonyms by key {column.pseudonym.key_fingerprint}" if column.pseudonym else column.type


def _splits(left: Manifest, right: Manifest) -> tuple[SplitDifference, ...]:
    sides = [{split.name: _split_side(split) for split in manifest.splits} for manifest in (left, right)]
    names = sorted({*sides[0], *sides[1]}, key=_rank)
    return tuple(SplitDifference(name=name, left=sides[0].get(name), right=sides[1].get(name)) for name in names)


def _split_side(split: SplitRecord) -> SplitSide:
    return SplitSide(row_count=split.row_count, labels=split.labels, label_mean=split.label_mean)


def field_changes(left: Manifest, right: Manifest) -> tuple[FieldChange, ...]:
    """Every field of the specifications that is not the same, by path."""
    old, new = _flat(asdict(left.spec)), _flat(asdict(right.spec))
    return tuple(
        FieldChange(field=field, left=old.get(field), right=new.get(field))
        for field in sorted({*old, *new})
        if old.get(field) != new.get(field)
    )


def _flat(value: object, path: str = "") -> dict[str, str]:
    """The leaves as text by their paths; nothing for None and for what is empty."""
    if isinstance(value, Mapping):
        found: dict[str, str] = {}
        for key, item in value.items():
            found |= _flat(item, f"{path}.{key}" if path else str(key))
        return found
    if value is None or value == ():
        return {}
    return {path: ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)}
