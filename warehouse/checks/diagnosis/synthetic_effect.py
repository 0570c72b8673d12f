"""Whether synthetic rows help a model, as far as predictions tell.

One model's errors on synthetic and on real rows of train say whether it finds them alike; whether learning from them
helps is told by a second model that learned without them: both err on the same rows, so their errors are compared row
by row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from warehouse.checks.diagnosis.columns import given_for
from warehouse.checks.diagnosis.comparing import compare
from warehouse.checks.diagnosis.comparison_result import Comparison, ComparisonAnswer
from warehouse.checks.diagnosis.joined import Carried, JoinedRows, drop_joined, join_predictions
from warehouse.checks.diagnosis.means import read_means
from warehouse.checks.diagnosis.measuring import row_values
from warehouse.checks.diagnosis.preparing import prepare
from warehouse.checks.diagnosis.result import DEFAULT_METRICS, Coverage, MetricName, Task
from warehouse.checks.diagnosis.words import METRIC_WORDS, change_interval_text, change_text, value_text
from warehouse.datasets.spec import DatasetSpec
from warehouse.engine.base import Engine
from warehouse.errors import PredictionError, SpecError
from warehouse.findings import Finding, Severity
from warehouse.sql import Relation, identifier
from warehouse.statistics.estimates import Estimate, Mean, difference, mean_estimate, rate_estimate

MARK = "made_up"
MADE_UP = ("real", "synthetic")


class Effect(StrEnum):
    """What learning from synthetic rows does to an error."""

    HELPS = "helps"
    """The whole interval of the change is on the better side of 0."""
    HURTS = "hurts"
    """It is on the worse side."""
    NOTHING = "nothing"
    """It reaches a tenth of the error to neither side."""
    UNDECIDED = "undecided"
    """0 lies within."""


_EFFECTS = {
    ComparisonAnswer.BETTER: Effect.HELPS,
    ComparisonAnswer.WORSE: Effect.HURTS,
    ComparisonAnswer.ALIKE: Effect.NOTHING,
    ComparisonAnswer.UNDECIDED: Effect.UNDECIDED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceError:
    """How the model errs on a split's real or synthetic rows."""

    split: str
    source: str
    """`real` or `synthetic`."""
    metric: MetricName
    estimate: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceGap:
    """How much more the model errs on synthetic than on real rows of one split."""

    split: str
    metric: MetricName
    change: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitChange:
    """How an error on real rows changes when a model has learned from synthetic ones too."""

    split: str
    metric: MetricName
    row_count: int
    """Rows that both models predicted."""
    without: float
    with_synthetic: float
    change: Estimate
    """Of the same rows, `with_synthetic` minus `without`."""
    p_value: float
    effect: Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticEffect:
    """What predictions tell of synthetic rows."""

    predictions: str
    without: str | None
    """What holds the predictions of the model that learned without synthetic rows."""
    task: Task
    metric: MetricName
    """What sentences and findings are about."""
    clusters: tuple[str, ...]
    coverage: Coverage
    errors: tuple[SourceError, ...]
    gaps: tuple[SourceGap, ...]
    changes: tuple[SplitChange, ...]
    """Empty without a second model."""
    summary: tuple[str, ...] = ()
    not_judged: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def synthetic_effect(
    engine: Engine,
    splits: Mapping[str, Relation],
    spec: DatasetSpec,
    predictions: Relation,
    without: Relation | None = None,
    *,
    columns: Mapping[str, str],
    positive: str | None = None,
) -> SyntheticEffect:
    """What the predictions of one model, or of two, tell of a dataset's synthetic rows.

    Args:
        engine: runs the queries; its session holds tables of joined rows meanwhile.
        splits: each split's rows, with the column that says which are synthetic.
        spec: names that column, the key, the label and the groups.
        predictions: of a model that learned from synthetic rows too.
        without: of one that did not; None when there is none.
        columns: columns of both by role, where they are called otherwise.
        positive: of two classes the one that `probability` is of.

    Raises:
        PredictionError: predictions cannot be used, or those of both models are of different kinds.
        SpecError: nothing says which rows are synthetic.
        QueryError: a relation cannot be read.
    """
    if spec.synthetic is None:
        raise SpecError(f"dataset {spec.name!r} does not say which rows are synthetic")
    names = [column.name for column in engine.columns(predictions)]
    other_names = [column.name for column in engine.columns(without)] if without is not None else []
    own_columns = given_for(columns, names, other=other_names)
    carried = [Carried(name=MARK, sql=f"coalesce({identifier(spec.synthetic.column)}, false)")]
    ready = prepare(engine, splits, spec, predictions, columns=own_columns, task=None, positive=positive)
    if ready.target.task is Task.RANKING:
        raise PredictionError("what synthetic rows are worth is told by single rows' errors, and a ranking has none")
    try:
        rows, coverage = join_predictions(
            engine, ready.splits, ready.predicted, ready.target, ready.clusters, carried=carried
        )
        values = _values(rows)
        errors = tuple(_errors(engine, rows, values))
        changes: tuple[SplitChange, ...] = ()
        if without is not None:
            real = Relation(f"(select * from {rows.relation.sql} where not {MARK})", rows.relation.name)
            comparison = compare(
                engine,
                replace(rows, relation=real),
                ready.splits,
                spec,
                ready.types,
                coverage,
                without,
                predictions=predictions.name,
                columns=given_for(columns, other_names, other=names),
                metric=None,
                quantile=None,
                difference=None,
                with_slices=False,
            )
            changes = tuple(_changes(comparison))
    finally:
        drop_joined(engine)
    result = SyntheticEffect(
        predictions=predictions.name,
        without=without.name if without is not None else None,
        task=rows.target.task,
        metric=DEFAULT_METRICS[rows.target.task],
        clusters=rows.clusters,
        coverage=coverage,
        errors=errors,
        gaps=tuple(_gaps(errors)),
        changes=changes,
    )
    return replace(
        result,
        summary=tuple(_sentences(result)),
        not_judged=tuple(_not_judged(result)),
        findings=tuple(_findings(result)),
    )


