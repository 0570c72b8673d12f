"""`warehouse validate` from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import duckdb
import pytest

from warehouse import records
from warehouse.project import Project
from warehouse.site.run_facts import run_facts

pytestmark = pytest.mark.slow
BUILD = "20261123T120000Z"
GOOD = "{type: expect_table_row_count_to_equal, value: 3, severity: critical, reason: there are three}"
WARNING = "{type: expect_column_values_to_be_between, column: a, max_value: 1, severity: warning, reason: known}"
CRITICAL = "{type: expect_column_values_to_be_unique, column: '[red]b', severity: critical, reason: it is a key}"


def publish(project: Project, statement: str) -> None:
    folder = project.builds_path / BUILD
    folder.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(str(folder / "warehouse.duckdb"))
    connection.execute(statement)
    connection.close()
    project.current_path.symlink_to(Path("builds") / BUILD, target_is_directory=True)


@pytest.fixture
def flights(project: Project) -> Project:
    publish(project, """create table flights as select i as a, '[bold]x\x1b[31m' as "[red]b" from range(3) t(i)""")
    return project


def declare(project: Project, *entries: str, name: str = "flights") -> None:
    lines = "".join(f"  - {entry}\n" for entry in entries)
    (project.expectations_path / f"{name}.yml").write_text(f"expectations:\n{lines}")


def test_clean_result_exits_with_0_and_says_where_the_pages_lie(flights: Project, run: Callable[..., Any]) -> None:
    declare(flights, GOOD)
    outcome = run("validate")
    assert (outcome.code, outcome.err) == (0, "")
    assert "flights, 3 rows" in outcome.out
    assert "1 expectations in" in outcome.out
    assert outcome.out.splitlines()[-1] == "open var/reports/validation/index.html"
    assert (flights.reports_path / "validation" / "flights.html").is_file()
    (record,) = records.read_records(flights)
    assert (record.command, record.status.value, record.details["build_id"]) == ("validate", "passed", BUILD)
    page = run_facts(record)
    assert page.summary == f"1 expectation on build {BUILD}"
    assert [(step.name, step.status) for step in page.steps] == [("flights", "passed")]


def test_warning_is_shown_with_its_rows_and_exits_with_0(flights: Project, run: Callable[..., Any]) -> None:
    declare(flights, GOOD, WARNING)
    outcome = run("validate", "--no-docs")
    assert outcome.code == 0
    for words in ("warning, flights.yml:3; found: 1 of 3 rows unexpected (33.333%)", "why: known", "rows that failed"):
        assert words in outcome.out
    assert not flights.reports_path.exists()


def test_critical_failure_exits_with_1_and_hostile_text_stays_text(flights: Project, run: Callable[..., Any]) -> None:
    declare(flights, CRITICAL)
    outcome = run("validate", "--no-docs", "--examples", "1")
    assert outcome.code == 1
    assert "[red]b" in outcome.out
    assert "[bold]x\N{REPLACEMENT CHARACTER}[31m" in outcome.out
    assert "\x1b" not in outcome.out
    assert "failed: 1 critical, 0 warning, 0 info" in outcome.out
    # What a record keeps are no rows.
    (record,) = records.read_records(flights)
    assert (record.status.value, len(record.details["findings"])) == ("failed", 1)
    assert "[bold]x" not in json.dumps(record.details["validation"])


def test_json_is_all_that_stdout_holds(flights: Project, run: Callable[..., Any]) -> None:
    declare(flights, GOOD, CRITICAL)
    outcome = run("validate", "--json")
    assert outcome.code == 1
    told = json.loads(outcome.out)
    assert (told["build_id"], told["success"], told["failed_count"]) == (BUILD, False, 1)
    assert len(told["suites"][0]["expectations"][1]["examples"]) == 3


def test_junit_is_written_where_it_was_asked_for(flights: Project, run: Callable[..., Any]) -> None:
    declare(flights, GOOD, CRITICAL)
    assert run("validate", "--no-docs", "--junit", "out/junit.xml").code == 1
    root = ElementTree.parse(flights.root / "out" / "junit.xml").getroot()
    assert (root.get("tests"), root.get("failures")) == ("2", "1")


def test_only_the_suite_that_was_asked_for_runs(flights: Project, run: Callable[..., Any]) -> None:
    declare(flights, GOOD)
    declare(flights, CRITICAL, name="nowhere")
    assert run("validate", "--suite", "flights", "--no-docs").code == 0
    unknown = run("validate", "--suite", "flihgts")
    assert unknown.code == 2
    assert "there is no suite 'flihgts'" in unknown.err
    assert "did you mean 'flights'?" in unknown.err


def test_suite_that_does_not_fit_exits_with_2_and_runs_nothing(flights: Project, run: Callable[..., Any]) -> None:
    declare(flights, GOOD)
    declare(flights, GOOD, name="flihgts")
    outcome = run("validate")
    assert (outcome.code, outcome.out) == (2, "")
    assert "is about table 'flihgts', which this build does not have" in outcome.err


def test_broken_suites_exit_with_2(flights: Project, run: Callable[..., Any]) -> None:
    declare(flights, "{type: expect_nothing, severity: info, reason: x}")
    outcome = run("validate")
    assert (outcome.code, outcome.out) == (2, "")
    assert "flights.yml:2 there is no expectation 'expect_nothing'" in outcome.err


def test_project_without_suites_has_nothing_to_validate(flights: Project, run: Callable[..., Any]) -> None:
    flights.expectations_path.rmdir()
    outcome = run("validate")
    assert (outcome.code, outcome.out) == (0, "nothing to validate: expectations has no suites\n")


def test_nothing_published_or_an_unknown_build_exits_with_2(project: Project, run: Callable[..., Any]) -> None:
    outcome = run("validate")
    assert outcome.code == 2
    assert "no build is published yet" in outcome.err
    publish(project, "select 1")
    assert "there is no build '2020'" in run("validate", "--build", "2020").err


def test_a_build_is_found_by_its_id(flights: Project, run: Callable[..., Any]) -> None:
    declare(flights, GOOD)
    flights.current_path.unlink()
    assert run("validate", "--build", BUILD, "--no-docs").code == 0
