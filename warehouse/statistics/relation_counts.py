"""Labelled rows by bin of each feature: one scan per side for all features together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step, identifier
from warehouse.statistics.bins import Bins, bin_sql
from warehouse.statistics.categories import LABEL_LENGTH
from warehouse.statistics.kinds import Kind, is_numeric
from warehouse.statistics.lasting_hashes import part_sql
from warehouse.statistics.pair import ColumnPair
from warehouse.statistics.profile import COLUMNS_PER_SCAN, Measured, power_of_two
from warehouse.statistics.relations import Outcomes

MOST_BINS = 10
"""A number, a time or a text's length is cut into at most so many bins, of equal shares of both sides' rows."""
MOST_VALUES = 50
"""So many of a category's most frequent values have a bin each; all others share one."""
MOST_CLASSES = 10
"""A label with more different values is a number if it can be; of others the most frequent are told apart."""
PARTS = 32
"""Groups are put into so many parts by a hash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A column as bins numbered from 0: those of `labels`, then all other values, then rows without one."""

    pair: ColumnPair
    labels: tuple[str | float | tuple[float, float], ...]
    """A value, or `(above, up to)` of a bin."""

    @property
    def is_ordered(self) -> bool:
        """Whether neighbours are alike: bins are merged with the next one, values with all other values."""
        return bool(self.labels) and isinstance(self.labels[0], tuple)

    @property
    def ranks(self) -> list[int]:
        """By value, how many are more frequent."""
        categories = self.pair.categories
        order = {each.label: rank for rank, each in enumerate(categories.listed)} if categories else {}
        return [order.get(label, 0) for label in self.labels if not isinstance(label, tuple)]

    @property
    def other(self) -> int:
        """The place of all other values."""
        return len(self.labels)

    @property
    def missing(self) -> int:
        """The place of rows without a value: null, NaN or infinite."""
        return len(self.labels) + 1

    @property
    def measured(self) -> Measured:
        """The column as it is read."""
        return Measured(self.pair.name, self.pair.family)

    @property
    def value_sql(self) -> str:
        """What is looked up: a number, a value, or whether there is one."""
        if self.is_ordered:
            return self.measured.finite_sql
        if self.pair.categories is None:
            return f"case when {identifier(self.pair.name)} is not null then 1 end"
        value = self.measured.value_sql
        if any(isinstance(label, str) and len(label) > LABEL_LENGTH for label in self.labels):
            value = (
                f"case when length({value}) > {LABEL_LENGTH} then left({value}, {LABEL_LENGTH}) || '…' else {value} end"
            )
        return value

    def place_sql(self, value: str, name: str) -> str:
        """The number of the bin that `value` lies in; what it is compared with are `$name_0` and on."""
        if not self.labels:
            found = str(self.other)
        elif self.is_ordered:
            # The last bin takes what is above all.
            found = bin_sql(value, name, 0, len(self.labels) - 1)
        else:
            # The most frequent value first: what is found is not compared any more. Twice as fast as searching a list.
            places = sorted(range(len(self.labels)), key=self.ranks.__getitem__)
            found = f"case {value} {' '.join(f'when ${name}_{place} then {place}' for place in places)}"
            found += f" else {self.other} end"
        return f"cast(case when {value} is null then {self.missing} else {found} end as utinyint)"

    def parameters(self, name: str) -> dict[str, object]:
        """Values for `place_sql`."""
        if self.is_ordered:
            bounds = [label[1] for label in self.labels if isinstance(label, tuple)][:-1]
            return {f"{name}_{index}": bound for index, bound in enumerate(bounds)}
        return {f"{name}_{index}": label for index, label in enumerate(self.labels)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What is predicted."""

    cut: Cut | None
    """Its classes; None for a number."""
    pair: ColumnPair
    scale: float = 1.0
    """A power of two that a number is divided by, so that squares do not overflow."""

    @property
    def is_class(self) -> bool:
        """Whether the label is one of several classes."""
        return self.cut is not None

    @property
    def class_names(self) -> tuple[str | float, ...]:
        """The classes in the order of the outcomes, without all other values."""
        return tuple(label for label in (self.cut.labels if self.cut else ()) if not isinstance(label, tuple))


def label_of(pair: ColumnPair) -> Label | None:
    """The label as classes or as a number; None when it is neither, or has one value only."""
    categories = pair.categories
    distinct = len(categories.listed) + categories.other_distinct if categories else 0
    if categories is not None and (distinct <= MOST_CLASSES or pair.kind is not Kind.DISCRETE):
        values = [category.label for category in categories.listed[:MOST_CLASSES]]
        ordered = sorted(values, key=lambda value: (isinstance(value, str), value))
        return Label(cut=Cut(pair=pair, labels=tuple(ordered)), pair=pair) if distinct > 1 else None
    extremes = [*pair.left.extremes, *pair.right.extremes]
    if not is_numeric(pair.family) or not extremes or len({value for both in extremes for value in both}) < 2:
        return None
    return Label(cut=None, pair=pair, scale=power_of_two(max(abs(value) for both in extremes for value in both)))


def cut_of(pair: ColumnPair) -> Cut | None:
    """The feature as bins; None for an identifier, and where no bin could differ from another."""
    if pair.kind is Kind.IDENTIFIER:
        return None
    categories = pair.categories
    many = categories is not None and len(categories.listed) + categories.other_distinct > MOST_BINS
    if categories is not None and not (many and pair.kind is Kind.DISCRETE and pair.bins is not None):
        values = [category.label for category in categories.listed[:MOST_VALUES]]
        if pair.kind is Kind.DISCRETE:
            values.sort(key=lambda value: (isinstance(value, str), value))
        return Cut(pair=pair, labels=tuple(values))
    if pair.bins is not None and pair.left_histogram is not None and pair.right_histogram is not None:
        pooled = np.array(pair.left_histogram.counts, dtype=np.float64) + np.array(pair.right_histogram.counts)
        return Cut(pair=pair, labels=_equal_bins(pair.bins, pooled))
    return Cut(pair=pair, labels=())


def _equal_bins(bins: Bins, pooled: Any) -> tuple[tuple[float, float], ...]:
    group = np.minimum(np.floor((np.cumsum(pooled) / pooled.sum() - 1e-12) * MOST_BINS), MOST_BINS - 1)
    found, lower = [], bins.lowest
    for index in range(MOST_BINS):
        inside = np.flatnonzero(group == index)
        if len(inside):
            found.append((lower, bins.edges[inside[-1]]))
            lower = bins.edges[inside[-1]]
    return tuple(found)


def outcomes_sql(relation: Relation, label: Label, cuts: Sequence[Cut], groups: Sequence[str]) -> Query:
    """One row per feature i, its bin `bin_i` (null for all other features), part of the groups and class.

    `part` is null without groups, and for rows that lack one; `class` is null for a number. Then `row_count`, `mean`
    and `variance` of the label, divided by its scale. Rows without a label do not count.
    """
    values = [f"{cut.value_sql} as value_{index}" for index, cut in enumerate(cuts)]
    measured = Measured(label.pair.name, label.pair.family)
    target = label.cut.value_sql if label.cut else f"{measured.finite_sql} / $scale"
    row_count = max(label.pair.left.row_count, label.pair.right.row_count)
    within = part_sql([identifier(group) for group in groups], parts=PARTS, row_count=row_count)
    present = " and ".join(f"{identifier(group)} is not null" for group in groups)
    part = f"case when {present} then {within} end" if groups else "null"
    places = [f"{cut.place_sql(f'value_{index}', f'cut_{index}')} as bin_{index}" for index, cut in enumerate(cuts)]
    kind = label.cut.place_sql("target", "classes") if label.cut else "null"
    moments = "null as mean, null as variance" if label.cut else "avg(target) as mean, var_pop(target) as variance"
    sets = ", ".join(f"(part, class, bin_{index})" for index in range(len(cuts)))
    parameters: dict[str, object] = {} if label.cut else {"scale": label.scale}
    for index, cut in enumerate(cuts):
        parameters |= cut.parameters(f"cut_{index}")
    if label.cut:
        parameters |= label.cut.parameters("classes")
    return Query.of(
        Step(
            "values_and_label",
            f"select {', '.join([*values, f'{target} as target', f'{part} as part'])} from {relation.sql}",
        ),
        Step(
            "bins",
            f"select part, {kind} as class, target, {', '.join(places)} from values_and_label where target is not null",
        ),
        Step(
            "outcomes",
            f"""
            select
                part,
                class,
                {", ".join(f"bin_{index}" for index in range(len(cuts)))},
                count(*) as row_count,
                {moments},
            from bins
            group by grouping sets ({sets})
            """,
        ),
        **parameters,
    )


def outcomes_of(
    engine: Engine, relation: Relation, label: Label, cuts: Sequence[Cut], groups: Sequence[str]
) -> list[Outcomes]:
    """The labelled rows of one side by bin of each feature."""
    found: list[Outcomes] = []
    for start in range(0, len(cuts), COLUMNS_PER_SCAN):
        chunk = cuts[start : start + COLUMNS_PER_SCAN]
        rows = engine.rows(outcomes_sql(relation, label, chunk, groups))
        for index, cut in enumerate(chunk):
            place = f"bin_{index}"
            found.append(_outcomes([row for row in rows if row[place] is not None], place, label, cut, bool(groups)))
    return found


def _outcomes(rows: Sequence[Mapping[str, Any]], place: str, label: Label, cut: Cut, has_parts: bool) -> Outcomes:
    bins, parts = cut.missing + 1, PARTS + 1
    classes = label.cut.other + 1 if label.cut else 1
    counts, sums, squares = np.zeros((parts, bins)), np.zeros((parts, bins, classes)), np.zeros((bins, classes))
    # In a fixed order, since sums of doubles depend on it.
    rows = sorted(rows, key=lambda row: (row["part"] is None, row["part"], row[place], row["class"] or 0))
    for row in rows:
        part = PARTS if row["part"] is None else int(row["part"])
        bin_index, count = int(row[place]), int(row["row_count"])
        counts[part, bin_index] += count
        sums[part, bin_index, int(row["class"]) if label.cut else 0] += count if label.cut else row["mean"] * count
    whole = np.maximum(counts.sum(axis=0), 1)
    means = sums.sum(axis=0) / whole[:, None]
    if label.cut:
        squares = whole[:, None] * means * (1 - means)
    else:
        for row in rows:
            apart = row["mean"] - means[int(row[place]), 0]
            squares[int(row[place]), 0] += row["row_count"] * (row["variance"] + apart * apart)
    return Outcomes(counts=counts, sums=sums, squares=squares, has_parts=has_parts)
