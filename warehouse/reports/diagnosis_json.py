"""`diagnosis.json` and `learning_curve.json`: all that is known of a model; see `docs/diagnosis.md`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from warehouse.checks.diagnosis.curve_result import LearningCurve
from warehouse.checks.diagnosis.result import Diagnosis, MetricName
from warehouse.reports.plain_values import plain

FORMAT = "ml-warehouse diagnosis"
CURVE_FORMAT = "ml-warehouse learning curve"
FORMAT_VERSION = 1
"""Rises when a name goes or changes its meaning; new names may come at any time."""


def diagnosis_document(result: Diagnosis | LearningCurve) -> dict[str, Any]:
    """The result as what JSON knows; what is not finite becomes null."""
    name = FORMAT if isinstance(result, Diagnosis) else CURVE_FORMAT
    return {"format": name, "format_version": FORMAT_VERSION, **plain(result)}


def diagnosis_json(result: Diagnosis | LearningCurve) -> str:
    """The document as text."""
    return json.dumps(diagnosis_document(result), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosisDocument(Diagnosis):
    """What `diagnosis.json` holds; only `docs/diagnosis.schema.json` is made from it."""

    format: Literal["ml-warehouse diagnosis"]
    format_version: Literal[1]


def diagnosis_schema() -> dict[str, Any]:
    """The JSON schema (2020-12) that every `diagnosis.json` satisfies."""
    from pydantic import TypeAdapter

    adapter = TypeAdapter(DiagnosisDocument)
    # Parts of the result name this type, whose module imports theirs.
    adapter.rebuild(_types_namespace={"MetricName": MetricName})
    schema: dict[str, Any] = _with_nulls(adapter.json_schema(mode="serialization"))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _with_nulls(schema: Any) -> Any:
    """The same, in which every number may be null: those that are not finite are."""
    if isinstance(schema, list):
        return [_with_nulls(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: ["number", "null"] if (key, value) == ("type", "number") else _with_nulls(value)
        for key, value in schema.items()
    }
