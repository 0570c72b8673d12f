"""How often each value occurs on two sides, without ever holding all values in Python."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step
from warehouse.statistics.profile import Measured

LISTED_CATEGORIES = 500
"""The most frequent values of both sides together are counted one by one; all others together."""
LISTED_STRANGERS = 10
"""So many new and so many vanished values are named, the most frequent first."""
LABEL_LENGTH = 120
"""A longer value is named by its beginning."""


@dataclass(frozen=True, slots=True)
class Category:
    """One value and how many rows have it."""

    label: str | float
    """The value; a string of more than 120 characters is cut."""
    left_count: int
    right_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Categories:
    """Counts of present values on both sides. `new` means in the right only, `vanished` in the left only."""

    listed: tuple[Category, ...]
    """The most frequent of both sides together, most frequent first."""
    other_left_count: int
    """Rows of all values that are not listed."""
    other_right_count: int
    other_distinct: int
    """How many values are not listed."""
    left_distinct: int
    right_distinct: int
    new: tuple[Category, ...]
    """The most frequent new values."""
    new_distinct: int
    new_rows: int
    vanished: tuple[Category, ...]
    vanished_distinct: int
    vanished_rows: int
    left_singletons: int
    """Values with exactly one row in the left; they tell how much is still unseen (Good and Turing)."""
    left_pairs: int
    """Values with exactly two."""
    strangers_known: bool = True
    """False when the left's values are not all known, so that neither the new nor the vanished ones are."""


def category_counts_sql(left: Relation, right: Relation, column: Measured) -> Query:
    """One row per value worth naming, most frequent first within its `list`: `listed`, `new` or `vanished`.

    Every row also carries the counts over *all* values; without any value there is one row whose `list` is null.
    Nulls, NaN and infinities are not values here.
    """
    return Query.of(
        Step(
            "rows_per_side_and_value",
            f"""
            select {column.value_sql} as value, count(*) as left_count, 0 as right_count
            from {left.sql} group by {column.value_sql}
            union all
            select {column.value_sql} as value, 0 as left_count, count(*) as right_count
            from {right.sql} group by {column.value_sql}
            """,
        ),
        Step(
            "rows_per_value",
            """
            select value, cast(sum(left_count) as bigint) as left_count, cast(sum(right_count) as bigint) as right_count
            from rows_per_side_and_value where value is not null group by value
            """,
        ),
        Step(
            "totals",
            """
            select
                sum(left_count) as left_rows,
                sum(right_count) as right_rows,
                count(*) as all_distinct,
                count(*) filter (left_count > 0) as left_distinct,
                count(*) filter (right_count > 0) as right_distinct,
                count(*) filter (left_count = 0) as new_distinct,
                sum(right_count) filter (left_count = 0) as new_rows,
                count(*) filter (right_count = 0) as vanished_distinct,
                sum(left_count) filter (right_count = 0) as vanished_rows,
                count(*) filter (left_count = 1) as left_singletons,
                count(*) filter (left_count = 2) as left_pairs,
            from rows_per_value
            """,
        ),
        *(
            Step(
                name,
                f"""
                select '{name}' as list, value, left_count, right_count
                from rows_per_value where {condition}
                order by left_count + right_count desc, value limit {limit}
                """,
            )
            for name, condition, limit in (
                ("listed", "true", LISTED_CATEGORIES),
                ("new", "left_count = 0", LISTED_STRANGERS),
                ("vanished", "right_count = 0", LISTED_STRANGERS),
            )
        ),
        Step("values_named", "from listed union all from new union all from vanished"),
        Step(
            "category_counts",
            f"""
            select
                totals.*,
                values_named.list,
                values_named.left_count,
                values_named.right_count,
                {_label_sql(column)} as label,
            from totals left join values_named on true
            order by values_named.list, left_count + right_count desc, values_named.value
            """,
        ),
    )


def _label_sql(column: Measured) -> str:
    from warehouse.statistics.kinds import is_numeric

    if is_numeric(column.family):
        return "values_named.value"
    cut = f"left(values_named.value, {LABEL_LENGTH})"
    return f"case when length(values_named.value) > {LABEL_LENGTH} then {cut} || '…' else values_named.value end"


def category_counts(engine: Engine, left: Relation, right: Relation, column: Measured) -> Categories:
    """Counts of the column's values on both sides; one scan of the column per side."""
    rows = engine.rows(category_counts_sql(left, right, column))
    totals = rows[0]
    named: dict[str, list[Category]] = {"listed": [], "new": [], "vanished": []}
    for row in rows:
        if row["list"] is not None:
            named[row["list"]].append(Category(row["label"], row["left_count"], row["right_count"]))
    listed = named["listed"]
    return Categories(
        listed=tuple(listed),
        other_left_count=int(totals["left_rows"] or 0) - sum(category.left_count for category in listed),
        other_right_count=int(totals["right_rows"] or 0) - sum(category.right_count for category in listed),
        other_distinct=totals["all_distinct"] - len(listed),
        left_distinct=totals["left_distinct"],
        right_distinct=totals["right_distinct"],
        new=tuple(named["new"]),
        new_distinct=totals["new_distinct"],
        new_rows=int(totals["new_rows"] or 0),
        vanished=tuple(named["vanished"]),
        vanished_distinct=totals["vanished_distinct"],
        vanished_rows=int(totals["vanished_rows"] or 0),
        left_singletons=totals["left_singletons"],
        left_pairs=totals["left_pairs"],
    )


def categories_of_counts(
    values: npt.NDArray[np.float64], left_counts: npt.NDArray[np.int64], right_counts: npt.NDArray[np.int64]
) -> Categories:
    """The same from rising numbers and how many rows of either side have each; every number is on one side at least."""
    # Stable, so that of equal counts the smaller value comes first.
    order = np.argsort(-(left_counts + right_counts), kind="stable")
    values, left_counts, right_counts = values[order], left_counts[order], right_counts[order]
    new, vanished = np.flatnonzero(left_counts == 0), np.flatnonzero(right_counts == 0)

    def named(places: npt.NDArray[np.int64], most: int) -> tuple[Category, ...]:
        places = places[:most]
        rows = zip(values[places].tolist(), left_counts[places].tolist(), right_counts[places].tolist(), strict=True)
        return tuple(Category(*row) for row in rows)

    return Categories(
        listed=named(np.arange(len(values)), LISTED_CATEGORIES),
        other_left_count=int(left_counts[LISTED_CATEGORIES:].sum()),
        other_right_count=int(right_counts[LISTED_CATEGORIES:].sum()),
        other_distinct=max(0, len(values) - LISTED_CATEGORIES),
        left_distinct=int((left_counts > 0).sum()),
        right_distinct=int((right_counts > 0).sum()),
        new=named(new, LISTED_STRANGERS),
        new_distinct=len(new),
        new_rows=int(right_counts[new].sum()),
        vanished=named(vanished, LISTED_STRANGERS),
        vanished_distinct=len(vanished),
        vanished_rows=int(left_counts[vanished].sum()),
        left_singletons=int((left_counts == 1).sum()),
        left_pairs=int((left_counts == 2).sum()),
    )
