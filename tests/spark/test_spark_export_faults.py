"""Exports from Spark that are killed, whose server dies, or that cannot write: the old state or the new one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import kill_points
import pytest
from sail import sail_server
from small_disks import small_disk
from spark_fakes import SparkFake

from warehouse.datasets.verification import verify_version
from warehouse.datasets.versions import find_version, version_numbers
from warehouse.engine import spark_session
from warehouse.engine.spark_session import connect_spark
from warehouse.errors import ExportError, StorageError
from warehouse.exports.export import export_dataset
from warehouse.exports.spark_destinations import SharedFolder
from warehouse.project import Project, Settings
from warehouse.published import find_build, read_spark_place

NOW = datetime(2026, 11, 28, tzinfo=UTC)
DECLARED = {"key": "id", "label": "y", "split": {"method": "hash", "shares": {"train": 0.8, "dev": 0.1, "test": 0.1}}}
ROWS = "select i as id, i % 2 = 0 as y, 'p' || i % 300 as person from range({}) as r(i)"
EVERY_MOMENT = bool(os.environ.get("WAREHOUSE_TEST_EVERY_MOMENT"))
KILLED = """
import os, sys, threading
sys.path.append(sys.argv[1])
from kill_points import counting_changes
from datetime import UTC, datetime
from pathlib import Path
from warehouse.exports.export import export_dataset
from warehouse.project import Project
count = counting_changes(int(sys.argv[2]))
export_dataset(Project.find(Path(".")), "late", now=datetime(2026, 11, 28, tzinfo=UTC))
print(count())
"""


@pytest.fixture
def fake(spark: Any, spark_remote: str, tmp_path: Path) -> SparkFake:
    """Version 1.0.0 stands, and the next export writes 1.1.0."""
    fake = SparkFake(tmp_path / "a project", spark, spark_remote)
    fake.build_on_spark(DECLARED, rows=ROWS.format(500))
    export_dataset(fake.project, "late", now=NOW)
    fake.build_on_spark(DECLARED, rows=ROWS.format(600))
    return fake


def killed(fake: SparkFake, step: int) -> tuple[int, str]:
    environment = {**os.environ, "SPARK_REMOTE": fake.project.settings.spark_remote}
    words = [sys.executable, "-c", KILLED, str(Path(kill_points.__file__).parent), str(step)]
    done = subprocess.run(words, cwd=fake.project.root, env=environment, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout + done.stderr


def check_whole(fake: SparkFake, *numbers: str) -> None:
    assert version_numbers(fake.project, "late") == list(numbers)
    for number in numbers:
        assert verify_version(find_version(fake.project, f"late@{number}")).findings == ()
    assert not list((fake.project.datasets_path / "late").glob(".tmp-*"))


def test_a_kill_at_any_change_of_a_file_leaves_whole_versions(fake: SparkFake) -> None:
    code, told = killed(fake, 0)
    assert code == 0, told
    changes = int(told)
    check_whole(fake, "1.0.0", "1.1.0")
    moments = range(1, changes + 1) if EVERY_MOMENT else (changes // 4, changes // 2, changes - 3)

    for index, step in enumerate(moments):
        fake.build_on_spark(DECLARED, rows=ROWS.format(700 + index))
        code, told = killed(fake, step)
        assert code == -signal.SIGKILL, (step, told)
        before = version_numbers(fake.project, "late")
        export_dataset(fake.project, "late", now=NOW)
        check_whole(fake, *before, *([] if len(before) == 3 + index else [f"1.{index + 2}.0"]))


@pytest.mark.skipif(
    "TEST_SPARK_HOME" in os.environ,
    reason="about Sail's server: that of Apache Spark dies in test_spark_cluster_exports",
)
def test_a_server_that_dies_while_its_workers_write_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spark_session, "RETRIES", 2)
    with sail_server(tmp_path) as sail:
        remote = f"{sail.remote}/;session_id=6a0e4a9e-3b1c-4a3a-9d9e-000000000002"
        session = connect_spark(Project(root=tmp_path, settings=Settings(spark_remote=remote)))
        fake = SparkFake(tmp_path / "a project", session, remote)
        fake.build_on_spark(DECLARED, rows=ROWS.format(500))
        export_dataset(fake.project, "late", now=NOW)
        fake.build_on_spark(DECLARED, rows=ROWS.format(300_000))
        folder = fake.project.datasets_path / "late"

        def kill() -> None:
            while not list(folder.glob(".tmp-*/written-*/file_number=1")):
                time.sleep(0.001)
            sail.process.kill()

        threading.Thread(target=kill, daemon=True).start()
        with pytest.raises(StorageError, match=r"Spark could not write .* does not answer[\s\S]*nothing was changed"):
            export_dataset(fake.project, "late", now=NOW)

        check_whole(fake, "1.0.0")


def test_nobody_there_is_one_clear_error(fake: SparkFake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark_session, "READY_SECONDS", 1)
    project = replace(fake.project, settings=replace(fake.project.settings, spark_remote="sc://127.0.0.1:1"))

    with pytest.raises(StorageError, match=r"no Spark Connect server answers at sc://127\.0\.0\.1:1"):
        export_dataset(project, "late", now=NOW)

    check_whole(fake, "1.0.0")


def test_a_full_disk_is_one_clear_error(spark: Any, spark_remote: str, tmp_path: Path) -> None:
    fake = SparkFake(tmp_path / "a project", spark, spark_remote)
    fake.build_on_spark(DECLARED, rows="select i as id, i % 2 = 0 as y, md5(i::varchar) as x from range(300000) r(i)")
    fake.project.datasets_path.parent.mkdir(exist_ok=True)
    with small_disk(tmp_path / "disk") as disk:
        fake.project.datasets_path.symlink_to(disk)
        (disk / "filler").write_bytes(b"\1" * (22 << 20))

        with pytest.raises(StorageError, match=r"Spark could not write into .*[\s\S]*have space; nothing was changed"):
            export_dataset(fake.project, "late", now=NOW)

        check_whole(fake)


def test_a_folder_that_the_workers_do_not_see_is_one_clear_error(
    fake: SparkFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As when they run on another machine: what they write lies somewhere else.
    elsewhere = fake.project.root / "elsewhere"
    monkeypatch.setattr(SharedFolder, "aside", lambda self, name: str(elsewhere / name))

    with pytest.raises(StorageError, match=r"is not there for this machine[\s\S]*state_path"):
        export_dataset(fake.project, "late", now=NOW)

    check_whole(fake, "1.0.0")


def test_a_build_stays_while_it_is_exported(fake: SparkFake, monkeypatch: pytest.MonkeyPatch) -> None:
    files = find_build(fake.project)
    seen = []

    def look(*_: Any, **__: Any) -> None:
        words = "import sys; from pathlib import Path; from warehouse.storage import has_reader; "
        code = words + "print(has_reader(Path(sys.argv[1])))"
        done = subprocess.run([sys.executable, "-c", code, str(files.content_path)], capture_output=True, text=True)
        seen.append(done.stdout.strip())

    monkeypatch.setattr("warehouse.exports.spark_workplace.check_is_shared", look)
    export_dataset(fake.project, "late", now=NOW)

    assert seen == ["True"]


def test_a_build_whose_tables_are_gone_is_one_clear_error(fake: SparkFake) -> None:
    (schema,) = read_spark_place(find_build(fake.project)).schemas.values()
    fake.session.sql(f"drop schema {schema} cascade")

    with pytest.raises(StorageError, match=rf"Spark has no {schema}, where build .* was made on .*\n.*warehouse build"):
        export_dataset(fake.project, "late", now=NOW)

    fake.session.sql(f"create schema {schema}")
    with pytest.raises(
        ExportError, match=r"'late' reads .*examples of build .*Spark does not tell the columns.*\n.*anew"
    ):
        export_dataset(fake.project, "late", now=NOW)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"format": "csv"}, "format: csv; Spark's workers write parquet"),
        ({"columns": {"pseudonymise": ["person"]}}, "columns.pseudonymise: person; the key would lie on the cluster"),
    ],
)
def test_what_spark_does_not_do_is_refused_by_name(fake: SparkFake, more: dict[str, Any], message: str) -> None:
    fake.build_on_spark({**DECLARED, **more}, rows=ROWS.format(500))

    with pytest.raises(ExportError, match=message):
        export_dataset(fake.project, "late", now=NOW)
