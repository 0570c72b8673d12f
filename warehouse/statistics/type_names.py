"""DuckDB's names of nested types, taken apart: lists, structs and maps, down to their scalars."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LIST = re.compile(r"(.*)\[(\d*)\]", re.DOTALL)
_NESTED = re.compile(r"(STRUCT|MAP)\((.*)\)", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeName:
    """A scalar, a list, a struct or a map; anything that is not understood counts as a scalar of that name."""

    name: str
    """As DuckDB writes it."""
    item: TypeName | None = None
    """Of a list or array: its items' type; of a map: its values'."""
    key: TypeName | None = None
    """Of a map alone."""
    length: int | None = None
    """Of an array alone: how many items each has."""
    members: tuple[tuple[str, TypeName], ...] = ()
    """Of a struct alone."""

    @property
    def is_nested(self) -> bool:
        """Whether it is a list, a struct or a map."""
        return self.item is not None or bool(self.members)

    def scalars(self) -> Iterator[str]:
        """Names of all scalars in it, without what stands in parentheses, in capitals."""
        inner = [type_ for type_ in (self.key, self.item) if type_ is not None]
        inner += [type_ for _, type_ in self.members]
        if not inner:
            yield re.sub(r"\(.*\)", "", self.name).strip().upper()
        for type_ in inner:
            yield from type_.scalars()


def parse_type(text: str) -> TypeName:
    """The type of this name: `STRUCT(a INTEGER, "b c" VARCHAR)[]`, say."""
    name = text.strip()
    if match := _LIST.fullmatch(name):
        return TypeName(name=name, item=parse_type(match[1]), length=int(match[2]) if match[2] else None)
    if match := _NESTED.fullmatch(name):
        parts = list(_parts(match[2]))
        if match[1].upper() == "STRUCT":
            return TypeName(name=name, members=tuple(_member(part) for part in parts))
        if len(parts) == 2:
            return TypeName(name=name, key=parse_type(parts[0]), item=parse_type(parts[1]))
    return TypeName(name=name)


def _member(text: str) -> tuple[str, TypeName]:
    """A member's name, quoted when it is not a plain word, and its type."""
    if match := re.match(r'"((?:[^"]|"")*)"', text):
        return match[1].replace('""', '"'), parse_type(text[match.end() :])
    name, _, type_ = text.partition(" ")
    return name, parse_type(type_)


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
