"""Kolmogorov-Smirnov and Wasserstein of one column: over every row while they fit, on fine bins beyond."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step
from warehouse.statistics.bins import Bins
from warehouse.statistics.distance import cumulative_gaps, kolmogorov_smirnov_binned, wasserstein_binned
from warehouse.statistics.profile import Histogram, Measured

EXACT_ROWS = 5_000_000
"""Up to this many values on both sides together, all are sorted in memory (200 MB); beyond, some 400 bins are used."""


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


def finite_values_sql(relation: Relation, column: Measured) -> Query:
    """One row per finite value: `value`, a double."""
    number = column.finite_sql
    return Query.of(
        Step("finite_values", f"select {number} as value from {relation.sql} where {number} is not null"),
    )


def exact_gap(engine: Engine, left: Relation, right: Relation, column: Measured) -> CumulativeGap:
    """The gap over all rows; each side has a finite value. Reads the column into memory, 8 bytes per value."""
    statistic, area = cumulative_gaps(
        engine.numbers(finite_values_sql(left, column)), engine.numbers(finite_values_sql(right, column))
    )
    return CumulativeGap(
        kolmogorov_smirnov=statistic, kolmogorov_smirnov_error=0.0, wasserstein=area, wasserstein_error=0.0
    )


def binned_gap(bins: Bins, left: Histogram, right: Histogram) -> CumulativeGap:
    """The gap from fine bins, with its error; each side has a finite value, and no row is read."""
    left_counts, right_counts = np.array(left.counts, dtype=np.float64), np.array(right.counts, dtype=np.float64)
    statistic, error = kolmogorov_smirnov_binned(left_counts, right_counts)
    area, area_error = wasserstein_binned(left_counts, right_counts, np.diff(np.array([bins.lowest, *bins.edges])))
    return CumulativeGap(
        kolmogorov_smirnov=statistic,
        kolmogorov_smirnov_error=error,
        wasserstein=area,
        wasserstein_error=area_error,
    )
