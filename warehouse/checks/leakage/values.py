"""Labels and categories that train never had, and one category in several spellings."""

from __future__ import annotations

from collections.abc import Sequence

from warehouse.checks.leakage.result import NewValues, Spellings
from warehouse.checks.leakage.rows import EXAMPLE_COUNT, EXAMPLE_LENGTH, LeakColumn, SplitRows
from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step
from warehouse.statistics.kinds import CATEGORY_VALUES, TEXT_LENGTH, Family


def split_counts_step(rows: SplitRows, columns: Sequence[LeakColumn], *, counted: Relation | None = None) -> Step:
    """One row per column `f` and value `v` (text): its rows in every split, `n0`, `n1`...

    `counted` holds `s`, `v` and `n` of the only column, so that its values need not be read.
    """
    counts = ", ".join(f"coalesce(sum(n) filter (s = {place}), 0) as n{place}" for place in range(len(rows.splits)))
    parts = []
    for index, column in enumerate(columns):
        source = (
            f"(select {column.sql} as v, s, count(*) as n from {rows.relation.sql} group by v, s)"
            if counted is None
            else counted.sql
        )
        parts.append(
            f"select {index} as f, v::varchar as v, {counts} from {source} as t where v is not null group by t.v"
        )
    return Step("value_counts", " union all ".join(parts))


def new_values_sql(rows: SplitRows, columns: Sequence[LeakColumn], *, counted: Relation | None = None) -> Query:
    """One row per column `f` and split `place` with values that train lacks: `value_count`, `row_count`, `examples`."""
    places = range(1, len(rows.splits))
    return Query.of(
        split_counts_step(rows, columns, counted=counted),
        Step(
            "new_values",
            " union all ".join(
                f"""
                select
                    f,
                    {place} as place,
                    count(*) as value_count,
                    sum(n{place})::bigint as row_count,
                    max({{'n': n{place}, 'v': left(v, {EXAMPLE_LENGTH})}}, {EXAMPLE_COUNT}) as examples,
                from value_counts
                where n0 = 0 and n{place} > 0
                group by f
                """
                for place in places
            ),
        ),
    )


def read_new_values(
    engine: Engine, rows: SplitRows, columns: Sequence[LeakColumn], *, counted: Relation | None = None
) -> tuple[NewValues, ...]:
    """Values of these columns in later splits that train never had."""
    if len(rows.splits) < 2 or rows.splits[0] != "train" or not columns:
        return ()
    found = []
    for row in engine.rows(new_values_sql(rows, columns, counted=counted)):
        column, split = columns[row["f"]], rows.splits[row["place"]]
        examples = () if column.is_private else tuple(value["v"] for value in row["examples"])
        found.append(
            NewValues(
                name=column.name,
                is_label=column is rows.label,
                split=split,
                value_count=row["value_count"],
                row_count=row["row_count"],
                row_share=row["row_count"] / rows.row_counts[split],
                examples=examples,
            )
        )
    found.sort(key=lambda new: (not new.is_label, -new.row_share, new.name, rows.splits.index(new.split)))
    return tuple(found)


def base_form_sql(value: str) -> str:
    """A spelling without case, white space and, where no digit is told apart by it, punctuation between words."""
    squeezed = rf"regexp_replace(lower(nfc_normalize({value})), '[\s_]+', '', 'g')"
    return f"case when regexp_matches({value}, '[0-9]') then {squeezed} else replace({squeezed}, '-', '') end"


