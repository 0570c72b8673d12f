"""What a column's values are made of, compared side by side: texts, lists, structs, maps, embeddings, times.

Lengths, numbers of keys, fields and times are counted over all rows. Words, characters, elements and vectors are those
of a sample of some 20,000 rows per side, chosen by a hash of the row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from warehouse.checks.drift.aspect_making import Setting, pair_aspect
from warehouse.checks.drift.aspects_embedding import embedding_aspects
from warehouse.checks.drift.aspects_text import text_aspects
from warehouse.checks.drift.aspects_time import time_aspects
from warehouse.checks.drift.effects import Evidence
from warehouse.checks.drift.parts import Aspect
from warehouse.datasets.drift_rules import NO_RULES, DriftRules
from warehouse.engine.base import Engine
from warehouse.sql import Relation, identifier
from warehouse.statistics.embedding_facts import norm_sql, vector_sql
from warehouse.statistics.kinds import Family, Kind
from warehouse.statistics.nested_parts import (
    MOST_PARTS,
    Part,
    elements_sql,
    first_elements_sql,
    first_keys_sql,
    first_values_sql,
    part_column,
    parts_of,
    parts_relation,
)
from warehouse.statistics.pair import ColumnPair, compare_relations
from warehouse.statistics.sampled_tables import SampledTable, Taken, sample_table
from warehouse.statistics.session_tables import SessionTables
from warehouse.statistics.text_facts import beginning_sql, word_count_sql
from warehouse.statistics.type_names import TypeName, parse_type

MADE_OF_PARTS = (Kind.LIST, Kind.STRUCT, Kind.MAP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Both samples, and how to speak of them."""

    left: SampledTable
    right: SampledTable

    @property
    def note(self) -> str:
        """How many rows were looked at, when not all were."""
        if self.left.is_whole and self.right.is_whole:
            return ""
        return f" (of {self.left.row_count:,} and {self.right.row_count:,} sampled rows)"


def find_aspects(
    engine: Engine,
    left: Relation,
    right: Relation,
    evidence: Sequence[Evidence],
    *,
    left_name: str,
    right_name: str,
    groups: Sequence[str] = (),
    rules: DriftRules = NO_RULES,
) -> dict[str, tuple[Aspect, ...]]:
    """The aspects of each column that has any, by the column's name; their effects are not judged yet.

    Reads nothing when no column is a text, a list, a struct, a map, an embedding or a time.
    """
    compared = [one for one in evidence if one.pair.left.present_count and one.pair.right.present_count]
    settings = {
        one.pair.name: Setting(
            column=one.pair.name,
            threshold=rules.threshold("aspect", one.pair.name),
            left_name=left_name,
            right_name=right_name,
        )
        for one in compared
    }
    found: dict[str, list[Aspect]] = {one.pair.name: [] for one in compared}
    with SessionTables(engine, "drift_aspects") as tables:
        _add_parts(engine, left, right, [one.pair for one in compared], settings, groups, found)
        _add_sampled(engine, tables, left, right, [one.pair for one in compared], settings, groups, found)
        for one in compared:
            if one.pair.kind is Kind.TIME and one.pair.family is Family.TIMESTAMP:
                found[one.pair.name] += time_aspects(engine, tables, left, right, one, settings[one.pair.name])
    return {name: _told_apart(aspects) for name, aspects in found.items() if aspects}


def _told_apart(aspects: Sequence[Aspect]) -> tuple[Aspect, ...]:
    """Each with a name of its own; fields whose names differ in capitals or dots alone might share one."""
    seen: dict[str, int] = {}
    named = []
    for aspect in aspects:
        seen[aspect.name] = count = seen.get(aspect.name, 0) + 1
        name = aspect.name if count == 1 else f"{aspect.name} ({count})"
        named.append(replace(aspect, name=name, effect=replace(aspect.effect, subject=name)))
    return tuple(named)


def _types(pair: ColumnPair) -> tuple[TypeName, TypeName]:
    return parse_type(pair.left_type), parse_type(pair.right_type)


