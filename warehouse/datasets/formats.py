"""The file formats of a version: what each can hold, how it is written, and how its rows are read back.

Parquet and Arrow keep every type. CSV and JSON lines are text, so some values change on the way in (`stored_columns`);
what a file then holds is read back exactly, with the types that the manifest records.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from warehouse.datasets.columns import OutputColumn
from warehouse.datasets.spec import DatasetSpec, Format
from warehouse.errors import ExportError, problem_list
from warehouse.sql import Relation, identifier, literal
from warehouse.statistics.type_names import TypeName, parse_type

PARQUET_OPTIONS = (
    "format parquet, compression zstd, compression_level 1, write_bloom_filter false, dictionary_size_limit 10000"
)
"""Level 1 and no bloom filters: a fifth less time than DuckDB's own zstd for files of the same size."""

CSV_OPTIONS = r"""format csv, header true, delimiter ',', quote '"', escape '"', nullstr '', new_line '\r\n'"""
"""RFC 4180. NULL is an empty field, the empty string a quoted one."""

FORMULA_STARTS = "=+-@\t\r\n\0＝＋－＠"
"""What makes a spreadsheet take text for a formula, by OWASP's page on CSV injection and its ASVS (1.2.10)."""

_ROW_GROUP_SIZE = 122_880
_ROW_GROUP_CELLS = 64 * _ROW_GROUP_SIZE
_VECTOR_SIZE = 2048

