"""What a nightly run comes to, in sentences for people; the page, Markdown and notices share them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from warehouse.findings import Finding, Severity
from warehouse.stages import Nightly, StageName, StageResult, StageStatus

TITLES = {
    StageName.SOURCES: "Sources",
    StageName.LOAD: "Loading",
    StageName.BUILD: "Build",
    StageName.DRIFT: "Drift",
    StageName.EXPORT: "Exports",
    StageName.RETENTION: "Clean-up",
    StageName.REPORT: "Report",
    StageName.NOTIFY: "Notices",
}
_BAD = (StageStatus.FAILED, StageStatus.ERROR)
_ORDER = list(Severity)
MOST_ADVICE = 6
MOST_OUTCOMES = 3
MOST_SUBJECTS = 3


def headline(nightly: Nightly) -> str:
    """The verdict in one sentence."""
    build = stage_of(nightly, StageName.BUILD)
    bad = bad_stages(nightly)
    if nightly.status.value == "interrupted":
        done = sum(stage.status is not StageStatus.SKIPPED for stage in nightly.stages)
        return f"The nightly run was interrupted after {_count(done, 'stage')}; what it had published stands."
    if build is None or build.status is StageStatus.SKIPPED:
        cause = [stage for stage in bad if stage.name is not StageName.BUILD]
        if not cause:
            return f"No build was made; {_warned(nightly)}."
        return f"No build was made, since {_outcomes(cause)}."
    if build.status in _BAD:
        others = [stage for stage in bad if stage is not build]
        also = f" Also, {_outcomes(others)}." if others else ""
        kept = "readers keep the one before"
        if build.status is StageStatus.ERROR:
            return f"The nightly build could not be made; {kept}.{also}"
        return f"The nightly build is not published; {kept}.{also}"
    if bad:
        return f"The nightly build is published, but {_outcomes(bad)}."
    return f"The nightly build is published; {_warned(nightly)}."


def sentences(nightly: Nightly) -> tuple[str, ...]:
    """What the headline leaves out: why stages failed, and what was not done because of them."""
    told = [f"{_told(stage)}{_gravest(stage)}" for stage in bad_stages(nightly) if stage.message]
    told += [_told(stage) for stage in nightly.stages if is_blocked(stage) and stage.message]
    return tuple(told)


def advice(nightly: Nightly) -> tuple[str, ...]:
    """What to do, the gravest first; how to go on comes last."""
    found: dict[str, dict[str, None]] = {}
    for finding in by_severity(nightly.findings):
        if finding.advice and finding.severity is not Severity.INFO:
            found.setdefault(finding.advice, {})[finding.subject] = None
    told = [f"{_some(list(subjects))}: {advice}" for advice, subjects in list(found.items())[:MOST_ADVICE]]
    if len(found) > MOST_ADVICE:
        told.append(f"{_count(len(found) - MOST_ADVICE, 'more thing')} to do: see the findings")
    if bad_stages(nightly) or nightly.status.value == "interrupted":
        told.append(f"Then go on where it stopped: {nightly.way_on}")
    return tuple(told)


def by_severity(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The gravest first, otherwise in their order."""
    return tuple(sorted(findings, key=lambda finding: _ORDER.index(finding.severity)))


def bad_stages(nightly: Nightly) -> tuple[StageResult, ...]:
    """Stages that failed or could not be done."""
    return tuple(stage for stage in nightly.stages if stage.status in _BAD)


def stage_of(nightly: Nightly, name: StageName) -> StageResult | None:
    """The stage of this name; None when the run has none."""
    return next((stage for stage in nightly.stages if stage.name is name), None)


def is_blocked(stage: StageResult) -> bool:
    """Whether it was not run because of another stage, not because nobody asked for it."""
    return stage.status is StageStatus.SKIPPED and bool(stage.details.get("blocked_by"))


def stage_words(stage: StageResult) -> str:
    """`drift found something critical`, `the build could not be made`."""
    subject, failed, error = _WORDS[stage.name]
    return f"{subject} {failed if stage.status is StageStatus.FAILED else error}"


_WORDS = {
    StageName.SOURCES: ("the sources", "are not as they should be", "could not be read"),
    StageName.LOAD: ("loading", "found something critical", "could not be done"),
    StageName.BUILD: ("the build", "did not pass its checks", "could not be made"),
    StageName.DRIFT: ("drift", "is critical", "could not be measured"),
    StageName.EXPORT: ("an export", "was held back", "could not be made"),
    StageName.RETENTION: ("the clean-up", "found something critical", "could not be done"),
    StageName.REPORT: ("the report", "found something critical", "could not be written"),
    StageName.NOTIFY: ("notices", "were not sent", "could not be sent"),
}


def seconds_text(seconds: float) -> str:
    """`0.4 s`, `31 s`, `4 min 12 s`, `2 h 5 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def moment_text(iso: str) -> str:
    """`2026-11-24 02:00:07 UTC` of an ISO time in UTC; what is none stays as it is."""
    text = iso.replace("+00:00", "Z")
    return f"{text[:10]} {text[11:19]} UTC" if text.endswith("Z") and len(text) >= 20 else iso


def _outcomes(stages: Sequence[StageResult]) -> str:
    told = [stage_words(stage) for stage in stages[:MOST_OUTCOMES]]
    rest = len(stages) - MOST_OUTCOMES
    return _listed([*told, f"{_count(rest, 'more stage')} did not pass"] if rest > 0 else told)


def _warned(nightly: Nightly) -> str:
    warnings = sum(finding.severity is Severity.WARNING for finding in nightly.findings)
    return f"{_count(warnings, 'warning')} to look at" if warnings else "all is well"


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _listed(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def _gravest(stage: StageResult) -> str:
    """The first critical finding as a further sentence, and how many more there are; empty without one."""
    critical = [finding for finding in stage.findings if finding.severity is Severity.CRITICAL]
    if not critical:
        return ""
    first = f" {critical[0].subject}: {_ended(critical[0].message)}"
    return f"{first} {_count(len(critical) - 1, 'more critical finding')} below." if len(critical) > 1 else first


def _some(subjects: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and 7 more`."""
    rest = len(subjects) - MOST_SUBJECTS
    return _listed([*subjects[:MOST_SUBJECTS], f"{rest:,} more"] if rest > 0 else subjects)


def _told(stage: StageResult) -> str:
    """What it says, with its name before it unless it begins with that."""
    title, sentence = TITLES[stage.name], _ended(stage.message)
    if sentence.lower().startswith(title.lower()):
        return f"{sentence[:1].upper()}{sentence[1:]}"
    return f"{title}: {sentence}"


def on_one_line(text: str) -> str:
    """The text without line breaks: a message of several lines where there is room for one."""
    return " ".join(text.split())


def counted(count: int, severity: str) -> str:
    """`1 warning`, `3 warnings`, `2 critical`."""
    return _count(count, severity) if severity == "warning" else f"{count:,} {severity}"


def _ended(text: str) -> str:
    # The first line says it all; what follows is the next step, which the stage itself shows.
    line = on_one_line((text.strip().splitlines() or [""])[0])
    return line if line.endswith((".", "!", "?")) else f"{line}."
