"""What the engine's own `hash` is asked of values, so that it tells apart whatever differs."""

from __future__ import annotations

from collections.abc import Iterable

from warehouse.statistics.kinds import Family, family_of
from warehouse.statistics.type_names import parse_type


def hashed_sql(value: str, type_name: str) -> str:
    """Operands of `hash` for a value, an expression of this type: as equal as the values are.

    Engines give a list that is NULL, one without elements and one with a NULL the same hash, DuckDB also `[[1, 2]]` and
    `[[1], [2]]`. So of nested values the text is hashed too, in which zero has no sign; of vectors, whose text would
    take long, how many elements there are, or whether there are any.
    """
    type_ = parse_type(type_name)
    if type_.key is None and type_.item is not None and family_of(type_.item.name) is Family.REAL:
        return f"{value}, len({value})" if type_.length is None else f"{value}, {value} is null"
    if type_.is_nested or type_name.upper().startswith("UNION"):
        return f"{value}, replace({value}::varchar, '-0.0', '0.0')"
    return value


def row_hash_sql(values: Iterable[tuple[str, str]]) -> str:
    """One hash of several values, expressions with their types; a constant of none."""
    operands = ", ".join(hashed_sql(value, type_name) for value, type_name in values)
    return f"hash({operands})" if operands else "0"
