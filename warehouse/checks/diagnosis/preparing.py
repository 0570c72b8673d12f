"""All that must be known of predictions before they are joined to a version's rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from warehouse.checks.diagnosis.columns import QUERY, PredictionColumns, find_columns
from warehouse.checks.diagnosis.joined import find_clusters
from warehouse.checks.diagnosis.predicted import Predicted, read_predicted
from warehouse.checks.diagnosis.ranking import QueryColumn, check_relevance, find_query
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
    query: QueryColumn | None = None
    """Of a ranking."""


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
        task: None for what the label and the predictions suggest; a ranking when a query is named and scores are there,
            or nothing but these.
        positive: of two classes the one that `probability` is of; None for the later one.

    Raises:
        PredictionError: predictions cannot be used.
        QueryError: a relation cannot be read.
    """
    # A key that is called so is the query, and the role then says what it is called in the predictions.
    is_given = QUERY in columns and QUERY not in spec.key
    splits = {name: splits[name] for name in (*SPLITS, *splits) if name in splits}
    types = {column.name: column.type for column in engine.columns(next(iter(splits.values())))}
    prediction_types = {column.name: column.type for column in engine.columns(predictions)}
    lost = [name for name in spec.key if name not in types]
    if lost:
        raise PredictionError(
            f"the version does not hold its key {', '.join(lost)}, so nothing can be joined to it"
            "\n  export the dataset with its key"
        )
    query = find_query(columns if is_given else {}, types, list(prediction_types))
    if is_given and query is not None and not query.is_predicted:
        columns = {role: name for role, name in columns.items() if role != QUERY}
    found = find_columns(list(prediction_types), key=spec.key, given=columns, predictions=predictions.name)
    if query is None or not query.is_predicted:
        found = replace(found, query=None)
    if task is None and query is not None and _is_ranking(found, is_given=is_given):
        task = Task.RANKING
    target = find_target(engine, splits, types, found, prediction_types, label=spec.label, task=task, positive=positive)
    if target.task is not Task.RANKING or target.label is None:
        query = None
    elif query is None:
        raise PredictionError(
            "nothing says which rows are ranked together"
            f"\n  name a column of the dataset or of the predictions: --column {QUERY}=NAME"
        )
    else:
        check_relevance(engine, splits, spec.key, label=target.label, label_type=target.label_type, query=query)
    predicted = read_predicted(
        engine, predictions, found, target, types=prediction_types, key={name: types[name] for name in spec.key}
    )
    clusters = find_clusters(engine, splits, spec, types)
    return Prepared(splits=splits, types=types, predicted=predicted, target=target, clusters=clusters, query=query)


def _is_ranking(columns: PredictionColumns, *, is_given: bool) -> bool:
    """Whether predictions are of a ranking: scores are there, and a query was named or nothing else is there."""
    has_others = columns.prediction is not None or columns.has_probabilities or columns.loss is not None
    return columns.score is not None and (is_given or not has_others)
