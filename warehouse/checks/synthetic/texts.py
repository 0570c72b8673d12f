"""Texts of synthetic rows that are nearly those of others: of each other, and of rows that judge a model."""

from __future__ import annotations

from collections.abc import Sequence

from warehouse.checks.synthetic.result import NearTextRows
from warehouse.checks.synthetic.rows import EXAMPLE_COUNT, EXAMPLE_LENGTH, SyntheticRows
from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step, identifier, literal
from warehouse.statistics.kinds import Kind
from warehouse.statistics.near_text import THRESHOLD, component_rows_step, find_near_texts, text_rows_sql

TEXTS = Relation.table("synthetic_texts")
NEAR = "synthetic_near"
MOST_ROWS = 500_000
"""Beyond, nearly equal texts are not looked for: a million take a minute."""


def texts_sql(rows: SyntheticRows, column: str, *, is_numbered: bool) -> Query:
    """One row per row: `s` (0 synthetic, then the held splits in order), `key`, `text`; see `text_rows_sql`."""
    parts = " union all ".join(
        f"select {place}::utinyint as s, {rows.key_sql} as key, {identifier(column)}::varchar as text"
        f" from {relation.sql}"
        for place, relation in enumerate([rows.synthetic, *rows.held.values()])
    )
    return text_rows_sql(parts, is_numbered=is_numbered)


def near_counts_sql(split_count: int) -> Query:
    """One row: `rows_0`, synthetic rows linked to other synthetic ones; `rows_i`, rows of split i linked to any."""
    linked = ", ".join(
        f"coalesce(sum(n{place}) filter (n0 > {0 if place else 1}), 0)::bigint as rows_{place}"
        for place in range(split_count + 1)
    )
    return Query.of(
        component_rows_step(NEAR, TEXTS, places=split_count + 1),
        Step("near_counts", f"select {linked} from rows_per_component"),
    )


def near_examples_sql(splits: Sequence[str]) -> Query:
    """A few rows of these splits that are linked to a synthetic row: `example`, split, key and text."""
    names = " ".join(f"when {place} then {literal(split)}" for place, split in enumerate(splits, start=1))
    return Query.of(
        Step(
            "linked_rows",
            f"""
            select
                components.component,
                texts.s,
                texts.key,
                texts.text,
            from {Relation.table(NEAR).sql} as components
            inner join {TEXTS.sql} as texts on components.row_number = texts.rowid
            """,
        ),
        Step(
            "near_examples",
            f"""
            select
                case s {names} end || ' ' || key || ' “' || left(text, {EXAMPLE_LENGTH}) || '”' as example,
            from linked_rows
            where s > 0 and component in (select component from linked_rows where s = 0)
            order by s desc, key
            limit {EXAMPLE_COUNT}
            """,
        ),
    )


def read_near_texts(engine: Engine, rows: SyntheticRows) -> tuple[tuple[NearTextRows, ...], tuple[str, ...]]:
    """What is nearly the same in each column of texts, and which were not looked at."""
    columns = [pair.name for pair in rows.features if pair.kind is Kind.TEXT]
    if not columns:
        return (), ()
    parts = " + ".join(f"(select count(*) from {held.sql})" for held in rows.held.values()) or "0"
    (counted,) = engine.rows(Query.of(Step("held_count", f"select {parts} as n")))
    total = rows.synthetic_count + counted["n"]
    if total > MOST_ROWS:
        return (), (f"nearly equal texts: {total:,} rows are more than the {MOST_ROWS:,} that are looked at",)
    found = (_read(engine, rows, column) for column in columns)
    return tuple(one for one in found if one is not None), ()


def _read(engine: Engine, rows: SyntheticRows, column: str) -> NearTextRows | None:
    engine.rows(texts_sql(rows, column, is_numbered=engine.is_distributed).kept_as(TEXTS.sql))
    try:
        find_near_texts(engine, TEXTS, "text", table=NEAR)
        (row,) = engine.rows(near_counts_sql(len(rows.held)))
        counts = {
            split: count for place, split in enumerate(rows.held, start=1) if (count := int(row[f"rows_{place}"]))
        }
        if not counts and not row["rows_0"]:
            return None
        examples = engine.rows(near_examples_sql(list(rows.held))) if counts else []
        return NearTextRows(
            column=column,
            threshold=THRESHOLD,
            synthetic_count=row["rows_0"],
            synthetic_share=row["rows_0"] / rows.synthetic_count,
            split_counts=counts,
            examples=tuple(found["example"] for found in examples),
        )
    finally:
        for name in (TEXTS.sql, Relation.table(NEAR).sql, Relation.table(f"{NEAR}_pairs").sql):
            engine.rows(Query.of(Step("drop_texts", f"drop table if exists {name}")))
