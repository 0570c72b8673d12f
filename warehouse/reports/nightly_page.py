"""The page of a nightly run: what happened in plain sentences, stages, findings, the nights before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePosixPath
from textwrap import dedent
from typing import Any
from urllib.parse import quote

from warehouse.findings import Finding, Severity
from warehouse.reports import nightly_words as words
from warehouse.reports.html import render_page
from warehouse.stages import Night, Nightly, StageResult, StageStatus

MOST_FINDINGS = 100
"""Of one severity on the page; the JSON file holds all."""
OPEN_FINDINGS = 10
"""As many stand open; the rest is folded."""
NIGHT_WIDTH, CHART_HEIGHT = 20, 90
STATES = {
    StageStatus.PASSED: "good",
    StageStatus.FAILED: "bad",
    StageStatus.ERROR: "bad",
    StageStatus.SKIPPED: "none",
    Severity.CRITICAL: "bad",
    Severity.WARNING: "warn",
    Severity.INFO: "none",
}
"""Which of the page's four looks a word has."""
NIGHT_STATES = {"passed": "good", "failed": "bad", "error": "bad", "interrupted": "warn", "running": "none"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """To another page, or to a file, of the project."""

    title: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StageView:
    """One stage as the page shows it."""

    result: StageResult
    title: str
    state: str
    first_line: str
    more_lines: str
    """What an error says further: indented, with the next step."""
    facts: tuple[str, ...]
    links: tuple[Link, ...]
    start: float
    """Of its bar, 0..100 of the run's time."""
    width: float
    """0 without a bar: it was not run, or in another run."""
    time: str
    counts: Mapping[str, int]
    """Findings by severity, none left out that are not 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingView:
    """One finding and the stage that it is from."""

    finding: Finding
    stage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingGroup:
    """All findings of a severity."""

    severity: str
    state: str
    count: int
    opened: tuple[FindingView, ...]
    folded: tuple[FindingView, ...]
    hidden_count: int
    """Only in the JSON file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NightBar:
    """One night of the history."""

    night: Night
    state: str
    x: int
    height: float
    """0..`CHART_HEIGHT`; what ran can be seen."""
    moment: str
    time: str
    is_this: bool


def nightly_html(
    nightly: Nightly, *, history: Sequence[Night] = (), project_name: str = "", root: str = "../../.."
) -> str:
    """The page as one file that loads nothing.

    Args:
        nightly: The run.
        history: The nights before it and this one, oldest first; see `stages.nights`.
        project_name: What people call the warehouse.
        root: Way from the page's folder to the project's, so that links to other reports lead there:
            `var/reports/nightly/<id>.html` has the default.
    """
    bars = night_bars(history, this=nightly.id)
    return render_page(
        "nightly.html",
        style_names=("report.css", "nightly.css"),
        nightly=nightly,
        project_name=project_name,
        state="bad" if words.bad_stages(nightly) else "good",
        headline=words.headline(nightly),
        sentences=words.sentences(nightly),
        advice=words.advice(nightly),
        moment=words.moment_text(nightly.started_at),
        time=words.seconds_text(nightly.seconds),
        stages=stage_views(nightly, root=root),
        groups=finding_groups(nightly),
        bars=bars,
        history_sentence=history_sentence(bars),
        longest=words.seconds_text(max((bar.night.seconds for bar in bars), default=0.0)),
        chart_width=max(1, len(bars)) * NIGHT_WIDTH,
        chart_height=CHART_HEIGHT,
    )


def stage_views(nightly: Nightly, *, root: str) -> tuple[StageView, ...]:
    """Every stage, with its bar along the time of the run."""
    begun = _seconds_since(nightly.started_at, nightly.started_at)
    places = [
        (_seconds_since(nightly.started_at, stage.started_at) if stage.started_at and not stage.kept else None)
        for stage in nightly.stages
    ]
    ends = [place + stage.seconds for place, stage in zip(places, nightly.stages, strict=True) if place is not None]
    total = max([nightly.seconds, begun or 0.0, *ends, 0.001])
    views = []
    for place, stage in zip(places, nightly.stages, strict=True):
        first, _, rest = stage.message.strip().partition("\n")
        ran = place is not None and stage.status is not StageStatus.SKIPPED
        width = min(100.0, max(0.8, 100 * stage.seconds / total)) if ran else 0.0
        views.append(
            StageView(
                result=stage,
                title=words.TITLES[stage.name],
                state=STATES[stage.status],
                first_line=first,
                more_lines=dedent(rest).strip("\n"),
                facts=tuple(fact for fact in _facts(stage.details) if fact not in stage.message),
                links=_links(stage.details, root),
                start=min(100.0 - width, max(0.0, 100 * (place or 0.0) / total)) if ran else 0.0,
                width=width,
                time=words.seconds_text(stage.seconds) if stage.started_at else "",
                counts={
                    severity.value: count
                    for severity in Severity
                    if (count := sum(finding.severity is severity for finding in stage.findings))
                },
            )
        )
    return tuple(views)


def finding_groups(nightly: Nightly) -> tuple[FindingGroup, ...]:
    """Findings by severity, the gravest first."""
    groups = []
    for severity in Severity:
        found = [
            FindingView(
                finding=replace(
                    finding, message=words.on_one_line(finding.message), advice=words.on_one_line(finding.advice)
                ),
                stage=words.TITLES[stage.name],
            )
            for stage in nightly.stages
            for finding in stage.findings
            if finding.severity is severity
        ]
        # What nobody has to act on stands folded from the start.
        opened = 0 if severity is Severity.INFO else OPEN_FINDINGS
        if found:
            groups.append(
                FindingGroup(
                    severity=severity.value,
                    state=STATES[severity],
                    count=len(found),
                    opened=tuple(found[:opened]),
                    folded=tuple(found[opened:MOST_FINDINGS]),
                    hidden_count=max(0, len(found) - MOST_FINDINGS),
                )
            )
    return tuple(groups)


def night_bars(history: Sequence[Night], *, this: str) -> tuple[NightBar, ...]:
    """The nights as bars, as high as they took long."""
    longest = max((night.seconds for night in history), default=0.0) or 1.0
    return tuple(
        NightBar(
            night=night,
            state=NIGHT_STATES.get(night.status.value, "none"),
            x=place * NIGHT_WIDTH,
            height=max(3.0, round(CHART_HEIGHT * night.seconds / longest, 1)),
            moment=words.moment_text(night.started_at),
            time=words.seconds_text(night.seconds),
            is_this=night.id == this,
        )
        for place, night in enumerate(history)
    )


def history_sentence(bars: Sequence[NightBar]) -> str:
    """How many of the nights passed, and since when they do or do not."""
    ended = [bar for bar in bars if bar.night.status.value != "running"]
    if not ended:
        return ""
    passed = [bar.night.status.value == "passed" for bar in ended]
    counted = f"{sum(passed)} of the last {len(passed)} runs passed"
    if len(passed) == 1:
        return "It is the first run on record." if bars[-1].is_this else f"{counted}."
    streak = next((place for place, good in enumerate(reversed(passed)) if good is not passed[-1]), len(passed))
    if streak == len(passed) or streak == 1:
        return f"{counted}."
    return f"{counted}; the last {streak} of them {'all did' if passed[-1] else 'did not'}."


def _facts(details: Mapping[str, Any]) -> tuple[str, ...]:
    """What a stage made, as far as it says so in ways that are known here."""
    facts = [f"build {build_id}"] if (build_id := details.get("build_id")) else []
    versions = details.get("versions")
    if isinstance(versions, list | tuple):
        facts += [
            f"{version.get('dataset', '')}@{version.get('version', '')}"
            for version in versions
            if isinstance(version, Mapping)
        ]
    return tuple(facts)


def _links(details: Mapping[str, Any], root: str) -> tuple[Link, ...]:
    reports = details.get("reports")
    if not isinstance(reports, list | tuple):
        return ()
    return tuple(
        Link(title=str(report.get("title") or report["path"]), href=href)
        for report in reports
        if isinstance(report, Mapping) and (href := way(str(report.get("path", "")), root))
    )


def way(path: str, root: str) -> str:
    """The address of a file of the project as seen from the page; empty for what lies outside."""
    parts = PurePosixPath(path)
    if not path or parts.is_absolute() or ".." in parts.parts or "\x00" in path:
        return ""
    return f"{root}/{quote(parts.as_posix())}"


def _seconds_since(start: str, moment: str) -> float | None:
    try:
        return (datetime.fromisoformat(moment) - datetime.fromisoformat(start)).total_seconds()
    except (ValueError, TypeError):
        return None
