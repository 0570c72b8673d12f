"""The files of dbt's sources as tables on Spark, said by the `external_location` that DuckDB reads them by.

Only what both readers mean the same by is taken over; every other option is refused by its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from warehouse import storage
from warehouse.dbt_manifest import Source
from warehouse.engine.local import LocalEngine
from warehouse.engine.spark_schemas import FileTable, FileUnion
from warehouse.engine.spark_values import is_spark_pattern
from warehouse.errors import BuildError, QueryError, problem_list
from warehouse.project import Project
from warehouse.sources.lake_tables import LakeTableError, find_version, iceberg_columns, is_elsewhere
from warehouse.sources.locations import Location, Reader, parse_location
from warehouse.sources.states import matched_paths
from warehouse.sql import Relation

MOST_FILES = 1_000
"""Files that are read one by one, each with a table of its own in the catalog."""
_TEXT_OPTIONS = {"delim": "sep", "sep": "sep", "quote": "quote", "escape": "escape"}
# As DuckDB reads text, and Spark does not unless told: quotes are doubled, and a field may hold line breaks.
_TEXT_DEFAULTS = {"header": "true", "escape": '"', "multiLine": "true"}
_KNOWN = {
    Reader.CSV: {*_TEXT_OPTIONS, "all_varchar", "header", "nullstr"},
    Reader.PARQUET: {"union_by_name", "filename"},
    Reader.DELTA: {"version"},
    Reader.ICEBERG: {"version", "snapshot_from_id", "metadata_compression_codec"},
}
_WHAT_WORKS = (
    "  what works: read_csv(..., all_varchar = true) with delim, quote, escape, header and nullstr,\n"
    "  read_parquet(...) with union_by_name and filename, delta_scan(...), iceberg_scan(...);\n"
    "  or no external_location, and a source that is a table of Spark's catalog"
)
_TEXTS = re.compile(r"'((?:[^']|'')*)'")


def file_tables(
    project: Project, sources: Iterable[Source], *, schema: str, is_sail: bool = True
) -> tuple[FileTable | FileUnion, ...]:
    """A table for every source with files, in the schema `<schema>_<source>`; macros/sources.sql reads them there.

    Raises:
        BuildError: Spark would read some files differently, or not at all; lists all of them.
    """
    tables: list[FileTable | FileUnion] = []
    problems: list[str] = []
    for source in sources:
        if source.external_location is None:
            continue
        name = f"{source.source_name}.{source.name}"
        location = parse_location(source.external_location)
        found = _problems(location, is_sail=is_sail)
        if is_spark_pattern(str(project.root)):
            found.append(f"Spark would take the project's folder for a pattern: {project.root}")
        try:
            if not found:
                tables.append(_table(project, source, location, schema=f"{schema}_{source.source_name}"))
        except _UnreadableError as error:
            found.append(str(error))
        problems += [f"source {name} ({source.file_path}): {problem}" for problem in found]
    if problems:
        raise BuildError(problem_list("files that Spark cannot read as DuckDB does:", problems) + f"\n{_WHAT_WORKS}")
    return tuple(tables)


class _UnreadableError(Exception):
    """Why; becomes one of the problems."""


def _problems(location: Location, *, is_sail: bool) -> list[str]:
    if location.reader not in _KNOWN:
        return [f"its files are read by {location.function or 'SQL of its own'}"]
    problems = [
        f"Spark reads nothing from the web: {pattern}"
        for pattern in location.patterns
        if pattern.startswith(("http://", "https://"))
    ]
    if location.is_table and is_elsewhere(location):
        problems.append("which version of it is the newest cannot be told from here; name it as a table of the catalog")
    if location.reader is Reader.ICEBERG and not is_sail:
        problems.append("Apache Spark reads no Iceberg table by its path; name it as a table of the cluster's catalog")
    if location.reader is Reader.CSV and len(location.patterns) != 1:
        problems.append("it names several files; put them into one folder, or match them by one pattern")
    if location.reader is Reader.CSV and "**" in location.patterns[0]:
        problems.append(f"Spark knows no ** in {location.patterns[0]}")
    if _is_read_one_by_one(location) and any("://" in pattern for pattern in location.patterns):
        problems.append("files elsewhere cannot be listed from here, as filename, ** and several paths need")
    problems += [
        f"{location.function} has the option {name}"
        for name, _ in location.options
        if name not in _KNOWN[location.reader]
    ]
    if location.reader is Reader.CSV and not location.is_set("all_varchar"):
        problems.append("its types are guessed; read it with all_varchar = true, and cast in the staging model")
    return problems


def _is_read_one_by_one(location: Location) -> bool:
    return location.reader is Reader.PARQUET and (
        location.is_set("filename") or len(location.patterns) != 1 or "**" in location.patterns[0]
    )


def _table(project: Project, source: Source, location: Location, *, schema: str) -> FileTable | FileUnion:
    if location.is_table:
        return _lake_table(project, source, location, schema=schema)
    if _is_read_one_by_one(location):
        return _union(project, source, location, schema=schema)
    (pattern,) = location.patterns
    path = pattern if "://" in pattern else str(project.root / pattern)
    is_text = location.reader is Reader.CSV
    return FileTable(
        schema=schema,
        name=source.name,
        format=location.reader.value,
        location=path,
        options=_text_options(location) if is_text else _parquet_options(location),
        null_texts=_null_texts(location) if is_text else None,
    )


def _lake_table(project: Project, source: Source, location: Location, *, schema: str) -> FileTable:
    try:
        version = find_version(project.root, location)
    except LakeTableError as error:
        raise _UnreadableError(error.fault.message) from error
    log_path = project.root / version.log_path
    return FileTable(
        schema=schema,
        name=source.name,
        format=version.format,
        # The log lies in a folder of the table's.
        location=str(log_path.parent.parent),
        version=version.version,
        columns=iceberg_columns(log_path, version) if location.reader is Reader.ICEBERG else (),
    )


def _union(project: Project, source: Source, location: Location, *, schema: str) -> FileUnion:
    connection = storage.connect(None)
    try:
        engine = LocalEngine(connection)
        paths = [str(path) for path in matched_paths(project, location.patterns, engine)]
        if not paths:
            raise _UnreadableError(f"no file matches {', '.join(location.patterns)}")
        if len(paths) > MOST_FILES:
            raise _UnreadableError(
                f"{len(paths):,} files are more than the {MOST_FILES:,} that are read one by one; "
                "warehouse load --full-refresh makes one of many"
            )
        odd = next(filter(is_spark_pattern, paths), None)
        if odd is not None:
            raise _UnreadableError(f"Spark would take the path for a pattern: {odd}")
        described = [engine.columns(Relation.parquet([path], name=path)) for path in paths]
    except QueryError as error:
        raise _UnreadableError(str(error).splitlines()[0]) from error
    finally:
        connection.close()
    types: dict[str, str] = {}
    for path, columns in zip(paths, described, strict=True):
        for column in columns:
            if types.setdefault(column.name, column.type) != column.type:
                raise _UnreadableError(
                    f"{column.name} is {types[column.name]} in some files, and {column.type} in {path}"
                )
        if not location.is_set("union_by_name") and {column.name for column in columns} != set(types):
            raise _UnreadableError(f"{path} has other columns than the files before it; say union_by_name = true")
    named = location.option("filename")
    return FileUnion(
        schema=schema,
        name=source.name,
        columns=tuple(types),
        files=tuple(
            (path, frozenset(column.name for column in columns)) for path, columns in zip(paths, described, strict=True)
        ),
        path_column=None if named is None else "filename" if named.lower() in ("true", "1") else named,
    )


def _text_options(location: Location) -> Mapping[str, str]:
    options = dict(_TEXT_DEFAULTS)
    for name, spark_name in _TEXT_OPTIONS.items():
        value = location.option(name)
        if value is not None:
            options[spark_name] = value
    if location.option("header") is not None:
        options["header"] = str(location.is_set("header")).lower()
    return options


def _null_texts(location: Location) -> tuple[str, ...]:
    value = location.option("nullstr") or ""
    if not value.startswith("["):
        return (value,)
    return tuple(text.replace("''", "'") for text in _TEXTS.findall(value))


def _parquet_options(location: Location) -> Mapping[str, str]:
    return {"mergeSchema": "true"} if location.is_set("union_by_name") else {}
