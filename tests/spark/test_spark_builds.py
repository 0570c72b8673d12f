"""Builds on Spark: schemas of their own, checked before the pointer moves, dropped when nothing needs them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest
from common import source_of_shop
from fake_builds import Fake
from sail import sail_server
from spark_shop import copy_shop

from warehouse import dbt_runner, records, spark_leftovers
from warehouse.build_tables import is_gone_from_spark, read_build_manifest
from warehouse.builds import build_warehouse, list_builds, publish_by_hand, roll_back
from warehouse.builds.spark_sources import file_tables
from warehouse.dbt_manifest import Source
from warehouse.engine import spark_session
from warehouse.engine.spark_schemas import FileTable, drop_schemas
from warehouse.errors import BuildError, ProjectError, StorageError
from warehouse.exports.export import export_dataset
from warehouse.exports.spark_destinations import SharedFolder
from warehouse.lineage.builds import tables_of_build
from warehouse.nightly.unchanged import find_same_build
from warehouse.project import Project
from warehouse.published import (
    SparkPlace,
    build_ids,
    find_build,
    published_id,
    read_spark_place,
    spark_prefix,
    write_spark_place,
)
from warehouse.records import Status
from warehouse.retention import clean_up
from warehouse.site.published_tables import published_tables
from warehouse.validation import load_suites, run_suites_on

pytestmark = pytest.mark.slow

NOW = datetime(2026, 1, 2, tzinfo=UTC)
EXPOSURE = """
exposures:
  - name: spending
    type: ml
    owner: {name: Shop, email: shop@example.com}
    depends_on: [ref('orders')]
    config: {meta: {dataset: {key: order_id, label: amount, split: {method: hash, shares: {train: 0.8, test: 0.2}}}}}
"""
ORDERS = "order_id,customer,amount\n1,ann,10\n2,bob,20\n3,ann,30\n"
SUITE = """
expectations:
  - type: expect_column_sum_to_be_between
    column: amount
    max_value: 100
    severity: critical
    reason: The shop is small.
"""


@pytest.fixture(scope="module")
def shop(spark_remote: str, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The tiny project with a target on Spark."""
    root = tmp_path_factory.mktemp("builds") / "a project"
    copy_shop(root, exposure=EXPOSURE)
    (root / "models/orders.yml").write_text(
        "models:\n  - name: kept\n    config: {contract: {enforced: true}}\n    columns:\n"
        "      - {name: customer, data_type: string, constraints: [{type: not_null}]}\n"
    )
    (root / "models/kept.sql").write_text("{{ config(materialized='table') }} select customer from {{ ref('orders') }}")
    (root / "expectations").mkdir()
    (root / "expectations/customers.yml").write_text(SUITE)
    project = Project.find(root)
    return replace(project, settings=replace(project.settings, engine="spark", spark_remote=spark_remote))


def build(project: Project, day: int, orders: str = ORDERS, **options: Any) -> Any:
    (project.root / "data/orders.csv").write_text(orders)
    return build_warehouse(project, now=NOW + timedelta(days=day), **options)


def schemas(spark: Any, build_id: str) -> list[str]:
    own = [f"{spark_prefix(build_id)}_{name}" for name in ("main", "main_shop")]
    return sorted({row[0] for row in spark.sql("show schemas").collect()} & set(own))


