"""Estimates and their intervals, against scipy and hand-made cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from warehouse.statistics.estimates import (
    Mean,
    difference,
    known,
    mean_estimate,
    rate_estimate,
    root_estimate,
    rows_for_difference,
    smallest_difference,
    student_quantile,
)


@pytest.mark.parametrize(("hits", "rows"), [(0, 10), (1, 10), (37, 400), (400, 400), (5_000, 90_000)])
def test_a_rate_has_wilsons_interval(hits: int, rows: int) -> None:
    found = rate_estimate(Mean(value=hits / rows, standard_error=0.0, row_count=rows))

    wilson = stats.binomtest(hits, rows).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((wilson.low, wilson.high), abs=1e-12)


@pytest.mark.parametrize("degrees", [1, 2, 3, 5, 10, 30, 1_000])
def test_students_quantile_is_within_one_percent(degrees: int) -> None:
    assert student_quantile(degrees) == pytest.approx(stats.t.ppf(0.975, degrees), rel=0.01)


def test_clustered_rows_count_as_fewer() -> None:
    alone = rate_estimate(Mean(value=0.3, standard_error=math.sqrt(0.21 / 1000), row_count=1000))
    bound = rate_estimate(Mean(value=0.3, standard_error=math.sqrt(0.21 / 100), row_count=1000, cluster_count=100))

    assert bound.high - bound.low == pytest.approx(math.sqrt(10) * (alone.high - alone.low), rel=0.05)
    none = rate_estimate(Mean(value=0.0, standard_error=0.0, row_count=1000, cluster_count=20))
    assert none.high > 0.15


def test_a_difference_of_rates_is_newcombes() -> None:
    # Newcombe (1998), table II, method 10, case (a): 56/70 - 48/80.
    left = rate_estimate(Mean(value=48 / 80, standard_error=0.0, row_count=80))
    right = rate_estimate(Mean(value=56 / 70, standard_error=0.0, row_count=70))

    found = difference(left, right)

    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    certain = difference(known(0.5), right)
    assert (certain.low, certain.high) == pytest.approx((right.low - 0.5, right.high - 0.5))


def test_one_row_tells_nothing() -> None:
    found = mean_estimate(Mean(value=2.0, standard_error=math.inf, row_count=1), least=0.0)

    assert (found.low, found.high) == (0.0, math.inf)


def test_a_root_holds_its_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(5)
    held = 0
    for _ in range(400):
        squares = random.normal(0, 3, 200) ** 2
        mean = Mean(value=squares.mean(), standard_error=squares.std(ddof=1) / math.sqrt(200), row_count=200)
        estimate = root_estimate(mean)
        held += estimate.low <= 3 <= estimate.high
    assert 0.91 <= held / 400 <= 0.98


def test_so_many_rows_tell_a_difference_four_times_in_five() -> None:
    rows = rows_for_difference(0.1 * 0.9, 0.03)
    assert smallest_difference(0.1 * 0.9, rows) == pytest.approx(0.03, rel=1e-3)

    random = np.random.default_rng(7)
    left, right = random.binomial(rows, 0.085, 4000) / rows, random.binomial(rows, 0.115, 4000) / rows
    error = np.sqrt((left * (1 - left) + right * (1 - right)) / rows)
    assert np.mean(np.abs(right - left) > 1.96 * error) == pytest.approx(0.8, abs=0.03)
