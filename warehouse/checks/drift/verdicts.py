"""What an effect is, and the three answers that it can give."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """Three answers: not enough rows to know is never called stable."""

    DRIFTED = "drifted"
    """The effect is above its threshold, even at the lower end of its interval."""
    UNDECIDED = "undecided"
    """The interval reaches across the threshold."""
    STABLE = "stable"
    """The effect is below its threshold, even at the upper end of its interval."""


class EffectName(StrEnum):
    """The ways in which a column can drift."""

    DISTANCE = "distance"
    """Jensen-Shannon distance of all cells, noise taken out."""
    SHARE = "share"
    """Largest change of one value's share, a missing value included."""
    NEW = "new"
    """Share of right rows whose category the left never had, beyond what its rarest categories lead to expect."""
    ASPECT = "aspect"
    """Jensen-Shannon distance of one thing about the values, the number of words of a text say; noise taken out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One effect with its 95 % interval against its threshold, all 0..1."""

    name: EffectName
    subject: str
    """Whose share, for `share`; which aspect, for `aspect`; else empty."""
    value: float
    low: float
    high: float
    threshold: float
    p_value: float
    verdict: Verdict
