"""A learning curve as lines and rows for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from warehouse.checks.diagnosis.curve_result import LearningCurve
from warehouse.checks.diagnosis.curve_words import gain_text, law_text, range_text
from warehouse.checks.diagnosis.words import METRIC_WORDS

CURVE_RIGHT = ("models",)


def curve_opening(result: LearningCurve) -> str:
    """What was examined, in one sentence."""
    return f"learning curve of {result.subject} from {result.source}: train has {result.train_count:,} rows"


def curve_headers(result: LearningCurve) -> tuple[str, ...]:
    """Of `curve_rows`."""
    words = METRIC_WORDS[result.metric]
    return ("split", "models", f"{words} now", "twice the rows", "ten times", "which takes off", "any number of rows")


def curve_rows(result: LearningCurve) -> list[tuple[str, ...]]:
    """What more rows would give in every split that has enough points."""
    metric = result.metric
    return [
        (
            curve.split,
            f"{len(curve.points):,}",
            *(range_text(metric, each.error) for each in curve.fit.projections),
            gain_text(metric, curve.fit.projections[-1].gain),
            range_text(metric, curve.fit.limit),
        )
        for curve in result.splits
        if curve.fit is not None
    ]


def curve_lines(result: LearningCurve) -> Iterator[str]:
    """What it comes down to, the laws, and what could not be fitted."""
    yield from result.summary
    for curve in result.splits:
        if curve.fit is not None:
            yield f"{curve.split}: error = {law_text(result.metric, curve.fit)}"
        else:
            yield f"{curve.split}: no curve; {curve.not_fitted}"
