"""A condition that people write in SQL: exactly one, about a row's own columns, and the same on every day."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from warehouse import storage
from warehouse.engine.base import Engine
from warehouse.engine.local import LocalEngine
from warehouse.errors import ExportError, QueryError, suggestion
from warehouse.sql import Query, Relation, Step, literal

_ONE_ROW = "say it of one row alone"
_REFUSED = {
    "SUBQUERY": f"holds a subquery; {_ONE_ROW}",
    "WINDOW": f"holds a window function; {_ONE_ROW}",
    "STAR": "holds a *; name the columns",
    "PARAMETER": "holds a parameter; write the value",
    "DEFAULT": "holds the word DEFAULT",
}


def parsed_condition_sql(condition: str) -> Query:
    """One row: `document`, DuckDB's syntax tree of `select (condition)` as JSON, or its error."""
    # NOTE: the line break ends a comment at the end of the condition.
    text = literal(f"select ({condition}\n)")
    return Query.of(Step("parsed_condition", f"select json_serialize_sql({text}::varchar)::varchar as document"))


def unstable_functions_sql(names: Sequence[str]) -> Query:
    """One row per function of these names that is none of a row alone, or not the same on every day: `name`, `kind`."""
    words = ", ".join(map(literal, names))
    return Query.of(
        Step(
            "unstable_functions",
            f"""
            select
                function_name as name,
                case when bool_or(function_type = 'aggregate') then 'aggregate' else 'unstable' end as kind,
            from duckdb_functions()
            where function_name in ({words})
            group by function_name
            having bool_or(stability in ('VOLATILE', 'CONSISTENT_WITHIN_QUERY'))
                or bool_and(function_type = 'aggregate')
            order by function_name
            """,
        )
    )


def check_condition(
    engine: Engine, relation: Relation, condition: str, *, dataset: str, role: str, columns: Sequence[str]
) -> None:
    """Makes sure that a condition is one boolean expression over a row's own columns.

    Args:
        engine: Where it will run.
        relation: Whose rows it is about.
        condition: As people wrote it.
        dataset: Whose specification it is in.
        role: The key that it stands under.
        columns: The relation's.

    Raises:
        ExportError: it is something else; says what, and names columns that are not there.
    """

    def refuse(problem: str, hint: str = "") -> ExportError:
        lines = [f"dataset {dataset!r}: {role} {problem}", f"it says: {condition}", *([hint] if hint else [])]
        return ExportError("\n  ".join(lines))

    known = {name.lower() for name in columns}
    with _parser(engine) as parser:
        (row,) = parser.rows(parsed_condition_sql(condition))
        document = json.loads(row["document"])
        if document.get("error"):
            raise refuse(f"is not a condition in SQL: {document.get('error_message', 'it cannot be read')}")
        expression = _only_expression(document)
        if expression is None:
            raise refuse("must be one condition, \"origin = 'JFK' and month > 6\" say")
        nodes = list(_nodes(expression))
        for node in nodes:
            if node.get("class") in _REFUSED:
                raise refuse(_REFUSED[node["class"]])
        names = sorted({str(node["column_names"][0]) for node in nodes if node.get("class") == "COLUMN_REF"})
        called = {str(node["function_name"]).lower() for node in nodes if node.get("class") == "FUNCTION"}
        # Without parentheses, current_date reads like a column.
        called |= {name.lower() for name in names if name.lower() not in known}
        for row in parser.rows(unstable_functions_sql(sorted(called))) if called else ():
            if row["kind"] == "aggregate":
                raise refuse(f"holds the aggregate {row['name']}; {_ONE_ROW}")
            raise refuse(f"calls {row['name']}, whose value is not the same on every day; write the value")
    if "rowid" in called:
        raise refuse("asks for rowid, which another build numbers differently")
    try:
        (found,) = engine.columns(Relation(f"(select ({condition}\n) as holds from {relation.sql})", relation.name))
    except QueryError as error:
        unknown = [name for name in names if name.lower() not in known]
        if unknown:
            hint = suggestion(unknown[0], tuple(columns))
            raise refuse(f"names {unknown[0]!r}, which is not a column of {relation.name!r}; {hint}") from error
        reason = error.reason if engine.is_distributed else str(error.__cause__ or error)
        raise refuse(f"cannot be asked: {reason.splitlines()[0]}") from error
    if found.type != "BOOLEAN":
        raise refuse(f"is of type {found.type}, neither true nor false", "write a comparison, such as x > 0")


@contextmanager
def _parser(engine: Engine) -> Iterator[Engine]:
    """Who reads SQL as people write it: DuckDB, whose words conditions are in, wherever they run."""
    if not engine.is_distributed:
        yield engine
        return
    connection = storage.connect(None)
    try:
        yield LocalEngine(connection)
    finally:
        connection.close()


def _only_expression(document: dict[str, Any]) -> dict[str, Any] | None:
    """The one expression of `select (...)`; None when the text broke out of its parentheses."""
    statements = document.get("statements", [])
    if len(statements) != 1:
        return None
    node = statements[0].get("node", {})
    expressions = node.get("select_list", [])
    plain = (
        node.get("type") == "SELECT_NODE"
        and len(expressions) == 1
        and node.get("from_table", {}).get("type") == "EMPTY"
        and not expressions[0].get("alias")
        and not node.get("modifiers")
        and not node.get("cte_map", {}).get("map")
        and not any(node.get(key) for key in ("where_clause", "group_expressions", "having", "sample", "qualify"))
    )
    return expressions[0] if plain else None


def _nodes(item: object) -> Iterator[dict[str, Any]]:
    """Every mapping in the tree."""
    if isinstance(item, dict):
        yield item
        for value in item.values():
            yield from _nodes(value)
    elif isinstance(item, list):
        for value in item:
            yield from _nodes(value)
