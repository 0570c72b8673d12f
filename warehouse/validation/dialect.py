"""A small SQLAlchemy dialect over one live DuckDB connection: just what Great Expectations needs.

The owner of the connection opens and closes it, and decides whether it can write; transactions are none of ours.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import duckdb
import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.pool import StaticPool
from sqlalchemy.sql import compiler

from warehouse.sql import identifier
from warehouse.validation.column_types import column_type

if TYPE_CHECKING:
    from collections.abc import Sequence

DIALECT_NAME = "duckdb"
# NOTE: not "duckdb": an installed duckdb-engine owns that name in SQLAlchemy's registry.
URL = "warehouse_duckdb://"


class Cursor:
    """A DB-API cursor that holds its whole result, so that any number of them can share the connection."""

    arraysize = 1
    rowcount = -1
    lastrowid = None

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._rows: list[tuple[Any, ...]] = []
        self.description: Any = None

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        """Runs one statement."""
        result = self._connection.execute(statement, [exact(value) for value in parameters] or None)
        self.description = result.description
        self._rows = result.fetchall()[::-1]

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Part of the DB-API; a validation never writes."""
        raise NotImplementedError("validation never writes")

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row."""
        return self._rows.pop() if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        """The next rows, at most `size`."""
        return [self._rows.pop() for _ in range(min(size or self.arraysize, len(self._rows)))]

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows that are left."""
        rows, self._rows = self._rows[::-1], []
        return rows

    def close(self) -> None:
        """Nothing to do: the rows are here already."""


def exact(value: Any) -> Any:
    """A whole number as an integer: GX makes floats of all bounds, and a BIGINT compared with one would be rounded."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**63 else value


class Connection:
    """A DB-API connection that leaves transactions and closing to the owner of the DuckDB connection."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def cursor(self) -> Cursor:
        """A new cursor."""
        return Cursor(self._connection)

    def commit(self) -> None:
        """Nothing to do."""

    def rollback(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""


_ERRORS = ("DatabaseError", "DataError", "IntegrityError", "InternalError", "NotSupportedError", "OperationalError")
DBAPI = SimpleNamespace(
    apilevel="2.0",
    threadsafety=1,
    paramstyle="qmark",
    Error=duckdb.Error,
    InterfaceError=getattr(duckdb, "InterfaceError", duckdb.Error),
    ProgrammingError=duckdb.ProgrammingError,
    **{name: getattr(duckdb, name) for name in _ERRORS},
)


class Preparer(compiler.IdentifierPreparer):
    """Quotes every name, whatever it looks like: reserved words differ between DuckDB's versions."""

    def _requires_quotes(self, value: str) -> bool:
        return True


class TypeCompiler(compiler.GenericTypeCompiler):
    """Types in a cast, by the names that mean the same in DuckDB."""

    def visit_FLOAT(self, type_: Any, **_: Any) -> str:  # noqa: N802 - the name that SQLAlchemy calls
        """8 bytes; FLOAT is 4 in DuckDB."""
        return "DOUBLE"

    def visit_NUMERIC(self, type_: Any, **options: Any) -> str:  # noqa: N802
        """A NUMERIC without precision would be DECIMAL(18,3) in DuckDB."""
        return super().visit_NUMERIC(type_, **options) if type_.precision else "DOUBLE"


class DuckDBDialect(DefaultDialect):
    """Compiles as the SQL standard does, and tells tables and columns from DuckDB's catalog."""

    name = DIALECT_NAME
    driver = DIALECT_NAME
    supports_statement_cache = True
    supports_native_boolean = True
    supports_native_decimal = True
    default_paramstyle = "qmark"
    default_schema_name = "main"
    preparer = Preparer
    type_compiler_cls = TypeCompiler

    @classmethod
    def import_dbapi(cls) -> Any:
        """The DB-API module."""
        return DBAPI

    def initialize(self, connection: sa.Connection) -> None:
        """Nothing to ask the database."""

    def get_columns(self, connection: sa.Connection, table_name: str, schema: str | None = None, **_: Any) -> list[Any]:
        """The table's columns in order, each with the class of its DuckDB type.

        Raises:
            NoSuchTableError: there is no such table or view.
        """
        table = ".".join(identifier(str(part)) for part in (schema, table_name) if part)
        try:
            rows = connection.exec_driver_sql(f"describe {table}").fetchall()
        except sa.exc.DBAPIError as error:
            raise sa.exc.NoSuchTableError(table) from error
        return [
            {"name": name, "type": column_type(type_name)(), "nullable": nullable == "YES", "default": default}
            for name, type_name, nullable, _key, default, *_extra in rows
        ]

    def get_pk_constraint(self, connection: sa.Connection, table_name: str, schema: str | None = None, **_: Any) -> Any:
        """None known: GX only shows it."""
        return {"constrained_columns": [], "name": None}

    def get_schema_names(self, connection: sa.Connection, **_: Any) -> list[str]:
        """All schemas of all attached databases."""
        rows = connection.exec_driver_sql("select schema_name from duckdb_schemas() where not internal").fetchall()
        return [str(row[0]) for row in rows]

    def get_table_names(self, connection: sa.Connection, schema: str | None = None, **_: Any) -> list[str]:
        """Tables and views of the schema."""
        statement = "select table_name from information_schema.tables where table_schema = ?"
        rows = connection.exec_driver_sql(statement, (schema or self.default_schema_name,)).fetchall()
        return [str(row[0]) for row in rows]

    def has_table(self, connection: sa.Connection, table_name: str, schema: str | None = None, **_: Any) -> bool:
        """Whether there is a table or view of this name."""
        try:
            return bool(self.get_columns(connection, table_name, schema))
        except sa.exc.NoSuchTableError:
            return False


sa.dialects.registry.register("warehouse_duckdb", __name__, "DuckDBDialect")


def engine_on(connection: duckdb.DuckDBPyConnection) -> sa.Engine:
    """A SQLAlchemy engine whose every connection is this live one."""
    return sa.create_engine(URL, creator=lambda: Connection(connection), poolclass=StaticPool)
