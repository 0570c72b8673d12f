"""When a series of distributions changes for good: counts per period and cell in, first periods after a change out.

Periods of real data differ by more than their rows' chance: weekends, weather, batches. So a change is not what chance
among rows cannot explain, but what chance among *periods* cannot. A stretch is divided where both sides differ most, or
around the interval that differs most from the rest, when they do by more than in nearly all shuffles of the same
periods; then its parts in turn. At last each cut has to hold between its neighbours by the same token. Sources:
hierarchical bisection with a permutation test, Matteson and James (2014); intervals, for what comes and goes, Olshen et
al. (2004); shuffling in blocks, since neighbouring days are alike, Kirch (2007). The statistic is Pearson's chi-square
of two sets of periods.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from warehouse.statistics.distance import Counts

LEVEL = 0.01
"""At most this share of series without a change shows one."""
SHUFFLES = 499
SHORTEST = 2
"""A stretch has at least so many periods: one that is odd is no lasting change."""
BLOCK_PERIODS = 50
"""From so many periods on they are shuffled in blocks (of seven days for a year), and a stretch is a block or more."""
RARE_ROWS = 25
"""Cells with fewer rows in all are counted together."""
_BATCH = 50
_SEED = 20_131


@dataclass(frozen=True, slots=True)
class Cut:
    """A change between two periods."""

    place: int
    """Index of the first period after it."""
    p_value: float
    """Share of shuffles whose best cut tells at least as much; one is added to both counts."""


def find_changes(
    counts: Counts, *, matters: Callable[[Counts, Counts], bool] = lambda before, after: True
) -> tuple[Cut, ...]:
    """Lasting changes in a series of counts, in order.

    Args:
        counts: one row per period in order of time, one column per cell. A period may be empty.
        matters: whether two stretches differ by enough, from the sums of their counts; a cut between stretches that do
            not is dropped, those that tell least first.
    """
    series = _without_rare(counts)
    block = round(len(series) ** (1 / 3)) if len(series) >= BLOCK_PERIODS else 1
    shortest = max(SHORTEST, block)
    found: set[int] = set()
    open_stretches = [(0, len(series))]
    while open_stretches:
        start, end = open_stretches.pop()
        inner = _division(series[start:end], block=block, shortest=shortest)
        if inner:
            bounds = [start, *(start + place for place in inner), end]
            found |= set(bounds[1:-1])
            open_stretches += pairwise(bounds)
    places = _settled(series, sorted(found), shortest)
    places = _kept(
        places,
        counts,
        lambda start, place, end: matters(counts[start:place].sum(axis=0), counts[place:end].sum(axis=0)),
    )
    while True:
        p_values = [
            _p_value(series[start:end], place - start, block=block, shortest=shortest)
            for start, place, end in _stretches(places, len(series))
        ]
        if not p_values or max(p_values) <= LEVEL:
            return tuple(Cut(place, p_value) for place, p_value in zip(places, p_values, strict=True))
        # The least certain goes first: without it its neighbours have longer stretches to stand on.
        places.pop(p_values.index(max(p_values)))
        places = _settled(series, places, shortest)


def _stretches(places: Sequence[int], periods: int) -> list[tuple[int, int, int]]:
    """Of each cut: where the stretch before it begins, the cut, and where the one after it ends."""
    bounds = [0, *places, periods]
    return list(zip(bounds, bounds[1:], bounds[2:], strict=False))


def _without_rare(counts: Counts) -> Counts:
    totals = counts.sum(axis=0)
    rare = totals < RARE_ROWS
    kept = counts[:, ~rare]
    rest = counts[:, rare].sum(axis=1, keepdims=True)
    return np.hstack([kept, rest]) if rest.any() else kept


def _used(series: Counts) -> Counts:
    return series[:, series.sum(axis=0) > 0]


def _division(series: Counts, *, block: int, shortest: int) -> list[int]:
    """Where to divide these periods: at the best cut, or around the interval that differs most from all others.

    Empty when neither tells more than chance among periods explains.
    """
    if len(series) < 2 * shortest:
        return []
    used = _used(series)
    if used.shape[1] < 2:
        return []
    best = shortest + int(np.argmax(cut_statistics(used, shortest=shortest)))
    if _p_value(series, best, block=block, shortest=shortest) <= LEVEL:
        return [best]
    return [place for place in _odd_interval(series, block=block, shortest=shortest) if 0 < place < len(series)]


def _odd_interval(series: Counts, *, block: int, shortest: int) -> tuple[int, ...]:
    """First period and end of the interval that differs most from the rest, by more than chance; otherwise nothing.

    Both are multiples of a block, and not yet the best places.
    """
    periods = len(series)
    series = _used(series)
    grid = np.unique([*range(0, periods, block), periods])
    first, last = np.triu_indices(len(grid), k=1)
    lengths = grid[last] - grid[first]
    usable = (lengths >= shortest) & (periods - lengths >= shortest)
    first, last = first[usable], last[usable]
    surplus, sizes = _surplus(series), series.sum(axis=1)

    def told(orders: npt.NDArray[np.int64]) -> Counts:
        # Cumulated up to each point of the grid; the squared length of a difference by the products of all pairs.
        gaps = _cumulated(surplus[orders], grid)
        rows = _cumulated(sizes[orders][..., None], grid)[..., 0]
        products = gaps @ np.swapaxes(gaps, -1, -2)
        squares = np.diagonal(products, axis1=-2, axis2=-1)
        squares = squares[..., first] + squares[..., last] - 2 * products[..., first, last]
        return _chi_square(squares, rows[..., last] - rows[..., first], sizes.sum())

    observed = told(np.arange(periods)[None])[0]
    if not observed.size or observed.max() <= 0:
        return ()
    best = int(np.argmax(observed))
    if _share_of_shuffles(told, float(observed[best]), periods, block) > LEVEL:
        return ()
    return int(grid[first[best]]), int(grid[last[best]])


def _p_value(series: Counts, place: int, *, block: int, shortest: int) -> float:
    """Share of shuffles of the periods whose best cut tells as much as this one."""
    periods = len(series)
    series = _used(series)
    if periods < 2 * shortest or series.shape[1] < 2:
        return 1.0
    surplus, sizes = _surplus(series), series.sum(axis=1)
    ends = np.arange(shortest, periods - shortest + 1)

    def told(orders: npt.NDArray[np.int64]) -> Counts:
        gaps = _cumulated(surplus[orders], ends)
        rows = _cumulated(sizes[orders][..., None], ends)[..., 0]
        return _chi_square(np.einsum("...k,...k->...", gaps, gaps), rows, sizes.sum())

    observed = told(np.arange(periods)[None])[0][place - shortest]
    return _share_of_shuffles(told, float(observed), periods, block) if observed > 0 else 1.0


def _share_of_shuffles(
    told: Callable[[npt.NDArray[np.int64]], Counts], observed: float, periods: int, block: int
) -> float:
    """Share of shuffles that tell at least as much at best; one is added to both counts.

    Ends early when it cannot be small any more. Source: Besag and Clifford (1991).
    """
    chance = np.random.Generator(np.random.PCG64(_SEED))
    # Rounding must not make the very same cut look better.
    enough = observed * (1 - 1e-9)
    reached = shuffled = 0
    while shuffled < SHUFFLES and (1 + reached) <= LEVEL * (1 + SHUFFLES):
        orders = shuffled_orders(chance, periods, block, count=min(_BATCH, SHUFFLES - shuffled))
        reached += int((told(orders).max(axis=-1) >= enough).sum())
        shuffled += len(orders)
    return (1 + reached) / (1 + shuffled)


def shuffled_orders(chance: np.random.Generator, periods: int, block: int, *, count: int) -> npt.NDArray[np.int64]:
    """One order of the periods per row: blocks of so many are shuffled; they begin anywhere and wrap around."""
    starts = np.arange(0, periods, block)
    blocks = starts[:, None] + np.arange(block)
    shuffled = blocks[np.argsort(chance.random((count, len(starts))), axis=1)].reshape(count, -1)
    # The last block may be shorter than the others.
    orders = shuffled[shuffled < periods].reshape(count, periods)
    turned: npt.NDArray[np.int64] = (orders + chance.integers(periods, size=(count, 1))) % periods
    return turned


def cut_statistics(series: Counts, *, shortest: int = SHORTEST) -> Counts:
    """Pearson's chi-square of the periods before and after each cut that leaves the shortest or more on either side.

    One row per period, one column per cell; every cell has rows. The first is of the cut after `shortest` periods.
    """
    sizes = series.sum(axis=1)
    ends = np.arange(shortest, len(series) - shortest + 1)
    gaps = _cumulated(_surplus(series), ends)
    return _chi_square((gaps**2).sum(axis=1), _cumulated(sizes[:, None], ends)[:, 0], sizes.sum())


def _surplus(series: Counts) -> Counts:
    """Each count less what it were without any change, by the root of the cell's share."""
    shares = series.sum(axis=0) / series.sum()
    surplus: Counts = (series - series.sum(axis=1, keepdims=True) * shares) / np.sqrt(shares)
    return surplus


