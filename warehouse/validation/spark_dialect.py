"""The SQLAlchemy dialect of `dialect.py` over a live Spark Connect session: the same statements, in Spark's words.

A table of its own, written by hand and tested case by case against DuckDB, says how each function is spelled there; one
that it lacks is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool
from sqlalchemy.sql import compiler

from warehouse.engine.spark_errors import spark_errors
from warehouse.engine.spark_frames import question, typed_answers
from warehouse.engine.spark_sql import spark_statement
from warehouse.engine.spark_types import duckdb_type
from warehouse.engine.spark_values import spark_identifier, spark_literal
from warehouse.errors import QueryError
from warehouse.sql import Query, Step
from warehouse.validation.column_types import column_type
from warehouse.validation.dialect import Connection, Cursor, DuckDBDialect, Preparer, TypeCompiler, exact

URL = "warehouse_spark://"
_SAME = frozenset({"avg", "coalesce", "count", "length", "max", "min", "nullif", "stddev_samp", "sum", "abs", "lower"})
"""Functions that mean the same in both."""


class UnknownOnSparkError(sa.exc.CompileError):
    """A statement needs what is not known to mean the same on Spark."""


class SparkCursor(Cursor):
    """A DB-API cursor that holds its whole result."""

    def __init__(self, session: Any) -> None:
        super().__init__(None)
        self._session = session

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        """Runs one statement, with its values written into it as literals."""
        filled = (
            statement % tuple(spark_literal(exact(value)) for value in parameters) if parameters else statement % ()
        )
        with spark_errors(filled):
            fields, found = typed_answers(question(self._session, filled))
        # Spark's client gives moments in the zone of this machine, and does not say so.
        zoned = [field.dataType.typeName() == "timestamp" for field in fields]
        rows = [
            tuple(
                value.astimezone(UTC) if is_zoned and value is not None else _plain(value)
                for value, is_zoned in zip(row, zoned, strict=True)
            )
            for row in found
        ]
        self.description = [(field.name, None, None, None, None, None, None) for field in fields]
        self._rows = rows[::-1]


class SparkConnection(Connection):
    """A DB-API connection; the session belongs to its owner."""

    def __init__(self, session: Any) -> None:
        super().__init__(session)
        self._session = session

    def cursor(self) -> SparkCursor:
        """A new cursor."""
        return SparkCursor(self._session)


_ERRORS = (
    *("Error", "InterfaceError", "ProgrammingError", "DatabaseError", "DataError", "IntegrityError", "InternalError"),
    *("NotSupportedError", "OperationalError"),
)
DBAPI = SimpleNamespace(apilevel="2.0", threadsafety=1, paramstyle="format", **dict.fromkeys(_ERRORS, QueryError))


def _plain(value: Any) -> Any:
    """A value as DuckDB gives it: Spark's rows within rows become mappings."""
    if hasattr(value, "asDict"):
        return {name: _plain(item) for name, item in value.asDict().items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


class SparkPreparer(Preparer):
    """Quotes every name with backticks."""

    def __init__(self, dialect: Any, **_: Any) -> None:
        super().__init__(dialect, initial_quote="`", final_quote="`", escape_quote="`")


class Compiler(compiler.SQLCompiler):
    """Spells what differs."""

    def visit_function(self, func: Any, add_to_result_map: Any = None, **options: Any) -> str:
        """A function of the table, or one that is the same in both.

        Raises:
            UnknownOnSparkError: it is neither.
        """
        spelled = _FUNCTIONS.get(func.name.lower())
        if spelled is not None:
            if add_to_result_map is not None:
                add_to_result_map(func.name, func.name, (func, func.name), func.type)
            return spelled(self, list(func.clauses), options)
        if func.name.lower() not in _SAME:
            raise UnknownOnSparkError(f"{func.name}() is not known on Spark")
        return super().visit_function(func, add_to_result_map, **options)

    def visit_textclause(self, textclause: Any, add_to_result_map: Any = None, **options: Any) -> str:
        """Text within a statement as it is; a whole statement is a query of a suite, in DuckDB's words.

        Raises:
            QueryError: it says what is not known to mean the same on Spark.
        """
        is_whole = not self.stack
        made = str(super().visit_textclause(textclause, add_to_result_map, **options))  # type: ignore[no-untyped-call]
        if not is_whole:
            return made
        # GX has put the name of the table into it, as this dialect quotes names.
        query = Query.of(Step("query of a suite", made.replace("%%", "%").replace("`", '"')))
        dialect: Any = self.dialect
        return spark_statement(query, schemas=dialect.schemas).sql.replace("%", "%%")

    def visit_regexp_match_op_binary(self, binary: Any, operator: Any, **options: Any) -> str:
        """Whether text matches."""
        left, right = (side._compiler_dispatch(self, **options) for side in (binary.left, binary.right))
        return f"{left} rlike {right}"

    def visit_like_op_binary(self, binary: Any, operator: Any, **options: Any) -> str:
        """LIKE, in which no character escapes another unless one is said to."""
        return self._like(binary, "like", options)

    def visit_not_like_op_binary(self, binary: Any, operator: Any, **options: Any) -> str:
        """NOT LIKE."""
        return self._like(binary, "not like", options)

    def _like(self, binary: Any, word: str, options: dict[str, Any]) -> str:
        left, right = (side._compiler_dispatch(self, **options) for side in (binary.left, binary.right))
        # Spark takes a backslash for the escape by default; this character is in no text.
        escape = binary.modifiers.get("escape") or "\x01"
        return f"{left} {word} {right} escape {self.render_literal_value(escape, sa.String())}"

    def render_literal_value(self, value: Any, type_: Any) -> str:
        """A value within the statement."""
        return spark_literal(value).replace("%", "%%")


def _percentile(made: Compiler, clauses: Sequence[Any], options: dict[str, Any]) -> str:
    column, position = (made.process(clause, **options) for clause in clauses)
    return f"percentile({column}, {position})"


def _discrete(made: Compiler, clauses: Sequence[Any], options: dict[str, Any]) -> str:
    column = made.process(clauses[0], **options)
    positions = [made.process(position, **options) for position in clauses[1].clauses]
    return f"array({', '.join(f'percentile_disc({each}) within group (order by {column})' for each in positions)})"


def _list(made: Compiler, clauses: Sequence[Any], options: dict[str, Any]) -> str:
    return f"array({', '.join(made.process(clause, **options) for clause in clauses)})"


def _finite(made: Compiler, clauses: Sequence[Any], options: dict[str, Any]) -> str:
    (column,) = (made.process(clause, **options) for clause in clauses)
    return f"({column} between -1.7976931348623157e308 and 1.7976931348623157e308)"


def _regexp_matches(made: Compiler, clauses: Sequence[Any], options: dict[str, Any]) -> str:
    column, pattern = (made.process(clause, **options) for clause in clauses)
    return f"({column} rlike {pattern})"


_FUNCTIONS: dict[str, Callable[[Compiler, Sequence[Any], dict[str, Any]], str]] = {
    "isfinite": _finite,
    "list_value": _list,
    "quantile_cont": _percentile,
    "quantile_disc": _discrete,
    "regexp_matches": _regexp_matches,
}


class SparkDialect(DuckDBDialect):
    """Compiles for Spark, and tells columns from its catalog, with DuckDB's names of types."""

    supports_statement_cache = False
    schemas: Mapping[str, str] = {}
    """Where each schema of a build lies, for queries that name one."""
    default_paramstyle = "format"
    preparer = SparkPreparer  # type: ignore[assignment] # SQLAlchemy lets a dialect have any
    statement_compiler = Compiler
    type_compiler_cls = TypeCompiler

    @classmethod
    def import_dbapi(cls) -> Any:
        """The DB-API module."""
        return DBAPI

    def get_columns(self, connection: sa.Connection, table_name: str, schema: str | None = None, **_: Any) -> list[Any]:
        """The table's columns in order, each with the class of its type.

        Raises:
            NoSuchTableError: there is no such table or view.
        """
        table = ".".join(spark_identifier(str(part)) for part in (schema, table_name) if part)
        session: Any = connection.connection.dbapi_connection._session  # type: ignore[union-attr] # it is ours
        try:
            fields = spark_columns(session, table)
        except QueryError as error:
            raise sa.exc.NoSuchTableError(table) from error
        return [
            {"name": name, "type": column_type(type_name)(), "nullable": True, "default": None}
            for name, type_name in fields
        ]

    def get_schema_names(self, connection: sa.Connection, **_: Any) -> list[str]:
        """All schemas of the catalog."""
        return [str(row[0]) for row in connection.exec_driver_sql("show schemas").fetchall()]

    def get_table_names(self, connection: sa.Connection, schema: str | None = None, **_: Any) -> list[str]:
        """Tables and views of the schema."""
        rows = connection.exec_driver_sql(f"show tables in {spark_identifier(schema or 'default')}").fetchall()
        return [str(row[1]) for row in rows]


sa.dialects.registry.register("warehouse_spark", __name__, "SparkDialect")


def spark_columns(session: Any, table: str) -> list[tuple[str, str]]:
    """Name and type, as DuckDB calls it, of each column of this quoted table.

    Raises:
        QueryError: there is no such table.
    """
    statement = f"select * from {table}"
    with spark_errors(statement):
        fields = question(session, statement).schema.fields
    return [(field.name, duckdb_type(field.dataType)) for field in fields]


def spark_engine_on(session: Any, schemas: Mapping[str, str]) -> sa.Engine:
    """A SQLAlchemy engine whose every connection is this live session; `schemas` as in `spark_statement`."""
    engine = sa.create_engine(URL, creator=lambda: SparkConnection(session), poolclass=StaticPool)
    engine.dialect.schemas = schemas  # type: ignore[attr-defined] # it is ours
    return engine
