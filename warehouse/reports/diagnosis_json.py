"""`diagnosis.json`: all that predictions tell of a model; see `docs/diagnosis.md`."""

from __future__ import annotations

import json
from typing import Any

from warehouse.checks.diagnosis.result import Diagnosis
from warehouse.reports.plain_values import plain

FORMAT = "ml-warehouse diagnosis"
FORMAT_VERSION = 1
"""Rises when a name goes or changes its meaning; new names may come at any time."""


def diagnosis_document(result: Diagnosis) -> dict[str, Any]:
    """The result as what JSON knows; what is not finite becomes null."""
    return {"format": FORMAT, "format_version": FORMAT_VERSION, **plain(result)}


def diagnosis_json(result: Diagnosis) -> str:
    """The document as text."""
    return json.dumps(diagnosis_document(result), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
