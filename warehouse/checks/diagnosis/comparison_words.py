"""A comparison of two models in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from warehouse.checks.diagnosis.comparison_result import (
    ComparedSlice,
    Comparison,
    ComparisonAnswer,
    PairedCounts,
    SplitComparison,
)
from warehouse.checks.diagnosis.words import METRIC_WORDS, change_interval_text, change_text
from warehouse.checks.drift.words import count_text
from warehouse.findings import Finding, Severity
from warehouse.statistics.estimates import Estimate

ANSWER_WORDS = {
    ComparisonAnswer.BETTER: "better",
    ComparisonAnswer.WORSE: "worse",
    ComparisonAnswer.ALIKE: "alike",
    ComparisonAnswer.UNDECIDED: "not enough rows to tell",
}
NAMED_SLICES = 3


def p_text(p_value: float) -> str:
    """`p = 0.012`, `p < 0.001`."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.2g}"


def counts_text(counts: PairedCounts) -> str:
    """`120 won, 95 lost, 1,785 alike`."""
    return f"{counts.win_count:,} won, {counts.loss_count:,} lost, {counts.tie_count:,} alike"


def comparison_summary(result: Comparison) -> tuple[str, ...]:
    """What it comes down to, most important first."""
    return tuple(_sentences(result))


def _sentences(result: Comparison) -> Iterator[str]:
    found = result.of(result.target)
    if found is None:
        return
    yield _answer_sentence(result, found)
    is_undecided = found.answer is ComparisonAnswer.UNDECIDED
    if is_undecided and found.needed_count is not None and found.needed_count > found.counts.row_count:
        yield (
            f"{found.counts.row_count:,} {result.units} of {found.split} tell models like these apart that differ by "
            f"{_change_text(result, found.smallest_difference or 0.0)}; for {_change_text(result, result.difference)} "
            f"it takes {found.needed_count:,}."
        )
    others = [
        f"{ANSWER_WORDS[each.answer]} in {each.split}"
        for each in result.splits
        if each is not found and each.answer in (ComparisonAnswer.BETTER, ComparisonAnswer.WORSE)
        if each.answer is not found.answer
    ]
    if others:
        yield f"It is {' and '.join(others)}."
    for answer, word in ((ComparisonAnswer.BETTER, "less"), (ComparisonAnswer.WORSE, "more")):
        slices = [each for each in result.slices if each.answer is answer]
        if slices:
            yield f"{result.predictions} errs {word} where {_slices_text(result, slices)}."
    if result.tested_count and not result.slices:
        yield f"None of {count_text(result.tested_count, 'slice')} shows a difference by itself."


def _answer_sentence(result: Comparison, found: SplitComparison) -> str:
    metric = found.of(result.metric)
    if metric is None:
        return ""
    change, name = metric.change, METRIC_WORDS[result.metric]
    interval = f"{change_interval_text(result.metric, _positive(change))}; {p_text(metric.p_value)}"
    size = _change_text(result, abs(change.value))
    word = "less" if change.value < 0 else "more"
    pair = f"{result.predictions} and {result.against}"
    return {
        ComparisonAnswer.BETTER: f"{result.predictions} is better than {result.against} in {found.split}: "
        f"{size} {word} of {name} ({interval}).",
        ComparisonAnswer.WORSE: f"{result.predictions} is worse than {result.against} in {found.split}: "
        f"{size} {word} of {name} ({interval}).",
        ComparisonAnswer.ALIKE: f"{pair} are alike in {found.split}: they differ by less than "
        f"{_change_text(result, result.difference)} of {name}, if at all ({interval}).",
        ComparisonAnswer.UNDECIDED: f"Not enough {result.units} to tell which of {pair} is better in {found.split}: "
        f"{size} {word} of {name} ({interval}).",
    }[found.answer]


def _positive(change: Estimate) -> Estimate:
    """The change read in its own direction: an improvement of 1 to 3 points, not of -3 to -1."""
    if change.value >= 0:
        return change
    return Estimate(
        value=-change.value,
        low=-change.high,
        high=-change.low,
        standard_error=change.standard_error,
        row_count=change.row_count,
        cluster_count=change.cluster_count,
    )


def _change_text(result: Comparison, value: float) -> str:
    return change_text(result.metric, value)


def _slices_text(result: Comparison, slices: Sequence[ComparedSlice]) -> str:
    named = [
        f"{each.text} ({_change_text(result, abs(each.change.value))}; {count_text(each.counts.row_count, 'row')})"
        for each in slices[:NAMED_SLICES]
    ]
    more = len(slices) - len(named)
    return ", or where ".join(named) + (f", and in {count_text(more, 'more slice')}" if more else "")


def comparison_findings(result: Comparison) -> Iterator[Finding]:
    """That the predictions are worse than the others; rows that only one model predicted."""
    for split in result.splits:
        metric = split.of(result.metric)
        if split.answer is ComparisonAnswer.WORSE and metric is not None:
            yield Finding(
                severity=Severity.WARNING,
                check="worse_than_other",
                subject=split.split,
                message=(
                    f"{METRIC_WORDS[result.metric]} is {_change_text(result, abs(metric.change.value))} "
                    f"{'more' if metric.change.value > 0 else 'less'} than that of {result.against} "
                    f"({change_interval_text(result.metric, metric.change)})"
                ),
                measured=metric.change.value,
                threshold=0.0,
            )
        left = split.predictions_only_count + split.against_only_count
        if left:
            yield Finding(
                severity=Severity.WARNING,
                check="unpaired_predictions",
                subject=split.split,
                message=(
                    f"{count_text(left, 'row')} of {split.split} {'is' if left == 1 else 'are'} not compared: "
                    f"{split.predictions_only_count:,} with a prediction only in {result.predictions}, "
                    f"{split.against_only_count:,} only in {result.against}"
                ),
                measured=float(left),
                threshold=0.0,
                advice="predict the same rows with both models: those that one left out may be the hard ones",
            )
