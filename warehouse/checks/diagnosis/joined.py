"""Predictions and the rows of every split, joined by key once into a compact table that all questions are put to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from warehouse.checks.diagnosis.predicted import EXAMPLE_COUNT, Predicted, example_sql
from warehouse.checks.diagnosis.result import Coverage, SplitCoverage, Task
from warehouse.checks.diagnosis.target import MOST_AREA_CLASSES, Target
from warehouse.datasets.spec import DatasetSpec, Grouping
from warehouse.engine.base import Engine
from warehouse.errors import PredictionError
from warehouse.sql import Query, Relation, Step, identifier

JOINED = Relation.table("diagnosis_joined")
"""The session's table; one row per row of a split."""
QUERIES = Relation.table("diagnosis_queries")
"""Of a ranking, the session's table with one row per split and query."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A column of the splits that the joined table shall have too, for questions about slices."""

    name: str
    """Its name in the joined table."""
    sql: str
    """Over a split's columns; should be as narrow as can be: a cell's number, say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedRows:
    """Rows that have a label and a prediction, each once.

    The relation's columns, of which a question reads what it needs:

    - `s`: the split's place in `splits`
    - `k`: hash of the key, to choose rows by and to find them again (`key_hash_sql`)
    - `g`: hash of what binds rows together; of the key when nothing does
    - `label`: the class's code, or a double
    - `prediction`: the same
    - `probability`: of the positive class of two
    - `confidence`: probability of the predicted class; `label_probability`: of the true one
    - `rank_score`: what orders rows by how likely they are positive, or relevant
    - `p_0`, `p_1`...: probability of each of three classes or more, up to `MOST_AREA_CLASSES`
    - `loss`: 1 for a wrong class and 0 for the right one, absolute error of a number, or what the predictions say
    - `q`: hash of what is ranked together
    - what was carried, under its own name
    """

    relation: Relation
    splits: tuple[str, ...]
    """All of the version's, in their order."""
    target: Target
    clusters: tuple[str, ...]
    """Columns that bind rows together; empty when rows are independent."""
    columns: tuple[str, ...]
    """Those of the above that are there."""

    def has(self, column: str) -> bool:
        """Whether the predictions tell this column."""
        return column in self.columns


def key_hash_sql(key: Sequence[str]) -> str:
    """`k` of a split's row, over the dataset's key columns."""
    return f"hash({', '.join(identifier(name) for name in key)})"


def join_sql(
    splits: Mapping[str, Relation],
    predicted: Predicted,
    target: Target,
    clusters: Sequence[str],
    carried: Sequence[Carried] = (),
) -> Query:
    """One row per row of a split and prediction of it; a row without one has `is_predicted` false."""
    keys = [f"key_{place}" for place in range(len(predicted.key))]
    columns = ", ".join(
        [
            *(f"{identifier(name)} as {own}" for name, own in zip(predicted.key, keys, strict=True)),
            f"{target.label_sql} as label",
            *([f"{_cluster_sql(predicted.key, clusters)} as g"] if clusters else []),
            *(f"{each.sql} as {identifier(each.name)}" for each in carried),
        ]
    )
    rows = " union all ".join(
        f"select {place}::utinyint as s, {columns} from {relation.sql}"
        for place, relation in enumerate(splits.values())
    )
    condition = " and ".join(f"split_rows.{own} = predictions.{own}" for own in keys)
    own_columns = ["s", *(["g"] if clusters else []), "label", *(identifier(each.name) for each in carried)]
    return Query.of(
        Step("split_rows", rows),
        Step("predictions", f"select *, true as is_predicted from {predicted.relation.sql}"),
        Step(
            "joined_rows",
            f"""
            select
                {", ".join(f"split_rows.{name}" for name in own_columns)},
                hash({", ".join(f"split_rows.{own}" for own in keys)}) as k,
                predictions.is_predicted is not null as is_predicted,
                {", ".join(_predicted_columns(predicted, target))},
            from split_rows
            left join predictions on {condition}
            """,
        ),
    )


def _predicted_columns(predicted: Predicted, target: Target) -> list[str]:
    of_class = [name for name in predicted.columns if name.startswith("p_")]
    columns = [f"predictions.{name}" for name in predicted.columns if name not in of_class]
    if of_class:
        listed = ", ".join(f"predictions.{name}" for name in of_class)
        columns += [
            f"([{listed}])[predictions.prediction::int + 1] as confidence",
            f"([{listed}])[split_rows.label::int + 1] as label_probability",
            *(f"predictions.{name}" for name in _kept_of_class(predicted)),
        ]
    return columns


