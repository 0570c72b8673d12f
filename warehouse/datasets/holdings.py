"""Who holds the rows of one entity: which versions of which datasets, which builds.

The entity's values reach the engine as bound parameters, in a temporary table, and nothing else: no statement, plan,
error or result shows them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from warehouse.datasets.fingerprints import canonical_sql
from warehouse.datasets.formats import escaped_sql, read_relation
from warehouse.datasets.manifest import ColumnRecord, FileRecord
from warehouse.datasets.pseudonyms import KEY_VARIABLE, load_key, pseudonym_sql, read_key
from warehouse.datasets.versions import Version
from warehouse.engine.base import Engine
from warehouse.errors import QueryError, VersionError
from warehouse.sql import Query, Relation, Step, identifier, literal
from warehouse.statistics.type_names import parse_type

_WANTED = "wanted_entity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """Rows in which all of these columns have these values, given as text; the values are never shown."""

    values: Mapping[str, str] = field(repr=False)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns' names, which may be shown."""
        return tuple(self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """The rows of an entity in one version."""

    version: Version
    by_file: Mapping[str, int]
    """Rows per data file that has any, by its path."""

    @property
    def row_count(self) -> int:
        """Rows of the entity in the whole version."""
        return sum(self.by_file.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildHolding:
    """The rows of an entity in one build."""

    build_id: str
    table_count: int
    """Tables with such rows."""
    row_count: int


def load_entity(engine: Engine, entity: Entity) -> None:
    """Puts the values into the engine's session, where the conditions below read them."""
    names = ", ".join(f"$v{i}::varchar as v{i}" for i in range(len(entity.values)))
    query = Step("load_entity", f"create or replace temp table {_WANTED} as select {names}")
    engine.rows(Query.of(query, **{f"v{i}": value for i, value in enumerate(entity.values.values())}))


def check_values(engine: Engine, entity: Entity, versions: Sequence[Version]) -> None:
    """Makes sure that each value can be one of its column in at least one version.

    Raises:
        VersionError: a value cannot be; the message names the column and its types, never the value.
    """
    for i, name in enumerate(entity.columns):
        types = {_original_type(_column(version, name)) for version in versions}
        checks = ", ".join(f"try_cast(v{i} as {type_name}) is not null" for type_name in sorted(types))
        (row,) = engine.rows(Query.of(Step("fitting_types", f"select [{checks}] as fitting from {_WANTED}")))
        if types and not any(row["fitting"]):
            raise VersionError(
                f"--key {name}: the value is no {' or '.join(sorted(types))}, which the column is made of"
                "\n  give the value as the warehouse has it"
            )


def holds_columns(version: Version, entity: Entity) -> bool:
    """Whether the version has all the entity's columns."""
    names = {column.name for column in version.manifest.columns}
    return names.issuperset(entity.columns)


def condition_sql(version: Version, entity: Entity) -> str:
    """Whether a row of the version is the entity's, as a condition that is never NULL. Needs `load_entity`."""
    terms = []
    for i, name in enumerate(entity.columns):
        column = _column(version, name)
        value = f"try_cast(v{i} as {_original_type(column)})"
        if column.pseudonym is not None:
            value = pseudonym_sql(canonical_sql(f"({value})", column.pseudonym.original_type))
        elif version.manifest.spec.escape_formulas and column.type.upper() == "VARCHAR":
            value = escaped_sql(value)
        # NOTE: a value that cannot be of the column's type is nobody's there: NULL, which counts as false.
        terms.append(f"coalesce({identifier(name)} = (select {value} from {_WANTED}), false)")
    return f"({' and '.join(terms)})"


def _column(version: Version, name: str) -> ColumnRecord:
    return next(column for column in version.manifest.columns if column.name == name)


def _original_type(column: ColumnRecord) -> str:
    """The type of the values that people know; of a pseudonym, what was hashed."""
    name = column.pseudonym.original_type if column.pseudonym else column.type
    type_ = parse_type(name)
    if type_.is_nested:
        raise VersionError(f"--key {column.name}: it is of type {name}; name a column of single values")
    # NOTE: a type is no identifier that could be quoted, and a manifest may come from anywhere.
    if set(name) & set(";'\"\\-/*"):
        raise VersionError(f"--key {column.name}: {name!r} is not a type")
    return name


def load_pseudonym_key(engine: Engine, entity: Entity, versions: Sequence[Version]) -> None:
    """Loads the key when one of the columns is pseudonymised somewhere.

    Raises:
        ExportError: there is no key.
        VersionError: a version was written with another one, so that nobody could be found in it.
    """
    keys = {
        version.reference: column.pseudonym.key_fingerprint
        for version in versions
        for column in version.manifest.columns
        if column.pseudonym is not None and column.name in entity.columns
    }
    if not keys:
        return
    key = read_key(advice=f"set the key that {next(iter(keys))} was written with, so that its rows can be found")
    load_key(engine, key)
    others = [reference for reference, fingerprint in keys.items() if fingerprint != key.fingerprint]
    if others:
        raise VersionError(
            f"{', '.join(others[:5])}{', ...' if len(others) > 5 else ''}: written with another key than the one in "
            f"{KEY_VARIABLE} (its fingerprint is {key.fingerprint}, theirs is {keys[others[0]]})"
            "\n  set the key that they were written with"
        )


def rows_per_file_sql(relations: Mapping[str, Relation], condition: str) -> Query:
    """One row per file with such rows: `path`, `row_count`."""
    counts = " union all ".join(
        f"select {literal(path)} as path, count(*) as row_count from {relation.sql} where {condition}"
        for path, relation in relations.items()
    )
    return Query.of(
        Step("counted_files", counts),
        Step("rows_per_file", "select path, row_count from counted_files where row_count > 0 order by path"),
    )


def find_holding(engine: Engine, version: Version, entity: Entity) -> Holding:
    """The entity's rows in this version; reads the columns in question of every file.

    Raises:
        VersionError: a file cannot be read.
    """
    relations = {file.path: file_relation(version, file) for file in version.manifest.files}
    try:
        rows = engine.rows(rows_per_file_sql(relations, condition_sql(version, entity)))
    except QueryError as error:
        raise VersionError(
            f"the files of {version.reference} cannot be read, so nobody knows whom they hold"
            f"\n  see: warehouse verify {version.reference}"
        ) from error
    return Holding(version=version, by_file={row["path"]: row["row_count"] for row in rows})


def file_relation(version: Version, file: FileRecord) -> Relation:
    """The rows of one data file."""
    path: Path = version.path / file.path
    manifest = version.manifest
    return read_relation(manifest.spec.format, [str(path)], manifest.columns, name=f"{version.reference} {file.path}")


def tables_with_columns_sql(columns: Sequence[str]) -> Query:
    """One row per table of the main database that has all these columns: `schema`, `table`, `types` in their order."""
    names = ", ".join(map(literal, columns))
    types = ", ".join(f"max(data_type) filter (column_name = {literal(name)})" for name in columns)
    return Query.of(
        Step(
            "tables_with_columns",
            f"""
            select
                schema_name as schema,
                table_name as "table",
                [{types}] as types,
            from duckdb_columns()
            where
                column_name in ({names})
                and database_name = current_database()
                and not internal
                and table_oid in (select table_oid from duckdb_tables() where database_name = current_database())
            group by schema_name, table_name
            having count(*) = {len(columns)}
            order by schema_name, table_name
            """,
        )
    )


def find_in_build(engine: Engine, build_id: str, entity: Entity) -> BuildHolding:
    """The entity's rows in all tables of a build that have its columns; the engine is connected to that build."""
    counts = []
    for table in engine.rows(tables_with_columns_sql(entity.columns)):
        relation = Relation.table("warehouse", table["schema"], table["table"])
        terms = (
            f"{identifier(name)}::varchar = (select try_cast(v{i} as {type_name})::varchar from {_WANTED})"
            for i, (name, type_name) in enumerate(zip(entity.columns, table["types"], strict=True))
        )
        step = Step("entity_rows", f"select count(*) as row_count from {relation.sql} where {' and '.join(terms)}")
        ((count,),) = (row.values() for row in engine.rows(Query.of(step)))
        counts.append(int(count))
    held = [count for count in counts if count]
    return BuildHolding(build_id=build_id, table_count=len(held), row_count=sum(held))
