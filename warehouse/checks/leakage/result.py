"""What a search for leaks found; `leakage.json` has the same names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from warehouse.findings import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class PairCount:
    """How many there are between two splits."""

    left: str
    """The split that comes first: what a model learns from."""
    right: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedValues:
    """Values of one column, or of several together, that stand in more than one split."""

    name: str
    value_count: int
    row_counts: Mapping[str, int]
    """Rows per split that hold such a value."""
    pairs: tuple[PairCount, ...]
    """Values per pair of splits; only pairs that share any."""
    examples: tuple[str, ...]
    is_proved: bool = False
    """True when the values were not compared: each key was found once in the whole table, and each row in one split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """Rows with equal features; the key, the time and moments of knowing are no features."""

    row_count: int
    repeated_count: int
    """Rows whose features another row has too, in any split."""
    distinct_count: int
    """Different rows, by their features."""
    across: tuple[PairCount, ...]
    """Rows of the right split whose features a row of the left one has."""
    across_with_label: tuple[PairCount, ...]
    """Those of them whose label such a row has too; all of them without a label."""
    conflicts_across: tuple[PairCount, ...]
    """Rows of the right split whose features a row of the left one has, and none of those its label."""
    within: Mapping[str, int]
    """Rows per split that repeat an earlier one of it, label included; all but the first of each."""
    conflicts_within: Mapping[str, int]
    """Rows per split whose features another of its rows has with another label."""
    examples: tuple[str, ...]
    """`key in train = key in test`."""
    conflict_examples: tuple[str, ...]
    expected: tuple[PairCount, ...] = ()
    """How many rows `across` would count if each column drew its values by chance, independently; rounded down."""

    @property
    def identify_rows(self) -> bool:
        """Whether equal features say anything: at least half of all rows differ from each other in them."""
        return self.distinct_count * 2 >= self.row_count


class Disorder(StrEnum):
    """How times can contradict a split."""

    OVERLAP = "overlap"
    """A row of an earlier split is not before the first one of the later split."""
    EMBARGO = "embargo"
    """A row lies within the embargo around a cutoff."""
    HORIZON = "horizon"
    """A row's label becomes known only after the later split has begun."""
    RANDOM = "random"
    """The split does not run along time; rows of the right split are not after the last one of the left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRange:
    """First and last time of a split's rows, as the engine writes them, in UTC; None when no row has a time."""

    split: str
    first: str | None
    last: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeCount:
    """Rows of one split on the wrong side of another one's time."""

    disorder: Disorder
    left: str
    right: str
    row_count: int | None
    """None when they were not counted: at an export, when the split does not run along time."""
    examples: tuple[str, ...]
    """Keys of the rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LateColumn:
    """A moment of knowing that lies after the row's time."""

    name: str
    row_count: int
    examples: tuple[str, ...]
    """`key: known at x, happened at y`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How well a feature alone tells the label in one split, learned from half of train."""

    split: str
    """`train` is the other half of train."""
    row_count: int
    """Rows with a label."""
    error_reduction: float
    """1: no error; 0: as many as without the feature; below 0: more. See `predictors`."""
    error: float
    """Standard error of the reduction, roughly."""
    information: float | None
    """Share of the label's entropy that the feature explains; None for a numeric label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictor:
    """One column's power to tell the label alone."""

    name: str
    role: str
    scores: tuple[Score, ...]
    """Splits with too few rows to judge are left out."""

    def of(self, split: str) -> Score | None:
        """The score in this split."""
        return next((score for score in self.scores if score.split == split), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """A feature that names its row, or runs along the key or time."""

    name: str
    distinct_share: float
    """About how many different values there are per row; 1 at most."""
    follows: str | None
    """The column along which its values never fall (or never rise); None when it is only unique."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewValues:
    """Values of a later split that train never had."""

    name: str
    is_label: bool
    split: str
    value_count: int
    row_count: int
    row_share: float
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spellings:
    """Values of one column that differ in case, white space or punctuation only."""

    name: str
    group_count: int
    """How many values are written in several ways."""
    row_count: int
    """Rows with another spelling than the most frequent one."""
    new_split: str | None
    """A split with spellings that train never had."""
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTwins:
    """Texts of different splits that are the same but for case and white space, or nearly."""

    name: str
    threshold: float | None
    """Least Jaccard similarity of their shingles; None when only case and white space may differ."""
    across: tuple[PairCount, ...]
    """Rows of the right split whose text a row of the left one has."""
    examples: tuple[str, ...]


class LabelKind(StrEnum):
    """How a label is predicted."""

    CLASS = "class"
    """One of few values."""
    NUMBER = "number"
    """By its rank."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakageResult:
    """Everything that was looked for in the splits of a dataset, and what it means."""

    subject: str
    """The dataset version, or the dataset."""
    is_thorough: bool
    """False at an export: predictors from a sample, texts and categories not at all."""
    row_counts: Mapping[str, int]
    label_kind: LabelKind | None
    """None without a label that can be predicted."""
    scored_row_count: int
    """Rows that predictors were learned from and scored on."""
    keys: SharedValues | None
    """None when the rows have no key column."""
    entities: tuple[SharedValues, ...]
    twins: Twins | None
    """None without features."""
    times: tuple[TimeRange, ...]
    time_counts: tuple[TimeCount, ...]
    late: tuple[LateColumn, ...]
    predictors: tuple[Predictor, ...]
    """Strongest first."""
    identifiers: tuple[Identifier, ...]
    new_values: tuple[NewValues, ...]
    spellings: tuple[Spellings, ...]
    texts: tuple[TextTwins, ...]
    not_judged: tuple[str, ...]
    """What could not be looked at, and why."""
    findings: tuple[Finding, ...] = field(default=())
    """The most severe first."""
