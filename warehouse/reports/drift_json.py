"""`drift.json`: all that a report on drift holds; see `docs/drift.md`.

The dataclasses here *are* the format: `docs/drift.schema.json` is generated from them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from warehouse.checks.drift.importance import ColumnImportance, rank_columns
from warehouse.checks.drift.report import DriftReport, report_of
from warehouse.checks.drift.result import DriftResult
from warehouse.checks.drift.series_result import DriftSeries
from warehouse.findings import Finding, Severity
from warehouse.reports.plain_values import plain

FORMAT: Literal["ml-warehouse drift"] = "ml-warehouse drift"
FORMAT_VERSION: Literal[2] = 2
"""Rises when a name goes or changes its meaning; new names may come at any time. 1 held a single pair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairDocument:
    """Two sets of rows compared, and why one compares them."""

    title: str
    """`train to test`."""
    purpose: str
    """In plain words."""
    expected_alike: bool
    """Both are drawn from the same rows, so drift between them is a fault."""
    differs: bool
    """A column drifted, or all of them together did."""
    is_alike: bool
    """All columns are stable; neither this nor `differs` holds when rows are too few to know."""
    advice: str
    """What to do when a pair that must be alike is not."""
    notes: tuple[str, ...]
    """What this comparison cannot tell, and why."""
    importance: tuple[ColumnImportance, ...]
    """All compared columns in the report's order: the label, then by verdict, each from the most important down."""
    result: DriftResult


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftDocument:
    """A report on drift."""

    format: Literal["ml-warehouse drift"]
    format_version: Literal[2]
    subject: str
    """A dataset version, or what people called both sides."""
    summary: tuple[str, ...]
    """The verdict on the whole in plain sentences, the first being enough."""
    severity: Severity
    """What a drifted column counts as."""
    pairs: tuple[PairDocument, ...]
    """The one that matters most first; never empty."""
    series: DriftSeries | None
    """Period by period; null when nobody asked."""
    findings: tuple[Finding, ...]


def drift_document(found: DriftReport | DriftResult) -> dict[str, Any]:
    """A report, or a single comparison as one, as what JSON knows; what is not finite becomes null."""
    report = report_of(found) if isinstance(found, DriftResult) else found
    document: dict[str, Any] = plain(
        DriftDocument(
            format=FORMAT,
            format_version=FORMAT_VERSION,
            subject=report.subject,
            summary=report.summary,
            severity=report.severity,
            pairs=tuple(
                PairDocument(
                    title=pair.title,
                    purpose=pair.purpose,
                    expected_alike=pair.expected_alike,
                    differs=pair.differs,
                    is_alike=pair.is_alike,
                    advice=pair.advice,
                    notes=pair.notes,
                    importance=rank_columns(pair.result),
                    result=pair.result,
                )
                for pair in report.pairs
            ),
            series=report.series,
            findings=report.findings,
        )
    )
    return document


def drift_json(found: DriftReport | DriftResult) -> str:
    """The document as text."""
    return json.dumps(drift_document(found), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def drift_schema() -> dict[str, Any]:
    """The JSON schema (2020-12) that every document of this format satisfies."""
    from pydantic import TypeAdapter

    schema = TypeAdapter(DriftDocument).json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
