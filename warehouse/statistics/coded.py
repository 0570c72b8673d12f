"""Rows as small whole numbers: which part of a relation a row is in, and which cell of a column.

A part is a value of one column (a segment) or a span of time (a period); `part_counts.py` counts both together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

import numpy as np

from warehouse.sql import identifier
from warehouse.statistics.categories import LABEL_LENGTH, Category
from warehouse.statistics.cells import MOST_BINS
from warehouse.statistics.distance import Counts
from warehouse.statistics.kinds import Family, is_numeric
from warehouse.statistics.pair import ColumnPair
from warehouse.statistics.profile import Measured, Sketch

MISSING, NAN, POSITIVE, NEGATIVE, OTHER = range(5)
"""Codes of rows without a value; `OTHER` has one that has no code of its own."""
FIRST = 5
"""The first bin's or value's code."""
NO_PERIOD = -1_000_000_000
"""The part of rows without a time."""
MOST_VALUES = 100
"""At most so many values of a category have a code of their own."""


class Parts(Protocol):
    """What cuts a relation into parts: SQL that gives each row its part's number; null for rows in no part."""

    def read_sql(self) -> list[str]:
        """What to read of the relation: `expression as part_...`."""
        ...

    def code_sql(self) -> str:
        """The part's number, from what was read."""
        ...

    def parameters(self) -> dict[str, object]:
        """Values for the names in both."""
        ...


class Every(StrEnum):
    """How long a period is; periods begin at midnight in UTC."""

    DAY = "day"
    WEEK = "week"
    """From Monday to Sunday, as ISO 8601 has it."""
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Whole:
    """One part: all rows."""

    def read_sql(self) -> list[str]:
        """Nothing."""
        return []

    def code_sql(self) -> str:
        """Zero."""
        return "0"

    def parameters(self) -> dict[str, object]:
        """None."""
        return {}


@dataclass(frozen=True, slots=True)
class Periods:
    """Days and weeks since 1970 (the week of its first day is 0), months since year 0.

    Infinite times and those outside the years 1 to 9999 are in no period.
    """

    time: str
    """A column of dates or timestamps."""
    every: Every
    is_date: bool
    with_missing: bool = False
    """Whether rows without a time are a part of their own, `NO_PERIOD`."""

    def read_sql(self) -> list[str]:
        """The date in UTC."""
        name = identifier(self.time)
        # A timestamp of seconds may lie beyond what microseconds can say.
        date = name if self.is_date else f"try_cast(try_cast({name} as timestamp) as date)"
        return [f"{date} as part_date"]

    def code_sql(self) -> str:
        """The period's number."""
        days = "cast(part_date - date '1970-01-01' as bigint)"
        number = {
            Every.DAY: days,
            # 1970 began on a Thursday, three days into its week.
            Every.WEEK: f"cast(floor(({days} + 3) / 7.0) as bigint)",
            Every.MONTH: "cast(year(part_date) * 12 + month(part_date) - 1 as bigint)",
        }[self.every]
        missing = f" when part_date is null then {NO_PERIOD}" if self.with_missing else ""
        return f"case when part_date between date '0001-01-01' and date '9999-12-31' then {number}{missing} end"

    def parameters(self) -> dict[str, object]:
        """None."""
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """How the rows of one column get their codes; as parts too, by the values of a column."""

    column: Measured
    bounds: tuple[float, ...] = ()
    """Rising largest values of the bins; a value above the last is `OTHER`."""
    values: tuple[str | float, ...] = ()
    """Values with codes of their own, when there are no bins."""
    key: str = "part"
    """Sets its names in a statement apart from those of others."""

    @property
    def size(self) -> int:
        """How many codes there are."""
        return FIRST + len(self.bounds) + len(self.values)

    def read_sql(self) -> list[str]:
        """Whether a value is there, and the value that decides."""
        name = identifier(self.column.name)
        read = [f"{name} is null as missing_{self.key}"]
        if self.column.family in (Family.REAL, Family.TIMESTAMP):
            zero = "0" if self.column.family is Family.REAL else "timestamp '1970-01-01'"
            place = f"when isinf({name}) and {name} > {zero} then {POSITIVE} when isinf({name}) then {NEGATIVE}"
            nan = f"when isnan({name}) then {NAN} " if self.column.family is Family.REAL else ""
            read.append(f"case {nan}{place} end as odd_{self.key}")
        if self.bounds:
            read.append(f"{self.column.finite_sql} as value_{self.key}")
        elif self.values:
            value = self.column.value_sql
            if not is_numeric(self.column.family):
                # Values are known by their beginning; see `categories.py`.
                cut = f"left({value}, {LABEL_LENGTH}) || '…'"
                value = f"case when length({value}) > {LABEL_LENGTH} then {cut} else {value} end"
            read.append(f"{value} as value_{self.key}")
        return read

    def code_sql(self) -> str:
        """The code; never null."""
        odd = (
            f" when odd_{self.key} is not null then odd_{self.key}"
            if self.column.family in (Family.REAL, Family.TIMESTAMP)
            else ""
        )
        if self.bounds:
            bins = " ".join(
                # Written with an exponent a number is a double, and 18 digits are all that it has. As parameters the
                # comparisons would take twice as long.
                f"when value_{self.key} <= {bound:.17e} then {FIRST + index}"
                for index, bound in enumerate(self.bounds)
            )
            rest = f"{bins} else {OTHER}"
        else:
            # The first place is 1; a value that is not in the list has none.
            place = f"list_position($values_{self.key}, value_{self.key})"
            rest = f"else coalesce({place} + {FIRST - 1}, {OTHER})" if self.values else f"else {OTHER}"
        return f"case when missing_{self.key} then {MISSING}{odd} {rest} end"

    def parameters(self) -> dict[str, object]:
        """The values."""
        return {} if self.bounds or not self.values else {f"values_{self.key}": list(self.values)}


