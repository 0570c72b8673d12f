"""A diagnosis in plain words: numbers, sentences, findings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from warehouse.checks.diagnosis.result import (
    HUMAN,
    Answer,
    Cause,
    Coverage,
    Diagnosis,
    Gap,
    MetricName,
    RequiredSize,
)
from warehouse.checks.diagnosis.slice_words import slice_findings, slice_sentences, tag_sentences
from warehouse.checks.drift.words import count_text, number_text, share_text
from warehouse.findings import Finding, Severity
from warehouse.statistics.estimates import Estimate

METRIC_WORDS = {
    MetricName.ERROR_RATE: "error rate",
    MetricName.LOG_LOSS: "log loss",
    MetricName.BRIER: "Brier score",
    MetricName.AUC: "AUC",
    MetricName.AUC_WEIGHTED: "AUC by rows of classes",
    MetricName.CALIBRATION_ERROR: "calibration error",
    MetricName.MAE: "mean absolute error",
    MetricName.RMSE: "root mean squared error",
    MetricName.PINBALL: "pinball loss",
    MetricName.LOSS: "loss",
    MetricName.NDCG: "NDCG",
    MetricName.MRR: "mean reciprocal rank",
}
CAUSE_WORDS = {
    Cause.BIAS: "avoidable bias",
    Cause.VARIANCE: "variance",
    Cause.MISMATCH: "data mismatch",
    Cause.LATER_TIME: "a later time",
    Cause.DEV_OVERFITTING: "overfitting to dev",
}


def value_text(metric: MetricName, value: float) -> str:
    """A level of the metric: `24.7%`, `0.1234`."""
    if not math.isfinite(value):
        return "?"
    return share_text(value) if metric.is_share else number_text(value)


def change_text(metric: MetricName, value: float) -> str:
    """A difference in the metric: `2.3 points` of a share, otherwise the number."""
    if not math.isfinite(value):
        return "?"
    if not metric.is_share:
        return number_text(value)
    points = value * 100
    rounded = f"{points:.0f}" if abs(points) >= 9.95 else f"{points:.2g}"
    return f"{rounded} {'point' if rounded in ('1', '-1') else 'points'}"


def interval_text(metric: MetricName, estimate: Estimate) -> str:
    """An estimate's ends: `24.1% to 25.3%`."""
    return f"{value_text(metric, estimate.low)} to {value_text(metric, estimate.high)}"


def change_interval_text(metric: MetricName, change: Estimate) -> str:
    """A difference's ends: `1.8 to 2.9 points`."""
    low, high = change_text(metric, change.low), change_text(metric, change.high)
    return f"{low.removesuffix(' points').removesuffix(' point')} to {high}"


def causes_text(causes: Sequence[Cause]) -> str:
    """`variance and data mismatch`."""
    words = [CAUSE_WORDS[cause] for cause in causes]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def answer_text(gap: Gap, units: str = "rows") -> str:
    """Whether there is a gap, in a few words for a table; `units` are what levels count."""
    if gap.answer is Answer.UNDECIDED:
        more = " and ".join(f"{needed.row_count:,} of {needed.split}" for needed in gap.more_rows)
        return f"not enough {units} to tell; {more} more needed" if more else f"not enough {units} to tell"
    return {
        Answer.PRESENT: "a gap",
        Answer.ABSENT: "none that matters",
        Answer.REVERSED: f"{gap.right} is better",
    }[gap.answer]


def summary(result: Diagnosis) -> tuple[str, ...]:
    """What it comes down to, most important first."""
    return tuple(_sentences(result))


