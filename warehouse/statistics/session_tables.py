"""Temporary tables of one computation: made under its name, gone when it ends."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from warehouse.engine.base import Engine
from warehouse.sql import Query, Step, identifier


class SessionTables:
    """Tables of the engine's session whose names start with one word; leaving the block drops all but those kept.

    Methods that make a table return its quoted name, ready for a statement.
    """

    def __init__(self, engine: Engine, prefix: str) -> None:
        self._engine = engine
        self._prefix = prefix
        self._open: list[str] = []

    def __enter__(self) -> SessionTables:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in list(self._open):
            self.drop(name)

    def create(self, name: str, query: Query) -> str:
        """A table of this query's rows that is dropped in the end."""
        table = identifier(f"{self._prefix}_{name}")
        self._engine.rows(query.kept_as(table))
        if table not in self._open:
            self._open.append(table)
        return table

    def fill(self, name: str, queries: Sequence[Query]) -> str:
        """A table of the rows of all these queries, run one after the other; there must be one."""
        first, *rest = queries
        table = self.create(name, first)
        for query in rest:
            self.insert(table, query)
        return table

    def keep(self, name: str, query: Query) -> str:
        """A table of just this name that stays."""
        table = identifier(name)
        self._engine.rows(query.kept_as(table))
        return table

    def insert(self, table: str, query: Query) -> int:
        """Adds the query's rows to a table made here; returns how many there were."""
        (row,) = self._engine.rows(Query.of(Step(query.name, f"insert into {table}\n{query.text}")))
        return int(row["Count"])

    def drop(self, table: str) -> None:
        """Drops a table made here before the block ends."""
        self._run("drop", f"drop table if exists {table}")
        self._open.remove(table)

    def count(self, table: str, what: str = "count(*)") -> int:
        """How many rows the table has, or another whole number about it."""
        (row,) = self._engine.rows(Query.of(Step("count", f"select {what} as n from {table}")))
        return int(row["n"])

    def _run(self, step: str, sql: str) -> None:
        self._engine.rows(Query.of(Step(step, sql)))
