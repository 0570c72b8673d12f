"""Rows with equal features, between splits and within: duplicates, and labels that contradict each other.

Rows are compared by the engine's 64-bit hash of all features, within one session. Two different rows among a million
are taken for equal with a probability of 3 in 10^8, among a billion of 3 in 100.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from math import expm1, prod
from typing import Any

from warehouse.checks.leakage.result import PairCount, Twins
from warehouse.checks.leakage.rows import EXAMPLE_COUNT, LeakColumn, SplitRows
from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step

REPEATS = Relation.table("leakage_repeats")
TWINS = Relation.table("leakage_twins")
CHANCE_ROWS = 20_000
"""Rows of train from which the chance of equal values is measured."""
COLUMNS_PER_SCAN = 40
"""Each is grouped apart, and all of a scan at once: more would not fit in memory."""


def feature_hash_sql(rows: SplitRows) -> str:
    """One hash of all features of a row, as an expression."""
    return f"hash({', '.join(column.sql for column in rows.features)})"


def _rows_with(rows: SplitRows, hashes: str) -> Relation:
    """The rows whose hash of features is among these; the split of no other is told."""
    hashed = f"hash({', '.join(map(rows.asked_sql, rows.features))})"
    return rows.only(f"{hashed} in ({hashes})")


def label_hash_sql(rows: SplitRows) -> str:
    """A label as something to compare; NULL when it is missing, constant without a label."""
    if rows.label is None:
        return "0"
    return f"case when {rows.label.sql} is not null then hash({rows.label.sql}) end"


def repeats_sql(rows: SplitRows, *, is_distributed: bool = False) -> Query:
    """One row per hash of features that several rows have: `h`, `n` rows.

    On one machine, numbers are sorted in half of the time in which they are grouped when nearly all of them differ.
    """
    hashes = Step("feature_hashes", f"select {feature_hash_sql(rows)} as h from {(rows.unplaced or rows.relation).sql}")
    if is_distributed:
        return Query.of(
            hashes, Step("repeats", "select h, count(*) as n from feature_hashes group by h having count(*) > 1")
        )
    return Query.of(
        hashes,
        Step("sorted_hashes", "select h, lag(h) over (order by h) as before from feature_hashes"),
        Step("repeats", "select h, count(*) + 1 as n from sorted_hashes where h = before group by h"),
    )


def twins_sql(rows: SplitRows) -> Query:
    """One row per hash of features and label of repeated rows: `h`, `y`, rows per split `n0`..., `k` the least key."""
    places = range(len(rows.splits))
    key = rows.key[0].sql if len(rows.key) == 1 else rows.key_sql
    repeated = _rows_with(rows, f"select h from {REPEATS.sql}")
    return Query.of(
        Step(
            "hashed_rows",
            f"select s, {feature_hash_sql(rows)} as h, {label_hash_sql(rows)} as y, {key} as k from {repeated.sql}",
        ),
        Step(
            "rows_per_label",
            f"""
            select
                h,
                y,
                {", ".join(f"count(*) filter (s = {place}) as n{place}" for place in places)},
                min(k) as k,
            from hashed_rows
            group by h, y
            """,
        ),
    )


def _twin_steps(rows: SplitRows) -> tuple[Step, ...]:
    """Steps; `rows_per_label` and `rows_per_features` count repeated rows, as `twins_sql` has found them."""
    places = range(len(rows.splits))
    return (
        Step("rows_per_label", f"select * from {TWINS.sql}"),
        Step(
            "rows_per_features",
            f"""
            select
                h,
                count(y) as kinds,
                {", ".join(f"sum(n{place}) as n{place}" for place in places)},
                {", ".join(f"count(y) filter (n{place} > 0) as kinds{place}" for place in places)},
                min(k) as k,
            from rows_per_label
            group by h
            """,
        ),
    )


def twin_counts_sql(rows: SplitRows) -> Query:
    """One row; for splits i < j `across_i_j`, `labelled_i_j`, `conflicts_i_j`; for split i `within_i`, `clash_i`."""
    places = range(len(rows.splits))
    of_features, of_labels = [], []
    for i, j in combinations(places, 2):
        of_features.append(f"coalesce(sum(n{j}) filter (n{i} > 0), 0)::bigint as across_{i}_{j}")
        of_labels.append(
            f"coalesce(sum(rows_per_label.n{j}) filter (rows_per_label.n{i} > 0), 0)::bigint as labelled_{i}_{j}"
        )
        of_labels.append(
            f"coalesce(sum(rows_per_label.n{j}) filter (y is not null and rows_per_label.n{i} = 0"
            f" and rows_per_features.kinds{i} > 0), 0)::bigint as conflicts_{i}_{j}"
        )
    for i in places:
        of_features.append(f"coalesce(sum(n{i}) filter (kinds{i} > 1), 0)::bigint as clash_{i}")
        of_labels.append(
            f"coalesce(sum(rows_per_label.n{i} - 1) filter (rows_per_label.n{i} > 1), 0)::bigint as within_{i}"
        )
    return Query.of(
        *_twin_steps(rows),
        Step("feature_counts", f"select {', '.join(of_features)} from rows_per_features"),
        Step(
            "label_counts",
            f"""
            select
                {", ".join(of_labels)},
            from rows_per_label
            inner join rows_per_features on rows_per_label.h = rows_per_features.h
            """,
        ),
        Step("twin_counts", "select * from feature_counts cross join label_counts"),
    )


def twin_examples_sql(rows: SplitRows, *, conflicting: bool) -> Query:
    """A few rows per pair of twins in different splits (or, if none, of one split): `left_key`, `right_key`, splits."""
    places = range(len(rows.splits))
    spread = " + ".join(f"(n{place} > 0)::int" for place in places)
    condition = "kinds > 1" if conflicting else f"{spread} > 1"
    label = rows.label.example_sql if rows.label is not None else "''"
    return Query.of(
        *_twin_steps(rows),
        # NOTE: by the key, so that every engine shows the same ones.
        Step(
            "chosen",
            f"select h from rows_per_features where {condition} order by {spread} desc, k, h limit {EXAMPLE_COUNT}",
        ),
        Step(
            "keyed_rows",
            f"""
            select
                {feature_hash_sql(rows)} as h,
                {label_hash_sql(rows)} as y,
                s,
                {rows.key_sql} as key,
                {label} as label,
            from {_rows_with(rows, "select h from chosen").sql}
            """,
        ),
        Step(
            "first_rows", "select h, min({'s': s, 'k': key, 'label': label, 'y': y}) as one from keyed_rows group by h"
        ),
        Step(
            "other_rows",
            f"""
            select
                keyed_rows.h,
                min({{'s': -keyed_rows.s::int, 'k': keyed_rows.key, 'label': keyed_rows.label}}) as other,
            from keyed_rows
            inner join first_rows on keyed_rows.h = first_rows.h
            where {"keyed_rows.y <> first_rows.one.y" if conflicting else "keyed_rows.s > first_rows.one.s"}
            group by keyed_rows.h
            """,
        ),
        Step(
            "twin_examples",
            """
            select
                one.s as left_place,
                one.k as left_key,
                one.label as left_label,
                -other.s as right_place,
                other.k as right_key,
                other.label as right_label,
            from first_rows
            inner join other_rows on first_rows.h = other_rows.h
            order by left_key, right_key
            """,
        ),
    )


def equal_value_shares_sql(rows: SplitRows, columns: Sequence[LeakColumn], *, keep_one_in: int) -> Query:
    """One row: for column i `chance_i`, the probability that two random rows of train have equal values in it."""
    kept = f"hash({', '.join(c.sql for c in rows.key) or 's'}) % {keep_one_in} = 0" if keep_one_in > 1 else "true"
    chances = [
        f"(select sum(n * (n - 1.0)) / nullif(pow(sum(n), 2) - sum(n), 0)"
        f" from (select count(*) as n from chance_rows group by h{index})) as chance_{index}"
        for index in range(len(columns))
    ]
    return Query.of(
        Step(
            "chance_rows",
            f"select {', '.join(f'hash({column.sql}) as h{index}' for index, column in enumerate(columns))}"
            f" from {rows.relation.sql} where s = 0 and {kept}",
        ),
        Step("equal_value_shares", f"select {', '.join(chances)}"),
    )


def read_twins(engine: Engine, rows: SplitRows) -> Twins | None:
    """Which rows have equal features. One grouping of a hash; when rows repeat, a scan more, and one for examples."""
    if not rows.features:
        return None
    engine.rows(repeats_sql(rows, is_distributed=engine.is_distributed).kept_as(REPEATS.sql))
    try:
        count = f"select count(*) as kinds, coalesce(sum(n), 0)::bigint as repeated from {REPEATS.sql}"
        (repeats,) = engine.rows(Query.of(Step("repeat_counts", count)))
        distinct = rows.row_count - repeats["repeated"] + repeats["kinds"]
        if not repeats["kinds"]:
            return _twins(rows, {}, repeated=0, distinct=distinct)
        engine.rows(twins_sql(rows).kept_as(TWINS.sql))
        (counts,) = engine.rows(twin_counts_sql(rows))
        found = _twins(rows, counts, repeated=repeats["repeated"], distinct=distinct)
        return _with_examples(engine, rows, found)
    finally:
        for table in (REPEATS, TWINS):
            engine.rows(Query.of(Step("drop_table", f"drop table if exists {table.sql}")))


def _twins(rows: SplitRows, counts: Mapping[str, Any], *, repeated: int, distinct: int) -> Twins:
    def pairs(word: str) -> tuple[PairCount, ...]:
        return tuple(
            PairCount(left=rows.splits[i], right=rows.splits[j], count=count)
            for i, j in combinations(range(len(rows.splits)), 2)
            if (count := counts.get(f"{word}_{i}_{j}", 0))
        )

    def splits(word: str) -> dict[str, int]:
        return {split: n for i, split in enumerate(rows.splits) if (n := counts.get(f"{word}_{i}", 0))}

    return Twins(
        row_count=rows.row_count,
        repeated_count=repeated,
        distinct_count=distinct,
        across=pairs("across"),
        across_with_label=pairs("labelled"),
        conflicts_across=pairs("conflicts"),
        within=splits("within"),
        conflicts_within=splits("clash"),
        examples=(),
        conflict_examples=(),
    )


def _with_examples(engine: Engine, rows: SplitRows, found: Twins) -> Twins:
    if found.across:
        keep_one_in = max(1, rows.row_counts[rows.splits[0]] // CHANCE_ROWS)
        chance = 1.0
        for start in range(0, len(rows.features), COLUMNS_PER_SCAN):
            columns = rows.features[start : start + COLUMNS_PER_SCAN]
            (shares,) = engine.rows(equal_value_shares_sql(rows, columns, keep_one_in=keep_one_in))
            chance *= prod(1.0 if share is None else share for share in shares.values())
        expected = tuple(
            PairCount(
                left=pair.left,
                right=pair.right,
                count=int(-expm1(-chance * rows.row_counts[pair.left]) * rows.row_counts[pair.right]),
            )
            for pair in found.across
        )
        examples = engine.rows(twin_examples_sql(rows, conflicting=False))
        found = replace(found, expected=expected, examples=tuple(_example(rows, row) for row in examples))
    if found.conflicts_across or found.conflicts_within:
        examples = engine.rows(twin_examples_sql(rows, conflicting=True))
        found = replace(found, conflict_examples=tuple(_example(rows, row, labelled=True) for row in examples))
    return found


def _example(rows: SplitRows, row: Mapping[str, Any], *, labelled: bool = False) -> str:
    sides = []
    for side in ("left", "right"):
        label = f" ({row[f'{side}_label']})" if labelled else ""
        sides.append(f"{rows.splits[row[f'{side}_place']]} {row[f'{side}_key']}{label}")
    return " = ".join(sides)