def _sentences(result: Diagnosis) -> Iterator[str]:
    metric, wanted = result.metric, change_text(result.metric, result.difference)
    if result.largest is not None:
        gap = result.largest
        if len(gap.causes) > 1:
            opening = f"The largest gap is from {gap.left} to {gap.right}, {causes_text(gap.causes)} together:"
        else:
            opening = f"The largest gap is {causes_text(gap.causes)}, from {gap.left} to {gap.right}:"
        yield (
            f"{opening} {change_text(metric, gap.change.value)} of {METRIC_WORDS[metric]} "
            f"({change_interval_text(metric, gap.change)})."
        )
    elif result.gaps:
        yield f"No gap can be told from nothing in {METRIC_WORDS[metric]}."
    for gap in result.gaps:
        if gap.answer is Answer.UNDECIDED:
            yield (
                f"Not enough {result.units} to tell whether there is {causes_text(gap.causes)} "
                f"from {gap.left} to {gap.right} "
                f"({change_text(metric, gap.change.value)}, {change_interval_text(metric, gap.change)})"
                f"{_more(gap, wanted, result.units)}."
            )
        elif gap.answer is Answer.REVERSED:
            yield (
                f"{gap.right} errs less than {gap.left}: "
                f"{change_text(metric, abs(gap.change.value))} of {METRIC_WORDS[metric]}."
            )
    absent = [causes_text(gap.causes) for gap in result.gaps if gap.answer is Answer.ABSENT]
    if absent:
        yield f"Less than {wanted}, if any: {'; '.join(absent)}."
    if result.slices is not None:
        yield from slice_sentences(result.slices)
    if result.tags is not None:
        yield from tag_sentences(result.tags)
    if not any(level.name == HUMAN for level in result.levels):
        yield ("How well people do is not known, so avoidable bias is not either: measure it, and give --human.")
    for size in result.sizes:
        if size.needed_count > size.row_count:
            yield _too_small(result, size)


def _more(gap: Gap, wanted: str, units: str) -> str:
    if not gap.more_rows:
        return ""
    noun = "more query" if units == "queries" else "more row"
    more = " and ".join(
        f"{count_text(each.row_count, noun, f'more {units}')} of {each.split}" for each in gap.more_rows
    )
    return f"; {more} would show it, or show that it is less than {wanted}"


def _too_small(result: Diagnosis, size: RequiredSize) -> str:
    return (
        f"{size.split} has {size.row_count:,} {result.units} and tells two models apart that differ by "
        f"{change_text(result.metric, size.smallest_difference)}; for {change_text(result.metric, result.difference)} "
        f"it takes {size.needed_count:,} at most."
    )


def coverage_findings(coverage: Coverage, subject: str) -> Iterator[Finding]:
    """What of predictions and rows did not meet."""
    for split in coverage.splits:
        if 0 < split.missing_count < split.row_count:
            examples = f" ({'; '.join(split.missing_examples)})" if split.missing_examples else ""
            yield Finding(
                severity=Severity.WARNING,
                check="missing_predictions",
                subject=split.split,
                message=(
                    f"{count_text(split.missing_count, 'row')} of {split.row_count:,} in {split.split} "
                    f"{'has' if split.missing_count == 1 else 'have'} no prediction{examples}"
                ),
                measured=split.missing_count / split.row_count,
                threshold=0.0,
                advice="predict every row of a split: those that were left out may be the hard ones",
            )
    if coverage.extra_count:
        count = coverage.extra_count
        yield Finding(
            severity=Severity.WARNING,
            check="extra_predictions",
            subject=subject,
            message=(
                f"{count_text(count, 'prediction')} of {coverage.prediction_count:,} "
                f"{'has a key that is' if count == 1 else 'have keys that are'} in no split "
                f"({'; '.join(coverage.extra_examples)})"
            ),
            measured=float(count),
            threshold=0.0,
            advice="were they made for another version? name it: warehouse diagnose NAME@VERSION",
        )


def judge(result: Diagnosis, more: Iterable[Finding] = ()) -> tuple[Finding, ...]:
    """The findings and these, most severe first."""
    findings = [*coverage_findings(result.coverage, result.subject), *_gap_findings(result), *more]
    if result.slices is not None:
        findings += slice_findings(result.slices)
    order = list(Severity)
    return tuple(sorted(findings, key=lambda finding: order.index(finding.severity)))


def _gap_findings(result: Diagnosis) -> Iterator[Finding]:
    metric = result.metric
    for gap in result.gaps:
        if gap.answer not in (Answer.PRESENT, Answer.UNDECIDED):
            continue
        is_large = gap.answer is Answer.PRESENT and gap.change.value >= result.difference
        text = f"{change_text(metric, gap.change.value)}, {change_interval_text(metric, gap.change)}"
        yield Finding(
            severity=Severity.WARNING if is_large else Severity.INFO,
            check="_or_".join(cause.value for cause in gap.causes),
            subject=gap.right,
            message=f"{METRIC_WORDS[metric]} from {gap.left} to {gap.right}: {answer_text(gap, result.units)} ({text})",
            measured=gap.change.value,
            threshold=result.difference,
        )
