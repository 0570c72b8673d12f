"""Paired tests are those of scipy, and of published examples."""

from __future__ import annotations

import math

import pytest
from scipy import special, stats

from warehouse.statistics.estimates import Mean
from warehouse.statistics.paired import (
    beta_share,
    mcnemar_p_value,
    mean_difference,
    paired_rate_difference,
    student_tail,
)


@pytest.mark.parametrize(
    ("x", "left", "right"), [(0.3, 1, 2), (0.9, 50, 0.5), (0.5, 500, 520), (0.999, 3, 4), (0, 1, 2), (1, 1, 2)]
)
def test_the_beta_share_is_that_of_scipy(x: float, left: float, right: float) -> None:
    assert beta_share(x, left, right) == pytest.approx(special.betainc(left, right, x), rel=1e-10)


@pytest.mark.parametrize(("deviations", "degrees"), [(2.1, 7), (-1, 3), (0, 2), (30, 4), (1.96, 1e6)])
def test_students_tail_is_that_of_scipy(deviations: float, degrees: float) -> None:
    assert student_tail(deviations, degrees) == pytest.approx(stats.t.sf(deviations, degrees), rel=1e-7)


@pytest.mark.parametrize(("first", "second"), [(1, 7), (0, 5), (30, 60), (60, 30), (100_000, 101_000)])
def test_mcnemars_test_is_the_binomial_one_of_scipy(first: int, second: int) -> None:
    exact = stats.binomtest(first, first + second).pvalue

    assert mcnemar_p_value(first, second, mid=False) == pytest.approx(exact, rel=1e-7)
    seen = stats.binom.pmf(first, first + second, 0.5)
    assert mcnemar_p_value(first, second) == pytest.approx(exact - seen, rel=1e-7)


def test_without_a_difference_nothing_is_tested() -> None:
    assert mcnemar_p_value(0, 0) == 1
    assert mcnemar_p_value(5, 5) == pytest.approx(1)
    assert mcnemar_p_value(5, 5, mid=False) == 1


def test_a_published_example() -> None:
    """21 children before and after stem cell transplantation: Fagerland, Lydersen and Laake (2013, 2014)."""
    assert mcnemar_p_value(1, 7, mid=False) == pytest.approx(0.0703, abs=1e-4)
    assert mcnemar_p_value(1, 7) == pytest.approx(0.0391, abs=1e-4)
    change = paired_rate_difference(1, 7, 1, 12)
    assert (change.value, change.low, change.high) == pytest.approx((-0.286, -0.507, -0.026), abs=5e-4)


def test_an_interval_of_paired_rates_holds_the_truth() -> None:
    shares, count = (0.06, 0.09, 0.1, 0.75), 300
    draws = stats.multinomial.rvs(count, shares, size=1000, random_state=3)
    found = [paired_rate_difference(*map(int, draw)) for draw in draws]

    held = sum(each.low <= -0.03 <= each.high for each in found)
    assert 930 <= held <= 970


def test_rows_that_all_agree_still_leave_room() -> None:
    change = paired_rate_difference(0, 0, 0, 50)

    assert change.value == 0
    assert -0.1 < change.low < 0 < change.high < 0.1


def test_a_mean_of_differences_is_tested_by_its_clusters() -> None:
    mean = Mean(value=0.2, standard_error=0.1, row_count=100, cluster_count=None)
    assert mean_difference(mean)[1] == pytest.approx(2 * stats.norm.sf(2))
    clustered = Mean(value=-0.2, standard_error=0.1, row_count=100, cluster_count=6)
    assert mean_difference(clustered)[1] == pytest.approx(2 * stats.t.sf(2, 5))
    assert mean_difference(Mean(value=0.0, standard_error=0.0, row_count=9))[1] == 1
    assert mean_difference(Mean(value=0.5, standard_error=0.0, row_count=9))[1] == 0
    change, p_value = mean_difference(Mean(value=0.5, standard_error=math.inf, row_count=1))
    assert (p_value, change.high) == (1, math.inf)
