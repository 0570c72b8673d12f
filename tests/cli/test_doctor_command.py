"""`warehouse doctor` on real builds and exports."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fake_builds import Fake

from warehouse import records
from warehouse.exports import timing
from warehouse.exports.timing import export_times
from warehouse.project import Project
from warehouse.records import Status

DATASET = {"key": "id", "split": {"method": "hash", "shares": {"train": 0.6, "dev": 0.2, "test": 0.2}}}


def record_build(project: Project, build_id: str, started_at: str, *, seconds: float = 90.0) -> None:
    record = records.Record(id=build_id, command="build", status=Status.PASSED, started_at=started_at, seconds=seconds)
    records.write_record(project, record)


def states(outcome: Any) -> dict[str, str]:
    return {limit["name"]: limit["state"] for limit in json.loads(outcome.out)["limits"]}


def test_a_project_without_builds_is_told_that_nothing_is_known(project: Project, run: Callable[..., Any]) -> None:
    told = run("doctor")

    assert (told.code, told.err) == (0, "")
    assert "warehouse  nothing is published yet: warehouse build" in told.out
    assert told.out.splitlines()[-1] == "too early to say: not everything is measured yet"
    assert states(run("doctor", "--json")) == {"disk": "unknown", "night": "unknown", "memory": "unknown"}


@pytest.mark.slow
def test_a_project_built_by_dbt_is_measured(project: Project, run: Callable[..., Any]) -> None:
    assert run("build").code == 0
    told = run("doctor")
    document = json.loads(run("doctor", "--json").out)

    assert told.code == 0
    assert "the last whole build took" in told.out
    assert "two builds that lie a day apart or more will tell how fast it fills" in told.out
    assert told.out.splitlines()[-1] == "stay: this machine does it"
    usage = document["usage"]
    assert usage["build_bytes"] == usage["builds"][0]["byte_count"] > 0
    # A view holds no rows, so that no view is among the largest tables.
    assert {table["name"]: table["row_count"] for table in usage["tables"]} == {"main.customers": 2, "main.orders": 3}


def test_builds_and_exports_are_counted_and_those_of_a_wrong_clock_are_not(
    fake: Fake, export: Callable[..., Any], run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(fake.project.root)
    now = datetime.now(UTC)
    moments = (now - timedelta(days=20), now - timedelta(days=10), now + timedelta(days=400))
    for count, moment in zip((1000, 100_000, 10), moments, strict=True):
        build_id = fake.build(DATASET, rows=f"select i as id, hash(i) as x from range({count}) as r(i)")
        record_build(fake.project, build_id, moment.isoformat())
    export(now=now - timedelta(days=9), build="20261123T000002Z")
    document = json.loads(run("doctor", "--json").out)
    usage = document["usage"]

    assert [build["id"] for build in usage["builds"]] == ["20261123T000001Z", "20261123T000002Z"]
    assert usage["passed_over"] == [f"build 20261123T000003Z of {moments[2].isoformat()}"]
    assert [(time["dataset"], time["row_count"]) for time in usage["exports"]] == [("late", 100_000)]
    disk = next(limit for limit in document["limits"] if limit["name"] == "disk")
    assert disk["days"] > 0
    assert any(sentence.startswith("builds grew: ") for sentence in disk["sentences"])


def test_a_published_build_that_is_gone_is_an_error(
    fake: Fake, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(fake.project.root)
    build_id = fake.build(DATASET)
    shutil.rmtree(fake.project.builds_path / build_id)
    told = run("doctor")

    assert (told.code, told.out) == (2, "")
    assert f"there is no build '{build_id}'" in told.err


def test_a_disk_without_room_exits_with_1(fake: Fake, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(fake.project.root)
    fake.build(DATASET)
    monkeypatch.setattr("warehouse.capacity.outlook.SPILL_BYTES_PER_ROW", 10**18)
    told = run("doctor")

    assert told.code == 1
    assert told.out.splitlines()[-1] == "move: this machine is too small already (disk)"


def test_the_last_exports_of_a_dataset_are_kept_and_a_broken_file_tells_nothing(
    fake: Fake, export: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "_KEPT", 2)
    for count in (50, 60, 70):
        fake.build(DATASET, rows=f"select i as id from range({count}) as r(i)")
        result = export()
        export()  # the same again, which writes nothing
    times = export_times(fake.project)

    assert [time.row_count for time in times] == [60, 70]
    assert times[-1].version == result.manifest.version
    assert times[-1].byte_count == sum(file.byte_count for file in result.manifest.files)
    assert all(time.seconds > 0 for time in times)
    path = fake.project.datasets_path / "late" / timing.NAME
    path.write_text("{")
    assert export_times(fake.project) == []
    timing.keep_time(path.parent, replace(result.manifest, version="9.0.0"), started_at=datetime.now(UTC), seconds=1)
    assert [time.version for time in export_times(fake.project)] == ["9.0.0"]
