"""Means of anything that every row has, per split, with the standard error that clusters of rows leave."""

from __future__ import annotations

import math
from collections.abc import Mapping

from warehouse.checks.diagnosis.joined import JoinedRows
from warehouse.engine.base import Engine
from warehouse.sql import Query, Step
from warehouse.statistics.estimates import Mean


def means_sql(rows: JoinedRows, values: Mapping[str, str]) -> Query:
    """One row per split that has rows: `s`, `row_count`, and for the i-th value `m<i>` and `e<i>`, its standard error.

    With clusters also `cluster_count`. NULL for the standard error of a single row or cluster.
    """
    listed = list(values.values())
    if not rows.clusters:
        columns = ", ".join(
            f"avg(v{i}) as m{i}, case when count(*) > 1 then stddev_samp(v{i}) / sqrt(count(*)) end as e{i}"
            for i in range(len(listed))
        )
        named = ", ".join(f"({sql})::double as v{i}" for i, sql in enumerate(listed))
        return Query.of(
            Step("row_values", f"select s, {named} from {rows.relation.sql}"),
            Step("split_means", f"select s, count(*) as row_count, {columns} from row_values group by s order by s"),
        )
    sums = ", ".join(f"sum(({sql})::double) as v{i}" for i, sql in enumerate(listed))
    means = ", ".join(f"sum(v{i}) / sum(n) as m{i}" for i in range(len(listed)))
    errors = ", ".join(
        f"any_value(m{i}) as m{i}, case when count(*) > 1 then"
        f" sqrt(sum((v{i} - m{i} * n) ** 2) * count(*) / (count(*) - 1)) / sum(n) end as e{i}"
        for i in range(len(listed))
    )
    return Query.of(
        Step("cluster_sums", f"select s, g, count(*)::double as n, {sums} from {rows.relation.sql} group by s, g"),
        Step("split_totals", f"select s, {means} from cluster_sums group by s"),
        Step(
            "split_means",
            f"""
            select
                s,
                sum(n)::bigint as row_count,
                count(*) as cluster_count,
                {errors},
            from cluster_sums
            join split_totals using (s)
            group by s
            order by s
            """,
        ),
    )


def read_means(engine: Engine, rows: JoinedRows, values: Mapping[str, str]) -> dict[str, dict[str, Mean]]:
    """The mean of each value, an expression over a joined row, by split and by the value's name.

    Splits without rows are left out. A single row or cluster has an infinite standard error.
    """
    found: dict[str, dict[str, Mean]] = {}
    for row in engine.rows(means_sql(rows, values)):
        found[rows.splits[row["s"]]] = {
            name: Mean(
                value=row[f"m{i}"],
                standard_error=math.inf if row[f"e{i}"] is None else row[f"e{i}"],
                row_count=row["row_count"],
                cluster_count=row.get("cluster_count"),
            )
            for i, name in enumerate(values)
        }
    return found
