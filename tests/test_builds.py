from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from small_disks import make_read_only, small_disk

from warehouse import storage
from warehouse.builds import Build, build_warehouse, list_builds, roll_back
from warehouse.dbt_manifest import read_dbt_manifest
from warehouse.errors import BuildError, ExportError, LockedError, ProjectError, StorageError, ValidationError
from warehouse.exports.export import export_dataset
from warehouse.project import Project
from warehouse.published import find_build, published_id
from warehouse.records import Status, read_record, read_records

pytestmark = pytest.mark.slow

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def build(project: Project, **options: Any) -> Build:
    return build_warehouse(project, now=NOW, **options)


def query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    connection = storage.connect(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def edit(project: Project, name: str, old: str, new: str) -> None:
    path = project.root / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_build_publishes_tables_a_record_and_the_hashes_of_its_sources(project: Project) -> None:
    result = build(project)

    assert result.published
    assert published_id(project) == result.id == "20260102T030405Z"
    assert query(find_build(project).database_path, "select * from customers order by all") == [
        ("ann", 40),
        ("bob", 20),
    ]
    rows = {node.name: node.rows for node in result.nodes if node.resource_type == "model"}
    assert rows == {"stg_orders": None, "orders": 3, "customers": 2}
    record = json.loads((project.runs_path / f"{result.id}.json").read_text())
    assert record["status"] == "passed"
    assert record["sources"][0]["row_count"] == 3
    assert record["sources"][0]["files"][0]["path"] == "data/orders.csv"
    assert len(record["sources"][0]["files"][0]["sha256"]) == 64
    assert not (project.warehouse_path / "building").is_symlink()


def test_views_of_the_published_build_work_from_any_folder(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(project)
    monkeypatch.chdir(tmp_path)

    assert query(find_build(project).database_path, "select count(*) from stg_orders") == [(3,)]


def test_a_failing_test_holds_the_build_back_and_shows_rows(project: Project) -> None:
    first = build(project)
    with (project.root / "data/orders.csv").open("a") as file:
        file.write("3,eve,40\n")

    result = build(project)

    assert not result.published
    assert result.status is Status.FAILED
    assert published_id(project) == first.id
    finding = next(finding for finding in result.findings if finding.severity == "critical")
    assert finding.subject == "stg_orders.unique_stg_orders_order_id"
    assert "unique_field = '3', n_records = '2'" in finding.message
    assert "models/models.yml" in finding.advice
    assert result.path.is_dir()
    with pytest.raises(ExportError, match="did not pass"):
        export_dataset(project, "any", now=NOW, build=result.id)


def test_broken_sql_names_the_model_and_leaves_the_published_build(project: Project) -> None:
    first = build(project)
    edit(project, "models/customers.sql", "sum(amount)", "sum(amonut)")

    with pytest.raises(BuildError) as caught:
        build(project)

    assert "amounts_are_summed_per_customer of model customers (models/models.yml)" in str(caught.value)
    assert "amonut" in str(caught.value)
    assert published_id(project) == first.id
    assert read_records(project)[-1].status is Status.ERROR
    assert query(find_build(project).database_path, "select count(*) from customers") == [(2,)]


def test_broken_yaml_names_the_file(project: Project) -> None:
    edit(project, "models/models.yml", "models:", "models: [")

    with pytest.raises(BuildError, match=r"models.yml"):
        build(project)

    assert not project.builds_path.exists()


def test_a_selection_that_matches_nothing_is_an_error(project: Project) -> None:
    build(project)

    with pytest.raises(BuildError, match="nosuchmodel"):
        build(project, select=["nosuchmodel"])


def test_a_partial_build_needs_a_published_one(project: Project) -> None:
    with pytest.raises(BuildError, match="nothing is published yet"):
        build(project, select=["orders"])


def test_a_partial_build_starts_from_a_copy_and_keeps_the_rest(project: Project) -> None:
    first = build(project)
    edit(project, "models/orders.sql", "select *", "select * replace (amount * 2 as amount)")

    result = build(project, select=["orders"])

    assert result.started_from == first.id
    manifest = read_dbt_manifest(find_build(project).dbt_manifest_path)
    assert all(model.compiled_code for model in manifest.models.values())
    path = find_build(project).database_path
    assert query(path, "select sum(amount) from orders") == [(120,)]
    assert query(path, "select sum(amount) from customers") == [(60,)]
    assert query(first.path / "warehouse.duckdb", "select sum(amount) from orders") == [(60,)]


def test_an_incremental_model_adds_to_the_published_rows_until_refreshed(project: Project) -> None:
    (project.root / "models/seen.sql").write_text(
        "{{ config(materialized='incremental') }} select order_id, '{{ invocation_id }}' as run"
        " from {{ ref('stg_orders') }}"
    )

    def runs() -> list[tuple[Any, ...]]:
        return query(find_build(project).database_path, "select count(*), count(distinct run) from seen")

    build(project)
    build(project)
    assert runs() == [(6, 2)]
    build(project, full_refresh=True)
    assert runs() == [(3, 1)]


def test_a_snapshot_survives_a_full_refresh(project: Project) -> None:
    (project.root / "snapshots").mkdir()
    (project.root / "snapshots/history.yml").write_text(
        "snapshots:\n"
        "  - name: order_history\n"
        "    relation: ref('stg_orders')\n"
        "    config: {unique_key: order_id, strategy: check, check_cols: all}\n"
    )
    build(project)
    edit(project, "data/orders.csv", "2,bob,20", "2,bob,25")

    build(project, full_refresh=True)

    assert query(find_build(project).database_path, "select count(*) from order_history where order_id = 2") == [(2,)]


def test_a_failing_expectation_holds_the_build_back(project: Project) -> None:
    first = build(project)
    (project.root / "expectations/orders.yml").write_text(
        "expectations:\n"
        "  - {type: expect_table_row_count_to_be_between, min_value: 10, severity: critical, reason: ten a day}\n"
        "  - {type: expect_column_values_to_be_between, column: amount, max_value: 5, severity: warning, reason: s}\n"
    )

    result = build(project)

    assert not result.published
    assert published_id(project) == first.id
    assert sorted(finding.severity.value for finding in result.findings) == ["critical", "warning"]
    record = read_record(project, result.id)
    assert record is not None
    assert record.details["validation"]


def test_a_wrong_suite_stops_the_build_before_dbt_runs(project: Project) -> None:
    (project.root / "expectations/orders.yml").write_text(
        "expectations:\n  - {type: expect_table_row_cuont_to_be_between, severity: critical, reason: x}\n"
    )

    with pytest.raises(ValidationError, match="expect_table_row_count_to_be_between"):
        build(project)

    assert not project.builds_path.exists()


def test_a_second_build_says_who_holds_the_lock(project: Project) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time\nfrom pathlib import Path\nfrom warehouse import storage\n"
            "with storage.lock(Path(sys.argv[1]), purpose='a build'):\n    print('held', flush=True); time.sleep(60)",
            str(project.warehouse_path / "build.lock"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LockedError, match=f"a build is already running: process {holder.pid} on"):
            build(project)
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()

    assert build(project).published


def test_old_builds_go_but_not_what_is_needed_or_read(project: Project) -> None:
    (project.root / "models/examples.sql").write_text(
        "{{ config(materialized='table') }} select order_id, ['train', 'dev', 'test'][order_id] as split"
        " from {{ ref('orders') }}"
    )
    (project.root / "models/exposures.yml").write_text(
        "exposures:\n"
        "  - name: splits\n"
        "    type: ml\n"
        "    owner: {name: tests}\n"
        "    depends_on: [ref('examples')]\n"
        "    config: {meta: {dataset: {key: order_id, split: {method: column, column: split}}}}\n"
    )
    first = build(project)
    second = build(project)
    export_dataset(project, "splits", now=NOW)
    reader = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import duckdb, sys\nconnection = duckdb.connect(sys.argv[1], read_only=True)\nprint('open', flush=True)\n"
            "sys.stdin.readline()\nprint(connection.execute('select count(*) from orders').fetchone())",
            str(first.path / "warehouse.duckdb"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "open\n"
    for _ in range(3):
        build(project)
    kept = [entry.id for entry in list_builds(project)]
    out, _ = reader.communicate("\n")
    last = build(project)

    assert first.id in kept
    assert second.id in kept
    assert out == "(3,)\n"
    assert first.id in last.removed_builds
    assert second.path.is_dir()
    assert published_id(project) == last.id


def test_rollback_goes_to_the_build_before_and_refuses_failed_ones(project: Project) -> None:
    with pytest.raises(ProjectError, match="no build is published yet"):
        roll_back(project, now=NOW)
    first, second = build(project), build(project)
    edit(project, "data/orders.csv", "2,bob", "1,bob")
    failed = build(project)

    assert roll_back(project, now=NOW) == (second.id, first.id)
    assert published_id(project) == first.id
    with pytest.raises(BuildError, match="no build before"):
        roll_back(project, now=NOW)
    with pytest.raises(BuildError, match="its status is 'failed'"):
        roll_back(project, now=NOW, build_id=failed.id)
    with pytest.raises(ProjectError, match="did you mean"):
        roll_back(project, now=NOW, build_id=second.id[:-1] + "0")


def test_a_clock_that_jumps_back_does_not_break_the_order(project: Project) -> None:
    first = build(project)

    second = build_warehouse(project, now=NOW.replace(year=2025))

    assert second.id > first.id


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as folder:
        yield folder


@pytest.mark.parametrize("free_kib", [0, 64, 600], ids=["for nothing", "for the record", "for half a database"])
def test_a_full_disk_is_one_clear_error_and_changes_nothing(project: Project, disk: Path, free_kib: int) -> None:
    project = replace(project, settings=replace(project.settings, state_path=str(disk)))
    first = build(project)
    filler = disk / "filler"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    with filler.open("wb") as file:
        file.write(b"x" * (free - free_kib * 1024))

    with pytest.raises((StorageError, BuildError)) as caught:
        build(project)

    assert re.search("no space left|free some space|could not write", str(caught.value), re.IGNORECASE)
    assert published_id(project) == first.id
    assert query(find_build(project).database_path, "select count(*) from customers") == [(2,)]
    filler.unlink()
    assert build(project).published


def test_a_read_only_disk_is_one_clear_error_and_can_still_be_read(project: Project, disk: Path) -> None:
    project = replace(project, settings=replace(project.settings, state_path=str(disk)))
    first = build(project)
    make_read_only(disk)

    with pytest.raises(StorageError, match="Read-only file system"):
        build(project)

    assert published_id(project) == first.id
    assert query(find_build(project).database_path, "select count(*) from customers") == [(2,)]


def test_a_state_folder_that_cannot_be_made_is_one_clear_error(project: Project) -> None:
    blocked = replace(project, settings=replace(project.settings, state_path="/proc/var"))

    with pytest.raises(StorageError, match="cannot lock /proc/var"):
        build(blocked)


def test_commands_say_what_they_did_and_exit_as_documented(project: Project, run: Callable[..., Any]) -> None:
    built = run("build")
    assert built.code == 0
    assert "orders" in built.out
    assert "3 rows" in built.out
    assert "published build" in built.out.splitlines()[-1]

    listed = json.loads(run("builds", "--json").out)
    assert [entry["published"] for entry in listed] == [True]

    edit(project, "data/orders.csv", "2,bob", "1,bob")
    failed = run("build")
    assert failed.code == 1
    assert "unique_stg_orders_order_id" in failed.out
    assert "is not published" in failed.out

    edit(project, "data/orders.csv", "1,bob", "2,bob")
    edit(project, "models/orders.sql", "select *", "select * frm")
    broken = run("build")
    assert broken.code == 2
    assert broken.err.startswith("error: dbt could not build")
    assert "Traceback" not in broken.err
    assert run("rollback").code == 2
