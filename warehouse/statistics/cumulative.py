"""Kolmogorov-Smirnov and Wasserstein of one column: over every row while they fit, on fine bins beyond."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from warehouse.statistics.bins import Bins
from warehouse.statistics.distance import (
    Counts,
    kolmogorov_smirnov_binned,
    kolmogorov_smirnov_sorted,
    wasserstein_binned,
    wasserstein_sorted,
)
from warehouse.statistics.noise import spread_binned, spread_sorted
from warehouse.statistics.profile import Histogram

EXACT_ROWS = 5_000_000
"""Up to this many rows on both sides together, all values are sorted in memory; beyond, some 400 bins are used.

The engine could sort more, out of core, but takes seven times as long: more than a second a column per million values.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CumulativeGap:
    """How far two cumulative distributions lie apart."""

    kolmogorov_smirnov: float
    """Largest vertical gap, 0..1."""
    kolmogorov_smirnov_error: float
    """How much larger the true gap may be at most; 0 when all values were sorted."""
    wasserstein: float
    """Area between them (W1): the mean distance a value has to move, in the values' unit."""
    wasserstein_error: float
    """How wrong that may be at most, either way."""
    left_spread: float
    """Area under sqrt(F (1 - F)), F being the left's cumulative shares, in the values' unit: what noise makes of W1."""
    right_spread: float


def sorted_gap(left: Counts, right: Counts) -> CumulativeGap:
    """The gap of two rising sets of finite values, neither empty; exact."""
    return CumulativeGap(
        kolmogorov_smirnov=kolmogorov_smirnov_sorted(left, right),
        kolmogorov_smirnov_error=0.0,
        wasserstein=wasserstein_sorted(left, right),
        wasserstein_error=0.0,
        left_spread=spread_sorted(left),
        right_spread=spread_sorted(right),
    )


def binned_gap(bins: Bins, left: Histogram, right: Histogram) -> CumulativeGap:
    """The gap from fine bins, with its error; each side has a finite value, and no row is read."""
    left_counts, right_counts = np.array(left.counts, dtype=np.float64), np.array(right.counts, dtype=np.float64)
    edges = np.array(bins.edges)
    # The first bin begins at the smallest value itself, the others just above the edge before.
    begins = np.concatenate(([bins.lowest], np.nextafter(edges[:-1], np.inf)))
    # Half widths, so that the widest of ranges do not overflow.
    widths = np.diff(np.array([bins.lowest, *bins.edges]) / 2)
    statistic, error = kolmogorov_smirnov_binned(left_counts, right_counts, begins >= edges)
    area, area_error = wasserstein_binned(left_counts, right_counts, widths)
    return CumulativeGap(
        kolmogorov_smirnov=statistic,
        kolmogorov_smirnov_error=error,
        wasserstein=2 * area,
        wasserstein_error=2 * area_error,
        left_spread=2 * spread_binned(left_counts, widths),
        right_spread=2 * spread_binned(right_counts, widths),
    )
