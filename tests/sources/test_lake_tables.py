"""Tables of Delta and Iceberg as sources: which version is read, and what is said of those that cannot be."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from common import Outcome, source_of_shop
from duckdb_extensions import needs_extension
from lake_writers import Lake, make_lake

from warehouse import records, storage
from warehouse.builds import build_dev, build_warehouse
from warehouse.errors import MissingExtraError, ProjectError
from warehouse.nightly.unchanged import find_same_build
from warehouse.project import Project
from warehouse.published import find_build
from warehouse.sources import lake_tables
from warehouse.sources.inspection import Inspection, inspect_sources
from warehouse.sources.report import check_sources, read_source_report

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(scope="module", params=["delta", "iceberg"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Three commits of orders by day, the last after one was deleted, with a new column."""
    needs_extension(request.param)
    lake = make_lake(request.param, tmp_path_factory.mktemp("lake") / "orders", partitioned=True)
    lake.append(range(6))
    lake.delete(2)
    lake.append([6, 7], colour=["red", None])
    return lake


def look(project: Project, location: str, **checks: Any) -> Inspection:
    source = source_of_shop("orders", location, file_path="models/shop.yml", meta={"checks": checks} if checks else {})
    return inspect_sources(project, [source], now=NOW, move=True)


def copy(lake: Lake, path: Path) -> Path:
    return Path(shutil.copytree(lake.path, path))


def test_the_newest_version_is_looked_at_and_read(project: Project, written: Lake) -> None:
    (found,) = look(project, written.location()).sources

    assert found.findings == ()
    assert found.table is not None
    assert (found.table.version.version, found.table.row_count) == (written.version(), 7)
    assert found.table.version.committed_at[:10] == datetime.now(UTC).isoformat()[:10]
    assert dict(found.shape.columns) == {
        "order_id": "BIGINT",
        "day": "DATE",
        "ordered_at": "TIMESTAMP WITH TIME ZONE",
        "local_at": "TIMESTAMP",
        "price": "DECIMAL(12,2)",
        "tags": "VARCHAR[]",
        "buyer": 'STRUCT("name" VARCHAR, age INTEGER)',
        "colour": "VARCHAR",
    }
    with storage.connect(None) as connection:
        (row,) = connection.execute(
            "select order_id, day::varchar, ordered_at::varchar, local_at::varchar, price::varchar, tags, buyer, colour"
            f" from {found.location} where order_id = 7"
        ).fetchall()
        left = connection.execute(f"select list(order_id order by order_id), count(tags) from {found.location}")
        assert left.fetchall() == [([0, 1, 3, 4, 5, 6, 7], 4)]
    assert row == (
        7, "2026-01-02", "2026-01-01 23:30:07.123456+00", "2026-03-29 02:30:07", "7.10", ["a", "b,'c"],
        {"name": "n 7", "age": 7}, None,
    )  # fmt: skip


def test_what_was_looked_at_is_read_whatever_is_committed_since(project: Project, tmp_path: Path) -> None:
    for kind in ("delta", "iceberg"):
        needs_extension(kind)
        lake = make_lake(kind, tmp_path / kind)
        (empty,) = look(project, lake.location()).sources
        lake.append([1])
        (found,) = look(project, lake.location()).sources
        lake.append([2], colour=["red"])

        with storage.connect(None) as connection:
            assert empty.table is not None
            assert (empty.findings, empty.table.row_count) == ((), 0)
            assert connection.execute(f"from {empty.location}").fetchall() == []
            assert connection.execute(f"select order_id from {found.location}").fetchall() == [(1,)]


def test_a_path_may_have_any_name(project: Project, tmp_path: Path, written: Lake) -> None:
    path = copy(written, tmp_path / "or [1]'d*rs {x}")
    moved = Lake(written.kind, path, written.table)
    options = ("version = '?'", "allow_moved_paths = true") if written.kind == "iceberg" else ()
    (found,) = look(project, moved.location(*options)).sources

    assert found.table is not None
    assert (found.findings, found.table.row_count) == ((), 7)


def test_a_version_may_be_named(project: Project, written: Lake) -> None:
    if written.kind == "delta":
        named, option = "1", "version = 1"
    else:
        first = written.table.snapshots()[0].snapshot_id
        named, option = str(first), f"version = '?', snapshot_from_id = {first}"
    (found,) = look(project, written.location(option)).sources

    assert found.table is not None
    assert (found.findings, found.table.version.version, found.table.row_count) == ((), named, 6)


