"""The area under the ROC curve: how often a positive row is ranked above a negative one, ties counting half.

Exact, by counting for each score the rows of either class below it; nothing is sampled. The variance is DeLong's, of
each row's share of the other class that it is ranked right against; with clusters it is that of their sums.
Sources: DeLong, DeLong and Clarke-Pearson (1988); Obuchowski (1997) for clusters; Pepe (2003) for the logit interval.
"""

from __future__ import annotations

import math

from warehouse.checks.diagnosis.joined import JoinedRows
from warehouse.engine.base import Engine
from warehouse.sql import Query, Step
from warehouse.statistics.estimates import Estimate, Mean, rate_estimate


def areas_sql(rows: JoinedRows) -> Query:
    """One row per split with both classes: `s`, `positives`, `negatives`, `area`, `variance`, `cluster_count`."""
    positive = rows.target.positive_code
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
    ]
    # Each row's part in the area's deviation from the truth.
    of_positive = "(negatives_below / total.negatives - area) / total.positives"
    of_negative = "((total.positives - positives_below) / total.positives - area) / total.negatives"
    if rows.clusters:
        steps += [
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
    else:
        steps.append(
            Step(
                "areas",
                f"""
                select
                    ranks.s,
                    any_value(total.positives) as positives,
                    any_value(total.negatives) as negatives,
                    any_value(area) as area,
                    case when any_value(total.positives) > 1 and any_value(total.negatives) > 1 then
                        sum(ranks.positives * ({of_positive}) ** 2)
                        * any_value(total.positives) / (any_value(total.positives) - 1)
                        + sum(ranks.negatives * ({of_negative}) ** 2)
                        * any_value(total.negatives) / (any_value(total.negatives) - 1)
                    end as variance,
                    null::bigint as cluster_count,
                from score_ranks as ranks
                join split_areas as total on ranks.s = total.s
                group by ranks.s
                order by ranks.s
                """,
            )
        )
    return Query.of(*steps)


def read_areas(engine: Engine, rows: JoinedRows) -> dict[str, Estimate]:
    """The area in each split; splits that lack one of the two classes are left out."""
    found = {}
    for row in engine.rows(areas_sql(rows)):
        error = math.inf if row["variance"] is None else math.sqrt(row["variance"])
        mean = Mean(
            value=row["area"],
            standard_error=error,
            row_count=int(row["positives"] + row["negatives"]),
            cluster_count=row["cluster_count"],
        )
        found[rows.splits[row["s"]]] = area_estimate(mean, fewest=int(min(row["positives"], row["negatives"])))
    return found


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
