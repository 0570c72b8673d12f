"""Databases as DuckDB attaches them, read-only: what a table has, what time it is there, and its rows."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from warehouse.errors import LoadError, suggestion
from warehouse.extensions import missing_extension, named_extension
from warehouse.loads.specs import Kind, LoadSpec
from warehouse.scrubbing import MASK, secrets_of
from warehouse.sql import identifier, literal

if TYPE_CHECKING:
    import duckdb

EXTENSIONS = {Kind.POSTGRES: "postgres_scanner", Kind.MYSQL: "mysql_scanner", Kind.SQLITE: "sqlite_scanner"}
_TYPES = {Kind.POSTGRES: "postgres", Kind.MYSQL: "mysql", Kind.SQLITE: "sqlite", Kind.DUCKDB: "duckdb"}
_PASSWORDS = re.compile(
    r"""(?:password|passwd|pwd)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|"([^"]*)"|([^\s;&'"]+))""", re.IGNORECASE
)
_MALFORMED = re.compile(
    r"connection info string|invalid connection option|invalid URI|invalid port|percent-encoded|invalid dsn|"
    r"unrecognized configuration parameter|unexpected character|unterminated quoted",
    re.IGNORECASE,
)
_URL_PASSWORD = re.compile(r"://[^:/@\s]*:(.*)@")

# Rows are read at one moment. Whoever writes while that happens has begun before or begins after: of the first, the
# server tells since when, and everything up to then is there. NOTE: asked before the moment of reading, never after.
_POSTGRES_CLOCK = """
    select least(
        now(),
        (select min(xact_start) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
            and backend_type = 'client backend'),
        (select min(prepared) from pg_prepared_xacts where database = current_database())
    )
"""
_MYSQL_CLOCK = "select utc_timestamp(6)"


class Database:
    """One source table behind an attached database, which is called `src`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, spec: LoadSpec) -> None:
        self._connection = connection
        self._spec = spec

    def clock(self, now: datetime) -> datetime:
        """A moment, with time zone: rows that were written up to then can all be read from now on."""
        queries = {Kind.POSTGRES: _POSTGRES_CLOCK, Kind.MYSQL: _MYSQL_CLOCK}
        if self._spec.kind not in queries:
            return now
        ((moment,),) = self._connection.execute(
            f"select epoch_us(moment) from {self._on_server(queries[self._spec.kind])} as clock(moment)"
        ).fetchall()
        return datetime.fromtimestamp(moment / 1e6, UTC)

    def all_rows(self) -> str:
        """What to read from, for every row: text to stand behind `from`."""
        spec = self._spec
        if spec.query is not None:
            # It may end in a comment.
            return self._on_server(f"select * from ({spec.query}\n) as asked")
        return ".".join(identifier(part) for part in ("src", *_table_parts(spec.table or "")))

    def rows_where(self, condition: Condition) -> str:
        """The rows that meet this: text to stand behind `from`. A server is asked for these alone."""
        spec = self._spec
        if spec.kind in (Kind.POSTGRES, Kind.MYSQL):
            quote = _backticks if spec.kind is Kind.MYSQL else identifier
            table = ".".join(quote(part) for part in _table_parts(spec.table or ""))
            inner = f"({spec.query}\n) as asked" if spec.query is not None else table
            return self._on_server(f"select * from {inner} where {condition.text(quote, kind=spec.kind)}")
        return f"(select * from {self.all_rows()} where {condition.text(identifier, kind=spec.kind)})"

    def _on_server(self, query: str) -> str:
        if self._spec.kind in (Kind.POSTGRES, Kind.MYSQL):
            return f"{self._spec.kind.value}_query('src', {literal(query)})"
        return f"({query}\n)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What the cursor's value must be; bounds are texts that DuckDB printed of this type."""

    column: str
    type: str
    above: str | None = None
    at_least: str | None = None
    at_most: str | None = None
    or_null: bool = False

    def text(self, quote: Callable[[str], str], *, kind: Kind) -> str:
        """As SQL of that database."""
        column = quote(self.column)
        bounds = ((">", self.above), (">=", self.at_least), ("<=", self.at_most))
        parts = [f"{column} {sign} {self._value(bound, kind)}" for sign, bound in bounds if bound is not None]
        text = " and ".join(parts) or "1 = 1"
        return f"(({text}) or {column} is null)" if self.or_null else f"({text})"

    def _value(self, bound: str, kind: Kind) -> str:
        if kind is Kind.MYSQL:
            # A text beside a time is read as a time, a number in quotes as a number.
            return literal(bound)
        return f"cast({literal(bound)} as {self.type.lower() if kind is Kind.POSTGRES else self.type})"


