"""What a dataset is: its specification, as people declare it and as a version's manifest records it.

A specification says which rows are examples (`key`), what they teach (`label`), who must never be on both sides of a
split (`groups`), when they happened (`time`) and how they are divided (`split`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from warehouse.datasets.drift_rules import NO_RULES, DriftRules
from warehouse.findings import Severity

SPLITS = ("train", "train_dev", "dev", "test")
"""Every split there can be, in the order people read them."""

REQUIRED_SPLITS = ("train", "test")

GATES: Mapping[str, Severity] = {
    "drift": Severity.WARNING,
    "leakage": Severity.WARNING,
    "missing_labels": Severity.WARNING,
}
"""Checks whose severity a dataset may choose, with what holds when it does not."""

FOLD, WEIGHT = "fold", "sample_weight"
"""Columns that an export adds: number of the fold, 0 to k - 1; weight of a row in training. NULL outside train."""


class Order(StrEnum):
    """In which order the rows of a split are written; each is the same from run to run."""

    TABLE = "table"
    """As the model's table has them; the fastest."""
    SHUFFLED = "shuffled"
    """By a hash of the key: pseudo-random, and stable when rows are added."""
    KEY = "key"
    TIME = "time"


class Format(StrEnum):
    """What the files of a version are."""

    PARQUET = "parquet"
    CSV = "csv"
    JSONL = "jsonl"
    ARROW = "arrow"


class Refresh(StrEnum):
    """When new versions are made; no part of what a version is."""

    MANUAL = "manual"
    """When somebody exports it."""
    NIGHTLY = "nightly"
    """By every nightly run whose build passed, unless nothing has changed."""


class Grouping(StrEnum):
    """What several group columns mean."""

    LINKED = "linked"
    """Rows that share a value of any of them are one entity, and so are entities that share a row."""
    COMPOSITE = "composite"
    """Rows that share the values of all of them are one entity."""


class DuplicateRule(StrEnum):
    """What becomes of rows that are equal in everything but the key."""

    ONCE = "once"
    """The one with the smallest key is exported."""
    TOGETHER = "together"
    """All are, in the same split."""


class WeightKind(StrEnum):
    """What a row's weight in training is."""

    CLASS = "class"
    """Inversely proportional to how frequent its label is in train; every class weighs the same in all."""
    INVERSE_PROBABILITY = "inverse_probability"
    """One over the probability, in a column, with which the row came into the data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HashSplit:
    """Rows are placed by a hash of their group, or of their key when there are no groups."""

    method: Literal["hash"] = "hash"
    shares: Mapping[str, float]
    """Of train, test and, when there is one, dev; they sum to 1."""
    train_dev: float = 0.0
    """Share of *train's* rows (or groups) that become train_dev."""
    salt: str
    """Mixed into the hash."""
    stratify: tuple[str, ...] = ()
    """Rows (or groups) with the same values of these fill the shares exactly, within rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSplit:
    """Rows are placed by their time: train, then dev, then test."""

    method: Literal["time"] = "time"
    cutoffs: Mapping[str, datetime] | None
    """First moment, UTC, of dev (when there is one) and of test; None until `shares` are resolved against the data."""
    shares: Mapping[str, float] | None = None
    """Of the rows, in the order of time; what the cutoffs were resolved from, if they were."""
    embargo_seconds: int = 0
    """Rows this long before each cutoff belong to no split."""
    embargo_after_seconds: int = 0
    """Rows this long from each cutoff on belong to no split."""
    train_dev: float = 0.0
    """Share of *train's* rows, by a hash of their key, that become train_dev."""
    salt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HashTimeSplit:
    """Rows are placed by hash and by time, and count where both agree: unseen entities *and* a later time."""

    method: Literal["hash_time"] = "hash_time"
    shares: Mapping[str, float]
    """Of the entities: of train, test and, when there is one, dev; they sum to 1."""
    cutoffs: Mapping[str, datetime]
    """First moment, UTC, of test and of dev, when `shares` has it."""
    embargo_seconds: int = 0
    embargo_after_seconds: int = 0
    train_dev: float = 0.0
    """Share of train's entities that become train_dev; their rows are from train's time."""
    salt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSplit:
    """A column names each row's split."""

    method: Literal["column"] = "column"
    column: str


