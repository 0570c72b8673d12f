"""Every measure of error that predictions allow, in every split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from warehouse.checks.diagnosis.calibration import Calibration, bin_sql, bin_values, calibration, cluster_values
from warehouse.checks.diagnosis.class_areas import ClassAreas, read_class_areas
from warehouse.checks.diagnosis.clustered import read_clustered
from warehouse.checks.diagnosis.curve_area import read_areas
from warehouse.checks.diagnosis.joined import JoinedRows
from warehouse.checks.diagnosis.means import Cell, mean_of_cells, read_cells, read_means
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
    values = {name.value: sql for name, sql in row_values(rows, quantile=quantile).items()}
    means, areas, calibrations = _measured(engine, rows, values)
    of_classes = read_class_areas(engine, rows) if rows.has("p_0") else {}
    return tuple(
        _errors(split, means[split], areas.get(split), calibrations.get(split), of_classes.get(split))
        for split in rows.splits
        if split in means
    )


def _measured(
    engine: Engine, rows: JoinedRows, values: Mapping[str, str]
) -> tuple[Mapping[str, Mapping[str, Mean]], Mapping[str, Estimate], Mapping[str, Calibration]]:
    """Means, areas and calibrations by split, in as few scans as can be."""
    has_bins, has_scores = rows.has("confidence"), rows.has("rank_score")
    of_bins = bin_values(rows) if has_bins else {}
    by = bin_sql(rows) if has_bins else "0"
    if not rows.clusters:
        cells = read_cells(engine, rows, {**values, **of_bins}, by=by, exact=of_bins)
        means = {split: {name: mean_of_cells(each, name) for name in values} for split, each in cells.items()}
        areas = read_areas(engine, rows, _row_counts(cells)) if has_scores else {}
    else:
        if has_bins:
            values = {**values, **cluster_values(rows)}
        cells = read_cells(engine, rows, of_bins, by=by, exact=of_bins) if has_bins or has_scores else {}
        if has_scores:
            means, areas = read_clustered(engine, rows, values, _row_counts(cells))
        else:
            means, areas = read_means(engine, rows, values), {}
    found = {
        split: calibration(each, means[split] if rows.clusters else None) for split, each in cells.items() if has_bins
    }
    return means, areas, found


def _row_counts(cells: Mapping[str, Sequence[Cell]]) -> dict[str, int]:
    return {split: sum(cell.row_count for cell in each) for split, each in cells.items()}


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
    if task is Task.RANKING:
        return {MetricName.NDCG: "ndcg", MetricName.MRR: "reciprocal_rank"}
    values = {MetricName.ERROR_RATE: "loss"}
    if rows.has("label_probability"):
        values[MetricName.LOG_LOSS] = f"-ln(greatest(label_probability, {LEAST_PROBABILITY!r}::double))"
    if rows.has("probability"):
        # Powers take many times as long as products.
        distance = f"(probability - (label = {rows.target.positive_code})::utinyint)"
        values[MetricName.BRIER] = f"{distance} * {distance}"
    return values


def _errors(
    split: str,
    means: Mapping[str, Mean],
    area: Estimate | None,
    found: Calibration | None,
    of_classes: ClassAreas | None,
) -> SplitErrors:
    metrics = [
        Metric(name=name, estimate=_estimate(name, means[name.value])) for name in MetricName if name.value in means
    ]
    if area is not None:
        metrics.append(Metric(name=MetricName.AUC, estimate=area))
    if of_classes is not None:
        metrics.append(Metric(name=MetricName.AUC, estimate=of_classes.macro))
        metrics.append(Metric(name=MetricName.AUC_WEIGHTED, estimate=of_classes.weighted))
    if found is not None:
        metrics.append(Metric(name=MetricName.CALIBRATION_ERROR, estimate=found.error))
    return SplitErrors(
        split=split,
        metrics=tuple(metrics),
        reliability=found.bins if found is not None else (),
        calibration_floor=found.floor if found is not None else None,
        absent_classes=of_classes.absent if of_classes is not None else (),
    )


def _estimate(name: MetricName, mean: Mean) -> Estimate:
    if name is MetricName.ERROR_RATE:
        return rate_estimate(mean)
    if name is MetricName.RMSE:
        return root_estimate(mean)
    if name in (MetricName.NDCG, MetricName.MRR):
        if not mean.standard_error and mean.value in (0, 1):
            # No query that is ranked otherwise proves little of what others are.
            return rate_estimate(mean)
        found = mean_estimate(mean, least=0.0)
        return replace(found, high=min(found.high, 1.0))
    # A loss of one's own may be below zero.
    return mean_estimate(mean) if name is MetricName.LOSS else mean_estimate(mean, least=0.0)
