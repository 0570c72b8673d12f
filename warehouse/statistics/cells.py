"""The cells that two distributions are compared on, made so that noise does not look like drift.

Cells are chosen by the counts of both sides together, which a swap of rows between the sides leaves as they are: so
choosing them by the data does not bend the law of the distance when nothing differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from warehouse.statistics.bins import Bins
from warehouse.statistics.categories import Categories
from warehouse.statistics.distance import Counts
from warehouse.statistics.pair import ColumnPair

EXPECTED_ROWS = 5
"""A cell expects at least so many rows on either side, the usual condition of a chi-square law (Cochran 1954)."""
MOST_BINS = 20
MOST_CATEGORIES = 500
RARE = "all rare values"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: a bin, a value, or rows that are alike in having none."""

    label: str | float | tuple[float, float]
    """A value, `(above, up to)` for a bin, or words for a cell without values: 'missing', 'NaN'..."""
    left_count: int
    right_count: int
    has_value: bool = True
    """False for missing, NaN and infinite values, and for what was merged."""


def distribution_cells(pair: ColumnPair, *, left_weight: float = 1.0, right_weight: float = 1.0) -> tuple[Cell, ...]:
    """Every row of both sides in exactly one cell, those without a value included; empty only without rows.

    A number or time is cut into equal shares of both sides' rows, at most 20; of categories the most frequent have a
    cell each. Fewer rows make fewer cells. Rare cells are merged, with the smallest other one if need be.

    Args:
        pair: the facts of both sides.
        left_weight: how many rows of the left count as one independent row; see `clusters.py`.
        right_weight: the same for the right.
    """
    rows = min(pair.left.row_count / left_weight, pair.right.row_count / right_weight)
    cells = [*_value_cells(pair, rows), *_valueless_cells(pair)]
    return _merge_rare([cell for cell in cells if cell.left_count + cell.right_count], pair, rows)


def _value_cells(pair: ColumnPair, rows: float) -> list[Cell]:
    if pair.categories is not None:
        return _category_cells(pair.categories, rows)
    if pair.bins is not None and pair.left_histogram is not None and pair.right_histogram is not None:
        left = np.array(pair.left_histogram.counts, dtype=np.float64)
        right = np.array(pair.right_histogram.counts, dtype=np.float64)
        return _bin_cells(pair.bins, left, right, rows / max(1, min(pair.left.row_count, pair.right.row_count)))
    present = (pair.left.finite_count, pair.right.finite_count)
    return [Cell("present", *present, has_value=False)]


def _valueless_cells(pair: ColumnPair) -> list[Cell]:
    left, right = pair.left, pair.right
    return [
        Cell("missing", left.missing_count, right.missing_count, has_value=False),
        Cell("NaN", left.nan_count, right.nan_count, has_value=False),
        Cell("+∞", left.positive_infinity_count, right.positive_infinity_count, has_value=False),
        Cell("−∞", left.negative_infinity_count, right.negative_infinity_count, has_value=False),
    ]


def _category_cells(categories: Categories, rows: float) -> list[Cell]:
    most = int(min(max(10, rows**0.5), MOST_CATEGORIES))
    kept, rest = categories.listed[:most], categories.listed[most:]
    others = Cell(
        "all other values",
        categories.other_left_count + sum(category.left_count for category in rest),
        categories.other_right_count + sum(category.right_count for category in rest),
        has_value=False,
    )
    return [*(Cell(category.label, category.left_count, category.right_count) for category in kept), others]


def _bin_cells(bins: Bins, left: Counts, right: Counts, independent_share: float) -> list[Cell]:
    pooled = left + right
    total, fewest = pooled.sum(), min(left.sum(), right.sum()) * independent_share
    # The cube root is the usual growth of a histogram's bins with its rows.
    wanted = int(min(max(round(fewest ** (1 / 3)), 2), MOST_BINS, max(1, fewest // EXPECTED_ROWS)))
    group = np.minimum(np.floor((np.cumsum(pooled) / total - 1e-12) * wanted), wanted - 1).astype(int)
    cells, lower = [], bins.lowest
    for index in range(wanted):
        inside = np.flatnonzero(group == index)
        if not len(inside):
            continue
        upper = bins.edges[inside[-1]]
        cells.append(Cell((lower, upper), int(left[inside].sum()), int(right[inside].sum())))
        lower = upper
    return cells


def _merge_rare(cells: Sequence[Cell], pair: ColumnPair, rows: float) -> tuple[Cell, ...]:
    all_rows = pair.left.row_count + pair.right.row_count

    def expected(cell: Cell) -> float:
        return (cell.left_count + cell.right_count) / all_rows * rows

    kept = [cell for cell in cells if expected(cell) >= EXPECTED_ROWS]
    rare = [cell for cell in cells if expected(cell) < EXPECTED_ROWS]
    if not rare:
        return tuple(kept)
    merged = _merged(rare)
    if expected(merged) < EXPECTED_ROWS and kept:
        smallest = min(kept, key=expected)
        kept[kept.index(smallest)] = _merged([smallest, *rare], label=smallest.label, has_value=smallest.has_value)
        return tuple(kept)
    return (*kept, merged)


def _merged(cells: Sequence[Cell], *, label: str | float | tuple[float, float] = RARE, has_value: bool = False) -> Cell:
    if len(cells) == 1:
        return cells[0]
    left_count, right_count = sum(cell.left_count for cell in cells), sum(cell.right_count for cell in cells)
    return Cell(label, left_count, right_count, has_value)


def cell_counts(cells: Sequence[Cell]) -> tuple[Counts, Counts]:
    """The counts of both sides, as arrays."""
    left = np.array([cell.left_count for cell in cells], dtype=np.float64)
    right = np.array([cell.right_count for cell in cells], dtype=np.float64)
    return left, right
