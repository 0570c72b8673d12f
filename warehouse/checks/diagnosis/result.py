"""What a diagnosis found; `--json` has the same names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from warehouse.checks.diagnosis.comparison_result import Comparison
from warehouse.checks.diagnosis.curve_result import LearningCurve
from warehouse.checks.diagnosis.ranking_result import Ranking
from warehouse.checks.diagnosis.slice_result import SliceReport, TagReport
from warehouse.findings import Finding
from warehouse.statistics.estimates import Estimate

HUMAN = "human"
"""What the level of people is called in the chart, before `train`."""


class Task(StrEnum):
    """What a model predicts."""

    CLASSES = "classes"
    NUMBERS = "numbers"
    LOSS = "loss"
    """Anything: the predictions say each row's loss."""
    RANKING = "ranking"
    """The order of each query's rows."""


class MetricName(StrEnum):
    """A measure of error or, when greater is better, of success."""

    ERROR_RATE = "error_rate"
    LOG_LOSS = "log_loss"
    BRIER = "brier"
    AUC = "auc"
    """Of more than two classes the mean over all, each against the others."""
    AUC_WEIGHTED = "auc_weighted"
    """The same, each class weighted by its rows; of more than two classes."""
    CALIBRATION_ERROR = "calibration_error"
    MAE = "mae"
    RMSE = "rmse"
    PINBALL = "pinball"
    LOSS = "loss"
    NDCG = "ndcg"
    MRR = "mrr"

    @property
    def is_better_greater(self) -> bool:
        """Whether more of it is better."""
        return self in (MetricName.AUC, MetricName.AUC_WEIGHTED, MetricName.NDCG, MetricName.MRR)

    @property
    def is_of_queries(self) -> bool:
        """Whether it is a mean over queries, not over rows."""
        return self in (MetricName.NDCG, MetricName.MRR)

    @property
    def is_share(self) -> bool:
        """Whether it lies from 0 to 1 and reads as a percentage."""
        return self in (MetricName.ERROR_RATE, MetricName.CALIBRATION_ERROR)


