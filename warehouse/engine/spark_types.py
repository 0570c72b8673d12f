"""Types of both engines: what DuckDB's are called on Spark, and Spark's as DuckDB names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warehouse.sql import identifier

if TYPE_CHECKING:
    from pyspark.sql.types import DataType

SPARK_TYPES = {
    "BOOLEAN": "boolean",
    "TINYINT": "tinyint",
    "SMALLINT": "smallint",
    "INTEGER": "int",
    "BIGINT": "bigint",
    "HUGEINT": "decimal(38, 0)",
    "UTINYINT": "smallint",
    "USMALLINT": "int",
    "UINTEGER": "bigint",
    "UBIGINT": "decimal(20, 0)",
    "FLOAT": "float",
    "DOUBLE": "double",
    "VARCHAR": "string",
    "BLOB": "binary",
    "DATE": "date",
    "TIMESTAMP": "timestamp_ntz",
    "TIMESTAMP WITH TIME ZONE": "timestamp_ltz",
}
"""By DuckDB's names. Spark has no unsigned integers: the next larger type holds them."""

_DUCKDB_TYPES = {
    "boolean": "BOOLEAN",
    "byte": "TINYINT",
    "tinyint": "TINYINT",
    "short": "SMALLINT",
    "smallint": "SMALLINT",
    "integer": "INTEGER",
    "int": "INTEGER",
    "long": "BIGINT",
    "bigint": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "string": "VARCHAR",
    "varchar": "VARCHAR",
    "char": "VARCHAR",
    "binary": "BLOB",
    "date": "DATE",
    "timestamp_ntz": "TIMESTAMP",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "timestamp_ltz": "TIMESTAMP WITH TIME ZONE",
    "void": "NULL",
}


def duckdb_type(type_: DataType) -> str:
    """DuckDB's name of a Spark type; one that DuckDB lacks keeps its own, in capitals."""
    name = type_.typeName()
    if name == "decimal":
        return f"DECIMAL({type_.precision},{type_.scale})"
    if name == "array":
        return f"{duckdb_type(type_.elementType)}[]"
    if name == "map":
        return f"MAP({duckdb_type(type_.keyType)}, {duckdb_type(type_.valueType)})"
    if name == "struct":
        members = (f"{_member(field.name)} {duckdb_type(field.dataType)}" for field in type_.fields)
        return f"STRUCT({', '.join(members)})"
    return _DUCKDB_TYPES.get(name) or str(type_.simpleString()).upper()


def _member(name: str) -> str:
    """A field's name as DuckDB shows it: what could be a word of its own is quoted."""
    import duckdb

    struct = str(duckdb.sqltype(f"STRUCT({identifier(name)} INTEGER)"))
    return struct.removeprefix("STRUCT(").removesuffix(" INTEGER)")