def _kept_of_class(predicted: Predicted) -> list[str]:
    """The probabilities of classes that AUC is told from, unless they are too many."""
    of_class = [name for name in predicted.columns if name.startswith("p_")]
    return of_class if len(of_class) <= MOST_AREA_CLASSES else []


def _cluster_sql(key: Sequence[str], clusters: Sequence[str]) -> str:
    """A row without any value is its own cluster."""
    missing = " and ".join(f"{identifier(name)} is null" for name in clusters)
    return f"case when {missing} then {key_hash_sql(key)} else {key_hash_sql(clusters)} end"


def find_clusters(
    engine: Engine, splits: Mapping[str, Relation], spec: DatasetSpec, types: Mapping[str, str]
) -> tuple[str, ...]:
    """The group columns whose equal values bind rows together.

    Of several linked ones it is the one with the fewest different values: the others mostly lie within it.
    """
    present = [name for name in spec.groups if name in types]
    if len(present) < 2:
        return tuple(present)
    if spec.grouping is Grouping.COMPOSITE:
        return tuple(present) if len(present) == len(spec.groups) else ()
    listed = ", ".join(identifier(name) for name in present)
    rows = " union all ".join(f"select {listed} from {relation.sql}" for relation in splits.values())
    counts = ", ".join(f"approx_count_distinct({identifier(name)}) as c{i}" for i, name in enumerate(present))
    (found,) = engine.rows(Query.of(Step("group_rows", rows), Step("group_counts", f"select {counts} from group_rows")))
    return (min(present, key=lambda name: (found[f"c{present.index(name)}"], name)),)


def join_predictions(
    engine: Engine,
    splits: Mapping[str, Relation],
    predicted: Predicted,
    target: Target,
    clusters: Sequence[str],
    *,
    carried: Sequence[Carried] = (),
) -> tuple[JoinedRows, Coverage]:
    """The joined table, kept in the engine's session until `drop_joined`, and what of both sides met.

    Raises:
        PredictionError: no key meets, or one is there more than once.
    """
    engine.rows(join_sql(splits, predicted, target, clusters, carried).kept_as(JOINED.sql))
    counts = engine.rows(
        Query.of(
            Step(
                "joined_counts",
                f"""
                select
                    s,
                    count(*) as row_count,
                    count(*) filter (where is_predicted) as predicted_count,
                    count(*) filter (where is_predicted and label is null) as unlabelled_count,
                from {JOINED.sql}
                group by s
                """,
            )
        )
    )
    by_place = {row["s"]: row for row in counts}
    matched = sum(row["predicted_count"] for row in counts)
    if not matched:
        raise PredictionError(_nothing_meets(engine, splits, predicted))
    _check_repeats(engine, splits, predicted, joined_count=sum(row["row_count"] for row in counts))
    covered = []
    for place, split in enumerate(splits):
        found = by_place.get(place, {"row_count": 0, "predicted_count": 0, "unlabelled_count": 0})
        missing = found["row_count"] - found["predicted_count"]
        is_partial = 0 < missing < found["row_count"]
        covered.append(
            SplitCoverage(
                split=split,
                row_count=found["row_count"],
                predicted_count=found["predicted_count"],
                missing_count=missing,
                unlabelled_count=found["unlabelled_count"],
                missing_examples=_missing(engine, splits[split], predicted, place) if is_partial else (),
            )
        )
    extra_count = predicted.row_count - matched
    coverage = Coverage(
        prediction_count=predicted.row_count,
        splits=tuple(covered),
        extra_count=extra_count,
        extra_examples=_extra(engine, predicted) if extra_count else (),
    )
    return _rows(tuple(splits), predicted, target, tuple(clusters), carried), coverage


def drop_joined(engine: Engine) -> None:
    """Gives back what the joined table takes."""
    for table in (JOINED, QUERIES):
        engine.rows(Query.of(Step("drop_joined", f"drop table if exists {table.sql}")))


