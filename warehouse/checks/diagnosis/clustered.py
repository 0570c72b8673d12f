"""Means and areas of rows that come in clusters: all that is asked of them is summed by cluster in one pass.

Its rows are those of `curve_area.read_ranges`; clusters are put in order once, and that serves every measure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from warehouse.checks.diagnosis.curve_area import PairSums, area_estimate, read_ranges
from warehouse.checks.diagnosis.joined import JoinedRows
from warehouse.engine.base import Engine
from warehouse.statistics.estimates import Estimate, Mean
from warehouse.statistics.ordering import places_of_values

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def read_clustered(
    engine: Engine, rows: JoinedRows, values: Mapping[str, str], row_counts: Mapping[str, int]
) -> tuple[dict[str, dict[str, Mean]], dict[str, Estimate]]:
    """The mean of each value, and the area under the ROC curve, by split; as `read_means` and `read_areas` have them.

    Args:
        engine: has the joined table.
        rows: clustered rows that have a `rank_score`.
        values: expressions over a joined row, by name.
        row_counts: how many judged rows each split has.
    """
    listed = list(dict.fromkeys(values.values()))
    means: dict[str, dict[str, Mean]] = {}
    areas: dict[str, Estimate] = {}
    for split, row_count in row_counts.items():
        pairs, sums = PairSums(), ClusterSums()
        for score, is_positive, cluster, *columns in read_ranges(
            engine, rows, split=split, row_count=row_count, more=["g", *(f"({sql})::double" for sql in listed)]
        ):
            sums.add(cluster, [is_positive, pairs.add_ranked(score, is_positive), *columns])
        counts, positives, ranks, *totals = sums.merged()
        of_sql = {sql: ratio_mean(counts, total) for sql, total in zip(listed, totals, strict=True)}
        means[split] = {name: of_sql[sql] for name, sql in values.items()}
        if pairs.has_pairs:
            areas[split] = area_estimate(pairs.clustered_area(counts, positives, ranks), fewest=pairs.fewest)
    return means, areas


class ClusterSums:
    """Sums over each cluster's rows, added up over parts of the rows; a cluster may have rows in several parts."""

    def __init__(self) -> None:
        self._clusters: list[npt.NDArray[np.uint64]] = []
        self._sums: list[list[npt.NDArray[np.float64]]] = []

    def add(self, clusters: npt.NDArray[Any], columns: Sequence[npt.NDArray[Any]]) -> None:
        """Rows: what cluster each is of, and the same columns every time."""
        import numpy as np

        # Engines whose hashes are signed have the same bits.
        names, places = places_of_values(clusters.view(np.uint64))
        count = len(names)
        sums: list[npt.NDArray[np.float64]] = [np.bincount(places, minlength=count).astype(np.float64)]
        for column in columns:
            sums.append(np.asarray(np.bincount(places, weights=column, minlength=count), dtype=np.float64))
        self._clusters.append(names)
        self._sums.append(sums)

    def merged(self) -> list[npt.NDArray[np.float64]]:
        """Of each cluster its rows, and the sum of each column."""
        import numpy as np

        if len(self._clusters) == 1:
            return self._sums[0]
        whole = ClusterSums()
        whole.add(np.concatenate(self._clusters), [np.concatenate(parts) for parts in zip(*self._sums, strict=True)])
        # The first column of the whole counts parts, not rows.
        return whole._sums[0][1:]


def ratio_mean(row_counts: npt.NDArray[np.float64], sums: npt.NDArray[np.float64]) -> Mean:
    """The mean over rows of clusters of these sizes and sums; `means.clustered_means_sql` has the same."""
    count, total = len(row_counts), float(row_counts.sum())
    mean = float(sums.sum()) / total
    excess = sums - mean * row_counts
    error = math.sqrt(float(excess @ excess) * count / (count - 1)) / total if count > 1 else math.inf
    return Mean(value=mean, standard_error=error, row_count=int(total), cluster_count=count)
