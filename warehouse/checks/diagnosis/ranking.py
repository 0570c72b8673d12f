"""Rankings: each query's rows, ordered by score, become one row with its NDCG and reciprocal rank.

Rows of a query with equal scores have no order of their own. They count as the mean over all orders of them: each has
the mean gain of all (McSherry and Najork 2008; so does scikit-learn's ndcg_score), and the first relevant one has the
rank that it has on average.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from warehouse.checks.diagnosis.columns import QUERY
from warehouse.checks.diagnosis.joined import QUERIES, Carried, JoinedRows
from warehouse.checks.diagnosis.predicted import EXAMPLE_COUNT, example_sql
from warehouse.checks.diagnosis.ranking_result import RankedQueries, Ranking
from warehouse.checks.diagnosis.target import finite_sql
from warehouse.engine.base import Engine
from warehouse.errors import PredictionError, suggestion
from warehouse.sql import Query, Relation, Step, identifier

USUAL_AT = 10
"""NDCG counts so many rows of a query when nobody says how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryColumn:
    """The column whose equal values are one query."""

    name: str
    is_predicted: bool
    """Whether it is of the predictions, not of the dataset."""

    @property
    def carried(self) -> tuple[Carried, ...]:
        """What the joined table must have of the dataset's rows."""
        return () if self.is_predicted else (Carried(name="q", sql=f"hash({identifier(self.name)})"),)


def find_query(columns: Mapping[str, str], types: Mapping[str, str], predicted: Sequence[str]) -> QueryColumn | None:
    """The column that was given for the query, or is called so: the dataset's, otherwise the predictions'.

    Args:
        columns: columns by role.
        types: of the dataset's columns.
        predicted: the predictions' columns.

    Raises:
        PredictionError: neither has the column that was given.
    """
    wanted = columns.get(QUERY, QUERY)
    for names, is_predicted in ((list(types), False), (list(predicted), True)):
        by_name = {name.casefold(): name for name in names} | {name: name for name in names}
        found = by_name.get(wanted) or by_name.get(wanted.casefold())
        if found is not None:
            return QueryColumn(name=found, is_predicted=is_predicted)
    if QUERY in columns:
        hint = suggestion(wanted, [*types, *predicted])
        raise PredictionError(
            f"there is no column {wanted!r} for {QUERY!r}, neither in the dataset nor in the predictions; {hint}"
        )
    return None


def check_relevance(
    engine: Engine,
    splits: Mapping[str, Relation],
    key: Sequence[str],
    *,
    label: str,
    label_type: str,
    query: QueryColumn,
) -> None:
    """Looks for rows that no ranking can be judged by.

    Args:
        engine: reads them.
        splits: each split's rows.
        key: the dataset's key, for messages.
        label: the relevance.
        label_type: its type.
        query: what is ranked together.

    Raises:
        PredictionError: a relevance is below 0, or a row of the dataset has no query.
    """
    column = identifier(label)
    for condition, words, value in (
        (f"{finite_sql(column, label_type)} < 0", f"a relevance {label!r} below 0", column),
        *(
            [(f"{identifier(query.name)} is null", f"no query {query.name!r}", "NULL")]
            if not query.is_predicted
            else []
        ),
    ):
        for split, relation in splits.items():
            example = example_sql([identifier(name) for name in key])
            found = engine.rows(
                Query.of(
                    Step(
                        "unusable_rows",
                        f"""
                        select
                            {example} as key,
                            coalesce(({value})::varchar, 'NULL') as value,
                            count(*) over () as row_count,
                        from {relation.sql}
                        where {condition}
                        order by 1, 2
                        limit {EXAMPLE_COUNT}
                        """,
                    )
                )
            )
            if found:
                count = found[0]["row_count"]
                shown = "; ".join(f"{row['value']} at {row['key']}" for row in found)
                raise PredictionError(
                    f"{count:,} {'row has' if count == 1 else 'rows have'} {words} in {split}: {shown}"
                    "\n  a ranking needs each row's query, and a label that is its relevance: 0, more, true or false"
                )


