"""Two models' rankings of the same rows, brought together query by query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from warehouse.checks.diagnosis.joined import JoinedRows
from warehouse.checks.diagnosis.ranking import queries_sql
from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step
from warehouse.statistics.session_tables import SessionTables


def first_scores_sql(rows: JoinedRows) -> Query:
    """One row per joined row of the first model: `s`, `k`, `g`, `q`, `label` and `r1`, what it ranks by."""
    return Query.of(
        Step("first_scores", f"select s, k, g, q, label, rank_score as r1 from {rows.relation.sql}"),
    )


def both_scores_sql(first: str, second: JoinedRows) -> Query:
    """The same of the rows that both models predicted, with `r2`, what the second one ranks by.

    Queries are the first model's.
    """
    return Query.of(
        Step("second_scores", f"select s, k, rank_score as r2 from {second.relation.sql}"),
        Step(
            "both_scores",
            f"select first.*, r2 from {first} as first"
            " join second_scores on first.s = second_scores.s and first.k = second_scores.k",
        ),
    )


def compared_queries_sql(first: str, second: str) -> Query:
    """One row per query with a relevant row: `s`, `k`, `g`, and both models' NDCG (`a0`, `b0`) and MRR (`a1`, `b1`).

    Rounded to 12 digits: sums in another order are no win.
    """
    return Query.of(
        Step(
            "compared_queries",
            f"""
            select
                s,
                k,
                first.g,
                round(first.ndcg, 12) as a0,
                round(first.reciprocal_rank, 12) as a1,
                round(second.ndcg, 12) as b0,
                round(second.reciprocal_rank, 12) as b1,
            from {first} as first
            join {second} as second using (s, k)
            where first.relevant_count > 0
            """,
        )
    )


def compared_queries(
    engine: Engine, tables: SessionTables, rows: JoinedRows, first: str, second: JoinedRows, *, at: int
) -> tuple[str, Mapping[str, int]]:
    """The table of `compared_queries_sql`, and how many rows of each split both models predicted.

    Args:
        engine: has the second model's joined rows.
        tables: keeps the table.
        rows: the first model's rows, not yet ranked.
        first: the table of `first_scores_sql`.
        second: the second model's rows.
        at: how many rows of a query NDCG counts.
    """
    both = tables.create("both", both_scores_sql(first, second))
    ranked = []
    for side in (1, 2):
        relation = Relation(f"(select s, k, g, q, label, r{side} as rank_score from {both})", "rows of both models")
        of_side = replace(rows, relation=relation)
        ranked.append(tables.create(f"ranked_{side}", queries_sql(of_side, at=at, grouped=bool(rows.clusters))))
    counts = engine.rows(
        Query.of(Step("paired_rows", f"select s, count(*) as row_count from {both} group by s order by s"))
    )
    table = tables.create("rows", compared_queries_sql(ranked[0], ranked[1]))
    return table, {rows.splits[row["s"]]: row["row_count"] for row in counts}
