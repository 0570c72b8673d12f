"""All distances of one column, each with what noise makes of it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from warehouse.checks.drift.effects import Evidence
from warehouse.checks.drift.result import Measures
from warehouse.statistics.bins import QUANTILE_LEVELS, USUAL_LEVELS
from warehouse.statistics.cells import cell_counts
from warehouse.statistics.distance import (
    largest_change,
    measure_jensen_shannon,
    population_stability_index,
    standardised_mean_difference,
    total_variation,
)
from warehouse.statistics.kinds import Kind
from warehouse.statistics.noise import (
    kolmogorov_smirnov_noise,
    largest_change_noise,
    mean_difference_noise,
    population_stability_noise,
    share_change_noise,
    total_variation_noise,
    wasserstein_noise,
)
from warehouse.statistics.pair import ColumnPair
from warehouse.statistics.significance import kolmogorov_tail

MICROSECONDS_PER_DAY = 86_400e6


def measures_of(evidence: Evidence) -> Measures:
    """Every measure that applies to the column's kind; both sides have rows.

    The measures are of all rows as they are; floors and intervals count rows that come in groups as fewer.
    """
    pair = evidence.pair
    left, right = cell_counts(evidence.cells)
    independent = evidence.independent_counts
    measured = measure_jensen_shannon(*independent)
    stability, variation, change = (
        population_stability_index(left, right),
        total_variation(left, right),
        largest_change(left, right),
    )
    stability_noise = population_stability_noise(stability, *independent)
    variation_noise = total_variation_noise(variation, *independent)
    change_noise = largest_change_noise(change, *independent)
    n, m = pair.left.row_count, pair.right.row_count
    a, b = evidence.left.design_effect, evidence.right.design_effect
    missing_noise = share_change_noise((pair.left.missing_count / a, n / a), (pair.right.missing_count / b, m / b))
    return Measures(
        jensen_shannon=measured.distance,
        noise_floor=measured.noise_floor,
        population_stability_index=stability,
        population_stability_index_floor=stability_noise.floor,
        population_stability_index_low=stability_noise.low,
        population_stability_index_high=stability_noise.high,
        total_variation=variation,
        total_variation_floor=variation_noise.floor,
        total_variation_low=variation_noise.low,
        total_variation_high=variation_noise.high,
        largest_change=change,
        largest_change_floor=change_noise.floor,
        largest_change_low=change_noise.low,
        largest_change_high=change_noise.high,
        missing_change=pair.right.missing_count / m - pair.left.missing_count / n,
        missing_change_floor=missing_noise.floor,
        missing_change_low=missing_noise.low,
        missing_change_high=missing_noise.high,
        left_design_effect=a,
        right_design_effect=b,
        **_of_numbers(evidence),
        **_excursions(pair),
    )


def _of_numbers(evidence: Evidence) -> Mapping[str, float | None]:
    """What only numbers, times and lengths have; nothing when a side has no finite value."""
    pair, gap = evidence.pair, evidence.pair.gap
    left = pair.left_histogram.moments if pair.left_histogram else None
    right = pair.right_histogram.moments if pair.right_histogram else None
    if gap is None or left is None or right is None:
        return {}
    counts = left.count / evidence.left.design_effect, right.count / evidence.right.design_effect
    variances = left.variance, right.variance
    smirnov = kolmogorov_smirnov_noise(gap.kolmogorov_smirnov, *counts)
    spreads = gap.left_spread, gap.right_spread
    moved = wasserstein_noise(gap.wasserstein, counts=counts, spreads=spreads, variances=variances)
    unit = MICROSECONDS_PER_DAY if pair.kind is Kind.TIME else 1.0
    # Of values near the largest or the smallest doubles the square cannot be held.
    deviation = math.sqrt(left.variance) if math.isfinite(left.variance) else 0.0
    mean = standardised_mean_difference(left.mean, right.mean, left.variance, right.variance)
    mean_noise = None if mean is None else mean_difference_noise(mean, counts=counts, variances=variances)
    return {
        "kolmogorov_smirnov": gap.kolmogorov_smirnov,
        "kolmogorov_smirnov_error": gap.kolmogorov_smirnov_error,
        "kolmogorov_smirnov_p_value": kolmogorov_tail(gap.kolmogorov_smirnov, *counts),
        "kolmogorov_smirnov_floor": smirnov.floor,
        "kolmogorov_smirnov_low": smirnov.low,
        "kolmogorov_smirnov_high": min(1.0, smirnov.high + gap.kolmogorov_smirnov_error),
        "wasserstein": gap.wasserstein / unit,
        "wasserstein_error": gap.wasserstein_error / unit,
        "wasserstein_floor": moved.floor / unit,
        "wasserstein_low": max(0.0, moved.low - gap.wasserstein_error) / unit,
        "wasserstein_high": (moved.high + gap.wasserstein_error) / unit,
        "wasserstein_normalised": gap.wasserstein / deviation if deviation else None,
        "wasserstein_normalised_floor": moved.floor / deviation if deviation else None,
        "standardised_mean_difference": mean,
        "standardised_mean_difference_floor": mean_noise.floor if mean_noise else None,
        "standardised_mean_difference_low": mean_noise.low if mean_noise else None,
        "standardised_mean_difference_high": mean_noise.high if mean_noise else None,
    }


def _excursions(pair: ColumnPair) -> Mapping[str, float | None]:
    """Shares of the right's finite values outside the left's range; the bins are cut where it ends."""
    if pair.bins is None or pair.right_histogram is None or not pair.left.extremes or not pair.left.quantiles:
        return {}
    total = sum(pair.right_histogram.counts)
    if not total:
        return {}
    counted = list(zip(pair.bins.edges, pair.right_histogram.counts, strict=True))
    ((smallest, largest),) = pair.left.extremes
    at = dict(zip(QUANTILE_LEVELS, pair.left.quantiles, strict=True))
    low, high = (at[level] for level in USUAL_LEVELS)

    def below(bound: float) -> float:
        return sum(count for edge, count in counted if edge < bound) / total

    def above(bound: float) -> float:
        return sum(count for edge, count in counted if edge > bound) / total

    return {
        "below_minimum_share": below(smallest),
        "above_maximum_share": above(largest),
        "below_usual_share": below(low),
        "above_usual_share": above(high),
        "outside_floor": 2 / (pair.left.finite_count + 1),
    }
