"""Running suites: what is read, what is kept, and what must never happen."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from textwrap import dedent
from typing import Any

import duckdb
import pytest

from warehouse.errors import StorageError
from warehouse.findings import Severity
from warehouse.validation import Expectation, ExpectationResult, Suite, run_suites

pytestmark = pytest.mark.slow
PATH = Path("flights.yml")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "w.duckdb"
    connection = duckdb.connect(str(found))
    connection.execute(
        "create table flights as select i::integer as id, i % 10 as digit, 'x' || i as s from range(100) t(i)"
    )
    connection.close()
    return found


def suite(*declared: tuple[str, dict[str, Any]], table: str = "flights") -> Suite:
    return Suite(
        name=table,
        table=table,
        path=PATH,
        expectations=tuple(
            Expectation(
                type=f"expect_{name}",
                arguments=arguments,
                severity=Severity.CRITICAL,
                reason="known",
                path=PATH,
                line=line,
            )
            for line, (name, arguments) in enumerate(declared, start=1)
        ),
    )


def run(path: Path, *declared: tuple[str, dict[str, Any]], **options: Any) -> list[ExpectationResult]:
    (found,) = run_suites(path, [suite(*declared)], **options).suites
    return list(found.expectations)


def test_results_come_in_the_order_of_the_file_with_row_counts_and_times(path: Path) -> None:
    result = run_suites(
        path,
        [
            suite(
                ("column_values_to_be_between", {"column": "id", "min_value": 0, "max_value": 97}),
                ("column_sum_to_be_between", {"column": "s", "min_value": 0}),
                ("table_row_count_to_equal", {"value": 100}),
                ("column_mean_to_be_between", {"column": "id", "min_value": 49.5, "max_value": 49.5}),
            )
        ],
    )
    (found,) = result.suites
    assert (found.table, found.row_count, result.expectation_count) == ("flights", 100, 4)
    assert 0 < found.seconds <= result.seconds
    between, wrong, count, mean = found.expectations
    assert (between.row_count, between.unexpected_count, between.unexpected_share) == (100, 2, 0.02)
    assert between.examples == ({"id": 98, "digit": 8, "s": "x98"}, {"id": 99, "digit": 9, "s": "x99"})
    assert wrong.error is not None
    assert wrong.error.startswith("Binder Error: No function matches")
    assert not wrong.success
    assert (count.success, count.observed) == (True, 100)
    assert (mean.success, mean.observed) == (True, 49.5)
    assert [finding.subject for finding in result.findings] == ["flights.id", "flights.s"]


def test_examples_can_be_limited_or_left_out(path: Path) -> None:
    asked = ("column_values_to_be_null", {"column": "id"})
    assert len(run(path, asked, examples=2)[0].examples) == 2
    assert run(path, asked, examples=0)[0].examples == ()
    assert run(path, asked, examples=0)[0].unexpected_count == 100


def test_examples_are_found_for_every_kind_of_row_expectation(path: Path) -> None:
    found = run(
        path,
        ("column_pair_values_to_be_equal", {"column_A": "id", "column_B": "digit"}),
        ("compound_columns_to_be_unique", {"column_list": ["digit", "digit"]}),
        ("multicolumn_sum_to_equal", {"column_list": ["id", "digit"], "sum_total": 0}),
        ("column_values_to_be_unique", {"column": "digit", "row_condition": 'col("id") > 50'}),
        ("column_value_z_scores_to_be_less_than", {"column": "id", "threshold": 1.7, "double_sided": True}),
        ("column_value_lengths_to_equal", {"column": "s", "value": 3}),
    )
    assert [result.error for result in found] == [None] * 6
    assert [result.examples[0]["id"] for result in found] == [10, 0, 1, 51, 0, 0]


def test_unusual_values_are_shown_as_json_knows_them(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    connection = duckdb.connect(str(path))
    connection.execute("""
        create table flights as select
            1 as id, 'nan'::double as nan, '-inf'::double as low, 12.50::decimal(10, 2) as price,
            '\\x00\\xFF'::blob as raw,
            timestamptz '2013-01-01 12:00:00+02' as at, interval 1 day as wait, [1, null] as items,
            {'a': {'b': date '2013-01-01'}} as nested, map {'k': 1} as pairs, repeat('é', 2000) as long,
            170141183460469231731687303715884105727::hugeint as huge, time '01:02:03' as clock,
            '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid as uid, null as nothing
    """)
    connection.close()
    (result,) = run(path, ("column_values_to_be_null", {"column": "id"}))
    (row,) = result.examples
    long = row.pop("long")  # type: ignore[attr-defined] # a dictionary, typed as a mapping
    assert long == "é" * 500 + "… (2,000 characters)"
    assert row == {
        "id": 1,
        "nan": "nan",
        "low": "-inf",
        "price": "12.50",
        "raw": "00ff",
        "at": "2013-01-01T10:00:00+00:00",
        "wait": "1 day, 0:00:00",
        "items": [1, None],
        "nested": {"a": {"b": "2013-01-01"}},
        "pairs": {"k": 1},
        "huge": 170141183460469231731687303715884105727,
        "clock": "01:02:03",
        "uid": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "nothing": None,
    }


def test_bounds_beyond_floating_point_are_exact(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    connection = duckdb.connect(str(path))
    connection.execute("create table flights as select 9007199254740993::bigint as id")
    connection.close()
    (result,) = run(path, ("column_values_to_be_between", {"column": "id", "max_value": 2**53}))
    assert result.unexpected_count == 1


def test_bounds_of_times_with_a_zone_need_one_and_dates_compare_days(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    connection = duckdb.connect(str(path))
    connection.execute("create table flights as select timestamptz '2013-01-01 23:30:00+00' as at")
    connection.close()
    found = run(
        path,
        ("column_max_to_be_between", {"column": "at", "max_value": datetime(2013, 1, 2, tzinfo=UTC)}),
        ("column_max_to_be_between", {"column": "at", "max_value": datetime(2013, 1, 2)}),
        ("column_max_to_be_between", {"column": "at", "max_value": date(2013, 1, 1)}),
        ("column_values_to_be_between", {"column": "at", "max_value": date(2013, 1, 1)}),
    )
    assert [result.success for result in found] == [True, False, True, False]
    assert found[1].error == "can't compare offset-naive and offset-aware datetimes"


def test_failing_metrics_are_each_told_with_their_own_reason_and_take_no_other_down(path: Path) -> None:
    found = run(
        path,
        ("column_mean_to_be_between", {"column": "s", "min_value": 0}),
        ("column_sum_to_be_between", {"column": "s", "min_value": 0}),
        ("column_median_to_be_between", {"column": "s", "min_value": 0}),
        ("column_values_to_match_regex", {"column": "s", "regex": "["}),
        ("column_kl_divergence_to_be_less_than", {"column": "id", "threshold": 0.1, "partition_object": {"a": 1}}),
        ("column_max_to_be_between", {"column": "id", "max_value": 99}),
        ("column_values_to_not_be_null", {"column": "id"}),
    )
    assert [result.success for result in found] == [False] * 5 + [True, True]
    reasons = [result.error or "" for result in found[:5]]
    assert all(reasons)
    assert "'sum(VARCHAR)'" in reasons[1]
    assert "missing ]" in reasons[3]
    assert len(set(reasons)) == 5


def test_query_that_cannot_run_fails_its_own_expectation(path: Path) -> None:
    declared = suite(("column_to_exist", {"column": "id"}))
    broken = Expectation(
        type="unexpected_rows_expectation",
        arguments={"unexpected_rows_query": "select * from {batch} where nowhere > 1"},
        severity=Severity.WARNING,
        reason="known",
        path=PATH,
        line=9,
    )
    both = Suite(name="flights", table="flights", path=PATH, expectations=(*declared.expectations, broken))
    (found,) = run_suites(path, [both]).suites
    assert [result.success for result in found.expectations] == [True, False]
    assert 'column "nowhere" not found' in (found.expectations[1].error or "")


def test_file_is_only_read_and_other_readers_go_on(path: Path) -> None:
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    reader = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=True); print('open', flush=True); input()",
            str(path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "open\n"
    run(path, ("column_values_to_be_unique", {"column": "digit"}))
    reader.communicate("\n")
    assert reader.returncode == 0
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_query_in_a_suite_cannot_write_the_file(path: Path) -> None:
    sneaky = Expectation(
        type="unexpected_rows_expectation",
        arguments={"unexpected_rows_query": "select 1 from {batch}; drop table flights; --"},
        severity=Severity.WARNING,
        reason="known",
        path=PATH,
        line=1,
    )
    declared = Suite(name="flights", table="flights", path=PATH, expectations=(sneaky,))
    (found,) = run_suites(path, [declared]).suites
    assert not found.expectations[0].success
    connection = duckdb.connect(str(path), read_only=True)
    assert connection.execute("select count(*) from flights").fetchone() == (100,)
    connection.close()


def test_no_suites_need_no_database(tmp_path: Path) -> None:
    assert run_suites(tmp_path / "nowhere.duckdb", []).expectation_count == 0
    with pytest.raises(StorageError, match="no DuckDB file"):
        run_suites(tmp_path / "nowhere.duckdb", [suite()])


def test_several_suites_are_told_as_they_end_also_two_on_one_table(path: Path) -> None:
    first = suite(("column_to_exist", {"column": "id"}))
    second = Suite(name="more", table="flights", path=PATH, expectations=first.expectations)
    told: list[str] = []
    result = run_suites(path, [first, second], on_suite=lambda found: told.append(found.name))
    assert told == ["flights", "more"]
    assert result.expectation_count == 2


QUIET = """
    import logging, os, socket, sys
    from pathlib import Path

    def refuse(*values, **options):
        raise AssertionError(f"the network was asked for: {values}")

    socket.socket.connect = socket.socket.connect_ex = socket.create_connection = socket.getaddrinfo = refuse
    from warehouse.findings import Severity
    from warehouse.validation import Expectation, Suite, run_suites

    declared = tuple(
        Expectation(type=name, arguments=arguments, severity=Severity.INFO, reason="x", path=Path("x.yml"), line=1)
        for name, arguments in (
            ("expect_column_values_to_be_between", {"column": "id", "max_value": 5}),
            ("expect_column_sum_to_be_between", {"column": "s", "max_value": 5}),
            ("expect_column_kl_divergence_to_be_less_than", {"column": "id", "threshold": 0.1}),
        )
    )
    suites = [Suite(name="flights", table="flights", path=Path("x.yml"), expectations=declared)]
    found = run_suites(Path(sys.argv[1]), suites).suites[0].expectations
    assert [result.success for result in found] == [False, False, True], found
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"
    assert not [name for name in sys.modules if name.split(".")[0] in ("posthog", "segment", "analytics")]
"""


def test_gx_runs_without_network_progress_bars_or_logging(path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:warehouse", "-c", dedent(QUIET), str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")
