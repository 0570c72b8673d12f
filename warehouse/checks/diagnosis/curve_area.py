"""The area under the ROC curve: how often a positive row is ranked above a negative one, ties counting half.

Exact, by counting for each score the rows of either class below it; nothing is sampled. The variance is DeLong's, of
each row's share of the other class that it is ranked right against; with clusters it is that of their sums.
Sources: DeLong, DeLong and Clarke-Pearson (1988); Obuchowski (1997) for clusters; Pepe (2003) for the logit interval.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from warehouse.checks.diagnosis.joined import JoinedRows
from warehouse.engine.base import Engine
from warehouse.sql import Query, Step
from warehouse.statistics.estimates import Estimate, Mean, rate_estimate

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

RANGE_ROWS = 1_000_000
"""About so many rows are sorted in memory at once, or fewer."""


def clustered_areas_sql(rows: JoinedRows) -> Query:
    """One row per split with both classes: `s`, `positives`, `negatives`, `area`, `variance`, `cluster_count`."""
    positive = rows.target.positive_code
    # Each row's part in the area's deviation from the truth.
    of_positive = "(negatives_below / total.negatives - area) / total.positives"
    of_negative = "((total.positives - positives_below) / total.positives - area) / total.negatives"
    steps = [
        Step(
            "score_counts",
            f"""
            select
                s,
                rank_score as score,
                count(*) filter (where label = {positive})::double as positives,
                count(*) filter (where label <> {positive})::double as negatives,
            from {rows.relation.sql}
            group by s, rank_score
            """,
        ),
        # Rows of the other class that a row with this score is ranked right against, ties half.
        Step(
            "score_ranks",
            """
            select
                s,
                score,
                positives,
                negatives,
                sum(negatives) over below - negatives / 2 as negatives_below,
                sum(positives) over below - positives / 2 as positives_below,
            from score_counts
            window below as (partition by s order by score)
            """,
        ),
        Step(
            "split_areas",
            """
            select
                s,
                sum(positives) as positives,
                sum(negatives) as negatives,
                sum(positives * negatives_below) / (sum(positives) * sum(negatives)) as area,
            from score_ranks
            group by s
            having sum(positives) > 0 and sum(negatives) > 0
            """,
        ),
        Step(
            "cluster_parts",
            f"""
            select
                joined.s,
                joined.g,
                sum(case when joined.label = {positive} then {of_positive} else {of_negative} end) as part,
            from {rows.relation.sql} as joined
            join score_ranks as ranks on joined.s = ranks.s and joined.rank_score = ranks.score
            join split_areas as total on joined.s = total.s
            group by joined.s, joined.g
            """,
        ),
        Step(
            "areas",
            """
            select
                s,
                any_value(positives) as positives,
                any_value(negatives) as negatives,
                any_value(area) as area,
                case when count(*) > 1 then sum(part * part) * count(*) / (count(*) - 1) end as variance,
                count(*) as cluster_count,
            from cluster_parts
            join split_areas using (s)
            group by s
            order by s
            """,
        ),
    ]
    return Query.of(*steps)


def read_areas(engine: Engine, rows: JoinedRows) -> dict[str, Estimate]:
    """The area in each split; splits that lack one of the two classes are left out."""
    if not rows.clusters:
        return _independent_areas(engine, rows)
    found = {}
    for row in engine.rows(clustered_areas_sql(rows)):
        error = math.inf if row["variance"] is None else math.sqrt(row["variance"])
        mean = Mean(
            value=row["area"],
            standard_error=error,
            row_count=int(row["positives"] + row["negatives"]),
            cluster_count=row["cluster_count"],
        )
        found[rows.splits[row["s"]]] = area_estimate(mean, fewest=int(min(row["positives"], row["negatives"])))
    return found


def score_ranges_sql(rows: JoinedRows, *, parts: int) -> Query:
    """One row per split that has rows: `s`, and `cuts`, scores that cut it into so many parts of about equal size."""
    shares = ", ".join(f"{part / parts!r}" for part in range(1, parts))
    return Query.of(
        Step(
            "score_ranges",
            f"""
            select
                s,
                {f"approx_quantile(rank_score, [{shares}])" if parts > 1 else "[]"} as cuts,
            from {rows.relation.sql}
            group by s
            order by s
            """,
        )
    )


def scores_sql(rows: JoinedRows, *, place: int, least: float | None, below: float | None, positive: bool) -> Query:
    """The scores of one split's rows of one class within this range, as `score`."""
    code, sign = rows.target.positive_code, "=" if positive else "<>"
    bounds = "" if least is None else " and rank_score >= $least"
    bounds += "" if below is None else " and rank_score < $below"
    given = {name: value for name, value in (("least", least), ("below", below)) if value is not None}
    return Query.of(
        Step(
            "scores",
            f"""
            select
                rank_score::double as score,
            from {rows.relation.sql}
            where s = {place} and label {sign} {code}{bounds}
            """,
        ),
        **given,
    )


def _independent_areas(engine: Engine, rows: JoinedRows) -> dict[str, Estimate]:
    """By ranges of scores, each sorted in memory: a third of the time that windows over all rows take."""
    found = {}
    (counted,) = engine.rows(Query.of(Step("row_count", f"select count(*) as row_count from {rows.relation.sql}")))
    parts = math.ceil(counted["row_count"] / RANGE_ROWS)
    for row in engine.rows(score_ranges_sql(rows, parts=parts)):
        cuts = sorted(set(row["cuts"]))
        bounds = list(pairwise([None, *cuts, None]))
        sums = PairSums()
        for least, below in bounds:
            positives, negatives = (
                engine.numbers(scores_sql(rows, place=row["s"], least=least, below=below, positive=positive))
                for positive in (True, False)
            )
            sums.add(positives, negatives)
        if sums.positives and sums.negatives:
            found[rows.splits[row["s"]]] = area_estimate(sums.area, fewest=int(min(sums.positives, sums.negatives)))
    return found


class PairSums:
    """What the area and its variance are made of, added up over ranges of scores that rise."""

    def __init__(self) -> None:
        self.positives = self.negatives = 0
        self._wins = self._win_squares = self._loss_squares = 0.0

    def add(self, positives: npt.NDArray[np.float64], negatives: npt.NDArray[np.float64]) -> None:
        """Scores of either class, none of them below any that came before, nor equal to one."""
        import numpy as np

        left, right = np.sort(positives), np.sort(negatives)
        wins = self.negatives + _ranks(right, left)
        losses = self.positives + _ranks(left, right)
        self._wins += float(wins.sum())
        self._win_squares += float(wins @ wins)
        self._loss_squares += float(losses @ losses)
        self.positives += len(left)
        self.negatives += len(right)

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


def _ranks(among: npt.NDArray[np.float64], of: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How many of `among`, which rises, are below each of `of`; ties count half."""
    import numpy as np

    below: npt.NDArray[np.float64] = (np.searchsorted(among, of, "left") + np.searchsorted(among, of, "right")).astype(
        np.float64
    ) / 2
    return below


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
