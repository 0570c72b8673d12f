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

from warehouse.findings import Severity

SPLITS = ("train", "train_dev", "dev", "test")
"""Every split there can be, in the order people read them."""

REQUIRED_SPLITS = ("train", "test")

GATES: Mapping[str, Severity] = {"drift": Severity.WARNING, "missing_labels": Severity.WARNING}
"""Checks whose severity a dataset may choose, with what holds when it does not."""


class Order(StrEnum):
    """In which order the rows of a split are written; each is the same from run to run."""

    TABLE = "table"
    """As the model's table has them; the fastest."""
    SHUFFLED = "shuffled"
    """By a hash of the key: pseudo-random, and stable when rows are added."""
    KEY = "key"
    TIME = "time"


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
    train_dev: float = 0.0
    """Share of *train's* rows, by a hash of their key, that become train_dev."""
    salt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSplit:
    """A column names each row's split."""

    method: Literal["column"] = "column"
    column: str


Split = HashSplit | TimeSplit | ColumnSplit


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSpec:
    """One dataset's declaration, complete: nothing in it depends on a default of this library."""

    name: str
    model: str
    """The dbt model whose rows are the examples."""
    key: tuple[str, ...]
    """Unique together, never null."""
    label: str | None = None
    groups: tuple[str, ...] = ()
    """Rows that share this never lie in different splits."""
    time: str | None = None
    include: tuple[str, ...] = ()
    """Columns that are exported; empty means all but `exclude`."""
    exclude: tuple[str, ...] = ()
    split: HashSplit | TimeSplit | ColumnSplit
    order: Order = Order.TABLE
    gates: Mapping[str, Severity] = field(default_factory=dict)
    """Severity per check, for every check in `GATES`."""

    @property
    def hashed(self) -> tuple[str, ...]:
        """The columns whose hash places a row: the group's, or the key's."""
        return self.groups or self.key

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
