"""Every measure of error that predictions allow, in every split."""

from __future__ import annotations

from collections.abc import Mapping

from warehouse.checks.diagnosis.calibration import Calibration, read_calibration
from warehouse.checks.diagnosis.curve_area import read_areas
from warehouse.checks.diagnosis.joined import JoinedRows
from warehouse.checks.diagnosis.means import read_means
from warehouse.checks.diagnosis.result import Metric, MetricName, SplitErrors, Task
from warehouse.engine.base import Engine
from warehouse.statistics.estimates import Estimate, Mean, mean_estimate, rate_estimate, root_estimate

LEAST_PROBABILITY = 2.220446049250313e-16
"""A true class that was given less counts as if it were given this; as scikit-learn does with doubles."""


def measure(engine: Engine, rows: JoinedRows, *, quantile: float | None) -> tuple[SplitErrors, ...]:
    """The errors of every split that has judged rows.

    Args:
        engine: has the joined table.
        rows: the joined rows.
        quantile: of numbers, the one that was predicted: adds pinball loss.
    """
    values = row_values(rows, quantile=quantile)
    means = read_means(engine, rows, {name.value: sql for name, sql in values.items()})
    areas = read_areas(engine, rows) if rows.has("rank_score") else {}
    calibrations = read_calibration(engine, rows) if rows.has("confidence") else {}
    return tuple(
        _errors(split, means[split], areas.get(split), calibrations.get(split))
        for split in rows.splits
        if split in means
    )


def row_values(rows: JoinedRows, *, quantile: float | None = None) -> dict[MetricName, str]:
    """What each measure that is a mean, or the root of one, is the mean of: an expression over a joined row."""
    task = rows.target.task
    if task is Task.LOSS:
        return {MetricName.LOSS: "loss"}
    if task is Task.NUMBERS:
        values = {MetricName.MAE: "loss", MetricName.RMSE: "loss * loss"}
        if quantile is not None:
            above, below = f"{quantile!r}::double", f"{1 - quantile!r}::double"
            values[MetricName.PINBALL] = (
                f"case when label >= prediction then {above} * (label - prediction)"
                f" else {below} * (prediction - label) end"
            )
        return values
    values = {MetricName.ERROR_RATE: "loss"}
    if rows.has("label_probability"):
        values[MetricName.LOG_LOSS] = f"-ln(greatest(label_probability, {LEAST_PROBABILITY!r}::double))"
    if rows.has("probability"):
        values[MetricName.BRIER] = f"(probability - (label = {rows.target.positive_code})::int) ** 2"
    return values


def _errors(
    split: str, means: Mapping[str, Mean], area: Estimate | None, calibration: Calibration | None
) -> SplitErrors:
    metrics = [
        Metric(name=name, estimate=_estimate(name, means[name.value])) for name in MetricName if name.value in means
    ]
    if area is not None:
        metrics.append(Metric(name=MetricName.AUC, estimate=area))
    if calibration is not None:
        metrics.append(Metric(name=MetricName.CALIBRATION_ERROR, estimate=calibration.error))
    return SplitErrors(
        split=split,
        metrics=tuple(metrics),
        reliability=calibration.bins if calibration is not None else (),
        calibration_floor=calibration.floor if calibration is not None else None,
    )


def _estimate(name: MetricName, mean: Mean) -> Estimate:
    if name is MetricName.ERROR_RATE:
        return rate_estimate(mean)
    if name is MetricName.RMSE:
        return root_estimate(mean)
    # A loss of one's own may be below zero.
    return mean_estimate(mean) if name is MetricName.LOSS else mean_estimate(mean, least=0.0)
