"""Slices and tags in plain words: sentences and findings."""

from __future__ import annotations

from collections.abc import Iterator

from warehouse.checks.diagnosis.slice_result import Slice, SliceAnswer, SliceReport, TagReport
from warehouse.checks.drift.words import count_text, share_text
from warehouse.findings import Finding, Severity

NAMED = 3
LARGE = 0.1
"""Of the error: a confirmed slice that fixing would take so much off is a warning."""


def answer_text(each: Slice) -> str:
    """Whether it is bad in other rows too."""
    if each.answer is SliceAnswer.CONFIRMED:
        return "confirmed"
    if each.answer is SliceAnswer.REFUTED:
        return "not so there: mostly noise"
    return "too few rows there to tell" if each.verified else "no rows there to tell"


def slice_sentences(report: SliceReport) -> Iterator[str]:
    """What the search comes down to."""
    confirmed = report.confirmed
    if not report.slices:
        yield (
            f"No slice of {report.found_on} errs more than the rest beyond chance: "
            f"{count_text(report.tested_count, 'slice')} of one or two features were tested."
        )
        return
    for each in confirmed[:NAMED]:
        found, there = each.found, each.verified
        gained = there.removable_share if there else found.removable_share
        yield (
            f"It errs more where {each.name}: {share_text(found.row_share)} of {report.found_on}'s rows, "
            f"{share_text(found.error_share)} of its errors; as good as the rest there it would have "
            f"{share_text(found.removable_share)} fewer ({share_text(gained)} in {report.verified_on})."
        )
    if len(confirmed) > NAMED:
        yield f"{count_text(len(confirmed) - NAMED, 'more slice')} with more errors confirmed on {report.verified_on}."
    others = len(report.slices) - len(confirmed)
    if others:
        yield (
            f"{count_text(others, 'slice')} of {report.found_on} with more errors "
            f"{'is' if others == 1 else 'are'} not confirmed on {report.verified_on}."
        )


def tag_sentences(tags: TagReport) -> Iterator[str]:
    """What people saw most."""
    tally = tags.tallies[0]
    if tally.tags:
        first = tally.tags[0]
        yield (
            f"Of {count_text(tally.tagged_count, 'tagged error')} {share_text(first.share.value)} are {first.tag!r} "
            f"({share_text(first.share.low)} to {share_text(first.share.high)}): more than that share of the error "
            "working on it cannot remove."
        )
    if tags.unknown_count:
        are = "is" if tags.unknown_count == 1 else "are"
        yield (
            f"{count_text(tags.unknown_count, 'tagged row')} of {tags.source} {are}"
            " none of the errors sampled of these predictions, so that the others are no fair sample of them: make a "
            "new sheet."
        )


def slice_findings(report: SliceReport) -> Iterator[Finding]:
    """Confirmed slices."""
    for each in report.confirmed:
        there = each.verified
        if there is None:
            continue
        yield Finding(
            severity=Severity.WARNING if there.removable_share >= LARGE else Severity.INFO,
            check="slice",
            subject=each.name,
            message=(
                f"{each.name}: {share_text(there.row_share)} of {report.verified_on}'s rows have "
                f"{share_text(there.error_share)} of its errors"
            ),
            measured=there.removable_share,
            threshold=LARGE,
            advice="look at some of its rows: warehouse diagnose ... --sheet errors.csv",
        )
