"""SQL as data: quoting in one place, queries as named steps that touch no connection."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import dedent, indent
from typing import Any

from warehouse.errors import ProjectError


def identifier(name: str) -> str:
    """`name` quoted, so that spaces, quotes, keywords and capitals are safe.

    Raises:
        ProjectError: the name is empty or holds a NUL, which no engine can store.
    """
    if not name or "\0" in name:
        raise ProjectError(f"{name!r} cannot be the name of a table or column")
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """`value` as a string literal, for the few places where an engine binds no parameters (views, table functions)."""
    return "'" + value.replace("'", "''") + "'"


ARROW_NAME = "arrow files "
"""What the names of Arrow files in a statement begin with; their paths follow as a JSON list."""


@dataclass(frozen=True, slots=True)
class Relation:
    """Something that can stand behind `from`: a table, a view or files."""

    sql: str
    """Quoted text, ready for a statement."""
    name: str
    """What people call it, for messages."""

    @staticmethod
    def table(*parts: str) -> Relation:
        """A table or view by its parts: `table("warehouse", "marts", "fct_flights")`."""
        return Relation(".".join(identifier(part) for part in parts), parts[-1])

    @staticmethod
    def parquet(paths: Sequence[str], *, name: str) -> Relation:
        """Rows of all these Parquet files; columns match by name.

        `x=1` in a folder's name is no column.
        """
        files = ", ".join(map(literal, Relation.escaped(paths)))
        return Relation(f"read_parquet([{files}], union_by_name = true, hive_partitioning = false)", name)

    @staticmethod
    def arrow(paths: Sequence[str], *, name: str) -> Relation:
        """Rows of all these Arrow files, which have the same columns; needs pyarrow.

        DuckDB has no reader of its own for them: the engine sees this name in a statement and gives it the files.
        """
        return Relation(identifier(ARROW_NAME + json.dumps(list(paths))), name)

    @staticmethod
    def escaped(paths: Sequence[str]) -> list[str]:
        """The paths as patterns that match nothing else: DuckDB reads `*`, `?` and `[` in a path as a pattern."""
        return ["".join(f"[{char}]" if char in "*?[" else char for char in path) for path in paths]


@dataclass(frozen=True, slots=True)
class Step:
    """One idea of a query; becomes a CTE of this name. `name` says what one of its rows is."""

    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class Query:
    """Steps that read each other by name; the last one's columns are the result."""

    steps: tuple[Step, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Values for `$name` in the text."""

    @staticmethod
    def of(*steps: Step, **parameters: Any) -> Query:
        """A query of these steps, with values for each `$name` in them."""
        return Query(tuple(steps), parameters)

    @property
    def name(self) -> str:
        """The last step's name: what one row of the result is."""
        return self.steps[-1].name

    @property
    def text(self) -> str:
        """One statement: all steps but the last as CTEs."""
        *first, last = self.steps
        body = _laid_out(last.sql)
        if not first:
            return body
        ctes = ",\n".join(f"{identifier(step.name)} as (\n{_laid_out(step.sql, margin='    ')}\n)" for step in first)
        return f"with {ctes}\n{body}"

    def kept_as(self, table: str) -> Query:
        """The statement that keeps the answer in the session, under this quoted name, instead of showing it."""
        return Query((Step(self.name, f"create or replace temp table {table} as\n{self.text}"),), self.parameters)


_QUOTED = re.compile(r"""("(?:[^"]|"")*"|'(?:[^']|'')*')""")


def _laid_out(sql: str, *, margin: str = "") -> str:
    """The text without its common margin; as it is when a quoted name or literal holds a line break."""
    if any("\n" in quoted for quoted in _QUOTED.findall(sql)):
        return sql
    return indent(dedent(sql).strip(), margin)
