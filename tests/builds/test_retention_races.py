"""Readers that open a build in the very moment in which retention would delete it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fake_builds import Fake

from warehouse import records, retention, storage
from warehouse.builds import publish
from warehouse.errors import ProjectError
from warehouse.project import Project
from warehouse.published import find_build, open_build, published_id
from warehouse.records import Status


@pytest.fixture
def three(fake: Fake) -> Fake:
    """Builds 1 and 2, which nothing needs, and 3, which is published."""
    for number in (1, 2, 3):
        passed(fake.project, fake.build(rows=f"select {number} as id", exposures=[]))
    settings = replace(fake.project.settings, keep_builds=1)
    fake.project = replace(fake.project, settings=settings)
    return fake


def record_of(build_id: str) -> records.Record:
    return records.Record(id=build_id, command="build", status=Status.PASSED, started_at="2026-11-23T00:00:01+00:00")


def passed(project: Project, build_id: str) -> None:
    records.write_record(project, record_of(build_id))


def reader(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import duckdb, sys\nconnection = duckdb.connect(sys.argv[1], read_only=True)\nprint('open', flush=True)\n"
            "sys.stdin.readline()\nprint(connection.execute('from examples').fetchone())",
            str(path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    return process


def test_a_build_that_is_opened_after_it_was_found_unneeded_stays(three: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    first = three.project.builds_path / "20261123T000001Z"
    asked: list[Path] = []
    started = []
    really: Callable[[Path], bool] = storage.has_reader

    def open_after_the_answer(path: Path) -> bool:
        answer = really(path)
        if not asked:
            started.append(reader(path))
        asked.append(path)
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(storage, "has_reader", open_after_the_answer)
        removed = retention.remove_old_builds(three.project)

    assert removed == ("20261123T000002Z",)
    assert (first / "warehouse.duckdb").is_file()
    assert started[0].communicate("\n")[0] == "(1,)\n"
    assert retention.remove_old_builds(three.project) == (first.name,)


def test_whose_build_goes_before_it_is_opened_gets_the_newest(three: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    really = storage.connect

    def publish_first(path: Path, **options: object) -> object:
        monkeypatch.setattr(storage, "connect", really)
        passed(three.project, three.build(rows="select 4 as id", exposures=[]))
        retention.remove_old_builds(three.project)
        assert not path.exists()
        return really(path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(storage, "connect", publish_first)
    files, connection = open_build(three.project)
    with connection:
        assert connection.execute("from examples").fetchall() == [(4,)]
    assert files == find_build(three.project)
    with pytest.raises(ProjectError, match="there is no build '20261123T000001Z'"):
        open_build(three.project, "20261123T000001Z")


def test_a_build_is_held_while_nothing_has_it_open(three: Fake) -> None:
    path = find_build(three.project, "20261123T000001Z").database_path
    script = (
        "import sys\nfrom pathlib import Path\nfrom warehouse import storage\npath = Path(sys.argv[1])\n"
        "with storage.held_open(path):\n    storage.connect(path).close()\n    print('held', flush=True)\n"
        "    sys.stdin.readline()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"

    assert "20261123T000001Z" not in retention.remove_old_builds(three.project)
    holder.communicate("\n")
    assert "20261123T000001Z" in retention.remove_old_builds(three.project)


def test_what_somebody_else_deletes_while_it_is_counted_is_passed_over(
    three: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = list(retention.unneeded_builds(three.project))
    assert found == ["20261123T000001Z", "20261123T000002Z"]
    shutil.rmtree(three.project.builds_path / found[0])
    monkeypatch.setattr(retention, "unneeded_builds", lambda *_, **__: iter(found))

    assert retention.clean_up(three.project, now=datetime(2026, 11, 24, tzinfo=UTC)).byte_count > 0


def test_what_a_killed_clean_up_left_is_deleted_by_the_next_one(three: Fake) -> None:
    folder = three.project.builds_path
    (folder / "20261123T000001Z").rename(folder / ".trash-20261123T000001Z")

    retention.remove_old_builds(three.project)

    assert [path.name for path in folder.iterdir()] == [published_id(three.project)]


def test_a_build_that_is_deleted_while_publishing_waits_for_it_is_not_published(
    three: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = storage.lock

    def deleted_meanwhile(path: Path, **options: object) -> object:
        shutil.rmtree(three.project.builds_path / "20261123T000001Z", ignore_errors=True)
        return really(path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(storage, "lock", deleted_meanwhile)
    with pytest.raises(ProjectError, match="there is no build"):
        publish(three.project, "20261123T000001Z")

    assert find_build(three.project).database_path.is_file()


def test_who_may_not_write_a_build_sees_its_readers_too(three: Fake) -> None:
    """Sealed builds can be written by nobody but root, so somebody else asks."""
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody else")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "a.duckdb"
        shutil.copyfile(find_build(three.project).database_path, path)
        path.chmod(0o444)
        storage.has_reader(path)  # imports what somebody else may not read

        def ask() -> int:
            child = os.fork()
            if child == 0:
                os.setuid(65534)
                os._exit(storage.has_reader(path))
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

        assert ask() == 0
        process = reader(path)
        assert ask() == 1
        process.communicate("\n")


@pytest.mark.parametrize("delete", [retention.sweep_interrupted, retention.remove_old_builds])
@pytest.mark.parametrize("moment", range(1, 5))
def test_a_build_that_arrives_meanwhile_is_not_taken_for_a_dead_one(
    three: Fake, delete: Callable[[Project], object], moment: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = three.project
    build_id = three.build(rows="select 4 as id", exposures=[])
    storage.switch_link(project.current_path, project.builds_path / "20261123T000003Z")
    pulled = replace(record_of(build_id), details={"pulled": {"from": "s3://bucket"}})
    aside = project.builds_path / ".pull"
    (project.builds_path / build_id).rename(aside)
    really, looks = records.run_ids, 0

    def look(asked: Project) -> list[str]:
        nonlocal looks
        looks += 1
        found = really(asked)
        if looks == moment:
            records.write_record(project, pulled)
            aside.rename(project.builds_path / build_id)
        return found

    monkeypatch.setattr(records, "run_ids", look)
    delete(project)

    assert (project.builds_path / build_id).is_dir() or aside.is_dir()