def test_a_build_is_published_held_back_rolled_back_and_dropped(spark: Any, shop: Project) -> None:
    first = build(shop, 1)

    assert first.published
    files = find_build(shop)
    place = read_spark_place(files)
    assert json.loads(files.spark_path.read_text())["schemas"] == place.schemas
    assert schemas(spark, first.id) == ["b20260103t000000z_main", "b20260103t000000z_main_shop"]
    assert {node.name: node.rows for node in first.nodes if node.materialized == "table"} == {
        **{"orders": 3, "customers": 2, "kept": 3}
    }
    rows = spark.sql(f"select * from {place.schemas['main']}.customers order by customer").collect()
    assert [tuple(row) for row in rows] == [("ann", 40), ("bob", 20)]
    assert "session_id" not in files.spark_path.read_text()
    assert records.read_record(shop, first.id).details["engine"] == "spark"  # type: ignore[union-attr] # it is there

    # A test of dbt's fails: nobody sees the build, and it stays for inspection.
    second = build(shop, 2, ORDERS + "3,eve,1\n")
    assert (second.status, published_id(shop)) == (Status.FAILED, first.id)
    (finding,) = [finding for finding in second.findings if finding.check == "dbt_test"]
    assert "such as unique_field = '3', n_records = '2'" in finding.message
    assert schemas(spark, second.id) != []

    # So does an expectation.
    third = build(shop, 3, ORDERS + "4,eve,1000\n")
    assert (third.status, published_id(shop)) == (Status.FAILED, first.id)
    assert [finding.subject for finding in third.findings] == ["customers.amount"]
    assert schemas(spark, second.id) == []

    fourth = build(shop, 4)
    assert published_id(shop) == fourth.id
    assert roll_back(shop, now=NOW + timedelta(days=5)) == (fourth.id, first.id)
    assert [(entry.id, entry.engine, entry.published) for entry in list_builds(shop)] == [
        (first.id, "spark", True),
        (third.id, "spark", False),
        (fourth.id, "spark", False),
    ]

    # Older builds that passed go with their schemas; the published one never does before the pointer moves.
    last = build(replace(shop, settings=replace(shop.settings, keep_builds=1)), 6)
    assert published_id(shop) == last.id
    assert build_ids(shop) == [third.id, last.id]
    assert [schemas(spark, gone.id) for gone in (first, fourth)] == [[], []]
    assert len(schemas(spark, last.id)) == 2


def test_a_null_that_a_contract_forbids_stops_the_build(shop: Project) -> None:
    before = published_id(shop)

    with pytest.raises(BuildError, match=r"NOT NULL constraint failed: kept.customer is null in 1 rows"):
        build(shop, 10, ORDERS + "4,,1\n")

    assert published_id(shop) == before


def test_a_value_that_cannot_be_cast_stops_the_build(shop: Project) -> None:
    before = published_id(shop)

    with pytest.raises(BuildError, match=r"(?s)'many'.*cast|cast.*'many'"):
        build(shop, 11, ORDERS + "4,cat,many\n")

    assert published_id(shop) == before


def test_schemas_of_another_project_s_build_are_left_alone(spark: Any, shop: Project) -> None:
    before = published_id(shop)
    theirs = "b20260117t000000z_main_shop"
    spark.sql(f"create schema {theirs}")

    with pytest.raises(BuildError, match=f"begun in the same second:[\\s\\S]*{theirs}"):
        build(shop, 15)

    assert published_id(shop) == before
    # Nor does whoever clears up afterwards drop them.
    build(shop, 16)
    assert schemas(spark, "20260117T000000Z") == [theirs]
    spark.sql(f"drop schema {theirs}")


def test_a_kill_leaves_the_published_build_and_the_next_drops_its_schemas(spark: Any, shop: Project) -> None:
    before = published_id(shop)
    (shop.root / "data/orders.csv").write_text(ORDERS)
    script = (
        "import os, sys\nfrom warehouse.builds.spark_target import SparkTarget\n"
        "SparkTarget.run = lambda *_: os._exit(9)\nfrom warehouse.cli.app import main\n"
        "sys.argv = ['warehouse', 'build', '--target', 'spark']\nmain()"
    )
    environment = {**os.environ, "SPARK_REMOTE": shop.settings.spark_remote}
    # NOTE: a file, since Spark's client takes `python -c` for a run of its own doctests, and exits.
    (shop.root / "killed.py").write_text(script)
    killed = subprocess.run([sys.executable, "killed.py"], cwd=shop.root, env=environment, capture_output=True)

    assert killed.returncode == 9, killed.stderr
    assert published_id(shop) == before
    (half,) = set(build_ids(shop)) - {entry.id for entry in list_builds(shop) if entry.status is not Status.RUNNING}
    assert schemas(spark, half) == [f"{spark_prefix(half)}_main_shop"]

    # A build that is refused clears up too.
    with pytest.raises(BuildError, match="starts from nothing, and these need the published one:\n  - --select"):
        build(shop, 20, select=["orders"])
    assert schemas(spark, half) == []
    assert half not in build_ids(shop)