def queries_sql(rows: JoinedRows, *, at: int, grouped: bool) -> Query:
    """One row per split and query: `s`, `k`, `g`, `relevant_count`, `ndcg` and `reciprocal_rank`.

    Source of NDCG: Järvelin and Kekäläinen (2002), with gains as labelled and the discount log2(rank + 1).
    """
    groups = ", min(g) as first_group, max(g) as last_group" if grouped else ""
    own_group = "case when min(first_group) = max(last_group) then min(first_group) else q end" if grouped else "q"
    return Query.of(
        Step(
            "placed_rows",
            f"""
            select
                s,
                q,
                {"g," if grouped else ""}
                label,
                rank_score,
                row_number() over (partition by s, q order by rank_score desc) as place,
                row_number() over (partition by s, q order by label desc) as best_place,
            from {rows.relation.sql}
            """,
        ),
        Step(
            "tied_rows",
            f"""
            select
                s,
                q,
                avg(label) * sum(case when place <= {at} then 1 / log2(place + 1) else 0 end) as gain,
                sum(case when best_place <= {at} then label / log2(best_place + 1) else 0 end) as best_gain,
                min(place) - 1 as before_count,
                count(*) as tied_count,
                count(*) filter (where label > 0) as relevant_count
                {groups}
            from placed_rows
            group by s, q, rank_score
            """,
        ),
        Step(
            "ranked_queries",
            f"""
            select
                s,
                q as k,
                {own_group} as g,
                sum(relevant_count)::bigint as relevant_count,
                least(1, sum(gain) / nullif(sum(best_gain), 0)) as ndcg,
                1 / min(
                    case when relevant_count > 0 then before_count + (tied_count + 1) / (relevant_count + 1) end
                ) as reciprocal_rank,
            from tied_rows
            group by s, q
            """,
        ),
    )


def rank(engine: Engine, rows: JoinedRows, query: QueryColumn, *, at: int) -> tuple[JoinedRows, Ranking]:
    """The queries with a relevant row as rows to measure, kept in the session until `drop_joined`; and their counts.

    Queries are the clusters, or the dataset's groups of which each holds whole queries.

    Raises:
        PredictionError: no query has a relevant row.
    """
    grouped = bool(rows.clusters)
    engine.rows(queries_sql(rows, at=at, grouped=grouped).kept_as(QUERIES.sql))
    counts = engine.rows(
        Query.of(
            Step("query_splits", f"select k, count(*) as split_count from {QUERIES.sql} group by k"),
            Step(
                "query_counts",
                f"""
                select
                    s,
                    count(*) filter (where relevant_count > 0) as query_count,
                    count(*) filter (where relevant_count = 0) as left_out_count,
                    count(*) filter (where split_count > 1) as shared_count,
                from {QUERIES.sql}
                join query_splits using (k)
                group by s
                order by s
                """,
            ),
        )
    )
    if not any(row["query_count"] for row in counts):
        raise PredictionError(
            f"no query has a predicted row that is relevant, so nothing can be ranked right or wrong"
            f"\n  the relevance is the label {rows.target.label!r}, the query {query.name!r}"
        )
    ranked = replace(
        rows,
        relation=Relation(f"(select * from {QUERIES.sql} where relevant_count > 0)", "ranked queries"),
        clusters=rows.clusters or (query.name,),
        columns=("s", "k", "g", "ndcg", "reciprocal_rank"),
    )
    names = ("query_count", "left_out_count", "shared_count")
    found = tuple(RankedQueries(split=rows.splits[row["s"]], **{name: row[name] for name in names}) for row in counts)
    return ranked, Ranking(query=query.name, at=at, splits=found)


def not_ranked(ranking: Ranking) -> Iterator[str]:
    """What of the queries could not be judged, or only in part."""
    for each in ranking.splits:
        total = each.query_count + each.left_out_count
        if each.left_out_count:
            yield (
                f"{each.split}: {each.left_out_count:,} of {total:,} queries "
                f"{'has' if each.left_out_count == 1 else 'have'} no relevant row and are left out"
            )
        if each.shared_count:
            yield (
                f"{each.split}: {each.shared_count:,} of {total:,} queries have rows in other splits too; "
                "each part is ranked by itself: make the query the dataset's group"
            )
