"""The files of dbt's sources as tables on Spark, said by the `external_location` that DuckDB reads them by.

Only what both readers mean the same by is taken over; every other option is refused by its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from warehouse.dbt_manifest import Source
from warehouse.engine.spark_schemas import FileTable
from warehouse.errors import BuildError, problem_list
from warehouse.project import Project
from warehouse.sources.locations import Location, Reader, parse_location

_TEXT_OPTIONS = {"delim": "sep", "sep": "sep", "quote": "quote", "escape": "escape"}
# As DuckDB reads text, and Spark does not unless told: quotes are doubled, and a field may hold line breaks.
_TEXT_DEFAULTS = {"header": "true", "escape": '"', "multiLine": "true"}
_WHAT_WORKS = (
    "  what works: read_csv(..., all_varchar = true) with delim, quote, escape, header and nullstr,\n"
    "  read_parquet(...) with union_by_name; or no external_location, and a source that is a table of Spark's catalog"
)


def file_tables(project: Project, sources: Iterable[Source], *, schema: str) -> tuple[FileTable, ...]:
    """A table for every source with files, in the schema `<schema>_<source>`; macros/sources.sql reads them there.

    Raises:
        BuildError: Spark would read some files differently, or not at all; lists all of them.
    """
    tables: list[FileTable] = []
    problems: list[str] = []
    for source in sources:
        if source.external_location is None:
            continue
        name = f"{source.source_name}.{source.name}"
        location = parse_location(source.external_location)
        found = [f"source {name} ({source.file_path}): {problem}" for problem in _problems(location)]
        problems += found
        if not found:
            tables.append(_table(project, source, location, schema=f"{schema}_{source.source_name}"))
    if problems:
        raise BuildError(problem_list("files that Spark cannot read as DuckDB does:", problems) + f"\n{_WHAT_WORKS}")
    return tuple(tables)


def _problems(location: Location) -> list[str]:
    if location.reader not in (Reader.CSV, Reader.PARQUET):
        return [f"its files are read by {location.function or 'SQL of its own'}"]
    if len(location.patterns) != 1:
        return ["it names several files; put them into one folder, or match them by one pattern"]
    (pattern,) = location.patterns
    problems = [f"Spark knows no ** in {pattern}"] if "**" in pattern else []
    if pattern.startswith(("http://", "https://")):
        problems.append(f"Spark reads nothing from the web: {pattern}")
    known = {Reader.CSV: {*_TEXT_OPTIONS, "all_varchar", "header", "nullstr"}, Reader.PARQUET: {"union_by_name"}}
    problems += [
        f"{location.function} has the option {name}"
        for name, _ in location.options
        if name not in known[location.reader]
    ]
    if location.reader is Reader.CSV and not location.is_set("all_varchar"):
        problems.append("its types are guessed; read it with all_varchar = true, and cast in the staging model")
    if (location.option("nullstr") or "").startswith("["):
        problems.append("it has several texts for null; one can be told to Spark")
    return problems


def _table(project: Project, source: Source, location: Location, *, schema: str) -> FileTable:
    (pattern,) = location.patterns
    path = pattern if "://" in pattern else str(project.root / pattern)
    is_text = location.reader is Reader.CSV
    return FileTable(
        schema=schema,
        name=source.name,
        format=location.reader.value,
        location=path,
        options=_text_options(location) if is_text else _parquet_options(location),
        null_text=(location.option("nullstr") or "") if is_text else None,
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


def _parquet_options(location: Location) -> Mapping[str, str]:
    return {"mergeSchema": "true"} if location.is_set("union_by_name") else {}
