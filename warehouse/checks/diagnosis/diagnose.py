"""A model's predictions held against every split of a version: where its errors come from, what to do next.

Predictions are looked at once (`predicted`), joined by key once (`joined`), and all questions are put to the joined
table (`measuring`, `calibration`, `curve_area`); then judged (`gaps`, `advice`) and said (`words`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from warehouse.checks.diagnosis.advice import advice_for
from warehouse.checks.diagnosis.columns import OF_CLASS, PROBABILITY, given_for
from warehouse.checks.diagnosis.comparing import compare
from warehouse.checks.diagnosis.comparison_result import Comparison
from warehouse.checks.diagnosis.comparison_words import comparison_findings
from warehouse.checks.diagnosis.gaps import (
    find_gaps,
    find_levels,
    largest_gap,
    required_sizes,
    usual_difference,
)
from warehouse.checks.diagnosis.joined import JoinedRows, drop_joined, join_predictions
from warehouse.checks.diagnosis.measuring import measure
from warehouse.checks.diagnosis.preparing import prepare
from warehouse.checks.diagnosis.ranking import USUAL_AT, not_ranked, rank
from warehouse.checks.diagnosis.ranking_result import Ranking
from warehouse.checks.diagnosis.result import (
    DEFAULT_METRICS,
    Coverage,
    Diagnosis,
    MetricName,
    SplitErrors,
    Task,
)
from warehouse.checks.diagnosis.slice_result import SliceReport, TagReport
from warehouse.checks.diagnosis.slice_samples import TagSheet, tag_report
from warehouse.checks.diagnosis.slices import SliceQuestion, read_slices
from warehouse.checks.diagnosis.target import MOST_AREA_CLASSES
from warehouse.checks.diagnosis.words import judge, summary
from warehouse.datasets.spec import DatasetSpec
from warehouse.datasets.versions import Version
from warehouse.engine.base import Engine
from warehouse.errors import PredictionError
from warehouse.sql import Relation


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What one wants to know of predictions."""

    columns: Mapping[str, str] = field(default_factory=dict)
    """Columns of the predictions by role; see `columns`."""
    task: Task | None = None
    """None: what the label and the predictions suggest."""
    metric: MetricName | None = None
    """What gaps are measured in; None: the task's usual one."""
    positive: str | None = None
    """Of two classes, the one that `probability` is of; None: the later one (true, 1)."""
    human: float | None = None
    """How people do, in the same metric."""
    human_rows: int | None = None
    """Rows that this was measured on; None: it is certain."""
    difference: float | None = None
    """The least difference that one wants to see; None: a tenth of the last split's error."""
    quantile: float | None = None
    """The quantile that was predicted, for pinball loss."""
    at: int | None = None
    """Of a ranking, how many rows of a query NDCG counts; None: `USUAL_AT`."""
    slices: SliceQuestion | None = None
    """Where to look for slices with more errors; None: nowhere."""
    tags: TagSheet | None = None
    """What people say of sampled errors; needs slices."""
    against: Relation | None = None
    """Another model's predictions, to compare with."""

    def problems(self) -> Iterator[str]:
        """What is wrong with it by itself."""
        for name, value in (("--human", self.human), ("--detect", self.difference)):
            if value is not None and not math.isfinite(value):
                yield f"{name} must be a number, not {value}"
        if self.difference is not None and self.difference <= 0:
            yield f"--detect must be above 0, not {self.difference:g}"
        if self.human_rows is not None and self.human is None:
            yield "--human-rows says how surely --human is known, and --human is not given"
        if self.human_rows is not None and self.human_rows < 1:
            yield f"--human-rows must be at least 1, not {self.human_rows}"
        if self.at is not None and self.at < 1:
            yield f"--at must be at least 1, not {self.at}"
        if self.quantile is not None and not 0 < self.quantile < 1:
            yield f"--quantile must lie between 0 and 1, not {self.quantile:g}"


