"""How a DuckDB type is said in Croissant: data type, shape of an array, fields of a struct."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from warehouse.statistics.type_names import TypeName, parse_type

_SCALARS = {
    "BOOLEAN": "sc:Boolean",
    **{
        f"{sign}{name}": f"cr:{'U' if sign else ''}Int{bits}"
        for sign in ("", "U")
        for name, bits in (("TINYINT", 8), ("SMALLINT", 16), ("INTEGER", 32), ("BIGINT", 64))
    },
    "FLOAT": "cr:Float32",
    "DOUBLE": "cr:Float64",
    "DECIMAL": "sc:Float",
    "VARCHAR": "sc:Text",
    "JSON": "sc:Text",
    "UUID": "sc:Text",
    "DATE": "sc:Date",
    "TIME": "sc:Time",
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ"), "sc:DateTime"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CroissantType:
    """A value, an array of values, a struct, or an array of structs."""

    data_type: str | None
    """`sc:Text`, say; None for a struct, whose members have types."""
    shape: tuple[int, ...] = ()
    """Length of each dimension, -1 where it varies; empty when it is no array."""
    members: tuple[tuple[str, CroissantType], ...] = ()
    """Of a struct: name and type of each, none of them a struct."""


def croissant_type(type_name: str) -> CroissantType | None:
    """The DuckDB type in Croissant's words; None when it has none: maps, unions, binary, structs within structs.

    A decimal becomes a floating point number, since Croissant has no exact one.
    """
    type_, shape = parse_type(type_name), list[int]()
    while type_.item is not None and type_.key is None:
        # DuckDB writes the outermost dimension last, so it is the first that comes off.
        length = type_.name[type_.name.rindex("[") + 1 : -1]
        shape.append(int(length) if length else -1)
        type_ = type_.item
    if type_.members:
        return _struct(type_.members, tuple(shape))
    if type_.is_nested:
        return None
    (scalar,) = type_.scalars()
    data_type = _SCALARS.get(scalar)
    return None if data_type is None else CroissantType(data_type=data_type, shape=tuple(shape))


def _struct(parts: Sequence[tuple[str, TypeName]], shape: tuple[int, ...]) -> CroissantType | None:
    members = tuple((name, croissant_type(type_.name)) for name, type_ in parts)
    known = tuple((name, type_) for name, type_ in members if type_ is not None and not type_.members)
    if len(known) < len(members) or len(shape) > 1:
        return None
    return CroissantType(data_type=None, shape=shape, members=known)
