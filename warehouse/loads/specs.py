"""How the rows of a source table come: `config.meta.load`, parsed once, with all its problems."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from warehouse.dbt_manifest import Source
from warehouse.dbt_runner import raw_location
from warehouse.errors import LoadError, problem_list, suggestion
from warehouse.project import Project
from warehouse.sources.rules import DEFAULTS, Rules, parse_rules


class Kind(StrEnum):
    """Where rows come from."""

    POSTGRES = "postgres"
    MYSQL = "mysql"
    SQLITE = "sqlite"
    DUCKDB = "duckdb"
    FILES = "files"
    DLT = "dlt"

    @property
    def is_database(self) -> bool:
        """Whether rows are asked for with SQL."""
        return self not in (Kind.FILES, Kind.DLT)


class Mode(StrEnum):
    """What a load does with the rows that are there already."""

    INCREMENTAL = "incremental"
    """It adds what is new."""
    FULL = "full"
    """It replaces them all, in one switch."""


Lookback = timedelta | int
DEFAULT_LOOKBACK = timedelta(hours=1)
"""Before the mark of a time; covers transactions that took up to so long."""
DEFAULT_NUMBER_LOOKBACK = 1_000
"""Before the mark of a number: ids that were drawn earlier and committed later."""
FORMATS = ("csv", "json", "parquet", "excel")
_KEYS: dict[str, tuple[str, ...]] = {
    "database": ("connection", "table", "query", "cursor", "key", "lookback", "time_zone"),
    "files": ("path", "format", "options", "changed", "key"),
    "dlt": ("resource", "cursor", "key"),
}
_COMMON = ("from", "mode", "new_columns")
_NAME = re.compile(r"\w[\w .-]*", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPAN = re.compile(r"(\d+)\s*(second|minute|hour|day|week)s?")
_RESOURCE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSpec:
    """One table's declaration, complete and checked."""

    source_name: str
    table_name: str
    declared_in: str
    """The YAML file, relative to the project."""
    kind: Kind
    mode: Mode
    connection: str | None = None
    """Name of the environment variable with the connection string, never the string itself."""
    table: str | None = None
    query: str | None = None
    cursor: str | None = None
    key: tuple[str, ...] = ()
    """Identifies a row; empty when nothing does."""
    lookback: Lookback | None = None
    """How far before the mark to read again; None means the default of the cursor's type."""
    time_zone: str = "UTC"
    """Of a cursor without a time zone."""
    path: str | None = None
    format: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of DuckDB's reader of that format."""
    changed: str = "replace"
    """What happens when a file has other content under the same name: `replace` its rows, or `error`."""
    new_columns: str = "accept"
    """`accept` or `error`."""
    rules: Rules = field(default_factory=lambda: DEFAULTS)
    """What is done about files that are broken: `meta.checks` of the source."""
    resource: str | None = None
    """`package.module:function` that gives a dlt resource or source."""

    @property
    def name(self) -> str:
        """`source.table`."""
        return f"{self.source_name}.{self.table_name}"


def read_specs(
    project: Project, sources: Iterable[Source], environment: Mapping[str, str] = os.environ
) -> tuple[LoadSpec, ...]:
    """What these sources declare, in the order of their names; sources without a load are passed over.

    Raises:
        LoadError: lists every problem of every table.
        ProjectError: `meta.checks` of a source cannot be used; lists every problem.
    """
    declared = [source for source in sources if "load" in source.meta]
    rules = parse_rules(declared)
    specs, problems = [], []
    for source in sorted(declared, key=lambda source: (source.source_name, source.name)):
        found: list[str] = []
        spec = _spec(project, source, rules[source.unique_id], environment, found)
        where = f"{source.source_name}.{source.name} (declared in {source.file_path})"
        problems += [f"{where}: {problem}" for problem in found]
        if spec is not None:
            specs.append(spec)
    if problems:
        raise LoadError(problem_list("loads cannot be done as they are declared:", problems))
    return tuple(specs)


def _spec(
    project: Project, source: Source, rules: Rules, environment: Mapping[str, str], problems: list[str]
) -> LoadSpec | None:
    load = source.meta["load"]
    if not isinstance(load, Mapping):
        problems.append(f"load must be a mapping such as {{from: postgres, ...}}, not {_shown(load)}")
        return None
    kind = load.get("from")
    if kind in ("delta", "iceberg"):
        problems.append(f"a table of {kind.title()} is read where it lies: external_location: {kind}_scan('...')")
        return None
    if kind not in list(Kind):
        problems.append(f"from is {_shown(kind)}; {suggestion(str(kind), [item.value for item in Kind])}")
        return None
    reader = _Reader(load, problems)
    kind = Kind(kind)
    own = _KEYS["database" if kind.is_database else kind.value]
    reader.check_keys((*_COMMON, *own))
    _check_names(source, problems)
    _check_location(project, source, problems)
    mode = reader.choice("mode", [item.value for item in Mode])
    cursor = reader.text("cursor")
    if kind.is_database:
        _check_database(reader, mode, cursor, environment)
    if kind is Kind.FILES:
        reader.required("path", "path: 's3://bucket/orders/*.csv.gz'")
        if mode == Mode.FULL and reader.text("changed"):
            problems.append("changed has no meaning with mode: full, which reads every file each time")
    resource = reader.required("resource", "resource: package.module:function") if kind is Kind.DLT else None
    if resource and not _RESOURCE.fullmatch(resource):
        problems.append(f"resource is {_shown(resource)}, not of the form package.module:function")
    default_mode = Mode.INCREMENTAL if cursor or not kind.is_database else Mode.FULL
    return LoadSpec(
        source_name=source.source_name,
        table_name=source.name,
        declared_in=source.file_path,
        kind=kind,
        mode=Mode(mode) if mode else default_mode,
        connection=reader.text("connection"),
        table=reader.text("table") or (source.name if kind.is_database and not load.get("query") else None),
        query=reader.text("query"),
        cursor=cursor,
        key=reader.words("key"),
        lookback=reader.lookback(),
        time_zone=reader.time_zone(),
        path=reader.text("path"),
        format=reader.choice("format", FORMATS),
        options=reader.options(),
        changed=reader.choice("changed", ("replace", "error")) or "replace",
        new_columns=reader.choice("new_columns", ("accept", "error")) or "accept",
        rules=rules,
        resource=reader.text("resource"),
    )


