from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from warehouse.lineage.names import DatasetName, files_name, table_name
from warehouse.project import Project, Settings
from warehouse.sql import Relation

ROOT = Path("/srv/a project")
PROJECT = Project(root=ROOT, settings=Settings())


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("data/orders.csv", DatasetName("file", "/srv/a project/data/orders.csv")),
        ("data/orders/*.csv", DatasetName("file", "/srv/a project/data/orders")),
        ("/lake/events/**/part-?.parquet", DatasetName("file", "/lake/events")),
        ("/*.csv", DatasetName("file", "/")),
        ("file:///lake/events/*.csv", DatasetName("file", "/lake/events")),
        ("s3://lake/events/2026-*/x.parquet", DatasetName("s3://lake", "events")),
        ("https://user:planted@example.com/a.csv", DatasetName("https://example.com", "a.csv")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_files_are_named_by_their_folder_as_other_systems_do(pattern: str, name: DatasetName) -> None:
    assert files_name(PROJECT, pattern) == name


def test_a_character_that_is_escaped_for_duckdb_is_itself() -> None:
    (escaped,) = Relation.escaped(["/srv/odd [x] * folder/orders.csv"])

    assert files_name(PROJECT, escaped) == DatasetName("file", "/srv/odd [x] * folder/orders.csv")


def test_a_table_has_one_name_whichever_build_is_published() -> None:
    elsewhere = replace(PROJECT, settings=Settings(state_path="/state"))

    assert table_name(PROJECT, schema="main", table="orders") == DatasetName(
        "duckdb:///srv/a project/var/warehouse/current/warehouse.duckdb", "warehouse.main.orders"
    )
    assert table_name(elsewhere, schema="main", table="o").namespace.startswith("duckdb:///state/warehouse")
