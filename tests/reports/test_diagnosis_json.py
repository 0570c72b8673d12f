"""`diagnosis.json` holds everything, as strict JSON that fits its published schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import diagnosis_results
import pytest

from warehouse.checks.diagnosis.result import Diagnosis
from warehouse.reports.diagnosis_json import FORMAT_VERSION, diagnosis_json, diagnosis_schema

SCHEMA = Path(__file__).parents[2] / "docs/diagnosis.schema.json"


def published() -> Any:
    return json.loads(SCHEMA.read_text(encoding="utf-8"))


def lost(old: Any, new: Any, path: str = "") -> list[str]:
    """What `old` says and `new` does not, of objects and their parts."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            entry
            for key, value in old.items()
            for entry in (lost(value, new[key], f"{path}/{key}") if key in new else [f"{path}/{key}"])
        ]
    if isinstance(old, list) and isinstance(new, list):
        return [f"{path}: {json.dumps(value)}" for value in old if value not in new]
    return [] if old == new or path.endswith("/description") else [f"{path}: {json.dumps(old)}"]


def test_what_was_published_still_holds() -> None:
    """New names may come at any time; none may go, or change its meaning, without a new format version."""
    assert lost(published(), diagnosis_schema()) == []


@pytest.mark.parametrize(
    "make", [diagnosis_results.full, diagnosis_results.plain, diagnosis_results.hostile], ids=["full", "plain", "words"]
)
def test_documents_fit_the_published_schema(make: Callable[[], Diagnosis]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    document = json.loads(diagnosis_json(make()), parse_constant=lambda name: pytest.fail(name))

    assert document["format_version"] == FORMAT_VERSION
    jsonschema.validate(document, published())


def test_what_is_not_finite_fits_as_null() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    result = diagnosis_results.plain()
    level = result.levels[0]
    endless = replace(level, estimate=replace(level.estimate, high=float("inf")))

    document = json.loads(diagnosis_json(replace(result, levels=(endless,))))

    assert document["levels"][0]["estimate"]["high"] is None
    jsonschema.validate(document, published())
