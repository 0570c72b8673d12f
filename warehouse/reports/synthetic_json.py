"""`synthetic.json`: all that is known of a version's synthetic rows; see `docs/synthetic.md`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from warehouse.checks.diagnosis.synthetic_effect import SyntheticEffect
from warehouse.checks.drift.report import DriftPair
from warehouse.checks.synthetic.result import SyntheticResult
from warehouse.findings import Finding, Severity
from warehouse.reports.drift_json import drift_document
from warehouse.reports.plain_values import plain

FORMAT = "ml-warehouse synthetic"
FORMAT_VERSION = 1
"""Rises when a name goes or changes its meaning; new names may come at any time."""


def synthetic_findings(
    result: SyntheticResult, drift: DriftPair, effect: SyntheticEffect | None
) -> tuple[Finding, ...]:
    """Those of all parts, the most severe first."""
    found: Iterable[Finding] = (*result.findings, *(effect.findings if effect else ()), *drift.findings)
    order = list(Severity)
    return tuple(sorted(found, key=lambda finding: order.index(finding.severity)))


def synthetic_summary(result: SyntheticResult, drift: DriftPair, effect: SyntheticEffect | None) -> tuple[str, ...]:
    """What all parts come down to, in sentences."""
    return (*result.summary, *drift.result.summary, *(effect.summary if effect else ()))


def synthetic_not_judged(result: SyntheticResult, drift: DriftPair, effect: SyntheticEffect | None) -> tuple[str, ...]:
    """What no part could look at, and why."""
    return (*result.not_judged, *drift.notes, *(effect.not_judged if effect else ()))


def synthetic_document(result: SyntheticResult, drift: DriftPair, effect: SyntheticEffect | None) -> dict[str, Any]:
    """The parts as what JSON knows; what is not finite becomes null.

    `drift` has the form of `drift.json`'s single pair, and `effect` is null without predictions.
    """
    document = drift_document(drift.result)
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        **plain(result),
        "summary": list(synthetic_summary(result, drift, effect)),
        "not_judged": list(synthetic_not_judged(result, drift, effect)),
        "drift": document["pairs"][0],
        "effect": plain(effect) if effect else None,
        "findings": plain(synthetic_findings(result, drift, effect)),
    }


def synthetic_json(result: SyntheticResult, drift: DriftPair, effect: SyntheticEffect | None) -> str:
    """The document as text."""
    return json.dumps(synthetic_document(result, drift, effect), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
