"""A second model's predictions of the same rows: which of both errs less, where, and whether the rows tell.

The first model's rows are set aside as bare numbers, the second's are joined like them, and both are brought together
by the hash of the key. Whatever is asked is the mean over rows of an expression of both models' numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from warehouse.checks.diagnosis.columns import QUERY, find_columns
from warehouse.checks.diagnosis.compared_areas import ComparedAreas, read_compared_areas
from warehouse.checks.diagnosis.compared_ranks import compared_queries, first_scores_sql
from warehouse.checks.diagnosis.comparison_result import (
    ComparedMetric,
    ComparedSlice,
    Comparison,
    ComparisonAnswer,
    PairedCounts,
    SplitComparison,
)
from warehouse.checks.diagnosis.comparison_words import comparison_summary
from warehouse.checks.diagnosis.gaps import LEAST_DIFFERENCE, USUAL_DIFFERENCE
from warehouse.checks.diagnosis.joined import JoinedRows, join_predictions
from warehouse.checks.diagnosis.means import read_means
from warehouse.checks.diagnosis.measuring import row_values
from warehouse.checks.diagnosis.predicted import read_predicted
from warehouse.checks.diagnosis.ranking import USUAL_AT
from warehouse.checks.diagnosis.result import Coverage, MetricName, Task
from warehouse.checks.diagnosis.slice_cells import CODES
from warehouse.checks.diagnosis.slice_cubes import cells_sql
from warehouse.checks.diagnosis.slice_features import find_features
from warehouse.checks.diagnosis.target import find_target
from warehouse.datasets.spec import DatasetSpec
from warehouse.engine.base import Engine
from warehouse.errors import PredictionError
from warehouse.sql import Query, Relation, Step
from warehouse.statistics.estimates import Estimate, Mean, rows_for_difference, smallest_difference
from warehouse.statistics.paired import mcnemar_p_value, mean_difference, paired_rate_difference
from warehouse.statistics.session_tables import SessionTables
from warehouse.statistics.significance import benjamini_hochberg

LEVEL = 0.05
LEAST_SLICE_ROWS = 30
MOST_SLICES = 20
TARGETS = ("test", "dev", "train_dev", "train")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Rows that both models predicted, and what may be asked of them."""

    rows: JoinedRows
    """Has `s`, `k`, `g`, and `a<i>` and `b<i>`, the i-th value of the first and the second model."""
    values: tuple[MetricName, ...]
    main: int
    """The value that decides who wins a row."""

    def asked(self) -> dict[str, str]:
        """What `SplitComparison` and `ComparedSlice` are made of, by name."""
        asked: dict[str, str] = {}
        for place in range(len(self.values)):
            asked |= {f"{side}{place}": f"{side}{place}" for side in "ab"}
            asked[f"d{place}"] = f"a{place} - b{place}"
        own, other = f"a{self.main}", f"b{self.main}"
        if self.values[self.main].is_better_greater:
            own, other = other, own
        return asked | {
            "win": f"({own} < {other})::int",
            "loss": f"({own} > {other})::int",
        }


