"""Disks that are full or read-only: what switches and shares builds does it whole or not at all, and says why."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from machines import NOW, Machine
from small_disks import fill, free, make_read_only, small_disk

from warehouse import queues, records, retention
from warehouse.build_sharing import open_warehouse, read_pointer
from warehouse.builds import list_builds, publish, roll_back
from warehouse.errors import StorageError, StoreError
from warehouse.nightly.running import run_nightly
from warehouse.object_store import open_store
from warehouse.project import Project
from warehouse.published import published_id

FIRST, SECOND = "20261123T000001Z", "20261123T000002Z"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "a small disk") as folder:
        yield folder


@pytest.fixture
def machine(disk: Path) -> Machine:
    """Its project lies on the small disk, with two builds that passed."""
    machine = Machine(disk / "a project")
    machine.build(10)
    machine.build(20)
    return machine


ACTIONS: dict[str, Callable[[Machine], Any]] = {
    "publish": lambda machine: publish(machine.project, FIRST),
    "rollback": lambda machine: roll_back(machine.project, now=NOW),
    "nightly": lambda machine: run_nightly(machine.project, now=NOW, quiet=True, only=["retention"]),
}


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS.keys())
def test_on_a_full_disk_it_is_done_whole_or_not_at_all(machine: Machine, disk: Path, action: Any) -> None:
    fill(disk)
    reason = ""
    try:
        action(machine)
    except StorageError as error:
        reason = str(error)
    assert not reason or ("free some space" in reason and published_id(machine.project) == SECOND)
    assert machine.count() in (10, 20)
    assert [entry.id for entry in list_builds(machine.project)] == [FIRST, SECOND]

    free(disk)
    action(machine)

    assert [record.status.value for record in records.read_records(machine.project)] == ["passed"] * len(
        records.run_ids(machine.project)
    )


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS.keys())
def test_on_a_read_only_disk_it_says_so_and_reading_goes_on(machine: Machine, disk: Path, action: Any) -> None:
    make_read_only(disk)

    with pytest.raises(StorageError, match=r"Read-only file system[\s\S]*make the folder writable"):
        action(machine)

    assert published_id(machine.project) == SECOND
    assert machine.count() == 20
    assert [entry.published for entry in list_builds(machine.project)] == [False, True]
    with open_warehouse(machine.project) as connection:
        assert connection.execute("select count(*) from examples").fetchall() == [(20,)]


def test_a_rollback_that_cannot_be_put_on_record_changes_nothing(machine: Machine, disk: Path) -> None:
    fill(disk)

    with pytest.raises(StorageError, match="free some space"):
        roll_back(machine.project, now=NOW)

    assert published_id(machine.project) == SECOND


def test_builds_can_be_deleted_from_a_full_disk(machine: Machine, disk: Path) -> None:
    fill(disk)
    few = replace(machine.project, settings=replace(machine.project.settings, keep_builds=1))

    assert retention.remove_old_builds(few) == (FIRST,)
    assert published_id(few) == SECOND


def test_who_cannot_queue_on_a_full_or_read_only_disk_is_told_so(machine: Machine, disk: Path) -> None:
    make_read_only(disk)

    path = machine.project.warehouse_path / "build.lock"
    with (
        pytest.raises(StorageError, match="Read-only file system"),
        queues.queued_lock(path, purpose="a build", wait=5),
    ):
        pass


def test_a_pull_that_has_no_room_is_refused_before_it_begins_and_goes_on_later(disk: Path, tmp_path: Path) -> None:
    builder, reader = Machine(tmp_path / "builder"), Machine(disk / "a reader", first=500)
    store = open_store(f"file://{tmp_path}/store")
    builder.build(1)
    builder.push(store)
    first = reader.pull(store).id
    newer = builder.build(200_000)
    builder.push(store)
    fill(disk)

    with pytest.raises(StorageError, match="free"):
        reader.pull(store)
    assert (published_id(reader.project), reader.count(), reader.leftovers()) == (first, 1, [])

    free(disk)
    assert reader.pull(store).id == newer
    assert reader.count() == 200_000


def test_a_pull_onto_a_read_only_disk_says_so(machine: Machine, disk: Path, tmp_path: Path) -> None:
    builder = Machine(tmp_path / "builder", first=700)
    store = open_store(f"file://{tmp_path}/store")
    builder.build(1)
    builder.push(store)
    make_read_only(disk)

    with pytest.raises(StorageError, match="Read-only file system"):
        machine.pull(store)
    assert machine.count() == 20


def test_a_store_that_is_full_keeps_what_it_published_and_takes_the_rest_later(disk: Path, tmp_path: Path) -> None:
    builder = Machine(tmp_path / "builder")
    store = open_store(f"file://{disk}/store")
    first = builder.build(1)
    builder.push(store)
    newer = builder.build(200_000)
    fill(disk)

    with pytest.raises(StoreError, match=r"cannot write[\s\S]*(space|full)"):
        builder.push(store)
    pointer = read_pointer(store)
    assert pointer is not None
    assert pointer.build == first

    free(disk)
    assert builder.push(store).id == newer
    assert Machine(tmp_path / "reader").pull(store).id == newer


@pytest.mark.parametrize("harm", [fill, make_read_only], ids=["full", "read-only"])
def test_a_build_is_pushed_from_a_full_or_read_only_disk_too(
    machine: Machine, disk: Path, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    store = open_store(f"file://{tmp_path}/store")
    harm(disk)

    assert machine.push(store).id == SECOND
    assert Machine(tmp_path / "reader").pull(store).id == SECOND


@pytest.mark.slow
def test_a_night_on_a_full_disk_publishes_nothing_half_and_is_resumed_once_there_is_room(
    project: Project, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = replace(project, settings=replace(project.settings, state_path=str(disk / "state")))
    skip = ["load", "sources", "drift", "notify"]
    fill(disk)
    # Room for records and what dbt writes about itself, and for half of a database.
    os.truncate(disk / "filler", (disk / "filler").stat().st_size - 3 * 2**20)
    orders = "".join(f"{number},c{number * 7919 % 1000003},{number * 104729 % 999983}\n" for number in range(200_000))
    (project.root / "data/orders.csv").write_text("order_id,customer,amount\n" + orders)

    full = run_nightly(project, now=NOW, quiet=True, skip=skip)

    assert full is not None
    stages = {stage.name.value: stage for stage in full.stages}
    assert (full.status.value, stages["build"].status.value) == ("error", "error")
    assert re.search("no space left|free some space|could not write", stages["build"].message, re.IGNORECASE)
    assert (stages["export"].status.value, stages["retention"].status.value) == ("skipped", "passed")
    assert published_id(project) is None

    free(disk)
    resumed = run_nightly(project, now=NOW, quiet=True, resume=True)

    assert resumed is not None
    assert [stage.message for stage in resumed.stages if stage.status.value == "error"] == []
    assert resumed.status.value == "passed"
    (entry,) = [entry for entry in list_builds(project) if entry.published]
    assert entry.status.value == "passed"
