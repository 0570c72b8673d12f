"""What there is to ask about: tables, their columns, and the words that a shell completes."""

from __future__ import annotations

import re

from warehouse.engine.local import LocalEngine
from warehouse.errors import StatementError, suggestion
from warehouse.questions.answers import Answer
from warehouse.questions.session import Session
from warehouse.questions.values import Column
from warehouse.sql import Query, Step, identifier

KEYWORDS = (
    *("select", "from", "where", "group by", "order by", "having", "limit", "join", "left join", "using", "on", "as"),
    *("with", "union all", "distinct", "case when", "then", "else", "end", "and", "or", "not", "is null", "between"),
    *("count(*)", "sum(", "avg(", "min(", "max(", "describe", "summarize", "explain", "exclude", "qualify", "over ("),
)


def tables_sql(containing: str = "") -> Query:
    """One row per table or view of the warehouse: schema, name, kind, rows as the catalog estimates them."""
    return Query.of(
        Step(
            "tables",
            """
            select
                tables.table_schema as schema_name,
                tables.table_name,
                case when tables.table_type = 'VIEW' then 'view' else 'table' end as kind,
                sizes.estimated_size as about_rows,
            from information_schema.tables as tables
            left join duckdb_tables() as sizes
                on sizes.database_name = tables.table_catalog
                and sizes.schema_name = tables.table_schema
                and sizes.table_name = tables.table_name
            where
                tables.table_catalog not in ('system', 'temp')
                and contains(lower(tables.table_name), lower($containing))
            order by tables.table_schema, tables.table_name
            """,
        ),
        containing=containing,
    )


def columns_sql() -> Query:
    """One row per column of every table: schema, table, column and type, in the tables' order."""
    return Query.of(
        Step(
            "columns",
            """
            select
                table_schema as schema_name,
                table_name,
                column_name,
                data_type,
            from information_schema.columns
            where table_catalog not in ('system', 'temp')
            order by table_schema, table_name, ordinal_position
            """,
        )
    )


def list_tables(session: Session, *, containing: str = "") -> Answer:
    """The tables and views, those with this text in their names."""
    rows = LocalEngine(session.connection).rows(tables_sql(containing))
    return Answer(
        columns=(
            *(Column(name=name, type="VARCHAR") for name in ("schema", "table", "kind")),
            Column(name="about rows", type="BIGINT"),
        ),
        rows=tuple(
            (
                row["schema_name"],
                row["table_name"],
                row["kind"],
                None if row["about_rows"] is None else str(row["about_rows"]),
            )
            for row in rows
        ),
        has_more=False,
        seconds=0.0,
    )


def describe_table(session: Session, name: str) -> Answer:
    """The columns of a table, `schema.table` where a schema must be said.

    Raises:
        StatementError: there is no such table.
    """
    wanted = name.replace('"', "").lower()
    rows = LocalEngine(session.connection).rows(columns_sql())
    full = {f"{row['schema_name']}.{row['table_name']}".lower() for row in rows}
    found = [
        row
        for row in rows
        if wanted in (row["table_name"].lower(), f"{row['schema_name']}.{row['table_name']}".lower())
    ]
    if not found:
        known = sorted({row["table_name"] for row in rows} | full)
        raise StatementError(f"there is no table {name!r}; {suggestion(name, known)}\n  list: .tables")
    return Answer(
        columns=tuple(Column(name=name, type="VARCHAR") for name in ("table", "column", "type")),
        rows=tuple(
            (f"{row['schema_name']}.{row['table_name']}", row["column_name"], row["data_type"]) for row in found
        ),
        has_more=False,
        seconds=0.0,
    )


def known_words(session: Session) -> list[str]:
    """Names of tables and columns, quoted where they must be, and keywords."""
    rows = LocalEngine(session.connection).rows(columns_sql())
    names = {str(row[key]) for row in rows for key in ("table_name", "column_name")}
    plain = re.compile(r"[a-z_][a-z0-9_]*")
    return [*sorted(name if plain.fullmatch(name) else identifier(name) for name in names), *KEYWORDS]