def compare(
    engine: Engine,
    rows: JoinedRows,
    splits: Mapping[str, Relation],
    spec: DatasetSpec,
    types: Mapping[str, str],
    coverage: Coverage,
    against: Relation,
    *,
    predictions: str,
    columns: Mapping[str, str],
    metric: MetricName | None,
    quantile: float | None,
    difference: float | None,
    with_slices: bool,
    at: int = USUAL_AT,
) -> Comparison:
    """Both models on the rows that both predicted. The joined table is the second model's afterwards.

    Args:
        engine: has the first model's joined table.
        rows: of the first model; of rankings, before they are ranked.
        splits: each split's rows.
        spec: says what is the key.
        types: of the splits' columns.
        coverage: of the first model's predictions.
        against: the second model's.
        predictions: what holds the first's, for messages.
        columns: the second's columns by role.
        metric: what answers are in; the task's usual one when it is None or no mean over rows.
        quantile: of numbers, the one that was predicted.
        difference: the least difference that one wants to see; None: a tenth of the second model's error.
        with_slices: whether to tell where they differ; not of rankings.
        at: of rankings, how many rows of a query NDCG counts.

    Raises:
        PredictionError: the second predictions cannot be used, or no row was predicted by both.
    """
    with SessionTables(engine, "diagnosis_comparison") as tables:
        values = row_values(rows, quantile=quantile)
        is_ranking = rows.target.task is Task.RANKING
        kept = first_scores_sql(rows) if is_ranking else _values_sql(rows, values, "a", _ranked(rows, "r1"))
        first = tables.create("first", kept)
        second, second_coverage = _second(engine, rows, splits, spec, types, against, columns)
        paired_counts: Mapping[str, int] | None = None
        has_ranks = not is_ranking and rows.has("rank_score") and second.has("rank_score")
        if is_ranking:
            common = list(values)
            table, paired_counts = compared_queries(engine, tables, rows, first, second, at=at)
            # Like those of one model: queries are clusters where nothing else is.
            rows = replace(rows, clusters=rows.clusters or ("q",))
        else:
            of_second = row_values(second, quantile=quantile)
            common = [name for name in values if name in of_second]
            own = ["g", *_ranked(second, "r2"), *([_positive_sql(rows)] if has_ranks else [])]
            made = _values_sql(second, {name: of_second[name] for name in common}, "b", own)
            places = [list(values).index(name) for name in common]
            table = tables.create("rows", _compared_sql(made, first, places, has_ranks=has_ranks))
        main = metric if metric is not None and metric in common and metric is not MetricName.RMSE else common[0]
        compared = Compared(
            rows=replace(rows, relation=Relation(table, "compared predictions")),
            values=tuple(common),
            main=common.index(main),
        )
        found = read_means(engine, compared.rows, compared.asked())
        if not found:
            raise PredictionError(
                f"no labelled row has a prediction both in {predictions} and in {against.name}"
                "\n  two models are compared on the same rows: predict the same splits with both"
            )
        wanted = difference or _usual_difference(found, compared)
        areas = read_compared_areas(engine, table, is_clustered=bool(rows.clusters)) if has_ranks else {}
        compared_splits = tuple(
            _with_area(
                _split(engine, compared, split, found[split], coverage, second_coverage, wanted, paired_counts),
                areas.get(rows.splits.index(split)),
            )
            for split in rows.splits
            if split in found
        )
        target = next(name for name in (*TARGETS, *rows.splits) if name in found)
        slices = _slices(engine, tables, compared, target, splits, spec, types) if with_slices else []
    ranked = sorted(slices, key=lambda each: (each.adjusted_p_value, each.p_value, each.text))
    result = Comparison(
        predictions=predictions,
        against=against.name,
        metric=main,
        difference=wanted,
        splits=compared_splits,
        target=target,
        tested_count=len(slices),
        slices=tuple(each for each in ranked if each.answer is not ComparisonAnswer.UNDECIDED)[:MOST_SLICES],
    )
    return replace(result, summary=comparison_summary(result))


def _second(
    engine: Engine,
    rows: JoinedRows,
    splits: Mapping[str, Relation],
    spec: DatasetSpec,
    types: Mapping[str, str],
    against: Relation,
    columns: Mapping[str, str],
) -> tuple[JoinedRows, Coverage]:
    """The second model's rows, joined like the first's."""
    own_types = {column.name: column.type for column in engine.columns(against)}
    is_ranking = rows.target.task is Task.RANKING
    if is_ranking and QUERY not in spec.key:
        # Rows are of the queries that the first model has them in.
        columns = {role: name for role, name in columns.items() if role != QUERY}
    found = find_columns(
        list(own_types),
        key=spec.key,
        given=columns,
        predictions=against.name,
    )
    found = replace(found, query=None)
    target = find_target(
        engine,
        splits,
        types,
        found,
        own_types,
        label=rows.target.label or spec.label,
        task=rows.target.task,
        positive=rows.target.positive,
    )
    predicted = read_predicted(
        engine, against, found, target, types=own_types, key={name: types[name] for name in spec.key}
    )
    return join_predictions(engine, splits, predicted, target, rows.clusters)


def _ranked(rows: JoinedRows, name: str) -> list[str]:
    return [f"rank_score::double as {name}"] if rows.has("rank_score") else []


