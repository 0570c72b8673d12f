"""What differs between the rows about to be exported and the newest version, and the number that follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from warehouse.datasets.columns import OutputColumn
from warehouse.datasets.manifest import Change, Pseudonym
from warehouse.datasets.placement import Placement
from warehouse.datasets.versions import Version, number_parts
from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step, identifier, literal
from warehouse.statistics.value_hashes import row_hash_sql

FIRST = "1.0.0"
ANOTHER_KEY = "pseudonyms by another key"


def changed_rows_sql(
    relation: Relation,
    columns: Sequence[OutputColumn],
    placement: Placement,
    previous: Version,
    *,
    key: Sequence[str],
    compared: Sequence[str],
) -> Query:
    """One row: `rows_added`, `rows_removed`, `rows_moved`, `rows_changed`.

    Both sides are matched by key. Values count as changed when a hash of the `compared` columns differs; that hash is
    the engine's own, which is fine for one statement and for nothing that lasts. Both sides have the same types.
    """
    values = {column.name: column.value for column in columns}
    types = {column.name: column.type for column in columns}

    def fields(expressions: Sequence[str], split: str) -> str:
        keys = [f"{expression} as k{i}" for i, expression in enumerate(expressions)]
        return ", ".join([*keys, f"{split} as split"])

    def value_hash(expressions: Mapping[str, str]) -> str:
        return row_hash_sql((expressions[name], types[name]) for name in compared)

    old = " union all ".join(
        f"select {fields([identifier(name) for name in key], literal(split))}, "
        f"{value_hash({name: identifier(name) for name in compared})} as h from {previous.split(split).sql}"
        for split in previous.splits
    )
    new = (
        f"select {fields([values[name] for name in key], placement.split_sql)}, "
        f"{value_hash(values)} as h from {relation.sql}"
    )
    matches = " and ".join(f"new_rows.k{i} = old_rows.k{i}" for i in range(len(key)))
    return Query.of(
        Step("old_rows", old),
        Step("all_rows", new),
        Step("new_rows", "select * from all_rows where split is not null"),
        Step(
            "matched_rows",
            f"""
            select
                old_rows.split as old_split,
                new_rows.split as new_split,
                old_rows.h as old_hash,
                new_rows.h as new_hash,
            from new_rows
            full join old_rows on {matches}
            """,
        ),
        Step(
            "changed_rows",
            """
            select
                count(*) filter (old_split is null) as rows_added,
                count(*) filter (new_split is null) as rows_removed,
                count(*) filter (new_split <> old_split) as rows_moved,
                count(*) filter (new_hash <> old_hash) as rows_changed,
            from matched_rows
            """,
        ),
    )


def compare(
    engine: Engine,
    relation: Relation,
    columns: Sequence[OutputColumn],
    placement: Placement,
    previous: Version,
    *,
    key: Sequence[str],
) -> Change:
    """What a new version of these rows would change; costs a scan of both and a join on the key.

    With another key than before no row can be matched: all rows of the old version are removed, all others added.
    """
    # With another key, a pseudonym is another value for everybody, as if the type had changed.
    old = {column.name: (column.type, column.pseudonym) for column in previous.manifest.columns}
    new = {column.name: (column.type, column.pseudonym) for column in columns}
    kept = [name for name in new if name in old]
    same = [name for name in kept if old[name] == new[name]]
    if tuple(key) != previous.manifest.spec.key or any(name not in same for name in key):
        added, removed = sum(placement.row_counts.values()), previous.manifest.row_count
        moved, changed = 0, None
    else:
        not_compared = {*key, *(column.name for column in columns if not column.is_compared)}
        compared = [name for name in same if name not in not_compared]
        query = changed_rows_sql(relation, columns, placement, previous, key=key, compared=compared)
        (row,) = engine.rows(query)
        added, removed = row["rows_added"], row["rows_removed"]
        moved, changed = row["rows_moved"], row["rows_changed"]
    return Change(
        since=previous.number,
        rows_added=added,
        rows_removed=removed,
        rows_moved=moved,
        rows_changed=changed,
        columns_added=tuple(name for name in new if name not in old),
        columns_removed=tuple(name for name in old if name not in new),
        columns_retyped=tuple(_retyping(name, old[name], new[name]) for name in kept if name not in same),
    )


def _retyping(name: str, old: tuple[str, Pseudonym | None], new: tuple[str, Pseudonym | None]) -> str:
    if old[1] is None and new[1] is None:
        return f"{name}: {old[0]} to {new[0]}"
    if old[1] is None or new[1] is None:
        return f"{name}: {_kind(*old)} to {_kind(*new)}"
    if old[1].key_fingerprint == new[1].key_fingerprint:
        return f"{name}: {_kind(*old)} to {_kind(*new)}"
    return f"{name}: {ANOTHER_KEY}, {old[1].key_fingerprint} to {new[1].key_fingerprint}"


def _kind(type_name: str, pseudonym: Pseudonym | None) -> str:
    return type_name if pseudonym is None else f"pseudonyms of {pseudonym.original_type}"


def breaks_schema(change: Change) -> bool:
    """Whether code that read the version before may fail on this one."""
    return bool(change.columns_removed or change.columns_retyped) or change.rows_changed is None


def is_same_content(change: Change) -> bool:
    """Whether every row, value and split is as it was."""
    counts = (change.rows_added, change.rows_removed, change.rows_moved, change.rows_changed)
    return counts == (0, 0, 0, 0) and not change.columns_added and not breaks_schema(change)


def next_number(change: Change | None, *, taken: Sequence[str] = ()) -> str:
    """The number of a version with this change, by Croissant's rule; None for the first version.

    MAJOR when a row moved to another split or the schema breaks, MINOR when rows or columns came, went or changed
    otherwise, PATCH when only the description of the data did. Counted from the highest number of `taken`, so that
    none is given twice; when versions were there and nothing is left to compare with, that is MAJOR.
    """
    numbers = [*taken, *([change.since] if change else [])]
    if not numbers:
        return FIRST
    major, minor, patch = max(map(number_parts, numbers))
    if change is None or change.rows_moved or breaks_schema(change):
        return f"{major + 1}.0.0"
    return f"{major}.{minor}.{patch + 1}" if is_same_content(change) else f"{major}.{minor + 1}.0"


def maintenance_number(number: str, *, taken: Sequence[str]) -> str:
    """The next free number right after an older version: 1.0.1 for 1.0.0, whatever came later."""
    major, minor, _ = number_parts(number)
    patches = [number_parts(other)[2] for other in (number, *taken) if number_parts(other)[:2] == (major, minor)]
    return f"{major}.{minor}.{max(patches) + 1}"
