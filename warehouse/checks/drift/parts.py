"""What a comparison finds beyond single columns, and within one: aspects, label relations, segments, all together."""

from __future__ import annotations

from dataclasses import dataclass

from warehouse.checks.drift.verdicts import Effect, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class AspectBar:
    """One bar of an aspect's chart."""

    label: str
    left_share: float
    """Of the rows that have the aspect; so bars add up to 1."""
    right_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Aspect:
    """One thing about a column's values that has a distribution of its own: a text's words, a list's length."""

    name: str
    """Plain words: `number of words`, `script`, `length of the list`, `hour of the day`."""
    effect: Effect
    jensen_shannon: float
    """As measured, noise included, 0..1."""
    noise_floor: float
    left_mean: float | None
    """None for what has no mean, a script say."""
    right_mean: float | None
    bars: tuple[AspectBar, ...]
    explanation: str
    """One plain sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainColumn:
    """How much one column gives away of which side a row is from."""

    name: str
    importance: float
    """Fall of the held-out AUC when the column's values are shuffled among the rows (permutation importance)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainDrift:
    """Whether a classifier can tell both sides apart by all columns together.

    Source: the classifier two-sample test (Lopez-Paz and Oquab 2017).
    """

    auc: float
    """On rows that the classifier never saw; 0.5: cannot tell."""
    low: float
    """Lower end of the AUC's 95 % interval."""
    high: float
    null_high: float
    """What 95 % of AUCs stay under when the sides are shuffled."""
    p_value: float
    """Share of shuffles with an AUC at least as high (one added to both counts)."""
    threshold: float
    """AUC from which the sides have drifted apart."""
    verdict: Verdict
    left_sample_rows: int
    right_sample_rows: int
    shuffle_count: int
    columns: tuple[DomainColumn, ...]
    """Those that give most away, first."""
    beyond_columns: bool
    """The sides differ though no single column drifted: how columns go together has changed."""
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationBin:
    """One bin or value of a feature: how the label behaves in it, on both sides."""

    label: str
    left_count: int
    right_count: int
    left_mean: float | None
    """Share of the relation's `outcome`, or mean of a numeric label; None without rows."""
    right_mean: float | None
    is_compared: bool = True
    """False for a bin with too few rows on a side, and for many values together, whose mixture may differ."""


MOSTLY = 0.75
"""From this share of the squared change on, the change is said to be that of the label in whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRelation:
    """How the label depends on one feature, and whether that changed: P(label | feature)."""

    feature: str
    left_dependence: float
    """How much of the label's variation the feature's bins explain on the left, noise taken out, 0..1: Theil's U for
    classes, the correlation ratio for numbers."""
    right_dependence: float
    change: float
    """Root of the mean squared change of P(label | feature) over the right's rows, noise taken out: of the share of a
    class, 0..1 (for more than two, the root of half the classes' squared changes); in the left's standard deviations
    for a number."""
    low: float
    high: float
    threshold: float
    p_value: float
    q_value: float
    verdict: Verdict
    bins: tuple[RelationBin, ...]
    explanation: str
    outcome: str = ""
    """The class whose shares the bins tell: the one that changed most; empty for a numeric label, which has means."""
    explained_by_label: float = 0.0
    """How much of the squared change a change of the label in whole leads to expect in every bin, 0..1."""
    compared_share: float = 1.0
    """Of the right's labelled rows, those in bins that were compared."""

    @property
    def follows_label(self) -> bool:
        """Whether mostly the label in whole changed, for all values nearly alike."""
        return self.explained_by_label >= MOSTLY


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentColumn:
    """One column within one segment."""

    name: str
    effect: Effect
    q_value: float
    """Corrected for all segments and columns."""
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """The rows of one value of a column, compared on both sides."""

    by: str
    value: str
    """A range for a quarter of the numbers, `2013-01` for a month; `missing`, `NaN` or an infinity without a value."""
    left_row_count: int
    right_row_count: int
    verdict: Verdict
    columns: tuple[SegmentColumn, ...]
    """Those that drifted within the segment, strongest first; ten at most."""
    drifted_count: int
    undecided_count: int
    stable_count: int
    has_value: bool = True
    """False for the rows whose value is missing, NaN or infinite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """Drift within the values of one column."""

    by: str
    segments: tuple[Segment, ...]
    """Drifted ones first, then by rows."""
    left_out_count: int
    """Values with too few rows on a side to be compared."""
    hidden: tuple[str, ...]
    """Columns that drift in a segment though they do not drift in the whole."""
    explanation: str
