"""When to move: the arithmetic over measured builds and exports, and nothing said of what is not known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from warehouse.capacity.machine import Machine, this_machine
from warehouse.capacity.outlook import NIGHT_SECONDS, SPILL_BYTES_PER_ROW, Limit, Outlook, State, growth_of, outlook
from warehouse.capacity.usage import BuildSize, TableSize, Usage
from warehouse.exports.timing import ExportTime
from warehouse.project import Project

GIB = 2**30
START = datetime(2026, 11, 1, 3, 0, tzinfo=UTC)
MACHINE = Machine(core_count=2, memory_bytes=16 * GIB, disk_bytes=200 * GIB, free_bytes=100 * GIB)
TABLES = (TableSize(name="main.fct_flights", row_count=10_000_000, column_count=12),)
NOTHING = Usage(build_id=None, build_bytes=0, tables=(), builds=(), exports=(), passed_over=())


def build(day: float, gib: float, *, seconds: float = 600.0, is_whole: bool = True) -> BuildSize:
    moment = START + timedelta(days=day)
    return BuildSize(
        id=f"{moment:%Y%m%dT%H%M%SZ}",
        started_at=moment,
        seconds=seconds,
        byte_count=round(gib * GIB),
        is_whole=is_whole,
    )


def export(day: float, *, seconds: float = 60.0, dataset: str = "late", byte_count: int = GIB) -> ExportTime:
    return ExportTime(
        dataset=dataset,
        version="1.0.0",
        build_id="20261101T030000Z",
        started_at=(START + timedelta(days=day)).isoformat(),
        seconds=seconds,
        row_count=3_000_000,
        byte_count=byte_count,
    )


def usage(*builds: BuildSize, exports: tuple[ExportTime, ...] = (), tables: tuple[TableSize, ...] = TABLES) -> Usage:
    newest = builds[-1]
    return replace(
        NOTHING, build_id=newest.id, build_bytes=newest.byte_count, tables=tables, builds=builds, exports=exports
    )


def told(usage: Usage, *, machine: Machine = MACHINE) -> tuple[Outlook, dict[str, Limit]]:
    found = outlook(machine, usage, keep_builds=5, memory_limit="2GB")
    return found, {limit.name: limit for limit in found.limits}


def test_nothing_is_said_before_anything_is_built() -> None:
    found, limits = told(NOTHING)

    assert found.answer == "too early to say: not everything is measured yet"
    assert {limit.state for limit in limits.values()} == {State.UNKNOWN}
    assert not found.is_beyond


@pytest.mark.parametrize(
    "builds",
    [(build(0, 1),), (build(0, 1), build(0.5, 9)), (build(0, 2), build(10, 1)), (build(0, 1), build(10, 1))],
    ids=["one build", "builds of one day", "builds that shrink", "builds that stay"],
)
def test_no_end_is_foretold_without_growth(builds: tuple[BuildSize, ...]) -> None:
    found, limits = told(usage(*builds))

    assert found.answer == "stay: this machine does it"
    assert [limit.days for limit in found.limits] == [None, None, None]
    assert not any("the disk's end" in sentence for sentence in limits["disk"].sentences)


def test_the_disks_end_follows_from_growth_and_the_builds_that_are_kept() -> None:
    _, limits = told(usage(build(0, 1), build(10, 2), exports=(export(0), export(10))))
    disk = limits["disk"]

    needed = 2 * GIB + 10_000_000 * SPILL_BYTES_PER_ROW + GIB
    per_day = 5 * GIB / 10 + GIB / 10
    assert disk.days == pytest.approx((100 * GIB - needed) / per_day, rel=1e-9)
    assert disk.state is State.FITS
    assert (
        disk.sentences[2] == "builds grew: 1.0 GiB on 2026-11-01, 2.0 GiB on 2026-11-11, 10 days later: 102.4 MiB a day"
    )
    assert "5 builds are kept, each growing, and versions take 102.4 MiB a day: 614.4 MiB a day" in disk.sentences[3]


def test_a_disk_that_is_nearly_full_asks_to_plan_and_one_without_room_to_move() -> None:
    grown = usage(build(0, 1), build(10, 2))
    near, limits = told(grown, machine=replace(MACHINE, free_bytes=10 * GIB))
    beyond, _ = told(grown, machine=replace(MACHINE, free_bytes=GIB))

    assert limits["disk"].state is State.NEAR
    assert near.answer.startswith("plan the move: a limit of this machine is near (disk in 15 days)")
    assert beyond.answer == "move: this machine is too small already (disk)"
    assert beyond.is_beyond
    assert not near.is_beyond


def test_a_night_holds_a_whole_build_and_the_newest_export_of_each_dataset() -> None:
    exports = (export(0, seconds=9999), export(9, seconds=600), export(9, seconds=1200, dataset="turnaround"))
    _, limits = told(
        usage(build(0, 1), build(10, 2, seconds=1800), build(11, 2, seconds=5, is_whole=False), exports=exports)
    )
    night = limits["night"]

    share_per_day = 1 / 11 / 2
    assert night.days == pytest.approx((NIGHT_SECONDS / 3600 - 1) / share_per_day, rel=1e-9)
    assert "together 1 h 00 min with 2 exports, of 8 h 00 min that a night has" in night.sentences
    assert "the last export of late, 3,000,000 rows, took 10 min: 5,000 rows a second" in night.sentences


def test_a_night_that_is_too_short_asks_to_move() -> None:
    found, _ = told(usage(build(0, 1, seconds=NIGHT_SECONDS), exports=(export(0, seconds=1),)))

    assert found.answer == "move: this machine is too small already (night)"


def test_of_a_warehouse_on_spark_the_night_alone_is_judged() -> None:
    night, long_night = (
        replace(
            usage(build(0, 0, seconds=seconds), build(9, 0, seconds=seconds)),
            build_id=None,
            tables=(),
            is_on_spark=True,
        )
        for seconds in (600, NIGHT_SECONDS + 60)
    )
    found, limits = told(night)
    slow, _ = told(long_night)

    assert found.answer == "moved: the warehouse lies on Spark, where only the night is judged"
    assert not found.is_beyond
    assert limits["night"].state is State.FITS
    assert limits["night"].sentences[0] == "the last whole build took 10 min"
    assert slow.answer.startswith("too slow: the warehouse lies on Spark")
    assert slow.is_beyond


def test_an_export_needs_memory_by_rows_and_the_machine_may_be_too_small_for_it() -> None:
    huge = (TableSize(name="main.clicks", row_count=20_000_000_000, column_count=4),)
    # 20 billion rows in four splits: 10 GB of bits five times, beside 350 MB and 500 MB.
    roomy = replace(MACHINE, free_bytes=10**13, memory_bytes=64 * GIB)
    _, limits = told(usage(build(0, 1), tables=huge), machine=roomy)
    _, small = told(usage(build(0, 1), tables=huge), machine=replace(roomy, memory_bytes=32 * GIB))
    _, unknown = told(usage(build(0, 1)), machine=replace(MACHINE, memory_bytes=None))

    assert (limits["memory"].state, small["memory"].state) == (State.FITS, State.BEYOND)
    assert "main.clicks, has 20,000,000,000 rows; an export of it takes up to 47.4 GiB" in limits["memory"].sentences[0]
    assert unknown["memory"].state is State.UNKNOWN


def test_growth_is_a_line_from_the_oldest_build_to_the_newest() -> None:
    growth = growth_of([build(0, 1), build(1, 9), build(4, 3)])

    assert growth is not None
    assert (growth.bytes_per_day, growth.days) == (GIB / 2, 4.0)
    assert growth_of([]) is None


def test_this_machine_has_limits_also_before_its_folder_is_made(project: Project) -> None:
    machine = this_machine(project.state_path / "not" / "made")

    assert machine.core_count >= 1
    assert machine.memory_bytes is None or machine.memory_bytes > 2**20
    assert 0 <= machine.free_bytes <= machine.disk_bytes
