"""Suites as data: everything in `expectations/`, checked whole before anything runs.

What can be wrong without a database is found here; `check_against_database` finds the rest. Both report every problem
of every suite together, each with its file and line.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.errors import ValidationError, problem_list, suggestion
from warehouse.findings import Severity
from warehouse.validation.results import named_columns
from warehouse.validation.suite_file import Entry, read_suite, suite_files

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One declared expectation; its class in GX has accepted the arguments."""

    type: str
    arguments: Mapping[str, Any]
    severity: Severity
    reason: str
    path: Path
    line: int

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the table must have."""
        if self.type in ABOUT_EXISTENCE:
            return ()
        return (*named_columns(self.arguments), *_condition_columns(self.arguments.get("row_condition")))


ROW_CONDITION = re.compile(r"""\s*col\((["'])(?P<column>.+?)\1\)""")
ABOUT_EXISTENCE = (
    *("expect_column_to_exist", "expect_table_columns_to_match_ordered_list", "expect_table_columns_to_match_set"),
)
"""These ask whether columns exist, so a missing one is a result and no mistake in the suite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """The expectations about one table."""

    name: str
    """The file's stem."""
    table: str
    path: Path
    expectations: tuple[Expectation, ...]


def suite_names(path: Path) -> list[str]:
    """Names of all suites under this folder; none when there is no such folder."""
    return [file.stem for file in suite_files(path)]


def load_suites(path: Path, *, only: Collection[str] = ()) -> tuple[Suite, ...]:
    """All suites under this folder, or only those of these names; imports GX when there is one to load.

    A folder that does not exist has no suites.

    Raises:
        ValidationError: lists every problem of every suite that can be found without a database.
    """
    if path.is_file():
        raise ValidationError(f"{path} must be a folder with one YAML file per model, and is a file")
    files = suite_files(path)
    problems = [
        f"there is no suite {name!r} in {path}; {suggestion(name, suite_names(path))}".rstrip("; ")
        for name in only
        if name not in suite_names(path)
    ]
    first: dict[str, Path] = {}
    suites = []
    for file in files:
        if only and file.stem not in only:
            continue
        if file.stem in first:
            problems.append(f"{file}:1 has the same name as {first[file.stem]}: a suite's name must be its own")
            continue
        first[file.stem] = file
        suites.append(_load(file, path, problems))
    if problems:
        raise ValidationError(problem_list(f"suites of expectations in {path} cannot be used:", problems))
    return tuple(suites)


def _load(file: Path, folder: Path, problems: list[str]) -> Suite:
    name = file.relative_to(folder)
    text = read_suite(file, lambda line, what: problems.append(f"{name}:{line} {what}"))
    expectations = []
    for entry in text.entries:
        found = _problems(entry)
        problems += [f"{name}:{line} {what}" for line, what in found]
        expectations.append(
            Expectation(
                type=entry.type,
                arguments=entry.arguments,
                severity=entry.severity,
                reason=entry.reason,
                path=file,
                line=entry.line,
            )
        )
    return Suite(name=file.stem, table=text.model, path=file, expectations=tuple(expectations))


def _problems(entry: Entry) -> list[tuple[int, str]]:
    from warehouse.validation.vocabulary import argument_problems, type_problem

    wrong_type = type_problem(entry.type)
    if wrong_type is not None:
        return [(entry.argument_lines["type"], wrong_type)]
    return [
        (entry.argument_lines.get(name, entry.line), f"{entry.type}: {what}")
        for name, what in argument_problems(entry.type, entry.arguments)
    ]


def check_against_database(
    suites: Sequence[Suite], connection: duckdb.DuckDBPyConnection, *, skip_missing: bool = False
) -> tuple[Suite, ...]:
    """The suites that can run on this database: all of them, or those whose table is there when `skip_missing`.

    Raises:
        ValidationError: lists every table and column that a suite names and the database does not have.
    """
    return check_against_tables(
        suites, _columns_by_table(connection), _tables_of_all_catalogs(connection), skip_missing=skip_missing
    )


def check_against_tables(
    suites: Sequence[Suite],
    columns_of: Mapping[str, Sequence[str]],
    others: Iterable[str] = (),
    *,
    skip_missing: bool = False,
) -> tuple[Suite, ...]:
    """The same for a build whose tables have these columns; `others` are further tables that can be compared with.

    Raises:
        ValidationError: lists every table and column that a suite names and the build does not have.
    """
    tables = {table.lower(): table for table in columns_of}
    others = {table.lower() for table in (*columns_of, *others)}
    problems: list[str] = []
    checked = []
    for suite in suites:
        table = tables.get(suite.table.lower())
        if table is None:
            if not skip_missing:
                problems.append(
                    f"{suite.path.name}:1 is about table {suite.table!r}, which this build does not have; "
                    f"{suggestion(suite.table, sorted(columns_of))}".rstrip("; ")
                )
            continue
        checked.append(suite)
        known = columns_of[table]
        lowered = {column.lower() for column in known}
        for expectation in suite.expectations:
            for column in dict.fromkeys(expectation.columns):
                if column.lower() not in lowered:
                    problems.append(
                        f"{suite.path.name}:{expectation.line} {expectation.type}: {suite.table} has no column "
                        f"{column!r}; {suggestion(column, known)}"
                    )
            other = expectation.arguments.get("other_table_name")
            if isinstance(other, str) and other.lower() not in others:
                problems.append(
                    f"{suite.path.name}:{expectation.line} {expectation.type}: there is no table {other!r}; "
                    f"{suggestion(other, sorted(columns_of))}"
                )
    if problems:
        raise ValidationError(problem_list("suites of expectations do not fit this build:", problems))
    return tuple(checked)


def _condition_columns(condition: Any) -> list[str]:
    """Columns that a row condition names."""
    if isinstance(condition, str):
        found = ROW_CONDITION.match(condition)
        return [found["column"]] if found else []
    if isinstance(condition, Mapping):
        column = condition.get("column")
        own = [str(column.get("name"))] if isinstance(column, Mapping) else []
        return own + [name for part in condition.get("conditions") or () for name in _condition_columns(part)]
    return []


def _columns_by_table(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    rows = connection.execute("""
        select
            table_name,
            list(column_name order by column_index) as columns,
        from duckdb_columns()
        where database_name = current_database() and schema_name = 'main' and not internal
        group by table_name
    """).fetchall()
    return {table: list(columns) for table, columns in rows}


def _tables_of_all_catalogs(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Also those of databases that are attached, which queries of expectations may read."""
    return [
        table
        for (table,) in connection.execute("""
            select distinct table_name from duckdb_columns() where schema_name = 'main' and not internal
        """).fetchall()
    ]