def _positive_sql(rows: JoinedRows) -> str:
    return f"(label = {rows.target.positive_code})::int as is_positive"


def _values_sql(rows: JoinedRows, values: Mapping[MetricName, str], side: str, more: Sequence[str]) -> Query:
    """One row per joined row: `s`, `k`, `<side><i>`, its i-th value, and more columns."""
    listed = [f"({sql})::double as {side}{place}" for place, sql in enumerate(values.values())]
    columns = ", ".join(["s", "k", *more, *listed])
    return Query.of(Step("row_values", f"select {columns} from {rows.relation.sql}"))


def _compared_sql(second: Query, first: str, places: Sequence[int], *, has_ranks: bool) -> Query:
    """One row per row that both models predicted: the second's columns, and `a<i>`, the first's value for each."""
    listed = ", ".join(
        [*(f"first.a{own} as a{i}" for i, own in enumerate(places)), *(["first.r1"] if has_ranks else [])]
    )
    same = "row_values.s = first.s and row_values.k = first.k"
    return Query.of(
        *second.steps,
        Step("compared_rows", f"select row_values.*, {listed} from row_values join {first} as first on {same}"),
    )


def _with_area(split: SplitComparison, areas: ComparedAreas | None) -> SplitComparison:
    """The split with the areas under both curves, if it has rows of both classes."""
    if areas is None:
        return split
    change, p_value = mean_difference(areas.change)
    metric = ComparedMetric(
        name=MetricName.AUC, predictions=areas.first, against=areas.second, change=change, p_value=p_value
    )
    return replace(split, metrics=(*split.metrics, metric))


def _usual_difference(found: Mapping[str, Mapping[str, Mean]], compared: Compared) -> float:
    """A tenth of the second model's error in the last split."""
    value = found[list(found)[-1]][f"b{compared.main}"].value
    is_better_greater = compared.values[compared.main].is_better_greater
    return USUAL_DIFFERENCE * abs(1 - value if is_better_greater else value) or LEAST_DIFFERENCE


def _split(
    engine: Engine,
    compared: Compared,
    split: str,
    means: Mapping[str, Mean],
    first: Coverage,
    second: Coverage,
    wanted: float,
    paired_counts: Mapping[str, int] | None,
) -> SplitComparison:
    counts = _counts(means)
    paired_count = counts.row_count if paired_counts is None else paired_counts[split]
    metrics = []
    for place, name in enumerate(compared.values):
        if name is MetricName.RMSE:
            metrics.append(_root(engine, compared, split, place, means))
            continue
        change, p_value = _change(compared, place, means)
        metrics.append(
            ComparedMetric(
                name=name,
                predictions=means[f"a{place}"].value,
                against=means[f"b{place}"].value,
                change=change,
                p_value=p_value,
            )
        )
    main = metrics[compared.main]
    # The differences of paired rows have one variance, not that of two samples.
    variance = main.change.standard_error**2 * counts.row_count / 2
    tells = 0 < variance < math.inf
    judged = [next(each.judged_count for each in both.splits if each.split == split) for both in (first, second)]
    return SplitComparison(
        split=split,
        counts=counts,
        predictions_only_count=judged[0] - paired_count,
        against_only_count=judged[1] - paired_count,
        metrics=tuple(metrics),
        answer=_answer(main.change, wanted, is_better_greater=main.name.is_better_greater),
        needed_count=rows_for_difference(variance, wanted) if tells else None,
        smallest_difference=smallest_difference(variance, counts.row_count) if tells else None,
    )


def _answer(change: Estimate, wanted: float, *, is_better_greater: bool) -> ComparisonAnswer:
    less, more = ComparisonAnswer.BETTER, ComparisonAnswer.WORSE
    if is_better_greater:
        less, more = more, less
    if change.high < 0:
        return less
    if change.low > 0:
        return more
    return ComparisonAnswer.ALIKE if -wanted < change.low and change.high < wanted else ComparisonAnswer.UNDECIDED


