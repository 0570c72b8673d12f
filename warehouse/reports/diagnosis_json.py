"""`diagnosis.json` and `learning_curve.json`: all that is known of a model; see `docs/diagnosis.md`."""

from __future__ import annotations

import json
from typing import Any

from warehouse.checks.diagnosis.curve_result import LearningCurve
from warehouse.checks.diagnosis.result import Diagnosis
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
