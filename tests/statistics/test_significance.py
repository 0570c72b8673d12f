"""Tail probabilities against scipy."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from warehouse.statistics.significance import (
    benjamini_hochberg,
    chi_square_tail,
    kolmogorov_tail,
    normal_tail,
)


@pytest.mark.parametrize("degrees", [1, 2, 3, 19, 99, 499, 5000])
@pytest.mark.parametrize("factor", [0.0, 1e-6, 0.1, 0.9, 1.0, 1.01, 1.5, 3.0, 20.0])
def test_chi_square_tail_is_scipys(degrees: int, factor: float) -> None:
    statistic = degrees * factor

    assert chi_square_tail(statistic, degrees) == pytest.approx(stats.chi2.sf(statistic, degrees), rel=1e-9, abs=1e-300)


def test_chi_square_tail_of_infinity_is_zero() -> None:
    assert chi_square_tail(math.inf, 3) == 0.0
    assert chi_square_tail(1e9, 3) == 0.0


@pytest.mark.parametrize("x", [0.0, 0.19, 0.3, 0.5, 0.8, 1.0, 1.17, 1.19, 1.5, 2.0, 3.0, 6.0])
def test_kolmogorov_tail_is_scipys(x: float) -> None:
    n, m = 2000, 500

    assert kolmogorov_tail(x / math.sqrt(n * m / (n + m)), n, m) == pytest.approx(stats.kstwobign.sf(x), rel=1e-8)


def test_kolmogorov_tail_without_rows_is_one() -> None:
    assert kolmogorov_tail(0.5, 0, 10) == 1.0


@pytest.mark.parametrize("x", [-3.0, 0.0, 1.0, 5.0, 10.0])
def test_normal_tail_is_scipys(x: float) -> None:
    assert normal_tail(x) == pytest.approx(stats.norm.sf(x), rel=1e-12)


@pytest.mark.parametrize(
    "p_values", [[0.01, 0.04, 0.03, 0.005], [0.5], [0.9, 0.9, 0.001], [0.02, 0.02, 0.02], [1.0, 0.0]]
)
def test_benjamini_hochberg_is_scipys(p_values: list[float]) -> None:
    assert benjamini_hochberg(p_values) == pytest.approx(stats.false_discovery_control(p_values))


def test_benjamini_hochberg_of_nothing_is_nothing() -> None:
    assert benjamini_hochberg([]) == []
