"""Every core expectation that GX has for SQL, on DuckDB, with answers worked out by hand."""

from __future__ import annotations

import pytest
from expectation_cases import CASES, TABLES, Case, suites_of

from warehouse.validation import ExpectationResult, run_suites

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[int, ExpectationResult]:
    """The result of every case, by its position."""
    import duckdb

    path = tmp_path_factory.mktemp("cases") / "cases.duckdb"
    connection = duckdb.connect(str(path))
    connection.execute(TABLES)
    connection.close()
    suites = list(suites_of(list(enumerate(CASES))))
    result = run_suites(path, suites, examples=3)
    return {expectation.line: expectation for suite in result.suites for expectation in suite.expectations}


@pytest.mark.parametrize(("position", "case"), list(enumerate(CASES)), ids=[case.name for case in CASES])
def test_expectation_finds_what_is_there(found: dict[int, ExpectationResult], position: int, case: Case) -> None:
    result = found[position]
    assert result.error is None
    assert result.success is case.success
    if case.unexpected is not None:
        assert result.unexpected_count == case.unexpected
    if case.observed is not ...:
        assert result.observed == case.observed
    if not case.success and case.unexpected:
        assert len(result.examples) == min(3, case.unexpected)


def test_every_core_expectation_with_sql_has_both_outcomes() -> None:
    from warehouse.validation.vocabulary import NOT_IN_SQL, classes

    outcomes: dict[str, set[bool]] = {}
    for case in CASES:
        outcomes.setdefault(case.type, set()).add(case.success)
    lacking = [name for name in classes() if name not in NOT_IN_SQL and outcomes.get(name) != {True, False}]
    assert lacking == []
    assert len(CASES) >= 100


def test_examples_are_rows_that_failed(found: dict[int, ExpectationResult]) -> None:
    for position, case in enumerate(CASES):
        if case.type == "expect_column_values_to_be_between" and case.arguments.get("max_value") == 6:
            assert [row["n"] for row in found[position].examples] == [1, 7, 8]
            return
    raise AssertionError("the case is gone")