def spellings_sql(rows: SplitRows, columns: Sequence[LeakColumn]) -> Query:
    """One row per column `f` that writes a value in several ways: `group_count`, `row_count`, `new_i` per split."""
    total = " + ".join(f"n{place}" for place in range(len(rows.splits)))
    new = ", ".join(f"bool_or(fresh_{place}) as new_{place}" for place in range(1, len(rows.splits)))
    fresh = ", ".join(
        f"bool_or(n0 = 0 and n{place} > 0) and bool_or(n0 > 0) as fresh_{place}" for place in range(1, len(rows.splits))
    )
    return Query.of(
        split_counts_step(rows, columns),
        Step(
            "spellings_per_value",
            f"""
            select
                f,
                {base_form_sql("v")} as base,
                sum({total}) - max({total}) as other_rows,
                min(left(v, {EXAMPLE_LENGTH}), {EXAMPLE_COUNT}) as examples,
                {fresh},
            from value_counts
            group by f, base
            having count(*) > 1 and base <> ''
            """,
        ),
        Step(
            "spellings",
            f"""
            select
                f,
                count(*) as group_count,
                sum(other_rows)::bigint as row_count,
                min(examples, {EXAMPLE_COUNT}) as examples,
                {new},
            from spellings_per_value
            group by f
            order by f
            """,
        ),
    )


def read_spellings(engine: Engine, rows: SplitRows, columns: Sequence[LeakColumn]) -> tuple[Spellings, ...]:
    """Categories that are written in several ways."""
    texts = [column for column in columns if column.family is Family.STRING]
    if not texts or len(rows.splits) < 2:
        return ()
    found = []
    for row in engine.rows(spellings_sql(rows, texts)):
        column = texts[row["f"]]
        new = [split for place, split in enumerate(rows.splits) if place and row[f"new_{place}"]]
        found.append(
            Spellings(
                name=column.name,
                group_count=row["group_count"],
                row_count=row["row_count"],
                new_split=new[-1] if new else None,
                examples=(
                    ()
                    if column.is_private
                    else tuple(" / ".join(repr(value) for value in group) for group in row["examples"])
                ),
            )
        )
    return tuple(found)


def rough_kinds_sql(rows: SplitRows, columns: Sequence[LeakColumn]) -> Query:
    """One row: for column i `kinds_i` and `present_i`, of all rows."""
    facts = ", ".join(
        f"{rows.kinds_sql(column.sql)} as kinds_{i}, count({column.sql}) as present_{i}"
        for i, column in enumerate(columns)
    )
    return Query.of(Step("rough_kinds", f"select {facts} from {rows.relation.sql}"))


def hardly_repeating(engine: Engine, rows: SplitRows, columns: Sequence[LeakColumn]) -> list[LeakColumn]:
    """Those of these columns whose values mostly stand in one row each: elsewhere, equal values prove nothing."""
    if not columns:
        return []
    (row,) = engine.rows(rough_kinds_sql(rows, columns))
    return [column for i, column in enumerate(columns) if row[f"kinds_{i}"] > 0.5 * row[f"present_{i}"]]


def string_facts_sql(sample: SplitRows, columns: Sequence[LeakColumn]) -> Query:
    """One row, of the sample: for column i `kinds_i`, `present_i`, `length_i`, `spaced_i`."""
    facts = ", ".join(
        f"{sample.kinds_sql(column.sql)} as kinds_{i}, count({column.sql}) as present_{i},"
        f" avg(length({column.sql}::varchar)) as length_{i},"
        f" avg(contains(trim({column.sql}::varchar), ' ')::int) as spaced_{i}"
        for i, column in enumerate(columns)
    )
    return Query.of(Step("string_facts", f"select {facts} from {sample.relation.sql}"))


def categories_and_texts(engine: Engine, sample: SplitRows) -> tuple[tuple[LeakColumn, ...], tuple[LeakColumn, ...]]:
    """Features that are categories (strings of few values), and those that are prose."""
    strings = [column for column in sample.features if column.family is Family.STRING]
    categories, texts = [], []
    for start in range(0, len(strings), 40):
        chunk = strings[start : start + 40]
        (row,) = engine.rows(string_facts_sql(sample, chunk))
        for i, column in enumerate(chunk):
            kinds, present = row[f"kinds_{i}"], row[f"present_{i}"]
            if not present:
                continue
            is_prose = row[f"length_{i}"] > TEXT_LENGTH or row[f"spaced_{i}"] > 0.5
            if kinds <= max(20, min(10 * CATEGORY_VALUES, present // 10)):
                categories.append(column)
            elif is_prose and kinds > 0.5 * present:
                texts.append(column)
    return tuple(categories), tuple(texts)
