"""`drift.json` holds everything, as strict JSON that fits its published schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import drift_reports
import drift_results
import pytest

from warehouse.checks.drift.report import DriftReport
from warehouse.checks.drift.result import DriftResult
from warehouse.reports.drift_json import FORMAT_VERSION, drift_json, drift_schema

SCHEMA = Path(__file__).parents[2] / "docs/drift.schema.json"


def read(text: str) -> dict[str, object]:
    document: dict[str, object] = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    return document


def test_the_document_reads_back() -> None:
    report = drift_reports.full()
    document = json.loads(drift_json(report))

    assert document["format_version"] == FORMAT_VERSION
    assert document["summary"] == list(report.summary)
    assert [pair["title"] for pair in document["pairs"]] == [pair.title for pair in report.pairs]
    main = document["pairs"][0]
    assert (main["result"]["left_name"], main["result"]["right_name"]) == ("train", "test")
    assert [column["name"] for column in main["result"]["columns"]] == [c.name for c in report.main.result.columns]
    first = main["result"]["columns"][0]
    assert first["verdict"] == "stable"
    assert first["effects"][0].keys() >= {"name", "value", "low", "high", "threshold", "p_value", "verdict"}
    assert [entry["name"] for entry in main["importance"]][:3] == ["is_late", "delay", "carrier"]
    assert main["result"]["domain"]["auc"] == 0.83
    assert document["series"]["columns"][0]["change_points"][0]["explanation"]
    assert len(document["findings"]) == len(report.findings)


def test_the_published_schema_is_the_one_of_the_dataclasses() -> None:
    published = SCHEMA.read_text(encoding="utf-8")

    assert published == json.dumps(drift_schema(), indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize(
    "make",
    [drift_results.ordinary, drift_results.hostile, drift_reports.full, drift_reports.hostile],
    ids=["ordinary", "hostile", "full", "hostile and full"],
)
def test_documents_fit_the_published_schema(make: Callable[[], DriftReport | DriftResult]) -> None:
    jsonschema = pytest.importorskip("jsonschema")

    jsonschema.validate(read(drift_json(make())), json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_numbers_that_are_not_finite_become_null() -> None:
    result = drift_results.compared(
        "select 1.7e308 * (i % 3 - 1) as x from range(100) as r(i)",
        "select 1.7e308 * (i % 3 - 1) as x from range(100) as r(i)",
    )

    document = json.loads(drift_json(result))
    assert document["pairs"][0]["result"]["columns"][0]["left"]["standard_deviation"] is None


def test_two_runs_write_the_same_bytes() -> None:
    assert drift_json(drift_results.ordinary()) == drift_json(drift_results.ordinary())
