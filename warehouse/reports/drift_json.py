"""`drift.json`: all that a comparison found, with the names of `checks/drift_result.py`; see `docs/drift.md`."""

from __future__ import annotations

import json
from typing import Any

from warehouse.checks.drift_result import DriftResult
from warehouse.reports.plain_values import plain

FORMAT = "ml-warehouse drift"
FORMAT_VERSION = 1
"""Rises when a name goes or changes its meaning; new names may come at any time."""


def drift_document(result: DriftResult) -> dict[str, Any]:
    """The result as what JSON knows; what is not finite becomes null."""
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        **plain(result),
        "findings": plain(result.findings),
    }


def drift_json(result: DriftResult) -> str:
    """The document as text."""
    return json.dumps(drift_document(result), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
