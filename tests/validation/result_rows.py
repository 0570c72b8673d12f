"""Results by hand, for what only reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from warehouse.findings import Severity
from warehouse.validation import ExpectationResult, SuiteResult, ValidationResult


def expectation(**values: Any) -> ExpectationResult:
    return ExpectationResult(
        **{
            "type": "expect_column_values_to_be_between",
            "arguments": {"column": "a", "min_value": 1},
            "severity": Severity.CRITICAL,
            "reason": "known",
            "path": Path("flights.yml"),
            "line": 3,
            "success": True,
            "column": "a",
            "row_count": 10,
            "null_count": 2,
            "unexpected_count": 2,
            "unexpected_share": 0.25,
            **values,
        }
    )


def result(*expectations: ExpectationResult, name: str = "flights", suites: bool = True) -> ValidationResult:
    suite = SuiteResult(
        name=name, table=name, path=Path(f"{name}.yml"), row_count=10, seconds=0.5, expectations=expectations
    )
    return ValidationResult(database_path=Path("w.duckdb"), suites=(suite,) if suites else (), seconds=0.5)
