"""A Spark Connect server for every test here, and sessions on it."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest

from warehouse.engine.spark_session import connect_spark
from warehouse.project import Project, Settings

SERVER = """
import sys
from pysail.spark import SparkConnectServer
server = SparkConnectServer(ip="127.0.0.1", port=0)
server.start(background=True)
print(server.listening_address[1], flush=True)
sys.stdin.read()
server.stop()
"""


@pytest.fixture(scope="session")
def spark_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a Sail server without a session: every client gets a catalog of its own there.

    A process of its own, whose tables lie in a temporary folder. `TEST_SPARK_REMOTE` names another server in its place,
    a real Spark, which must see this machine's files.
    """
    if given := os.environ.get("TEST_SPARK_REMOTE"):
        yield given
        return
    folder = tmp_path_factory.mktemp("spark")
    with (
        (folder / "server.log").open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-c", SERVER], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        ) as server,
    ):
        assert server.stdin is not None
        assert server.stdout is not None
        port = server.stdout.readline().decode().strip()
        assert port, (folder / "server.log").read_text()
        yield f"sc://127.0.0.1:{port}"
        server.stdin.close()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


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
