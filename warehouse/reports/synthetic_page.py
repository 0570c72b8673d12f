"""The page of a version's synthetic rows: what they are worth, and everything that this rests on."""

from __future__ import annotations

from warehouse.checks.diagnosis.synthetic_effect import SyntheticEffect
from warehouse.checks.drift.report import DriftPair
from warehouse.checks.synthetic.result import SyntheticResult
from warehouse.reports.plain_page import MOST_LINES, PlainPart, plain_html
from warehouse.reports.synthetic_json import synthetic_findings, synthetic_not_judged, synthetic_summary
from warehouse.reports.synthetic_text import (
    CHANGE_HEADERS,
    MEASURE_HEADERS,
    change_rows,
    measure_rows,
    synthetic_opening,
)
from warehouse.reports.text import DRIFT_HEADERS, drift_rest, drift_rows

NOTES = (
    (
        "Coverage, recall, precision, density",
        "Shares of rows within reach of one of the other kind, reach being the distance to a row's own neighbours "
        "(Kynkäänniemi et al. 2019; Naeem et al. 2020). Beside them: what as many real rows, held apart, would have.",
    ),
    (
        "Near",
        "Rows of a split that lie closer to a synthetic row than real rows of train mostly lie to each other. More "
        "than as many real rows would bring by chance means that synthetic rows copy.",
    ),
    (
        "Effect",
        "Two models on the same real rows, one of which learned from synthetic rows too: helps or hurts when all of "
        "the 95% interval of the change says so.",
    ),
)


def synthetic_html(result: SyntheticResult, drift: DriftPair, effect: SyntheticEffect | None) -> str:
    """The page; it loads nothing."""
    rest = drift_rest(drift.result, limit=MOST_LINES)
    return plain_html(
        kind="Synthetic rows",
        subject=result.subject,
        opening=synthetic_opening(result),
        summary=synthetic_summary(result, drift, effect),
        findings=synthetic_findings(result, drift, effect),
        parts=(
            PlainPart(
                id="space",
                title="How they lie among real rows",
                short="Among real rows",
                headers=MEASURE_HEADERS,
                rows=measure_rows(result),
            ),
            PlainPart(
                id="effect",
                title="What they do to a model's errors",
                short="Effect",
                headers=CHANGE_HEADERS,
                rows=change_rows(effect) if effect is not None else (),
            ),
            PlainPart(
                id="columns",
                title="How they differ from real rows, by column",
                short="Columns",
                lines=(rest,) if rest else (),
                headers=DRIFT_HEADERS,
                rows=drift_rows(drift.result, limit=MOST_LINES),
            ),
        ),
        not_judged=synthetic_not_judged(result, drift, effect),
        notes=NOTES,
    )