def _rows(
    splits: tuple[str, ...],
    predicted: Predicted,
    target: Target,
    clusters: tuple[str, ...],
    carried: Sequence[Carried],
) -> JoinedRows:
    columns = {"s": "s", "k": "k", "g": "g" if clusters else "k"}
    if target.task is Task.LOSS:
        columns["loss"] = "loss"
    elif target.task is Task.RANKING:
        columns |= {"label": "label", **({"q": "q"} if "q" in predicted.columns else {})}
    else:
        positive = target.positive_code
        prediction = "prediction"
        if prediction not in predicted.columns:
            prediction = f"(case when probability >= 0.5 then {positive} else {1 - positive} end)::utinyint"
        columns |= {"label": "label", "prediction": prediction}
        is_classes = target.task is Task.CLASSES
        columns["loss"] = f"(label <> {prediction})::double" if is_classes else "abs(label - prediction)"
    if "probability" in predicted.columns:
        columns |= {
            "probability": "probability",
            "confidence": f"case when {prediction} = {positive} then probability else 1 - probability end",
            "label_probability": f"case when label = {positive} then probability else 1 - probability end",
        }
    elif "p_0" in predicted.columns:
        columns |= {name: name for name in ("confidence", "label_probability", *_kept_of_class(predicted))}
    for name in ("score", "probability"):
        if name in predicted.columns:
            columns.setdefault("rank_score", name)
    columns |= {each.name: identifier(each.name) for each in carried}
    listed = ", ".join(f"{sql} as {identifier(name)}" for name, sql in columns.items())
    return JoinedRows(
        relation=Relation(
            f"(select {listed} from {JOINED.sql} where is_predicted and label is not null)", "joined predictions"
        ),
        splits=splits,
        target=target,
        clusters=clusters,
        columns=tuple(columns),
    )


def _examples(engine: Engine, query: Query) -> tuple[str, ...]:
    return tuple(row["key"] for row in engine.rows(query))


def _missing(engine: Engine, split: Relation, predicted: Predicted, place: int) -> tuple[str, ...]:
    query = Query.of(
        Step("missing_hashes", f"select k from {JOINED.sql} where s = {place} and not is_predicted"),
        Step(
            "missing_keys",
            f"""
            select
                {example_sql([identifier(name) for name in predicted.key])} as key,
            from {split.sql}
            where {key_hash_sql(predicted.key)} in (select k from missing_hashes)
            order by {", ".join(identifier(name) for name in predicted.key)}
            limit {EXAMPLE_COUNT}
            """,
        ),
    )
    return _examples(engine, query)


def _extra(engine: Engine, predicted: Predicted) -> tuple[str, ...]:
    query = Query.of(
        Step(
            "extra_keys",
            f"""
            select
                {predicted.example_sql} as key,
            from {predicted.relation.sql} as predictions
            anti join {JOINED.sql} as joined on joined.k = hash({predicted.key_sql})
            order by {predicted.key_sql}
            limit {EXAMPLE_COUNT}
            """,
        )
    )
    return _examples(engine, query)


def _check_repeats(engine: Engine, splits: Mapping[str, Relation], predicted: Predicted, *, joined_count: int) -> None:
    """The version's keys are unique, so a row that was joined twice has two predictions."""
    counted = " + ".join(f"(select count(*) from {relation.sql})" for relation in splits.values())
    (rows,) = engine.rows(Query.of(Step("row_count", f"select {counted} as row_count")))
    excess = joined_count - rows["row_count"]
    if not excess:
        return
    query = Query.of(
        Step(
            "repeated_keys",
            f"""
            select
                {predicted.example_sql} as key,
            from {predicted.relation.sql}
            group by {predicted.key_sql}
            having count(*) > 1
            order by {predicted.key_sql}
            limit {EXAMPLE_COUNT}
            """,
        )
    )
    raise PredictionError(
        f"{predicted.relation.name} has {excess:,} predictions too many: "
        f"keys are there more than once ({'; '.join(_examples(engine, query))})"
        f"\n  keep one row per {', '.join(predicted.key)}"
    )


def _nothing_meets(engine: Engine, splits: Mapping[str, Relation], predicted: Predicted) -> str:
    names = [identifier(name) for name in predicted.key]
    split, relation = next(iter(splits.items()))
    query = Query.of(Step("split_keys", f"select {example_sql(names)} as key from {relation.sql} order by 1 limit 3"))
    own = Query.of(
        Step("own_keys", f"select {predicted.example_sql} as key from {predicted.relation.sql} order by 1 limit 3")
    )
    return (
        f"no key of {predicted.relation.name} is in any split"
        f"\n  its first keys: {'; '.join(_examples(engine, own))}; {split}'s: {'; '.join(_examples(engine, query))}"
        "\n  are these predictions for another dataset or version?"
    )
