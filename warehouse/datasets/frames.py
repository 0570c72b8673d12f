"""A version's files as lazy polars frames, with the types that the manifest records, whatever the format."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.datasets.manifest import ColumnRecord
from warehouse.datasets.spec import Format
from warehouse.statistics.type_names import TypeName, parse_type

if TYPE_CHECKING:
    import polars

_NUMBERS = {
    "BOOLEAN": "Boolean",
    **{
        f"{sign}{name}": f"{'U' if sign else ''}Int{bits}"
        for sign in ("", "U")
        for name, bits in (("TINYINT", 8), ("SMALLINT", 16), ("INTEGER", 32), ("BIGINT", 64))
    },
    "FLOAT": "Float32",
    "DOUBLE": "Float64",
}
_MOMENT = "%Y-%m-%d %H:%M:%S%.f"


def scan(paths: Sequence[Path], columns: Sequence[ColumnRecord], format_: Format) -> polars.LazyFrame:
    """The rows of these files, in their order; nothing is read yet.

    Text formats are read with the manifest's types. Of these, maps, UUIDs, and times within lists and structs stay
    text; a UUID of the other formats is its 16 bytes.
    """
    import polars

    match format_:
        case Format.PARQUET:
            # NOTE: without `glob=False`, polars reads `*` and `[` in a folder's name as a pattern.
            return polars.scan_parquet(list(paths), glob=False, hive_partitioning=False)
        case Format.ARROW:
            return polars.scan_ipc(_escaped(paths), hive_partitioning=False)
        case Format.CSV:
            frame = polars.scan_csv(list(paths), glob=False, infer_schema=False)
            return frame.select(_parsed(column, polars.String()) for column in columns)
        case Format.JSONL:
            schema = {column.name: _json_type(parse_type(column.type)) for column in columns}
            frame = polars.scan_ndjson(_escaped(paths), schema=schema)
            return frame.select(_parsed(column, schema[column.name]) for column in columns)


def _escaped(paths: Sequence[Path]) -> list[str]:
    """The paths as patterns that match nothing else, for readers that always look for patterns."""
    return [re.sub(r"([*?\[])", r"[\1]", str(path)) for path in paths]


def _parsed(column: ColumnRecord, read_as: Any) -> polars.Expr:
    """The column in its own type, from what the reader gave."""
    import polars

    value = polars.col(column.name)
    type_ = parse_type(column.type)
    if type_.is_nested:
        decoded = _json_type(type_)
        return value.str.json_decode(decoded) if read_as == polars.String() and decoded != read_as else value
    (name,) = type_.scalars()
    if read_as != polars.String():
        return value
    match name:
        case "BOOLEAN":
            return value == "true"
        case "DATE":
            return value.str.to_date("%Y-%m-%d")
        case "TIME":
            return value.str.to_time("%H:%M:%S%.f")
        case "TIMESTAMP":
            return value.str.to_datetime(_MOMENT, time_unit="us")
        case "TIMESTAMP_NS":
            return value.str.to_datetime(_MOMENT, time_unit="ns")
        case "TIMESTAMP WITH TIME ZONE":
            return value.str.to_datetime(f"{_MOMENT}%#z", time_unit="us", time_zone="UTC")
        case "DECIMAL":
            width, scale = (int(part) for part in re.findall(r"\d+", type_.name))
            return value.cast(polars.Decimal(width, scale))
        case "BLOB":
            return value.str.decode("hex")
        case _ if name in _NUMBERS:
            return value.cast(getattr(polars, _NUMBERS[name]))
        case _:
            return value


def _json_type(type_: TypeName) -> Any:
    """What polars reads a JSON value of this type as: text where JSON has no type of its own for it."""
    import polars

    if type_.members:
        return polars.Struct({name: _json_type(member) for name, member in type_.members})
    if type_.item is not None and type_.key is None:
        return polars.List(_json_type(type_.item))
    scalars = list(type_.scalars())
    return getattr(polars, _NUMBERS[scalars[0]])() if len(scalars) == 1 and scalars[0] in _NUMBERS else polars.String()
