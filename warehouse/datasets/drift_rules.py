"""What a dataset says about drift: thresholds, kinds, columns to ignore, segments to look into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from warehouse.statistics.kinds import Kind

THRESHOLDS: Mapping[str, float] = {
    "distance": 0.1,
    "share": 0.05,
    "new": 0.02,
    "aspect": 0.1,
    "label": 0.05,
    "auc": 0.6,
}
"""By effect.

Distances (and aspects): Jensen-Shannon, base 2; 0.1 is reached by a shift of the mean by 0.24 standard deviations, by a
value that goes from 0 to 2 % of the rows, by a PSI of about 0.06, and is Evidently's default. Share: five points more
or fewer of one value or of missing ones. New: two percent of rows with categories that the other side never had, by
itself a distance of 0.1. Label: five points of P(label | feature) on average. AUC: of the classifier that tells both
sides apart; a shift of one column's mean by 0.36 standard deviations gives 0.6.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRules:
    """What is said of one column."""

    kind: Kind | None = None
    """Instead of what its values look like."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """By effect; those of all columns where it says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftRules:
    """What is said of all columns and of some."""

    thresholds: Mapping[str, float] = field(default_factory=dict)
    """By effect; `THRESHOLDS` where it says nothing."""
    columns: Mapping[str, ColumnRules] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    """Columns not compared."""
    by: tuple[str, ...] = ()
    """Columns whose values are segments, compared each on its own."""
    profile: bool = False
    """Whether an export writes the profile of the new version; otherwise the first comparison that needs it does."""

    def threshold(self, effect: str, column: str | None = None) -> float:
        """The threshold of an effect, for a column or for all."""
        own = self.columns[column].thresholds if column is not None and column in self.columns else {}
        return own.get(effect, self.thresholds.get(effect, THRESHOLDS[effect]))

    @property
    def kinds(self) -> dict[str, Kind]:
        """Kinds that are said and not found out."""
        return {name: rules.kind for name, rules in self.columns.items() if rules.kind is not None}


NO_RULES = DriftRules()