@pytest.mark.parametrize(
    "words",
    [
        *(["sql", "select 1"], ["dev"], ["push", "--store", "file://{folder}"]),
        ["drift", "orders", "data/orders.csv"],
    ],
    ids=" ".join,
)
def test_other_commands_refuse_a_build_on_spark_in_one_line(
    shop: Project, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    if published_id(shop) is None:
        build(shop, 40)
    monkeypatch.chdir(shop.root)

    outcome = run(*(word.format(folder=shop.root / "store") for word in words))

    assert outcome.code == 2
    assert "lies on Spark" in outcome.err
    assert "warehouse build --target duckdb" in outcome.err


def test_tables_of_a_build_are_compared_shown_and_told_of(
    shop: Project, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    if published_id(shop) is None:
        build(shop, 40)
    monkeypatch.chdir(shop.root)
    monkeypatch.setenv("SPARK_REMOTE", shop.settings.spark_remote)
    others = "select i as order_id, 'c' || i % 3 as customer, i as amount from range(200) as r(i)"
    duckdb.sql(f"copy ({others}) to 'data/other.parquet'")

    outcome = run("drift", "orders", "data/other.parquet", "--output", "report.json")

    assert (outcome.code, outcome.err) == (0, "")
    report = json.loads((shop.root / "report.json").read_text())
    assert report["subject"] == "main.orders to data/other.parquet"
    assert [report["pairs"][0]["result"][f"{side}_row_count"] for side in ("left", "right")] == [3, 200]

    files = find_build(shop)
    manifest = read_build_manifest(files)
    tables = published_tables(shop, manifest, build_id=files.id, profiles=True)
    assert tables.types["main", "kept"] == {"customer": "VARCHAR"}
    (profile,) = [profile for name, profile in tables.profiles.items() if name.endswith(".orders")]
    assert (profile.row_count, profile.note, set(profile.columns)) == (3, "", {"order_id", "customer", "amount"})

    place = shop.settings.spark_remote.partition("/;")[0]
    (kept,) = [table for table in tables_of_build(shop, files) if table.name.name == "warehouse.main.kept"]
    assert kept.name.namespace == place
    assert [field.name for field in kept.facets["schema"].fields] == ["customer"]


def test_tables_that_the_cluster_has_lost_are_told_of_and_made_anew(spark: Any, shop: Project) -> None:
    first = build(shop, 40).id
    files = find_build(shop)
    drop_schemas(spark, read_spark_place(files).schemas.values())

    lost = f"(?s)Spark has no {spark_prefix(first)}_main, .*where build {first} was made on .*warehouse build"
    with pytest.raises(StorageError, match=lost):
        export_dataset(shop, "spending", now=NOW)
    with pytest.raises(StorageError, match=lost):
        run_suites_on(shop, files, load_suites(shop.expectations_path))
    assert find_same_build(shop, now=NOW).why == f"the tables of build {first} are gone from Spark"

    second = build(shop, 41).id
    assert not is_gone_from_spark(shop, find_build(shop))
    to_first = [
        partial(publish_by_hand, shop, first),
        partial(roll_back, shop, build_id=first),
        partial(roll_back, shop),
    ]
    for switch in to_first:
        with pytest.raises(BuildError, match=f"build {first} cannot be published: its tables are gone from Spark"):
            switch(now=NOW)
    assert published_id(shop) == second


def test_a_clean_up_asks_once_for_builds_on_a_cluster_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = Fake(tmp_path / "a project")
    away = replace(fake.project.settings, keep_builds=1, spark_remote="sc://127.0.0.1:1")
    fake.project = replace(fake.project, settings=away)
    for remote in ("sc://127.0.0.1:1", "sc://127.0.0.1:1", "sc://other:1", ""):
        build_id = fake.build()
        records.write_record(
            fake.project,
            replace(
                records.start_record(fake.project, command="build", run_id=build_id, now=NOW), status=Status.PASSED
            ),
        )
        if remote:
            files = find_build(fake.project, build_id)
            files.database_path.unlink()
            schema = f"{spark_prefix(build_id)}_main"
            write_spark_place(files.spark_path, SparkPlace(remote=remote, catalog="c", schemas={"main": schema}))
    monkeypatch.setattr(spark_session, "READY_SECONDS", 1)
    asked = []
    connect = spark_leftovers.connect_spark
    monkeypatch.setattr(spark_leftovers, "connect_spark", lambda project: asked.append(1) or connect(project))

    cleaning = clean_up(fake.project, now=NOW)

    assert (len(asked), cleaning.builds, len(build_ids(fake.project))) == (1, (), 4)
    assert [finding.subject for finding in cleaning.findings] == [
        f"build {gone}" for gone in build_ids(fake.project)[:3]
    ]
    assert "no Spark Connect server answers at sc://127.0.0.1:1" in cleaning.findings[0].message
    assert "it lies on sc://other:1, and spark_remote" in cleaning.findings[2].message


def test_an_engine_that_cannot_be_used_is_one_clear_error(shop: Project) -> None:
    alone = replace(shop, settings=replace(shop.settings, engine="duckdb", spark_remote=""))
    with pytest.raises(ProjectError, match="no Spark cluster is set"):
        build(alone, 50, engine="spark")
    with pytest.raises(ProjectError, match="there is no engine 'sparc'; did you mean 'spark'"):
        build(alone, 50, engine="sparc")


def test_a_damaged_file_drops_nothing_that_is_not_the_build_s(shop: Project, tmp_path: Path) -> None:
    files = find_build(shop)
    other = replace(files, path=tmp_path)
    document = json.loads(files.spark_path.read_text())
    document["schemas"]["main"] = "default"
    other.spark_path.write_text(json.dumps(document))

    with pytest.raises(StorageError, match="'default' is no schema of this build"):
        read_spark_place(other)


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("read_csv('a.csv')", "its types are guessed"),
        ("read_csv('a.csv', all_varchar = true, skip = 1)", "read_csv has the option skip"),
        ("read_csv(['a.csv', 'b.csv'], all_varchar = true)", "it names several files"),
        ("read_csv('**/a.csv', all_varchar = true)", "Spark knows no **"),
        ("read_parquet('https://x.org/a.parquet')", "Spark reads nothing from the web"),
        ("read_parquet('a.parquet', file_row_number = true)", "read_parquet has the option file_row_number"),
        ("read_parquet('s3://x/*.parquet', filename = true)", "files elsewhere cannot be listed from here"),
        ("read_parquet('nowhere/*.parquet', filename = true)", "no file matches nowhere/*.parquet"),
        ("read_parquet(['typed/1.parquet', 'typed/2.parquet'], union_by_name = true)", "a is INTEGER in some files"),
        ("read_parquet('typed/**/*.parquet')", "a is INTEGER in some files, and VARCHAR in "),
        ("read_parquet('wide/*.parquet', filename = true)", "/wide/2.parquet has other columns than the files before"),
        ("read_parquet('[[]1]/*.parquet', filename = true)", "Spark would take the path for a pattern: "),
        ("delta_scan('nowhere')", "/nowhere does not exist"),
        ("delta_scan('s3://lake/orders')", "which version of it is the newest cannot be told from here"),
        ("iceberg_scan('x', allow_moved_paths = true)", "iceberg_scan has the option allow_moved_paths"),
        ("read_json('a.json')", "its files are read by read_json"),
        ("(select 1)", "its files are read by SQL of its own"),
    ],
)
def test_files_that_spark_would_read_otherwise_are_refused(shop: Project, location: str, message: str) -> None:
    for name, select in (("typed/1", "1 as a"), ("typed/2", "'x' as a"), ("wide/1", "1 as a"), ("wide/2", "1 as b")):
        path = shop.root / f"{name}.parquet"
        path.parent.mkdir(exist_ok=True)
        duckdb.sql(f"select {select}").write_parquet(str(path))
    (shop.root / "[1]").mkdir(exist_ok=True)
    shutil.copyfile(shop.root / "typed/1.parquet", shop.root / "[1]/1.parquet")
    with pytest.raises(BuildError) as caught:
        file_tables(shop, [source(location)], schema="b")

    assert "source shop.orders (models/models.yml): " in str(caught.value)
    assert message in str(caught.value)


