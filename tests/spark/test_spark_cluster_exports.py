"""Exports on a real cluster: what its workers write is what DuckDB writes, and whatever dies leaves nothing half."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from spark_cluster import ClusterProcess, spark_cluster
from spark_fakes import SparkFake, told
from spark_shop import copy_shop

from warehouse.builds import build_warehouse
from warehouse.datasets.differences import compare_versions
from warehouse.datasets.fingerprints import content_fingerprint
from warehouse.datasets.verification import verify_version
from warehouse.datasets.versions import Version, find_version, read_version, version_numbers
from warehouse.engine import spark_session
from warehouse.engine.local import LocalEngine
from warehouse.engine.spark_session import connect_spark
from warehouse.exports.export import export_dataset
from warehouse.project import Project, Settings
from warehouse.storage import connect

pytestmark = [pytest.mark.slow, pytest.mark.spark_cluster]

NOW = datetime(2026, 11, 28, tzinfo=UTC)
EXPOSURE = """
exposures:
  - name: spending
    type: ml
    owner: {name: Shop, email: shop@example.com}
    depends_on: [ref('orders')]
    config:
      meta:
        dataset:
          key: order_id
          label: amount
          groups: [customer]
          split: {method: hash, shares: {train: 0.6, dev: 0.2, test: 0.2}}
          shard: {rows: 40}
          order: key
"""
HASH = {"method": "hash", "shares": {"train": 0.8, "dev": 0.1, "test": 0.1}}
DECLARED = {"key": "id", "label": "y", "split": HASH, "shard": {"rows": 20_000}}
ROWS = "select i as id, i % 2 = 0 as y, 'p' || i % 300 as person from range({}) as r(i)"
MANY = 400_000
"""So many rows that their files are written one after the other, by two workers."""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterProcess]:
    """A cluster for these tests alone, since they kill its members."""
    with spark_cluster(tmp_path_factory.mktemp("own"), Path(os.environ["TEST_SPARK_HOME"])) as started:
        yield started


@pytest.fixture
def fake(own: ClusterProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SparkFake]:
    """Version 1.0.0 stands, and the next export has many rows; commands find the project and the cluster."""
    monkeypatch.setenv("SPARK_REMOTE", own.remote)
    session = connect_spark(Project(root=tmp_path, settings=Settings(spark_remote=own.remote)))
    fake = SparkFake(tmp_path / "a project", session, own.remote)
    monkeypatch.chdir(fake.project.root)
    fake.build_on_spark(DECLARED, rows=ROWS.format(500))
    export_dataset(fake.project, "late", now=NOW)
    fake.build_on_spark(DECLARED, rows=ROWS.format(MANY))
    yield fake
    session.stop()


def kill_while_written(fake: SparkFake, kill: Callable[[], None]) -> threading.Thread:
    """Kills once a worker has begun a file of a version that is not the first file of all."""
    folder = fake.project.datasets_path / "late"

    def watch() -> None:
        while not list(folder.glob(".tmp-*/written-*/_temporary/*/_temporary/*/file_number=[1-9]*/*.parquet")):
            time.sleep(0.001)
        kill()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def check_whole(fake: SparkFake, *numbers: str) -> None:
    assert version_numbers(fake.project, "late") == list(numbers)
    for number in numbers:
        version = find_version(fake.project, f"late@{number}")
        assert verify_version(version).findings == ()
        data = {path.relative_to(version.path).as_posix() for path in (version.path / "data").rglob("*")}
        listed = {file.path for split in version.manifest.splits for file in split.files}
        # No checksums beside them, no marks of what succeeded.
        assert {path for path in data if not (version.path / path).is_dir()} == listed
    assert not list((fake.project.datasets_path / "late").glob(".tmp-*"))


def check_same(here: Version, there: Version) -> None:
    assert told(there.manifest) == told(here.manifest)
    types = {column.name: column.type for column in here.manifest.columns}
    with connect(None) as connection:
        engine = LocalEngine(connection)
        assert compare_versions(engine, here, there).is_same
        for split in here.splits:
            contents = [content_fingerprint(engine, version.split(split), types) for version in (here, there)]
            assert contents[0] == contents[1], split


def test_a_project_builds_and_exports_what_duckdb_does(own: ClusterProcess, tmp_path: Path) -> None:
    root = tmp_path / "a project"
    copy_shop(root, exposure=EXPOSURE)
    orders = "".join(f"{order},c{order % 47},{order * 7 % 90}\n" for order in range(1, 301))
    (root / "data/orders.csv").write_text(f"order_id,customer,amount\n{orders}")
    project = Project.find(root)
    settings = replace(project.settings, engine="spark", spark_remote=own.remote, state_path="there")
    there = replace(project, settings=settings)

    exports = []
    for each in (project, there):
        assert build_warehouse(each, now=NOW).published
        exports.append(export_dataset(each, "spending", now=NOW))

    assert [export.findings for export in exports] == [exports[0].findings] * 2
    paths = [export.path for export in exports]
    assert paths[0] is not None
    assert paths[1] is not None
    check_same(read_version(paths[0]), read_version(paths[1]))
    assert verify_version(read_version(paths[1])).findings == ()
    assert {path.suffix for path in (paths[1] / "data").rglob("*.*")} == {".parquet"}


def test_a_worker_that_dies_while_files_are_written_costs_no_row(
    own: ClusterProcess, fake: SparkFake, run: Callable[..., Any]
) -> None:
    watch = kill_while_written(fake, lambda: own.kill("worker1"))

    done = run("export", "late")

    watch.join(1)
    assert not watch.is_alive()
    own.start("worker")
    if done.code == 0:
        check_whole(fake, "1.0.0", "1.1.0")
    else:
        assert (done.code, done.err.count("error:")) == (2, 1), done.err
        check_whole(fake, "1.0.0")
    fake.build_on_spark(DECLARED, rows=ROWS.format(MANY + 100))
    assert run("export", "late").code == 0
    newest = find_version(fake.project, "late")
    check_whole(fake, *version_numbers(fake.project, "late"))

    # DuckDB finds in it the rows that it would write.
    fake.build(DECLARED, rows=ROWS.format(MANY + 100))
    done = run("export", "late")
    assert done.code == 0, done
    assert find_version(fake.project, "late").path == newest.path


def test_a_server_that_dies_while_files_are_written_is_one_clear_error(
    own: ClusterProcess, fake: SparkFake, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spark_session, "RETRIES", 2)
    watch = kill_while_written(fake, lambda: own.kill("connect1"))

    done = run("export", "late")

    watch.join(1)
    assert not watch.is_alive()
    assert done.code == 2, done
    assert "Spark could not write" in done.err
    assert "nothing was changed" in done.err
    assert "Traceback" not in done.err
    check_whole(fake, "1.0.0")

    own.start("connect")
    # Its catalog outlives it, and so does the build.
    done = run("export", "late")
    assert done.code == 0, done
    check_whole(fake, "1.0.0", "1.1.0")
