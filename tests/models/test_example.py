"""The example company: plain dbt builds it from a fresh clone, and the result says what ABOUT.md says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from warehouse import storage
from warehouse.datasets.declarations import read_declarations
from warehouse.dbt_manifest import DbtManifest, read_dbt_manifest
from warehouse.validation import load_suites, run_suites

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
EXAMPLE = ("dbt_project.yml", "profiles.yml", "models", "macros", "data", "var/dev/.gitkeep")
TABLES = ("fct_flights", "dim_planes", "dim_airports", "dim_airlines", "fct_weather_hours")
DATASETS = ("late_arrivals_examples", "turnaround_examples")
NEW_YORK = ZoneInfo("America/New_York")


def copy_example(folder: Path) -> Path:
    for name in EXAMPLE:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copyfile(source, target)
    return folder


def dbt(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs dbt as an analyst would: in the folder, knowing nothing of this library. Warnings are errors."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("WAREHOUSE_", "DBT_"))}
    return subprocess.run(
        [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--warn-error", "--no-use-colors", *words],
        cwd=folder,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example as a fresh clone, built and documented once with plain dbt."""
    folder = copy_example(tmp_path_factory.mktemp("clone"))
    for words in (("build",), ("docs", "generate")):
        outcome = dbt(folder, *words)
        assert outcome.returncode == 0, outcome.stdout
    return folder


@pytest.fixture(scope="module")
def warehouse(example: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    # As the library opens it: DuckDB refuses to open one file twice in a process with different settings.
    with storage.connect(example / "var/dev/warehouse.duckdb") as connection:
        for name in ("flights/*.parquet", "planes.csv", "airports.csv", "weather.csv.gz"):
            reader = "read_parquet" if name.endswith("parquet") else "read_csv"
            options = "" if name.endswith("parquet") else ", nullstr = 'NA'"
            view = f"raw_{name.split('.')[0].split('/')[0]}"
            connection.execute(
                f"create temp view {view} as from {reader}('{example}/data/nycflights13/{name}'{options})"
            )
        yield connection


@pytest.fixture(scope="module")
def dbt_manifest(example: Path) -> DbtManifest:
    return read_dbt_manifest(example / "target/manifest.json")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("from fct_flights", 336_776, id="flights"),
        pytest.param("from fct_weather_hours", 26_115, id="weather hours"),
        pytest.param("from dim_airlines", 16, id="airlines"),
        pytest.param("from dim_planes where is_registered", 3_322, id="registered planes"),
        pytest.param("from dim_planes where is_registered and built_in_year is null", 70, id="planes without a year"),
        pytest.param("from dim_airports where is_listed", 1_458, id="listed airports"),
        pytest.param("from dim_airports where not is_listed", 4, id="airports that only flights name"),
        pytest.param("from fct_flights where flight_outcome = 'cancelled'", 8_255, id="cancelled flights"),
        pytest.param("from fct_flights where arrival_delay_minutes is null", 9_430, id="no arrival delay"),
        pytest.param("from fct_flights where tail_number is null", 2_512, id="no tail number"),
        pytest.param("from fct_flights where not has_known_plane", 52_606, id="unknown planes"),
        pytest.param("from fct_flights where not has_known_destination", 7_602, id="unknown destinations"),
        pytest.param("from int_flights_timed where departure_clock = 2400", 29, id="hour 24"),
        pytest.param("from fct_weather_hours where is_repeated_local_hour", 6, id="repeated hours, both kept"),
        pytest.param("from fct_weather_hours where is_wind_speed_implausible", 1, id="winds that cannot be"),
        pytest.param(
            "from fct_flights where departed_at is not null and not has_departure_weather", 1_564, id="no weather"
        ),
        pytest.param(
            """from raw_flights as f where dep_time is not null and not exists (
                from raw_weather as w
                where (w.origin, w.year, w.month, w.day, w.hour) = (f.origin, f.year, f.month, f.day, f.hour)
            )""",
            1_590,
            id="no weather when joined on the clock, as ABOUT.md counts",
        ),
        pytest.param("from late_arrivals_examples", 336_776 - 9_430, id="late arrivals examples"),
        pytest.param("from turnaround_examples", 166_362, id="turnaround examples"),
    ],
)
def test_the_warehouse_says_what_is_known_of_the_data(
    warehouse: duckdb.DuckDBPyConnection, query: str, expected: int
) -> None:
    assert warehouse.execute(f"select count(*) {query}").fetchone() == (expected,)


