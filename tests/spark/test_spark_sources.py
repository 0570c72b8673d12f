"""Sources that are more than files: tables of Delta and Iceberg, loaded batches, paths as a column; as on DuckDB."""

from __future__ import annotations

import json
import shutil
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from common import source_of_shop
from duckdb_extensions import needs_extension
from lake_writers import Lake, make_lake

from warehouse import records, storage
from warehouse.builds import build_warehouse
from warehouse.builds.spark_sources import file_tables
from warehouse.engine.spark_schemas import spark_is_sail
from warehouse.errors import BuildError
from warehouse.loads.load import load_sources
from warehouse.project import Project
from warehouse.published import find_build, read_spark_place

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 1, 2, tzinfo=UTC)
LAKES = """
  - name: lake
    tables:
      - {{name: delta_orders, config: {{meta: {{external_location: {delta}}}}}}}
      - {{name: iceberg_orders, config: {{meta: {{external_location: {iceberg}}}}}}}
      - {{name: old_orders, config: {{meta: {{external_location: {old}}}}}}}
      - {{name: no_orders, config: {{meta: {{external_location: {empty}}}}}}}
"""
SOURCES = """
sources:
  - name: shop
    tables:
      - name: orders
        config:
          meta:
            external_location: "read_parquet('{{ env_var('WAREHOUSE_RAW', 'var/raw') }}/shop/{name}/*.parquet',
              union_by_name = true, filename = true)"
            load: {from: sqlite, connection: SHOP_DB, cursor: updated_at, key: id}
  - name: drop
    config:
      meta:
        external_location: "read_csv('{{ env_var('WAREHOUSE_ROOT') }}/drop/{name}.csv',
          all_varchar = true, nullstr = ['NA', '-'])"
    tables: [{name: words}]
"""
ORDERS = "select order_id, day, ordered_at, local_at, price, tags, buyer.name as buyer, buyer.age as age{more} from "
LAKE_MODELS = {
    "from_delta": ORDERS.format(more=", colour") + "{{ source('lake', 'delta_orders') }}",
    "from_iceberg": ORDERS.format(more=", colour") + "{{ source('lake', 'iceberg_orders') }}",
    "from_old": ORDERS.format(more="") + "{{ source('lake', 'old_orders') }}",
    "from_none": "select * from {{ source('lake', 'no_orders') }}",
}
MODELS = {
    "batches": "select id, amount, note, filename from {{ source('shop', 'orders') }}",
    "latest": "select id, amount, note from {{ latest_rows(source('shop', 'orders'), key='id', cursor='updated_at') }}",
    "words": "select a, b from {{ source('drop', 'words') }}",
}


@pytest.fixture(scope="module")
def lakes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Lake]:
    """Tables of both formats with the same rows: commits, a delete, a new column, partitions; and an empty one."""
    made = {}
    for kind in ("delta", "iceberg"):
        needs_extension(kind)
        lake = made[kind] = make_lake(kind, tmp_path_factory.mktemp(kind) / "lake", partitioned=True)
        lake.append(range(6))
        lake.delete(2)
        lake.append([6, 7], colour=["red", None])
    made["empty"] = make_lake("iceberg", tmp_path_factory.mktemp("empty"))
    return made


@pytest.fixture(scope="module")
def is_sail(spark: Any) -> bool:
    """Whether the server reads tables of lakes: Apache Spark needs jars for that, which no test has."""
    return spark_is_sail(spark)


@pytest.fixture(scope="module")
def project(
    spark_remote: str, is_sail: bool, lakes: dict[str, Lake], tmp_path_factory: pytest.TempPathFactory
) -> Project:
    root = tmp_path_factory.mktemp("sources") / "project"
    (root / "models").mkdir(parents=True)
    for name in ("dbt_project.yml", "pyproject.toml"):
        shutil.copyfile(ROOT / "tests/projects/tiny" / name, root / name)
    shutil.copyfile(ROOT / "profiles.yml", root / "profiles.yml")
    shutil.copytree(ROOT / "macros", root / "macros")
    places = {
        "delta": lakes["delta"].location(),
        "iceberg": lakes["iceberg"].location(),
        "old": lakes["delta"].location("version = 1"),
        "empty": lakes["empty"].location(),
    }
    of_lakes = LAKES.format(**{name: json.dumps(place) for name, place in places.items()})
    (root / "models/sources.yml").write_text(SOURCES + (of_lakes if is_sail else ""))
    for name, sql in {**MODELS, **(LAKE_MODELS if is_sail else {})}.items():
        (root / f"models/{name}.sql").write_text("{{ config(materialized='table') }} " + sql)
    (root / "drop").mkdir()
    (root / "drop/words.csv").write_text('a,b\n1,NA\n2,-\n3,\n"NA",x\n5," y"\n')
    found = Project.find(root)
    return replace(found, settings=replace(found.settings, spark_remote=spark_remote))


