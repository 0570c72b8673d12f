"""Distances of centroids: their expectation without drift, their interval, and what they mean in distances."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from warehouse.engine.local import LocalEngine
from warehouse.statistics.embedding_facts import centroid_gap, norm_sql, normal_distance, read_vectors, vector_sql


def correlated(chance: np.random.Generator, rows: int, dimensions: int) -> np.ndarray:
    scales = np.linspace(2, 0.05, dimensions)
    mixed = np.random.default_rng(0).normal(size=(dimensions, dimensions)) * scales
    return np.asarray(chance.normal(size=(rows, dimensions)) @ mixed.T)


@pytest.mark.parametrize(("rows", "dimensions"), [(500, 8), (500, 64), (200, 300)])
def test_without_drift_alarms_are_as_rare_as_stated(rows: int, dimensions: int) -> None:
    chance = np.random.default_rng(rows + dimensions)
    alarms, low, squares, floors = 0, 0, [], []
    runs = 150
    for _ in range(runs):
        left, right = correlated(chance, rows, dimensions), correlated(chance, rows // 2, dimensions)
        found = centroid_gap(left, np.arange(rows), right, np.arange(rows // 2))
        assert found is not None
        alarms += found.p_value < 0.05
        low += found.low > 0
        squares.append(found.distance**2)
        floors.append(found.noise_floor**2)

    assert alarms / runs <= 0.1
    assert low / runs <= 0.1
    assert np.mean(squares) == pytest.approx(np.mean(floors), rel=0.1)


def test_a_shift_is_measured_in_spreads_whatever_the_rows() -> None:
    chance = np.random.default_rng(4)
    inside = 0
    for _ in range(100):
        left, right = chance.normal(size=(400, 50)), chance.normal(size=(300, 50)) + 0.3
        found = centroid_gap(left, np.arange(400), right, np.arange(300))
        assert found is not None
        inside += found.low <= 0.3 <= found.high
        assert found.p_value < 1e-6

    assert inside >= 90


def test_vectors_of_few_groups_know_less() -> None:
    chance = np.random.default_rng(6)
    alarms = 0
    for _ in range(100):
        sides = []
        for _ in range(2):
            groups = chance.integers(0, 40, 800)
            sides.append((chance.normal(size=(40, 16))[groups] + chance.normal(size=(800, 16)), groups))
        found = centroid_gap(*sides[0], *sides[1])
        assert found is not None
        alarms += found.p_value < 0.05

    assert alarms <= 15


def test_vectors_that_do_not_vary_are_equal_or_as_far_apart_as_can_be() -> None:
    ones, rows = np.ones((5, 3)), np.arange(5)

    same, apart = centroid_gap(ones, rows, ones, rows), centroid_gap(ones, rows, ones + 1, rows)

    assert same is not None
    assert (same.effect, same.p_value) == (0.0, 1.0)
    assert apart is not None
    assert (normal_distance(apart.low), apart.p_value) == (1.0, 0.0)
    assert centroid_gap(ones[:1], rows[:1], ones, rows) is None
    assert centroid_gap(ones, np.zeros(5), ones, rows) is None


@pytest.mark.parametrize("shift", [0.05, 0.24, 1.0, 4.0])
def test_the_distance_of_two_normal_laws_is_that_of_their_densities(shift: float) -> None:
    def integrand(x: float) -> float:
        p, q = stats.norm.pdf(x), stats.norm.pdf(x, shift)
        return (p * math.log2(2 * p / (p + q)) + q * math.log2(2 * q / (p + q))) / 2

    area, _ = integrate.quad(integrand, -9, shift + 9, epsabs=1e-12)

    assert normal_distance(shift) == pytest.approx(math.sqrt(area), abs=1e-6)
    assert (normal_distance(0), normal_distance(math.inf)) == (0, 1)


def test_vectors_are_read_whole_and_in_order(engine: LocalEngine) -> None:
    engine.connection.execute(
        "create table v as select hash(i) as choice, i as row, i % 3 as cluster, "
        f"{vector_sql('x')} as v, {norm_sql('x')} as norm from (select i, case i when 3 then [1, null, 2] "
        "when 4 then [1, 'nan'::double, 2] when 5 then null when 6 then ['inf'::double, 1, 2] "
        "when 7 then [] else [i, i * 10, i * 100] end as x from range(40) as r(i)) as vectors"
    )

    vectors, clusters = read_vectors(engine, "v", "v", length=3)

    assert vectors.shape == (35, 3)
    assert sorted(vectors[:, 0].tolist()) == [float(i) for i in range(40) if i not in (3, 4, 5, 6, 7)]
    assert np.array_equal(vectors, vectors[:, :1] * [1, 10, 100])
    assert np.array_equal(clusters, vectors[:, 0] % 3)
    norms = engine.connection.execute("select norm from v where row in (2, 3, 4, 6) order by row").fetchall()
    assert norms[0][0] == pytest.approx(math.sqrt(4 + 400 + 40000))
    assert norms[1][0] is None
    assert math.isnan(norms[2][0])
    assert math.isinf(norms[3][0])
