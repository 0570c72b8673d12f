"""Neighbours are those of scikit-learn, and what follows from them is by its definition."""

from __future__ import annotations

import numpy as np
import pytest

from warehouse.statistics import neighbours
from warehouse.statistics.neighbours import Points, nearest_distances, points_of, resemblance
from warehouse.statistics.row_samples import Feature, RowSample

sklearn_neighbors = pytest.importorskip("sklearn.neighbors")
FEATURES = [Feature(column="a", sql=""), Feature(column="b", sql=""), Feature(column="c", sql="", is_category=True)]


def sample(rows: int, *, seed: int, shift: float = 0.0) -> RowSample:
    chance = np.random.default_rng(seed)
    values = np.stack(
        [chance.normal(shift, 3, rows), chance.exponential(2, rows), chance.integers(0, 4, rows) * 1e6], axis=1
    )
    values[chance.random(rows) < 0.1, 1] = np.nan
    values[chance.random(rows) < 0.1, 2] = np.nan
    hashes = np.arange(rows, dtype=np.uint64)
    return RowSample(hashes=hashes, groups=hashes, values=values)


def embedded(samples: list[RowSample]) -> list[np.ndarray]:
    """The same space written out: standardized numbers, and an indicator of each category, missing being one too."""
    values = np.concatenate([one.values for one in samples])
    columns = []
    for index in (0, 1):
        column, own = values[:, index], samples[0].values[:, index]
        columns.append(np.nan_to_num((column - np.nanmean(own)) / np.nanstd(own)))
    missing = np.isnan(values[:, 1])
    codes = np.nan_to_num(values[:, 2], nan=-1.0)
    columns += [missing, ~missing, *(codes == code for code in np.unique(codes))]
    return np.split(np.stack(columns, axis=1).astype(float), np.cumsum([one.row_count for one in samples])[:-1])


@pytest.fixture(params=[2_000_000, 1000], ids=["one block", "many blocks"])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "BLOCK_CELLS", request.param)


@pytest.mark.usefixtures("blocks")
def test_distances_are_those_of_scikit_learn() -> None:
    samples = [sample(150, seed=1), sample(90, seed=2, shift=1)]
    first, second = points_of(samples, FEATURES)
    own, other = embedded(samples)
    finder = sklearn_neighbors.NearestNeighbors(algorithm="brute").fit(own)

    expected, _ = finder.kneighbors(other, n_neighbors=3)
    for neighbour in (1, 2, 3):
        assert nearest_distances(second, first, neighbour=neighbour) == pytest.approx(expected[:, neighbour - 1])
    expected, _ = finder.kneighbors(n_neighbors=5)
    assert nearest_distances(first, first, neighbour=5, is_same=True) == pytest.approx(expected[:, 4])


@pytest.mark.usefixtures("blocks")
def test_precision_recall_density_and_coverage_are_by_their_definitions() -> None:
    samples = [sample(120, seed=3), sample(200, seed=4, shift=4)]
    real, other = embedded(samples)
    k = 5
    real_reach = sklearn_neighbors.NearestNeighbors().fit(real).kneighbors(n_neighbors=k)[0][:, -1]
    other_reach = sklearn_neighbors.NearestNeighbors().fit(other).kneighbors(n_neighbors=k)[0][:, -1]
    distances = np.linalg.norm(real[:, np.newaxis] - other, axis=2)

    found = resemblance(*points_of(samples, FEATURES), neighbours=k)

    inside = distances <= real_reach[:, np.newaxis]
    assert found.precision == pytest.approx(inside.any(axis=0).mean())
    assert found.recall == pytest.approx((distances <= other_reach).any(axis=1).mean())
    assert found.density == pytest.approx(inside.sum(axis=0).mean() / k)
    assert found.coverage == pytest.approx(inside.any(axis=1).mean())


def test_two_samples_of_one_law_cover_what_theory_says() -> None:
    found = resemblance(*points_of([sample(1500, seed=5), sample(1500, seed=6)], FEATURES), neighbours=5)

    # Naeem et al. (2020), section 3.3: 1 - 2^-5 for two large samples of one size.
    assert found.coverage == pytest.approx(1 - 2**-5, abs=0.015)
    assert found.density == pytest.approx(1.0, abs=0.05)


def test_equal_rows_have_no_distance_however_large_the_numbers() -> None:
    one = sample(50, seed=7)
    shifted = RowSample(hashes=one.hashes, groups=one.groups, values=one.values + np.array([1e9, 0, 0]))
    points, same = points_of([shifted, shifted], FEATURES)

    assert nearest_distances(points, same).max() == 0.0


def test_constant_columns_and_empty_samples_do_no_harm() -> None:
    hashes = np.arange(3, dtype=np.uint64)
    constant = RowSample(hashes=hashes, groups=hashes, values=np.ones((3, 3)))
    moved = RowSample(hashes=hashes, groups=hashes, values=np.array([[2.0, 1, 1]] * 3))
    first, second = points_of([constant, moved], FEATURES)

    assert first.numbers.shape == (3, 1)
    assert nearest_distances(second, first).min() > 0
    nothing = Points(numbers=np.zeros((0, 1)), codes=np.zeros((0, 0), dtype=np.int64))
    assert nearest_distances(nothing, first).shape == (0,)
    assert np.isinf(nearest_distances(first, nothing)).all()