def coding_of(pair: ColumnPair, *, key: str, bin_count: int = MOST_BINS, most_values: int = MOST_VALUES) -> Coding:
    """Codes by the cells of a whole comparison: bins with equal shares of all rows, or its most frequent values."""
    column = Measured(pair.name, pair.family)
    if pair.categories is not None:
        # Long values may be alike in their beginning.
        labels = dict.fromkeys(category.label for category in pair.categories.listed)
        return Coding(column=column, values=tuple(labels)[:most_values], key=key)
    if pair.bins is None or pair.left_histogram is None or pair.right_histogram is None:
        return Coding(column=column, key=key)
    pooled = np.array(pair.left_histogram.counts, dtype=np.float64) + np.array(pair.right_histogram.counts)
    if not pooled.sum():
        return Coding(column=column, key=key)
    group = np.minimum(np.floor((np.cumsum(pooled) / pooled.sum() - 1e-12) * bin_count), bin_count - 1)
    last = [*np.flatnonzero(np.diff(group)), len(group) - 1]
    return Coding(column=column, bounds=tuple(pair.bins.edges[index] for index in last), key=key)


def pair_of_counts(pair: ColumnPair, coding: Coding, left: Counts, right: Counts) -> ColumnPair:
    """The whole comparison's column as if its sides were only these rows, each side's counts by code.

    Extremes, quantiles and moments are not those of these rows; counts, bins and categories are.
    """
    coded = list(
        zip(coding.values, left[FIRST:].astype(int).tolist(), right[FIRST:].astype(int).tolist(), strict=False)
    )
    listed = [Category(label, a, b) for label, a, b in coded if a + b]
    # Sorting keeps the order of equals: that of the whole comparison.
    listed.sort(key=lambda category: -category.left_count - category.right_count)
    binned = bool(coding.bounds) and (left[FIRST:].sum() + right[FIRST:].sum() > 0)
    histograms = [
        replace(histogram, counts=tuple(counts[FIRST:].astype(int).tolist()), moments=None)
        if binned and histogram is not None
        else None
        for histogram, counts in ((pair.left_histogram, left), (pair.right_histogram, right))
    ]
    return replace(
        pair,
        left=_sketch(pair.left, left),
        right=_sketch(pair.right, right),
        bins=replace(pair.bins, edges=coding.bounds) if binned and pair.bins is not None else None,
        left_histogram=histograms[0],
        right_histogram=histograms[1],
        categories=(
            replace(
                pair.categories,
                listed=tuple(listed),
                other_left_count=int(left[OTHER]),
                other_right_count=int(right[OTHER]),
            )
            if pair.categories is not None
            else None
        ),
        gap=None,
    )


def _sketch(sketch: Sketch, counts: Counts) -> Sketch:
    rows = int(counts.sum())
    return replace(
        sketch,
        row_count=rows,
        present_count=rows - int(counts[MISSING]),
        nan_count=int(counts[NAN]),
        positive_infinity_count=int(counts[POSITIVE]),
        negative_infinity_count=int(counts[NEGATIVE]),
    )