def fill(path: Path, *rows: tuple[Any, ...], columns: str = "id, updated_at, amount") -> None:
    with sqlite3.connect(path) as database:
        database.execute("create table if not exists orders (id integer, updated_at timestamp, amount integer)")
        if "note" in columns:
            database.execute("alter table orders add column note text")
        database.executemany(f"insert into orders ({columns}) values ({', '.join('?' * len(rows[0]))})", rows)
    database.close()


def test_every_source_has_the_same_rows_on_both_engines(
    project: Project,
    is_sail: bool,
    lakes: dict[str, Lake],
    spark: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    needs_extension("sqlite_scanner")
    monkeypatch.setenv("SHOP_DB", str(tmp_path / "shop.db"))
    fill(tmp_path / "shop.db", (1, "2026-01-01 10:00:00", 10), (2, "2026-01-01 11:00:00", 20))
    load_sources(project, now=NOW)
    fill(
        tmp_path / "shop.db", (1, "2026-01-02 10:00:00", 11, "it's more"), (3, "2026-01-02 09:00:00", 30, None),
        columns="id, updated_at, amount, note",
    )  # fmt: skip
    load_sources(project, now=NOW + timedelta(hours=1))

    there = build_warehouse(project, now=NOW, engine="spark")
    here = build_warehouse(project, now=NOW + timedelta(minutes=1))

    assert there.published
    assert here.published
    counts = {"batches": 4, "latest": 3, "words": 5}
    counts |= {"from_delta": 7, "from_iceberg": 7, "from_old": 6, "from_none": 0} if is_sail else {}
    assert {node.name: node.rows for node in there.nodes} == counts
    schemas = read_spark_place(find_build(project, there.id)).schemas
    with storage.connect(find_build(project, here.id).database_path) as connection:
        for name in counts:
            frame = spark.table(f"{schemas['main']}.{name}")
            cursor = connection.execute(f"select * from {name}")
            assert frame.columns == [column[0] for column in cursor.description], name
            assert rows_of(frame.collect()) == rows_of(cursor.fetchall()), name
    paths = {row["filename"] for row in spark.sql(f"select distinct filename from {schemas['main']}.batches").collect()}
    assert paths == {str(path) for path in (project.raw_path / "shop/orders").glob("*.parquet")}
    states = [records.read_record(project, build.id).details["sources"] for build in (there, here)]  # type: ignore[union-attr] # it is there
    assert states[0] == states[1]
    if not is_sail:
        return
    assert {state["name"]: state["table"]["version"] for state in states[0] if state["table"]} == {
        "lake.delta_orders": lakes["delta"].version(),
        "lake.iceberg_orders": lakes["iceberg"].version(),
        "lake.old_orders": "1",
        "lake.no_orders": "",
    }
    # Whoever writes later changes nothing of what was built: the source's table stands at its version.
    lakes["delta"].append([8])
    assert spark.sql(f"select count(*) as n from {schemas['main_lake']}.delta_orders").collect()[0]["n"] == 7


def rows_of(rows: Any) -> list[Any]:
    """Rows in an order, values as both engines' clients may give them."""

    def plain(value: Any) -> Any:
        if isinstance(value, datetime):
            return value.replace(tzinfo=None)
        return list(value) if isinstance(value, tuple | list) else value

    return sorted((tuple(map(plain, row)) for row in rows), key=repr)


def test_apache_spark_is_given_no_iceberg_table_by_its_path(project: Project, lakes: dict[str, Lake]) -> None:
    source = source_of_shop("orders", lakes["iceberg"].location(), file_path="models/models.yml")
    with pytest.raises(BuildError, match="Apache Spark reads no Iceberg table by its path; name it as a table of the"):
        file_tables(project, [source], schema="b", is_sail=False)