def test_shares_of_late_flights_by_month_are_those_of_the_source(warehouse: duckdb.DuckDBPyConnection) -> None:
    shares = warehouse.execute(
        "select round(avg(is_late::integer), 3) from late_arrivals_examples group by month(scheduled_on) "
        "order by month(scheduled_on)"
    ).fetchall()

    expected = [0.227, 0.229, 0.228, 0.279, 0.220, 0.308, 0.315, 0.238, 0.132, 0.168, 0.174, 0.326]
    assert [share for (share,) in shares] == expected


def minutes(clock: int) -> int:
    return clock // 100 * 60 + clock % 100


def utc(local: datetime, zone: ZoneInfo) -> datetime:
    # fold=1: of an hour that occurs twice, the second; a time that does not exist is read by the winter clock.
    exists = local.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local
    return local.replace(tzinfo=zone, fold=1 if exists else 0).astimezone(UTC).replace(tzinfo=None)


def test_every_time_is_right_by_python_s_own_time_zones(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Day and clock are searched for here: the day on which this clock, less the delay, is on the scheduled date."""
    rows = warehouse.execute(
        """
        select
            make_date(year, month, day), dep_time, dep_delay, arr_time, arr_delay, tzone,
            scheduled_departure_at, departed_at, arrived_at,
        from raw_flights
        inner join fct_flights
            on flight_id = concat_ws('-', make_date(year, month, day), raw_flights.carrier, flight, raw_flights.origin)
        left join raw_airports
            on dest = faa
        where dep_time is not null
        """
    ).fetchall()
    wrong = []
    for day, departure, delay, arrival, arrival_delay, zone_name, scheduled_at, departed_at, arrived_at in rows:
        midnight = datetime(day.year, day.month, day.day)
        for days in range(-1, 3):
            local = midnight + timedelta(days=days, minutes=minutes(departure) % 1440)
            if (local - timedelta(minutes=delay)).date() == day:
                break
        departed = utc(local, NEW_YORK)
        arrived = None
        if zone_name and arrival_delay is not None:
            zone = ZoneInfo(zone_name)
            there = departed.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
            wait = (minutes(arrival) - there.hour * 60 - there.minute) % 1440
            arrived = utc(there + timedelta(minutes=wait), zone)
        if (departed - timedelta(minutes=delay), departed, arrived) != (scheduled_at, departed_at, arrived_at):
            wrong.append((day, departure, delay, arrival, zone_name, departed_at, departed, arrived_at, arrived))

    assert len(rows) == 328_521
    assert wrong == []


def test_late_arrivals_know_only_what_was_over_at_departure(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Computed again by looking back, flight by flight, over four days with a change of clocks among them."""
    columns = (
        "flight_id, tail_number, origin, departed_at, departure_delay_minutes, arrival_delay_minutes, arrived_at, "
        "scheduled_on"
    )
    flights = warehouse.execute(
        f"select {columns} from fct_flights where departed_at is not null order by departed_at, flight_id"
    ).fetchall()
    examples = {
        row[0]: row[1:]
        for row in warehouse.execute(
            """
            select
                flight_id, minutes_since_previous_departure, previous_departure_delay_minutes,
                previous_arrival_delay_minutes, departures_last_hour_count, mean_departure_delay_last_hour_minutes,
            from late_arrivals_examples
            where scheduled_on between '2013-11-02' and '2013-11-05'
            """
        ).fetchall()
    }
    by_plane: dict[str, list[Any]] = defaultdict(list)
    by_origin: dict[str, list[Any]] = defaultdict(list)
    seen = 0
    for flight in flights:
        flight_id, tail_number, origin, departed_at, _, arrival_delay, _, scheduled_on = flight
        if date(2013, 11, 2) <= scheduled_on <= date(2013, 11, 5) and arrival_delay is not None:
            previous = by_plane[tail_number][-1] if by_plane[tail_number] else None
            before = [
                other[4]
                for other in by_origin[origin][-200:]
                if timedelta(minutes=1) <= departed_at - other[3] <= timedelta(hours=1)
            ]
            expected = (
                previous and (departed_at - previous[3]) // timedelta(minutes=1),
                previous and previous[4],
                previous[5] if previous and previous[6] and previous[6] <= departed_at else None,
                len(before),
                sum(before) / len(before) if before else None,
            )
            assert examples[flight_id] == pytest.approx(expected), flight_id
            seen += 1
        by_plane[tail_number].append(flight)
        by_origin[origin].append(flight)

    assert seen == len(examples) > 3_000


def test_weather_of_examples_is_of_an_hour_that_has_ended(warehouse: duckdb.DuckDBPyConnection) -> None:
    for table, moment in (("late_arrivals_examples", "departed_at"), ("turnaround_examples", "previous_arrived_at")):
        other = warehouse.execute(
            f"""
            select
                count(*) filter (has_weather),
                count(*) filter (
                    e.temperature_fahrenheit is distinct from w.temp or e.visibility_miles is distinct from w.visib
                ),
            from {table} as e
            left join raw_weather as w
                on e.origin = w.origin
                and floor(epoch(e.{moment}) / 3600) - 1 = floor(epoch(w.time_hour) / 3600)
            """
        ).fetchone()
        assert other is not None
        assert other[0] > 100_000
        assert other[1] == 0


def test_every_pair_of_departures_is_an_example_or_left_out_for_a_reason(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    counts = warehouse.execute(
        """
        with pairs as (
            select
                f.departed_at,
                f.scheduled_departure_at as due_at,
                lag(f.arrived_at) over plane as known_at,
                row_number() over plane > 1 as is_pair,
            from fct_flights as f
            where f.departed_at is not null
            window plane as (partition by f.tail_number order by f.departed_at)
        )
        select
            count(*),
            count(*) filter (known_at is null),
            count(*) filter (due_at <= known_at),
            count(*) filter (due_at > known_at + interval 24 hours),
            count(*) filter (due_at > known_at and departed_at <= known_at),
        from pairs
        where is_pair
        """
    ).fetchone()

    assert counts == (324_484, 8_639, 385, 149_098, 0)
    assert counts[0] - sum(counts[1:]) == 166_362


def test_nothing_in_the_examples_lies_beyond_the_moment_of_the_prediction(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    late = warehouse.execute(
        """
        select count(*)
        from late_arrivals_examples as e
        inner join fct_flights as f using (flight_id)
        inner join fct_flights as p on f.previous_flight_id = p.flight_id
        where p.departed_at >= e.departed_at
            or (e.previous_arrival_delay_minutes is not null and p.arrived_at > e.departed_at)
        """
    ).fetchone()
    turnaround = warehouse.execute(
        """
        select count(*)
        from turnaround_examples as e
        inner join fct_flights as p on e.previous_flight_id = p.flight_id and e.tail_number = p.tail_number
        where p.arrived_at = e.previous_arrived_at and p.departed_at < e.previous_arrived_at
            and e.previous_arrived_at < e.scheduled_departure_at
        """
    ).fetchone()

    assert late == (0,)
    assert turnaround == (166_362,)


def test_flight_ids_are_stable(warehouse: duckdb.DuckDBPyConnection) -> None:
    first = warehouse.execute("select min(flight_id), max(flight_id), min(length(flight_id)) from fct_flights")

    assert first.fetchone() == ("2013-01-01-9E-3286-JFK", "2013-12-31-YV-3771-LGA", 19)


def content(database: Path, table: str) -> list[Any]:
    """A hash of each row, in the order in which the rows lie in the table."""
    with storage.connect(database) as connection:
        return connection.execute(f"select hash(t) from {table} as t").fetchall()


def test_a_second_build_works_and_makes_the_same_examples_in_the_same_order(example: Path, tmp_path: Path) -> None:
    folder = tmp_path / "again"
    shutil.copytree(example, folder)

    outcome = dbt(folder, "build", "--threads", "4")

    assert outcome.returncode == 0, outcome.stdout
    assert "Unable to do partial parsing" not in outcome.stdout
    for table in DATASETS:
        assert content(folder / "var/dev/warehouse.duckdb", table) == content(
            example / "var/dev/warehouse.duckdb", table
        )


def test_staging_views_work_from_another_folder_and_from_a_root_with_odd_characters(tmp_path: Path) -> None:
    folder = copy_example(tmp_path / "the company's (first) {year} é")
    outcome = dbt(
        folder, "run", "--select", "staging", "--target", "build",
        WAREHOUSE_ROOT=str(folder), WAREHOUSE_BUILD_PATH=str(folder / "var"),
    )  # fmt: skip
    assert outcome.returncode == 0, outcome.stdout
    moved = tmp_path / "elsewhere.duckdb"
    (folder / "var/warehouse.duckdb").rename(moved)

    with storage.connect(moved) as connection:
        flights = connection.execute("select count(*) from stg_nycflights__flights").fetchone()
        weather = connection.execute("select count(*) from stg_nycflights__weather").fetchone()

    assert (flights, weather) == ((336_776,), (26_115,))


def test_sources_are_fresh_until_a_month_is_missing(tmp_path: Path) -> None:
    folder = copy_example(tmp_path)

    assert dbt(folder, "source", "freshness").returncode == 0

    (folder / "data/nycflights13/flights/2013-12.parquet").unlink()
    outcome = dbt(folder, "source", "freshness")
    assert outcome.returncode == 1
    assert "ERROR STALE freshness of nycflights.flights" in outcome.stdout


def test_a_month_that_is_delivered_twice_stops_the_build(tmp_path: Path) -> None:
    folder = copy_example(tmp_path)
    flights = folder / "data/nycflights13/flights"
    shutil.copyfile(flights / "2013-05.parquet", flights / "2013-05 (1).parquet")

    outcome = dbt(folder, "build", "--select", "stg_nycflights__flights", "int_flights_timed")

    assert outcome.returncode == 1
    assert "FAIL 28796 unique_stg_nycflights__flights_flight_id" in outcome.stdout
    assert "SKIP relation main.int_flights_timed" in outcome.stdout


def test_docs_show_every_model_and_both_datasets(example: Path, dbt_manifest: DbtManifest) -> None:
    catalog = json.loads((example / "target/catalog.json").read_text())

    assert len(dbt_manifest.models) == 16
    assert set(catalog["nodes"]) == set(dbt_manifest.models)
    assert {exposure.name for exposure in dbt_manifest.exposures.values()} == {"late_arrivals", "turnaround"}


def test_everything_is_described_and_dataset_models_have_contracts(dbt_manifest: DbtManifest) -> None:
    models = {model.name: model for model in dbt_manifest.models.values()}
    undescribed = [
        f"{relation.name}.{column.name}"
        for relation in (*models.values(), *dbt_manifest.sources.values())
        for column in relation.columns.values()
        if not column.description
    ]
    units = {
        column.name: column.unit
        for name in (*TABLES, *DATASETS)
        for column in models[name].columns.values()
        if column.data_type in ("integer", "double")
    }

    assert undescribed == []
    assert [model.name for model in models.values() if not model.description] == []
    assert [name for name in (*TABLES, *DATASETS) if not models[name].contract_enforced] == []
    assert [name for name, unit in units.items() if unit is None] == [
        "flight_number",
        "engine_count",
        "seat_count",
        "built_in_year",
        "scheduled_day_of_week",
        "scheduled_departure_hour",
        "departures_last_hour_count",
    ]
    assert [e.name for e in dbt_manifest.exposures.values() if not e.owner_email] == []


def test_both_datasets_are_declared_without_a_mistake(dbt_manifest: DbtManifest) -> None:
    declarations = read_declarations(dbt_manifest, default_salt="nyc-flights")

    assert {declaration.name: declaration.problems for declaration in declarations} == {
        "late_arrivals": (),
        "turnaround": (),
    }


def test_every_mart_and_dataset_model_has_a_suite_and_it_holds(example: Path) -> None:
    suites = load_suites(ROOT / "expectations")

    result = run_suites(example / "var/dev/warehouse.duckdb", suites)

    assert sorted(suite.name for suite in suites) == sorted((*TABLES, *DATASETS))
    assert [(e.path, e.line) for suite in result.suites for e in suite.expectations if not e.success] == []
    assert all(6 <= len(suite.expectations) <= 12 for suite in result.suites)


def test_suites_find_a_month_that_is_missing(example: Path, tmp_path: Path) -> None:
    database = tmp_path / "warehouse.duckdb"
    shutil.copyfile(example / "var/dev/warehouse.duckdb", database)
    with storage.connect(database, read_only=False) as connection:
        connection.execute("delete from fct_flights where scheduled_on >= '2013-12-01'")
        connection.execute("delete from late_arrivals_examples where scheduled_on >= '2013-12-01'")
    suites = load_suites(ROOT / "expectations", only=["fct_flights", "late_arrivals_examples"])

    result = run_suites(database, suites)

    failed = [(suite.name, e.type, e.column) for suite in result.suites for e in suite.expectations if not e.success]
    assert failed == [
        ("fct_flights", "expect_table_row_count_to_be_between", None),
        ("fct_flights", "expect_column_unique_value_count_to_be_between", "scheduled_on"),
        ("fct_flights", "expect_column_max_to_be_between", "scheduled_on"),
        ("late_arrivals_examples", "expect_table_row_count_to_be_between", None),
        ("late_arrivals_examples", "expect_column_unique_value_count_to_be_between", "scheduled_on"),
        ("late_arrivals_examples", "expect_column_max_to_be_between", "departed_at"),
    ]
