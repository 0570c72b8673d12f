"""Aspects of embeddings: where their centroid lies, and how long the vectors are."""

from __future__ import annotations

from warehouse.checks.drift.aspect_making import Setting, effect_of, opening, pair_aspect
from warehouse.checks.drift.parts import Aspect
from warehouse.checks.drift.words import number_text
from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step
from warehouse.statistics.embedding_facts import CentroidGap, centroid_gap, normal_distance, read_vectors
from warehouse.statistics.pair import compare_relations
from warehouse.statistics.sampled_tables import SampledTable


def embedding_aspects(
    engine: Engine, left: SampledTable, right: SampledTable, setting: Setting, index: int, *, note: str, grouped: bool
) -> list[Aspect]:
    """Those of the vectors in column `vector_<index>` of both samples, whose norms are in `norm_<index>`."""
    sides = [
        Relation(f"(select cluster, norm_{index} as norm from {sample.table} where norm_{index} is not null)", side)
        for side, sample in (("left", left), ("right", right))
    ]
    (pair,) = compare_relations(engine, sides[0], sides[1], skip=["cluster"], exact_rows=0).columns
    norm = pair_aspect(
        engine,
        (sides[0], sides[1]),
        pair,
        setting,
        "length of the vectors (norm)",
        groups=["cluster"] if grouped else [],
        is_count=True,
        note=note,
    )
    found = [_centroid(engine, left, right, setting, index), norm]
    return [aspect for aspect in found if aspect is not None]


def _centroid(engine: Engine, left: SampledTable, right: SampledTable, setting: Setting, index: int) -> Aspect | None:
    column = f"vector_{index}"
    lengths: set[int] = set()
    for sample in (left, right):
        rows = engine.rows(
            Query.of(
                Step(
                    "lengths", f"select distinct len({column}) as length from {sample.table} where {column} is not null"
                )
            )
        )
        lengths |= {int(row["length"]) for row in rows}
    if len(lengths) != 1 or 0 in lengths:
        return None
    (length,) = lengths
    vectors, clusters = read_vectors(engine, left.table, column, length=length)
    others, other_clusters = read_vectors(engine, right.table, column, length=length)
    gap = centroid_gap(vectors, clusters, others, other_clusters)
    return _aspect(gap, setting) if gap else None


def _aspect(gap: CentroidGap, setting: Setting) -> Aspect:
    name = "distance of the centroids"
    apart, noise = number_text(gap.distance), number_text(gap.noise_floor)
    return Aspect(
        name=name,
        # The distance of two normal laws as far apart is what compares to the other aspects and to the threshold.
        effect=effect_of(
            setting,
            name,
            value=normal_distance(gap.effect),
            low=normal_distance(gap.low),
            high=normal_distance(gap.high),
            p_value=gap.p_value,
        ),
        jensen_shannon=normal_distance(gap.distance),
        noise_floor=normal_distance(gap.noise_floor),
        left_mean=None,
        right_mean=None,
        bars=(),
        explanation=(
            f"{opening(name)}: {apart} times the spread of the vectors within a side, {noise} to be expected by chance "
            f"(of {gap.left_count:,} and {gap.right_count:,} vectors)."
        ),
    )