def diagnose(
    engine: Engine,
    splits: Mapping[str, Relation],
    spec: DatasetSpec,
    predictions: Relation,
    question: Question = Question(),
    *,
    subject: str = "",
) -> Diagnosis:
    """Where a model's errors come from, and what to do next.

    Args:
        engine: runs the queries; its session holds the joined table meanwhile.
        splits: each split's rows; all with the same columns.
        spec: says which columns are the key, the label and the groups.
        predictions: at most one row per key.
        question: what to look for.
        subject: what is examined, for the report's title.

    Raises:
        PredictionError: predictions cannot be used, or do not answer this question.
        QueryError: a relation cannot be read.
    """
    for problem in question.problems():
        raise PredictionError(problem)
    names = [column.name for column in engine.columns(predictions)]
    other_names = [column.name for column in engine.columns(question.against)] if question.against is not None else []
    ready = prepare(
        engine,
        splits,
        spec,
        predictions,
        columns=given_for(question.columns, names, other=other_names),
        task=question.task,
        positive=question.positive,
    )
    splits, types = ready.splits, ready.types
    if ready.query is None and question.at is not None:
        raise PredictionError(f"--at is for rankings, and these are predictions of {ready.target.task.value}")
    try:
        carried = ready.query.carried if ready.query is not None else ()
        rows, coverage = join_predictions(
            engine, splits, ready.predicted, ready.target, ready.clusters, carried=carried
        )
        ranking: Ranking | None = None
        unranked = rows
        if ready.query is not None:
            rows, ranking = rank(engine, rows, ready.query, at=question.at or USUAL_AT)
        errors = measure(engine, rows, quantile=question.quantile)
        slices: SliceReport | str | None = None
        if question.slices is not None and ranking is not None:
            slices = "they are of single rows, and a ranking is judged by query"
        elif question.slices is not None:
            slices = read_slices(
                engine,
                rows,
                splits,
                spec,
                types,
                coverage,
                question.slices,
                metric=question.metric,
                quantile=question.quantile,
            )
        comparison: Comparison | None = None
        if question.against is not None:
            comparison = compare(
                engine,
                unranked,
                splits,
                spec,
                types,
                coverage,
                question.against,
                predictions=predictions.name,
                columns=given_for(question.columns, other_names, other=names),
                metric=question.metric,
                quantile=question.quantile,
                difference=question.difference,
                with_slices=question.slices is not None and ranking is None,
                at=question.at or USUAL_AT,
            )
    finally:
        drop_joined(engine)
    result = _judged(rows, coverage, errors, spec, question, subject=subject or spec.name, name=predictions.name)
    result = replace(
        result,
        slices=slices if isinstance(slices, SliceReport) else None,
        tags=_tags(slices, question),
        comparison=comparison,
        ranking=ranking,
        not_judged=(*_not_judged(result, spec, types, rows), *(not_ranked(ranking) if ranking else ())),
    )
    if isinstance(slices, str):
        result = replace(result, not_judged=(*result.not_judged, f"slices: {slices}"))
    more = comparison_findings(comparison) if comparison is not None else ()
    return replace(result, summary=summary(result), findings=judge(result, more))


def diagnose_version(
    engine: Engine,
    version: Version,
    predictions: Relation,
    question: Question = Question(),
) -> Diagnosis:
    """The same of a dataset version.

    Raises:
        PredictionError: predictions cannot be used, or do not answer this question.
        QueryError: its files cannot be read.
    """
    return diagnose(engine, version.relations, version.manifest.spec, predictions, question, subject=version.reference)


def _judged(
    rows: JoinedRows,
    coverage: Coverage,
    errors: tuple[SplitErrors, ...],
    spec: DatasetSpec,
    question: Question,
    *,
    subject: str,
    name: str,
) -> Diagnosis:
    metric = question.metric or DEFAULT_METRICS[rows.target.task]
    _check_metric(metric, errors, question)
    levels = find_levels(errors, metric, human=question.human, human_rows=question.human_rows)
    if not errors:
        raise PredictionError(
            f"no predicted row has a label, so nothing can be measured\n  label of {subject}: {spec.label!r}"
        )
    wanted = question.difference or usual_difference(levels, metric)
    gaps = find_gaps(levels, metric, spec, splits=rows.splits, wanted=wanted)
    largest = largest_gap(gaps)
    return Diagnosis(
        subject=subject,
        predictions=name,
        task=rows.target.task,
        classes=rows.target.classes,
        positive=rows.target.positive,
        clusters=rows.clusters,
        metric=metric,
        difference=wanted,
        coverage=coverage,
        splits=errors,
        levels=levels,
        gaps=gaps,
        largest=largest,
        advice=advice_for(largest.causes) if largest else (),
        sizes=required_sizes(levels, wanted),
    )


def _tags(slices: SliceReport | str | None, question: Question) -> TagReport | None:
    if question.tags is None:
        return None
    if not isinstance(slices, SliceReport):
        raise PredictionError(f"{question.tags.source}: there are no slices to tally tags for: {slices}")
    return tag_report(slices, question.tags)


def _check_metric(metric: MetricName, errors: tuple[SplitErrors, ...], question: Question) -> None:
    known = list(dict.fromkeys(each.name.value for split in errors for each in split.metrics))
    if errors and metric.value not in known:
        raise PredictionError(f"these predictions do not tell {metric.value}; known: {', '.join(known)}")
    if (metric.is_share or metric.is_better_greater) and question.human is not None and not 0 <= question.human <= 1:
        raise PredictionError(f"--human must be a share from 0 to 1 ({metric.value}), not {question.human:g}")
    if question.human_rows is not None and metric is not MetricName.ERROR_RATE:
        raise PredictionError(f"--human-rows is for an error rate, and the metric is {metric.value}")


def _not_judged(result: Diagnosis, spec: DatasetSpec, types: Mapping[str, str], rows: JoinedRows) -> Iterator[str]:
    for split in result.coverage.splits:
        if not split.predicted_count:
            yield f"{split.split}: it has no predictions"
        elif not split.judged_count:
            yield f"{split.split}: none of its predicted rows has a label"
    absent = [name for name in spec.groups if name not in types]
    if absent:
        yield (
            f"groups: the version does not hold {', '.join(absent)}, so intervals take rows as independent that are not"
        )
    if result.task is Task.CLASSES and not rows.has("confidence"):
        yield f"log loss and calibration: there are no probabilities ({PROBABILITY}, or {OF_CLASS}<class> for each)"
    if len(result.classes) > MOST_AREA_CLASSES:
        yield f"AUC: it is told of up to {MOST_AREA_CLASSES} classes, and there are {len(result.classes):,}"
    for errors in result.splits:
        if errors.absent_classes:
            shown = ", ".join(errors.absent_classes[:5]) + (", ..." if len(errors.absent_classes) > 5 else "")
            yield f"{errors.split}: no judged row is of {shown}; AUC is of the other classes"
