"""What a notice says: plain text, as every service shows that and none can be steered by it."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from warehouse.findings import Severity
from warehouse.project import Project
from warehouse.reports import nightly_words as words
from warehouse.reports.visible import visible
from warehouse.stages import Nightly

MOST_FINDINGS = 8
JOINER = "\N{WORD JOINER}"
"""Without width: after it no service takes what follows for somebody to call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Title, text and what it is."""

    kind: Literal["success", "warning", "failure"]
    title: str
    body: str


def message_of(project: Project, nightly: Nightly, *, report_path: Path | None = None) -> Message:
    """The verdict, what failed, the gravest findings, what to do, where the report lies."""
    severities = {finding.severity for finding in nightly.findings}
    bad = words.bad_stages(nightly)
    is_bad = bool(bad) or nightly.status.value not in ("passed", "running") or Severity.CRITICAL in severities
    lines = [_safe(words.headline(nightly), 400)]
    if bad:
        lines += ["", "Stages that did not pass:"]
        lines += [f"- {words.TITLES[stage.name]} ({stage.status.value}): {_safe(stage.message, 300)}" for stage in bad]
        skipped = [stage for stage in nightly.stages if words.is_blocked(stage)]
        lines += [f"- {words.TITLES[stage.name]} (skipped): {_safe(stage.message, 300)}" for stage in skipped]
    told = [finding for finding in words.by_severity(nightly.findings) if finding.severity is not Severity.INFO]
    if told:
        lines += ["", "Findings:"]
        for finding in told[:MOST_FINDINGS]:
            lines.append(f"- {finding.severity.value}: {_safe(finding.subject, 120)}: {_safe(finding.message, 300)}")
            if finding.advice:
                lines.append(f"  {_safe(finding.advice, 200)}")
        if len(told) > MOST_FINDINGS:
            lines.append(f"- and {len(told) - MOST_FINDINGS} more")
    lines += ["", f"Run {nightly.id} on {socket.gethostname()}, {words.seconds_text(nightly.seconds)}"]
    if report_path is not None:
        lines.append(f"Report: {report_link(project, report_path)}")
    if bad:
        lines.append(f"Go on where it stopped: {nightly.way_on}")
    return Message(
        kind="failure" if is_bad else "warning" if Severity.WARNING in severities else "success",
        title=f"{_safe(project.root.name, 60)}: {_title(nightly, is_bad=is_bad)}",
        body="\n".join(lines) + "\n",
    )


def report_link(project: Project, report_path: Path) -> str:
    """Where people find the page: below the setting `report_url`, or its path."""
    base = project.settings.report_url
    if base and report_path.is_relative_to(project.reports_path):
        return f"{base.rstrip('/')}/{report_path.relative_to(project.reports_path).as_posix()}"
    return project.relative(report_path)


def _title(nightly: Nightly, *, is_bad: bool) -> str:
    bad = [words.TITLES[stage.name].lower() for stage in words.bad_stages(nightly)]
    if bad:
        return f"nightly run failed ({', '.join(bad)})"
    if is_bad:
        return f"nightly run {nightly.status.value if nightly.status.value != 'passed' else 'has critical findings'}"
    warnings = sum(finding.severity is Severity.WARNING for finding in nightly.findings)
    return (
        f"nightly run passed with {warnings} warning{'' if warnings == 1 else 's'}"
        if warnings
        else "nightly run passed"
    )


def _safe(text: object, limit: int) -> str:
    """Text from anywhere, on one line: no control characters, nobody called by name, no markup of chat services."""
    shown = visible(words.on_one_line(str(text)), limit)
    return shown.replace("@", f"@{JOINER}").replace("<!", f"<{JOINER}!")
