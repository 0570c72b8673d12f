"""Placing rows in a table: every row with its place as a column, for engines that keep no bits of rows.

The rules and their SQL are those of an export from DuckDB, so a row lies where it lies there. Where rows tell their
places by their own values, no table is made: places are computed whenever they are read. Whatever ties rows together
numbers them first, in a table of the session, and ends in one that has every column and the place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from warehouse.datasets.columns import OutputColumn
from warehouse.datasets.derived import check_downsample
from warehouse.datasets.duplicates import mark_duplicate_rows
from warehouse.datasets.entities import GIANT_ADVICE, entity_findings, giant_message, resolve_entities
from warehouse.datasets.freeze import NOTHING, Freeze
from warehouse.datasets.placement import (
    Placement,
    checked,
    fold_bit_count,
    fold_bit_name,
    keep_points,
    part_name,
    placement_of,
    split_name,
)
from warehouse.datasets.placement_columns import is_placed_alone, placed_columns_sql
from warehouse.datasets.placement_rows import ENTITIES, POINTS, Known, placed_rows_sql
from warehouse.datasets.row_bits import first_of_sql
from warehouse.datasets.row_checks import TableFacts
from warehouse.datasets.row_marks import RowMarks
from warehouse.datasets.spec import DatasetSpec, DuplicateRule
from warehouse.datasets.strata import STRATIFIED
from warehouse.datasets.versions import Version
from warehouse.engine.spark import SparkEngine
from warehouse.engine.spark_numbers import numbered_rows
from warehouse.findings import Finding
from warehouse.sql import Query, Relation, Step, identifier, literal

PLACED = "placed_table"
"""A table of the session: every column of the model's, and the places, where they are not computed at every read."""
_NUMBERED = "numbered_table"
_PLACES = "places_of_rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceColumns:
    """Columns that tell a row's place: sets of rows, as conditions over them."""

    place: str
    """Name of the column with the split, or the reason why the row is in none."""
    part: str
    """The same with the index of the smallest of the specification's subsets; NULL outside train."""
    fold: str
    """The same with the fold; NULL outside train."""
    conditions: Mapping[str, str]
    """By the name of the set."""

    def is_in_sql(self, name: str, /) -> str:
        """Whether a row is in the set, as a condition that is never NULL."""
        return self.conditions[name]

    def first_of_sql(self, terms: Mapping[str, str], /) -> str:
        """The term of the first of these sets that has a row, as an expression; NULL for none."""
        return first_of_sql({self.conditions[name]: term for name, term in terms.items()})


def place_columns(spec: DatasetSpec, columns: Sequence[str]) -> PlaceColumns:
    """The columns that a placement of this specification adds, by names that none of these columns has."""
    taken = {column.lower() for column in columns}

    def free(name: str) -> str:
        while name in taken:
            name += "_"
        return name

    place, part, fold = (free(f"{what} of row") for what in ("place", "part", "fold"))
    conditions = {split_name(split): f"{identifier(place)} = {literal(split)}" for split in spec.splits}
    for i, subset in [*enumerate(spec.subsets), (None, None)] if spec.subsets else []:
        is_of = f"{identifier(part)} is null" if i is None else f"coalesce({identifier(part)} = {i}, false)"
        conditions[part_name(subset)] = f"({conditions[split_name('train')]} and {is_of})"
    for i in range(fold_bit_count(spec)):
        conditions[fold_bit_name(i)] = f"coalesce((({identifier(fold)} >> {i}) & 1) = 1, false)"
    return PlaceColumns(place=place, part=part, fold=fold, conditions=conditions)


