"""Which build readers open, when the clock jumps and when the process that switches is killed."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from machines import NOW, Machine

from warehouse import records, retention, runs, storage
from warehouse.builds import list_builds, publish, publish_by_hand, roll_back
from warehouse.errors import BuildError, LockedError, ProjectError
from warehouse.published import published_id
from warehouse.records import Status


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path / "a project")
    for count in (10, 20, 30):
        machine.build(count)
    return machine


def make_at(machine: Machine, now: datetime, count: int) -> str:
    """A build that was started when the clock said so."""
    build_id = machine.build(count)
    folder = machine.project.builds_path / build_id
    records.record_path(machine.project, build_id).unlink()
    given = records.new_run_id(machine.project, now)
    folder.rename(folder.with_name(given))
    machine.record(given, details={})
    publish(machine.project, given)
    return given


def test_when_the_clock_jumps_back_the_newest_build_is_still_the_one_made_last(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "a project")
    days = (0, -400, -1, +1, -30)
    ids = [make_at(machine, NOW + timedelta(days=day), count) for count, day in enumerate(days, start=1)]

    assert ids == sorted(ids)
    assert [entry.id for entry in list_builds(machine.project)] == ids
    assert machine.count() == len(days)
    assert roll_back(machine.project, now=NOW - timedelta(days=800)) == (ids[-1], ids[-2])
    few = replace(machine.project, settings=replace(machine.project.settings, keep_builds=2))
    assert retention.remove_old_builds(few) == tuple(ids[:3])
    assert machine.count() == len(days) - 1


@pytest.mark.parametrize("command", ["rollback", "publish"])
def test_a_switch_by_hand_is_on_record_before_and_after(
    machine: Machine, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    really = storage.switch_link

    def look(link: Path, target: Path) -> None:
        seen.append(records.read_records(machine.project)[-1])
        really(link, target)

    monkeypatch.setattr(storage, "switch_link", look)
    before, after = sorted(path.name for path in machine.project.builds_path.iterdir())[::-1][:2]
    if command == "rollback":
        assert roll_back(machine.project, now=NOW) == (before, after)
    else:
        assert publish_by_hand(machine.project, after, now=NOW) == before

    assert [(record.command, record.status) for record in seen] == [(command, Status.RUNNING)]
    last = records.read_records(machine.project)[-1]
    assert (last.status, last.details) == (Status.PASSED, {"from": before, "to": after})
    assert last.by["user"] == records.whoami()["user"]


@pytest.mark.parametrize("is_switched", [False, True], ids=["before the switch", "after the switch"])
def test_a_rollback_that_was_killed_is_marked_by_the_next_build(
    machine: Machine, is_switched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = storage.switch_link

    def killed(link: Path, target: Path) -> None:
        if is_switched:
            really(link, target)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(storage, "switch_link", killed)
        with pytest.raises(KeyboardInterrupt):
            roll_back(machine.project, now=NOW)

    last = records.read_records(machine.project)[-1]
    runs.sweep_dead(machine.project, now=NOW)
    assert records.read_record(machine.project, last.id) == last, "it may still be on its way"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    records.write_record(machine.project, replace(last, by={**last.by, "pid": ended.pid}))

    runs.sweep_dead(machine.project, now=NOW)
    expected = Status.PASSED if is_switched else Status.INTERRUPTED
    assert records.read_records(machine.project)[-1].status is expected
    assert len(list_builds(machine.project)) == 3


def test_a_rollback_to_what_cannot_be_published_says_so(machine: Machine) -> None:
    first, _, third = (entry.id for entry in list_builds(machine.project))
    with pytest.raises(ProjectError, match="there is no build '20200101T000000Z'"):
        roll_back(machine.project, now=NOW, build_id="20200101T000000Z")
    assert all(record.command == "build" for record in records.read_records(machine.project))
    machine.record(first, details={}, status=Status.FAILED)

    with pytest.raises(BuildError, match="its status is 'failed'"):
        roll_back(machine.project, now=NOW, build_id=first)

    assert published_id(machine.project) == third
    last = records.read_records(machine.project)[-1]
    assert (last.command, last.status) == ("rollback", Status.ERROR)


def test_a_lock_of_another_machine_is_never_taken_for_that_of_a_dead_process(machine: Machine) -> None:
    """The number of its process means nothing here."""
    path = machine.project.warehouse_path / "build.lock"
    with storage.lock(path, purpose="a build"):
        holder = path.with_name("build.holder.json")
        storage.write_json(holder, {"pid": 2**22 - 1, "host": "ada", "started_at": "2026-11-23T12:00:00+00:00"})

        with (
            pytest.raises(LockedError, match="process 4194303 on ada, since 2026-11-23T12:00:00") as refused,
            storage.lock(path, purpose="a build"),
        ):
            pass

    assert "has ended" not in str(refused.value)
