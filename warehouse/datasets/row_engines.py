"""Engines that are open on rows that people named: a build's tables where the build lies, files where settings say."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from warehouse import storage
from warehouse.build_tables import engine_of_spark_build
from warehouse.datasets.named_rows import NamedRows, confine_to_rows
from warehouse.engine.base import Engine
from warehouse.engine.local import LocalEngine
from warehouse.errors import ProjectError, QueryError
from warehouse.project import Project
from warehouse.published import BuildFiles

_UNSEEN = ("PATH_NOT_FOUND", "No files found", "FILE_NOT_EXIST")


@contextmanager
def open_rows(project: Project, *rows: NamedRows, ordered: bool = True) -> Iterator[Engine]:
    """An engine that reads these rows: Spark for tables of a build there, DuckDB for those of any other build.

    Files are asked where the setting `engine` says: on Spark, when its workers see them at the same paths. Texts (CSV
    and the like) are read on this machine, since Spark guesses their types otherwise. DuckDB reads nothing else; when
    not `ordered`, its tables have any order.

    Raises:
        ProjectError: texts cannot be compared with tables on Spark; or the workers do not see the files.
        StorageError: the build is gone, or the cluster does not answer.
    """
    build = next((one.build for one in rows if one.build is not None), None)
    texts = [one for one in rows if one.is_text or not _is_parquet(one)]
    if build is not None and build.is_on_spark:
        if texts:
            raise ProjectError(
                f"{texts[0].name} is no Parquet, and {build.id}, which has the table, lies on Spark, which reads no "
                "other files\n  make Parquet of it first, or build in DuckDB: warehouse build --target duckdb"
            )
        with _on_spark(project, build) as engine:
            yield engine
    elif build is None and project.settings.engine == "spark" and not texts:
        with _on_spark(project, None) as engine:
            yield engine
    else:
        with _in_duckdb(project, build, *rows, ordered=ordered) as engine:
            yield engine


def _is_parquet(rows: NamedRows) -> bool:
    if rows.version is not None:
        return rows.version.manifest.spec.format == "parquet"
    return all(path.lower().endswith(".parquet") for path in rows.paths)


@contextmanager
def _in_duckdb(project: Project, build: BuildFiles | None, *rows: NamedRows, ordered: bool) -> Iterator[LocalEngine]:
    settings = project.settings
    # Two processes that share a folder for what does not fit into memory overwrite each other's files.
    spill = project.temporary_path / f"rows-{uuid4().hex}"
    try:
        with storage.connect(
            build.database_path if build else None,
            memory_limit=settings.memory_limit,
            threads=settings.threads,
            temporary_path=spill,
            ordered=ordered,
        ) as connection:
            confine_to_rows(connection, *rows)
            yield LocalEngine(connection)
    finally:
        shutil.rmtree(spill, ignore_errors=True)


@contextmanager
def _on_spark(project: Project, build: BuildFiles | None) -> Iterator[Engine]:
    from warehouse.engine.spark_opening import spark_engine

    with spark_engine(project) if build is None else engine_of_spark_build(project, build) as engine:
        try:
            yield engine
        except (ProjectError, QueryError) as error:
            if any(word in str(error) for word in _UNSEEN):
                raise ProjectError(
                    f"Spark's workers do not see the files that this machine sees: {str(error).splitlines()[0]}\n"
                    "  share their folder with the workers at the same path, or ask here: WAREHOUSE_ENGINE=duckdb"
                ) from error
            raise
