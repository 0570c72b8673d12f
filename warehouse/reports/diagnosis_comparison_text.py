"""A comparison of two models as lines and rows for a terminal."""

from __future__ import annotations

from warehouse.checks.diagnosis.comparison_result import Comparison
from warehouse.checks.diagnosis.comparison_words import ANSWER_WORDS, counts_text, p_text
from warehouse.checks.diagnosis.words import METRIC_WORDS, change_interval_text, change_text, value_text

COMPARISON_RIGHT = ("rows", "queries")
SLICE_RIGHT = ("rows",)


def comparison_opening(result: Comparison) -> str:
    """What was compared, in one sentence."""
    return f"{result.predictions} against {result.against}, on the rows that both predict:"


def comparison_headers(result: Comparison) -> tuple[str, ...]:
    """Of `comparison_rows`."""
    columns = ("measure", "predictions", "against", "change", "95% interval", "p")
    return ("split", result.units, *columns, f"{result.units} by", "answer")


def comparison_rows(result: Comparison) -> list[tuple[str, ...]]:
    """Every measure of both models in every split."""
    return [
        (
            split.split,
            f"{split.counts.row_count:,}",
            METRIC_WORDS[metric.name],
            value_text(metric.name, metric.predictions),
            value_text(metric.name, metric.against),
            change_text(metric.name, metric.change.value),
            change_interval_text(metric.name, metric.change),
            p_text(metric.p_value),
            counts_text(split.counts) if metric.name is result.metric else "",
            ANSWER_WORDS[split.answer] if metric.name is result.metric else "",
        )
        for split in result.splits
        for metric in split.metrics
    ]


def slice_headers(result: Comparison) -> tuple[str, ...]:
    """Of `slice_rows`."""
    return (f"where in {result.target}", "rows", "change", "95% interval", "corrected", "rows by", "answer")


def slice_rows(result: Comparison) -> list[tuple[str, ...]]:
    """The slices in which the models differ."""
    return [
        (
            each.text,
            f"{each.counts.row_count:,}",
            change_text(result.metric, each.change.value),
            change_interval_text(result.metric, each.change),
            p_text(each.adjusted_p_value),
            counts_text(each.counts),
            ANSWER_WORDS[each.answer],
        )
        for each in result.slices
    ]