def _values(rows: JoinedRows) -> dict[MetricName, str]:
    """Errors of single rows; a root of a mean is none."""
    return {name: sql for name, sql in row_values(rows).items() if name is not MetricName.RMSE}


def _estimate(name: MetricName, mean: Mean) -> Estimate:
    if name is MetricName.ERROR_RATE:
        return rate_estimate(mean)
    return mean_estimate(mean) if name is MetricName.LOSS else mean_estimate(mean, least=0.0)


def _errors(engine: Engine, rows: JoinedRows, values: Mapping[MetricName, str]) -> Iterator[SourceError]:
    kept = ", ".join(identifier(column.name) for column in engine.columns(rows.relation) if column.name != "s")
    apart = replace(
        rows,
        relation=Relation(
            f"(select (2 * s + {MARK}::int)::utinyint as s, {kept} from {rows.relation.sql})", rows.relation.name
        ),
        splits=tuple(f"{split} {source}" for split in rows.splits for source in MADE_UP),
    )
    found = read_means(engine, apart, {name.value: sql for name, sql in values.items()})
    for split in rows.splits:
        for source in MADE_UP:
            means = found.get(f"{split} {source}", {})
            for name in values:
                if name.value in means:
                    yield SourceError(
                        split=split, source=source, metric=name, estimate=_estimate(name, means[name.value])
                    )


def _gaps(errors: tuple[SourceError, ...]) -> Iterator[SourceGap]:
    by_source = {(error.split, error.source, error.metric): error.estimate for error in errors}
    for (split, source, metric), estimate in by_source.items():
        real = by_source.get((split, MADE_UP[0], metric))
        if source == MADE_UP[1] and real is not None:
            yield SourceGap(split=split, metric=metric, change=difference(real, estimate))


def _changes(comparison: Comparison) -> Iterator[SplitChange]:
    for split in comparison.splits:
        for metric in split.metrics:
            change = metric.change
            better, worse = change.high < 0, change.low > 0
            if metric.name is MetricName.AUC:
                better, worse = worse, better
            effect = Effect.HELPS if better else Effect.HURTS if worse else Effect.UNDECIDED
            yield SplitChange(
                split=split.split,
                metric=metric.name,
                row_count=split.counts.row_count,
                without=metric.against,
                with_synthetic=metric.predictions,
                change=change,
                p_value=metric.p_value,
                effect=_EFFECTS[split.answer] if metric.name is comparison.metric else effect,
            )


def _sentences(result: SyntheticEffect) -> Iterator[str]:
    metric, words = result.metric, METRIC_WORDS[result.metric]
    for gap in result.gaps:
        if gap.metric is not metric:
            continue
        said = f"{change_text(metric, abs(gap.change.value))} ({change_interval_text(metric, gap.change)})"
        if gap.change.high < 0:
            yield (
                f"The {words} on synthetic rows of {gap.split} is {said} lower than on real ones: they are easier, and "
                "what is learned from them may be what made them."
            )
        elif gap.change.low > 0:
            yield (
                f"The {words} on synthetic rows of {gap.split} is {said} higher than on real ones: they are harder, or "
                "their labels are wrong."
            )
        else:
            yield f"The model errs on synthetic rows of {gap.split} as on real ones, as far as can be told ({said})."
    if result.changes:
        for change in (one for one in result.changes if one.metric is metric):
            said = f"{change_text(metric, abs(change.change.value))} ({change_interval_text(metric, change.change)})"
            values = (
                f"{value_text(metric, change.without)} without them, "
                f"{value_text(metric, change.with_synthetic)} with them"
            )
            if change.effect is Effect.UNDECIDED:
                yield f"Whether they help on real rows of {change.split} cannot be told: {values}, a change of {said}."
            elif change.effect is Effect.NOTHING:
                yield f"They change nothing on real rows of {change.split}: {values}, a change of {said}."
            else:
                yield f"Learning from them {change.effect} on real rows of {change.split}: {words} {values}, {said}."


def _findings(result: SyntheticEffect) -> Iterator[Finding]:
    for change in result.changes:
        if change.metric is result.metric and change.effect is Effect.HURTS and change.split != "train":
            yield Finding(
                severity=Severity.WARNING,
                check="synthetic_effect",
                subject=change.split,
                message=f"synthetic rows make the {METRIC_WORDS[change.metric]} worse on {change.split}: "
                f"{value_text(change.metric, change.without)} without them, "
                f"{value_text(change.metric, change.with_synthetic)} with them",
                measured=change.change.value,
                threshold=0.0,
                advice="learn without them, or from fewer of them, with less weight",
            )


def _not_judged(result: SyntheticEffect) -> Iterator[str]:
    if not result.gaps:
        yield "errors on synthetic rows: the predictions have none of them, or none of real rows beside them"
    if result.without is None:
        yield "whether synthetic rows help: that needs the predictions of a model that learned without them"
