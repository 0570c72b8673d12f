"""What a comparison of two sets of rows found; `drift.json` has the same names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from warehouse.checks.drift.parts import Aspect, DomainDrift, LabelRelation, Segments
from warehouse.checks.drift.verdicts import Effect, Verdict
from warehouse.findings import Finding, Severity
from warehouse.statistics.kinds import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Facts of one column on one side. Times are ISO 8601 in UTC; text is described by its length."""

    row_count: int
    missing_count: int
    missing_share: float
    nan_count: int
    positive_infinity_count: int
    negative_infinity_count: int
    distinct_count: int | None
    """Different values: exact for categories, about (HyperLogLog) for text, None otherwise."""
    minimum: float | str | None
    maximum: float | str | None
    mean: float | None
    standard_deviation: float | None
    """Of the population; finite values only, like all that follows and precedes."""
    quantiles: tuple[float | str, ...]
    """At 5, 25, 50, 75 and 95 %; accurate to about half a percent of the rows. Empty without values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """Distances between both sides; None where one does not apply to the kind or a side has no value.

    Each `..._floor` is what its measure is expected to be without any drift, from rows and bins alone, and `..._low` to
    `..._high` hold the truth 95 times in 100 or more. Rows that come in groups count as fewer there.
    """

    jensen_shannon: float
    """As measured, noise included, 0..1."""
    noise_floor: float
    """What Jensen-Shannon is expected to be without any drift, from rows and cells alone."""
    population_stability_index: float
    population_stability_index_floor: float
    population_stability_index_low: float
    """Of the PSI without its noise, so the measured one may lie above the interval."""
    population_stability_index_high: float
    total_variation: float
    total_variation_floor: float
    total_variation_low: float
    total_variation_high: float
    largest_change: float
    """Of one cell's share."""
    largest_change_floor: float
    largest_change_low: float
    largest_change_high: float
    missing_change: float
    """Right share of missing values minus left share."""
    missing_change_floor: float
    """Of its size."""
    missing_change_low: float
    missing_change_high: float
    left_design_effect: float = 1.0
    """How many of the left's rows count as one independent row, when rows come in groups."""
    right_design_effect: float = 1.0
    kolmogorov_smirnov: float | None = None
    kolmogorov_smirnov_error: float | None = None
    """How much larger it may be at most; 0 when all rows were sorted."""
    kolmogorov_smirnov_p_value: float | None = None
    kolmogorov_smirnov_floor: float | None = None
    """Of values that never repeat; lower where they do."""
    kolmogorov_smirnov_low: float | None = None
    kolmogorov_smirnov_high: float | None = None
    wasserstein: float | None = None
    """In the column's unit; days for times, characters for text."""
    wasserstein_error: float | None = None
    wasserstein_floor: float | None = None
    wasserstein_low: float | None = None
    wasserstein_high: float | None = None
    wasserstein_normalised: float | None = None
    """In standard deviations of the left side."""
    wasserstein_normalised_floor: float | None = None
    standardised_mean_difference: float | None = None
    standardised_mean_difference_floor: float | None = None
    """Of its size."""
    standardised_mean_difference_low: float | None = None
    standardised_mean_difference_high: float | None = None
    below_minimum_share: float | None = None
    """Right finite values smaller than all left ones, as a share of the right's."""
    above_maximum_share: float | None = None
    """Larger than all left ones."""
    below_usual_share: float | None = None
    """Right finite values below the left's 0.1 % quantile (of its sample); 0.001 is to be expected."""
    above_usual_share: float | None = None
    """Above the left's 99.9 % quantile."""
    outside_floor: float | None = None
    """Share of right values to expect outside the left's range without any drift, below and above together."""


