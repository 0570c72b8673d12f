"""`leakage.json`: all that a search for leaks found; see `docs/leakage.md`."""

from __future__ import annotations

import json
from typing import Any

from warehouse.checks.leakage.result import LeakageResult
from warehouse.reports.plain_values import plain

FORMAT = "ml-warehouse leakage"
FORMAT_VERSION = 1
"""Rises when a name goes or changes its meaning; new names may come at any time."""


def leakage_document(result: LeakageResult) -> dict[str, Any]:
    """The result as what JSON knows; what is not finite becomes null."""
    return {"format": FORMAT, "format_version": FORMAT_VERSION, **plain(result)}


def leakage_json(result: LeakageResult) -> str:
    """The document as text."""
    return json.dumps(leakage_document(result), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
