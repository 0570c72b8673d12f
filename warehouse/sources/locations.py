"""How a build reads a source: dbt's `external_location`, a path or a call of one of DuckDB's readers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from warehouse.sql import Relation, literal


class Reader(StrEnum):
    """What reads the files, or the table that they are."""

    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"
    EXCEL = "excel"
    DELTA = "delta"
    """A table with a log of its own, which says what files it consists of."""
    ICEBERG = "iceberg"
    """The same, in another format."""
    OTHER = "other"
    """SQL of the project's own; only that its files are there is known."""


_READERS = {
    "read_csv": Reader.CSV,
    "read_csv_auto": Reader.CSV,
    "read_json": Reader.JSON,
    "read_json_auto": Reader.JSON,
    "read_ndjson": Reader.JSON,
    "read_ndjson_auto": Reader.JSON,
    "read_parquet": Reader.PARQUET,
    "parquet_scan": Reader.PARQUET,
    "read_xlsx": Reader.EXCEL,
    "delta_scan": Reader.DELTA,
    "iceberg_scan": Reader.ICEBERG,
}
_ENDINGS = (
    (re.compile(r"\.(csv|tsv|txt)(\.(gz|zst))?$", re.IGNORECASE), Reader.CSV, "read_csv"),
    (re.compile(r"\.(json|jsonl|ndjson)(\.(gz|zst))?$", re.IGNORECASE), Reader.JSON, "read_json"),
    (re.compile(r"\.(parquet|pq)$", re.IGNORECASE), Reader.PARQUET, "read_parquet"),
    (re.compile(r"\.xlsx$", re.IGNORECASE), Reader.EXCEL, "read_xlsx"),
)
_CALL = re.compile(r"\s*(\w+)\s*\((.*)\)\s*", re.DOTALL)
_WEB = re.compile(r"https?://", re.IGNORECASE)
_TEXT = re.compile(r"'((?:[^']|'')*)'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """What a build reads, and how."""

    reader: Reader
    function: str
    """The reader's name; empty for SQL of the project's own."""
    patterns: tuple[str, ...]
    options: tuple[tuple[str, str], ...]
    """Name, lower case, and value as SQL, in their order."""

    @property
    def is_table(self) -> bool:
        """Whether it is a table with versions, and no files that are rows by themselves."""
        return self.reader in (Reader.DELTA, Reader.ICEBERG)

    def option(self, *names: str) -> str | None:
        """The text of the first option with one of these names; None when none is set."""
        for name, value in self.options:
            if name in names:
                text = _TEXT.fullmatch(value.strip())
                return text[1].replace("''", "'") if text else value.strip()
        return None

    def is_set(self, *names: str) -> bool:
        """Whether one of these options is set and not false."""
        value = self.option(*names)
        return value is not None and value.lower() not in ("false", "0")

    def of_file(self, path: str) -> str:
        """The same call for one file, ready to stand behind `from`."""
        rest = "".join(f", {name} = {value}" for name, value in self.options)
        return f"{self.function}({literal(exact_pattern(path))}{rest})"


def exact_pattern(path: str) -> str:
    """The path as a pattern that matches nothing else: DuckDB takes `*`, `?` and `[` in a path for a pattern.

    A web address stays as it is: what follows its `?` belongs to it.
    """
    return path if _WEB.match(path) else Relation.escaped([path])[0]


def parse_location(text: str) -> Location:
    """What this location says; anything that is not one call of a known reader is SQL of the project's own."""
    path = _TEXT.fullmatch(text.strip())
    if path is not None or "'" not in text:
        return _of_path(path[1].replace("''", "'") if path else text.strip())
    own = Location(reader=Reader.OTHER, function="", patterns=_texts(text), options=())
    call = _CALL.fullmatch(text)
    if call is None:
        return own
    name = call[1].lower()
    first, *rest = list(_arguments(call[2])) or [""]
    options = []
    for argument in rest:
        key, equals, value = argument.partition("=")
        if not equals or not key.strip().isidentifier():
            return own
        options.append((key.strip().lower(), value.removeprefix(">").strip()))
    is_list = first.strip().startswith("[") and first.strip().endswith("]")
    if name not in _READERS or not (_TEXT.fullmatch(first.strip()) or is_list):
        return own
    return Location(reader=_READERS[name], function=name, patterns=_texts(first), options=tuple(options))


def _texts(sql: str) -> tuple[str, ...]:
    return tuple(found.replace("''", "'") for found in _TEXT.findall(sql))


def _of_path(path: str) -> Location:
    for pattern, reader, function in _ENDINGS:
        if pattern.search(path):
            return Location(reader=reader, function=function, patterns=(path,), options=())
    return Location(reader=Reader.OTHER, function="", patterns=(path,) if path else (), options=())


def _arguments(text: str) -> Iterator[str]:
    """The arguments of a call: what stands between commas that are in no quotes and no brackets."""
    start = depth = 0
    for match in re.finditer(r"'(?:[^']|'')*'|[\[({\])},]", text):
        token = match[0]
        if token in "[({":
            depth += 1
        elif token in "])}":
            depth -= 1
        elif token == "," and depth == 0:
            yield text[start : match.start()].strip()
            start = match.end()
    last = text[start:].strip()
    if last:
        yield last
