"""What a source may say of its load, and every way to say it wrongly."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from warehouse.dbt_manifest import Source
from warehouse.errors import LoadError, ProjectError
from warehouse.loads.load import selected
from warehouse.loads.specs import LOCATION, Kind, LoadSpec, Mode, read_specs
from warehouse.project import Project
from warehouse.sources.rules import Policy, Trouble

ENVIRONMENT = {"SHOP_DB": "host=127.0.0.1 password=planted"}


def source(project: Project, load: Any, *, name: str = "orders", location: str | None = None, **meta: Any) -> Source:
    where = f"read_parquet('{project.raw_path}/shop/{name}/*.parquet', union_by_name = true)"
    return Source(
        unique_id=f"source.tiny.shop.{name}",
        source_name="shop",
        name=name,
        description="",
        external_location=where if location is None else location,
        relation_name=None,
        file_path="models/_sources.yml",
        columns={},
        meta={"load": load, **meta},
    )


def spec(project: Project, load: Any, **options: Any) -> LoadSpec:
    (found,) = read_specs(project, [source(project, load, **options)], ENVIRONMENT)
    return found


def test_what_is_left_out_has_its_default(project: Project) -> None:
    whole = spec(project, {"from": "postgres", "connection": "SHOP_DB"})
    newer = spec(project, {"from": "mysql", "connection": "SHOP_DB", "cursor": "at", "table": "a.b"})
    files = spec(project, {"from": "files", "path": "drop/*.csv"})

    assert (whole.kind, whole.mode, whole.table, whole.key) == (Kind.POSTGRES, Mode.FULL, "orders", ())
    assert (newer.mode, newer.table, newer.lookback, newer.time_zone) == (Mode.INCREMENTAL, "a.b", None, "UTC")
    assert (files.mode, files.table, files.changed, files.new_columns) == (
        Mode.INCREMENTAL,
        None,
        "replace",
        "accept",
    )
    assert files.rules[Trouble.RAGGED] is Policy.STOP


def test_everything_that_can_be_said_is_kept(project: Project) -> None:
    load = {
        **{"from": "postgres", "connection": "SHOP_DB", "query": "select 1 as id", "cursor": "at", "key": ["id", "at"]},
        **{"lookback": "2 days", "time_zone": "Europe/Berlin", "new_columns": "error"},
    }
    found = spec(project, load, checks={"ragged": "quarantine"})

    assert (found.query, found.table, found.key) == ("select 1 as id", None, ("id", "at"))
    assert (found.lookback, found.time_zone) == (timedelta(days=2), "Europe/Berlin")
    assert found.rules[Trouble.RAGGED] is Policy.QUARANTINE


DATABASE = {"from": "postgres", "connection": "SHOP_DB"}
FILES = {"from": "files", "path": "drop/*.csv"}


@pytest.mark.parametrize(
    ("load", "said"),
    [
        ("postgres", "load must be a mapping"),
        ({}, "from is None"),
        ({"from": "delta"}, "a table of Delta is read where it lies: external_location: delta_scan('...')"),
        ({"from": "postgre"}, "did you mean 'postgres'?"),
        ({**DATABASE, "cursr": "at"}, "unknown key 'cursr'; did you mean 'cursor'?"),
        ({**FILES, "cursor": "at"}, "unknown key 'cursor'"),
        ({"from": "postgres"}, "connection is missing"),
        ({"from": "postgres", "connection": "NOT_SET"}, "the environment variable NOT_SET is not set"),
        ({"from": "postgres", "connection": "host=h password=planted"}, "is not the name of an environment variable"),
        (
            {"from": "postgres", "connection": "postgresql://u:planted@h/d"},
            "is not the name of an environment variable",
        ),
        ({**DATABASE, "table": "a", "query": "select 1"}, "table and query are both given"),
        ({**DATABASE, "mode": "incremental"}, "mode: incremental needs a cursor"),
        ({**DATABASE, "mode": "ful"}, "did you mean 'full'?"),
        ({**DATABASE, "key": {"id": 1}}, "key must be a column or a list of columns"),
        ({**DATABASE, "lookback": "two hours"}, "lookback is 'two hours'; write '2 hours'"),
        ({**DATABASE, "lookback": -1}, "lookback is -1"),
        ({**DATABASE, "lookback": "99999999999 weeks"}, "longer than time is counted"),
        ({**DATABASE, "time_zone": "Mars/Olympus"}, "time_zone is 'Mars/Olympus'"),
        ({"from": "files"}, "path is missing"),
        ({**FILES, "format": "xml"}, "format is 'xml'"),
        ({**FILES, "changed": "ignore"}, "changed is 'ignore'"),
        ({**FILES, "mode": "full", "changed": "error"}, "changed has no meaning with mode: full"),
        ({**FILES, "options": {"delim = ';'": 1}}, "options must map names of DuckDB's reader options"),
        ({**FILES, "options": ["delim"]}, "options must map"),
        ({"from": "dlt"}, "resource is missing"),
        ({"from": "dlt", "resource": "events.py"}, "not of the form package.module:function"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_with_its_place_and_without_secrets(project: Project, load: Any, said: str) -> None:
    with pytest.raises(LoadError) as caught:
        spec(project, load)

    assert said in str(caught.value)
    assert "shop.orders (declared in models/_sources.yml)" in str(caught.value)
    assert "planted" not in str(caught.value)


def test_every_problem_of_every_table_is_said_at_once(project: Project) -> None:
    sources = [
        source(project, {"from": "files", "mode": "all", "changed": 3}),
        source(project, {**DATABASE, "cursr": "at"}, name="stores"),
        source(project, DATABASE, name="../up"),
    ]
    with pytest.raises(LoadError) as caught:
        read_specs(project, sources, ENVIRONMENT)

    text = str(caught.value)
    for part in ("mode is 'all'", "changed is 3", "path is missing", "shop.stores", "'../up' becomes a folder's"):
        assert part in text


def test_a_location_that_does_not_read_what_is_loaded_is_told_how_to(project: Project) -> None:
    with pytest.raises(LoadError) as caught:
        spec(project, FILES, location="drop/*.csv")

    assert "its external_location does not read what is loaded" in str(caught.value)
    assert LOCATION.replace("{source}", "shop") in str(caught.value)


def test_wrong_checks_are_told_before_anything_is_loaded(project: Project) -> None:
    with pytest.raises(ProjectError, match="did you mean 'ragged'"):
        spec(project, FILES, checks={"raged": "stop"})


def test_tables_are_chosen_by_source_name_and_pattern(project: Project) -> None:
    specs = read_specs(project, [source(project, FILES), source(project, FILES, name="stores")], ENVIRONMENT)

    def names(*words: str) -> list[str]:
        return [one.table_name for one in selected(specs, words)]

    assert names() == names("shop") == names("shop.*") == ["orders", "stores"]
    assert names("shop.o*") == names("source:shop.orders") == ["orders"]
    with pytest.raises(
        LoadError, match=r"'shop\.order' names no table that declares a load; did you mean 'shop\.orders'"
    ):
        names("shop.order")
