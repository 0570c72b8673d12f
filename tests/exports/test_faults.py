"""Exports that are killed, run out of disk or meet each other leave the old newest version or the new one."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_builds import Fake

from warehouse.datasets.verification import verify_version
from warehouse.datasets.versions import find_version, version_numbers
from warehouse.errors import LockedError, StorageError
from warehouse.exports.outcome import Export, Outcome
from warehouse.storage import lock

DECLARED = {"key": "id", "split": {"method": "hash", "shares": {"train": 0.8, "dev": 0.1, "test": 0.1}}}
ROWS = "select i as id, md5(i::varchar) as a, md5((i + 1)::varchar) as b from range(200000) as r(i)"
SCRIPT = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from warehouse.exports.export import export_dataset
from warehouse.project import Project
project = Project.find(Path(sys.argv[1]))
print("ready", flush=True)
export_dataset(project, "late", now=datetime.now(UTC))
print("done", flush=True)
"""


def start_export(fake: Fake) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(fake.project.root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def leftovers(fake: Fake) -> list[Path]:
    return list(fake.project.datasets_path.glob("late/.tmp-*"))


def wait_for_files(fake: Fake, process: subprocess.Popen[str]) -> None:
    """Until the export writes the first one, or has ended."""
    while not leftovers(fake) and process.poll() is None:
        time.sleep(0.005)


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_whole_versions_only(fake: Fake, export: Callable[..., Export]) -> None:
    fake.build(DECLARED, rows=ROWS)
    export()
    fake.build(DECLARED, rows=ROWS.replace("200000", "201000"))
    process = start_export(fake)
    started = time.perf_counter()
    process.communicate()
    whole_seconds = time.perf_counter() - started
    count = 20
    seen = set()
    for attempt in range(count):
        fake.build(DECLARED, rows=ROWS.replace("200000", str(202_000 + attempt)))
        before = version_numbers(fake.project, "late")
        process = start_export(fake)
        if attempt % 2:
            # However fast the machine is now: while files are written.
            wait_for_files(fake, process)
            time.sleep(whole_seconds * attempt / count * 0.1)
        else:
            time.sleep(whole_seconds * attempt / count)
        process.kill()
        process.communicate()
        after = version_numbers(fake.project, "late")
        assert after[: len(before)] == before
        assert len(after) <= len(before) + 1
        assert verify_version(find_version(fake.project, "late")).findings == ()
        seen.add(bool(leftovers(fake)))
    export()

    assert True in seen, "no kill came while files were written"
    assert leftovers(fake) == []
    assert find_version(fake.project, "late").manifest.row_count == 202_000 + count - 1


def test_an_interrupted_export_removes_what_it_wrote(fake: Fake) -> None:
    fake.build(DECLARED, rows=ROWS.replace("200000", "3000000"))
    process = start_export(fake)
    wait_for_files(fake, process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()

    assert "KeyboardInterrupt" in errors or process.returncode == 0
    assert leftovers(fake) == []


def test_two_exports_at_once_never_meet(fake: Fake, export: Callable[..., Export]) -> None:
    fake.build(DECLARED, rows=ROWS)

    with (
        lock(fake.project.datasets_path / "late" / ".lock", purpose="an export of late"),
        pytest.raises(LockedError, match=r"an export of late is already running: process \d+ on"),
    ):
        export()

    assert export().outcome is Outcome.WRITTEN


def test_many_exports_at_once_make_one_version(fake: Fake) -> None:
    fake.build(DECLARED, rows=ROWS)
    processes = [start_export(fake) for _ in range(4)]
    results = [process.communicate() for process in processes]

    assert any("done" in out for out, _ in results)
    assert all("done" in out or "is already running" in errors for out, errors in results)
    assert version_numbers(fake.project, "late") == ["1.0.0"]
    assert verify_version(find_version(fake.project, "late")).findings == ()


@pytest.mark.parametrize("limit", [300, 20_000, 400_000, 3_000_000], ids=lambda limit: f"{limit} bytes")
def test_a_full_disk_leaves_no_half_version(fake: Fake, export: Callable[..., Export], limit: int) -> None:
    fake.build(DECLARED, rows=ROWS)
    # No file may grow past the limit: the same as a full disk to whoever writes it.
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(StorageError, match=r"cannot (write|lock)[\s\S]*(space|large)"):
            export()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert version_numbers(fake.project, "late") == []
    assert leftovers(fake) == []
    assert export().outcome is Outcome.WRITTEN


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes into read-only folders")
def test_a_read_only_folder_is_named(fake: Fake, export: Callable[..., Export]) -> None:
    fake.build(DECLARED, rows=ROWS)
    fake.project.datasets_path.mkdir(parents=True)
    fake.project.datasets_path.chmod(0o500)

    with pytest.raises(StorageError, match="make the folder writable"):
        export()


def test_a_file_where_the_folder_should_be_is_named(fake: Fake, export: Callable[..., Export]) -> None:
    fake.build(DECLARED, rows=ROWS)
    fake.project.datasets_path.write_text("not a folder")

    with pytest.raises(StorageError, match=r"cannot lock .*datasets"):
        export()


def test_a_number_that_is_taken_by_a_folder_without_a_manifest_is_not_overwritten(
    fake: Fake, export: Callable[..., Export]
) -> None:
    fake.build(DECLARED, rows=ROWS)
    (fake.project.datasets_path / "late/1.0.0").mkdir(parents=True)

    with pytest.raises(StorageError, match=r"late/1\.0\.0 exists already"):
        export()

    assert leftovers(fake) == []


def test_leftovers_of_a_dead_export_are_removed(fake: Fake, export: Callable[..., Export]) -> None:
    fake.build(DECLARED, rows=ROWS)
    dead = fake.project.datasets_path / "late/.tmp-dead/data/train"
    dead.mkdir(parents=True)
    (dead / "part-00000.parquet").write_text("half")

    export()

    assert leftovers(fake) == []


def test_a_build_published_meanwhile_changes_nothing(fake: Fake, export: Callable[..., Export]) -> None:
    old = fake.build(DECLARED, rows=ROWS)
    process = start_export(fake)
    fake.build(DECLARED, rows=ROWS.replace("200000", "1000"))
    process.communicate()

    manifest = find_version(fake.project, "late").manifest
    assert manifest.row_count == (200_000 if manifest.provenance.build_id == old else 1000)
