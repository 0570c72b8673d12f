"""What people type: taken apart into statements, and judged before an untrusted one runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from warehouse.errors import StatementError

if TYPE_CHECKING:
    import duckdb

SAFE_FUNCTIONS = {
    *("generate_series", "histogram", "histogram_values", "json_each", "json_tree", "range", "repeat", "repeat_row"),
    *("summary", "unnest", "duckdb_columns", "duckdb_constraints", "duckdb_functions", "duckdb_tables"),
    *("duckdb_types", "duckdb_views", "pragma_table_info", "pragma_version", "test_all_types"),
}
"""Functions that may stand behind `from` in safe mode. Every other one is refused, also one that DuckDB gets later."""

UNSAFE_SCALARS = {"current_setting", "getenv", "pg_sleep", "sleep_ms", "write_log"}
"""Functions of values that tell of the machine or only cost time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement."""

    text: str
    """As it was typed, without the semicolon."""
    is_select: bool
    """Whether it can stand in brackets behind `from`: `select`, `with`, `values`, `describe`, `summarize`, `show`."""
    gives_rows: bool


def split_statements(connection: duckdb.DuckDBPyConnection, text: str) -> list[Statement]:
    """The statements of this text, in order; none for blanks, comments and lone semicolons.

    Raises:
        StatementError: DuckDB cannot parse one of them.
    """
    import duckdb

    found = []
    for part in _parts(text):
        try:
            parsed = connection.extract_statements(part)
        except duckdb.Error as error:
            raise StatementError(reason_of(error)) from error
        if parsed:
            # A `pivot` whose columns are not listed is several statements, of which the last gives the rows.
            last = parsed[-1]
            found.append(
                Statement(
                    text=part,
                    is_select=len(parsed) == 1 and last.type == duckdb.StatementType.SELECT and bool(last.query),
                    gives_rows=list(last.expected_result_type) == [duckdb.ExpectedResultType.QUERY_RESULT],
                )
            )
    return found


def is_complete(text: str) -> bool:
    """Whether the text ends with a semicolon that ends a statement: not one in quotes or in a comment."""
    ends = _ends(text)
    if not ends:
        return False
    rest = text.encode()[ends[-1] + 1 :].decode().strip()
    return not rest or (rest.startswith(("--", "/*")) and not _tokens(rest))


def check_safe(connection: duckdb.DuckDBPyConnection, statement: Statement) -> None:
    """Passes a statement that only selects, from tables and from functions that only compute.

    DuckDB's own switches refuse files, but not all that does harm: a log that is written to a file, for one, ends the
    whole process.

    Raises:
        StatementError: it is another kind of statement, or calls a function that safe mode does not know.
    """
    if not statement.is_select:
        raise StatementError("safe mode runs statements that select, and nothing else")
    row = connection.execute("select json_serialize_sql($text)::varchar", {"text": statement.text}).fetchone()
    document = json.loads(row[0]) if row else {"error": True}
    if document.get("error"):
        raise StatementError("safe mode runs statements that select, and nothing else")
    for node in _nodes(document):
        if node.get("type") == "TABLE_FUNCTION":
            name = str(node.get("function", {}).get("function_name", "")).lower()
            if name not in SAFE_FUNCTIONS:
                raise StatementError(
                    f"safe mode knows no table function {name!r}\n  it reads the build's tables, and computes with: "
                    + ", ".join(sorted(name for name in SAFE_FUNCTIONS if "_" not in name))
                )
        elif str(node.get("function_name", "")).lower() in UNSAFE_SCALARS:
            raise StatementError(f"safe mode refuses the function {node['function_name']!r}")


def reason_of(error: BaseException) -> str:
    """DuckDB's own words, with the line that it points at."""
    lines = [line.rstrip() for line in str(error).splitlines()]
    return "\n".join(line for line in lines if line) or type(error).__name__


def _parts(text: str) -> Iterator[str]:
    raw, start = text.encode(), 0
    for end in [*_ends(text), len(raw)]:
        part = raw[start:end].decode().strip()
        if part:
            yield part
        start = end + 1


def _ends(text: str) -> list[int]:
    """Where statements end, in bytes."""
    raw = text.encode()
    return [offset for offset, kind in _tokens(text) if kind == "operator" and raw[offset : offset + 1] == b";"]


def _tokens(text: str) -> list[tuple[int, str]]:
    import duckdb

    return [(offset, kind.name) for offset, kind in duckdb.tokenize(text) if kind.name != "comment"]


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in the document, however deep."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
