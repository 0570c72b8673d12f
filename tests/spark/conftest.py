"""A Spark Connect server for every test here, and sessions on it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sail import sail_server
from spark_cluster import FEW_ROWS, ClusterProcess, java_problem, spark_cluster

from warehouse.engine.local import LocalEngine
from warehouse.engine.spark import SparkEngine
from warehouse.engine.spark_opening import spark_engine
from warehouse.engine.spark_session import connect_spark
from warehouse.project import Project, Settings
from warehouse.storage import connect

SPARK_HOME = os.environ.get("TEST_SPARK_HOME")
"""Folder of the Python package pyspark: with it, all tests here run on a cluster of Apache Spark. `make test-spark`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leaves what needs a cluster out of every other run."""
    if SPARK_HOME is None:
        for item in items:
            if item.get_closest_marker("spark_cluster"):
                item.add_marker(pytest.mark.skip(reason="needs a cluster of Apache Spark: make test-spark"))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterProcess]:
    """A master, two workers of one core and a Connect server: every process is killed at the end."""
    assert SPARK_HOME is not None
    if problem := java_problem():
        pytest.exit(problem, returncode=2)
    with spark_cluster(tmp_path_factory.mktemp("cluster"), Path(SPARK_HOME), settings=FEW_ROWS) as started:
        yield started


@pytest.fixture(scope="session")
def spark_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a Sail server without a session: every client gets a catalog of its own there.

    A process of its own, whose tables lie in a temporary folder. `make test-spark` has a cluster of Apache Spark in its
    place, and `TEST_SPARK_REMOTE` names any other server, which must see this machine's files.
    """
    if given := os.environ.get("TEST_SPARK_REMOTE"):
        yield given
        return
    if SPARK_HOME is not None:
        yield request.getfixturevalue("cluster").remote
        return
    with sail_server(tmp_path_factory.mktemp("spark")) as server:
        yield server.remote


@pytest.fixture(scope="session")
def spark_remote(spark_server: str) -> str:
    """Address of the server with a session in it: whoever connects there shares one catalog, dbt too."""
    return f"{spark_server}/;session_id={uuid.uuid4()}"


@pytest.fixture(scope="session")
def spark_project(spark_remote: str, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project, without files, whose engine is that server."""
    settings = Settings(engine="spark", spark_remote=spark_remote)
    return Project(root=tmp_path_factory.mktemp("project"), settings=settings)


@pytest.fixture(scope="session")
def spark(spark_project: Project) -> Iterator[object]:
    """A session on the server that shares its catalog with whoever takes `spark_remote`."""
    session = connect_spark(spark_project)
    yield session
    session.stop()


@pytest.fixture(scope="module")
def here() -> Iterator[LocalEngine]:
    """DuckDB, without a table."""
    with connect(None) as connection:
        yield LocalEngine(connection)


@pytest.fixture(scope="module")
def there(spark_project: Project) -> Iterator[SparkEngine]:
    """The server, with a scratch schema as commands have it."""
    with spark_engine(spark_project) as engine:
        yield engine