def _counts(means: Mapping[str, Mean]) -> PairedCounts:
    rows = means["win"].row_count
    wins, losses = (round(means[name].value * rows) for name in ("win", "loss"))
    return PairedCounts(row_count=rows, win_count=wins, loss_count=losses, tie_count=rows - wins - losses)


def _change(compared: Compared, place: int, means: Mapping[str, Mean]) -> tuple[Estimate, float]:
    """The change of the i-th value, and its p-value."""
    mean = means[f"d{place}"]
    if compared.values[place] is not MetricName.ERROR_RATE or mean.cluster_count is not None:
        return mean_difference(mean)
    rows = mean.row_count
    first_wrong, second_wrong = (round(means[f"{side}{place}"].value * rows) for side in "ab")
    # Where just one of both is wrong the square of the difference is 1, elsewhere 0.
    squares = mean.value**2 + (mean.standard_error**2 * (rows - 1) if rows > 1 else 0.0)
    both = round((first_wrong + second_wrong - squares * rows) / 2)
    first_only, second_only = first_wrong - both, second_wrong - both
    change = paired_rate_difference(first_only, second_only, both, rows - first_only - second_only - both)
    return change, mcnemar_p_value(first_only, second_only)


def _root(engine: Engine, compared: Compared, split: str, place: int, means: Mapping[str, Mean]) -> ComparedMetric:
    """Of roots of means: the variance is that of what each row adds to the roots' difference (the delta method)."""
    first, second = (math.sqrt(means[f"{side}{place}"].value) for side in "ab")
    parts = [f"{side}{place} / {2 * root!r}" if root else "0" for side, root in (("a", first), ("b", second))]
    mean = means[f"d{place}"]
    if first or second:
        found = read_means(engine, compared.rows, {"part": f"{parts[0]} - {parts[1]}"})
        mean = replace(mean, value=first - second, standard_error=found[split]["part"].standard_error)
    change, p_value = mean_difference(mean)
    return ComparedMetric(name=MetricName.RMSE, predictions=first, against=second, change=change, p_value=p_value)


def _slices(
    engine: Engine,
    tables: SessionTables,
    compared: Compared,
    split: str,
    splits: Mapping[str, Relation],
    spec: DatasetSpec,
    types: Mapping[str, str],
) -> list[ComparedSlice]:
    """Every cell of every feature that has rows enough, in one split."""
    features, _ = find_features(engine, tables, splits[split], spec, types)
    if not features:
        return []
    cells_table = tables.create(
        "cells", cells_sql(compared.rows, splits, features, spec.key, split=split, loss=f"a{compared.main}")
    )
    tested: list[ComparedSlice] = []
    told = ", ".join(["compared.g", *(f"compared.{side}{i}" for i in range(len(compared.values)) for side in "ab")])
    for place, cells in enumerate(features):
        rows = (
            f"(select cells.c{place} as s, {told} from {compared.rows.relation.sql} as compared "
            f"join {cells_table} as cells using (k) where compared.s = {compared.rows.splits.index(split)})"
        )
        of_cells = replace(
            compared.rows,
            relation=Relation(rows, f"rows by {cells.part.name}"),
            splits=tuple(str(code) for code in range(CODES)),
        )
        for code, means in read_means(engine, of_cells, compared.asked()).items():
            counts = _counts(means)
            if counts.row_count < LEAST_SLICE_ROWS:
                continue
            change, p_value = _change(compared, compared.main, means)
            condition = cells.condition(int(code), int(code))
            tested.append(
                ComparedSlice(
                    feature=condition.feature,
                    text=condition.text,
                    where=condition.sql,
                    counts=counts,
                    change=change,
                    p_value=p_value,
                    adjusted_p_value=p_value,
                    answer=ComparisonAnswer.UNDECIDED,
                )
            )
    adjusted = benjamini_hochberg([each.p_value for each in tested])
    return [
        replace(each, adjusted_p_value=value, answer=_slice_answer(each.change, value))
        for each, value in zip(tested, adjusted, strict=True)
    ]


def _slice_answer(change: Estimate, adjusted: float) -> ComparisonAnswer:
    if adjusted > LEVEL:
        return ComparisonAnswer.UNDECIDED
    return ComparisonAnswer.BETTER if change.value < 0 else ComparisonAnswer.WORSE
