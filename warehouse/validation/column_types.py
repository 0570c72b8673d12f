"""DuckDB's types by their own names, as the type classes that Great Expectations compares.

GX asks a module for the class of the type that a suite names, and whether the column's type is an instance of it.
So every type is a class, and a parametrised one is a kind of its family: `DECIMAL(12,2)` of `DECIMAL`, `VARCHAR[]` of
`LIST`, `STRUCT(a INTEGER)` of `STRUCT`.
"""

from __future__ import annotations

import types
from functools import cache
from typing import Any

import sqlalchemy as sa

from warehouse.errors import suggestion

ALIASES = {
    "BOOL": "BOOLEAN",
    "BYTEA": "BLOB",
    "CHAR": "VARCHAR",
    "DATETIME": "TIMESTAMP",
    "FLOAT4": "FLOAT",
    "FLOAT8": "DOUBLE",
    "INT": "INTEGER",
    "INT1": "TINYINT",
    "INT2": "SMALLINT",
    "INT4": "INTEGER",
    "INT8": "BIGINT",
    "LONG": "BIGINT",
    "NUMERIC": "DECIMAL",
    "REAL": "FLOAT",
    "STRING": "VARCHAR",
    "TEXT": "VARCHAR",
    "TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE",
    "TIMETZ": "TIME WITH TIME ZONE",
}
FAMILIES = (
    *("BIGINT", "BIGNUM", "BIT", "BLOB", "BOOLEAN", "DATE", "DECIMAL", "DOUBLE", "ENUM", "FLOAT", "GEOMETRY"),
    *("HUGEINT", "INTEGER", "INTERVAL", "JSON", "LIST", "MAP", "NULL", "SMALLINT", "STRUCT", "TIME"),
    *("TIME WITH TIME ZONE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP_S"),
    *("TINYINT", "UBIGINT", "UHUGEINT", "UINTEGER", "UNION", "USMALLINT", "UTINYINT", "UUID", "VARCHAR", "VARIANT"),
)


class DuckDBType(sa.types.UserDefinedType[Any]):
    """Base of all; the class is named as DuckDB names the type."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """The type as SQL."""
        return type(self).__name__


def column_type(name: str) -> type[DuckDBType]:
    """The class of this DuckDB type; one that no list knows (from an extension, say) gets a class of its own."""
    return _column_type(_canonical(name))


@cache
def _column_type(name: str) -> type[DuckDBType]:
    family = _family(name)
    base = DuckDBType if family == name else _column_type(family)
    return type(name, (base,), {})


def _canonical(name: str) -> str:
    """Family in capitals, aliases resolved; arguments keep their case, as an ENUM's are values."""
    name = name.strip()
    if name.endswith("]"):
        element, _, size = name.rpartition("[")
        return f"{_canonical(element)}[{size}"
    head, bracket, arguments = name.partition("(")
    head = " ".join(head.upper().split())
    head = ALIASES.get(head, head)
    if head == "DECIMAL":
        arguments = arguments.replace(" ", "")
    return head + bracket + arguments


def _family(name: str) -> str:
    return "LIST" if name.endswith("]") else name.partition("(")[0]


class TypeModule(types.ModuleType):
    """What GX takes for the dialect's module: `getattr(module, "DECIMAL")` is the class.

    GX takes a name that DuckDB does not have for a type that no column has; suites are checked for those before.
    """

    # NOTE: GX knows dialects by such a marker; this one makes it use LIKE and regexp_matches(), which DuckDB has.
    DremioDialect = True

    def __getattr__(self, name: str) -> type[DuckDBType]:
        if type_problem(name) is not None:
            raise AttributeError(name)
        return column_type(name)


def type_problem(name: str) -> str | None:
    """Why this is no name of a DuckDB type; None when it is one."""
    if _family(_canonical(name)) in FAMILIES:
        return None
    return f"{name!r} is not a type of DuckDB; {suggestion(name.upper(), [*FAMILIES, *ALIASES])}"