def _cumulated(values: Counts, ends: npt.NDArray[np.int64]) -> Counts:
    """Sums over the last axis but one up to, not including, each end."""
    sums = np.cumsum(values, axis=-2)
    found: Counts = np.where((ends > 0)[:, None], sums[..., np.maximum(ends - 1, 0), :], 0.0)
    return found


def _chi_square(squares: Counts, rows: Counts, total: float) -> Counts:
    """Of some periods, with so many rows, against all others; 0 when either have none."""
    weight = rows * (total - rows)
    told: Counts = np.divide(squares * total, weight, out=np.zeros_like(squares), where=weight > 0)
    return told


def _settled(series: Counts, places: list[int], shortest: int) -> list[int]:
    """Each cut once more at its best place between its neighbours, which were not known when it was found.

    Source: Bai (1997).
    """
    settled = list(places)
    for index in range(len(settled)):
        start = settled[index - 1] if index else 0
        end = settled[index + 1] if index + 1 < len(settled) else len(series)
        if end - start >= 2 * shortest:
            told = cut_statistics(_used(series[start:end]), shortest=shortest)
            settled[index] = start + shortest + int(np.argmax(told))
    return settled


def _kept(places: Sequence[int], series: Counts, matters: Callable[[int, int, int], bool]) -> list[int]:
    """The cuts whose neighbouring stretches differ by enough; of those that do not, what tells least goes first."""
    kept = list(places)
    while True:
        weak = [stretch for stretch in _stretches(kept, len(series)) if not matters(*stretch)]
        if not weak:
            return kept
        kept.remove(min(weak, key=lambda stretch: _told(series, *stretch))[1])


def _told(series: Counts, start: int, place: int, end: int) -> float:
    before, after = series[start:place].sum(axis=0), series[place:end].sum(axis=0)
    n, m = before.sum(), after.sum()
    used = (before + after) > 0
    if not n or not m:
        return 0.0
    p, q, pooled = before[used] / n, after[used] / m, (before + after)[used] / (n + m)
    return float(((p - q) ** 2 / pooled).sum() * n * m / (n + m))
