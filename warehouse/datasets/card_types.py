"""What Hugging Face must be told to read CSV and JSON lines with their types, in the words of a card's front matter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from warehouse.datasets.manifest import ColumnRecord
from warehouse.datasets.spec import Format
from warehouse.statistics.type_names import parse_type

_DTYPES = {
    "BOOLEAN": "bool",
    **{
        f"{sign}{name}": f"{sign.lower()}int{bits}"
        for sign in ("", "U")
        for name, bits in (("TINYINT", 8), ("SMALLINT", 16), ("INTEGER", 32), ("BIGINT", 64))
    },
    "FLOAT": "float32",
    "DOUBLE": "float64",
    # pandas and JSON readers give a number, which Arrow does not make a decimal of.
    "DECIMAL": "float64",
    "DATE": "date32",
    "TIMESTAMP": "timestamp[us]",
    "TIMESTAMP_NS": "timestamp[ns]",
    "TIMESTAMP WITH TIME ZONE": "timestamp[us, tz=UTC]",
}


def reader_options(columns: Sequence[ColumnRecord], format_: Format) -> dict[str, Any]:
    """Options of a configuration: in CSV only an empty field is missing, not every `NA`, `null` or `None`."""
    if format_ is not Format.CSV:
        return {}
    floats = {column.name for column in columns if column.type.upper() in ("FLOAT", "DOUBLE")}
    return {
        "keep_default_na": False,
        "na_values": {column.name: ["", "nan"] if column.name in floats else [""] for column in columns},
    }


def features(columns: Sequence[ColumnRecord], format_: Format) -> list[dict[str, str]]:
    """Name and type of every column; empty where the files tell them, or where one has no simple type.

    Times of day, which Arrow reads from no text, stay text, as do lists, structs and maps of CSV.
    """
    if format_ in (Format.PARQUET, Format.ARROW):
        return []
    found = []
    for column in columns:
        type_ = parse_type(column.type)
        if type_.is_nested and format_ is Format.JSONL:
            return []
        name = "" if type_.is_nested else next(type_.scalars())
        found.append({"name": column.name, "dtype": _DTYPES.get(name, "string")})
    return found
