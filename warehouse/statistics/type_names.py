"""DuckDB's names of nested types, taken apart: lists, structs and maps, down to their scalars."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(r"""\s*("(?:[^"]|"")*"|'(?:[^']|'')*'|[^\W\d]\w*|\d+|[\[\](),])""")
_OF_WORDS = (("TIMESTAMP", "WITH", "TIME", "ZONE"), ("TIME", "WITH", "TIME", "ZONE"))
_DEEPEST = 100
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


def is_type_name(text: str) -> bool:
    """Whether this is a type's name and nothing else, so that it can stand in a statement although others wrote it."""
    tokens, place = [], 0
    while place < len(text.rstrip()):
        match = _TOKEN.match(text, place)
        if match is None:
            return False
        tokens.append(match[1])
        place = match.end()
    reading = _Reading(tokens)
    return reading.type_at(0, depth=0) == len(tokens)


@dataclass(frozen=True, slots=True)
class _Reading:
    """A type's name as tokens. Each method returns where what it reads ends; None when it is not there."""

    tokens: Sequence[str]

    def at(self, place: int) -> str:
        """The token there, in capitals; empty at the end."""
        return self.tokens[place].upper() if place < len(self.tokens) else ""

    def type_at(self, place: int, *, depth: int) -> int | None:
        """A type: its word, what stands in its parentheses, `[]` or `[3]` as often as one likes."""
        word, end = self.at(place), None
        if depth > _DEEPEST or not _is_word(word):
            return None
        if word in ("STRUCT", "UNION", "MAP") and self.at(place + 1) == "(":
            end = self._list(place + 2, depth=depth, named=word != "MAP")
        elif self.at(place + 1) == "(":
            end = self._values(place + 2)
        else:
            long = next((words for words in _OF_WORDS if tuple(map(self.at, range(place, place + 4))) == words), ())
            end = place + max(len(long), 1)
        while end is not None and self.at(end) == "[":
            end += 1 + self.at(end + 1).isdecimal()
            end = end + 1 if self.at(end) == "]" else None
        return end

    def _list(self, place: int, *, depth: int, named: bool) -> int | None:
        while True:
            end = self.type_at(place + 1, depth=depth + 1) if named and _is_word(self.at(place)) else None
            if end is None or self.at(end) not in (",", ")"):
                end = self.type_at(place, depth=depth + 1)
            if end is None or self.at(end) not in (",", ")"):
                return None
            if self.at(end) == ")":
                return end + 1
            place = end + 1

    def _values(self, place: int) -> int | None:
        """Numbers and texts: of `DECIMAL(18, 2)`, of an enum."""
        while self.at(place).isdecimal() or self.at(place).startswith("'"):
            if self.at(place + 1) == ")":
                return place + 2
            if self.at(place + 1) != ",":
                return None
            place += 2
        return None


def _is_word(token: str) -> bool:
    return token.startswith('"') or token.isidentifier()
