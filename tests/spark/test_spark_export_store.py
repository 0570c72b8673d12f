"""Exports from Spark into a store: the workers write there, and the project keeps the texts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fake_builds import Fake
from s3_server import Server
from sail import sail_server
from spark_fakes import SparkFake

from warehouse.datasets.loading import load_dataset
from warehouse.datasets.store_contents import clean_store, list_store
from warehouse.datasets.store_pull import pull_version
from warehouse.datasets.verification import verify_version
from warehouse.datasets.versions import find_version
from warehouse.engine.spark_session import connect_spark
from warehouse.errors import StoreError, VersionError
from warehouse.exports.export import export_dataset
from warehouse.exports.outcome import Outcome
from warehouse.object_store import open_store
from warehouse.project import Project, Settings

pytestmark = pytest.mark.skipif(
    "TEST_SPARK_HOME" in os.environ,
    reason="untested on Apache Spark: its package lacks the jars that read and write s3a:// (hadoop-aws)",
)

NOW = datetime(2026, 11, 28, tzinfo=UTC)
URL = "s3://bucket/spark exports"
DECLARED = {"key": "id", "label": "y", "split": {"method": "hash", "shares": {"train": 0.8, "dev": 0.1, "test": 0.1}}}
ROWS = "select i as id, i % 2 = 0 as y, 'p' || i % 300 as person from range({}) as r(i)"


@pytest.fixture(scope="module")
def fake(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkFake]:
    """A project whose cluster and store see each other: Sail reads where the store is when it starts."""
    folder = tmp_path_factory.mktemp("store")
    with (
        pytest.MonkeyPatch.context() as patch,
        sail_server(folder, AWS_ALLOW_HTTP="true", **server.environment) as sail,
    ):
        for name, value in server.environment.items():
            patch.setenv(name, value)
        remote = f"{sail.remote}/;session_id=6a0e4a9e-3b1c-4a3a-9d9e-000000000001"
        session = connect_spark(Project(root=folder, settings=Settings(spark_remote=remote)))
        fake = SparkFake(folder / "a project", session, remote)
        fake.project = replace(fake.project, settings=replace(fake.project.settings, store=URL))
        yield fake
        session.stop()


def test_workers_write_into_the_store_and_other_machines_pull(fake: SparkFake, tmp_path: Path) -> None:
    fake.build_on_spark(DECLARED, rows=ROWS.format(500))

    result = export_dataset(fake.project, "late", now=NOW)

    version = find_version(fake.project, "late")
    assert result.outcome is Outcome.WRITTEN
    assert not (version.path / "data").exists()
    assert version.store_url == URL
    assert verify_version(version).findings == ()
    store = open_store(URL)
    assert [(entry.name, entry.version) for entry in list_store(store)] == [("late", "1.0.0")]
    assert not list(store.objects("late/staging"))

    elsewhere = Fake(tmp_path / "another machine").project
    pulled = find_version(elsewhere, pull_version(store, elsewhere, "late").reference)
    assert verify_version(pulled).findings == ()
    assert pulled.manifest == version.manifest
    assert sum(load_dataset(pulled.path).arrow(split).num_rows for split in pulled.splits) == 500

    # Here too: by the library from a cache, by DuckDB after a pull.
    loaded = load_dataset("late", project=fake.project)
    assert loaded["test"].collect().height == version.manifest.splits[-1].row_count
    with pytest.raises(VersionError, match=r"lie in s3://bucket/spark exports[\s\S]*warehouse pull late@1\.0\.0"):
        version.check_files("test")


def test_versions_follow_each_other_whichever_engine_writes_them(fake: SparkFake) -> None:
    fake.build_on_spark(DECLARED, rows=ROWS.format(600))
    second = export_dataset(fake.project, "late", now=NOW)
    assert second.manifest.change is not None
    assert second.manifest.change.rows_added == 100
    assert second.path is not None

    # DuckDB finds the same rows, for which it fetches the files.
    fake.build(DECLARED, rows=f"from ({ROWS.format(600)}) order by md5(id::varchar)")
    assert export_dataset(fake.project, "late", now=NOW).outcome is Outcome.UNCHANGED
    assert (second.path / "data/train").is_dir()
    assert verify_version(find_version(fake.project, "late")).findings == ()

    # And the other way round: a version of DuckDB's is in the store and here.
    fake.build(DECLARED, rows=ROWS.format(650))
    third = export_dataset(fake.project, "late", now=NOW)
    fake.build_on_spark(DECLARED, rows=f"from ({ROWS.format(650)}) order by md5(id::varchar)")
    again = export_dataset(fake.project, "late", now=NOW)
    assert (third.outcome, again.outcome) == (Outcome.WRITTEN, Outcome.UNCHANGED)


def test_an_export_on_another_machine_continues_without_fetching_data(fake: SparkFake, tmp_path: Path) -> None:
    fake.build_on_spark(DECLARED, rows=ROWS.format(700))
    export_dataset(fake.project, "late", now=NOW)
    other = SparkFake(tmp_path / "another machine", fake.session, fake.project.settings.spark_remote)
    other.project = replace(other.project, settings=replace(other.project.settings, store=URL))

    other.build_on_spark(DECLARED, rows=ROWS.format(710))
    result = export_dataset(other.project, "late", now=NOW)

    assert result.manifest.change is not None
    assert (result.manifest.change.since, result.manifest.change.rows_added) == ("1.3.0", 10)
    folder = other.project.datasets_path / "late"
    assert not (folder / "1.3.0/data").exists()


def test_what_a_dead_export_left_in_the_store_is_removed_by_the_next(fake: SparkFake) -> None:
    store = open_store(URL)
    folder = fake.project.datasets_path / "late"
    (folder / ".tmp-dead").mkdir()
    store.put_bytes("late/staging/.tmp-dead/written-1/file_number=0/x.parquet", b"half")
    store.put_bytes("late/staging/.tmp-alive/written-1/file_number=0/x.parquet", b"of another machine")

    export_dataset(fake.project, "late", now=NOW)

    assert [item.key for item in store.objects("late/staging")] == [
        "late/staging/.tmp-alive/written-1/file_number=0/x.parquet"
    ]
    clean_store(store, now=datetime.now(UTC) + timedelta(days=30))
    assert not list(store.objects("late/staging"))


def test_a_store_that_is_not_there_is_one_clear_error(fake: SparkFake) -> None:
    project = replace(fake.project, settings=replace(fake.project.settings, store="s3://no-such-bucket/x"))

    with pytest.raises(StoreError, match="there is no such bucket"):
        export_dataset(project, "late", now=NOW)


def test_a_changed_object_is_found_in_the_store(fake: SparkFake) -> None:
    fake.build_on_spark(DECLARED, rows=ROWS.format(800))
    result = export_dataset(fake.project, "late", now=NOW)
    version = find_version(fake.project, result.reference)
    store = open_store(URL)
    file = version.manifest.splits[-1].files[0]
    key = f"late/objects/{file.sha256}.parquet"
    store.put_bytes(key, b"changed")

    (finding,) = verify_version(version).findings
    assert "was changed in the store" in finding.message
    store.delete([key])
    (finding,) = verify_version(version).findings
    assert "is missing" in finding.message
