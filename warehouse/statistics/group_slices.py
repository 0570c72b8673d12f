"""Groups asked some after the others, so that no statement holds a state for all of them.

DuckDB spills what a grouping holds, but not without end: beyond some share of its memory a statement fails. Groups are
disjoint, so whatever is summed over them may be asked in slices, each with a scan of its own, and added up.
"""

from __future__ import annotations

from collections.abc import Sequence

from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step


def slice_count(engine: Engine, *, row_count: int, rows_at_once: int) -> int:
    """In how many slices to ask the groups of so many rows; a cluster has its own ways, so all at once there."""
    return 1 if engine.is_distributed else max(1, -(-row_count // rows_at_once))


def slice_count_of(engine: Engine, relation: Relation, columns: Sequence[str], *, groups_at_once: int) -> int:
    """In how many slices to ask groups of which about so many fit at once; costs a scan that counts them roughly."""
    if engine.is_distributed:
        return 1
    roughly = f"select approx_count_distinct(hash({', '.join(columns)})) as n from {relation.sql}"
    (found,) = engine.rows(Query.of(Step("group_count", roughly)))
    return max(1, -(-int(found["n"]) // groups_at_once))


def slice_sql(group_hash: str, count: int) -> str:
    """The number of a group's slice, of so many, by the engine's `hash` of the group, an expression."""
    # NOTE: without the cast the remainder would be one of 128 bits, which takes many times as long.
    return f"{group_hash} % {count}::ubigint"


def slices_sql(columns: Sequence[str], count: int) -> list[str]:
    """One condition per slice: whether a row's group is in it. The columns are expressions that name the group."""
    if count == 1:
        return ["true"]
    number = slice_sql(f"hash({', '.join(columns)})", count)
    return [f"{number} = {index}" for index in range(count)]
