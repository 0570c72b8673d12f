"""Which rows of the table an earlier version holds, matched by key as exported, and kept as a set per split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from warehouse.datasets.columns import OutputColumn
from warehouse.datasets.row_bits import RowSets
from warehouse.datasets.versions import Version
from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step, identifier, literal

_EXAMPLES = 5


def has_same_key(columns: Sequence[OutputColumn], version: Version, key: Sequence[str]) -> bool:
    """Whether rows can be matched: the version's key is of the same columns and types."""
    types = {column.name: column.type for column in columns}
    before = {column.name: column.type for column in version.manifest.columns}
    return tuple(key) == version.manifest.spec.key and all(types.get(name) == before.get(name) for name in key)


def _table_keys(relation: Relation, columns: Sequence[OutputColumn], key: Sequence[str]) -> Step:
    values = {column.name: column.value for column in columns}
    keys = ", ".join(f"{values[name]} as k{i}" for i, name in enumerate(key))
    return Step("table_keys", f"select rowid as row_number, {keys} from {relation.sql}")


def _version_keys(version: Version, splits: Sequence[str], key: Sequence[str]) -> Step:
    keys = ", ".join(f"{identifier(name)} as k{i}" for i, name in enumerate(key))
    parts = (f"select {keys}, {literal(split)} as split from {version.split(split).sql}" for split in splits)
    return Step("version_keys", " union all ".join(parts))


def known_rows_sql(
    relation: Relation,
    columns: Sequence[OutputColumn],
    version: Version,
    splits: Sequence[str],
    *,
    key: Sequence[str],
) -> Query:
    """One row per row of the table that these splits of the version have: `row_number`, `split`."""
    matches = " and ".join(f"table_keys.k{i} = version_keys.k{i}" for i in range(len(key)))
    return Query.of(
        _table_keys(relation, columns, key),
        _version_keys(version, splits, key),
        Step(
            "known_rows",
            f"select table_keys.row_number, version_keys.split from table_keys join version_keys on {matches}",
        ),
    )


def mark_known_rows(
    engine: Engine,
    relation: Relation,
    columns: Sequence[OutputColumn],
    version: Version,
    names: Mapping[str, str],
    *,
    key: Sequence[str],
    sets: RowSets,
) -> dict[str, int]:
    """Keeps the rows that the version has in a split as the split's set; how many there are.

    Args:
        engine: Whose session keeps them.
        relation: The model's table.
        columns: As they are exported, since a key may be.
        version: Whose rows are looked for.
        names: Name of the set by split.
        key: The key's columns.
        sets: Of the table's rows.
    """
    return sets.keep(engine, known_rows_sql(relation, columns, version, tuple(names), key=key), names, by="split")


def vanished_keys_sql(
    relation: Relation, columns: Sequence[OutputColumn], version: Version, split: str, *, key: Sequence[str]
) -> Query:
    """A few rows: `example`, keys as text of the version's split that the table has no more."""
    matches = " and ".join(f"table_keys.k{i} = version_keys.k{i}" for i in range(len(key)))
    names = ", ".join(f"k{i}" for i in range(len(key)))
    texts = ", ".join(f"k{i}::varchar" for i in range(len(key)))
    return Query.of(
        _table_keys(relation, columns, key),
        _version_keys(version, (split,), key),
        Step(
            "vanished_keys",
            f"""
            select concat_ws(', ', {texts}) as example
            from version_keys
            anti join table_keys on {matches}
            order by {names}
            limit {_EXAMPLES}
            """,
        ),
    )


def vanished_keys(
    engine: Engine,
    relation: Relation,
    columns: Sequence[OutputColumn],
    version: Version,
    split: str,
    *,
    key: Sequence[str],
) -> str:
    """A few keys of the version's split that the table has no more, for a message."""
    rows = engine.rows(vanished_keys_sql(relation, columns, version, split, key=key))
    return "; ".join(str(row["example"])[:100] for row in rows)
