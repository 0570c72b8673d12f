"""Which kind a list, struct or map is; the one question that needs values: whether lists are embeddings."""

from __future__ import annotations

from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step, identifier
from warehouse.statistics.kinds import Family, Kind, common_kinds
from warehouse.statistics.type_names import parse_type

SHORTEST_EMBEDDING = 8
"""Lists of reals of one length are embeddings from this length on; below, they are coordinates or the like."""


def nested_kind(engine: Engine, left: Relation, right: Relation, name: str, left_type: str, right_type: str) -> Kind:
    """The kind of a column that is nested on both sides; lists of reals alone are looked into, once per side."""
    first, *others = common_kinds(Family.OTHER, left_type, right_type)
    if Kind.EMBEDDING not in (first, *others):
        return first
    return Kind.EMBEDDING if vector_length(engine, left, right, name, left_type, right_type) else Kind.LIST


def vector_length(
    engine: Engine, left: Relation, right: Relation, name: str, left_type: str, right_type: str
) -> int | None:
    """The one length that all vectors of both sides have; None when there is none, or lists that long are none.

    An array's type says its length; of lists, every row is asked.
    """
    said = [parse_type(type_name).length for type_name in (left_type, right_type)]
    if said[0] and said[1]:
        return said[0] if said[0] == said[1] else None
    found: set[int | None] = {length for length in said if length}
    for relation, length in zip((left, right), said, strict=True):
        if length is None:
            (row,) = engine.rows(list_lengths_sql(relation, name))
            found |= {row["shortest"], row["longest"]}
    # A side without any list tells nothing.
    lengths = found - {None}
    (length,) = lengths if len(lengths) == 1 else (None,)
    return length if length is not None and (any(said) or length >= SHORTEST_EMBEDDING) else None


def list_lengths_sql(relation: Relation, name: str) -> Query:
    """One row: `shortest`, `longest` of the lists that are not null; both null without any."""
    length = f"len({identifier(name)})"
    return Query.of(
        Step("list_lengths", f"select min({length}) as shortest, max({length}) as longest from {relation.sql}")
    )
