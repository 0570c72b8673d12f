"""The area under the ROC curve of more than two classes: each against all others together, and their mean.

The mean is taken over the classes that a split has rows of, plain (macro) and weighted by their rows; so do
scikit-learn's `roc_auc_score(multi_class="ovr")` and Provost and Domingos (2000). Each row has a part in the deviation
of every class's area, and the sum of these is what varies (DeLong, DeLong and Clarke-Pearson 1988; Obuchowski 1997 for
clusters); of the weighted mean the shares of the classes vary too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from warehouse.checks.diagnosis.clustered import ClusterSums, read_clustered
from warehouse.checks.diagnosis.curve_area import PairSums, area_estimate, read_areas
from warehouse.checks.diagnosis.joined import JoinedRows
from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step
from warehouse.statistics.estimates import Estimate, Mean

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

TOGETHER = 20_000_000
"""Of splits with up to so many probabilities all are held in memory at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassAreas:
    """The areas of one split's classes."""

    macro: Estimate
    """Their mean, each class alike."""
    weighted: Estimate
    """Their mean, each class as often as it has rows."""
    absent: tuple[str, ...]
    """Classes that no row of the split is of; the means are over the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Area:
    """Of one class."""

    value: float
    row_count: int
    """Rows of the class."""
    standard_error: float = 0.0


def class_counts_sql(rows: JoinedRows) -> Query:
    """One row per split and class that has rows: `s`, `class`, its code, and `row_count`."""
    return Query.of(
        Step(
            "class_counts",
            f"""
            select
                s,
                label::integer as class,
                count(*) as row_count,
            from {rows.relation.sql}
            group by s, label
            order by s, label
            """,
        )
    )


def probabilities_sql(rows: JoinedRows, *, place: int, classes: Sequence[int]) -> Query:
    """The rows of one split: `class`, the code of the true one, `g`, and the probability of each of these classes."""
    listed = ", ".join(f"p_{code}" for code in classes)
    return Query.of(
        Step("probabilities", f"select label::integer as class, g, {listed} from {rows.relation.sql} where s = {place}")
    )


def read_class_areas(engine: Engine, rows: JoinedRows) -> dict[str, ClassAreas]:
    """The areas in each split that has rows of two classes or more.

    Exact; of splits with more than `TOGETHER` probabilities the interval is that of areas which vary all together, and
    is wider than it need be.

    Args:
        engine: has the joined table.
        rows: have `p_0`, `p_1`...
    """
    counts: dict[int, dict[int, int]] = {}
    for row in engine.rows(class_counts_sql(rows)):
        counts.setdefault(row["s"], {})[row["class"]] = row["row_count"]
    return {
        rows.splits[place]: _class_areas(engine, rows, place, of_class)
        for place, of_class in counts.items()
        if len(of_class) > 1
    }


def _class_areas(engine: Engine, rows: JoinedRows, place: int, counts: Mapping[int, int]) -> ClassAreas:
    row_count = sum(counts.values())
    plain = dict.fromkeys(counts, 1 / len(counts))
    by_rows = {code: count / row_count for code, count in counts.items()}
    is_small = row_count * len(counts) <= TOGETHER
    read = _together if is_small else _one_by_one
    macro, weighted = read(engine, rows, place, counts, (plain, by_rows))
    # A class of one row does not show how it varies.
    rarest = min(counts.values())
    if rarest < 2:
        macro, weighted = (replace(mean, standard_error=math.inf) for mean in (macro, weighted))
    return ClassAreas(
        macro=area_estimate(macro, fewest=rarest),
        weighted=area_estimate(weighted, fewest=rarest),
        absent=tuple(name for code, name in enumerate(rows.target.classes) if code not in counts),
    )


def _together(
    engine: Engine,
    rows: JoinedRows,
    place: int,
    counts: Mapping[int, int],
    weights: Sequence[Mapping[int, float]],
) -> list[Mean]:
    """The mean of the areas with each of these weights; the second ones are shares of rows."""
    import numpy as np

    label, cluster, *columns = engine.arrays(probabilities_sql(rows, place=place, classes=list(counts)))
    row_count = len(label)
    means = [0.0] * len(weights)
    parts = [np.zeros(row_count) for _ in weights]
    own_areas = np.zeros(row_count)
    for code, column in zip(counts, columns, strict=True):
        pairs = PairSums()
        of_class = label == code
        ranks = pairs.add_ranked(column, of_class)
        area = pairs.area.value
        p, n = float(pairs.positives), float(pairs.negatives)
        part = ranks / (p * n) + np.where(of_class, -area / p, (1 - area) / n)
        own_areas[of_class] = area
        for place_, weight in enumerate(weights):
            means[place_] += weight[code] * area
            parts[place_] += weight[code] * part
    parts[1] += (own_areas - means[1]) / row_count
    return [_mean(value, part, cluster if rows.clusters else None) for value, part in zip(means, parts, strict=True)]


def _mean(value: float, parts: npt.NDArray[np.float64], clusters: npt.NDArray[Any] | None) -> Mean:
    """What rows' parts in a deviation leave of uncertainty."""
    row_count, cluster_count = len(parts), None
    if clusters is not None:
        sums = ClusterSums()
        sums.add(clusters, [parts])
        parts = sums.merged()[1]
        cluster_count = len(parts)
    count = len(parts)
    error = math.sqrt(float(parts @ parts) * count / (count - 1)) if count > 1 else math.inf
    return Mean(value=value, standard_error=error, row_count=row_count, cluster_count=cluster_count)


def _one_by_one(
    engine: Engine,
    rows: JoinedRows,
    place: int,
    counts: Mapping[int, int],
    weights: Sequence[Mapping[int, float]],
) -> list[Mean]:
    """The same; the standard error is that of areas which all deviate together, and of clusters of one class each."""
    split, row_count = rows.splits[place], sum(counts.values())
    areas: dict[int, Estimate] = {}
    for code in counts:
        apart = _against_others(rows, code)
        row_counts = {split: row_count}
        areas[code] = (
            read_clustered(engine, apart, {}, row_counts)[1] if rows.clusters else read_areas(engine, apart, row_counts)
        )[split]
    # All have the same rows.
    cluster_count = next(iter(areas.values())).cluster_count
    means = []
    for weight in weights:
        value = math.fsum(weight[code] * area.value for code, area in areas.items())
        error = math.fsum(weight[code] * area.standard_error for code, area in areas.items())
        if weight is weights[1]:
            spread = math.fsum(weight[code] * (area.value - value) ** 2 for code, area in areas.items())
            error += math.sqrt(spread / (cluster_count or row_count))
        means.append(Mean(value=value, standard_error=error, row_count=row_count, cluster_count=cluster_count))
    return means


def _against_others(rows: JoinedRows, code: int) -> JoinedRows:
    """The same rows as of two classes: this one, ranked by its probability, and any other."""
    return replace(
        rows,
        relation=Relation(
            f"(select s, k, g, (label = {code})::utinyint as label, p_{code} as rank_score from {rows.relation.sql})",
            rows.relation.name,
        ),
        target=replace(rows.target, classes=("false", "true"), positive="true"),
        columns=("s", "k", "g", "label", "rank_score"),
    )
