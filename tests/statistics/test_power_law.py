"""A power law is fitted as scipy fits it, and its intervals hold the truth as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import curve_fit

from warehouse.statistics.estimates import student_quantile
from warehouse.statistics.power_law import EXPONENTS, PowerLaw, Range, fit_power_law

SIZES = np.array([1000, 2000, 4000, 8000, 16000, 32000.0])


def law(size: np.ndarray | float, limit: float, scale: float, exponent: float) -> np.ndarray:
    return np.asarray(limit + scale * (np.asarray(size) / 32000) ** -exponent)


@pytest.mark.parametrize("variances", [None, 1e-6 * np.array([9.0, 4, 2, 1, 1, 1])], ids=["alike", "weighted"])
def test_the_best_law_is_that_of_scipy(variances: np.ndarray | None) -> None:
    noise = np.random.default_rng(1).normal(0, 0.001, len(SIZES))
    errors = law(SIZES, 0.05, 0.04, 0.4) + noise

    found = fit_power_law(SIZES.tolist(), errors.tolist(), variances=None if variances is None else variances.tolist())

    sigma = None if variances is None else np.sqrt(variances)
    expected, _ = curve_fit(law, SIZES, errors, p0=(0.05, 0.04, 0.4), sigma=sigma)
    assert (found.limit, found.scale, found.exponent) == pytest.approx(tuple(expected), rel=1e-5)


def test_a_limit_at_its_bound_is_that_of_scipy() -> None:
    errors = law(SIZES, -0.01, 0.05, 0.3)

    found = fit_power_law(SIZES.tolist(), errors.tolist())

    expected, _ = curve_fit(law, SIZES, errors, p0=(0.001, 0.04, 0.4), bounds=([0, -1, 0], [1, 1, 3]))
    assert found.limit == 0
    assert (found.scale, found.exponent) == pytest.approx(tuple(expected[1:]), rel=1e-4)
    assert fit_power_law(SIZES.tolist(), errors.tolist(), least=-np.inf).limit == pytest.approx(-0.01, abs=1e-5)


def test_an_interval_ends_where_no_law_fits_well_enough() -> None:
    """Its ends are those of a search over all laws, which takes a thousand times as long."""
    errors = law(SIZES, 0.05, 0.04, 0.4) + np.array([1, -2, 1, 2, -1, 0]) * 4e-4
    found = fit_power_law(SIZES.tolist(), errors.tolist())

    least = float(((errors - law(SIZES, found.limit, found.scale, found.exponent)) ** 2).sum())
    most = least * (1 + student_quantile(3) ** 2 / 3)
    limits, scales, exponents = np.meshgrid(
        np.linspace(0, 0.08, 161), np.linspace(0.001, 0.12, 239), np.geomspace(*EXPONENTS, 200), indexing="ij"
    )
    squares = sum(
        (error - law(size, limits, scales, exponents)) ** 2 for size, error in zip(SIZES, errors, strict=True)
    )  # type: ignore[arg-type]
    likely = squares <= most
    ten = law(320_000, limits, scales, exponents)[likely]
    got = found.error(320_000)
    assert (got.low, got.high) == pytest.approx((ten.min(), ten.max()), abs=1e-3)
    assert got.low <= ten.min() + 1e-9
    assert got.high >= ten.max() - 1e-9
    of_limit = found.limit_range
    assert (of_limit.low, of_limit.high) == pytest.approx((limits[likely].min(), limits[likely].max()), abs=2e-3)


@pytest.mark.parametrize(
    ("truth", "repeats"), [((0.05, 0.04, 0.4), 1), ((0.1, 0.02, 0.7), 3), ((0.0, 0.08, 0.2), 1), ((0.1, 0.0, 0.5), 1)]
)
def test_intervals_hold_the_truth_as_often_as_they_say(truth: tuple[float, float, float], repeats: int) -> None:
    generator, hits, rounds = np.random.default_rng(7), np.zeros(4), 150
    sizes = np.repeat(SIZES, repeats)
    for _ in range(rounds):
        found = fit_power_law(sizes.tolist(), (law(sizes, *truth) + generator.normal(0, 0.002, len(sizes))).tolist())
        hits += [_holds(each, value) for each, value in _asked(found, truth)]
    # Of 150 intervals of 95 % fewer than 134 hold the truth once in 500 times.
    assert (hits >= 134).all(), hits


def _asked(found: PowerLaw, truth: tuple[float, float, float]) -> list[tuple[Range, float]]:
    now, twice, ten = (float(law(size, *truth)) for size in (32_000, 64_000, 320_000))
    return [
        (found.error(64_000), twice),
        (found.error(320_000), ten),
        (found.gain(32_000, 320_000), now - ten),
        (found.limit_range, truth[0]),
    ]


def _holds(found: Range, value: float) -> bool:
    return found.low - 1e-9 <= value <= found.high + 1e-9


def test_points_on_a_curve_are_no_surer_than_what_they_were_measured_on() -> None:
    errors = law(SIZES, 0.05, 0.04, 0.4).tolist()

    sure = fit_power_law(SIZES.tolist(), errors).error(320_000)
    measured = fit_power_law(SIZES.tolist(), errors, variances=[1e-6] * 6).error(320_000)

    assert sure.high - sure.low < 1e-3 < 0.005 < measured.high - measured.low


def test_three_sizes_are_too_few() -> None:
    with pytest.raises(ValueError, match="3 sizes, and it takes 4"):
        fit_power_law([1, 2, 3, 3], [0.3, 0.2, 0.1, 0.1])
