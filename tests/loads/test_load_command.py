"""`warehouse load`, and what a model makes of the rows: the newest of each key."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from warehouse import records, storage
from warehouse.lineage.names import files_name
from warehouse.project import Project
from warehouse.published import find_build
from warehouse.site.run_facts import run_facts

pytestmark = pytest.mark.slow

SOURCES = """
sources:
  - name: erp
    config:
      meta:
        external_location: >-
          read_parquet('{{ env_var('WAREHOUSE_RAW') }}/erp/{name}/*.parquet', union_by_name = true, filename = true)
    tables:
      - name: stock
        config: {meta: {load: {from: duckdb, connection: ERP_DB, cursor: at, key: [shop, 'the "item']}}}
      - name: visits
        config: {meta: {load: {from: files, path: 'drop/*.csv'}}}
"""
MODEL = """
select * exclude (filename)
from {{ latest_rows(source('erp', 'stock'), key=['shop', 'the "item'], cursor='at') }}
"""


@pytest.fixture
def erp(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Declares two loads and a model of one; runs SQL in the database."""
    (project.root / "models" / "erp.yml").write_text(SOURCES)
    (project.root / "models" / "stock.sql").write_text("{{ config(materialized='table') }}" + MODEL)
    (project.root / "macros").mkdir()
    shutil.copy(Path(__file__).parents[2] / "macros" / "latest_rows.sql", project.root / "macros")
    (project.root / "drop").mkdir()
    (project.root / "drop" / "1.csv").write_text("id\n1\n")
    path = tmp_path / "erp.duckdb"
    monkeypatch.setenv("ERP_DB", str(path))

    def execute(sql: str) -> None:
        with duckdb.connect(str(path)) as database:
            database.execute(sql)

    execute('create table stock (shop text, "the ""item" int, count int, "at" timestamp)')
    execute("insert into stock values ('a', 1, 10, '2026-01-01'), ('a', 2, 20, '2026-01-01'), ('b', 1, 5, null)")
    return execute


def test_rows_are_landed_once_and_a_model_sees_the_newest_of_each_key(
    project: Project,
    erp: Callable[[str], None],
    run: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    planned = run("load", "--dry-run")
    assert planned.code == 0
    assert "erp.stock: would read every row" in planned.out
    assert not project.raw_path.exists() or not list(project.raw_path.rglob("*.parquet"))

    told = tmp_path / "lineage.jsonl"
    with monkeypatch.context() as patch:
        transport = {"type": "file", "log_file_path": str(told), "append": True}
        patch.setenv("OPENLINEAGE__TRANSPORT", json.dumps(transport))
        first = json.loads(run("load", "--json").out)
    assert [(table["name"], table["status"], table["row_count"]) for table in first["tables"]] == [
        ("erp.stock", "loaded", 3),
        ("erp.visits", "loaded", 1),
    ]
    record = records.read_record(project, first["id"])
    assert record is not None
    assert (record.command, record.status.value, record.details["tables"][0]["row_count"]) == ("load", "passed", 3)
    # The longest first, which is chance.
    assert sorted((step.name, step.note) for step in run_facts(record).steps) == [
        ("erp.stock", "3 new rows"),
        ("erp.visits", "1 new row"),
    ]
    ended = [event for event in map(json.loads, told.read_text().splitlines()) if event["eventType"] == "COMPLETE"]
    assert [event["job"]["name"] for event in ended] == ["load.erp.stock", "load.erp.visits", "load"]
    assert [event["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] for event in ended[:2]] == [3, 1]
    # What a build then reads has the same name.
    location = f"{project.raw_path}/erp/visits/*.parquet"
    assert ended[1]["outputs"][0]["name"] == files_name(project, location).name
    assert ended[1]["inputs"][0]["name"] == str(project.root / "drop")

    # One row changed twice with the same cursor: the later batch counts.
    erp('update stock set count = 11, "at" = now() where count = 10')
    assert "+1" in run("load", "erp.stock").out
    erp("update stock set count = 12 where count = 11")
    assert "+1" in run("load", "erp.stock").out
    assert run("build").code == 0
    with storage.connect(find_build(project).database_path) as connection:
        rows = connection.execute('select shop, "the ""item", count from stock order by all').fetchall()
    assert rows == [("a", 1, 12), ("a", 2, 20), ("b", 1, 5)]


def test_what_fails_is_named_and_leaves_the_others_alone(
    project: Project, erp: Callable[[str], None], run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.root / "drop" / "2.csv").write_text("id,word\n2\n3,x\n")
    failed = run("load")
    assert failed.code == 1
    assert "drop/2.csv has 2 columns, and 1 row does not: line 2" in failed.out
    assert "what failed is as it was; correct it, then run the same command again" in failed.out
    assert len(list(project.raw_path.glob("erp/stock/*.parquet"))) == 1
    assert not list(project.raw_path.glob("erp/visits/*.parquet"))

    nothing = run("load", "erp.visits")
    assert (nothing.code, nothing.out) == (2, "")
    assert "erp.visits: drop/2.csv has 2 columns" in nothing.err
    assert "--since reads again from a value of a cursor on" in run("load", "erp.visits", "--since", "2026-01-01").err
    monkeypatch.delenv("ERP_DB")
    unset = run("load")
    assert unset.code == 2
    assert "the environment variable ERP_DB is not set" in unset.err
    assert "Traceback" not in unset.err
