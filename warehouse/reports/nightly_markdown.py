"""A nightly run as Markdown, for a pull request, an issue or a job's summary: the verdict first, details folded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from warehouse.findings import Finding, Severity
from warehouse.reports import nightly_words as words
from warehouse.reports.markdown import code, escaped
from warehouse.stages import Night, Nightly, StageStatus

MARKS = {
    StageStatus.PASSED: "●",
    StageStatus.FAILED: "▲",
    StageStatus.ERROR: "✖",
    StageStatus.SKIPPED: "○",
}
MOST_FINDINGS = 50


def nightly_markdown(nightly: Nightly, *, history: Sequence[Night] = ()) -> str:
    """The run in GitHub's Markdown; nothing in it can become markup, mention a person or link elsewhere."""
    lines = [f"### Nightly run {escaped(nightly.id)}", "", f"**{escaped(words.headline(nightly))}**"]
    for sentence in words.sentences(nightly):
        lines += ["", escaped(sentence)]
    if todo := words.advice(nightly):
        lines += ["", "What to do:", "", *(f"- {escaped(sentence)}" for sentence in todo)]
    lines += ["", *_stages(nightly)]
    for severity in Severity:
        found = [finding for finding in nightly.findings if finding.severity is severity]
        lines += _findings(severity, found)
    if history:
        passed = sum(night.status.value == "passed" for night in history)
        lines += ["", f"{passed} of the last {len(history)} nights passed."]
    return "\n".join(lines) + "\n"


def _stages(nightly: Nightly) -> Iterable[str]:
    yield "| stage | | time | what was done |"
    yield "| --- | --- | --: | --- |"
    for stage in nightly.stages:
        time = words.seconds_text(stage.seconds) if stage.started_at else ""
        kept = " (kept)" if stage.kept else ""
        cells = (
            words.TITLES[stage.name],
            f"{MARKS[stage.status]} {stage.status.value}{kept}",
            time,
            escaped((stage.message.strip().splitlines() or [""])[0], 200),
        )
        yield f"| {' | '.join(cells)} |"


def _findings(severity: Severity, found: Sequence[Finding]) -> list[str]:
    if not found:
        return []
    lines = [
        f"- {code(finding.subject, in_table=False)}: {escaped(finding.message, 300)}"
        + (f" *{escaped(finding.advice, 200)}*" if finding.advice else "")
        for finding in found[:MOST_FINDINGS]
    ]
    if len(found) > MOST_FINDINGS:
        lines.append(f"- and {len(found) - MOST_FINDINGS:,} more")
    open_tag = "<details open>" if severity is Severity.CRITICAL else "<details>"
    return [
        "",
        f"{open_tag}<summary>{words.counted(len(found), severity.value)}</summary>",
        "",
        *lines,
        "",
        "</details>",
    ]