def place_in_table(
    engine: SparkEngine,
    relation: Relation,
    spec: DatasetSpec,
    facts: TableFacts,
    *,
    columns: Sequence[OutputColumn],
    freeze: Freeze = NOTHING,
    newest: Version | None = None,
) -> tuple[Relation, Placement]:
    """The rows of the model's table with their places, and what they come to; `exports.placing.place` on Spark.

    The relation has all columns of the model's table and those of `place_columns`, and the placement's conditions are
    about its rows.

    Args:
        engine: With a scratch schema, which keeps the tables that it takes.
        relation: The model's table.
        spec: With cutoffs and frozen versions resolved.
        facts: Of the table, whose keys are known to be unique.
        columns: What a version will hold of it.
        freeze: Keys that stay where a version has them.
        newest: Whose rows keep their stratum's places; None before the first version.

    Raises:
        ExportError: a split would be empty, or a rule cannot hold.
    """
    names = [column.name for column in engine.columns(relation)]
    places = place_columns(spec, names)
    linked: tuple[Finding, ...] = ()
    advice = ""
    marks = RowMarks()
    if is_placed_alone(spec) and not freeze.splits:
        known = Known(sets=marks)
        _, found = keep_points(engine, relation, spec, facts, known, columns=columns, freeze=freeze, newest=newest)
        query = placed_columns_sql(
            relation, replace(spec, freeze={}), names, place=places.place, part=places.part, fold=places.fold
        )
        placed = Relation(f"({query.text})", relation.name)
    else:
        rows = numbered_rows(engine, relation, table=_NUMBERED)
        exported = tuple(column.name for column in columns)
        entities = resolve_entities(engine, rows, spec, exported, facts)
        is_once = spec.deduplicate.exact is DuplicateRule.ONCE
        duplicate_count = mark_duplicate_rows(engine, rows, spec, exported, marks) if is_once else 0
        known = Known(frozen=freeze.splits, has_duplicates=duplicate_count > 0, sets=marks)
        kept_points, found = keep_points(
            engine, rows, spec, facts, known, columns=columns, freeze=freeze, newest=newest
        )
        steps = placed_rows_sql(marks.marked(rows), spec, facts, known, kept_points=kept_points)
        engine.rows(Query.of(*steps).kept_as(_PLACES))
        engine.rows(_placed_table_sql(rows, names, places).kept_as(PLACED))
        placed = Relation(f"temp.{PLACED}", relation.name)
        for table in (_NUMBERED, f"{_NUMBERED}_starts", _PLACES, ENTITIES, POINTS, STRATIFIED, *marks.tables):
            engine.rows(Query.of(Step("drop_table", f"drop table if exists temp.{table}")))
        if entities is not None:
            linked = tuple(entity_findings(entities, spec))
            advice = f"{giant_message(entities)}\n  {GIANT_ADVICE}" if entities.has_giant else ""
    counts = {
        (row["place"], row["part"]): int(row["row_count"]) for row in engine.rows(rows_per_place_sql(placed, places))
    }
    placement = checked(
        engine,
        placed,
        spec,
        placement_of(spec, counts, places),
        freeze=freeze,
        findings=(*linked, *found),
        empty_advice=advice,
    )
    check_downsample(engine, placed, spec, placement)
    return placed, placement


def _placed_table_sql(rows: Relation, columns: Sequence[str], places: PlaceColumns) -> Query:
    """One row per row: these columns and its places."""
    terms = [f"numbered.{identifier(name)}" for name in columns]
    found = (("place", places.place), ("part", places.part), ("fold", places.fold))
    terms += [f"places.{term} as {identifier(name)}" for term, name in found]
    return Query.of(
        Step(
            "placed_table",
            f"""
            select {", ".join(terms)}
            from {rows.sql} as numbered
            join temp.{_PLACES} as places on numbered.rowid = places.row_number
            """,
        )
    )


def rows_per_place_sql(placed: Relation, places: PlaceColumns) -> Query:
    """One row per place, and part of train: `place`, `part`, `row_count`."""
    place, part = identifier(places.place), identifier(places.part)
    return Query.of(
        Step(
            "rows_per_place",
            f"""
            select {place} as place, {part} as part, count(*) as row_count
            from {placed.sql}
            group by {place}, {part}
            """,
        )
    )
