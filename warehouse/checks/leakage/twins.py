"""Rows with equal features, between splits and within: duplicates, and labels that contradict each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import combinations
from math import expm1, prod
from typing import Any

from warehouse.checks.leakage.repeats import feature_hash_sql, label_hash_sql, read_repeats, rows_with_hash
from warehouse.checks.leakage.result import PairCount, Twins
from warehouse.checks.leakage.rows import EXAMPLE_COUNT, LeakColumn, SplitRows
from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step
from warehouse.statistics.session_tables import SessionTables
from warehouse.statistics.value_hashes import row_hash_sql

CHANCE_ROWS = 20_000
"""Rows of train from which the chance of equal values is measured."""
COLUMNS_PER_SCAN = 40
"""Each is grouped apart, and all of a scan at once: more would not fit in memory."""


def _twin_steps(rows: SplitRows, twins: Relation) -> tuple[Step, ...]:
    """Steps; `rows_per_label` and `rows_per_features` count twins in each split: `n0`..., `kinds0`... of labels."""
    places = range(len(rows.splits))
    return (
        Step(
            "rows_per_label",
            f"""
            select
                h,
                y,
                {", ".join(f"coalesce(sum(n) filter (s = {place}), 0)::bigint as n{place}" for place in places)},
                min(k) as k,
            from {twins.sql}
            group by h, y
            """,
        ),
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


def twin_counts_sql(rows: SplitRows, twins: Relation) -> Query:
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
        *_twin_steps(rows, twins),
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


def _chosen_step(rows: SplitRows, *, conflicting: bool, name: str = "chosen") -> Step:
    """One row per hash `h` of features that is shown, a few."""
    spread = " + ".join(f"(n{place} > 0)::int" for place in range(len(rows.splits)))
    condition = "kinds > 1" if conflicting else f"{spread} > 1"
    # NOTE: by the key, so that every engine shows the same ones.
    order = f"{spread} desc, k, h"
    return Step(name, f"select h from rows_per_features where {condition} order by {order} limit {EXAMPLE_COUNT}")


def shown_twins_sql(rows: SplitRows, twins: Relation) -> Query:
    """Those of the twins that `twin_examples_sql` may choose, whichever it is asked for."""
    return Query.of(
        *_twin_steps(rows, twins),
        _chosen_step(rows, conflicting=False, name="spread_twins"),
        _chosen_step(rows, conflicting=True, name="conflicting_twins"),
        Step("shown_hashes", "select h from spread_twins union select h from conflicting_twins"),
        Step("shown_twins", f"select * from {twins.sql} where h in (select h from shown_hashes)"),
    )


def twin_examples_sql(rows: SplitRows, twins: Relation, *, conflicting: bool) -> Query:
    """A few rows per pair of twins in different splits (or, if none, of one split): `left_key`, `right_key`, splits.

    Conflicting ones have a `left_label` and a `right_label` too, for which some rows are looked up by their keys.
    """
    labelled, label = (_label_steps(rows), "labels.label") if conflicting else ((), "''")
    joined = "inner join labels on chosen_twins.h = labels.h and chosen_twins.y = labels.y" if conflicting else ""
    return Query.of(
        *_twin_steps(rows, twins),
        _chosen_step(rows, conflicting=conflicting),
        Step("chosen_twins", f"select * from {twins.sql} where h in (select h from chosen)"),
        *labelled,
        Step(
            "keyed_twins",
            f"select chosen_twins.h, chosen_twins.y, s, k, {label} as label from chosen_twins {joined}",
        ),
        Step(
            "first_rows", "select h, min({'s': s, 'k': k, 'label': label, 'y': y}) as one from keyed_twins group by h"
        ),
        Step(
            "other_rows",
            f"""
            select
                keyed_twins.h,
                min({{'s': -keyed_twins.s::int, 'k': keyed_twins.k, 'label': keyed_twins.label}}) as other,
            from keyed_twins
            inner join first_rows on keyed_twins.h = first_rows.h
            where {"keyed_twins.y <> first_rows.one.y" if conflicting else "keyed_twins.s > first_rows.one.s"}
            group by keyed_twins.h
            """,
        ),
        Step(
            "twin_examples",
            f"""
            select
                one.s as left_place,
                {_key_sql(rows, "one.k")} as left_key,
                one.label as left_label,
                -other.s as right_place,
                {_key_sql(rows, "other.k")} as right_key,
                other.label as right_label,
            from first_rows
            inner join other_rows on first_rows.h = other_rows.h
            order by one.k, other.k
            """,
        ),
    )


def _key_sql(rows: SplitRows, key: str) -> str:
    """A key that `hashed_rows_sql` kept, as bounded text."""
    return replace(rows.key[0], sql=key).example_sql if len(rows.key) == 1 else key


def _label_steps(rows: SplitRows) -> tuple[Step, ...]:
    """Steps; one row of the last, `labels`, per hash of features and of label among `chosen_twins`: a `label`."""
    if rows.label is None:
        raise ValueError("rows without a label do not contradict each other")
    # A key that is one column is asked for far more cheaply than a hash of all features.
    named = rows.only(f"{rows.asked_sql(rows.key[0])} in (select k from chosen_twins)") if len(rows.key) == 1 else None
    asked = named or rows_with_hash(rows, "select h from chosen")
    terms = f"{feature_hash_sql(rows)} as h, {label_hash_sql(rows)} as y, {rows.label.example_sql} as label"
    return (
        Step("labelled_rows", f"select {terms} from {asked.sql}"),
        Step("labels", "select h, y, min(label) as label from labelled_rows where y is not null group by h, y"),
    )


def equal_value_shares_sql(rows: SplitRows, columns: Sequence[LeakColumn], *, keep_one_in: int) -> Query:
    """One row: for column i `chance_i`, the probability that two random rows of train have equal values in it."""
    hashes = ", ".join(f"{row_hash_sql([(each.sql, each.type)])} as h{index}" for index, each in enumerate(columns))
    chances = [
        f"(select sum(n * (n - 1.0)) / nullif(pow(sum(n), 2) - sum(n), 0)"
        f" from (select count(*) as n from chance_rows group by h{index})) as chance_{index}"
        for index in range(len(columns))
    ]
    return Query.of(
        Step(
            "chance_rows",
            f"select {hashes} from {rows.one_in(keep_one_in).sql} where s = 0",
        ),
        Step("equal_value_shares", f"select {', '.join(chances)}"),
    )


def read_twins(engine: Engine, rows: SplitRows) -> Twins | None:
    """Which rows have equal features; what repeats is found and kept first, and then only that is asked."""
    if not rows.features:
        return None
    kinds, repeated, counts, shown = 0, 0, Counter[str](), None
    with SessionTables(engine, "leakage_twins") as tables, closing(read_repeats(engine, rows, tables)) as found_repeats:
        for repeats in found_repeats:
            kinds, repeated = kinds + repeats.kinds, repeated + repeats.row_count
            counts.update(engine.rows(twin_counts_sql(rows, repeats.twins))[0])
            if repeats.is_whole:
                shown = repeats.twins
            elif shown is None:
                shown = Relation(tables.create("shown", shown_twins_sql(rows, repeats.twins)), "shown twins")
            else:
                tables.insert(shown.sql, shown_twins_sql(rows, repeats.twins))
        found = _twins(rows, counts, repeated=repeated, distinct=rows.row_count - repeated + kinds)
        return found if shown is None else _with_examples(engine, rows, shown, found)


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


def _with_examples(engine: Engine, rows: SplitRows, twins: Relation, found: Twins) -> Twins:
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
        examples = engine.rows(twin_examples_sql(rows, twins, conflicting=False))
        found = replace(found, expected=expected, examples=tuple(_example(rows, row) for row in examples))
    if found.conflicts_across or found.conflicts_within:
        examples = engine.rows(twin_examples_sql(rows, twins, conflicting=True))
        found = replace(found, conflict_examples=tuple(_example(rows, row, labelled=True) for row in examples))
    return found


def _example(rows: SplitRows, row: Mapping[str, Any], *, labelled: bool = False) -> str:
    sides = []
    for side in ("left", "right"):
        label = f" ({row[f'{side}_label']})" if labelled else ""
        sides.append(f"{rows.splits[row[f'{side}_place']]} {row[f'{side}_key']}{label}")
    return " = ".join(sides)
