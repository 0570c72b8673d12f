"""Change points: none where nothing changes, at the right place where something does, whatever else varies."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from warehouse.statistics.change_points import cut_statistics, find_changes, shuffled_orders


def drawn(chance: np.random.Generator, shares: np.ndarray, *, rows: int, spread: float = 0.0) -> np.ndarray:
    """Counts of as many periods as there are rows of shares; `spread` is what periods differ by beyond chance."""
    shares = shares * np.exp(spread * chance.normal(size=shares.shape))
    shares /= shares.sum(axis=1, keepdims=True)
    sizes = chance.integers(rows // 2, 2 * rows, size=len(shares))
    return np.array([chance.multinomial(size, share) for size, share in zip(sizes, shares, strict=True)], dtype=float)


def alike(periods: int, cells: int = 12) -> np.ndarray:
    return np.tile(np.ones(cells) / cells, (periods, 1))


def tilted(periods: int, cells: int = 12) -> np.ndarray:
    shares = alike(periods, cells) * (1 + 0.6 * np.sin(np.arange(cells)))
    return shares / shares.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("periods", "rows", "spread"), [(12, 500, 0.0), (24, 2000, 0.3), (52, 300, 0.0), (100, 800, 0.3)]
)
def test_without_a_change_hardly_any_series_shows_one(periods: int, rows: int, spread: float) -> None:
    chance = np.random.default_rng(periods)
    false = sum(bool(find_changes(drawn(chance, alike(periods), rows=rows, spread=spread))) for _ in range(150))

    # One in a hundred is stated; seven of 150 have a chance of 1 in 1,500 then.
    assert false <= 6


@pytest.mark.parametrize("rows", [200, 2000])
def test_weekends_and_spells_are_no_lasting_changes(rows: int) -> None:
    chance = np.random.default_rng(5)
    false = 0
    for _ in range(60):
        shares = alike(150)
        shares[5::7] = shares[6::7] = tilted(1)[0]
        spells = np.repeat(chance.normal(size=(50, 12)), 3, axis=0)
        false += bool(find_changes(drawn(chance, shares * np.exp(0.2 * spells), rows=rows)))

    assert false <= 4


@pytest.mark.parametrize(("periods", "place"), [(12, 6), (12, 8), (24, 18), (52, 40), (200, 60), (200, 190)])
def test_a_planted_change_is_dated_right(periods: int, place: int) -> None:
    chance = np.random.default_rng(place)
    exact = 0
    for _ in range(20):
        shares = np.vstack([alike(place), tilted(periods - place)])
        exact += [cut.place for cut in find_changes(drawn(chance, shares, rows=1000, spread=0.1))] == [place]

    assert exact >= 17


def test_several_changes_are_found_each_at_its_place() -> None:
    shares = np.vstack([alike(30), tilted(30), alike(30)[:, ::-1], tilted(30)[:, ::-1]])

    cuts = find_changes(drawn(np.random.default_rng(1), shares, rows=2000, spread=0.05))

    assert [cut.place for cut in cuts] == [30, 60, 90]
    assert all(0 < cut.p_value <= 0.01 for cut in cuts)


def test_a_change_that_does_not_matter_is_dropped() -> None:
    counts = drawn(np.random.default_rng(2), np.vstack([alike(20), tilted(20)]), rows=1000)

    assert [cut.place for cut in find_changes(counts, matters=lambda before, after: before.sum() > 0)] == [20]
    assert find_changes(counts, matters=lambda before, after: False) == ()


def test_one_odd_period_is_no_lasting_change() -> None:
    for odd in (0, 7, 29):
        shares = alike(30)
        shares[odd] = tilted(1)[0]
        assert find_changes(drawn(np.random.default_rng(odd), shares, rows=2000)) == ()


@pytest.mark.parametrize(
    "counts",
    [
        np.zeros((0, 3)),
        np.ones((1, 3)),
        np.full((3, 4), 50.0),
        np.zeros((20, 4)),
        np.full((20, 1), 50.0),
        np.full((20, 4), 50.0),
        np.vstack([np.zeros((19, 4)), np.full((1, 4), 100.0)]),
    ],
    ids=["no periods", "one", "three", "no rows", "one cell", "all equal", "rows in one period only"],
)
def test_series_that_can_have_no_change_have_none(counts: np.ndarray) -> None:
    assert find_changes(counts) == ()


def test_periods_without_rows_are_no_obstacle() -> None:
    exact = 0
    for seed in range(20):
        counts = drawn(np.random.default_rng(seed), np.vstack([alike(20), tilted(20)]), rows=1000)
        counts[[4, 5, 25]] = 0
        exact += [cut.place for cut in find_changes(counts)] == [20]

    assert exact >= 17


def test_what_comes_and_goes_is_found_at_both_ends() -> None:
    # Five blocks of four periods; two or three blocks would come together in more than one of 100 shuffles.
    shares = np.vstack([alike(25), tilted(20), alike(25)])

    cuts = find_changes(drawn(np.random.default_rng(8), shares, rows=2000, spread=0.05))

    assert [cut.place for cut in cuts] == [25, 45]


def test_the_answer_is_the_same_each_time() -> None:
    counts = drawn(np.random.default_rng(4), np.vstack([alike(30), tilted(30)]), rows=300, spread=0.2)

    assert find_changes(counts) == find_changes(counts.copy())


def test_cut_statistics_are_scipys_chi_square() -> None:
    series = np.random.default_rng(6).integers(1, 50, size=(15, 6)).astype(float)

    found = cut_statistics(series)

    expected = [
        stats.chi2_contingency(np.array([series[:place].sum(axis=0), series[place:].sum(axis=0)]), correction=False)[0]
        for place in range(2, 14)
    ]
    assert found == pytest.approx(np.array(expected), rel=1e-9)


@pytest.mark.parametrize(("periods", "block"), [(5, 1), (50, 4), (53, 4), (365, 7)])
def test_shuffles_hold_each_period_once_and_keep_neighbours(periods: int, block: int) -> None:
    orders = shuffled_orders(np.random.default_rng(0), periods, block, count=200)

    assert (np.sort(orders, axis=1) == np.arange(periods)).all()
    followed = ((orders[:, 1:] - orders[:, :-1]) % periods == 1).mean()
    assert followed == pytest.approx((block - 1) / block, abs=0.25 if block == 1 else 0.1)
    # No period has a usual place.
    assert orders.mean(axis=0) == pytest.approx(np.full(periods, (periods - 1) / 2), rel=0.3)
