"""What errors of models that were trained on more and more rows tell; `--json` has the same names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from warehouse.statistics.power_law import Range

if TYPE_CHECKING:
    from warehouse.checks.diagnosis.result import MetricName


class CurveAnswer(StrEnum):
    """Whether ten times the rows would help."""

    HELPS = "helps"
    """The error would fall: all of the fall's interval is above 0, and some of it above what one wants to see."""
    FLAT = "flat"
    """It would fall by less than one wants to see: all of the interval is below that."""
    UNDECIDED = "undecided"
    """The points do not tell."""


class HumanAnswer(StrEnum):
    """Whether more rows of this distribution lead to where people are."""

    REACHED = "reached"
    """With the rows that are there the error is no greater."""
    WITHIN_TEN = "within_ten"
    """Ten times the rows lead there."""
    NOT_WITHIN_TEN = "not_within_ten"
    """Ten times the rows do not."""
    NEVER = "never"
    """No number of rows does: the error's limit lies above."""
    UNDECIDED = "undecided"
    """The points do not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """The error of one trained model."""

    row_count: float
    """Rows that it was trained on."""
    error: float
    tested_count: int | None
    """Rows that the error was measured on, when the file says so."""
    fitted: float | None
    """What the law says; None without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """What a number of rows would give."""

    factor: float
    """Times the rows of train."""
    row_count: int
    error: Range
    """The expected error of such a model."""
    gain: Range
    """By how much it is less than with the rows of train; what one would get for the other rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLawFit:
    """`error = limit + scale * (rows / unit) ** -exponent`."""

    limit: Range
    """The error that no number of rows gets below."""
    scale: float
    unit: int
    """The most rows that a model was trained on."""
    exponent: Range
    residual: float
    """Root of the mean square that points lie off the curve."""
    projections: tuple[Projection, ...]
    """With the rows of train, twice and ten times as many."""
    line: tuple[Projection, ...]
    """The curve to draw, from the fewest rows that a model was trained on to the last projection."""
    answer: CurveAnswer
    human: HumanAnswer | None
    """None when nobody says how people do."""

    def at(self, factor: float) -> Projection:
        """The projection for so many times the rows of train."""
        return next(each for each in self.projections if each.factor == factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitCurve:
    """How the error in one split changes with the rows that models were trained on."""

    split: str
    points: tuple[CurvePoint, ...]
    """By rows, ascending."""
    fit: PowerLawFit | None
    not_fitted: str = ""
    """Why there is no fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningCurve:
    """Errors of models that were trained on nested shares of train."""

    subject: str
    """The dataset version."""
    source: str
    """What holds the errors."""
    metric: MetricName
    train_count: int
    """Rows of train, which factors are multiples of."""
    difference: float
    """The least fall of the error that one wants to see."""
    human: float | None
    """How people do, in the same metric."""
    target: str
    """The split that the answer is about: dev, or what comes closest to it."""
    splits: tuple[SplitCurve, ...]
    summary: tuple[str, ...] = ()
    """What it comes down to, in sentences."""

    def of(self, split: str) -> SplitCurve | None:
        """This split's curve."""
        return next((each for each in self.splits if each.split == split), None)
