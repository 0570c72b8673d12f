"""`drift.json`: all that a comparison found, with the names of `checks/drift_result.py`; see `docs/drift.md`."""

from __future__ import annotations

import dataclasses
import json
import math
from enum import Enum
from typing import Any

from warehouse.checks.drift_result import DriftResult

FORMAT = "ml-warehouse drift"
FORMAT_VERSION = 1
"""Rises when a name goes or changes its meaning; new names may come at any time."""


def drift_document(result: DriftResult) -> dict[str, Any]:
    """The result as what JSON knows; what is not finite becomes null.

    Numbers keep 12 digits, since the last ones of a sum depend on the order in which threads add.
    """
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        **_plain(result),
        "findings": _plain(result.findings),
    }


def drift_json(result: DriftResult) -> str:
    """The document as text."""
    return json.dumps(drift_document(result), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: object) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.12g}") if math.isfinite(value) else None
    return value
