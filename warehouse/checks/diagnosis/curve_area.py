"""The area under the ROC curve: how often a positive row is ranked above a negative one, ties counting half.

Exact, by counting for each score the rows of either class below it. The variance is DeLong's, of
each row's share of the other class that it is ranked right against; with clusters it is that of their sums.
Sources: DeLong, DeLong and Clarke-Pearson (1988); Obuchowski (1997) for clusters; Pepe (2003) for the logit interval.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from warehouse.checks.diagnosis.joined import JoinedRows
from warehouse.engine.base import Engine
from warehouse.sql import Query, Step
from warehouse.statistics.estimates import Estimate, Mean, rate_estimate
from warehouse.statistics.ordering import order_of_doubles

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


def scores_sql(
    rows: JoinedRows, *, place: int, least: float | None, below: float | None, more: Sequence[str] = ()
) -> Query:
    """The rows of one split within this range: `score`, `is_positive`, and the i-th of `more` as `x<i>`."""
    # NOTE: not bound. DuckDB imports pandas for the first value that is, which takes longer than all of this.
    bounds = "" if least is None else f" and rank_score >= {least!r}::double"
    bounds += "" if below is None else f" and rank_score < {below!r}::double"
    listed = "".join(f", {sql} as x{i}" for i, sql in enumerate(more))
    return Query.of(
        Step(
            "scores",
            f"""
            select
                rank_score::double as score,
                label = {rows.target.positive_code} as is_positive
                {listed}
            from {rows.relation.sql}
            where s = {place}{bounds}
            """,
        )
    )


def read_ranges(
    engine: Engine, rows: JoinedRows, *, split: str, row_count: int, more: Sequence[str] = ()
) -> Iterator[list[npt.NDArray[Any]]]:
    """The rows of one split as the columns of `scores_sql`, in ranges of scores that rise."""
    place = rows.splits.index(split)
    parts = math.ceil(row_count / RANGE_ROWS)
    cuts: list[float] = []
    if parts > 1:
        keep_one_in = max(1, row_count // SAMPLE_ROWS)
        (row,) = engine.rows(score_cuts_sql(rows, place=place, parts=parts, keep_one_in=keep_one_in))
        cuts = sorted(set(row["cuts"]))
    for least, below in pairwise([None, *cuts, None]):
        yield engine.arrays(scores_sql(rows, place=place, least=least, below=below, more=more))


def read_areas(engine: Engine, rows: JoinedRows, row_counts: Mapping[str, int]) -> dict[str, Estimate]:
    """The area in each split of independent rows; splits that lack one of the two classes are left out.

    Scores are sorted in memory by ranges, each once.
    """
    found = {}
    for split, row_count in row_counts.items():
        sums = PairSums()
        for score, is_positive in read_ranges(engine, rows, split=split, row_count=row_count):
            sums.add(score, is_positive)
        if sums.has_pairs:
            found[split] = area_estimate(sums.area, fewest=sums.fewest)
    return found


class PairSums:
    """What the area and its variance are made of, added up over ranges of scores that rise."""

    def __init__(self) -> None:
        self.positives = self.negatives = 0
        self._wins = self._win_squares = self._loss_squares = 0.0

    def add(self, scores: npt.NDArray[np.float64], is_positive: npt.NDArray[np.bool_]) -> None:
        """Rows none of whose scores is below any that came before, nor equal to one."""
        import numpy as np

        positives, negatives = np.sort(scores[is_positive]), np.sort(scores[~is_positive])
        below, above = _ranks(positives, negatives)
        wins, losses = self.negatives + below, self.positives + above
        self._wins += float(wins.sum())
        self._win_squares += float(wins @ wins)
        self._loss_squares += float(losses @ losses)
        self.positives += len(positives)
        self.negatives += len(negatives)

    def add_ranked(
        self, scores: npt.NDArray[np.float64], is_positive: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.float64]:
        """The same, for `clustered_area`: of each row the negatives below it, of a negative one minus the positives.

        Ties count half. DeLong's error is not known of such rows.
        """
        import numpy as np

        order = order_of_doubles(scores)
        scores, is_positive = scores[order], is_positive[order]
        negatives = np.cumsum(~is_positive, dtype=np.float64)
        positives = np.arange(1, len(scores) + 1) - negatives
        is_new = scores[1:] != scores[:-1]
        if not is_new.all():
            # Of equal scores each has the mean of those before them all and those up to the last.
            last = np.flatnonzero(np.append(is_new, True))
            lengths = np.diff(last, prepend=-1)
            negatives, positives = (
                np.repeat((counts[last] + np.concatenate(([0.0], counts[last[:-1]]))) / 2, lengths)
                for counts in (negatives, positives)
            )
        ranks = np.where(is_positive, negatives + self.negatives, -positives - self.positives)
        self._wins += float(ranks @ is_positive)
        count = int(np.count_nonzero(is_positive))
        self.positives += count
        self.negatives += len(scores) - count
        found = np.empty(len(scores))
        found[order] = ranks
        return found

    @property
    def has_pairs(self) -> bool:
        """Whether both classes were there."""
        return self.positives > 0 < self.negatives

    @property
    def fewest(self) -> int:
        """Rows of the rarer class."""
        return min(self.positives, self.negatives)

    @property
    def area(self) -> Mean:
        """The area, and DeLong's standard error."""
        p, n = float(self.positives), float(self.negatives)
        area = self._wins / (p * n)
        error = math.inf
        if p > 1 and n > 1:
            of_positives = max(0.0, self._win_squares / (p * n * n) - area**2) / (p - 1)
            # A negative row is right against the positives that are not below it; the spread is the same.
            of_negatives = max(0.0, self._loss_squares / (n * p * p) - (1 - area) ** 2) / (n - 1)
            error = math.sqrt(of_positives + of_negatives)
        return Mean(value=area, standard_error=error, row_count=self.positives + self.negatives)

    def clustered_area(
        self,
        row_counts: npt.NDArray[np.float64],
        positives: npt.NDArray[np.float64],
        ranks: npt.NDArray[np.float64],
    ) -> Mean:
        """The area, and Obuchowski's standard error: from each cluster's rows, positives, and sum of `add_ranked`."""
        p, n = float(self.positives), float(self.negatives)
        area = self._wins / (p * n)
        parts = ranks / (p * n) - area * positives / p + (1 - area) * (row_counts - positives) / n
        count = len(parts)
        error = math.sqrt(float(parts @ parts) * count / (count - 1)) if count > 1 else math.inf
        return Mean(value=area, standard_error=error, row_count=self.positives + self.negatives, cluster_count=count)


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
