"""Pages of sentences and tables, as the terminal has them: what was found, in parts, and what could not be judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from warehouse.findings import Finding
from warehouse.reports.html import render_page

MOST_LINES = 50
"""Of lists whose length the data decides; the JSON file holds all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainPart:
    """A part that a page shows as the terminal does: sentences and a table."""

    id: str
    title: str
    short: str
    """Its title among the links."""
    lines: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    rows: Sequence[tuple[str, ...]] = ()


def plain_html(
    *,
    kind: str,
    subject: str,
    opening: str,
    summary: Sequence[str],
    parts: Sequence[PlainPart],
    findings: Sequence[Finding] = (),
    not_judged: Sequence[str] = (),
    notes: Sequence[tuple[str, str]] = (),
) -> str:
    """The page: nothing is loaded, no script runs, and nothing in the data can become markup.

    Args:
        kind: what sort of report it is: `Synthetic rows`.
        subject: what it is of.
        opening: what was examined, in one sentence.
        summary: what it comes down to; the first sentence is the verdict.
        parts: in their order; those without lines and rows are left out.
        findings: the most severe first.
        not_judged: what could not be looked at, and why.
        notes: words and what they mean.
    """
    return render_page(
        "plain.html",
        style_names=("report.css", "diagnosis.css"),
        kind=kind,
        subject=subject,
        opening=opening,
        summary=summary,
        parts=[part for part in parts if part.lines or part.rows],
        findings=findings,
        not_judged=not_judged,
        notes=notes,
        most_lines=MOST_LINES,
    )
