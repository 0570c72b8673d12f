"""How a DuckDB type is said in Croissant: data type, shape of an array, fields of a struct."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

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
_ARRAY = re.compile(r"(.*)\[(\d*)\]", re.DOTALL)


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
    element, shape = type_name.strip(), list[int]()
    while match := _ARRAY.fullmatch(element):
        # DuckDB writes the outermost dimension last, Croissant first.
        shape.append(int(match[2]) if match[2] else -1)
        element = match[1]
    if element.upper().startswith("STRUCT(") and element.endswith(")"):
        return _struct(element, tuple(shape))
    data_type = _SCALARS.get(re.sub(r"\(.*\)", "", element).strip().upper())
    return None if data_type is None else CroissantType(data_type=data_type, shape=tuple(shape))


def _struct(type_name: str, shape: tuple[int, ...]) -> CroissantType | None:
    members = tuple((name, croissant_type(type_)) for name, type_ in _members(type_name[len("STRUCT(") : -1]))
    known = tuple((name, type_) for name, type_ in members if type_ is not None and not type_.members)
    if len(known) < len(members) or not known or len(shape) > 1:
        return None
    return CroissantType(data_type=None, shape=shape, members=known)


def _members(text: str) -> Iterator[tuple[str, str]]:
    """Name and type of each member; a name is quoted when it is not a plain word."""
    for part in _parts(text):
        if part.startswith('"'):
            end = re.match(r'"((?:[^"]|"")*)"', part)
            assert end is not None
            yield end[1].replace('""', '"'), part[end.end() :].strip()
        else:
            name, _, type_ = part.partition(" ")
            yield name, type_


def _parts(text: str) -> Iterator[str]:
    """What the commas outside of quotes and parentheses separate."""
    depth, quote, start = 0, "", 0
    for index, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char == "," and depth == 0:
            yield text[start:index].strip()
            start = index + 1
        else:
            depth += (char == "(") - (char == ")")
    yield text[start:].strip()