def _add_parts(
    engine: Engine,
    left: Relation,
    right: Relation,
    pairs: Sequence[ColumnPair],
    settings: dict[str, Setting],
    groups: Sequence[str],
    found: dict[str, list[Aspect]],
) -> None:
    """Lengths, numbers of keys and fields: columns of two relations of their own, over all rows."""
    parts: list[tuple[str, Part]] = []
    for pair in pairs:
        if pair.kind in MADE_OF_PARTS:
            name = identifier(pair.name)
            parts += [(pair.name, part) for part in list(parts_of(*_types(pair), name, name))[:MOST_PARTS]]
    if not parts:
        return
    sides = [
        parts_relation(left, [part.left_sql for _, part in parts], tuple(groups)),
        parts_relation(right, [part.right_sql for _, part in parts], tuple(groups)),
    ]
    keys = [f"group_{index}" for index in range(len(groups))]
    facts = {pair.name: pair for pair in compare_relations(engine, sides[0], sides[1], skip=keys, exact_rows=0).columns}
    for index, (column, part) in enumerate(parts):
        if part_column(index) in facts:
            aspect = pair_aspect(
                engine,
                (sides[0], sides[1]),
                facts[part_column(index)],
                settings[column],
                part.name,
                groups=keys,
                is_count=part.is_count,
            )
            found[column] += [aspect] if aspect else []


def _add_sampled(
    engine: Engine,
    tables: SessionTables,
    left: Relation,
    right: Relation,
    pairs: Sequence[ColumnPair],
    settings: dict[str, Setting],
    groups: Sequence[str],
    found: dict[str, list[Aspect]],
) -> None:
    """Words, characters, elements, keys and vectors, of one sample per side."""
    taken: dict[str, Taken] = {}
    for index, pair in enumerate(pairs):
        taken |= _taken(pair, index)
    if not taken:
        return
    sides = Sides(
        left=sample_table(engine, tables, left, taken, name="left", groups=groups),
        right=sample_table(engine, tables, right, taken, name="right", groups=groups),
    )
    for index, pair in enumerate(pairs):
        setting = settings[pair.name]
        if pair.kind is Kind.TEXT:
            found[pair.name] += text_aspects(
                engine, tables, sides.left, sides.right, setting, index, note=sides.note, grouped=bool(groups)
            )
        elif pair.kind is Kind.EMBEDDING:
            found[pair.name] += embedding_aspects(
                engine, sides.left, sides.right, setting, index, note=sides.note, grouped=bool(groups)
            )
        elif pair.kind in MADE_OF_PARTS:
            for column, name, items in _contents(pair, index):
                found[pair.name] += _element_aspects(engine, tables, sides, column, name, items, setting)


def _taken(pair: ColumnPair, index: int) -> dict[str, Taken]:
    name = pair.name
    if pair.kind is Kind.TEXT:
        return {f"text_{index}": Taken(name, beginning_sql), f"words_{index}": Taken(name, word_count_sql)}
    if pair.kind is Kind.EMBEDDING:
        return {f"vector_{index}": Taken(name, vector_sql, is_ordered=True), f"norm_{index}": Taken(name, norm_sql)}
    if pair.kind is Kind.LIST:
        return {f"elements_{index}": Taken(name, first_elements_sql)}
    if pair.kind is Kind.MAP:
        return {f"keys_{index}": Taken(name, first_keys_sql), f"values_{index}": Taken(name, first_values_sql)}
    return {}


def _contents(pair: ColumnPair, index: int) -> list[tuple[str, str, tuple[TypeName | None, TypeName | None]]]:
    """Of each list that was taken of this column: its name in the sample, what its items are called, their types."""
    left, right = _types(pair)
    if pair.kind is Kind.LIST:
        return [(f"elements_{index}", "elements", (left.item, right.item))]
    if pair.kind is Kind.MAP:
        return [
            (f"keys_{index}", "keys", (left.key, right.key)),
            (f"values_{index}", "values", (left.item, right.item)),
        ]
    return []


def _element_aspects(
    engine: Engine,
    tables: SessionTables,
    sides: Sides,
    column: str,
    name: str,
    items: tuple[TypeName | None, TypeName | None],
    setting: Setting,
) -> list[Aspect]:
    if items[0] is None or items[1] is None:
        return []
    parts = list(parts_of(items[0], items[1], "element", "element", name=name))[:MOST_PARTS]
    if not parts:
        return []
    relations = []
    for side, sample, expressions in (
        ("left", sides.left, [part.left_sql for part in parts]),
        ("right", sides.right, [part.right_sql for part in parts]),
    ):
        table = tables.create(f"{side}_{column}", elements_sql(sample.table, column, expressions))
        relations.append(Relation(table, side))
    compared = compare_relations(engine, relations[0], relations[1], skip=["cluster"], exact_rows=0)
    facts = {pair.name: pair for pair in compared.columns}
    aspects = [
        pair_aspect(
            engine,
            (relations[0], relations[1]),
            facts[part_column(index)],
            setting,
            part.name,
            groups=["cluster"],
            is_count=part.is_count,
            note=sides.note,
        )
        for index, part in enumerate(parts)
        if part_column(index) in facts
    ]
    return [aspect for aspect in aspects if aspect is not None]
