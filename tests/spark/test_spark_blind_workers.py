"""Workers that do not see the files that this machine sees: whatever asks them says so in one line."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import duckdb
import pytest
from sail import sail_server
from spark_fakes import SparkFake

from warehouse.engine.spark_session import connect_spark
from warehouse.exports.export import export_dataset
from warehouse.project import Project, Settings

HIDING = 'mount -t tmpfs none "$1" && shift && exec "$@"'
"""As if the server ran on a machine that has another folder there."""
NOW = datetime(2026, 11, 28, tzinfo=UTC)
DATASET: dict[str, Any] = {
    "key": "id",
    "label": "y",
    "synthetic": "made_up",
    "split": {"method": "hash", "shares": {"train": 0.8, "test": 0.2}},
}
ROWS = "select i as id, i % 3 = 0 as y, i % 7 as x, i % 5 = 0 as made_up from range({}) as r(i)"


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkFake]:
    """A project with two versions that were exported from DuckDB, in a folder that is empty to the server."""
    folder = tmp_path_factory.mktemp("blind")
    root = folder / "hidden"
    root.mkdir()
    through = ["unshare", "--mount", "sh", "-c", HIDING, "sh", str(root)]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*through, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("only root may give a server folders of its own")
    with sail_server(folder, through=through) as sail:
        remote = f"{sail.remote}/;session_id=6a0e4a9e-3b1c-4a3a-9d9e-000000000003"
        session = connect_spark(Project(root=folder, settings=Settings(spark_remote=remote)))
        fake = SparkFake(root / "a project", session, remote)
        for count in (900, 1000):
            fake.build(DATASET, rows=ROWS.format(count))
            export_dataset(fake.project, "late", now=NOW)
        with duckdb.connect() as connection:
            predictions = f"select id, y as prediction from ({ROWS.format(1000)})"
            connection.execute(f"copy ({predictions}) to '{fake.project.root}/predictions.parquet'")
        yield fake
        session.stop()


@pytest.mark.parametrize(
    "words",
    [
        ["drift", "late"],
        ["drift", "late@1.0.0", "late@1.1.0"],
        ["drift", "predictions.parquet", "predictions.parquet"],
        ["leakage", "late"],
        ["diagnose", "late", "--predictions", "predictions.parquet"],
        ["synthetic", "late"],
    ],
    ids=" ".join,
)
def test_what_asks_the_workers_is_one_clear_error(
    fake: SparkFake, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.chdir(fake.project.root)
    monkeypatch.setenv("SPARK_REMOTE", fake.project.settings.spark_remote)
    monkeypatch.setenv("WAREHOUSE_ENGINE", "spark")
    reports = sorted(fake.project.datasets_path.rglob("*"))

    outcome = run(*words)

    assert (outcome.code, outcome.out) == (2, "")
    assert "Spark's workers do not see the files that this machine sees: " in outcome.err
    (_, advice) = outcome.err.splitlines()
    assert advice.endswith("or ask here: WAREHOUSE_ENGINE=duckdb")
    assert sorted(fake.project.datasets_path.rglob("*")) == reports


@pytest.mark.parametrize(
    "words", [["verify", "late"], ["diff", "late@1.0.0", "late@1.1.0"], ["show", "late"]], ids=" ".join
)
def test_what_reads_a_version_here_asks_no_worker(
    fake: SparkFake, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.chdir(fake.project.root)
    monkeypatch.setenv("SPARK_REMOTE", "sc://127.0.0.1:1")
    monkeypatch.setenv("WAREHOUSE_ENGINE", "spark")

    assert run(*words).code == 0
