"""Whether a night is to be told of: facts of two runs in, a decision with its reason out."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from warehouse.findings import Severity
from warehouse.stages import Nightly, StageName, StageStatus

_BAD = {StageStatus.FAILED: "failed", StageStatus.ERROR: "could not be done"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether to tell, and why."""

    due: bool
    reason: str
    """`drift failed and had not before`: completes a sentence after `as`."""
    notice: str
    """Which notice this is: equal for equal outcomes of one run and those that went on from it."""


def decide(nightly: Nightly, previous: Nightly | None, notify_on: str) -> Decision:
    """By `notify_on`: `change`, `failure`, `finding`, `always` or `never`.

    `change` compares with the run before, or with a good one when there was none: a stage that fails and did not, a
    critical finding or a warning that was not there, and the way back: all that was critical is gone. A run whose
    notices did not get through counts as not told of.
    """
    now, before = _problems(nightly), _problems(previous)
    due, reason = _judge(nightly, previous, now, before, notify_on)
    if not due and notify_on == "change" and now and _was_not_told(previous):
        due, reason = True, "the notices of the run before did not get through"
    words = json.dumps([nightly.status.value, sorted(map(list, now))])
    return Decision(due=due, reason=reason, notice=hashlib.sha256(words.encode()).hexdigest()[:16])


def _judge(
    nightly: Nightly,
    previous: Nightly | None,
    now: set[tuple[str, ...]],
    before: set[tuple[str, ...]],
    notify_on: str,
) -> tuple[bool, str]:
    failed = sorted(stage for kind, stage, _ in now if kind == "stage")
    is_bad = bool(failed) or nightly.status.value in ("failed", "error", "interrupted")
    if notify_on == "never":
        return False, "notify_on is never"
    if notify_on == "always":
        return True, "every run is told of"
    if notify_on == "failure":
        return is_bad, f"{_listed(failed) or 'the run'} failed" if is_bad else "nothing failed"
    if notify_on == "finding":
        return bool(now), "there are findings" if now else "there is no finding"
    worse = now - before
    if worse:
        new_stages = sorted(stage for kind, stage, _ in worse if kind == "stage")
        if new_stages:
            return True, f"{_listed(new_stages)} failed and had not before"
        return True, "there are findings that were not there before"
    if _critical(before) and not _critical(now) and _has_looked_again(nightly, previous):
        return True, "what had failed is well again"
    return False, "nothing changed for the worse or recovered since the run before"


def _problems(nightly: Nightly | None) -> set[tuple[str, ...]]:
    """(`stage`, name, outcome), (`finding`, severity, check and subject); notices themselves count for nothing."""
    found: set[tuple[str, ...]] = set()
    for stage in nightly.stages if nightly else ():
        if stage.name is StageName.NOTIFY:
            continue
        if stage.status in _BAD:
            found.add(("stage", stage.name.value, stage.status.value))
        found |= {
            ("finding", finding.severity.value, f"{finding.check} {finding.subject}")
            for finding in stage.findings
            if finding.severity is not Severity.INFO
        }
    return found


def _critical(problems: set[tuple[str, ...]]) -> bool:
    return any(kind == "stage" or what == Severity.CRITICAL.value for kind, what, _ in problems)


def _has_looked_again(nightly: Nightly, previous: Nightly | None) -> bool:
    """Whether what had been wrong was done this time: a stage that was left out says nothing of it."""
    done = {stage.name for stage in nightly.stages if stage.started_at}
    return all(
        stage.name in done or stage.name is StageName.NOTIFY
        for stage in (previous.stages if previous else ())
        if stage.status in _BAD or any(finding.severity is Severity.CRITICAL for finding in stage.findings)
    )


def _was_not_told(previous: Nightly | None) -> bool:
    stage = next((stage for stage in previous.stages if stage.name is StageName.NOTIFY), None) if previous else None
    return bool(stage is not None and stage.details.get("not_sent") and not stage.details.get("sent"))


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else ""