def test_a_project_in_a_folder_that_is_a_pattern_to_spark_is_refused(shop: Project) -> None:
    bracketed = replace(shop, root=shop.root.parent / "a [1]")
    with pytest.raises(BuildError, match=r"Spark would take the project's folder for a pattern: .*/a \[1\]"):
        file_tables(bracketed, [source("read_parquet('data/a.parquet')")], schema="b")
    with pytest.raises(StorageError, match=r"for a pattern: .*/a \[1\]/late\n  let state_path be a folder without"):
        SharedFolder(bracketed.root / "late").aside("x")


def test_locations_become_tables(shop: Project) -> None:
    (text,) = file_tables(shop, [source("read_csv('a.csv', all_varchar=true, delim='|', nullstr='NA')")], schema="b")
    (parquet,) = file_tables(shop, [source("read_parquet('s3://x/*.parquet', union_by_name = true)")], schema="b")

    assert isinstance(text, FileTable)
    assert isinstance(parquet, FileTable)
    assert (text.schema, text.name, text.format, text.null_texts) == ("b_shop", "orders", "csv", ("NA",))
    assert text.location == str(shop.root / "a.csv")
    assert text.options == {"header": "true", "escape": '"', "multiLine": "true", "sep": "|"}
    assert (parquet.format, parquet.location, parquet.null_texts) == ("parquet", "s3://x/*.parquet", None)
    assert parquet.options == {"mergeSchema": "true"}


