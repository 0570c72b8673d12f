"""All that must be known of predictions before they are joined to a version's rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from warehouse.checks.diagnosis.columns import find_columns
from warehouse.checks.diagnosis.joined import find_clusters
from warehouse.checks.diagnosis.predicted import Predicted, read_predicted
from warehouse.checks.diagnosis.result import Task
from warehouse.checks.diagnosis.target import Target, find_target
from warehouse.datasets.spec import SPLITS, DatasetSpec
from warehouse.engine.base import Engine
from warehouse.errors import PredictionError
from warehouse.sql import Relation


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Predictions that can be joined."""

    splits: Mapping[str, Relation]
    """In the order of `SPLITS`."""
    types: Mapping[str, str]
    """Of the splits' columns."""
    predicted: Predicted
    target: Target
    clusters: tuple[str, ...]


def prepare(
    engine: Engine,
    splits: Mapping[str, Relation],
    spec: DatasetSpec,
    predictions: Relation,
    *,
    columns: Mapping[str, str],
    task: Task | None,
    positive: str | None,
) -> Prepared:
    """Looks at predictions once.

    Args:
        engine: runs the queries.
        splits: each split's rows; all with the same columns.
        spec: says which columns are the key, the label and the groups.
        predictions: at most one row per key.
        columns: columns of the predictions by role, where they are called otherwise.
        task: None for what the label and the predictions suggest.
        positive: of two classes the one that `probability` is of; None for the later one.

    Raises:
        PredictionError: predictions cannot be used.
        QueryError: a relation cannot be read.
    """
    splits = {name: splits[name] for name in (*SPLITS, *splits) if name in splits}
    types = {column.name: column.type for column in engine.columns(next(iter(splits.values())))}
    prediction_types = {column.name: column.type for column in engine.columns(predictions)}
    lost = [name for name in spec.key if name not in types]
    if lost:
        raise PredictionError(
            f"the version does not hold its key {', '.join(lost)}, so nothing can be joined to it"
            "\n  export the dataset with its key"
        )
    found = find_columns(list(prediction_types), key=spec.key, given=columns, predictions=predictions.name)
    target = find_target(engine, splits, types, found, prediction_types, label=spec.label, task=task, positive=positive)
    predicted = read_predicted(
        engine, predictions, found, target, types=prediction_types, key={name: types[name] for name in spec.key}
    )
    clusters = find_clusters(engine, splits, spec, types)
    return Prepared(splits=splits, types=types, predicted=predicted, target=target, clusters=clusters)
