"""Synthetic rows that are equal in all features to real ones, or to each other: exact, over all rows.

Rows are compared by the engine's 64-bit hash within one session, as in a search for leaks.
"""

from __future__ import annotations

from collections.abc import Iterator

from warehouse.checks.synthetic.result import ExactCopies, Repeats
from warehouse.checks.synthetic.rows import EXAMPLE_COUNT, SyntheticRows
from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step

HASHES = Relation.table("synthetic_hashes")


def synthetic_hashes_sql(rows: SyntheticRows) -> Query:
    """One row per hash of features of synthetic rows: `h`, `n` rows."""
    return Query.of(
        Step("feature_hashes", f"select {rows.hash_sql} as h from {rows.synthetic.sql}"),
        Step("synthetic_hashes", "select h, count(*) as n from feature_hashes group by h"),
    )


def repeats_sql(rows: SyntheticRows) -> Query:
    """One row: rows that repeat among synthetic and real ones, synthetic ones that real ones equal, `chance`.

    `chance` is the probability that two random real rows are equal; NULL of fewer than two.
    """
    return Query.of(
        Step("feature_hashes", f"select {rows.hash_sql} as h from {rows.real.sql}"),
        Step("real_hashes", "select h, count(*) as n from feature_hashes group by h"),
        Step(
            "real_repeats",
            """
            select
                coalesce(sum(n) filter (n > 1), 0)::bigint as real_count,
                sum(n * (n - 1.0)) / nullif(pow(sum(n), 2) - sum(n), 0) as chance,
            from real_hashes
            """,
        ),
        Step(
            "synthetic_repeats",
            f"""
            select
                coalesce(sum(made_up.n) filter (made_up.n > 1), 0)::bigint as synthetic_count,
                coalesce(sum(made_up.n) filter (real_hashes.h is not null), 0)::bigint as copied_count,
            from {HASHES.sql} as made_up
            left join real_hashes on made_up.h = real_hashes.h
            """,
        ),
        Step("repeats", "select * from real_repeats cross join synthetic_repeats"),
    )


def _held_steps(rows: SyntheticRows, held: Relation) -> tuple[Step, ...]:
    return (
        Step("held_rows", f"select {rows.hash_sql} as h, {rows.key_sql} as key from {held.sql}"),
        Step("real_rows", f"select {rows.hash_sql} as h from {rows.real.sql}"),
        Step("known", "select distinct h from real_rows where h in (select h from held_rows)"),
        Step(
            "told_rows",
            f"""
            select
                held_rows.h,
                held_rows.key,
                made_up.h is not null as is_copied,
                known.h is not null as is_known,
            from held_rows
            left join {HASHES.sql} as made_up on held_rows.h = made_up.h
            left join known on held_rows.h = known.h
            """,
        ),
    )


def copies_sql(rows: SyntheticRows, held: Relation) -> Query:
    """One row: `row_count`, `copied_count`, `known_count` (copied, and in real train too), `real_only_count`."""
    return Query.of(
        *_held_steps(rows, held),
        Step(
            "copies",
            """
            select
                count(*) as row_count,
                count(*) filter (is_copied) as copied_count,
                count(*) filter (is_copied and is_known) as known_count,
                count(*) filter (is_known and not is_copied) as real_only_count,
            from told_rows
            """,
        ),
    )


def copy_examples_sql(rows: SyntheticRows, held: Relation) -> Query:
    """Keys of a few rows that synthetic ones equal and no real one of train: `key`."""
    return Query.of(
        *_held_steps(rows, held),
        Step(
            "copy_examples",
            f"select key from told_rows where is_copied and not is_known order by key limit {EXAMPLE_COUNT}",
        ),
    )


def read_copies(engine: Engine, rows: SyntheticRows) -> tuple[Repeats, tuple[ExactCopies, ...]]:
    """Which rows are equal; three scans of real train's features at most, and one of everything else's."""
    engine.rows(synthetic_hashes_sql(rows).kept_as(HASHES.sql))
    try:
        (found,) = engine.rows(repeats_sql(rows))
        repeats = Repeats(
            synthetic_count=found["synthetic_count"],
            synthetic_share=found["synthetic_count"] / rows.synthetic_count,
            real_count=found["real_count"],
            real_share=found["real_count"] / rows.real_count,
            copied_count=found["copied_count"],
            copied_share=found["copied_count"] / rows.synthetic_count,
        )
        return repeats, tuple(_held_copies(engine, rows, chance=found["chance"] or 0.0))
    finally:
        engine.rows(Query.of(Step("drop_hashes", f"drop table if exists {HASHES.sql}")))


def _held_copies(engine: Engine, rows: SyntheticRows, *, chance: float) -> Iterator[ExactCopies]:
    for split, held in rows.held.items():
        (found,) = engine.rows(copies_sql(rows, held))
        # Rows that only real ones equal show what chance does; more synthetic rows have more chances. When there is
        # none of them, the probability that two real rows are equal says it.
        ratio = max(1.0, rows.synthetic_count / rows.real_count)
        expected = found["real_only_count"] * ratio
        if not found["real_only_count"]:
            expected = min(1.0, chance * rows.synthetic_count) * (found["row_count"] - found["known_count"])
        new = found["copied_count"] - found["known_count"]
        beyond = new > expected + 3 * expected**0.5
        examples = engine.rows(copy_examples_sql(rows, held)) if beyond else []
        yield ExactCopies(
            split=split,
            **found,
            expected_count=expected,
            is_beyond_chance=beyond,
            examples=tuple(row["key"] for row in examples),
        )
