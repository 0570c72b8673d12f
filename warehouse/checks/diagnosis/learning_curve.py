"""What more rows would give: the power law through errors of models that were trained on nested shares of train."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from warehouse.checks.diagnosis.curve_points import MeasuredError, read_points
from warehouse.checks.diagnosis.curve_result import (
    CurveAnswer,
    CurvePoint,
    HumanAnswer,
    LearningCurve,
    PowerLawFit,
    Projection,
    SplitCurve,
)
from warehouse.checks.diagnosis.curve_words import curve_summary
from warehouse.checks.diagnosis.gaps import LEAST_DIFFERENCE, USUAL_DIFFERENCE
from warehouse.checks.diagnosis.result import MetricName
from warehouse.datasets.spec import SPLITS
from warehouse.datasets.versions import Version
from warehouse.engine.base import Engine
from warehouse.errors import PredictionError
from warehouse.sql import Relation
from warehouse.statistics.kinds import Family, family_of
from warehouse.statistics.power_law import FEWEST_SIZES, PowerLaw, Range, fit_power_law

TRAIN = SPLITS[0]
FACTORS = (1.0, 2.0, 10.0)
LINE_POINTS = 40
TARGETS = ("dev", "test", "train_dev", "train")


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveQuestion:
    """What one wants to know of a learning curve."""

    metric: MetricName
    """What errors are in."""
    human: float | None = None
    """How people do, in the same metric."""
    difference: float | None = None
    """The least fall of the error that one wants to see; None: a tenth of it."""


def usual_curve_metric(version: Version) -> MetricName:
    """What errors of models of this version are in unless somebody says otherwise."""
    label = version.manifest.spec.label
    types = {column.name: column.type for column in version.manifest.columns}
    if label is None or label not in types:
        return MetricName.LOSS
    return MetricName.MAE if family_of(types[label]) in (Family.REAL, Family.DECIMAL) else MetricName.ERROR_RATE


def read_learning_curve(engine: Engine, version: Version, errors: Relation, question: CurveQuestion) -> LearningCurve:
    """The curve of every split that errors are given for, and what it says.

    Args:
        engine: reads the errors.
        version: whose train the models were trained on shares of.
        errors: one row per trained model and split; see `read_points`.
        question: what to look for.

    Raises:
        PredictionError: the errors cannot be used, or do not answer this question.
    """
    metric, human = question.metric, question.human
    if metric.is_better_greater:
        raise PredictionError(
            f"a learning curve is of errors, of which less is better, and of {metric.value} more is"
            f"\n  give 1 - {metric.value} as the error, and say --metric loss"
        )
    if human is not None and metric.is_share and not 0 <= human <= 1:
        raise PredictionError(f"--human must be a share from 0 to 1 ({metric.value}), not {human:g}")
    counts = {split.name: split.row_count for split in version.manifest.splits}
    if not counts.get(TRAIN):
        raise PredictionError(f"{version.reference} has no rows in {TRAIN}, so there is nothing to train on more of")
    points = read_points(engine, errors, metric=metric, splits=version.splits, train_count=counts[TRAIN])
    found = {point.split for point in points}
    target = next(split for split in (*TARGETS, *version.splits) if split in found)
    largest = max(point.row_count for point in points if point.split == target)
    last = [point.error for point in points if point.split == target and point.row_count == largest]
    wanted = question.difference or USUAL_DIFFERENCE * abs(sum(last) / len(last)) or LEAST_DIFFERENCE
    result = LearningCurve(
        subject=version.reference,
        source=errors.name,
        metric=metric,
        train_count=counts[TRAIN],
        difference=wanted,
        human=human,
        target=target,
        splits=tuple(
            _split_curve(split, [point for point in points if point.split == split], counts[TRAIN], wanted, question)
            for split in version.splits
            if split in found
        ),
    )
    return replace(result, summary=curve_summary(result))


def _split_curve(
    split: str, points: Sequence[MeasuredError], train_count: int, wanted: float, question: CurveQuestion
) -> SplitCurve:
    points = sorted(points, key=lambda point: (point.row_count, point.error))
    sizes = [point.row_count for point in points]
    law: PowerLaw | None = None
    if len(set(sizes)) >= FEWEST_SIZES:
        law = fit_power_law(
            sizes,
            [point.error for point in points],
            variances=_variances(points) if question.metric.is_share else None,
            least=-math.inf if question.metric is MetricName.LOSS else 0.0,
        )
    fit = _fit(law, min(sizes), train_count, wanted, question) if law else None
    return SplitCurve(
        split=split,
        points=tuple(
            CurvePoint(
                row_count=point.row_count,
                error=point.error,
                tested_count=point.tested_count,
                fitted=law.error(point.row_count).value if law else None,
            )
            for point in points
        ),
        fit=fit,
        not_fitted=""
        if fit
        else f"{len(set(sizes))} sizes of train, and a power law with an interval takes {FEWEST_SIZES}",
    )


def _variances(points: Sequence[MeasuredError]) -> list[float] | None:
    """Of each rate by the rows that it was measured on; None when that is not told.

    No errors seen are no certainty: the rate counts as if two rows more had been right and two wrong (Agresti and
    Coull 1998).
    """
    variances = []
    for point in points:
        if point.tested_count is None:
            return None
        count = point.tested_count + 4
        rate = (point.error * point.tested_count + 2) / count
        variances.append(rate * (1 - rate) / count)
    return variances


def _fit(law: PowerLaw, least_size: float, train_count: int, wanted: float, question: CurveQuestion) -> PowerLawFit:
    def projection(factor: float) -> Projection:
        rows = factor * train_count
        return Projection(
            factor=factor,
            row_count=round(rows),
            error=_possible(law.error(rows), question.metric),
            gain=law.gain(train_count, rows),
        )

    projections = tuple(projection(factor) for factor in FACTORS)
    first = least_size / train_count
    step = (FACTORS[-1] / first) ** (1 / (LINE_POINTS - 1))
    limit = _possible(law.limit_range, question.metric)
    return PowerLawFit(
        limit=limit,
        scale=law.scale,
        unit=round(law.unit),
        exponent=law.exponent_range,
        residual=law.residual,
        projections=projections,
        line=tuple(projection(first * step**place) for place in range(LINE_POINTS)),
        answer=_answer(projections[-1].gain, wanted),
        human=None if question.human is None else _human(projections, limit, question.human),
    )


def _possible(found: Range, metric: MetricName) -> Range:
    """Without what no such error can be."""
    least, most = (-math.inf if metric is MetricName.LOSS else 0.0), (1.0 if metric.is_share else math.inf)
    return Range(**{name: min(most, max(least, getattr(found, name))) for name in ("value", "low", "high")})


def _answer(gain: Range, wanted: float) -> CurveAnswer:
    if gain.high < wanted:
        return CurveAnswer.FLAT
    return CurveAnswer.HELPS if gain.low > 0 else CurveAnswer.UNDECIDED


def _human(projections: Sequence[Projection], limit: Range, human: float) -> HumanAnswer:
    now, *_, most = projections
    if now.error.high <= human:
        return HumanAnswer.REACHED
    if limit.low > human:
        return HumanAnswer.NEVER
    if most.error.low > human:
        return HumanAnswer.NOT_WITHIN_TEN
    return HumanAnswer.WITHIN_TEN if most.error.high <= human else HumanAnswer.UNDECIDED