DEFAULT_METRICS: Mapping[Task, MetricName] = {
    Task.CLASSES: MetricName.ERROR_RATE,
    Task.NUMBERS: MetricName.MAE,
    Task.LOSS: MetricName.LOSS,
    Task.RANKING: MetricName.NDCG,
}
"""What the gaps are measured in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitCoverage:
    """Which rows of a split have predictions."""

    split: str
    row_count: int
    predicted_count: int
    missing_count: int
    unlabelled_count: int
    """Predicted rows without a label, which nothing can be said of."""
    missing_examples: tuple[str, ...] = ()
    """Keys; none when the split has no prediction at all."""

    @property
    def judged_count(self) -> int:
        """Rows that the metrics are of."""
        return self.predicted_count - self.unlabelled_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How the predictions and the version's rows fit together by key."""

    prediction_count: int
    splits: tuple[SplitCoverage, ...]
    extra_count: int
    """Predictions whose key is in no split."""
    extra_examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One measure in one split."""

    name: MetricName
    estimate: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Rows whose predicted probability lies in one bin.

    Of two classes the probability is that of the positive one; of more, that of the class that was predicted.
    """

    low: float
    high: float
    row_count: int
    mean_probability: float
    observed: Estimate
    """Share of rows of the positive class; of more than two classes, of rows that were predicted right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitErrors:
    """How a model errs in one split."""

    split: str
    metrics: tuple[Metric, ...]
    reliability: tuple[ReliabilityBin, ...] = ()
    """Bins with rows, ascending; empty without probabilities."""
    calibration_floor: float | None = None
    """The calibration error to expect of a model whose probabilities are all true, from so many rows."""
    absent_classes: tuple[str, ...] = ()
    """Of more than two classes, those that no judged row is of: the means of AUC are over the others."""

    def of(self, name: MetricName) -> Estimate | None:
        """This measure, if it could be taken."""
        return next((metric.estimate for metric in self.metrics if metric.name is name), None)


class Cause(StrEnum):
    """What can make the error grow from one level to the next."""

    BIAS = "avoidable_bias"
    VARIANCE = "variance"
    MISMATCH = "data_mismatch"
    LATER_TIME = "later_time"
    """Test happened after dev, and what is to be predicted may have changed by then."""
    DEV_OVERFITTING = "overfitting_to_dev"


class Answer(StrEnum):
    """Whether there is a gap."""

    PRESENT = "present"
    """Its whole interval lies above 0."""
    ABSENT = "absent"
    """Its whole interval lies below the difference that one wants to see."""
    REVERSED = "reversed"
    """Its whole interval lies below 0: the later level errs less."""
    UNDECIDED = "undecided"
    """Too few rows to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One level of the chart."""

    name: str
    """`human`, or a split."""
    estimate: Estimate
    """Of the metric that the gaps are measured in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsNeeded:
    """How many more rows would tell."""

    split: str
    row_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """How much worse one level is than the one before."""

    left: str
    right: str
    causes: tuple[Cause, ...]
    """Several when a split between the two is not there to tell them apart."""
    change: Estimate
    """Positive when `right` is worse, also of a metric of which more is better."""
    answer: Answer
    more_rows: tuple[RowsNeeded, ...] = ()
    """When undecided: with these the difference that one wants to see would be told 80 times in 100."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What to do about one cause."""

    cause: Cause
    steps: tuple[str, ...]
    """The first to try comes first."""
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiredSize:
    """Whether a split is large enough for the difference that one wants to see."""

    split: str
    row_count: int
    """Rows that were judged; of a ranking, queries."""
    needed_count: int
    """With so many, two models that differ by `difference` are told apart 80 times in 100, at most."""
    smallest_difference: float
    """What the rows there are tell apart as surely."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Everything that was learned from a model's predictions for one version, and what it means."""

    subject: str
    """The dataset version."""
    predictions: str
    """What holds the predictions."""
    task: Task
    classes: tuple[str, ...]
    """As text, ascending; empty unless classes are predicted."""
    positive: str | None
    """Of two classes, the one that `probability` is of."""
    clusters: tuple[str, ...]
    """Columns whose equal values bind rows together; empty when rows count as independent."""
    metric: MetricName
    """What levels and gaps are measured in."""
    difference: float
    """The least difference in it that one wants to see."""
    coverage: Coverage
    splits: tuple[SplitErrors, ...]
    levels: tuple[Level, ...]
    gaps: tuple[Gap, ...]
    largest: Gap | None
    """The largest of the gaps that are present."""
    advice: tuple[Advice, ...]
    """For the causes of the largest gap, or for what to measure first."""
    sizes: tuple[RequiredSize, ...]
    """Of dev and test."""
    slices: SliceReport | None = None
    """Where it errs more than elsewhere; None when that was not asked, or could not be told."""
    tags: TagReport | None = None
    """What people saw in its errors; None without a sheet of tags."""
    curve: LearningCurve | None = None
    """What more rows would give; None when no errors of other models were given."""
    comparison: Comparison | None = None
    """How it does against another model; None when no other predictions were given."""
    ranking: Ranking | None = None
    """How rows were ranked, whose levels then count queries, not rows; None of another task."""
    summary: tuple[str, ...] = ()
    """What it comes down to, in sentences."""
    not_judged: tuple[str, ...] = ()
    """What could not be looked at, and why."""
    findings: tuple[Finding, ...] = ()
    """The most severe first."""

    @property
    def units(self) -> str:
        """What levels and sizes count."""
        return "queries" if self.task is Task.RANKING else "rows"

    def of(self, split: str) -> SplitErrors | None:
        """What was measured in this split."""
        return next((errors for errors in self.splits if errors.split == split), None)
