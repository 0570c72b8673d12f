"""Texts that stand in several splits: the same but for case and white space, or nearly the same."""

from __future__ import annotations

from itertools import combinations

from warehouse.checks.leakage.result import PairCount, TextTwins
from warehouse.checks.leakage.rows import EXAMPLE_COUNT, EXAMPLE_LENGTH, HIDDEN, LeakColumn, SplitRows
from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step
from warehouse.statistics.near_text import THRESHOLD, component_rows_step, find_near_texts, text_rows_sql

LEAST_LENGTH = 12
"""Shorter texts, `ok` or `none`, repeat by nature."""
NEAR_ROWS = 500_000
"""Beyond, nearly equal texts are looked for only in the column that the dataset names: a million take a minute."""
TEXTS = Relation.table("leakage_texts")
NEAR = "leakage_near"


def plain_text_sql(column: LeakColumn) -> str:
    """A text in lower case with single spaces."""
    return rf"lower(trim(regexp_replace({column.sql}::varchar, '\s+', ' ', 'g')))"


def shared_texts_sql(rows: SplitRows, column: LeakColumn) -> Query:
    """One row: `rows_i_j`, rows of split j whose text split i has, and `examples`."""
    places = range(len(rows.splits))
    counts = ", ".join(f"count(*) filter (s = {place}) as n{place}" for place in places)
    pairs = [f"coalesce(sum(n{j}) filter (n{i} > 0), 0)::bigint as rows_{i}_{j}" for i, j in combinations(places, 2)]
    example = f"'{HIDDEN}'" if column.is_private else f"left(text, {EXAMPLE_LENGTH})"
    return Query.of(
        Step(
            "texts",
            f"select s, {plain_text_sql(column)} as text from {rows.relation.sql} where {column.sql} is not null",
        ),
        Step(
            "shared_texts",
            f"""
            select
                hash(text) as h,
                min({example}) as example,
                {counts},
            from texts
            where length(text) >= {LEAST_LENGTH}
            group by h
            having min(s) < max(s)
            """,
        ),
        Step(
            "shared_text_counts",
            f"select {', '.join(pairs)}, min(example, {EXAMPLE_COUNT}) as examples from shared_texts",
        ),
    )


def read_shared_texts(engine: Engine, rows: SplitRows, column: LeakColumn) -> TextTwins | None:
    """Rows whose text another split has, whatever its case and white space; None when there is none."""
    if len(rows.splits) < 2:
        return None
    (row,) = engine.rows(shared_texts_sql(rows, column))
    across = tuple(
        PairCount(left=rows.splits[i], right=rows.splits[j], count=row[f"rows_{i}_{j}"])
        for i, j in combinations(range(len(rows.splits)), 2)
        if row[f"rows_{i}_{j}"]
    )
    if not across:
        return None
    return TextTwins(name=column.name, threshold=None, across=across, examples=tuple(dict.fromkeys(row["examples"])))


def texts_sql(rows: SplitRows, column: LeakColumn, *, is_numbered: bool) -> Query:
    """One row per row: its split `s`, `key`, `text`; see `text_rows_sql`."""
    read = f"select s, {rows.key_sql} as key, {column.sql}::varchar as text from {rows.relation.sql}"
    return text_rows_sql(read, is_numbered=is_numbered)


def near_text_counts_sql(rows: SplitRows) -> Query:
    """One row: `rows_i_j`, rows of split j whose text is linked, by near texts, to one of split i."""
    places = range(len(rows.splits))
    pairs = [f"coalesce(sum(n{j}) filter (n{i} > 0), 0)::bigint as rows_{i}_{j}" for i, j in combinations(places, 2)]
    return Query.of(
        component_rows_step(NEAR, TEXTS, places=len(rows.splits)),
        Step("near_text_counts", f"select {', '.join(pairs)} from rows_per_component"),
    )


def near_text_examples_sql(rows: SplitRows, column: LeakColumn) -> Query:
    """A few rows: `example`, both sides of a near pair in different splits."""
    names = " ".join(f"when {place} then '{split}'" for place, split in enumerate(rows.splits))
    shown = [
        f"case {side}.s {names} end || ' ' || {side}.key"
        + ("" if column.is_private else f" || ' “' || left({side}.text, {EXAMPLE_LENGTH // 2}) || '”'")
        for side in ("a", "b")
    ]
    return Query.of(
        Step(
            "near_text_examples",
            f"""
            select
                {shown[0]} || ' ~ ' || {shown[1]} as example,
            from {Relation.table(f"{NEAR}_pairs").sql} as pairs
            inner join {TEXTS.sql} as a on pairs.left_row = a.rowid
            inner join {TEXTS.sql} as b on pairs.right_row = b.rowid
            where a.s <> b.s
            order by a.s, a.key, b.key
            limit {EXAMPLE_COUNT}
            """,
        )
    )


def read_near_texts(
    engine: Engine, rows: SplitRows, column: LeakColumn, *, threshold: float = THRESHOLD
) -> TextTwins | None:
    """Rows whose text is nearly that of another split's row, equal ones included; None when there is none."""
    engine.rows(texts_sql(rows, column, is_numbered=engine.is_distributed).kept_as(TEXTS.sql))
    try:
        find_near_texts(engine, TEXTS, "text", table=NEAR, threshold=threshold)
        (row,) = engine.rows(near_text_counts_sql(rows))
        across = tuple(
            PairCount(left=rows.splits[i], right=rows.splits[j], count=row[f"rows_{i}_{j}"])
            for i, j in combinations(range(len(rows.splits)), 2)
            if row[f"rows_{i}_{j}"]
        )
        examples = engine.rows(near_text_examples_sql(rows, column)) if across else []
    finally:
        for name in (TEXTS.sql, Relation.table(NEAR).sql, Relation.table(f"{NEAR}_pairs").sql):
            engine.rows(Query.of(Step("drop_texts", f"drop table if exists {name}")))
    if not across:
        return None
    return TextTwins(
        name=column.name, threshold=threshold, across=across, examples=tuple(found["example"] for found in examples)
    )
