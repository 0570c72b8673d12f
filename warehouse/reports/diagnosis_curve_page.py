"""The page of a learning curve: what more rows would give, and the points that this rests on."""

from __future__ import annotations

from warehouse.checks.diagnosis.curve_result import LearningCurve
from warehouse.checks.diagnosis.words import METRIC_WORDS, value_text
from warehouse.reports import diagnosis_curve_text as curve_text
from warehouse.reports.plain_page import PlainPart, plain_html

NOTES = (
    (
        "The law",
        "error = limit + scale × (rows / unit) ^ -exponent (Cortes et al. 1994; Hestness et al. 2017), fitted to each "
        "split's points by least squares.",
    ),
    (
        "Intervals",
        "95%: of all laws that fit the points not significantly worse than the best one does (Bates and Watts 1988). "
        "They hold the expected error of a model, and hold while new rows are like those of train.",
    ),
)


def curve_html(result: LearningCurve) -> str:
    """The page; it loads nothing."""
    summary, lines = result.summary, tuple(curve_text.curve_lines(result))
    return plain_html(
        kind="Learning curve",
        subject=result.subject,
        opening=curve_text.curve_opening(result),
        summary=summary,
        parts=(
            PlainPart(
                id="curve",
                title="What more rows would give",
                short="More rows",
                lines=lines[len(summary) :],
                headers=curve_text.curve_headers(result),
                rows=curve_text.curve_rows(result),
            ),
            PlainPart(
                id="points",
                title="Errors that were measured",
                short="Points",
                headers=("split", "rows of train", METRIC_WORDS[result.metric]),
                rows=[
                    (curve.split, f"{point.row_count:,.0f}", value_text(result.metric, point.error))
                    for curve in result.splits
                    for point in curve.points
                ],
            ),
        ),
        notes=NOTES,
    )
