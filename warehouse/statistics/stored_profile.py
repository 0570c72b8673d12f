"""The facts of some sets of rows that are kept, so that others can be compared with them when the rows are gone.

Each set (a split) has its counts on bins and values that all sets share, so those of several add up without loss. What
is kept is bounded: fine bins and the most frequent values share a budget among the columns, and the rest is counted
together.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from warehouse.statistics.bins import QUANTILE_LEVELS, Bins
from warehouse.statistics.clusters import INDEPENDENT, Clustering
from warehouse.statistics.kinds import Family, Kind
from warehouse.statistics.profile import Histogram, Moments, Sketch

COUNTED = (Kind.BOOLEAN, Kind.CATEGORY, Kind.DISCRETE)
"""Kinds whose values are counted one by one."""
FEWEST_CELLS = 30
"""However many columns share the budget, a column keeps so many bins or values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SideFacts:
    """One column in one set of rows."""

    row_count: int
    present_count: int
    """Rows that are not null; NaN is present."""
    nan_count: int = 0
    positive_infinity_count: int = 0
    negative_infinity_count: int = 0
    minimum: float | None = None
    """Smallest finite value, microseconds since 1970, or length of a text."""
    maximum: float | None = None
    mean: float | None = None
    """Of finite values; None without any, and for what has no numbers."""
    squares: float = 0.0
    """Sum of squared distances from the mean."""
    distinct_count: int | None = None
    """Different values: exact where values are counted, about for texts, else None."""
    singleton_count: int = 0
    """Values with exactly one row."""
    pair_count: int = 0
    """Values with exactly two."""
    other_count: int = 0
    """Rows whose value is not listed."""
    design_effect: float = 1.0
    """How many rows count as one independent row; 1 when they come in no groups."""
    concentration: float = 1.0
    """By how much few directions carry the variance that groups bring."""
    group_count: int = 0
    lone_rows: int = 0
    """Rows whose value occurs in one group only."""
    lone_squares: int = 0
    counts: tuple[int, ...] = ()
    """Per edge."""
    value_counts: tuple[int, ...] = ()
    """Per listed value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """One column in all sets."""

    name: str
    type: str
    """As the engine names it."""
    family: Family
    kind: Kind
    edges: tuple[float, ...] = ()
    """Rising largest values of the bins that all sets are counted in; empty for what has no numbers."""
    bounds: tuple[float, ...] = ()
    """Where a chart's bars meet; no bin straddles one."""
    lowest: float | None = None
    values: tuple[str | float, ...] = ()
    """The most frequent values of all sets together, most frequent first; empty for what is not counted by value."""
    unlisted_count: int = 0
    """Values that are not listed."""
    sides: tuple[SideFacts, ...]
    """Per set, and last of all sets together."""

    @property
    def bins(self) -> Bins | None:
        """The bins, when there are any."""
        if not self.edges or self.lowest is None:
            return None
        return Bins(edges=self.edges, bounds=self.bounds, lowest=self.lowest)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredProfile:
    """All columns of all sets."""

    sets: tuple[str, ...]
    """Names of the sets: splits."""
    row_counts: tuple[int, ...]
    """Per set, and last of all together."""
    groups: tuple[str, ...]
    """Columns whose values bind rows together."""
    columns: tuple[ColumnProfile, ...]

    def place(self, name: str | None) -> int:
        """Where the facts of this set are; of all together for None. It must be one of the sets."""
        return len(self.sets) if name is None else self.sets.index(name)


def sketch_of(column: ColumnProfile, place: int) -> Sketch:
    """What a scan of these rows would tell; quantiles to the bin."""
    side = column.sides[place]
    return Sketch(
        row_count=side.row_count,
        present_count=side.present_count,
        nan_count=side.nan_count,
        positive_infinity_count=side.positive_infinity_count,
        negative_infinity_count=side.negative_infinity_count,
        minimum=side.minimum,
        maximum=side.maximum,
        quantiles=_quantiles(column.edges, side),
        distinct_estimate=side.distinct_count if column.family is Family.STRING else None,
    )


def _quantiles(edges: Sequence[float], side: SideFacts) -> tuple[float, ...]:
    total = sum(side.counts)
    if not total or side.minimum is None or side.maximum is None:
        return ()
    reached = list(accumulate(side.counts))
    found = (edges[bisect_left(reached, max(1, level * total))] for level in QUANTILE_LEVELS)
    return tuple(min(max(value, side.minimum), side.maximum) for value in found)


def histogram_of(column: ColumnProfile, place: int) -> Histogram:
    """The counts per bin, and moments."""
    side = column.sides[place]
    count = sum(side.counts)
    moments = None
    if side.mean is not None and count:
        moments = Moments(count=count, mean=side.mean, squares=side.squares)
    return Histogram(counts=side.counts, moments=moments)


def clustering_of(column: ColumnProfile, place: int) -> Clustering:
    """How the rows come in groups."""
    side = column.sides[place]
    if not side.group_count:
        return INDEPENDENT
    return Clustering(
        group_count=side.group_count,
        design_effect=side.design_effect,
        concentration=side.concentration,
        lone_rows=side.lone_rows,
        lone_squares=side.lone_squares,
    )


def thinned(profile: StoredProfile, *, cells: int) -> StoredProfile:
    """The profile with at most about so many bins and values in all, shared evenly among the columns that have some."""
    sharing = sum(1 for column in profile.columns if column.edges or column.values)
    most = max(FEWEST_CELLS, cells // max(1, sharing))
    columns = tuple(_fewer_values(_fewer_bins(column, most), most) for column in profile.columns)
    return replace(profile, columns=columns)


def _fewer_bins(column: ColumnProfile, most: int) -> ColumnProfile:
    """Neighbouring bins put together, none across a bound of a bar: those with the fewest rows first."""
    if len(column.edges) <= most:
        return column
    bars = [bisect_right(column.bounds, edge) for edge in column.edges]
    fixed = {index for index, (bar, following) in enumerate(pairwise(bars)) if bar != following} | {len(bars) - 1}
    total = column.sides[-1].counts
    room = max(1, most - len(fixed))
    wanted, kept, gathered = sum(total) / room, [], 0
    for index, count in enumerate(total):
        gathered += count
        if index in fixed or gathered >= wanted:
            kept.append(index)
            gathered = 0
    sides = tuple(replace(side, counts=_gathered(side.counts, kept)) for side in column.sides)
    return replace(column, edges=tuple(column.edges[index] for index in kept), sides=sides)


def _gathered(counts: Sequence[int], kept: Sequence[int]) -> tuple[int, ...]:
    starts = [0, *(index + 1 for index in kept[:-1])]
    return tuple(sum(counts[start : end + 1]) for start, end in zip(starts, kept, strict=True))


def _fewer_values(column: ColumnProfile, most: int) -> ColumnProfile:
    if len(column.values) <= most:
        return column
    sides = tuple(
        replace(
            side,
            value_counts=side.value_counts[:most],
            other_count=side.other_count + sum(side.value_counts[most:]),
        )
        for side in column.sides
    )
    return replace(
        column,
        values=column.values[:most],
        unlisted_count=column.unlisted_count + len(column.values) - most,
        sides=sides,
    )


def without_values(profile: StoredProfile, names: frozenset[str]) -> StoredProfile:
    """The profile without the values of these columns, which are then all counted together."""
    columns = tuple(_fewer_values(column, 0) if column.name in names else column for column in profile.columns)
    return replace(profile, columns=columns)
