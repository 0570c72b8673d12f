"""What a search for bad slices found, and what people's tags on its errors add up to; `--json` has the same names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from warehouse.statistics.estimates import Estimate

if TYPE_CHECKING:
    from warehouse.checks.diagnosis.result import MetricName


class SliceAnswer(StrEnum):
    """Whether a slice that was found bad is bad in other rows too."""

    CONFIRMED = "confirmed"
    """It is, corrected for how many slices were asked about."""
    REFUTED = "refuted"
    """There it is not half as much worse, if at all: it was mostly noise."""
    UNDECIDED = "undecided"
    """The other rows are too few to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceCondition:
    """What one feature's values have in common."""

    feature: str
    """A column, or what was made of it: `month of departed_at`."""
    column: str
    text: str
    """In words: `origin is “JFK”`, `distance from 500 to under 1,000`."""
    sql: str
    """The same over the dataset's columns, in DuckDB's SQL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceErrors:
    """How one slice errs in one set of rows, in the report's metric."""

    row_count: int
    row_share: float
    """Of the set's rows."""
    error: Estimate
    rest: Estimate
    """The error of all other rows of the set."""
    difference: Estimate
    """`error` minus `rest`."""
    removable: Estimate
    """By how much the error of the whole set would fall if the slice erred as the rest does: `row_share` times
    `difference`."""
    removable_share: float
    """The same as a share of the whole set's error."""
    error_share: float
    """Of all the set's error, what lies in the slice."""
    p_value: float
    """Of the slice being no worse than the rest nor, with two conditions, than rows that meet just one of them."""
    adjusted_p_value: float
    """Corrected for all slices that were tested in this set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Rows that meet one condition or two, and are predicted worse than the rest."""

    name: str
    """Its conditions in words, joined by `and`."""
    conditions: tuple[SliceCondition, ...]
    where: str
    """All conditions over the dataset's columns, in DuckDB's SQL."""
    found: SliceErrors
    """In the rows where it was looked for; being the worst of many it looks worse there than it is."""
    verified: SliceErrors | None
    """In the other rows, which had no part in the choice; None when none of them is in it."""
    answer: SliceAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceFeature:
    """A feature that slices were cut by."""

    name: str
    column: str
    cell_count: int
    """Bins or values, and one for each kind of row without: missing, not a number, any other value."""
    in_pairs: bool
    """Whether it was combined with others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A column that no slices were cut by."""

    column: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledError:
    """A row that was predicted wrong, or badly, for people to look at."""

    row: str
    """Tells it from others; the same in every sheet of this version."""
    slices: tuple[int, ...]
    """Places, from 0, of the listed slices that it is in."""
    sampled_of: tuple[int, ...]
    """The slices whose sample it belongs to, -1 for all errors'."""
    label: str | None
    prediction: str | None
    probability: float | None
    """Of the positive class of two, otherwise of the class that was predicted; None without any."""
    loss: float
    """In the report's metric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceReport:
    """Where a model errs more than elsewhere."""

    metric: MetricName
    """What errors are measured in: the diagnosis' own, or the task's usual one where that is no mean over rows."""
    split: str
    """Where slices were looked for, all of it or half of it."""
    found_on: str
    """`dev`, or `half of dev`."""
    found_row_count: int
    verified_on: str
    """`test`, or `other half of dev`."""
    verified_row_count: int
    error: Estimate
    """Of all rows where slices were looked for."""
    level: float
    """Corrected p-values up to this count."""
    tested_count: int
    """Slices that had enough rows to be tested."""
    worse_count: int
    """Those that are worse, after correction."""
    overlapping_count: int
    """Of these, how many are not listed by themselves.

    Bins that lie side by side are one slice; and one is left out when most of its excess is in others, when it is just
    where two others meet, or when 20 are there.
    """
    slices: tuple[Slice, ...]
    """Confirmed ones first, then by what fixing them would remove; 20 at most."""
    listed_row_share: float
    """Share of rows in any of them, and of errors."""
    listed_error_share: float
    features: tuple[SliceFeature, ...]
    left_out: tuple[LeftOut, ...]
    samples: tuple[SampledError, ...] = ()
    """When a sheet is asked for: of all errors 100, of each slice 20, chosen by a hash in proportion to their loss."""

    @property
    def confirmed(self) -> tuple[Slice, ...]:
        """Slices that are bad in rows that had no part in finding them."""
        return tuple(each for each in self.slices if each.answer is SliceAnswer.CONFIRMED)


@dataclass(frozen=True, slots=True, kw_only=True)
class TagShare:
    """How much of the error people put down to one cause."""

    tag: str
    row_count: int
    share: Estimate
    """Of the tagged errors; a row with several tags counts in each."""
    removable: Estimate
    """What fixing all of it would take off the error of these rows, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TagTally:
    """The tags of a sample of errors, Ng's ceiling table."""

    subject: str
    """`all errors of dev`, or a slice's name."""
    error: float
    """Of the rows that the sample is of, all of them, in the report's metric."""
    sampled_count: int
    """Errors that the sample has."""
    tagged_count: int
    tags: tuple[TagShare, ...]
    """The most frequent first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TagReport:
    """What people saw in the errors that they looked at."""

    source: str
    """The file that holds the tags."""
    tagged_count: int
    """Rows with a tag."""
    unknown_count: int
    """Of these, how many are no errors of these predictions: the sheet was made for others."""
    tallies: tuple[TagTally, ...]
    """All errors first, then slices with tagged rows."""
