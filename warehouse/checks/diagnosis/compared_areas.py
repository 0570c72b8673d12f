"""The areas under two models' ROC curves on the same rows, and how surely they differ.

Each row has a part in the deviation of either area, and the difference of both parts is what varies; so rows that both
models rank alike take nothing from the certainty. Source: DeLong, DeLong and Clarke-Pearson (1988); Obuchowski (1997)
for clusters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from warehouse.engine.base import Engine
from warehouse.sql import Query, Step
from warehouse.statistics.estimates import Mean


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedAreas:
    """Both areas in one split."""

    first: float
    second: float
    change: Mean
    """The first minus the second."""


def compared_areas_sql(table: str) -> Query:
    """One row per split with both classes: `s`, `row_count`, `first`, `second`, `variance`, `cluster_count`.

    Args:
        table: quoted; has `s`, `g`, `is_positive`, and `r1`, `r2`, what either model ranks rows by.
    """
    areas = ", ".join(
        f"sum(negatives_{i}) filter (where is_positive = 1) / max(positives) / max(negatives) as area_{i}"
        for i in (1, 2)
    )
    of_positive, of_negative = (
        " - ".join(parts)
        for parts in (
            [f"(negatives_{i} / total.negatives - area_{i}) / total.positives" for i in (1, 2)],
            [f"((total.positives - positives_{i}) / total.positives - area_{i}) / total.negatives" for i in (1, 2)],
        )
    )
    return Query.of(
        Step(
            "class_counts",
            f"""
            select
                s,
                sum(is_positive)::double as positives,
                sum(1 - is_positive)::double as negatives,
            from {table}
            group by s
            having min(is_positive) = 0 and max(is_positive) = 1
            """,
        ),
        *_rank_steps(table, 1),
        *_rank_steps(table, 2),
        Step(
            "row_ranks",
            f"""
            select
                s,
                g,
                is_positive,
                negatives_1,
                positives_1,
                negatives_2,
                positives_2,
            from {table}
            join score_ranks_1 using (s, r1)
            join score_ranks_2 using (s, r2)
            """,
        ),
        Step("split_areas", f"select s, {areas} from row_ranks join class_counts using (s) group by s"),
        Step(
            "cluster_parts",
            f"""
            select
                row_ranks.s,
                row_ranks.g,
                count(*) as n,
                sum(case when is_positive = 1 then {of_positive} else {of_negative} end) as part,
            from row_ranks
            join class_counts as total on row_ranks.s = total.s
            join split_areas as areas on row_ranks.s = areas.s
            group by row_ranks.s, row_ranks.g
            """,
        ),
        Step(
            "areas",
            """
            select
                s,
                sum(n)::bigint as row_count,
                any_value(area_1) as first,
                any_value(area_2) as second,
                case when count(*) > 1 then sum(part * part) * count(*) / (count(*) - 1) end as variance,
                count(*) as cluster_count,
            from cluster_parts
            join split_areas using (s)
            group by s
            order by s
            """,
        ),
    )


def _rank_steps(table: str, place: int) -> tuple[Step, Step]:
    """How many rows of either class each score of one model is above, ties half."""
    score = f"r{place}"
    counts = Step(
        f"score_counts_{place}",
        f"""
        select
            s,
            {score},
            sum(is_positive)::double as positives,
            sum(1 - is_positive)::double as negatives,
        from {table}
        group by s, {score}
        """,
    )
    below = f"partition by s order by {score} rows unbounded preceding"
    ranks = Step(
        f"score_ranks_{place}",
        f"""
        select
            s,
            {score},
            sum(negatives) over ({below}) - negatives / 2 as negatives_{place},
            sum(positives) over ({below}) - positives / 2 as positives_{place},
        from {counts.name}
        """,
    )
    return counts, ranks


def read_compared_areas(engine: Engine, table: str, *, is_clustered: bool) -> dict[int, ComparedAreas]:
    """Both areas by the split's place; splits that lack one of the two classes are left out.

    Args:
        engine: runs the query; what does not fit into memory it sorts on disk.
        table: see `compared_areas_sql`.
        is_clustered: whether rows with the same `g` vary together; otherwise every row has its own.
    """
    return {
        row["s"]: ComparedAreas(
            first=row["first"],
            second=row["second"],
            change=Mean(
                value=row["first"] - row["second"],
                standard_error=math.inf if row["variance"] is None else math.sqrt(row["variance"]),
                row_count=row["row_count"],
                cluster_count=row["cluster_count"] if is_clustered else None,
            ),
        )
        for row in engine.rows(compared_areas_sql(table))
    }
