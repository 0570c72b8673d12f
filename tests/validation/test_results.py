"""Findings and the plain record."""

from __future__ import annotations

import json
from datetime import date

from result_rows import expectation, result

from warehouse.findings import Severity
from warehouse.validation import as_record


def test_each_failed_expectation_is_a_finding_with_its_severity_the_worst_first() -> None:
    found = result(
        expectation(),
        expectation(success=False, severity=Severity.INFO),
        expectation(success=False, severity=Severity.CRITICAL),
        expectation(success=False, severity=Severity.WARNING, column=None),
    )
    assert [finding.severity for finding in found.findings] == list(Severity)
    assert [finding.subject for finding in found.findings] == ["flights.a", "flights", "flights.a"]
    finding = found.findings[0]
    assert finding.message == "expect column values to be between (min_value: 1): 2 of 8 rows unexpected (25.000%)"
    assert (finding.measured, finding.threshold, finding.advice) == (0.25, 0, "known (flights.yml:3)")
    assert not found.success


def test_only_a_critical_failure_is_no_success() -> None:
    assert result(expectation(success=False, severity=Severity.WARNING)).success
    assert result(suites=False).success
    assert result(suites=False).findings == ()


def test_expectation_that_raised_says_why() -> None:
    found = result(expectation(success=False, error="Binder Error: no such thing", unexpected_count=None))
    assert "could not be evaluated: Binder Error: no such thing" in found.findings[0].message


def test_record_is_strict_json() -> None:
    found = result(
        expectation(
            success=False,
            arguments={"min_value": date(2013, 1, 1), "value_set": [float("nan"), b"x"]},
            observed=float("inf"),
            examples=({"a": float("-inf"), "b": None, "c": [1, {"d": date(2013, 1, 1)}]},),
        )
    )
    record = json.loads(json.dumps(as_record(found), allow_nan=False))
    assert (record["success"], record["expectation_count"], record["failed_count"]) == (False, 1, 1)
    (told,) = record["suites"][0]["expectations"]
    assert told["arguments"] == {"min_value": "2013-01-01", "value_set": ["nan", "b'x'"]}
    assert told["observed"] == "inf"
    assert told["examples"] == [{"a": "-inf", "b": None, "c": [1, {"d": "2013-01-01"}]}]
    assert told["severity"] == "critical"
