"""Which of two models errs less on the same rows; `--json` has the same names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from warehouse.statistics.estimates import Estimate

if TYPE_CHECKING:
    from warehouse.checks.diagnosis.result import MetricName


class ComparisonAnswer(StrEnum):
    """Whether the predictions are better than those that they are held against."""

    BETTER = "better"
    """They err less: all of the interval says so."""
    WORSE = "worse"
    """They err more: all of the interval says so."""
    ALIKE = "alike"
    """They differ by less than one wants to see, if at all: all of the interval lies within."""
    UNDECIDED = "undecided"
    """Too few rows to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedMetric:
    """One measure of both models on the same rows."""

    name: MetricName
    predictions: float
    against: float
    change: Estimate
    """`predictions` minus `against`, also of what more is better of; the interval is that of paired rows."""
    p_value: float
    """Of so large a change when there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedCounts:
    """Rows, of rankings queries, by which of both models did better, in the comparison's metric."""

    row_count: int
    win_count: int
    """The predictions erred less."""
    loss_count: int
    """They erred more."""
    tie_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitComparison:
    """Both models in one split."""

    split: str
    counts: PairedCounts
    """Of the labelled rows that both predicted, or the queries of these."""
    predictions_only_count: int
    """Labelled rows that only the predictions are of, and which are not compared."""
    against_only_count: int
    metrics: tuple[ComparedMetric, ...]
    answer: ComparisonAnswer
    """In the comparison's metric."""
    needed_count: int | None
    """With so many rows two models that go together like these are told apart 80 times in 100 when they differ by
    `difference`; None when these do not tell."""
    smallest_difference: float | None
    """What the rows there are tell apart as surely."""

    def of(self, name: MetricName) -> ComparedMetric | None:
        """This measure, if both models' predictions allow it."""
        return next((metric for metric in self.metrics if metric.name is name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedSlice:
    """Both models in the rows that have one thing in common."""

    feature: str
    text: str
    """In words: `origin is “JFK”`."""
    where: str
    """The same over the dataset's columns, in DuckDB's SQL."""
    counts: PairedCounts
    change: Estimate
    """In the comparison's metric, `predictions` minus `against`."""
    p_value: float
    adjusted_p_value: float
    """Corrected for all slices that were tested (Benjamini and Hochberg 1995)."""
    answer: ComparisonAnswer
    """Better or worse when the corrected p-value is at most 0.05, otherwise undecided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two models on one version."""

    predictions: str
    against: str
    """What holds the predictions that they are held against."""
    metric: MetricName
    """What answers, wins and slices are in."""
    difference: float
    """The least difference that one wants to see."""
    splits: tuple[SplitComparison, ...]
    """Those that both models predicted rows of."""
    target: str
    """The split that the sentences and slices are about: test, or what comes closest to it."""
    tested_count: int
    """Slices of one feature that had rows enough to be tested."""
    slices: tuple[ComparedSlice, ...]
    """Where the models differ: the least p-value first, 20 at most."""
    summary: tuple[str, ...] = ()
    """What it comes down to, in sentences."""

    @property
    def units(self) -> str:
        """What is counted and paired."""
        return "queries" if self.metric.is_of_queries else "rows"

    def of(self, split: str) -> SplitComparison | None:
        """Both models in this split."""
        return next((each for each in self.splits if each.split == split), None)