class Role(StrEnum):
    """What a bar stands for."""

    VALUE = "value"
    BELOW = "below"
    """All values below the chart's range."""
    ABOVE = "above"
    OTHER = "other"
    """All values too rare for a bar of their own."""
    MISSING = "missing"
    """Null, NaN or infinite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar of the chart: how many rows of either side."""

    label: str
    left_count: int
    right_count: int
    left_share: float
    """Of all rows of the side, missing ones included; so bars add up to 1."""
    right_share: float
    role: Role = Role.VALUE
    low: float | None = None
    """From here (inclusive)..."""
    high: float | None = None
    """... up to here (exclusive); microseconds since 1970 for times. None for a category."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strangers:
    """Categories that one side has and the other lacks."""

    distinct_count: int
    row_count: int
    row_share: float
    """Of all rows of the side that has them."""
    examples: tuple[tuple[str, int], ...]
    """The most frequent ones with their rows, ten at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDrift:
    """One column: how it differs, and whether that matters."""

    name: str
    kind: Kind
    left_type: str
    right_type: str
    is_label: bool
    verdict: Verdict
    explanation: str
    """One or two plain sentences."""
    effects: tuple[Effect, ...]
    """The verdict is the worst of theirs; empty when a side has no rows."""
    p_value: float
    """That both sides have one law; corrected for the column's several effects."""
    q_value: float
    """Corrected for all columns too (Benjamini and Hochberg)."""
    measures: Measures | None
    left: Side
    right: Side
    new: Strangers | None
    """Categories only on the right; None for other kinds."""
    vanished: Strangers | None
    bars: tuple[Bar, ...]
    aspects: tuple[Aspect, ...] = ()
    """Of text, lists, times and embeddings: their effects are among `effects`."""

    @property
    def strength(self) -> float:
        """The largest effect in units of its threshold; what columns are sorted by."""
        return max((effect.value / effect.threshold for effect in self.effects), default=0.0)

    @property
    def leading(self) -> Effect | None:
        """The effect that the verdict rests on."""
        rank = list(Verdict)
        return min(self.effects, key=lambda e: (rank.index(e.verdict), -e.value / e.threshold), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A column that was not compared, and why."""

    name: str
    reason: str
    is_problem: bool = False
    """True when nobody asked for it: the column is on one side only, or its type differs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """From when to when the rows of both sides are, ISO 8601 in UTC."""

    column: str
    left: tuple[str, str]
    right: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftResult:
    """Two sets of rows compared, column by column."""

    subject: str
    """What was compared: a dataset version, or empty."""
    left_name: str
    right_name: str
    left_row_count: int
    right_row_count: int
    coverage: Coverage | None
    summary: tuple[str, ...]
    """The verdict in plain sentences."""
    groups: tuple[str, ...]
    """Columns whose values bind rows together; the intervals allow for it."""
    columns: tuple[ColumnDrift, ...]
    """The label first, then the drifted, the undecided and the stable ones, each from the strongest effect down."""
    left_out: tuple[LeftOut, ...]
    severity: Severity
    """What a drifted column counts as."""
    domain: DomainDrift | None = None
    """All columns together; None when nobody asked, or there are too few rows."""
    relations: tuple[LabelRelation, ...] = ()
    """How the label depends on each feature, those that changed first; empty without a label."""
    segments: tuple[Segments, ...] = ()
    """Drift within the values of columns that were asked for."""

    def with_verdict(self, verdict: Verdict) -> tuple[ColumnDrift, ...]:
        """The columns of this verdict, in order."""
        return tuple(column for column in self.columns if column.verdict is verdict)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """One per drifted column and per column that could not be compared though it should; undecided ones as info.

        Then what only shows beyond single columns: all together, the label's dependence on a feature, segments.
        """
        return (*self._findings(), *self._findings_beyond())

    def _findings_beyond(self) -> Iterable[Finding]:
        domain = self.domain
        if domain is not None and domain.verdict is Verdict.DRIFTED and domain.beyond_columns:
            telling = ", ".join(column.name for column in domain.columns[:3])
            yield Finding(
                severity=self.severity,
                check="drift_together",
                subject="all columns",
                message=domain.explanation,
                measured=domain.auc,
                threshold=domain.threshold,
                advice=f"look at how these go together: {telling}" if telling else "",
            )
        for relation in self.relations:
            if relation.verdict is Verdict.DRIFTED:
                yield Finding(
                    severity=self.severity,
                    check="drift_label",
                    subject=relation.feature,
                    message=relation.explanation,
                    measured=relation.change,
                    threshold=relation.threshold,
                    advice="what a model learned on the left is partly wrong on the right; learn from newer rows",
                )
        for segments in self.segments:
            if segments.hidden:
                yield Finding(
                    severity=self.severity,
                    check="drift_segment",
                    subject=segments.by,
                    message=segments.explanation,
                    measured=float(len(segments.hidden)),
                    threshold=0.0,
                    advice="the whole hides it: look at each slice in the report",
                )

    def _findings(self) -> Iterable[Finding]:
        for column in self.columns:
            effect = column.leading
            if column.verdict is Verdict.STABLE or effect is None:
                continue
            drifted = column.verdict is Verdict.DRIFTED
            yield Finding(
                severity=self.severity if drifted else Severity.INFO,
                check="drift",
                subject=column.name,
                message=column.explanation,
                measured=effect.value,
                threshold=effect.threshold,
                advice="" if drifted else "compare more rows to know",
            )
        for column_left_out in self.left_out:
            if column_left_out.is_problem:
                yield Finding(
                    severity=self.severity,
                    check="drift",
                    subject=column_left_out.name,
                    message=f"{column_left_out.name!r} was not compared: {column_left_out.reason}",
                    advice="export both sides from one model, or leave the column out of the dataset",
                )
