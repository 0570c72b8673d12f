"""The area under the ROC curve: how often a positive row is ranked above a negative one, ties counting half.

Exact, by counting for each score the rows of either class below it. The variance is DeLong's, of
each row's share of the other class that it is ranked right against; with clusters it is that of their sums.
Sources: DeLong, DeLong and Clarke-Pearson (1988); Obuchowski (1997) for clusters; Pepe (2003) for the logit interval.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

from warehouse.checks.diagnosis.joined import JoinedRows
from warehouse.engine.base import Engine
from warehouse.sql import Query, Step
from warehouse.statistics.estimates import Estimate, Mean, rate_estimate

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

RANGE_ROWS = 4_000_000
"""About so many rows are sorted in memory at once, or fewer."""
SAMPLE_ROWS = 100_000
"""About so many rows say where such ranges begin; the result does not depend on them."""


def score_cuts_sql(rows: JoinedRows, *, place: int, parts: int, keep_one_in: int) -> Query:
    """One row: `cuts`, scores that cut a split into so many parts of about equal size."""
    shares = ", ".join(f"{part / parts!r}" for part in range(1, parts))
    return Query.of(
        Step(
            "score_cuts",
            f"""
            select
                coalesce(approx_quantile(rank_score, [{shares}]), []) as cuts,
            from {rows.relation.sql}
            where s = {place} and k % {keep_one_in} = 0
            """,
        )
    )


def scores_sql(rows: JoinedRows, *, place: int, least: float | None, below: float | None) -> Query:
    """The rows of one split within this range: `score`, `is_positive`, and with clusters what `cluster` it is of."""
    bounds = "" if least is None else " and rank_score >= $least"
    bounds += "" if below is None else " and rank_score < $below"
    given = {name: value for name, value in (("least", least), ("below", below)) if value is not None}
    # A double holds 53 bits.
    cluster = ", (g >> 11)::double as cluster" if rows.clusters else ""
    return Query.of(
        Step(
            "scores",
            f"""
            select
                rank_score::double as score,
                (label = {rows.target.positive_code})::double as is_positive
                {cluster}
            from {rows.relation.sql}
            where s = {place}{bounds}
            """,
        ),
        **given,
    )


def read_areas(engine: Engine, rows: JoinedRows, row_counts: Mapping[str, int]) -> dict[str, Estimate]:
    """The area in each split; splits that lack one of the two classes are left out.

    Scores are sorted in memory by ranges, each once.
    """
    found = {}
    for split, row_count in row_counts.items():
        place = rows.splits.index(split)
        parts = math.ceil(row_count / RANGE_ROWS)
        cuts: list[float] = []
        if parts > 1:
            keep_one_in = max(1, row_count // SAMPLE_ROWS)
            (row,) = engine.rows(score_cuts_sql(rows, place=place, parts=parts, keep_one_in=keep_one_in))
            cuts = sorted(set(row["cuts"]))
        sums = PairSums()
        for least, below in pairwise([None, *cuts, None]):
            score, is_positive, *cluster = engine.number_columns(
                scores_sql(rows, place=place, least=least, below=below)
            )
            sums.add(score, is_positive > 0, *cluster)
        if sums.positives and sums.negatives:
            found[split] = area_estimate(sums.area, fewest=min(sums.positives, sums.negatives))
    return found


class PairSums:
    """What the area and its variance are made of, added up over ranges of scores that rise."""

    def __init__(self) -> None:
        self.positives = self.negatives = 0
        self._wins = self._win_squares = self._loss_squares = 0.0
        self._clusters: list[npt.NDArray[np.float64]] = []

    def add(
        self,
        scores: npt.NDArray[np.float64],
        is_positive: npt.NDArray[np.bool_],
        clusters: npt.NDArray[np.float64] | None = None,
    ) -> None:
        """Rows none of whose scores is below any that came before, nor equal to one."""
        import numpy as np

        if clusters is None:
            positives, negatives = np.sort(scores[is_positive]), np.sort(scores[~is_positive])
        else:
            order = np.argsort(scores)
            scores, is_positive, clusters = scores[order], is_positive[order], clusters[order]
            positives, negatives = scores[is_positive], scores[~is_positive]
        below, above = _ranks(positives, negatives)
        wins, losses = self.negatives + below, self.positives + above
        self._wins += float(wins.sum())
        self._win_squares += float(wins @ wins)
        self._loss_squares += float(losses @ losses)
        self.positives += len(positives)
        self.negatives += len(negatives)
        if clusters is not None:
            ranks = np.empty(len(scores))
            ranks[is_positive], ranks[~is_positive] = wins, losses
            flags = is_positive.astype(np.float64)
            parts = np.stack([clusters, flags, 1 - flags, ranks * flags, ranks * (1 - flags)])
            self._clusters.append(_cluster_sums(parts))

    @property
    def area(self) -> Mean:
        """The area, and DeLong's standard error, or Obuchowski's when there are clusters."""
        p, n = float(self.positives), float(self.negatives)
        area = self._wins / (p * n)
        row_count = self.positives + self.negatives
        if self._clusters:
            count, error = self._clustered_error(area)
            return Mean(value=area, standard_error=error, row_count=row_count, cluster_count=count)
        error = math.inf
        if p > 1 and n > 1:
            of_positives = max(0.0, self._win_squares / (p * n * n) - area**2) / (p - 1)
            # A negative row is right against the positives that are not below it; the spread is the same.
            of_negatives = max(0.0, self._loss_squares / (n * p * p) - (1 - area) ** 2) / (n - 1)
            error = math.sqrt(of_positives + of_negatives)
        return Mean(value=area, standard_error=error, row_count=row_count)

    def _clustered_error(self, area: float) -> tuple[int, float]:
        """How many clusters there are, and the standard error that their parts in the area leave."""
        import numpy as np

        p, n = float(self.positives), float(self.negatives)
        _, positives, negatives, wins, losses = _cluster_sums(np.concatenate(self._clusters, axis=1))
        parts = (wins / n - area * positives) / p + ((1 - area) * negatives - losses / p) / n
        count = len(parts)
        return count, math.sqrt(float(parts @ parts) * count / (count - 1)) if count > 1 else math.inf


def _ranks(
    positives: npt.NDArray[np.float64], negatives: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """How many negatives are below each positive, and positives below each negative; ties count half. Both rise."""
    import numpy as np

    if len(negatives) < len(positives):
        below, above = _ranks(negatives, positives)
        return above, below
    # How many of the many are below each of the few, and not above it.
    first = np.searchsorted(negatives, positives, "left")
    last = first
    tied = np.flatnonzero(negatives[np.minimum(first, len(negatives) - 1)] == positives) if len(negatives) else first
    if len(tied):
        last = first.copy()
        last[tied] = np.searchsorted(negatives, positives[tied], "right")
    # Those of the few at or before a place are below the one of the many that is there.
    places = len(negatives) + 1
    counts = np.bincount(first, minlength=places) + np.bincount(last, minlength=places)
    return (first + last) / 2, np.cumsum(counts)[:-1] / 2


def _cluster_sums(parts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The first row names a cluster; the others are summed by it."""
    import numpy as np

    parts = parts[:, np.argsort(parts[0])]
    starts = np.flatnonzero(np.diff(parts[0], prepend=np.nan))
    return np.concatenate([parts[:1, starts], np.add.reduceat(parts[1:], starts, axis=1)])


def area_estimate(mean: Mean, *, fewest: int) -> Estimate:
    """The area with an interval that is normal on the scale of logits, so that it never leaves 0 to 1.

    When no pair is ranked wrong, or none right, rows show no variance: the interval then is that of a share of so many
    rows as the rarer class has.
    """
    area, error = mean.value, mean.standard_error
    if math.isinf(error) or math.isinf(mean.quantile):
        low, high = 0.0, 1.0
    elif 0 < area < 1 and error > 0:
        logit, reach = math.log(area / (1 - area)), mean.quantile * error / (area * (1 - area))
        low, high = _share(logit - reach), _share(logit + reach)
    else:
        count = fewest if mean.cluster_count is None else min(fewest, mean.cluster_count)
        of_share = rate_estimate(Mean(value=area, standard_error=0.0, row_count=count))
        low, high = of_share.low, of_share.high
    return Estimate(
        value=area,
        low=low,
        high=high,
        standard_error=error,
        row_count=mean.row_count,
        cluster_count=mean.cluster_count,
    )


def _share(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit > -700 else 0.0
