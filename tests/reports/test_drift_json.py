"""`drift.json` holds everything, as strict JSON."""

from __future__ import annotations

import json

import drift_results

from warehouse.reports.drift_json import FORMAT_VERSION, drift_json


def test_the_document_reads_back() -> None:
    result = drift_results.ordinary()
    document = json.loads(drift_json(result), parse_constant=lambda name: (_ for _ in ()).throw(ValueError(name)))

    assert document["format_version"] == FORMAT_VERSION
    assert (document["left_name"], document["right_name"]) == ("train", "test")
    assert document["summary"] == list(result.summary)
    assert [column["name"] for column in document["columns"]] == [column.name for column in result.columns]
    first = document["columns"][0]
    assert first["verdict"] == "stable"
    assert first["effects"][0].keys() >= {"name", "value", "low", "high", "threshold", "p_value", "verdict"}
    assert len(document["findings"]) == len(result.findings)


def test_numbers_that_are_not_finite_become_null() -> None:
    result = drift_results.compared(
        "select 1.7e308 * (i % 3 - 1) as x from range(100) as r(i)",
        "select 1.7e308 * (i % 3 - 1) as x from range(100) as r(i)",
    )

    assert json.loads(drift_json(result))["columns"][0]["left"]["standard_deviation"] is None


def test_two_runs_write_the_same_bytes() -> None:
    assert drift_json(drift_results.ordinary()) == drift_json(drift_results.ordinary())
