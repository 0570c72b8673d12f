"""What the published build holds: every table's columns, and profiles of those that are kept as rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from warehouse.build_tables import engine_of_spark_build, types_on_spark
from warehouse.dbt_manifest import DbtManifest, Model
from warehouse.engine.base import Engine
from warehouse.engine.local import LocalEngine
from warehouse.project import Project
from warehouse.published import CATALOG, BuildFiles, find_build, open_build
from warehouse.site.file_names import file_stem
from warehouse.site.profiling import NOTHING, TableProfile, forget_other_profiles, profiles_folder, table_profile
from warehouse.site.table_facts import withheld_columns
from warehouse.sql import Query, Relation, Step

VIRTUAL = ("view", "ephemeral")
"""Materializations that keep no rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedTables:
    """Columns and profiles."""

    types: Mapping[tuple[str, str], Mapping[str, str]]
    """Schema and table to columns with their types, in the table's order."""
    profiles: Mapping[str, TableProfile]
    """By unique id; views have none."""


def columns_sql() -> Query:
    """One row per column of every table and view: `schema_name`, `table_name`, `column_name`, `data_type`."""
    return Query.of(
        Step(
            "columns",
            """
            select
                schema_name,
                table_name,
                column_name,
                data_type,
            from duckdb_columns()
            where database_name = current_database() and not internal
            order by schema_name, table_name, column_index
            """,
        )
    )


def column_types(engine: Engine) -> dict[tuple[str, str], dict[str, str]]:
    """The columns of every table and view."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for row in engine.rows(columns_sql()):
        found.setdefault((row["schema_name"], row["table_name"]), {})[row["column_name"]] = row["data_type"]
    return found


def profile_name(model: Model) -> str:
    """The file that its profile is kept in."""
    return f"{file_stem(model.unique_id)}.json"


def published_tables(
    project: Project,
    manifest: DbtManifest,
    *,
    build_id: str,
    profiles: bool,
    on_progress: Callable[[str], None] = lambda _: None,
) -> PublishedTables:
    """Reads the build of this id; its tables are profiled side by side, and only those that have no profile yet.

    Raises:
        ProjectError: there is no such build.
        StorageError: its file cannot be opened, or the disk is full.
    """
    folder = profiles_folder(project)
    files = find_build(project, build_id)
    if files.is_on_spark:
        return _on_spark(project, manifest, files, profiles=profiles, on_progress=on_progress)
    files, connection = open_build(project, build_id)
    with connection:
        types = column_types(LocalEngine(connection))
        models = _profiled(manifest, types)
        if not profiles:
            return PublishedTables(types=types, profiles={model.unique_id: NOTHING for model in models})
        done = 0

        def make(model: Model) -> TableProfile:
            nonlocal done
            with connection.cursor() as cursor:
                profile = table_profile(
                    LocalEngine(cursor),
                    Relation.table(model.schema, model.alias),
                    types[model.schema, model.alias],
                    build_id=files.id,
                    withheld=withheld_columns(model),
                    path=folder / profile_name(model),
                )
            done += 1
            on_progress(f"profiles: {done:,} of {len(models):,} tables")
            return profile

        # Small tables leave most of a core waiting between their statements.
        with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
            made = dict(zip((model.unique_id for model in models), pool.map(make, models), strict=True))
    forget_other_profiles(project, keep={profile_name(model) for model in models})
    return PublishedTables(types=types, profiles=made)


def _profiled(manifest: DbtManifest, types: Mapping[tuple[str, str], object]) -> list[Model]:
    return [
        model
        for model in manifest.models.values()
        if model.materialized not in VIRTUAL and (model.schema, model.alias) in types
    ]


def _on_spark(
    project: Project, manifest: DbtManifest, files: BuildFiles, *, profiles: bool, on_progress: Callable[[str], None]
) -> PublishedTables:
    """One table after the other: the cluster is busy with each."""
    folder = profiles_folder(project)
    with engine_of_spark_build(project, files) as engine:
        types = types_on_spark(engine, manifest.models.values())
        models = _profiled(manifest, types)
        if not profiles:
            return PublishedTables(types=types, profiles={model.unique_id: NOTHING for model in models})
        made = {}
        for done, model in enumerate(models, start=1):
            made[model.unique_id] = table_profile(
                engine,
                Relation.table(CATALOG, model.schema, model.alias),
                types[model.schema, model.alias],
                build_id=files.id,
                withheld=withheld_columns(model),
                path=folder / profile_name(model),
            )
            on_progress(f"profiles: {done:,} of {len(models):,} tables")
    forget_other_profiles(project, keep={profile_name(model) for model in models})
    return PublishedTables(types=types, profiles=made)
