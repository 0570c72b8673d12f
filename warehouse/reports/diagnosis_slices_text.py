"""Slices and tags of a diagnosis as rows for a terminal."""

from __future__ import annotations

from warehouse.checks.diagnosis.slice_result import SliceReport, TagTally
from warehouse.checks.diagnosis.slice_words import answer_text
from warehouse.checks.diagnosis.words import METRIC_WORDS, change_text, value_text
from warehouse.checks.drift.words import share_text

SLICE_HEADERS = ("slice", "rows", "error", "rest", "would remove", "verified: rows", "error", "rest", "answer")
SLICE_RIGHT = ("rows", "error", "rest", "would remove", "verified: rows")
TAG_HEADERS = ("tag", "rows", "share of errors", "95% interval", "would remove at most")
TAG_RIGHT = ("rows", "share of errors", "would remove at most")


def slices_title(report: SliceReport) -> str:
    """What the table is of."""
    return (
        f"slices with more errors, found on {report.found_on} ({METRIC_WORDS[report.metric]} "
        f"{value_text(report.metric, report.error.value)}), verified on {report.verified_on}"
    )


def slice_rows(report: SliceReport) -> list[tuple[str, ...]]:
    """One per listed slice."""
    metric = report.metric
    rows: list[tuple[str, ...]] = []
    for each in report.slices:
        there = each.verified
        rows.append(
            (
                each.name,
                f"{each.found.row_count:,}",
                value_text(metric, each.found.error.value),
                value_text(metric, each.found.rest.value),
                change_text(metric, each.found.removable.value),
                f"{there.row_count:,}" if there else "0",
                value_text(metric, there.error.value) if there else "",
                value_text(metric, there.rest.value) if there else "",
                answer_text(each),
            )
        )
    return rows


def tally_title(tally: TagTally) -> str:
    """What the tags are of."""
    return f"tags of {tally.subject}: {tally.tagged_count:,} of {tally.sampled_count:,} sampled errors"


def tally_rows(report: SliceReport, tally: TagTally) -> list[tuple[str, ...]]:
    """One per tag."""
    metric = report.metric
    return [
        (
            each.tag,
            f"{each.row_count:,}",
            share_text(each.share.value),
            f"{share_text(each.share.low)} to {share_text(each.share.high)}",
            f"{change_text(metric, each.removable.value)} of {value_text(metric, tally.error)}",
        )
        for each in tally.tags
    ]