def test_an_iceberg_table_is_found_by_its_metadata_file_or_its_hint(project: Project, tmp_path: Path) -> None:
    needs_extension("iceberg")
    lake = make_lake("iceberg", tmp_path / "lake")
    lake.append([1, 2])
    file = Path(lake.table.metadata_location.removeprefix("file://"))
    (by_file,) = look(project, f"iceberg_scan('{file}')").sources
    assert by_file.table is not None
    assert (by_file.table.row_count, by_file.location) == (2, f"iceberg_scan('{file}')")

    # As Hadoop's catalog writes them, and moved to another place.
    moved = copy(lake, tmp_path / "moved")
    for name in ("v3.metadata.json", "v3.gz.metadata.json"):
        (moved / "metadata" / name).write_bytes(duckdb_gzip(file) if ".gz." in name else file.read_bytes())
        (moved / "metadata/version-hint.text").write_text("3\n")
        (by_hint,) = look(project, f"iceberg_scan('{moved}', allow_moved_paths = true)").sources
        assert by_hint.table is not None
        assert (by_hint.findings, by_hint.table.row_count) == ((), 2)
        (moved / "metadata" / name).unlink()
    assert "metadata_compression_codec = 'gzip'" in str(by_hint.location)


def duckdb_gzip(path: Path) -> bytes:
    import gzip

    return gzip.compress(path.read_bytes())


def cut(name: str, size: int) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / name
        path.write_bytes(path.read_bytes()[:size])

    return change


