"""Drift, label relations and profiles have the same numbers on Spark as on DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from drift_pairs import differences

from warehouse.checks.drift.comparison import compare_with_facts
from warehouse.checks.drift.pairs import Beyond, Frame, look_beyond
from warehouse.engine.local import LocalEngine
from warehouse.engine.spark import SparkEngine
from warehouse.sql import Relation
from warehouse.statistics.first_scan import SAMPLE_ROWS
from warehouse.statistics.pair import compare_relations
from warehouse.statistics.profile_making import profile_of
from warehouse.statistics.profile_pair import compare_with_profile
from warehouse.storage import connect

FLIGHTS = Path(__file__).parents[2] / "data" / "nycflights13" / "flights"
ROWS = """
    select
        i as id,
        (i * 7919 % 1000) / 7.0 as real_number,
        case when i % 50 = 0 then 'nan'::double when i % 77 = 0 then '-inf'::double else i * 1.5 end as odd_number,
        case when i % 9 > 0 then (i * 31 % 5000)::decimal(10, 2) end as money,
        i % 7 as plane,
        case when i % 11 > 0 then 'carrier ' || (i % 13) || ' é''\\' end as carrier,
        date '1969-06-01' + (i % 300)::int as day,
        timestamp '1969-12-01' + interval (i * 37) minute as moment,
        i % 3 = 0 as is_late,
        'a text of many words, ' || (i * 7919) || ', that is longer than a name' as comment,
    from range(3000) as r(i)
"""
Pair = tuple[Relation, Relation]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Rows, and others of their kind, as files that both engines read."""
    folder: Path = tmp_path_factory.mktemp("drift")
    with connect(None) as connection:
        connection.execute(f"copy ({ROWS}) to '{folder}/left.parquet'")
        connection.execute(f"copy (from ({ROWS}) where id % 4 = 1 and id < 1700) to '{folder}/right.parquet'")
    left, right = (Relation.parquet([f"{folder}/{side}.parquet"], name=side) for side in ("left", "right"))
    return left, right


@pytest.fixture
def here() -> Iterator[LocalEngine]:
    with connect(None) as connection:
        yield LocalEngine(connection)


@pytest.mark.parametrize("groups", [(), ("plane",)], ids=["rows", "groups"])
def test_drift_has_the_same_numbers(here: LocalEngine, there: SparkEngine, pair: Pair, groups: tuple[str, ...]) -> None:
    options: dict[str, Any] = {
        "left_name": "train",
        "right_name": "test",
        "excluded": {"id": "key", "comment": "text"},
        "label": "is_late",
        "time": "moment",
    }
    found, expected = (compare_with_facts(engine, *pair, groups=groups, **options) for engine in (there, here))

    assert [column.name for column in expected.facts] == [
        *("real_number", "odd_number", "money", "plane", "carrier", "day", "moment", "is_late")
    ]
    assert list(differences(expected, found)) == []
    beyond, frame = Beyond(together=False), Frame(label="is_late", time="moment", groups=groups)
    found, expected = (
        look_beyond(engine, *pair, one, frame=frame, beyond=beyond)[0]
        for engine, one in ((there, found), (here, expected))
    )
    assert expected.result.relations
    assert list(differences(expected, found)) == []


def test_drift_by_bins_has_the_same_numbers(here: LocalEngine, there: SparkEngine, pair: Pair) -> None:
    # Texts are compared by their lengths, which have bins too.
    skip = {"id", "real_number", "day", "moment"}
    found, expected = (compare_relations(engine, *pair, skip=skip, exact_rows=0) for engine in (there, here))

    assert list(differences(expected, found)) == []


def test_bins_of_sampled_rows_have_the_same_numbers(here: LocalEngine, there: SparkEngine) -> None:
    left, right = (
        Relation.parquet([str(FLIGHTS / f"2013-{month:02}.parquet") for month in months], name="flights")
        for months in ((1, 2), (3,))
    )
    columns = {column.name for column in here.columns(left)} - {"dep_delay", "distance", "tailnum"}
    found, expected = (compare_relations(engine, left, right, skip=columns) for engine in (there, here))

    # So many that both engines chose which values the bins are made of.
    assert expected.left_row_count > 1.5 * SAMPLE_ROWS
    assert list(differences(expected, found)) == []


def test_profiles_have_the_same_numbers(here: LocalEngine, there: SparkEngine, pair: Pair) -> None:
    sets = dict(zip(("train", "test"), pair, strict=True))
    skip = {"id", "real_number", "money", "comment"}
    found, expected = (profile_of(engine, sets, skip=skip, groups=["plane"]) for engine in (there, here))

    assert list(differences(expected, found)) == []
    compared = [compare_with_profile(engine, expected, "train", pair[1], skip=skip) for engine in (there, here)]
    assert list(differences(*reversed(compared))) == []
