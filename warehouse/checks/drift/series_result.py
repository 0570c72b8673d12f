"""What a comparison over time found; its JSON document has the same names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from warehouse.checks.drift.result import LeftOut
from warehouse.checks.drift.verdicts import Verdict
from warehouse.findings import Finding, Severity
from warehouse.statistics.coded import Every
from warehouse.statistics.kinds import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One day, week or month that has rows."""

    start: str
    """Its first day in UTC, ISO 8601."""
    end: str
    """Its last day, inclusive."""
    row_count: int
    is_thin: bool
    """It has fewer than a fifth of the median period's rows: it has just begun, or rows are missing. No verdict on a
    column as a whole rests on it."""
    is_unfinished: bool
    """It is the last week or month, and rows of it are still to come: it is shown, and nothing rests on it."""
    label_mean: float | None
    """Share of rows with the label true, or with `label_value`; mean of a numeric label. None without a label."""
    drifted_count: int
    """Columns that drifted in it."""
    undecided_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Periods without rows between two that have some."""

    start: str
    """First day without rows, ISO 8601."""
    end: str
    """Last day without rows, inclusive."""
    period_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPoint:
    """One column in one period, against the baseline."""

    period: str
    """The period's first day."""
    row_count: int
    is_thin: bool
    """As the period's."""
    is_unfinished: bool
    """As the period's."""
    value: float
    """Jensen-Shannon distance to the baseline with the noise taken out, 0..1."""
    low: float
    """Lower end of its 95 % interval."""
    high: float
    noise_floor: float
    """The distance that noise alone is expected to show before it is taken out, 0..1."""
    missing_share: float
    q_value: float
    """That the period has the baseline's law; corrected for all periods and columns (Benjamini and Hochberg)."""
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePoint:
    """From this period on a column's values are others than before, for longer than periods usually differ."""

    period: str
    """First day of the first period after the change."""
    value: float
    """Jensen-Shannon distance, noise taken out, between the periods before and after: those up to the neighbouring
    change points."""
    low: float
    """Lower end of its 95 % interval; above the threshold."""
    high: float
    p_value: float
    """Share of shuffles of the periods whose best cut tells as much (one added to both counts)."""
    explanation: str
    """One plain sentence: what changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesColumn:
    """One column over all periods."""

    name: str
    kind: Kind
    is_label: bool
    threshold: float
    """Of the distance."""
    verdict: Verdict
    """Of the last period that could be decided, thin and unfinished ones apart; undecided when none could."""
    drifted_since: str | None
    """First day of the run of drifted periods, with none stable between, that lasts to the end; None unless the verdict
    is drifted."""
    drifted_count: int
    """Periods in which it drifted, an unfinished one apart."""
    undecided_count: int
    points: tuple[SeriesPoint, ...]
    """One per period, in their order."""
    change_points: tuple[ChangePoint, ...]
    """In the order of time."""
    explanation: str
    """One or two plain sentences."""

    @property
    def last_decided(self) -> SeriesPoint | None:
        """The period that the verdict is of."""
        decided = (point for point in reversed(self.points) if point.verdict is not Verdict.UNDECIDED)
        return next((point for point in decided if not point.is_thin and not point.is_unfinished), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftSeries:
    """Every period of some rows compared with one baseline."""

    subject: str
    """What was compared: a dataset version, or empty."""
    baseline_name: str
    rows_name: str
    time: str
    """The column that says when a row happened; not compared itself."""
    every: Every
    baseline_row_count: int
    row_count: int
    """Rows in all periods."""
    untimed_row_count: int
    """Rows without a time, or with an infinite one; in no period."""
    label: str | None
    label_value: str | None
    """The label's value whose share `label_mean` is, when the label is a category."""
    baseline_label_mean: float | None
    periods: tuple[Period, ...]
    """Those that have rows, in order."""
    gaps: tuple[Gap, ...]
    columns: tuple[SeriesColumn, ...]
    """The label first, then those that have drifted by the last period, the undecided and the stable ones; each from
    the largest distance down."""
    left_out: tuple[LeftOut, ...]
    summary: tuple[str, ...]
    """The verdict in plain sentences."""
    severity: Severity
    """What a column that has drifted by the last period counts as."""

    def with_verdict(self, verdict: Verdict) -> tuple[SeriesColumn, ...]:
        """The columns with this verdict, in order."""
        return tuple(column for column in self.columns if column.verdict is verdict)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """One per column that has drifted by the last period, with since when; one for gaps, as info."""
        return tuple(self._findings())

    def _findings(self) -> Iterable[Finding]:
        for column in self.with_verdict(Verdict.DRIFTED):
            yield Finding(
                severity=self.severity,
                check="drift",
                subject=column.name,
                message=column.explanation,
                measured=column.last_decided.value if column.last_decided else None,
                threshold=column.threshold,
                advice=f"look at what changed in {column.drifted_since}, or take a newer baseline",
            )
        if self.gaps:
            longest = max(self.gaps, key=lambda gap: gap.period_count)
            yield Finding(
                severity=Severity.INFO,
                check="drift",
                subject=self.time,
                message=f"{self.rows_name} has no rows from {longest.start} to {longest.end}",
                measured=float(sum(gap.period_count for gap in self.gaps)),
                advice="see whether rows were lost",
            )
