"""The tables of a finished build, wherever they lie: what they are called in every build, and an engine that asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from warehouse import storage
from warehouse.dbt_manifest import DbtManifest, Model, read_dbt_manifest
from warehouse.errors import QueryError
from warehouse.project import Project
from warehouse.published import CATALOG, BuildFiles, read_spark_place
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
        StorageError: the build does not say where it lies, or nobody answers there.
        MissingExtraError: the extra `spark` is not installed.
    """
    from warehouse.engine.spark_opening import spark_engine

    place = read_spark_place(files)
    with storage.held_open(files.content_path), spark_engine(project, schemas=place.schemas) as engine:
        yield engine


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