def _check_names(source: Source, problems: list[str]) -> None:
    for what, name in (("source", source.source_name), ("table", source.name)):
        if not _NAME.fullmatch(name) or name.endswith("."):
            problems.append(
                f"the {what}'s name {name!r} becomes a folder's: use letters, digits, '_', '-', '.' and spaces, "
                "and give the real name as identifier or table"
            )


def _check_location(project: Project, source: Source, problems: list[str]) -> None:
    # A load that no model reads would be found much later.
    pattern = f"{raw_location(project)}/{source.source_name}/{source.name}/*.parquet"
    if pattern not in (source.external_location or ""):
        problems.append(
            "its external_location does not read what is loaded; write, at the source:\n"
            + LOCATION.replace("{source}", source.source_name)
        )


LOCATION = (
    "external_location: \"read_parquet('{{ env_var('WAREHOUSE_RAW', 'var/raw') }}/{source}/{name}/*.parquet',"
    ' union_by_name = true)"'
)


def _check_database(reader: _Reader, mode: str | None, cursor: str | None, environment: Mapping[str, str]) -> None:
    problems = reader.problems
    if reader.text("table") and reader.text("query"):
        problems.append("table and query are both given: one of them says what to read")
    if mode == Mode.INCREMENTAL and not cursor:
        problems.append("mode: incremental needs a cursor: a column that grows with every change, such as updated_at")
    variable = reader.required("connection", "connection: SHOP_DB, the name of an environment variable")
    if variable is None:
        return
    if not _VARIABLE.fullmatch(variable):
        # NOTE: never shown: it may well be a connection string with its password.
        problems.append(
            "connection is not the name of an environment variable; put the connection string into the environment, "
            "and its variable's name here: connection: SHOP_DB"
        )
    elif not environment.get(variable):
        problems.append(
            f"the environment variable {variable} is not set; it holds the connection string\n"
            f"  export {variable}=... and run the same command again"
        )


class _Reader:
    """Takes values of one declaration and writes down what is wrong with them."""

    def __init__(self, load: Mapping[str, Any], problems: list[str]) -> None:
        self.load = load
        self.problems = problems

    def check_keys(self, known: tuple[str, ...]) -> None:
        for key in self.load:
            if key not in known:
                self.problems.append(f"unknown key {str(key)!r}; {suggestion(str(key), known)}")

    def text(self, key: str) -> str | None:
        value = self.load.get(key)
        if value is None or isinstance(value, str):
            return value or None
        return None

    def required(self, key: str, example: str) -> str | None:
        value = self.text(key)
        if value is None:
            self.problems.append(f"{key} is missing or is no text; write {example}")
        return value

    def choice(self, key: str, known: Iterable[str]) -> str | None:
        value = self.load.get(key)
        words = list(known)
        if value is None or value in words:
            return value
        self.problems.append(f"{key} is {_shown(value)}; {suggestion(str(value), words)}")
        return None

    def words(self, key: str) -> tuple[str, ...]:
        value = self.load.get(key)
        values = [value] if isinstance(value, str) else [] if value is None else value
        if not isinstance(values, list) or not all(isinstance(item, str) and item for item in values):
            self.problems.append(f"{key} must be a column or a list of columns, not {_shown(value)}")
            return ()
        return tuple(values)

    def lookback(self) -> Lookback | None:
        value = self.load.get("lookback")
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        match = _SPAN.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None:
            self.problems.append(f"lookback is {_shown(value)}; write '2 hours', or a number for a cursor of numbers")
            return None
        try:
            return timedelta(**{f"{match[2]}s": int(match[1])})
        except OverflowError:
            self.problems.append(f"lookback is {_shown(value)}, longer than time is counted")
            return None

    def time_zone(self) -> str:
        value = self.load.get("time_zone", "UTC")
        try:
            return ZoneInfo(value).key
        except Exception:
            self.problems.append(f"time_zone is {_shown(value)}, not a name such as Europe/Berlin")
            return "UTC"

    def options(self) -> Mapping[str, Any]:
        value = self.load.get("options")
        if value is None:
            return {}
        if not isinstance(value, Mapping) or not all(_is_option(name, item) for name, item in value.items()):
            self.problems.append("options must map names of DuckDB's reader options to texts, numbers or lists of them")
            return {}
        return dict(value)


def _is_option(name: object, value: object) -> bool:
    if not isinstance(name, str) or not re.fullmatch(r"[a-z_]+", name):
        return False
    if isinstance(value, Mapping):
        return all(isinstance(item, str) for item in value.values())
    return all(isinstance(item, str | int | float | bool) for item in (value if isinstance(value, list) else [value]))


def _shown(value: object) -> str:
    """The value for a message; long ones are cut, and what looks like a connection string is left out."""
    text = repr(value)
    return "a text that is not shown" if "://" in text or "=" in text else text[:80]
