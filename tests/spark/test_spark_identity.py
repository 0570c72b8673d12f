"""The same rows have the same fingerprint, and the same keys fall into the same splits, on Spark as on DuckDB."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warehouse.datasets.fingerprints import content_fingerprint
from warehouse.datasets.splits import fold_sql, hash_text_sql, place_sql, split_of, subset_sql
from warehouse.engine.base import Engine
from warehouse.engine.local import LocalEngine
from warehouse.engine.spark import SparkEngine
from warehouse.sql import Query, Relation, Step, identifier
from warehouse.storage import connect

FLIGHTS = Path(__file__).parents[2] / "data" / "nycflights13" / "flights" / "2013-01.parquet"
BOUNDS = {"test": "19999999999999999", "dev": "3333333333333333", "train": "g"}

TEXT = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=8)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "i": st.none() | st.integers(-(2**63), 2**63 - 1),
            "s": st.none() | TEXT | st.sampled_from(["\\N", "\\", "\x1f", "\\s", "${x}", "'"]),
            "x": st.none() | st.floats(),
            "f": st.none() | st.floats(width=32),
            "d": st.none() | st.dates(date(1, 1, 1)),
            "t": st.none() | st.datetimes(datetime(1, 1, 1)),
            "b": st.none() | st.booleans(),
            "m": st.none() | st.decimals(places=3, min_value=-999999, max_value=999999),
        }
    ),
    min_size=1,
    max_size=30,
)
TYPES = "i bigint, s varchar, x double, f float, d date, t timestamp, b boolean, m decimal(18, 3)"


def types_of(engine: Engine, relation: Relation) -> dict[str, str]:
    return {column.name: column.type for column in engine.columns(relation)}


def places_sql(relation: Relation, columns: list[str]) -> Query:
    """One row per row, by key: its point, split, fold, and whether it is in a tenth."""
    point = hash_text_sql(columns, salt="nyc 名")
    keys = ", ".join(map(identifier, columns))
    return Query.of(
        Step("points", f"select {keys}, {point} as point from {relation.sql}"),
        Step(
            "places",
            f"select *, {place_sql('point', BOUNDS)} as place, {fold_sql('point', 5)} as fold, "
            f"{subset_sql('point', 0.1)} as in_tenth from points order by point, {keys}",
        ),
    )


@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS)
def test_random_rows_have_one_fingerprint_and_one_split(
    there: SparkEngine, tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    path = tmp_path / "rows.parquet"
    with connect(None) as connection:
        here = LocalEngine(connection)
        connection.execute(f"create table t ({TYPES})")
        connection.executemany("insert into t values ($i, $s, $x, $f, $d, $t, $b, $m)", rows)
        connection.execute(f"copy t to '{path}'")
        files = Relation.parquet([str(path)], name="rows")
        types = types_of(here, files)

        assert types_of(there, files) == types
        assert content_fingerprint(there, files, types) == content_fingerprint(here, files, types)
        for key in (["i"], ["s", "d"]):
            query = places_sql(files, key)
            found = there.rows(query)
            assert found == here.rows(query)
            for row in found:
                if None not in (parts := [row[name] for name in key]):
                    assert row["place"] == split_of(parts, bounds=BOUNDS, salt="nyc 名")


@pytest.fixture(scope="module")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Relation:
    """The example's flights, as one file."""
    path = tmp_path_factory.mktemp("flights") / "flights.parquet"
    with connect(None) as connection:
        connection.execute(f"copy (from '{FLIGHTS}' select *, distance / 7 as ratio) to '{path}'")
    return Relation.parquet([str(path)], name="flights")


def test_the_example_has_one_fingerprint_and_one_split(there: SparkEngine, flights: Relation) -> None:
    with connect(None) as connection:
        here = LocalEngine(connection)
        types = types_of(here, flights)

        assert types_of(there, flights) == types
        assert content_fingerprint(there, flights, types) == content_fingerprint(here, flights, types)
        query = places_sql(flights, ["carrier", "flight", "day"])
        # NOTE: Sail may send parts of a long answer in another order.
        found = sorted(there.rows(query), key=lambda row: [row["point"], row["day"]])
        assert found == sorted(here.rows(query), key=lambda row: [row["point"], row["day"]])
