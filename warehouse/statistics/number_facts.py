"""The numbers of a column on two sides: counts per bin, moments, distances.

Where all of a column's values fit in memory, one scan and sorting them gives all of it, the distances without error.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step
from warehouse.statistics.bins import Bins
from warehouse.statistics.categories import Categories, categories_of_counts
from warehouse.statistics.cumulative import CumulativeGap, binned_gap, sorted_gap
from warehouse.statistics.distance import Counts, rising
from warehouse.statistics.profile import COLUMNS_PER_SCAN, Histogram, Measured, Moments, histograms, power_of_two

VALUES_PER_BATCH = 2_000_000
"""About how many values are in memory at a time, each of 8 bytes; one column is the least."""
_BLOCK = 1 << 17


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberFacts:
    """What the numbers of both sides tell of a column."""

    left: Histogram
    right: Histogram
    gap: CumulativeGap | None
    """None when a side has no finite value."""
    categories: Categories | None = None
    """Of columns whose values were to be counted one by one; None where that takes another scan."""


def number_facts(
    engine: Engine,
    left: Relation,
    right: Relation,
    columns: Sequence[Measured],
    bins: Mapping[str, Bins],
    *,
    row_count: int,
    exact_rows: int,
    counted: Collection[str] = (),
    finite: Collection[str] = (),
) -> dict[str, NumberFacts]:
    """Facts by column name: from all values, sorted, up to `exact_rows` rows; beyond, from counts of fine bins.

    Args:
        engine: runs the queries.
        left: one side.
        right: the other.
        columns: with numbers.
        bins: of each column.
        row_count: of both sides together.
        exact_rows: so many values of one column fit in memory.
        counted: columns whose values are counted one by one too.
        finite: columns that are known to have no infinite value, which are read in two thirds of the time.
    """
    edges = {name: cut.edges for name, cut in bins.items()}
    if row_count <= exact_rows:
        return sorted_facts(engine, left, right, columns, edges, row_count=row_count, counted=counted, finite=finite)
    left_found, right_found = (histograms(engine, relation, columns, edges) for relation in (left, right))
    facts = {}
    for column in columns:
        both = left_found[column.name], right_found[column.name]
        known = all(one.moments for one in both)
        gap = binned_gap(bins[column.name], *both) if known else None
        facts[column.name] = NumberFacts(left=both[0], right=both[1], gap=gap)
    return facts


def finite_values_sql(relation: Relation, columns: Sequence[Measured], *, finite: Collection[str] = ()) -> Query:
    """One row per row: `value_i`, a double; NaN where it is null, NaN or infinite.

    Columns in `finite` have no infinite value, so none is looked for.
    """
    read = [column.number_sql if column.name in finite else column.finite_sql for column in columns]
    values = [f"coalesce({value}, cast('nan' as double)) as value_{i}" for i, value in enumerate(read)]
    return Query.of(Step("finite_values", f"select {', '.join(values)} from {relation.sql}"))


def sorted_facts(
    engine: Engine,
    left: Relation,
    right: Relation,
    columns: Sequence[Measured],
    edges: Mapping[str, Sequence[float]],
    *,
    row_count: int,
    counted: Collection[str] = (),
    finite: Collection[str] = (),
) -> dict[str, NumberFacts]:
    """As `number_facts`, from all values; one scan per side of a few columns at a time."""
    size = max(1, min(COLUMNS_PER_SCAN, VALUES_PER_BATCH // max(1, row_count)))
    facts: dict[str, NumberFacts] = {}
    waiting: Future[dict[str, NumberFacts]] | None = None
    # The engine reads the next columns while these are sorted.
    with ThreadPoolExecutor(max_workers=1) as worker:
        for start in range(0, len(columns), size):
            batch = columns[start : start + size]
            queries = [finite_values_sql(relation, batch, finite=finite) for relation in (left, right)]
            sides = [engine.number_columns(query) for query in queries]
            if waiting is not None:
                facts |= waiting.result()
            waiting = worker.submit(_facts, batch, sides[0], sides[1], edges, counted)
            del sides
        if waiting is not None:
            facts |= waiting.result()
    return facts


def _facts(
    columns: Sequence[Measured],
    left_values: list[Counts],
    right_values: list[Counts],
    edges: Mapping[str, Sequence[float]],
    counted: Collection[str],
) -> dict[str, NumberFacts]:
    facts = {}
    for column in columns:
        # Popped, so that a column's memory is free as soon as its facts are known.
        left, right = rising(left_values.pop(0)), rising(right_values.pop(0))
        cut = np.array(edges[column.name])
        facts[column.name] = NumberFacts(
            left=_histogram(left, cut),
            right=_histogram(right, cut),
            gap=sorted_gap(left, right) if len(left) and len(right) else None,
            categories=_categories(left, right) if column.name in counted else None,
        )
    return facts


def _histogram(values: Counts, edges: Counts) -> Histogram:
    below = np.searchsorted(values, edges, side="right")
    return Histogram(
        counts=tuple(np.diff(below, prepend=0).tolist()), moments=moments_of(values) if len(values) else None
    )


def moments_of(values: Counts) -> Moments:
    """Count, mean and spread of these rising finite values; at least one."""
    scale = power_of_two(max(abs(float(values[0])), abs(float(values[-1]))))
    # As in the second scan: a power of two keeps squares from overflowing, the first value's distance keeps digits.
    start, count = float(values[0]) / scale, len(values)
    blocks = [slice(place, place + _BLOCK) for place in range(0, count, _BLOCK)]
    mean = sum(float((values[block] / scale - start).sum()) for block in blocks) / count
    squares = sum(float(np.square(values[block] / scale - start - mean).sum()) for block in blocks)
    return Moments(count=count, mean=(mean + start) * scale, squares=squares * scale * scale)


def _categories(left: Counts, right: Counts) -> Categories:
    """As `category_counts` of a column of numbers."""
    left_values, left_counts = np.unique(left, return_counts=True)
    right_values, right_counts = np.unique(right, return_counts=True)
    values = np.union1d(left_values, right_values)
    of_left, of_right = np.zeros(len(values), dtype=np.int64), np.zeros(len(values), dtype=np.int64)
    of_left[np.searchsorted(values, left_values)] = left_counts
    of_right[np.searchsorted(values, right_values)] = right_counts
    return categories_of_counts(values, of_left, of_right)