def edited(name: str, pattern: str, text: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / name
        path.write_text(re.sub(pattern, text, path.read_text(), count=0))

    return change


FIRST, LAST = "_delta_log/00000000000000000000.json", "_delta_log/00000000000000000003.json"


@pytest.mark.parametrize(
    ("change", "options", "trouble", "said"),
    [
        (shutil.rmtree, "", "no_match", "does not exist"),
        (lambda path: shutil.rmtree(path / "_delta_log"), "", "no_match", "has no _delta_log, so it is no Delta table"),
        (lambda path: [one.unlink() for one in (path / "_delta_log").iterdir()], "", "damaged", "has no commit"),
        (cut(LAST, 0), "", "damaged", "00000000000000000003.json of its log is empty or cut off"),
        (cut(LAST, 600), "", "damaged", "00000000000000000003.json of its log is empty or cut off"),
        (cut(FIRST, 600), "", "damaged", "cannot be read: Json error"),
        (lambda path: (path / FIRST.replace("0.json", "1.json")).unlink(), "", "damaged", "Expected contiguous"),
        (lambda path: next(path.rglob("*.parquet")).unlink(), "", "damaged", "cannot be read"),
        (edited(FIRST, r'Features":\[', r'Features":["warpDrive",'), "", "unsupported", "'warpDrive' is not supported"),
        (edited(FIRST, r'minReaderVersion":\d', 'minReaderVersion":9'), "", "unsupported", "asks for more than its"),
        (lambda path: None, ", version = 99", "no_match", "has no commit of version 99; there are 0 to 3"),
        (lambda path: None, ", version = null", "no_match", "has no commit of version null; there are 0 to 3"),
    ],
    ids=[
        *("no folder", "no log", "no commit", "empty commit", "half a commit", "half an older commit", "a gap"),
        *("no data", "an unknown feature", "a later protocol", "no such version", "no number"),
    ],
)
def test_a_delta_table_that_cannot_be_read_stops_the_build_with_one_line(
    project: Project, tmp_path: Path, delta: Lake, change: Any, options: str, trouble: str, said: str
) -> None:
    path = copy(delta, tmp_path / "orders")
    change(path)
    found = look(project, f"delta_scan('{path}'{options})")

    (finding,) = found.findings
    assert said in finding.message
    assert "\n" not in finding.message
    assert finding.advice.endswith(f"({trouble}: stop)")
    assert not found.may_build


def test_a_table_whose_files_came_back_is_read_again(project: Project, tmp_path: Path, delta: Lake) -> None:
    path = copy(delta, tmp_path / "orders")
    data = next(path.rglob("*.parquet"))
    data.rename(tmp_path / "away")
    assert not look(project, f"delta_scan('{path}')").may_build
    (tmp_path / "away").rename(data)
    assert look(project, f"delta_scan('{path}')").findings == ()


@pytest.fixture(scope="module")
def delta(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    needs_extension("delta")
    lake = make_lake("delta", tmp_path_factory.mktemp("delta") / "orders")
    for number in range(3):
        lake.append([number])
    return lake


@pytest.fixture(scope="module")
def iceberg(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    needs_extension("iceberg")
    lake = make_lake("iceberg", tmp_path_factory.mktemp("iceberg"))
    lake.append([1, 2])
    return lake


def newest(folder: Path) -> Path:
    return max((folder / "metadata").glob("*.metadata.json"))


@pytest.mark.parametrize(
    ("change", "options", "trouble", "said"),
    [
        (shutil.rmtree, "", "no_match", "does not exist"),
        (lambda path: shutil.rmtree(path / "metadata"), "", "no_match", "it is no Iceberg table"),
        (lambda path: None, "", "no_match", "does not say which version is current"),
        (lambda path: None, ", version = '7'", "no_match", "has no metadata file of version '7'"),
        (lambda path: newest(path).write_bytes(newest(path).read_bytes()[:90]), ", version = '?'", "damaged",
         "is no metadata of an Iceberg table, or is cut off"),
        (lambda path: shutil.copy(newest(path), newest(path).with_name("00001-aa.metadata.json")), ", version = '?'",
         "damaged", "does not tell which metadata file is the newest: 00001-"),
        (lambda path: newest(path).write_text(json.dumps(json.loads(newest(path).read_text()) | {"format-version": 4})),
         ", version = '?'", "unsupported", "is of version 4 of Iceberg's format, and 3 is the newest that is read"),
        (lambda path: [one.unlink() for one in path.rglob("*.avro")],
         ", version = '?', allow_moved_paths = true", "damaged", "cannot be read"),
        (lambda path: None, ", version = '?', snapshot_from_id = 5", "no_match", "has no snapshot 5"),
    ],
    ids=[
        *("no folder", "no metadata", "no hint", "no such version", "half of it", "two of one number"),
        *("a later format", "no list of files", "no such snapshot"),
    ],
)  # fmt: skip
def test_an_iceberg_table_that_cannot_be_read_stops_the_build_with_one_line(
    project: Project, tmp_path: Path, iceberg: Lake, change: Any, options: str, trouble: str, said: str
) -> None:
    path = copy(iceberg, tmp_path / "orders")
    change(path)
    found = look(project, f"iceberg_scan('{path}'{options})")

    (finding,) = found.findings
    assert said in finding.message
    assert "\n" not in finding.message
    assert finding.advice.endswith(f"({trouble}: stop)")


def test_tables_elsewhere_are_left_to_the_build(project: Project) -> None:
    (found,) = look(project, "delta_scan('s3://lake/orders')").sources
    assert (found.findings, found.table, found.location) == ((), None, None)


def test_without_the_extension_one_line_says_what_to_install(
    project: Project, delta: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute("set extension_directory = '/nowhere'")

    monkeypatch.setattr(storage.databases, "use_extensions", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'ml-warehouse\[lakehouse\]' 'duckdb-extension-delta=="):
        look(project, delta.location())


def test_a_table_cannot_be_moved_away(project: Project, delta: Lake) -> None:
    with pytest.raises(ProjectError, match=r"checks\.new_columns cannot be quarantine: there is no file to move"):
        look(project, delta.location(), new_columns="quarantine")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["delta", "iceberg"])
def test_a_build_says_which_version_it_read_and_reads_it_throughout(
    project: Project, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Outcome]
) -> None:
    needs_extension(kind)
    lake = make_lake(kind, tmp_path / "lake")
    lake.append([1, 2, 3])
    shutil.copyfile(ROOT / "profiles.yml", project.root / "profiles.yml")
    (project.root / "models/models.yml").write_text(
        f"""
sources:
  - name: shop
    loaded_at_field: cast(ordered_at as timestamp)
    config: {{freshness: {{warn_after: {{count: 2, period: day}}}}}}
    tables: [{{name: orders, config: {{meta: {{external_location: {json.dumps(lake.location())}}}}}}}]
"""
    )
    (project.root / "models/stg_orders.sql").write_text(
        "select order_id, buyer.name as customer, price as amount from {{ source('shop', 'orders') }}"
    )
    # Between the look and the first model, somebody writes.
    read, wrote = lake_tables.read_table, []

    def read_and_write(*arguments: Any) -> Any:
        facts = read(*arguments)
        if not wrote:
            wrote.append(lake.append([4]))
        return facts

    first = lake.version()
    monkeypatch.setattr("warehouse.sources.inspection.read_table", read_and_write)
    build = build_warehouse(project, now=NOW)
    monkeypatch.undo()
    monkeypatch.chdir(project.root)

    assert build.published
    assert {node.name: node.rows for node in build.nodes if node.materialized == "table"} == {
        "orders": 3, "customers": 3
    }  # fmt: skip
    (state,) = records.read_record(project, build.id).details["sources"]  # type: ignore[union-attr] # it is there
    assert (state["table"]["format"], state["table"]["version"], state["row_count"]) == (kind, first, 3)
    assert [(file["path"], len(file["sha256"])) for file in state["files"]] == [(state["table"]["log_path"], 64)]
    dev = build_dev(project, now=NOW, select=["stg_orders", "orders"])
    assert [node.rows for node in dev.nodes if node.name == "orders"] == [4]
    # The build's view reads what the build read, also for those who open it later.
    with storage.connect(find_build(project).database_path) as connection:
        assert connection.execute("select count(*) from stg_orders").fetchall() == [(3,)]

    # What was committed since is a change, and nothing else is.
    same = find_same_build(project, now=NOW)
    assert same.build_id is None
    assert same.why.startswith("source shop.orders has changed: ")
    if kind == "delta":
        again = build_warehouse(project, now=NOW + timedelta(minutes=1))
        assert find_same_build(project, now=NOW).build_id == again.id

    report = check_sources(project, now=NOW)
    assert report == read_source_report(project)
    (source,) = report.sources
    assert source.freshness is not None
    assert source.freshness.max_loaded_at == "2026-01-01T23:30:04+00:00"
    assert [finding.check for finding in report.findings] == ["freshness"]
    shown = run("sources", "--no-freshness").out
    assert f"{'version' if kind == 'delta' else 'snapshot'} {lake.version()}" in shown