_TEXT_SCALARS = {
    *("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
    *("FLOAT", "DOUBLE", "DECIMAL", "VARCHAR", "UUID", "DATE", "TIME", "JSON", "BLOB"),
    *("TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"),
}
_FLOATS = {"FLOAT", "DOUBLE"}
_MAP_KEYS = {*("VARCHAR", "UUID", "DATE"), *("TINYINT", "SMALLINT", "INTEGER", "BIGINT")}
_ARRAY = re.compile(r"\[\d+\]")
_EXACT_DIGITS = 15
"""What a JSON reader keeps of a number with a fraction."""


class TypedColumn(Protocol):
    """A column that a manifest records or an export writes."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def type(self) -> str:
        """As DuckDB names it."""


def row_group_size(column_count: int) -> int:
    """Rows per row group: DuckDB's own, and fewer when there are many columns, since a group is held in memory."""
    rows = _ROW_GROUP_CELLS // max(column_count, 1) // _VECTOR_SIZE * _VECTOR_SIZE
    return min(_ROW_GROUP_SIZE, max(4 * _VECTOR_SIZE, rows))


def copy_options(format_: Format, *, column_count: int) -> str:
    """What stands behind DuckDB's `copy ... to`; Arrow is not written by `copy`."""
    match format_:
        case Format.PARQUET:
            return f"{PARQUET_OPTIONS}, row_group_size {row_group_size(column_count)}"
        case Format.CSV:
            return CSV_OPTIONS
        case _:
            return "format json"


def stored_columns(columns: Sequence[OutputColumn], spec: DatasetSpec) -> list[OutputColumn]:
    """The columns with the values that files of the specification's format hold.

    JSON has no NaN and no infinity: they become NULL, in CSV only those within lists, structs and maps, which are JSON
    there. With `escape_formulas`, text that a spreadsheet would run starts with an apostrophe, and so does text that
    had one already, so that the change can be undone. All else is kept.

    Raises:
        ExportError: the format cannot hold a column; lists all of them.
    """
    problems = [problem for column in columns if (problem := _problem(column, spec))]
    if problems:
        raise ExportError(
            problem_list(f"dataset {spec.name!r} cannot be written as {spec.format.value}:", problems)
            + "\n  cast or exclude them, or choose another format"
        )
    return [replace(column, value=_stored_sql(column, spec)) for column in columns]


def _problem(column: OutputColumn, spec: DatasetSpec) -> str | None:
    if spec.escape_formulas and column.name.startswith(tuple(FORMULA_STARTS)):
        return f"column {column.name!r}: a spreadsheet would take its name for a formula"
    type_ = parse_type(column.type)
    if spec.format in (Format.CSV, Format.JSONL) and not _is_text(type_, is_top=True):
        return f"column {column.name!r} of type {column.type} has no exact form as text"
    return None


def _is_text(type_: TypeName, *, is_top: bool) -> bool:
    if type_.is_nested:
        inner = [member for _, member in type_.members] + ([type_.item] if type_.item else [])
        keys = set(type_.key.scalars()) if type_.key else set()
        return keys <= _MAP_KEYS and all(_is_text(member, is_top=False) for member in inner)
    (scalar,) = type_.scalars()
    if not is_top and (scalar in ("BLOB", "JSON") or _is_long_decimal(type_)):
        return False
    return scalar in _TEXT_SCALARS


def _is_long_decimal(type_: TypeName) -> bool:
    match = re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", type_.name, re.IGNORECASE)
    return match is not None and int(match[1]) > _EXACT_DIGITS


def _stored_sql(column: OutputColumn, spec: DatasetSpec) -> str:
    type_ = parse_type(column.type)
    is_json = spec.format is Format.JSONL or (spec.format is Format.CSV and type_.is_nested)
    if is_json and _FLOATS & set(type_.scalars()):
        return finite_sql(column.value, type_)
    if spec.escape_formulas and column.type.upper() == "VARCHAR":
        return escaped_sql(column.value)
    return column.value


def escaped_sql(value: str) -> str:
    """The text with an apostrophe before it where a spreadsheet would take it for a formula."""
    # NOTE: DuckDB's literals hold no NUL, and these read better as numbers anyway.
    starts = ", ".join(f"chr({ord(char)})" for char in FORMULA_STARTS + "'")
    return f"case when left({value}, 1) in ({starts}) then '''' || {value} else {value} end"


def finite_sql(value: str, type_: TypeName, *, depth: int = 0) -> str:
    """The value with NULL in place of every NaN and infinity, however deep it lies."""
    if not _FLOATS & set(type_.scalars()):
        return value
    if type_.members:
        members = ", ".join(
            f"{identifier(name)} := {finite_sql(f'struct_extract({value}, {literal(name)})', member, depth=depth)}"
            for name, member in type_.members
        )
        return f"case when {value} is not null then struct_pack({members}) end"
    if type_.item is None:
        return f"case when isfinite({value}) then {value} end"
    item = f"item_{depth}"
    inner = finite_sql(item, type_.item, depth=depth + 1)
    if type_.key is not None:
        values = f"list_transform(map_values({value}), lambda {item}: {inner})"
        return f"case when {value} is not null then map(map_keys({value}), {values}) end"
    return f"list_transform({value}, lambda {item}: {inner})::{type_.name}"


def written_sql(column: OutputColumn, format_: Format) -> str:
    """The column as a term of the select whose rows are copied into a file."""
    name, type_ = identifier(column.name), parse_type(column.type)
    written = column.value
    if format_ in (Format.CSV, Format.JSONL):
        if column.type.upper() == "BLOB":
            written = f"lower(hex({column.value}))"
        elif column.type.upper() == "JSON" or (format_ is Format.JSONL and _is_long_decimal(type_)):
            written = f"({column.value})::varchar"
        elif format_ is Format.CSV and type_.is_nested:
            written = f"to_json({column.value})::varchar"
    return name if written == name else f"{written} as {name}"


def read_relation(format_: Format, paths: Sequence[str], columns: Sequence[TypedColumn], *, name: str) -> Relation:
    """The rows of these files, with these columns and types."""
    if format_ in (Format.PARQUET, Format.ARROW):
        is_parquet = format_ is Format.PARQUET
        files = Relation.parquet(paths, name=name) if is_parquet else Relation.arrow(paths, name=name)
        # Parquet has no arrays of one length; they come back as lists.
        if is_parquet and not any(_ARRAY.search(column.type) for column in columns):
            return files
        terms = ", ".join(
            f"{identifier(column.name)}::{column.type} as {identifier(column.name)}" for column in columns
        )
        return Relation(f"(select {terms} from {files.sql})", name)
    types = ", ".join(f"{literal(column.name)}: {literal(_file_type(column, format_))}" for column in columns)
    terms = ", ".join(f"{_read_sql(column, format_)} as {identifier(column.name)}" for column in columns)
    listed = ", ".join(map(literal, Relation.escaped(paths)))
    if format_ is Format.CSV:
        # NOTE: not in parallel, since DuckDB would guess where rows start, and quoted text may look like rows.
        options = r"""header = true, delim = ',', quote = '"', escape = '"', nullstr = '', new_line = '\r\n', """
        options += "allow_quoted_nulls = false, parallel = false, max_line_size = 16777216, buffer_size = 33554432"
        source = (
            f"read_csv([{listed}], {options}, auto_detect = false, hive_partitioning = false, columns = {{{types}}})"
        )
    else:
        options = "format = 'newline_delimited', auto_detect = false, hive_partitioning = false"
        source = f"read_json([{listed}], {options}, columns = {{{types}}})"
    return Relation(f"(select {terms} from {source})", name)


def _file_type(column: TypedColumn, format_: Format) -> str:
    """The type as which the text in a file is read first."""
    type_ = parse_type(column.type)
    as_text = column.type.upper() in ("BLOB", "JSON") or (format_ is Format.CSV and type_.is_nested)
    return "VARCHAR" if as_text else column.type


def _read_sql(column: TypedColumn, format_: Format) -> str:
    name = identifier(column.name)
    if column.type.upper() == "BLOB":
        return f"unhex({name})"
    if column.type.upper() == "JSON":
        return f"{name}::json"
    if format_ is Format.CSV and parse_type(column.type).is_nested:
        return f"{name}::json::{column.type}"
    return name
