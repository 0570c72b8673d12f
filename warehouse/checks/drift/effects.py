"""The ways in which a column can have drifted, each with its interval, from the facts of both sides."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from warehouse.checks.drift.verdicts import Effect, EffectName, Verdict
from warehouse.checks.drift.words import quoted
from warehouse.datasets.drift_rules import NO_RULES, DriftRules
from warehouse.statistics.categories import Categories
from warehouse.statistics.cells import Cell, cell_counts
from warehouse.statistics.clusters import Clustering
from warehouse.statistics.distance import Counts, measure_jensen_shannon
from warehouse.statistics.kinds import Kind
from warehouse.statistics.pair import ColumnPair
from warehouse.statistics.significance import normal_tail

NEW_ROWS = 30
"""Below this many independent values on a side, new categories are reported and not judged: no normal law holds."""
INTERVAL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A column's facts, on the cells that its rows can bear."""

    pair: ColumnPair
    cells: tuple[Cell, ...]
    left: Clustering
    right: Clustering

    @property
    def independent_counts(self) -> tuple[Counts, Counts]:
        """The cells' counts, in independent rows."""
        left, right = cell_counts(self.cells)
        return left / self.left.design_effect, right / self.right.design_effect

    @property
    def concentration(self) -> float:
        """That of both sides; the one whose shares vary more counts more."""
        left, right = self.left, self.right
        weights = (
            left.design_effect / max(1, self.pair.left.row_count),
            right.design_effect / max(1, self.pair.right.row_count),
        )
        return (weights[0] * left.concentration + weights[1] * right.concentration) / sum(weights)


def find_effects(evidence: Evidence, rules: DriftRules = NO_RULES) -> list[Effect]:
    """All effects that apply to this column, not judged yet; none when a side has no rows."""
    pair = evidence.pair
    if not pair.left.row_count or not pair.right.row_count:
        return []
    measured = measure_jensen_shannon(*evidence.independent_counts, concentration=evidence.concentration)
    effects = [
        Effect(
            name=EffectName.DISTANCE,
            subject="",
            value=measured.effect,
            low=measured.low,
            high=measured.high,
            threshold=rules.threshold("distance", pair.name),
            p_value=measured.p_value,
            verdict=Verdict.UNDECIDED,
        )
    ]
    effects += _share_effect(evidence, rules.threshold("share", pair.name))
    if pair.kind is Kind.CATEGORY and pair.categories is not None and pair.categories.strangers_known:
        effects += _new_effect(evidence, pair.categories, rules.threshold("new", pair.name))
    return effects


def _share_effect(evidence: Evidence, threshold: float) -> list[Effect]:
    """The largest change of one cell's share; bins of numbers and times do not count, their bounds being arbitrary.

    The interval holds for all cells at once (Bonferroni), each by Agresti and Caffo (2000): one more row with the
    value and one without on either side.
    """
    candidates = [cell for cell in evidence.cells if not isinstance(cell.label, tuple) and cell.label != "present"]
    if not candidates:
        return []
    n, m = evidence.pair.left.row_count, evidence.pair.right.row_count
    reach = NormalDist().inv_cdf(1 - (1 - INTERVAL) / 2 / len(candidates))

    def change(cell: Cell) -> float:
        return abs(cell.right_count / m - cell.left_count / n)

    def error(cell: Cell) -> float:
        a, b = evidence.left.effect_of(cell), evidence.right.effect_of(cell)
        p, q = (cell.left_count / a + 1) / (n / a + 2), (cell.right_count / b + 1) / (m / b + 2)
        return math.sqrt(p * (1 - p) / (n / a + 2) + q * (1 - q) / (m / b + 2))

    def p_value(cell: Cell) -> float:
        a, b = evidence.left.effect_of(cell), evidence.right.effect_of(cell)
        pooled = (cell.left_count + cell.right_count) / (n + m)
        spread = math.sqrt(pooled * (1 - pooled) * (a / n + b / m))
        return 2 * normal_tail(change(cell) / spread) * len(candidates) if spread else 1.0

    largest = max(candidates, key=change)
    subject = "missing values" if largest.label == "missing" else str(largest.label)
    return [
        Effect(
            name=EffectName.SHARE,
            subject=subject if not largest.has_value else quoted(largest.label),
            value=change(largest),
            low=max(0.0, change(largest) - reach * error(largest)),
            high=min(1.0, max(change(cell) + reach * error(cell) for cell in candidates)),
            threshold=threshold,
            p_value=min(1.0, min(map(p_value, candidates))),
            verdict=Verdict.UNDECIDED,
        )
    ]


def _new_effect(evidence: Evidence, categories: Categories, threshold: float) -> list[Effect]:
    """The share of rows whose category the left lacks, beyond what is to be expected.

    Even of one law, more rows bring categories not seen yet: about as large a share as the left's categories with a
    single row have; of rows in groups, those with a single group. Source: Good (1953), after Turing; the variance is
    that of Robbins (1968).
    """
    left, right = evidence.left, evidence.right
    n, m = evidence.pair.left.present_count, evidence.pair.right.present_count
    independent = m / right.design_effect
    if min(n / left.design_effect, independent) < NEW_ROWS:
        return []
    share = categories.new_rows / m
    # Agresti and Caffo's extra rows keep the interval from shrinking to nothing when no new category was seen.
    smoothed = (share * independent + 1) / (independent + 2)
    if left.group_count:
        expected, squares = left.lone_rows / n, left.lone_squares
    else:
        expected = categories.left_singletons / n
        squares = categories.left_singletons + 2 * categories.left_pairs
    spread = math.sqrt(squares / n**2 + smoothed * (1 - smoothed) / (independent + 2))
    value = max(0.0, share - expected)
    reach = NormalDist().inv_cdf(1 - (1 - INTERVAL) / 2)
    return [
        Effect(
            name=EffectName.NEW,
            subject="",
            value=value,
            low=max(0.0, share - expected - reach * spread),
            high=min(1.0, value + reach * spread),
            threshold=threshold,
            p_value=normal_tail((share - expected) / spread),
            verdict=Verdict.UNDECIDED,
        )
    ]