Split = HashSplit | TimeSplit | HashTimeSplit | ColumnSplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthetic:
    """Rows that were made up; they never leave train."""

    column: str
    """True for such rows, never null."""
    train_dev: bool = False
    """Whether train_dev may have some too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The weight of a row in training, in a column of its own."""

    kind: WeightKind
    column: str
    """The label, or the column of probabilities."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Downsample:
    """Of train's rows with this label, only some are kept; other splits stay as they are."""

    label: str
    """The label as text."""
    keep: float
    """Share that is kept, above 0 and below 1; chosen by a hash of the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NearText:
    """Rows whose texts are nearly the same stay together."""

    column: str
    threshold: float = 0.8
    """Least Jaccard similarity of their shingles, above 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deduplicate:
    """What becomes of duplicates."""

    exact: DuplicateRule | None = None
    text: NearText | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSpec:
    """One dataset's declaration, complete: nothing in it depends on a default of this library."""

    name: str
    model: str
    """The dbt model whose rows are the examples."""
    key: tuple[str, ...]
    """Unique together, never null."""
    label: str | None = None
    label_horizon_seconds: int = 0
    """How long after its time a row's label becomes known."""
    groups: tuple[str, ...] = ()
    """Rows that share these never lie in different splits."""
    grouping: Grouping = Grouping.LINKED
    """What several groups mean; one is the same either way."""
    time: str | None = None
    known_at: tuple[str, ...] = ()
    """Columns of moments at which features were known; none is later than the row's time."""
    include: tuple[str, ...] = ()
    """Columns that are exported; empty means all but `exclude`."""
    exclude: tuple[str, ...] = ()
    grant: tuple[str, ...] = ()
    """Columns with personal data that may be exported as they are."""
    pseudonymise: tuple[str, ...] = ()
    """Columns that are exported as a keyed hash of their values."""
    tags_denied: tuple[str, ...] = ()
    """Columns with one of these dbt tags are refused unless they are granted or pseudonymised."""
    target_distribution: str | None = None
    """Condition in SQL; dev and test have only rows that satisfy it."""
    synthetic: Synthetic | None = None
    split: HashSplit | TimeSplit | HashTimeSplit | ColumnSplit
    freeze: Mapping[str, str] = field(default_factory=dict)
    """Splits that keep exactly the keys that they have in a version, by its number; `newest` until it is resolved."""
    deduplicate: Deduplicate = field(default_factory=Deduplicate)
    downsample: Downsample | None = None
    fraction: float = 1.0
    """Share of train, by entity, that is exported at all."""
    subsets: tuple[float, ...] = ()
    """Nested shares of train that are written as files of their own, ascending, so that each can be read alone."""
    folds: int = 0
    """Number of cross-validation folds of train; 0 for none, otherwise column `fold` tells them."""
    weights: Weights | None = None
    order: Order = Order.TABLE
    format: Format = Format.PARQUET
    escape_formulas: bool = False
    """CSV only: text that a spreadsheet would run as a formula starts with an apostrophe."""
    shard_rows: int | None = None
    """Most rows per file; None: no bound."""
    shard_bytes: int | None = None
    """Roughly the most bytes per file; None: no bound."""
    gates: Mapping[str, Severity] = field(default_factory=dict)
    """Severity per check, for every check in `GATES`."""
    drift: DriftRules = NO_RULES
    """How the dataset's splits and versions are compared."""

    @property
    def hashed(self) -> tuple[str, ...]:
        """The columns whose hash places a row: the group's, or the key's.

        With several linked groups, or duplicates kept together, the hash is of one value of the row's component.
        """
        return self.groups or self.key

    @property
    def is_linked(self) -> bool:
        """Whether rows are connected by more than the equal values of `hashed`."""
        together = self.deduplicate.exact is DuplicateRule.TOGETHER or self.deduplicate.text is not None
        return together or (len(self.groups) > 1 and self.grouping is Grouping.LINKED)

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that an export writes; the column method may use fewer."""
        if isinstance(self.split, ColumnSplit):
            return SPLITS
        named = {
            "train",
            *(self.split.shares or ()),
            *((self.split.cutoffs or ()) if isinstance(self.split, TimeSplit) else ()),
        }
        return tuple(split for split in SPLITS if split in named or (split == "train_dev" and self.split.train_dev))
