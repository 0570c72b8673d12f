"""Suites of expectations: load them, run them with Great Expectations, say what failed.

Importing this package imports neither Great Expectations nor DuckDB; `load_suites` does when there is a suite to load.
"""

from __future__ import annotations

from warehouse.validation.results import (
    ExpectationResult,
    SuiteResult,
    ValidationResult,
    as_record,
    suites_of_record,
)
from warehouse.validation.running import run_suites, run_suites_on
from warehouse.validation.suites import Expectation, Suite, load_suites, suite_names

__all__ = [
    "Expectation",
    "ExpectationResult",
    "Suite",
    "SuiteResult",
    "ValidationResult",
    "as_record",
    "load_suites",
    "run_suites",
    "run_suites_on",
    "suite_names",
    "suites_of_record",
]