def source(location: str) -> Source:
    return source_of_shop("orders", location, file_path="models/models.yml")


def test_doctor_says_whether_the_cluster_can_be_used(
    shop: Project, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop.root)
    monkeypatch.setenv("SPARK_REMOTE", shop.settings.spark_remote)

    document = json.loads(run("doctor", "--json").out)
    told = document["spark"]

    assert document["answer"] == "moved: the warehouse lies on Spark, where only the night is judged"
    assert {limit["name"]: limit["state"] for limit in document["limits"]}["night"] == "fits"
    assert [(check["name"], check["is_fine"]) for check in told] == [
        *(("client", True), ("server", True), ("target", True))
    ]
    assert told[1]["found"].startswith("Spark 4")
    assert "session_id" not in told[1]["found"]

    monkeypatch.setenv("SPARK_REMOTE", "sc://127.0.0.1:1")
    monkeypatch.setattr(spark_session, "READY_SECONDS", 1)
    outcome = run("doctor")
    assert outcome.code == 1
    assert "server is missing: no Spark Connect server answers at sc://127.0.0.1:1" in outcome.out


def test_a_server_that_dies_while_dbt_builds_is_one_clear_error(
    shop: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = published_id(shop)
    monkeypatch.setattr(spark_session, "RETRIES", 2)
    run_build = dbt_runner.run_build
    with sail_server(tmp_path) as sail:

        def killed(*arguments: Any, **options: Any) -> Any:
            sail.process.kill()
            return run_build(*arguments, **options)

        monkeypatch.setattr(dbt_runner, "run_build", killed)
        remote = f"{sail.remote}/;session_id={uuid.uuid4()}"
        with pytest.raises(
            StorageError, match=r"^Spark's server does not answer any more: .*\n  .* asked it; once it answers"
        ):
            build(replace(shop, settings=replace(shop.settings, spark_remote=remote)), 60)

    assert published_id(shop) == before
