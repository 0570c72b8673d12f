"""Values and pairs of values that real rows have and synthetic ones lack, or the reverse: exact, over all rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

from warehouse.checks.synthetic.result import REAL, SYNTHETIC, LackingValues
from warehouse.checks.synthetic.rows import EXAMPLE_COUNT, EXAMPLE_LENGTH, SyntheticRows
from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step, identifier
from warehouse.statistics.kinds import Kind

VALUES = Relation.table("synthetic_values")
KINDS = (Kind.CATEGORY, Kind.BOOLEAN, Kind.DISCRETE)
MOST_COLUMNS = 16
"""Combinations are counted of so many columns: 120 pairs."""
ALPHA = 0.05


def values_sql(rows: SyntheticRows, names: Sequence[str]) -> Query:
    """One row per row of train: `is_synthetic`, and each column as text in `c0`, `c1`...; a missing value is one."""
    listed = ", ".join(f"coalesce({identifier(name)}::varchar, 'NULL') as c{index}" for index, name in enumerate(names))
    return Query.of(
        Step(
            "row_values",
            f"select false as is_synthetic, {listed} from {rows.real.sql}"
            f" union all select true as is_synthetic, {listed} from {rows.synthetic.sql}",
        )
    )


def lacking_sql(places: Sequence[int]) -> Query:
    """One row: for either kind of rows, how many values it has alone, in how many rows, how many surely, and examples.

    Of a combination only those count whose values both kinds have, each by itself. A value is surely lacking when the
    chance that rows of the other kind's law miss it is below 5 % for all values together: (1 - p)^n <= exp(-pn).
    """
    columns = [f"c{place}" for place in places]
    shown = " || ' and ' || ".join(f"left({column}, {EXAMPLE_LENGTH // len(columns)})" for column in columns)
    counts = [("real", "made_up", "$reals", "$made_up"), ("made_up", "real", "$made_up", "$reals")]
    aggregates = []
    for has, lacks, total, other_total in counts:
        # Alone, a value need only be there; in a combination each must be known to the kind that lacks it.
        known = " and ".join(f"{lacks}_of_{column} > 0" for column in columns) if len(columns) > 1 else "true"
        alone = f"{lacks} = 0 and {known}"
        sure = f"{alone} and {has}::double / {total} * {other_total} > ln(value_count::double / {ALPHA})"
        aggregates += [
            f"count(*) filter ({alone}) as {has}_values",
            f"coalesce(sum({has}) filter ({alone}), 0)::bigint as {has}_rows",
            f"count(*) filter ({sure}) as {has}_sure",
            f"coalesce(sum({has}) filter ({sure}), 0)::bigint as {has}_sure_rows",
            f"min(case when {alone} then {{'n': -{has}, 'text': {shown}}} end, {EXAMPLE_COUNT}) as {has}_examples",
        ]
    windows = [
        f"sum({kind}) over (partition by {column}) as {kind}_of_{column}"
        for kind in ("real", "made_up")
        for column in columns
    ]
    return Query.of(
        Step(
            "rows_by_value",
            f"select {', '.join(columns)}, count(*) filter (not is_synthetic) as real,"
            f" count(*) filter (is_synthetic) as made_up from {VALUES.sql} group by {', '.join(columns)}",
        ),
        Step("known_values", f"select *, count(*) over () as value_count, {', '.join(windows)} from rows_by_value"),
        Step("lacking", f"select {', '.join(aggregates)} from known_values"),
    )


def read_lacking(engine: Engine, rows: SyntheticRows) -> tuple[tuple[LackingValues, ...], tuple[str, ...]]:
    """Values and combinations that only one kind has, those in most rows first; and what was left out.

    Costs one scan, and a grouping per column and pair of columns.
    """
    pairs = [*([rows.label] if rows.label else []), *rows.features]
    names = [pair.name for pair in pairs if pair.kind in KINDS]
    if not names:
        return (), ("values: no column has categories",)
    engine.rows(values_sql(rows, names).kept_as(VALUES.sql))
    try:
        found = list(_find(engine, rows, names))
    finally:
        engine.rows(Query.of(Step("drop_values", f"drop table if exists {VALUES.sql}")))
    found.sort(key=lambda one: (-one.sure_row_share, -one.row_share, len(one.columns), one.columns, one.lacking))
    left_out = names[MOST_COLUMNS:]
    notes = (f"combinations of values: {len(left_out)} more columns were looked at alone",) if left_out else ()
    return tuple(found), notes


def _find(engine: Engine, rows: SyntheticRows, names: Sequence[str]) -> Iterator[LackingValues]:
    singles = [(place,) for place in range(len(names))]
    for places in (*singles, *combinations(range(min(len(names), MOST_COLUMNS)), 2)):
        query = lacking_sql(places)
        totals = {"reals": rows.real_count, "made_up": rows.synthetic_count}
        (row,) = engine.rows(Query(query.steps, totals))
        columns = tuple(names[place] for place in places)
        yield from _lacking(row, columns, "real", lacking=SYNTHETIC, total=rows.real_count)
        yield from _lacking(row, columns, "made_up", lacking=REAL, total=rows.synthetic_count)


def _lacking(
    row: dict[str, Any], columns: tuple[str, ...], has: str, *, lacking: str, total: int
) -> Iterator[LackingValues]:
    if not row[f"{has}_values"]:
        return
    yield LackingValues(
        columns=columns,
        lacking=lacking,
        value_count=row[f"{has}_values"],
        row_count=row[f"{has}_rows"],
        row_share=row[f"{has}_rows"] / total,
        sure_count=row[f"{has}_sure"],
        sure_row_share=row[f"{has}_sure_rows"] / total,
        examples=tuple(example["text"] for example in row[f"{has}_examples"]),
    )
