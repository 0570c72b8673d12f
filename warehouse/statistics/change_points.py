"""When a series of distributions changes for good: counts per period and cell in, first periods after a change out.

Periods of real data differ by more than their rows' chance: weekends, weather, batches. So a change is not what chance
among rows cannot explain, but what chance among *periods* cannot: the best cut of the series has to tell more than
nearly all best cuts of the same periods in shuffled order. Sources: hierarchical bisection with a permutation test,
Matteson and James (2014); shuffling in blocks, since neighbouring days are alike, Kirch (2007); the statistic is
Pearson's chi-square of both stretches, the largest over all cuts (Horváth and Serbinowska 1995).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from warehouse.statistics.distance import Counts

LEVEL = 0.01
"""At most this share of series without a change shows one."""
SHUFFLES = 499
SHORTEST = 2
"""A stretch has at least so many periods: one that is odd is no lasting change."""
BLOCK_PERIODS = 50
"""From so many periods on they are shuffled in blocks, which keeps weeks together."""
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
    found: dict[int, float] = {}
    open_stretches = [(0, len(series))]
    while open_stretches:
        start, end = open_stretches.pop()
        cut = _best_cut(series[start:end])
        if cut is not None:
            found[start + cut.place] = cut.p_value
            open_stretches += [(start, start + cut.place), (start + cut.place, end)]
    places = _pruned(_settled(series, sorted(found)), counts, series, matters)
    # A cut that was moved keeps the p-value of the one that it comes from.
    p_values = [found[place] if place in found else _nearest(found, place) for place in places]
    return tuple(Cut(place, p_value) for place, p_value in zip(places, p_values, strict=True))


def _nearest(found: dict[int, float], place: int) -> float:
    return found[min(found, key=lambda other: abs(other - place))]


def _without_rare(counts: Counts) -> Counts:
    totals = counts.sum(axis=0)
    rare = totals < RARE_ROWS
    kept = counts[:, ~rare]
    rest = counts[:, rare].sum(axis=1, keepdims=True)
    return np.hstack([kept, rest]) if rest.any() else kept


def _used(series: Counts) -> Counts:
    return series[:, series.sum(axis=0) > 0]


def _best_cut(series: Counts) -> Cut | None:
    """The cut that tells most, when it tells more than chance among periods explains."""
    periods = len(series)
    series = _used(series)
    if periods < 2 * SHORTEST or series.shape[1] < 2 or not series.sum():
        return None
    told = cut_statistics(series)
    best = int(np.argmax(told))
    if told[best] <= 0:
        return None
    chance = np.random.Generator(np.random.PCG64(_SEED))
    block = round(periods ** (1 / 3)) if periods >= BLOCK_PERIODS else 1
    # Rounding must not make the very same cut look better.
    enough = told[best] * (1 - 1e-9)
    most = int(LEVEL * (SHUFFLES + 1)) - 1
    reached = shuffled = 0
    while shuffled < SHUFFLES:
        size = min(_BATCH, SHUFFLES - shuffled)
        orders = np.array([shuffled_order(chance, periods, block) for _ in range(size)])
        reached += int((cut_statistics(series[orders]).max(axis=-1) >= enough).sum())
        shuffled += size
        if reached > most:
            return None
    return Cut(best + SHORTEST, (1 + reached) / (1 + shuffled))


def shuffled_order(chance: np.random.Generator, periods: int, block: int) -> npt.NDArray[np.int64]:
    """The periods' indices with blocks of so many in another order; blocks begin anywhere and wrap around."""
    if block == 1:
        return chance.permutation(periods)
    turned = np.roll(np.arange(periods), -int(chance.integers(periods)))
    starts = np.arange(0, periods, block)
    return np.concatenate([turned[start : start + block] for start in chance.permutation(starts)])


def cut_statistics(series: Counts) -> Counts:
    """Pearson's chi-square of the periods before and after each cut that leaves two or more on either side.

    The last two axes are periods and cells; every cell has rows. Stretches without rows tell nothing.
    """
    totals = series.sum(axis=-2, keepdims=True)
    sizes = series.sum(axis=-1)
    total = totals.sum(axis=-1)
    shares = totals / total[..., None]
    scaled = (series - sizes[..., None] * shares) / np.sqrt(shares)
    first, last = SHORTEST - 1, series.shape[-2] - SHORTEST
    gaps = np.cumsum(scaled, axis=-2)[..., first:last, :]
    before = np.cumsum(sizes, axis=-1)[..., first:last]
    weight = before * (total - before)
    squares: Counts = np.einsum("...k,...k->...", gaps, gaps) * total
    told: Counts = np.divide(squares, weight, out=np.zeros_like(squares), where=weight > 0)
    return told


def _settled(series: Counts, places: list[int]) -> list[int]:
    """Each cut once more at its best place between its neighbours, which were not known when it was found.

    Source: Bai (1997).
    """
    settled = list(places)
    for index in range(len(settled)):
        start = settled[index - 1] if index else 0
        end = settled[index + 1] if index + 1 < len(settled) else len(series)
        if end - start >= 2 * SHORTEST:
            settled[index] = start + SHORTEST + int(np.argmax(cut_statistics(_used(series[start:end]))))
    return settled


def _pruned(places: list[int], counts: Counts, series: Counts, matters: Callable[[Counts, Counts], bool]) -> list[int]:
    """The cuts whose neighbouring stretches differ by enough."""
    kept = list(places)
    while kept:
        bounds = [0, *kept, len(counts)]
        weak = []
        for index, place in enumerate(kept):
            start, end = bounds[index], bounds[index + 2]
            if not matters(counts[start:place].sum(axis=0), counts[place:end].sum(axis=0)):
                weak.append((_told(series, start, place, end), place))
        if not weak:
            break
        kept.remove(min(weak)[1])
    return kept


def _told(series: Counts, start: int, place: int, end: int) -> float:
    before, after = series[start:place].sum(axis=0), series[place:end].sum(axis=0)
    n, m = before.sum(), after.sum()
    used = (before + after) > 0
    if not n or not m:
        return 0.0
    p, q, pooled = before[used] / n, after[used] / m, (before + after)[used] / (n + m)
    return float(((p - q) ** 2 / pooled).sum() * n * m / (n + m))
