"""Slices of a diagnosis: which rows to look in, which to verify in, and all that is asked while they are joined."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from warehouse.checks.diagnosis.joined import JoinedRows
from warehouse.checks.diagnosis.measuring import row_values
from warehouse.checks.diagnosis.result import DEFAULT_METRICS, Coverage, MetricName
from warehouse.checks.diagnosis.slice_cubes import RowSet, cells_sql, read_set
from warehouse.checks.diagnosis.slice_features import find_features
from warehouse.checks.diagnosis.slice_result import SliceReport
from warehouse.checks.diagnosis.slice_samples import read_samples
from warehouse.checks.diagnosis.slice_search import LEAST_SET_ROWS, find_slices
from warehouse.datasets.spec import DatasetSpec
from warehouse.engine.base import Engine
from warehouse.errors import PredictionError, suggestion
from warehouse.sql import Relation
from warehouse.statistics.session_tables import SessionTables

USUAL_ORDER = ("dev", "test", "train_dev", "train")
"""Slices are looked for in the first of these that has judged rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceQuestion:
    """What one wants to know of slices."""

    split: str | None = None
    """Where to look; None: the first of `USUAL_ORDER`."""
    with_samples: bool = False
    """Whether errors are sampled for people to look at."""


def read_slices(
    engine: Engine,
    rows: JoinedRows,
    splits: Mapping[str, Relation],
    spec: DatasetSpec,
    types: Mapping[str, str],
    coverage: Coverage,
    question: SliceQuestion,
    *,
    metric: MetricName | None,
    quantile: float | None,
) -> SliceReport | str:
    """The slices in which a model errs most; or why there are none to look for.

    Those found on dev are verified on test; those of any other split, or without test, on a half of the split by a hash
    that keeps groups whole.

    Args:
        engine: has the joined rows.
        rows: the joined rows.
        splits: each split's rows.
        spec: says what the columns are.
        types: of the columns.
        coverage: which splits have predictions.
        question: where to look.
        metric: what to measure in; the task's usual one when this is no mean over rows.
        quantile: of numbers, the one that was predicted.

    Raises:
        PredictionError: the split that was named has no predictions.
    """
    judged = {each.split: each.judged_count for each in coverage.splits if each.judged_count}
    if question.split is not None and question.split not in judged:
        hint = suggestion(question.split, list(judged))
        raise PredictionError(f"--slices {question.split!r} is no split with predictions; {hint}")
    split = question.split or next((name for name in (*USUAL_ORDER, *judged) if name in judged), None)
    if split is None:
        return "no split has predictions"
    values = row_values(rows, quantile=quantile)
    usual = DEFAULT_METRICS[rows.target.task]
    metric = metric if metric in values and metric is not MetricName.RMSE else usual
    is_halved = split != "dev" or "test" not in judged
    with SessionTables(engine, "diagnosis_slices") as tables:
        features, left_out = find_features(engine, tables, splits[split], spec, types)
        if not features:
            return "no column is a feature that rows can be cut by"
        first = f"half of {split}" if is_halved else split
        second = f"the other half of {split}" if is_halved else "test"

        def read(half: int, used: Collection[int]) -> RowSet:
            query = cells_sql(
                rows,
                splits,
                features,
                spec.key,
                split="test" if half and not is_halved else split,
                loss=values[metric],
                used=used,
                condition=f"(g >> 40) & 1 = {half}" if is_halved else "true",
            )
            key, name = (("found", first), ("verified", second))[half]
            return read_set(engine, tables, query, key=key, name=name, is_clustered=bool(rows.clusters))

        found = read(0, range(len(features)))
        if found.row_count < LEAST_SET_ROWS:
            return f"{first} has {found.row_count:,} judged rows; it takes {LEAST_SET_ROWS} to cut them"
        report, codes = find_slices(
            engine, tables, found, lambda used: read(1, used), features, left_out, metric, split=split
        )
        if question.with_samples:
            samples = read_samples(engine, rows, found, codes, splits[split], spec.key)
            report = replace(report, samples=samples)
    return report
