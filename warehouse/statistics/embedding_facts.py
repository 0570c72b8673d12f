"""How far the centroids of two sets of vectors lie apart, and how far they would by chance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from warehouse.engine.base import Engine
from warehouse.sql import Query, Step, identifier
from warehouse.statistics.distance import NORMAL_QUANTILE
from warehouse.statistics.significance import chi_square_tail

if TYPE_CHECKING:
    import numpy.typing as npt

    Matrix = npt.NDArray[np.float64]

MOST_NUMBERS = 4_000_000
"""So many numbers of one side are held in memory (32 MB): vectors of 768 dimensions are 5,200 rows."""


def vector_sql(value: str) -> str:
    """A list or array as a list of doubles; null when an element is missing, or its norm is not finite."""
    return f"case when isfinite({norm_sql(value)}) then cast({value} as double[]) end"


def norm_sql(value: str) -> str:
    """The length of a vector in the Euclidean sense; null when an element is missing, NaN or infinite when one is."""
    # NOTE: not `list_inner_product`, which refuses missing elements even of rows that a condition leaves out.
    squares = f"list_sum(list_transform(cast({value} as double[]), lambda element: element * element))"
    return f"case when list_count({value}) = len({value}) then sqrt({squares}) end"


def vectors_sql(sample: str, column: str, *, length: int, most_rows: int) -> Query:
    """One row per number of the first vectors of this length by their hash: `value`, vector after vector."""
    name = identifier(column)
    return Query.of(
        Step(
            "vectors",
            f"select {name} as vector from {sample} where len({name}) = {int(length)} "
            f"order by choice, row limit {int(most_rows)}",
        ),
        Step("numbers", "select unnest(vector) as value from vectors"),
    )


def vector_clusters_sql(sample: str, column: str, *, length: int, most_rows: int) -> Query:
    """One row per such vector, in the same order: `cluster`."""
    name = identifier(column)
    return Query.of(
        Step(
            "clusters",
            f"select cast(cluster as double) as cluster from {sample} where len({name}) = {int(length)} "
            f"order by choice, row limit {int(most_rows)}",
        )
    )


def read_vectors(engine: Engine, sample: str, column: str, *, length: int) -> tuple[Matrix, Matrix]:
    """A matrix with one vector per row, and the number of the cluster that each belongs to."""
    most_rows = max(1_000, MOST_NUMBERS // length)
    numbers = engine.numbers(vectors_sql(sample, column, length=length, most_rows=most_rows))
    clusters = engine.numbers(vector_clusters_sql(sample, column, length=length, most_rows=most_rows))
    return numbers.reshape(-1, length), clusters


@dataclass(frozen=True, slots=True, kw_only=True)
class CentroidGap:
    """Distances of centroids, in units of the spread within the sides."""

    distance: float
    """As measured: the Euclidean distance over the root of the mean within-side variance (trace), 0 upwards."""
    noise_floor: float
    """What it is expected to be of one law."""
    effect: float
    """With that noise taken out."""
    low: float
    """Lower bound of the 95 % interval around the effect."""
    high: float
    p_value: float
    """That both centroids are one."""
    left_count: int
    right_count: int


def centroid_gap(left: Matrix, left_clusters: Matrix, right: Matrix, right_clusters: Matrix) -> CentroidGap | None:
    """How far apart the centroids are; None when a side has fewer than two vectors, or clusters.

    The squared distance has its expectation without drift taken out: the trace of the covariance of both means. Its
    variance is 2 tr(V^2) for these covariances V, and 4 d'Vd more when the true difference is d; the p-value is of a
    chi-square law of as many degrees of freedom as V has effective dimensions, tr(V)^2 / tr(V^2). Vectors in clusters
    (rows of one group) widen V as their sums do.
    Source: Bai and Saranadasa (1996), Chen and Qin (2010); Satterthwaite (1946) for the degrees of freedom.
    """
    sides = [_side(left, left_clusters), _side(right, right_clusters)]
    if sides[0] is None or sides[1] is None:
        return None
    one, other = sides[0], sides[1]
    within = (one.trace + other.trace) / 2
    difference = right.mean(axis=0) - left.mean(axis=0)
    squared = float(difference @ difference)
    if within <= 0:
        apart = math.inf if squared > 0 else 0.0
        return CentroidGap(
            distance=apart,
            noise_floor=0.0,
            effect=apart,
            low=apart,
            high=apart,
            p_value=0.0 if squared else 1.0,
            left_count=len(left),
            right_count=len(right),
        )
    noise = one.mean_trace + other.mean_trace
    dimensions = max(1.0, (one.dimensions + other.dimensions) / 2)
    direction = difference / math.sqrt(squared) if squared else difference
    slope = 4 * (one.variance_along(direction) + other.variance_along(direction))
    centre = squared - noise
    # As for the Jensen-Shannon distance: truths that lie 1.96 of their own standard deviations away.
    shift = NORMAL_QUANTILE**2 * slope / 2
    reach = NORMAL_QUANTILE * math.sqrt(
        2 * noise**2 / dimensions + slope * max(centre, 0.0) + (shift / NORMAL_QUANTILE) ** 2
    )

    def scaled(square: float) -> float:
        return math.sqrt(max(0.0, square) / within)

    return CentroidGap(
        distance=scaled(squared),
        noise_floor=scaled(noise),
        effect=scaled(centre),
        low=scaled(centre + shift - reach),
        high=scaled(centre + shift + reach),
        p_value=chi_square_tail(dimensions * squared / noise, dimensions),
        left_count=len(left),
        right_count=len(right),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    centred: Matrix
    trace: float
    """Of the covariance of one vector."""
    mean_trace: float
    """Of the covariance of the mean."""
    dimensions: float

    def variance_along(self, direction: Matrix) -> float:
        """Of the mean, in this direction."""
        along = self.centred @ direction
        share = float(along @ along) / (len(along) - 1) / self.trace if self.trace else 0.0
        return share * self.mean_trace


def _side(vectors: Matrix, clusters: Matrix) -> _Side | None:
    count = len(vectors)
    _, places = np.unique(clusters, return_inverse=True)
    cluster_count = int(places.max()) + 1 if count else 0
    if count < 2 or cluster_count < 2:
        return None
    centred = vectors - vectors.mean(axis=0)
    trace = float((centred**2).sum()) / (count - 1)
    # Where every vector stands alone there is nothing to sum.
    sums = centred
    if cluster_count < count:
        sums = np.zeros((cluster_count, vectors.shape[1]))
        np.add.at(sums, places, centred)
    mean_trace = float((sums**2).sum()) / count**2 * cluster_count / (cluster_count - 1)
    # tr(S^2) by the smaller of both products; its excess over the truth is tr(S)^2 / n.
    product = centred.T @ centred if vectors.shape[1] <= count else centred @ centred.T
    squares = float((product**2).sum()) / (count - 1) ** 2 - trace**2 / (count - 1)
    dimensions = trace**2 / squares if squares > 0 else float(min(count - 1, vectors.shape[1]))
    return _Side(
        centred=centred,
        trace=trace,
        mean_trace=max(mean_trace, trace / count),
        dimensions=min(max(1.0, dimensions), float(vectors.shape[1])),
    )


def normal_distance(shift: float) -> float:
    """Jensen-Shannon distance (base 2) of two normal laws of deviation 1 whose means lie so far apart, 0..1.

    By the trapezoidal rule, exact to some 12 digits; about 0.42 times the shift while that is small.
    """
    if shift <= 0:
        return 0.0
    if shift > 12:
        return 1.0
    points = np.linspace(-9.0, shift + 9.0, 4001)
    p, q = np.exp(-(points**2) / 2), np.exp(-((points - shift) ** 2) / 2)
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log2(p / middle), 0.0) + np.where(q > 0, q * np.log2(q / middle), 0.0)
    area = float(terms.sum()) * float(points[1] - points[0]) / math.sqrt(2 * math.pi) / 2
    return math.sqrt(min(1.0, max(0.0, area)))
