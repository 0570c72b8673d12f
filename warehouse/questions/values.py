"""Values of every type as each format holds them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from warehouse.datasets.formats import CSV_OPTIONS, FORMULA_STARTS, PARQUET_OPTIONS, escaped_sql, finite_sql
from warehouse.sql import identifier
from warehouse.statistics.type_names import parse_type

_LARGE = {"BIGINT", "UBIGINT", "HUGEINT", "UHUGEINT", "BIGNUM", "VARINT"}
_FLOATS = {"FLOAT", "DOUBLE"}
_EXACT = 2**53 - 1
"""The largest integer that every reader of JSON keeps: most read numbers as doubles."""
_EXACT_DIGITS = 15


class Format(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    LINE = "line"
    """One line per value, for rows that are too wide for a table."""
    MARKDOWN = "markdown"
    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    PARQUET = "parquet"

    @property
    def is_for_reading(self) -> bool:
        """Whether a person reads it, so that it shows the first rows and says so; others hold every row."""
        return self in (Format.TABLE, Format.LINE, Format.MARKDOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of an answer."""

    name: str
    type: str
    """As DuckDB names it."""


def text_terms(columns: Sequence[Column], sources: Sequence[str]) -> str:
    """Every value as the text that DuckDB shows for it; NULL stays NULL."""
    return ", ".join(f"{source}::varchar" for _, source in zip(columns, sources, strict=True))


def copied_terms(columns: Sequence[Column], sources: Sequence[str], format_: Format, *, safe_csv: bool) -> str:
    """The columns as terms of a select whose rows `copy` writes; no two have the same name."""
    names = distinct_names([column.name for column in columns])
    terms = []
    for column, source, name in zip(columns, sources, names, strict=True):
        value, shown = source, name
        if format_ is Format.CSV:
            value = _csv_sql(column, source, safe_csv=safe_csv)
            shown = f"'{name}" if safe_csv and name.startswith((*FORMULA_STARTS, "'")) else name
        elif format_ in (Format.JSON, Format.JSONL):
            value = _json_sql(column, source)
        terms.append(f"{value} as {identifier(shown)}")
    return ", ".join(terms)


def copy_options(format_: Format) -> str:
    """What stands behind DuckDB's `copy ... to`."""
    match format_:
        case Format.CSV:
            return CSV_OPTIONS
        case Format.JSON:
            return "format json, array true"
        case Format.JSONL:
            return "format json"
        case _:
            return PARQUET_OPTIONS


def distinct_names(names: Sequence[str]) -> list[str]:
    """The names, of which a second `a` becomes `a_1`: two columns of one name cannot both be in a JSON object."""
    typed = {name.lower() for name in names}
    taken: set[str] = set()
    found = []
    for name in names:
        new, number = name, 0
        while new.lower() in taken or (number and new.lower() in typed):
            number += 1
            new = f"{name}_{number}"
        taken.add(new.lower())
        found.append(new)
    return found


def _csv_sql(column: Column, source: str, *, safe_csv: bool) -> str:
    type_ = parse_type(column.type)
    upper = column.type.upper()
    if type_.is_nested:
        return f"to_json({finite_sql(source, type_)})::varchar"
    if upper == "BLOB":
        return f"lower(hex({source}))"
    if safe_csv and (upper in ("VARCHAR", "JSON") or upper.startswith(("ENUM", "UNION", "VARIANT"))):
        return escaped_sql(f"{source}::varchar")
    return source


def _json_sql(column: Column, source: str) -> str:
    type_ = parse_type(column.type)
    upper = column.type.upper()
    if type_.is_nested or upper in _FLOATS:
        return finite_sql(source, type_)
    if upper == "BLOB":
        return f"lower(hex({source}))"
    if upper in _LARGE:
        is_exact = f"{source}::double between -{_EXACT} and {_EXACT}"
        # NOTE: by way of its text, since `to_json` makes a double of what has 128 bits.
        return f"case when {is_exact} then {source}::varchar::json else to_json({source}::varchar) end"
    if match := re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", upper):
        width, scale = int(match[1]), int(match[2])
        if width > _EXACT_DIGITS:
            is_exact = f"abs({source}::double) < 1e{_EXACT_DIGITS - scale}"
            return f"case when {is_exact} then {source}::varchar::json else to_json({source}::varchar) end"
    return source