@contextmanager
def open_database(
    connection: duckdb.DuckDBPyConnection, spec: LoadSpec, environment: Mapping[str, str] = os.environ
) -> Iterator[Database]:
    """Attaches the spec's database as `src` and detaches it in the end. Errors within never show a password.

    Raises:
        LoadError: the server cannot be reached, refuses, or has no such table.
        MissingExtraError: DuckDB's extension is not installed.
    """
    import duckdb

    text = environment[spec.connection or ""]
    if (extension := EXTENSIONS.get(spec.kind)) is not None:
        try:
            connection.execute(f"load {extension}")
        except duckdb.Error as error:
            raise missing_extension(extension, purpose=f"a load from {spec.kind.value}") from error
    if spec.kind in (Kind.SQLITE, Kind.DUCKDB) and not Path(text).is_file():
        raise LoadError(f"the file in {spec.connection} does not exist")
    with clear_errors(spec, environment):
        if spec.kind is Kind.MYSQL:
            connection.execute("set mysql_session_time_zone = '+00:00'")
            # As booleans, missing ones would arrive as false.
            connection.execute("set mysql_tinyint1_as_boolean = false")
        connection.execute(f"attach {literal(text)} as src (type {_TYPES[spec.kind]}, read_only)")
        try:
            if spec.query is not None and spec.kind in (Kind.SQLITE, Kind.DUCKDB):
                connection.execute("use src")
            yield Database(connection, spec)
        finally:
            connection.execute("use memory")
            connection.execute("detach src")


@contextmanager
def clear_errors(spec: LoadSpec, environment: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Turns what DuckDB says within the block into one line without secrets."""
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise LoadError(
            f"{_reason(error, spec, environment)}\n  raise WAREHOUSE_MEMORY_LIMIT, or free disk space below var/tmp"
        ) from None
    except duckdb.Error as error:
        if (name := named_extension(str(error))) is not None:
            raise missing_extension(name, purpose=f"a load from {spec.kind.value}") from None
        # NOTE: without its cause, whose text may hold the password.
        raise LoadError(_reason(error, spec, environment)) from None


def _reason(error: BaseException, spec: LoadSpec, environment: Mapping[str, str]) -> str:
    if spec.kind.is_database and _MALFORMED.search(str(error)):
        # What the driver quotes of it may be the password.
        return f"the connection string in {spec.connection} is not one that {spec.kind.value} understands"
    text = scrubbed(str(error), spec.connection, environment)
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith(("LINE", "^"))]
    reason = " ".join(lines[:3])[:600] or type(error).__name__
    return reason + _advice(reason, spec)


def scrubbed(text: str, variable: str | None, environment: Mapping[str, str]) -> str:
    """The text without the variable's value and any password in it."""
    value = environment.get(variable or "", "")
    if value:
        text = text.replace(value, f"${variable}").replace(literal(value)[1:-1], f"${variable}")
    passwords = {part for match in _PASSWORDS.finditer(value) for part in match.groups() if part}
    passwords |= {match[1] for match in _URL_PASSWORD.finditer(value)}
    passwords |= {unquote(password) for password in passwords}
    for password in sorted(passwords, key=len, reverse=True):
        text = text.replace(password, MASK)
    return secrets_of(environment).scrub(text)


def _advice(reason: str, spec: LoadSpec) -> str:
    low = reason.lower()
    if "unable to connect" in low or "failed to connect" in low:
        return f"\n  check the connection string in {spec.connection}, the server and the network, then run it again"
    if "does not exist" in low or "doesn't exist" in low:
        return f"\n  correct table or query in {spec.declared_in}"
    return ""


def check_columns(spec: LoadSpec, columns: Mapping[str, str]) -> None:
    """Whether cursor and key are columns of the source, and the cursor is of a type that has an order to go by.

    Raises:
        LoadError: lists what is wrong.
    """
    problems = [
        f"{what} {name!r} is not a column of the source; {suggestion(name, list(columns))}"
        for what, names in (("cursor", (spec.cursor,)), ("key", spec.key))
        for name in names
        if name is not None and name not in columns
    ]
    if not problems and spec.cursor is not None:
        type_ = columns[spec.cursor]
        if not is_time(type_) and not is_number(type_):
            problems.append(
                f"cursor {spec.cursor!r} is of type {type_}; a cursor is a timestamp, a date or a whole number\n"
                "  cast it in query, or name another column"
            )
        elif isinstance(spec.lookback, int) and is_time(type_) and spec.lookback:
            problems.append(f"lookback is a number, but cursor {spec.cursor!r} is of type {type_}; write '2 hours'")
        elif spec.lookback is not None and not isinstance(spec.lookback, int) and is_number(type_):
            problems.append(f"lookback is a span of time, but cursor {spec.cursor!r} is of type {type_}")
    if problems:
        raise LoadError("\n".join(problems))


def is_time(type_: str) -> bool:
    """Whether values of this DuckDB type are moments or days."""
    return type_.startswith("TIMESTAMP") or type_ == "DATE"


def is_number(type_: str) -> bool:
    """Whether values of this DuckDB type are whole numbers."""
    return bool(re.fullmatch(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL\(\d+,0\)", type_))


def _table_parts(table: str) -> list[str]:
    """`public.orders` by its parts; a part in double quotes may hold dots."""
    return [
        part[1:-1].replace('""', '"') if part.startswith('"') else part
        for part in re.findall(r'"(?:[^"]|"")+"|[^."]+', table)
    ]


def _backticks(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
