"""Distances against scipy, by hand, and by simulation where they promise something about chance."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from warehouse.statistics.distance import (
    counts_of,
    jensen_shannon_distance,
    kolmogorov_smirnov_binned,
    largest_change,
    measure_jensen_shannon,
    population_stability_index,
    standardised_mean_difference,
    total_variation,
    wasserstein_binned,
)

counts = st.lists(st.integers(0, 1000), min_size=2, max_size=30).filter(any).map(lambda values: counts_of(*values))


@st.composite
def two_counts(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    size = draw(st.integers(1, 30))
    side = st.lists(st.integers(0, 1000), min_size=size, max_size=size).filter(any)
    return counts_of(*draw(side)), counts_of(*draw(side))


@given(two_counts())
def test_jensen_shannon_is_scipys(both: tuple[np.ndarray, np.ndarray]) -> None:
    left, right = both
    expected = jensenshannon(left, right, base=2)

    # scipy takes the root of tiny negative divergences, which is not a number.
    assert jensen_shannon_distance(left, right) == pytest.approx(0.0 if math.isnan(expected) else expected, abs=1e-7)


@given(two_counts())
def test_distances_are_symmetric_and_within_their_range(both: tuple[np.ndarray, np.ndarray]) -> None:
    left, right = both
    for distance in (jensen_shannon_distance, total_variation, largest_change):
        assert 0 <= distance(left, right) <= 1 + 1e-12
        assert distance(left, right) == pytest.approx(distance(right, left), abs=1e-9)
    assert population_stability_index(left, right) >= 0


@given(counts)
def test_distances_of_equals_are_zero(side: np.ndarray) -> None:
    for distance in (jensen_shannon_distance, total_variation, largest_change, population_stability_index):
        assert distance(side, side) == pytest.approx(0.0, abs=1e-7)
    assert measure_jensen_shannon(side, side).low == 0.0


def test_sides_that_share_nothing_are_one_apart() -> None:
    left, right = counts_of(10, 0), counts_of(0, 30)

    assert jensen_shannon_distance(left, right) == 1.0
    assert total_variation(left, right) == 1.0
    assert largest_change(left, right) == 1.0


def test_psi_by_hand() -> None:
    p, q = 50.5 / 101, 20.5 / 101

    expected = (p - q) * math.log(p / q) + ((1 - p) - (1 - q)) * math.log((1 - p) / (1 - q))

    assert population_stability_index(counts_of(50, 50), counts_of(20, 80)) == pytest.approx(expected)


def test_psi_of_a_new_category_is_finite() -> None:
    assert 1 < population_stability_index(counts_of(1000, 0), counts_of(800, 200)) < 10


def test_binned_kolmogorov_smirnov_bounds_the_exact_one() -> None:
    chance = np.random.default_rng(2)
    for shift in (0.0, 0.05, 0.5):
        left, right = chance.normal(0, 1, 5000), chance.normal(shift, 1, 2000)
        exact = stats.ks_2samp(left, right, method="asymp").statistic
        edges = np.concatenate(([-np.inf], np.quantile(left, np.linspace(0, 1, 30)), [np.inf]))
        gap, error = kolmogorov_smirnov_binned(
            np.histogram(left, edges)[0].astype(float), np.histogram(right, edges)[0].astype(float)
        )

        assert gap - 1e-3 <= exact <= gap + error + 1e-3
        assert error < 0.1


def test_binned_kolmogorov_smirnov_is_exact_on_single_values() -> None:
    left, right = np.repeat([0.0, 1.0, 2.0], [50, 30, 20]), np.repeat([0.0, 1.0, 2.0], [20, 70, 10])
    gap, _ = kolmogorov_smirnov_binned(counts_of(50, 30, 20), counts_of(20, 70, 10))

    assert gap == pytest.approx(stats.ks_2samp(left, right).statistic)


def test_binned_wasserstein_is_right_within_its_error() -> None:
    chance = np.random.default_rng(3)
    for shift in (0.0, 0.2, 3.0):
        left, right = chance.normal(0, 1, 5000), chance.normal(shift, 1.5, 4000)
        edges = np.linspace(-8, 12, 81)
        area, error = wasserstein_binned(
            np.histogram(left, edges)[0].astype(float),
            np.histogram(right, edges)[0].astype(float),
            np.diff(edges),
        )

        assert abs(area - stats.wasserstein_distance(left, right)) <= error
        assert error <= 0.2501


def test_standardised_mean_difference_by_hand() -> None:
    assert standardised_mean_difference(1.0, 2.0, 3.0, 5.0) == pytest.approx(0.5)
    assert standardised_mean_difference(1.0, 1.0, 0.0, 0.0) == 0.0
    assert standardised_mean_difference(1.0, 2.0, 0.0, 0.0) is None


@pytest.mark.parametrize("cells", [2, 8, 60])
@pytest.mark.parametrize(("left_rows", "right_rows"), [(500, 500), (5000, 1000), (100_000, 100_000)])
def test_noise_floor_is_the_distance_of_samples_of_one_law(cells: int, left_rows: int, right_rows: int) -> None:
    chance = np.random.default_rng(4)
    law = np.arange(1, cells + 1) / np.arange(1, cells + 1).sum()
    measured = [
        measure_jensen_shannon(
            chance.multinomial(left_rows, law).astype(float), chance.multinomial(right_rows, law).astype(float)
        )
        for _ in range(1500)
    ]

    squares = np.mean([one.distance**2 for one in measured])
    assert squares == pytest.approx(np.mean([one.noise_floor**2 for one in measured]), rel=0.12)
    assert np.mean([one.p_value < 0.05 for one in measured]) == pytest.approx(0.05, abs=0.025)
    # At no difference only the lower bound can be wrong.
    assert np.mean([one.low > 0 for one in measured]) < 0.08


@pytest.mark.parametrize("tilt", [0.05, 0.1, 0.3, 1.0])
@pytest.mark.parametrize(
    ("cells", "left_rows", "right_rows"),
    # No more cells than the root of the rows, as `distribution_cells` makes them.
    [(2, 500, 500), (8, 500, 500), (20, 500, 500), (2, 5000, 1000), (30, 5000, 1000), (60, 100_000, 100_000)],
)
def test_interval_holds_the_true_distance_95_times_in_100(
    cells: int, tilt: float, left_rows: int, right_rows: int
) -> None:
    chance = np.random.default_rng(5)
    left_law = np.full(cells, 1 / cells)
    right_law = left_law * np.exp(tilt * np.linspace(-1.7, 1.7, cells))
    right_law /= right_law.sum()
    true = jensen_shannon_distance(left_law, right_law)

    measured = [
        measure_jensen_shannon(
            chance.multinomial(left_rows, left_law).astype(float),
            chance.multinomial(right_rows, right_law).astype(float),
        )
        for _ in range(2000)
    ]

    assert np.mean([one.low <= true <= one.high for one in measured]) >= 0.93


def tilted(cells: int, distance: float) -> tuple[np.ndarray, np.ndarray]:
    """Two laws that are exactly this far apart."""
    law = np.arange(1, cells + 1) / np.arange(1, cells + 1).sum()
    low, high = 0.0, 5.0
    for _ in range(80):
        tilt = (low + high) / 2
        other = law * np.exp(tilt * np.linspace(-1, 1, cells))
        other /= other.sum()
        low, high = (tilt, high) if jensen_shannon_distance(law, other) < distance else (low, tilt)
    return law, other


@pytest.mark.parametrize("cells", [2, 8, 20])
@pytest.mark.parametrize(("left_rows", "right_rows"), [(500, 500), (2000, 2000), (10_000, 2000), (1_000_000, 200_000)])
def test_a_distance_on_its_threshold_is_called_above_or_below_once_in_forty(
    cells: int, left_rows: int, right_rows: int
) -> None:
    chance = np.random.default_rng(6)
    left_law, right_law = tilted(cells, 0.1)

    measured = [
        measure_jensen_shannon(
            chance.multinomial(left_rows, left_law).astype(float),
            chance.multinomial(right_rows, right_law).astype(float),
        )
        for _ in range(1500)
    ]

    # 2.5 % on either side; three standard deviations of 1,500 tries are 1.2 %. Many small cells raise it a little.
    assert np.mean([one.low > 0.1 for one in measured]) <= 0.04
    assert np.mean([one.high < 0.1 for one in measured]) <= 0.037
