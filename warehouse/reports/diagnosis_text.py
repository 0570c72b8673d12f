"""A diagnosis as lines and rows for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from warehouse.checks.diagnosis.result import HUMAN, Diagnosis
from warehouse.checks.diagnosis.words import (
    METRIC_WORDS,
    answer_text,
    causes_text,
    change_interval_text,
    change_text,
    interval_text,
    value_text,
)

LEVEL_RIGHT = ("rows", "queries", "value", "gap")
SPLIT_RIGHT = ("rows",)


def diagnosis_opening(result: Diagnosis) -> str:
    """What was examined, in one sentence."""
    rows = ", ".join(
        f"{split.split} {split.judged_count:,}" for split in result.coverage.splits if split.predicted_count
    )
    ranked = f"; ranked by {result.ranking.query}, NDCG of the first {result.ranking.at:,}" if result.ranking else ""
    return f"{result.subject} predicted by {result.predictions}: {rows}{ranked}"


def level_headers(result: Diagnosis) -> tuple[str, ...]:
    """Of `level_rows`."""
    return (
        "level",
        result.units,
        METRIC_WORDS[result.metric],
        "95% interval",
        "gap",
        "95% interval",
        "what it is",
        "answer",
    )


def level_rows(result: Diagnosis) -> list[tuple[str, ...]]:
    """The chart: each level, and how much worse it is than the one before."""
    metric = result.metric
    rows: list[tuple[str, ...]] = []
    gaps = {gap.right: gap for gap in result.gaps}
    for level in result.levels:
        estimate, gap = level.estimate, gaps.get(level.name)
        is_known = level.name == HUMAN and not estimate.row_count
        rows.append(
            (
                level.name,
                f"{estimate.row_count:,}" if estimate.row_count else "",
                value_text(metric, estimate.value),
                "as given" if is_known else interval_text(metric, estimate),
                change_text(metric, gap.change.value) if gap else "",
                change_interval_text(metric, gap.change) if gap else "",
                causes_text(gap.causes) if gap else "",
                answer_text(gap, result.units) if gap else "",
            )
        )
    return rows


def metric_headers(result: Diagnosis) -> tuple[str, ...]:
    """Of `metric_rows`: a column per split."""
    return ("measure", *(errors.split for errors in result.splits))


def metric_rows(result: Diagnosis) -> list[tuple[str, ...]]:
    """Every measure in every split, with its interval."""
    names = dict.fromkeys(metric.name for errors in result.splits for metric in errors.metrics)
    rows = []
    for name in names:
        cells = []
        for errors in result.splits:
            estimate = errors.of(name)
            cells.append(
                "" if estimate is None else f"{value_text(name, estimate.value)} ({interval_text(name, estimate)})"
            )
        rows.append((METRIC_WORDS[name], *cells))
    return rows


def advice_lines(result: Diagnosis) -> Iterator[str]:
    """What to do, in order, with sources."""
    for advice in result.advice:
        yield f"against {causes_text((advice.cause,))}:"
        for place, step in enumerate(advice.steps, start=1):
            yield f"  {place}. {step}"
        yield f"  source: {'; '.join(advice.sources)}"
