"""Bins cover everything, and their bounds are what people would choose."""

from __future__ import annotations

import math
from bisect import bisect_left
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from warehouse.statistics.bins import QUANTILE_LEVELS, make_bins, round_bounds, time_bounds, to_datetime

numbers = st.floats(allow_nan=False, allow_infinity=False)


def microseconds(year: int, month: int = 1, day: int = 1, hour: int = 0) -> float:
    return datetime(year, month, day, hour, tzinfo=UTC).timestamp() * 1e6


def quantiles(values: list[float]) -> list[float]:
    ordered = sorted(values)
    return [ordered[math.floor(level * (len(ordered) - 1))] for level in QUANTILE_LEVELS]


def test_bounds_are_round() -> None:
    assert round_bounds(0.3, 1.7)[:3] == [0.3, 0.4, 0.5]
    assert round_bounds(0, 100)[:3] == [0, 5, 10]
    assert round_bounds(0, 23, is_whole=True)[:3] == [0, 1, 2]


def test_tenths_are_the_nearest_doubles() -> None:
    assert 0.3 in round_bounds(0, 1.2)


@given(numbers, numbers, st.booleans())
@example(0.0, 2.225073858507e-311, False)
def test_bounds_cover_the_range_and_rise(a: float, b: float, is_whole: bool) -> None:
    low, high = min(a, b), max(a, b)
    bounds = round_bounds(low, high, is_whole=is_whole)

    assert bounds == sorted(set(bounds))
    assert bounds[0] <= low
    assert bounds[-1] > high or bounds[-1] == math.inf or bounds[-1] >= high
    assert 2 <= len(bounds) <= 30


def test_times_are_cut_at_days_and_months() -> None:
    week = [to_datetime(bound) for bound in time_bounds(microseconds(2013, 1, 1, 5), microseconds(2013, 1, 20))]
    assert all(moment and moment.hour == 0 for moment in week)

    year = [to_datetime(bound) for bound in time_bounds(microseconds(2010, 1, 15), microseconds(2012, 6, 1))]
    assert all(moment and moment.day == 1 and moment.hour == 0 for moment in year)
    assert year[0] == datetime(2010, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("low", "high"), [(-6e19, 6e19), (microseconds(1), microseconds(9999)), (0.0, 0.0)])
def test_any_span_of_time_can_be_cut(low: float, high: float) -> None:
    bounds = time_bounds(low, high)

    assert bounds == sorted(set(bounds))
    assert len(bounds) >= 2


@given(st.lists(numbers, min_size=1, max_size=50), st.lists(numbers, max_size=50), st.booleans())
def test_every_value_has_a_bin_and_no_bin_straddles_a_bar(
    left: list[float], right: list[float], is_whole: bool
) -> None:
    sides = [side for side in (left, right) if side]
    bins = make_bins(
        [quantiles(side) for side in sides],
        [(min(side), max(side)) for side in sides],
        is_time=False,
        is_whole=is_whole,
    )

    assert bins is not None
    assert list(bins.edges) == sorted(set(bins.edges))
    assert all(math.isfinite(edge) for edge in bins.edges)
    for side in sides:
        assert max(side) <= bins.edges[-1]
        for value in side:
            edge = bins.edges[bisect_left(bins.edges, value)]
            for bound in bins.bounds:
                assert (value < bound) == (edge < bound)


def test_nothing_finite_has_no_bins() -> None:
    assert make_bins([], [], is_time=False, is_whole=False) is None


def test_a_frequent_value_has_a_bin_of_its_own() -> None:
    values = [0.0] * 600 + [index / 100 for index in range(1, 401)]
    bins = make_bins([quantiles(values)], [(0.0, 4.0)], is_time=False, is_whole=False)

    assert bins is not None
    assert 0.0 in bins.edges
