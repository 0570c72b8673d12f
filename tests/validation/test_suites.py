"""Suites as a whole: GX's vocabulary, and whether they fit a database."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import duckdb
import pytest

from warehouse.errors import ValidationError
from warehouse.validation import Suite, load_suites, run_suites
from warehouse.validation.suites import check_against_database

pytestmark = pytest.mark.slow


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.yml").write_text(dedent(text))
    return folder


def one(folder: Path, line: str) -> tuple[Suite, ...]:
    return load_suites(write(folder, flights=f"expectations:\n  - {{{line}, severity: info, reason: known}}\n"))


def problems(folder: Path, line: str) -> str:
    with pytest.raises(ValidationError) as caught:
        one(folder, line)
    return str(caught.value)


def database(folder: Path, *statements: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(folder / "w.duckdb"))
    for statement in statements:
        connection.execute(statement)
    return connection


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "type: expect_column_values_to_be_betwen, column: a",
            "flights.yml:2 there is no expectation 'expect_column_values_to_be_betwen'; "
            "did you mean 'expect_column_values_to_be_between'?",
        ),
        ("type: ExpectColumnValuesToBeNull, column: a", "did you mean 'expect_column_values_to_be_null'?"),
        ("type: whatever", "there is no expectation 'whatever'; all types: https://"),
        (
            "type: expect_column_values_to_be_between, colunm: a, min_value: 1",
            "has no argument 'colunm'; did you mean 'column'?",
        ),
        ("type: expect_column_values_to_be_between, min_value: 1", "needs the argument 'column'"),
        (
            "type: expect_column_values_to_be_between, column: a, min_value: soon",
            "min_value cannot be 'soon': value is not a valid float",
        ),
        ("type: expect_column_values_to_be_between, column: 5, min_value: 1", "column cannot be 5"),
        ("type: expect_column_values_to_be_null, column: a, mostly: 1.5", "mostly cannot be 1.5"),
        (
            "type: expect_column_values_to_be_between, column: a, min_value: {$PARAMETER: x}",
            "min_value must not be a mapping",
        ),
        (
            "type: expect_column_values_to_be_between, column: a, min_value: 9007199254740993",
            "9007199254740993 would be rounded to 9007199254740992",
        ),
        ("type: expect_column_values_to_be_of_type, column: a, type_: INTGER", "did you mean 'INTEGER'?"),
        ("type: expect_column_values_to_be_in_type_list, column: a, type_list: [DATE, DTE]", "'DTE' is not a type"),
        ("type: expect_column_to_exist, column: a, column_index: 0", "ignores column_index: 0"),
        ("type: expect_column_values_to_be_null, column: a, result_format: COMPLETE", "no argument 'result_format'"),
        ("type: expect_column_values_to_be_null, column: a, row_condition: a > 5", "expect_column_values_to_be_null:"),
        ("type: expect_column_values_to_be_increasing, column: a", "no implementation for SQL in Great Expectations"),
        ("type: expect_column_values_to_be_decreasing, column: a", "the rows of a table have no order"),
        ("type: expect_column_values_to_match_json_schema, column: a, json_schema: {}", "JSON functions"),
        ("type: expect_column_values_to_be_dateutil_parseable, column: a", "strftime_format"),
    ],
)
def test_wrong_expectation_is_told_with_file_line_and_advice(tmp_path: Path, line: str, message: str) -> None:
    assert message in problems(tmp_path / "expectations", line)


def test_expectations_without_sql_are_exactly_those_that_gx_cannot_evaluate() -> None:
    from great_expectations.expectations.registry import _registered_metrics

    from warehouse.validation.vocabulary import NOT_IN_SQL, classes

    without = set()
    for name, expectation in classes().items():
        metric = getattr(expectation, "map_metric", None)
        providers = _registered_metrics.get(f"{metric}.condition", {}).get("providers", {})
        if metric is not None and not {"SqlAlchemyExecutionEngine", "DuckDBExecutionEngine"} & set(providers):
            without.add(name)
    # GX compares a column's declared type itself, without any metric.
    assert without - {"expect_column_values_to_be_of_type", "expect_column_values_to_be_in_type_list"} == set(
        NOT_IN_SQL
    )


def test_problems_of_all_suites_are_told_together(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "expectations",
        one="expectations:\n  - {type: expect_nothing, severity: info, reason: x}\n",
        two="expectations:\n  - {type: expect_column_to_exist, severity: high, reason: x}\n",
        three="",
    )
    with pytest.raises(ValidationError) as caught:
        load_suites(folder)
    text = str(caught.value)
    assert [part in text for part in ("one.yml:2", "two.yml:2 severity", "two.yml:2 expect_column", "three.yml:1")] == [
        True,
        True,
        True,
        True,
    ]


def test_two_suites_of_one_name_are_a_problem(tmp_path: Path) -> None:
    folder = write(tmp_path / "expectations", flights="")
    write(folder / "deeper", flights="")
    with pytest.raises(ValidationError, match="has the same name as"):
        load_suites(folder)


def test_folder_that_is_missing_or_empty_has_no_suites(tmp_path: Path) -> None:
    assert load_suites(tmp_path / "nowhere") == ()
    assert load_suites(tmp_path) == ()


def test_folder_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "expectations").write_text("")
    with pytest.raises(ValidationError, match="must be a folder"):
        load_suites(tmp_path / "expectations")


def test_only_suites_that_are_asked_for_are_loaded_and_an_unknown_one_is_an_error(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "expectations",
        good="expectations:\n  - {type: expect_column_to_exist, column: a, severity: info, reason: x}\n",
        broken="expectations:\n  - 5\n",
    )
    assert [suite.name for suite in load_suites(folder, only=["good"])] == ["good"]
    with pytest.raises(ValidationError, match=r"there is no suite 'god' in .*; did you mean 'good'"):
        load_suites(folder, only=["god"])


def test_nothing_to_load_imports_neither_gx_nor_duckdb(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import warehouse.validation as v;"
        f"assert v.load_suites(Path({str(tmp_path)!r})) == ();"
        "assert not {'great_expectations', 'duckdb', 'sqlalchemy', 'pandas', 'pydantic'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_missing_tables_and_columns_are_told_together_before_anything_runs(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "expectations",
        flights="""
            expectations:
              - {type: expect_column_values_to_be_null, column: dealy, severity: info, reason: x}
              - {type: expect_column_pair_values_to_be_equal, column_A: delay, column_B: b, severity: info, reason: x}
              - {type: expect_compound_columns_to_be_unique, column_list: [delay, c], severity: info, reason: x}
              - {type: expect_column_values_to_be_null, column: delay, row_condition: 'col("d") > 1', severity: info,
                 reason: x}
              - {type: expect_table_row_count_to_equal_other_table, other_table_name: plane, severity: info, reason: x}
              - {type: expect_column_to_exist, column: nowhere, severity: info, reason: x}
              - {type: expect_table_columns_to_match_set, column_set: [nowhere], severity: info, reason: x}
              - {type: expect_column_values_to_be_null, column: DELAY, severity: info, reason: x}
        """,
        flihgts2="expectations:\n  - {type: expect_column_to_exist, column: a, severity: info, reason: x}\n",
    )
    suites = load_suites(folder)
    connection = database(tmp_path, "create table flights (delay integer)", "create view planes as select 1 as a")
    with pytest.raises(ValidationError) as caught:
        check_against_database(suites, connection)
    lines = str(caught.value).splitlines()[1:]
    connection.close()
    assert [line.split()[1] for line in lines] == [
        "flights.yml:3",
        "flights.yml:4",
        "flights.yml:5",
        "flights.yml:6",
        "flights.yml:8",
        "flihgts2.yml:1",
    ]
    assert "flights has no column 'dealy'; did you mean 'delay'?" in lines[0]
    assert "there is no table 'plane'; did you mean 'planes'?" in lines[4]
    assert "is about table 'flihgts2', which this build does not have; did you mean 'flights'?" in lines[5]


def test_suite_of_a_missing_table_may_be_left_out(tmp_path: Path) -> None:
    suites = one(tmp_path / "expectations", "type: expect_column_to_exist, column: a")
    database(tmp_path, "create table other (a integer)").close()
    with pytest.raises(ValidationError, match="this build does not have"):
        run_suites(tmp_path / "w.duckdb", suites)
    assert run_suites(tmp_path / "w.duckdb", suites, skip_missing=True).suites == ()


def test_column_may_be_written_in_another_case(tmp_path: Path) -> None:
    suites = one(tmp_path / "expectations", "type: expect_column_values_to_be_between, column: DELAY, max_value: 3")
    database(tmp_path, "create table Flights as select range as Delay from range(5)").close()
    (suite,) = run_suites(tmp_path / "w.duckdb", suites).suites
    assert suite.expectations[0].unexpected_count == 1
    assert suite.expectations[0].error is None
