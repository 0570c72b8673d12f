"""The tables of a finished build, wherever they lie: what they are called in every build, and an engine that asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from warehouse import storage
from warehouse.dbt_manifest import DbtManifest, Model, read_dbt_manifest
from warehouse.errors import QueryError, StorageError
from warehouse.project import Project
from warehouse.published import CATALOG, BuildFiles, SparkPlace, read_spark_place
from warehouse.sql import Relation

if TYPE_CHECKING:
    from warehouse.engine.spark import SparkEngine


def read_build_manifest(files: BuildFiles) -> DbtManifest:
    """Dbt's manifest of a build, with schemas as every build calls them: on Spark each has some of its own.

    Raises:
        BuildError: there is no manifest that can be read.
        StorageError: the build does not say where it lies on Spark.
    """
    manifest = read_dbt_manifest(files.dbt_manifest_path)
    if not files.is_on_spark:
        return manifest
    place = read_spark_place(files)
    models = {
        unique_id: replace(model, schema=place.name_of(model.schema)) for unique_id, model in manifest.models.items()
    }
    return replace(manifest, models=models)


@contextmanager
def engine_of_spark_build(project: Project, files: BuildFiles) -> Iterator[SparkEngine]:
    """An engine on a build that lies on Spark, whose tables stay meanwhile.

    Raises:
        ProjectError: no address is set, or the address is wrong.
        StorageError: the build does not say where it lies, nobody answers there, or its tables are gone.
        MissingExtraError: the extra `spark` is not installed.
    """
    from warehouse.engine.spark_opening import spark_engine

    place = read_spark_place(files)
    with storage.held_open(files.content_path), spark_engine(project, schemas=place.schemas) as engine:
        check_is_there(engine.session, files, place)
        yield engine


def check_is_there(session: Any, files: BuildFiles, place: SparkPlace) -> None:
    """Looks for the build's schemas: a cluster may lose its catalog, as Sail does with a session, or be another one.

    Raises:
        StorageError: one is gone.
    """
    if missing := _missing_schemas(session, place):
        raise StorageError(
            f"Spark has no {', '.join(missing)}, where build {files.id} was made on {place.remote}\n"
            "  its session ended there, or spark_remote (or SPARK_REMOTE) names another server or session; "
            "make the tables anew with: warehouse build"
        )


def is_gone_from_spark(project: Project, files: BuildFiles) -> bool:
    """Whether this build was made on Spark and its schemas are there no more.

    Raises:
        StorageError: nobody answers on the cluster.
        MissingExtraError: the extra `spark` is not installed.
    """
    if not files.is_on_spark:
        return False
    from warehouse.engine.spark_session import connect_spark

    session = connect_spark(project)
    try:
        return bool(_missing_schemas(session, read_spark_place(files)))
    finally:
        session.stop()


def _missing_schemas(session: Any, place: SparkPlace) -> list[str]:
    from warehouse.engine.spark_schemas import schema_names

    there = schema_names(session)
    return sorted(schema for schema in place.schemas.values() if schema.lower() not in there)


def types_on_spark(engine: SparkEngine, models: Iterable[Model]) -> dict[tuple[str, str], Mapping[str, str]]:
    """Columns with their types of every table and view among these models, by schema and table."""
    found: dict[tuple[str, str], Mapping[str, str]] = {}
    for model in models:
        if model.materialized == "ephemeral":
            continue
        # One that was not built is told of by what dbt said of it.
        with suppress(QueryError):
            columns = engine.columns(Relation.table(CATALOG, model.schema, model.alias))
            found[model.schema, model.alias] = {column.name: column.type for column in columns}
    return found
