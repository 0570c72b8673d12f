"""Leaks judged and said: facts become findings with counts, examples and what to do.

A broken split (a shared key or entity, a time on the wrong side, a moment of knowing after the event) is a proof and
critical. What only suggests a leak is as severe as the dataset's `gates: {leakage: ...}` says. What may well be meant
is information.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from warehouse.checks.drift.words import count_text, quoted, share_text
from warehouse.checks.leakage.examples import examples_text, pairs_text
from warehouse.checks.leakage.result import Disorder, LeakageResult, SharedValues
from warehouse.checks.leakage.suspicions import suspicions
from warehouse.datasets.spec import GATES, DatasetSpec
from warehouse.findings import Finding, Severity


def judge(result: LeakageResult, spec: DatasetSpec) -> tuple[Finding, ...]:
    """The findings, most severe first."""
    gate = spec.gates.get("leakage", GATES.get("leakage", Severity.WARNING))
    findings = [
        *_values("shared_keys", "key", [result.keys] if result.keys else []),
        *_values("shared_entities", "entity", result.entities),
        *_times(result),
        *_late(result),
        *suspicions(result, spec, gate),
    ]
    order = list(Severity)
    return tuple(sorted(findings, key=lambda finding: order.index(finding.severity)))


def _values(check: str, noun: str, found: Iterable[SharedValues]) -> Iterator[Finding]:
    plural = {"key": "keys", "entity": "entities"}[noun]
    for shared in found:
        if not shared.value_count:
            continue
        row_count = sum(shared.row_counts.values())
        yield Finding(
            severity=Severity.CRITICAL,
            check=check,
            subject=shared.name,
            message=(
                f"{count_text(shared.value_count, noun, plural)} of {quoted(shared.name)} "
                f"{'stands' if shared.value_count == 1 else 'stand'} in several splits "
                f"({pairs_text(shared.pairs)}; {row_count:,} rows){examples_text(shared.examples)}"
            ),
            measured=float(shared.value_count),
            threshold=0.0,
            advice="export the dataset again; rows of one key or entity belong to one split",
        )


_TIME_WORDS = {
    Disorder.OVERLAP: "{count} of {left} {are} not before the first row of {right}",
    Disorder.EMBARGO: "{count} {are} within the embargo between {left} and {right}",
    Disorder.HORIZON: "{count} of {left} {have} a label that is known only after {right} begins",
}
_TIME_CHECKS = {Disorder.OVERLAP: "time_overlap", Disorder.EMBARGO: "embargo", Disorder.HORIZON: "label_horizon"}


def _times(result: LeakageResult) -> Iterator[Finding]:
    ranges = {each.split: each for each in result.times}
    for found in result.time_counts:
        if found.disorder is Disorder.RANDOM:
            left, right = ranges[found.left], ranges[found.right]
            share = None if found.row_count is None else found.row_count / result.row_counts[found.right]
            some = "" if share is None else f"{share_text(share)} of "
            yield Finding(
                severity=Severity.INFO,
                check="random_time",
                subject=found.right,
                message=(
                    f"the split does not run along time: {some}{found.right}'s rows are not after the last one of "
                    f"{found.left} ({found.left} {_day(left.first)} to {_day(left.last)}, {found.right} "
                    f"{_day(right.first)} to {_day(right.last)})"
                ),
                measured=share,
                advice="to predict what comes later, split by time, or by hash_time for unseen entities too",
            )
            continue
        count = found.row_count or 0
        are, have = ("is", "has") if count == 1 else ("are", "have")
        words = _TIME_WORDS[found.disorder].format(
            count=count_text(count, "row"), left=found.left, right=found.right, are=are, have=have
        )
        yield Finding(
            severity=Severity.CRITICAL,
            check=_TIME_CHECKS[found.disorder],
            subject=f"{found.left} and {found.right}",
            message=f"{words}{examples_text(found.examples)}",
            measured=float(count),
            threshold=0.0,
            advice=(
                "set split.embargo to at least the label's horizon"
                if found.disorder is Disorder.HORIZON
                else "export the dataset again, or correct its split"
            ),
        )


def _day(moment: str | None) -> str:
    return (moment or "never")[:10]


def _late(result: LeakageResult) -> Iterator[Finding]:
    for late in result.late:
        yield Finding(
            severity=Severity.CRITICAL,
            check="known_late",
            subject=late.name,
            message=(
                f"{count_text(late.row_count, 'row')} {'holds' if late.row_count == 1 else 'hold'} features that were "
                f"known only after the event: {quoted(late.name)} is later than the row's time"
                f"{examples_text(late.examples)}"
            ),
            measured=float(late.row_count),
            threshold=0.0,
            advice="join such features as of the row's time; see macro as_of_join",
        )
