"""Floors and intervals by simulation: what noise makes of each measure, and that the truth lies within."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from warehouse.statistics.distance import (
    Counts,
    kolmogorov_smirnov_sorted,
    largest_change,
    population_stability_index,
    standardised_mean_difference,
    total_variation,
    wasserstein_sorted,
)
from warehouse.statistics.noise import (
    Noise,
    kolmogorov_smirnov_noise,
    largest_change_noise,
    mean_difference_noise,
    population_stability_noise,
    share_change_noise,
    spread_binned,
    spread_sorted,
    total_variation_noise,
    wasserstein_noise,
)

Measure = Callable[[Counts, Counts], float]
NoiseOf = Callable[[float, Counts, Counts], Noise]
OF_CELLS: list[tuple[Measure, NoiseOf]] = [
    (population_stability_index, population_stability_noise),
    (total_variation, total_variation_noise),
    (largest_change, largest_change_noise),
]
NAMES = ["psi", "total variation", "largest change"]


def law_of(cells: int, tilt: float = 0.0) -> np.ndarray:
    law = np.arange(1, cells + 1) / cells * np.exp(tilt * np.linspace(-1.7, 1.7, cells))
    return np.asarray(law / law.sum())


@pytest.mark.parametrize(("measure", "noise_of"), OF_CELLS, ids=NAMES)
@pytest.mark.parametrize("cells", [2, 10, 60])
@pytest.mark.parametrize(("left_rows", "right_rows"), [(2000, 2000), (20_000, 5000)])
def test_the_floor_is_what_samples_of_one_law_give(
    measure: Measure, noise_of: NoiseOf, cells: int, left_rows: int, right_rows: int
) -> None:
    chance = np.random.default_rng(1)
    law = law_of(cells)
    values, floors = [], []
    for _ in range(700):
        left, right = (chance.multinomial(rows, law).astype(float) for rows in (left_rows, right_rows))
        values.append(measure(left, right))
        floors.append(noise_of(values[-1], left, right).floor)

    assert np.mean(values) == pytest.approx(np.mean(floors), rel=0.12)


@pytest.mark.parametrize(("measure", "noise_of"), OF_CELLS, ids=NAMES)
@pytest.mark.parametrize("tilt", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("cells", [2, 20])
def test_the_interval_holds_the_true_measure_of_cells(
    measure: Measure, noise_of: NoiseOf, tilt: float, cells: int
) -> None:
    chance = np.random.default_rng(2)
    laws = law_of(cells), law_of(cells, tilt)
    true = measure(1e9 * laws[0], 1e9 * laws[1])
    held = []
    for _ in range(400):
        left, right = chance.multinomial(3000, laws[0]).astype(float), chance.multinomial(1500, laws[1]).astype(float)
        noise = noise_of(measure(left, right), left, right)
        held.append(noise.low <= true + 1e-12 and true <= noise.high)

    assert np.mean(held) >= 0.93


def gap_noise(left: np.ndarray, right: np.ndarray) -> tuple[Noise, Noise]:
    left, right = np.sort(left), np.sort(right)
    counts = float(len(left)), float(len(right))
    smirnov = kolmogorov_smirnov_noise(kolmogorov_smirnov_sorted(left, right), *counts)
    moved = wasserstein_noise(
        wasserstein_sorted(left, right),
        counts=counts,
        spreads=(spread_sorted(left), spread_sorted(right)),
        variances=(float(left.var()), float(right.var())),
    )
    return smirnov, moved


def cumulative_gaps(left: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    return stats.ks_2samp(left, right, method="asymp").statistic, stats.wasserstein_distance(left, right)


@pytest.mark.parametrize(("left_rows", "right_rows"), [(500, 500), (4000, 800)])
@pytest.mark.parametrize("law", ["normal", "exponential", "uniform"])
def test_the_floors_of_cumulative_gaps_are_what_samples_of_one_law_give(
    law: str, left_rows: int, right_rows: int
) -> None:
    chance = np.random.default_rng(3)
    draw = getattr(chance, law)
    found, floors = [], []
    for _ in range(300):
        left, right = draw(size=left_rows), draw(size=right_rows)
        found.append(cumulative_gaps(left, right))
        floors.append([noise.floor for noise in gap_noise(left, right)])

    assert np.mean(found, axis=0) == pytest.approx(np.mean(floors, axis=0), rel=0.06)


@pytest.mark.parametrize("shift", [0.0, 0.05, 0.5])
@pytest.mark.parametrize("scale", [1.0, 1.6])
def test_the_intervals_of_cumulative_gaps_hold_the_truth(shift: float, scale: float) -> None:
    chance = np.random.default_rng(4)
    levels = (np.arange(200_000) + 0.5) / 200_000
    true = cumulative_gaps(stats.norm.ppf(levels), stats.norm.ppf(levels, shift, scale))
    held = []
    for _ in range(300):
        noises = gap_noise(chance.normal(size=900), chance.normal(shift, scale, 600))
        held.append([noise.low <= truth <= noise.high for noise, truth in zip(noises, true, strict=True)])

    assert np.mean(held, axis=0).min() >= 0.94


@pytest.mark.parametrize("shift", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_the_interval_of_the_mean_difference_holds_the_truth(shift: float, scale: float) -> None:
    chance = np.random.default_rng(5)
    true = shift / math.sqrt((1 + scale**2) / 2)
    held, sizes, floors = [], [], []
    for _ in range(1500):
        left, right = chance.normal(size=400), chance.normal(shift, scale, 200)
        variances = float(left.var()), float(right.var())
        value = standardised_mean_difference(float(left.mean()), float(right.mean()), *variances)
        assert value is not None
        noise = mean_difference_noise(value, counts=(400, 200), variances=variances)
        held.append(noise.low <= true <= noise.high)
        sizes.append(abs(value))
        floors.append(noise.floor)

    assert np.mean(held) == pytest.approx(0.95, abs=0.02)
    if shift == 0:
        assert np.mean(sizes) == pytest.approx(np.mean(floors), rel=0.06)


@pytest.mark.parametrize(("p", "q"), [(0.0, 0.0), (0.02, 0.02), (0.1, 0.15), (0.5, 0.5), (1.0, 0.9)])
def test_the_interval_of_a_share_holds_the_truth(p: float, q: float) -> None:
    chance = np.random.default_rng(6)
    lefts, rights = chance.binomial(300, p, 2000), chance.binomial(120, q, 2000)
    noises = [share_change_noise((a, 300), (b, 120)) for a, b in zip(lefts, rights, strict=True)]

    assert np.mean([noise.low <= q - p <= noise.high for noise in noises]) >= 0.94
    if p == q:
        sizes = np.abs(rights / 120 - lefts / 300)
        assert np.mean(sizes) == pytest.approx(np.mean([noise.floor for noise in noises]), rel=0.08, abs=1e-12)


@pytest.mark.parametrize("rows", [1, 2, 3, 1000, 70_000])
def test_the_spread_of_values_is_the_area_it_says(rows: int) -> None:
    values = np.sort(np.random.default_rng(7).standard_cauchy(rows))
    ranks = np.arange(1, rows)

    # Many values are thinned out.
    expected = (np.sqrt(ranks * (rows - ranks)) / rows) @ np.diff(values)
    assert spread_sorted(values) == pytest.approx(expected, rel=1e-9 if rows < 20_000 else 0.03)


def test_the_spread_of_bins_is_near_that_of_values() -> None:
    values = np.sort(np.random.default_rng(8).normal(size=50_000))
    counts, edges = np.histogram(values, bins=200)

    assert spread_binned(counts.astype(float), np.diff(edges)) == pytest.approx(spread_sorted(values), rel=0.01)


@pytest.mark.parametrize("value", [0.0, 5.0, -1e300])
def test_a_constant_has_no_noise(value: float) -> None:
    constant = np.full(100, value)

    assert spread_sorted(constant) == 0.0
    assert spread_binned(np.array([100.0]), np.array([0.0])) == 0.0
    assert mean_difference_noise(0.0, counts=(100, 100), variances=(0.0, 0.0)) == Noise(floor=0.0, low=0.0, high=0.0)
    one_cell = np.array([100.0])
    assert total_variation_noise(0.0, one_cell, one_cell).floor == 0.0
    assert population_stability_noise(0.0, one_cell, one_cell).floor == 0.0
