"""Which rows of samples lie near which, in a space where every column counts alike.

Numbers are in standard deviations of a reference sample; two values of a category are as far apart as two numbers are
on average, the root of 2. A missing number lies at the mean, and apart from every number as one category from another.
Distances are computed in blocks, so memory does not grow with the product of two samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from warehouse.statistics.row_samples import Feature, RowSample

Numbers = npt.NDArray[np.float64]

BLOCK_CELLS = 2_000_000
"""Distances that are held at once."""
MISMATCH = 2.0
"""Squared distance of two categories; that of two independent standardized numbers is 2 in expectation."""
ROUNDING = 1e-12
"""What sums of squares lose, relative to them, is no distance."""
TOLERANCE = 1e-9
"""A row that lies just at the end of another's reach is within it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Rows in the space."""

    numbers: Numbers
    """One row of standardized numbers each."""
    codes: npt.NDArray[np.int64]
    """One row of categories each, as codes."""

    @property
    def row_count(self) -> int:
        """How many rows there are."""
        return len(self.numbers)

    def some(self, rows: slice) -> Points:
        """These rows alone."""
        return Points(numbers=self.numbers[rows], codes=self.codes[rows])


@dataclass(frozen=True, slots=True, kw_only=True)
class Resemblance:
    """How one sample lies among another, each measure a share of its rows but density."""

    precision: float
    """Of the other rows those within the reach of a real row: its distance to its k-th nearest real one."""
    recall: float
    """Of the real rows those within the reach of another row, measured among its own."""
    density: float
    """Real rows within whose reach a row of the other sample is, over k; 1 in expectation when both are alike."""
    coverage: float
    """Of the real rows those that have a row of the other sample within reach."""


def points_of(samples: Sequence[RowSample], features: Sequence[Feature], *, reference: int = 0) -> list[Points]:
    """The samples as points of one space; columns that never vary are left out.

    Args:
        samples: their values are these features.
        features: what a row's numbers are.
        reference: which sample the standard deviations are of.
    """
    ends = np.cumsum([sample.row_count for sample in samples])
    values = np.concatenate([sample.values for sample in samples])
    first = ends[reference] - samples[reference].row_count
    numbers, codes = [], []
    for index, feature in enumerate(features):
        column = values[:, index]
        missing = np.isnan(column)
        if feature.is_category:
            codes.append(np.where(missing, -1, np.unique(column, return_inverse=True)[1].ravel()))
            continue
        if missing.any():
            codes.append(missing.astype(np.int64))
        own = column[first : ends[reference]]
        own = own[~np.isnan(own)]
        # A column that is constant in the reference is measured by its own spread.
        if not len(own) or own.std() == 0:
            own = column[~missing]
        spread = own.std() if len(own) else 0.0
        if spread > 0:
            numbers.append(np.where(missing, 0.0, (column - own.mean()) / spread))
    codes = [column for column in codes if (column != column[0]).any()] if len(values) else []
    all_numbers = np.stack(numbers, axis=1) if numbers else np.zeros((len(values), 0))
    all_codes = np.stack(codes, axis=1) if codes else np.zeros((len(values), 0), dtype=np.int64)
    starts = [0, *ends[:-1]]
    return [
        Points(numbers=all_numbers[start:end], codes=all_codes[start:end])
        for start, end in zip(starts, ends, strict=True)
    ]


def nearest_distances(points: Points, others: Points, *, neighbour: int = 1, is_same: bool = False) -> Numbers:
    """Of every point the distance to its so-manieth nearest among the others; infinite where they are too few.

    `is_same` says that the others are the points themselves, none of which is its own neighbour.
    """
    place = neighbour - 1 + is_same
    if others.row_count <= place:
        return np.full(points.row_count, np.inf)
    found = [np.partition(squares, place, axis=1)[:, place] for _, squares in _blocks(points, others)]
    return np.sqrt(np.concatenate(found)) if found else np.zeros(0)


def resemblance(real: Points, other: Points, *, neighbours: int) -> Resemblance:
    """Precision, recall, density and coverage of the other sample; neither may be empty.

    Compare with what a second sample of real rows gets: coverage, say, is 1 - 2^-k for two samples of one size, not 1.

    Sources: Kynkäänniemi et al. (2019) for precision and recall; Naeem et al. (2020) for density and coverage.
    """
    reach = _squared_reach(real, neighbours)
    own_reach = _squared_reach(other, neighbours)
    inside, covered, recalled = 0, np.zeros(real.row_count, dtype=bool), np.zeros(real.row_count, dtype=bool)
    precise = 0
    for rows, squares in _blocks(other, real):
        near = squares <= reach
        inside += int(near.sum())
        precise += int(near.any(axis=1).sum())
        covered |= near.any(axis=0)
        recalled |= (squares <= own_reach[rows, np.newaxis]).any(axis=0)
    return Resemblance(
        precision=precise / other.row_count,
        recall=float(recalled.mean()),
        density=inside / (neighbours * other.row_count),
        coverage=float(covered.mean()),
    )


def _squared_reach(points: Points, neighbours: int) -> Numbers:
    distances = nearest_distances(points, points, neighbour=neighbours, is_same=True)
    return np.asarray(distances**2 * (1 + TOLERANCE))


def _blocks(points: Points, others: Points) -> Iterator[tuple[slice, Numbers]]:
    """Squared distances of some points to all others, a row per point; which points these are."""
    lengths = (others.numbers**2).sum(axis=1)
    step = max(1, BLOCK_CELLS // max(1, others.row_count))
    for start in range(0, points.row_count, step):
        rows = slice(start, min(start + step, points.row_count))
        own = points.numbers[rows]
        sums = (own**2).sum(axis=1)[:, np.newaxis] + lengths
        squares = sums - 2 * (own @ others.numbers.T)
        squares[squares <= ROUNDING * sums] = 0.0
        for index in range(points.codes.shape[1]):
            squares += MISMATCH * (points.codes[rows, index][:, np.newaxis] != others.codes[:, index])
        yield rows, squares
