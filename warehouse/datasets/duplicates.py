"""Rows that are equal in every exported column but the key."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from warehouse.datasets.placement_rows import DUPLICATES
from warehouse.datasets.row_bits import RowSets
from warehouse.datasets.spec import DatasetSpec
from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step, identifier, literal
from warehouse.statistics.components import Link


def compared_columns(spec: DatasetSpec, columns: Sequence[str]) -> tuple[str, ...]:
    """What duplicates are equal in: the exported columns that are not of the key."""
    return tuple(column for column in columns if column not in spec.key)


def map_columns(engine: Engine, relation: Relation) -> frozenset[str]:
    """The columns that are maps, by name; reads no data."""
    return frozenset(column.name for column in engine.columns(relation) if column.type.upper().startswith("MAP("))


def _alike_rows(
    relation: Relation, spec: DatasetSpec, columns: Sequence[str], *, maps: Collection[str]
) -> tuple[Step, ...]:
    """Steps; one row of the last, `alike_rows`, per row that may have an equal: `row_number`, its key and values.

    The engine's own hash finds them: it lasts for one statement, and what it mixes up is compared value by value.
    """
    names = compared_columns(spec, columns)
    compared = [identifier(name) for name in names]
    keys = ", ".join(f"{identifier(name)} as key_{i}" for i, name in enumerate(spec.key))
    # Apache Spark has no windows over maps. Their entries are equal where they are: in DuckDB too the order counts.
    terms = (f"map_entries({identifier(name)})" if name in maps else identifier(name) for name in names)
    values = ", ".join(f"{term} as value_{i}" for i, term in enumerate(terms))
    return (
        Step("row_hashes", f"select rowid as row_number, hash({', '.join(compared)}) as row_hash from {relation.sql}"),
        Step("shared_hashes", "select row_hash from row_hashes group by row_hash having count(*) > 1"),
        Step("alike_numbers", "select row_number from row_hashes semi join shared_hashes using (row_hash)"),
        Step(
            "alike_rows",
            f"""
            select rowid as row_number, {keys}, {values}
            from {relation.sql}
            where rowid in (select row_number from alike_numbers)
            """,
        ),
    )


def _partition(spec: DatasetSpec, columns: Sequence[str]) -> str:
    """Equal rows together. NULL equals NULL here, and NaN equals NaN."""
    return "partition by " + ", ".join(f"value_{i}" for i in range(len(compared_columns(spec, columns))))


def equal_rows_link(engine: Engine, relation: Relation, spec: DatasetSpec, columns: Sequence[str]) -> Link | None:
    """Equal rows as a link for `find_components`; None when nothing but the key is exported."""
    if not compared_columns(spec, columns):
        return None
    query = Query.of(
        *_alike_rows(relation, spec, columns, maps=map_columns(engine, relation)),
        Step(
            "equal_rows",
            f"select row_number, min(row_number) over ({_partition(spec, columns)}) as value from alike_rows",
        ),
    )
    return Link(name="equal rows", sql=query.text)


def duplicate_rows_sql(
    relation: Relation, spec: DatasetSpec, columns: Sequence[str], *, maps: Collection[str]
) -> Query:
    """One row per row that is not to be exported: `row_number`, and `kind`, the same word for all.

    Of each set of equal rows, the one with the smallest key stays. Costs a scan of the compared columns, and a second
    one for rows that may have an equal.
    """
    keys = ", ".join(f"key_{i}" for i in range(len(spec.key)))
    return Query.of(
        *_alike_rows(relation, spec, columns, maps=maps),
        Step(
            "numbered_rows",
            f"""
            select row_number, row_number() over ({_partition(spec, columns)} order by {keys}) as place
            from alike_rows
            """,
        ),
        Step(_FOUND, f"select row_number, {literal(DUPLICATES)} as kind from numbered_rows where place > 1"),
    )


def mark_duplicate_rows(
    engine: Engine, relation: Relation, spec: DatasetSpec, columns: Sequence[str], sets: RowSets
) -> int:
    """Keeps the rows that equal others as the set `DUPLICATES`; returns how many there are."""
    if not compared_columns(spec, columns):
        return 0
    rows = duplicate_rows_sql(relation, spec, columns, maps=map_columns(engine, relation))
    return sets.keep(engine, rows, {DUPLICATES: DUPLICATES}, by="kind")[DUPLICATES]


_FOUND = "duplicate_rows"
