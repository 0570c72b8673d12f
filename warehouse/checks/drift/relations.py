"""Whether the label still depends on each feature as it did: changes of P(label | feature)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from warehouse.checks.drift.parts import LabelRelation, RelationBin
from warehouse.checks.drift.verdicts import Verdict
from warehouse.checks.drift.words import number_text, quoted, share_text, time_text
from warehouse.datasets.drift_rules import NO_RULES, DriftRules
from warehouse.engine.base import Engine
from warehouse.sql import Relation
from warehouse.statistics.kinds import Family, Kind
from warehouse.statistics.pair import ColumnPair
from warehouse.statistics.relation_counts import Cut, Label, cut_of, label_of, outcomes_of
from warehouse.statistics.relations import Outcomes, common_bins, dependence, measure_change
from warehouse.statistics.significance import benjamini_hochberg

FEWEST_ROWS = 20
"""A bin has so many labelled rows on either side, or is not compared."""
FEWEST_NUMBERS = 30
"""The same for a numeric label, whose mean takes more rows to be normal."""
SIGNIFICANT = 0.05


def find_label_relations(
    engine: Engine,
    left: Relation,
    right: Relation,
    pairs: Sequence[ColumnPair],
    label: ColumnPair,
    *,
    rules: DriftRules = NO_RULES,
    groups: Sequence[str] = (),
) -> tuple[LabelRelation, ...]:
    """How the label depends on each feature on both sides, changed ones first.

    Features that are constant, or share no bin with enough labelled rows on both sides, are left out; nothing is found
    when the label is a time or a text, or has one value only. One scan per side for every 40 features.

    Args:
        engine: runs the queries.
        left: the rows to compare with.
        right: the rows in question.
        pairs: the columns that `compare` compared; the label may be among them and is passed over.
        label: the column to predict: classes or a number.
        rules: the threshold, `label`, of all features and of some.
        groups: columns whose values bind rows together; the intervals then allow for it.

    Raises:
        QueryError: a relation cannot be read.
    """
    target = label_of(label)
    cuts = [cut for pair in pairs if pair.name != label.name and (cut := cut_of(pair)) is not None]
    if target is None or not cuts:
        return ()
    sides = [outcomes_of(engine, relation, target, cuts, groups) for relation in (left, right)]
    found = []
    for cut, before, after in zip(cuts, *sides, strict=True):
        relation = _relation(target, cut, before, after, rules.threshold("label", cut.pair.name))
        if relation is not None:
            found.append((relation, cut))
    q_values = benjamini_hochberg([relation.p_value for relation, _ in found])
    judged = [_judged(*one, q_value, target) for one, q_value in zip(found, q_values, strict=True)]
    rank = list(Verdict)
    judged.sort(key=lambda one: (rank.index(one.verdict), -one.change / one.threshold, one.feature))
    return tuple(judged)


def _relation(target: Label, cut: Cut, before: Outcomes, after: Outcomes, threshold: float) -> LabelRelation | None:
    """What was measured, not judged yet."""
    bins = common_bins(
        before,
        after,
        fewest=FEWEST_ROWS if target.is_class else FEWEST_NUMBERS,
        ordered=len(cut.labels) if cut.is_ordered else 0,
        mixed=None if cut.is_ordered else cut.other,
    )
    if cut.pair.categories is None and not cut.is_ordered:
        # Present or missing: what is present is one thing.
        bins = common_bins(before, after, fewest=FEWEST_ROWS)
    compared = [group for group, comparable in bins if comparable]
    if len(bins) < 2 or not compared:
        return None
    left, right = before.merged(compared), after.merged(compared)
    measured = measure_change(left, right, is_class=target.is_class)
    groups = [group for group, _ in bins]
    outcome = _outcome(target, left, right)
    return LabelRelation(
        feature=cut.pair.name,
        left_dependence=dependence(
            before.merged(groups), is_class=target.is_class, design_effect=measured.left_design_effect
        ),
        right_dependence=dependence(
            after.merged(groups), is_class=target.is_class, design_effect=measured.right_design_effect
        ),
        change=measured.change,
        low=measured.low,
        high=measured.high,
        threshold=threshold,
        p_value=measured.p_value,
        q_value=1.0,
        verdict=Verdict.UNDECIDED,
        bins=_bins(target, cut, bins, before, after, outcome),
        explanation="",
        outcome=_class_text(target, outcome) if target.is_class else "",
        explained_by_label=measured.explained_share,
        compared_share=float(right.rows.sum() / max(after.rows.sum(), 1)),
    )


def _outcome(target: Label, left: Outcomes, right: Outcomes) -> int:
    """The outcome that bins tell: of two classes the true, larger or rarer one, of more the one that changed most."""
    names = target.class_names
    if not target.is_class:
        return 0
    if len(names) == 2:
        if target.pair.kind is Kind.BOOLEAN or not isinstance(names[0], str):
            return 1
        totals = left.sums.sum(axis=(0, 1)) + right.sums.sum(axis=(0, 1))
        return int(totals[0] < totals[1]) ^ 1
    weights = right.rows / right.rows.sum()
    return int(np.argmax((weights @ (right.means - left.means) ** 2)[: len(names)]))


def _class_text(target: Label, outcome: int) -> str:
    name = target.class_names[outcome]
    return number_text(name) if isinstance(name, float) else name


def _bins(
    target: Label,
    cut: Cut,
    bins: Sequence[tuple[list[int], bool]],
    before: Outcomes,
    after: Outcomes,
    outcome: int,
) -> tuple[RelationBin, ...]:
    groups = [group for group, _ in bins]
    left, right = before.merged(groups), after.merged(groups)
    return tuple(
        RelationBin(
            label=_bin_text(cut, group),
            left_count=int(left.rows[index]),
            right_count=int(right.rows[index]),
            left_mean=float(left.means[index, outcome]) * target.scale if left.rows[index] else None,
            right_mean=float(right.means[index, outcome]) * target.scale if right.rows[index] else None,
            is_compared=comparable,
        )
        for index, (group, comparable) in enumerate(bins)
    )


def _bin_text(cut: Cut, group: Sequence[int]) -> str:
    if cut.is_ordered and group[0] < len(cut.labels):
        first, last = cut.labels[group[0]], cut.labels[min(group[-1], len(cut.labels) - 1)]
        assert isinstance(first, tuple)
        assert isinstance(last, tuple)
        text = (lambda value: time_text(value, cut.pair.family)) if cut.pair.kind is Kind.TIME else number_text
        lower, upper = first[0], last[1]
        if cut.pair.family is Family.INTEGER or cut.pair.kind is Kind.TEXT:
            # Above 12 and up to 15 is 13 to 15; only the first bin holds its lower bound.
            lower, upper = float(lower // 1) + (group[0] > 0), float(upper // 1)
        low, high = text(lower), text(upper)
        words = low if low == high else f"{low} to {high}"
        return f"{words} characters" if cut.pair.kind is Kind.TEXT else words
    if group == [cut.missing]:
        return "missing"
    if cut.other in group:
        return "present" if cut.pair.categories is None else "all other values"
    label = cut.labels[group[0]]
    return number_text(label) if isinstance(label, float) else str(label)


def _judged(relation: LabelRelation, cut: Cut, q_value: float, target: Label) -> LabelRelation:
    verdict = Verdict.UNDECIDED
    if relation.low > relation.threshold and q_value <= SIGNIFICANT:
        verdict = Verdict.DRIFTED
    elif relation.high < relation.threshold and relation.compared_share >= 0.5:
        verdict = Verdict.STABLE
    judged = replace(relation, q_value=q_value, verdict=verdict)
    return replace(judged, explanation=_Words(judged, target, cut).explanation)


@dataclass(frozen=True, slots=True)
class _Words:
    relation: LabelRelation
    target: Label
    cut: Cut

    @property
    def explanation(self) -> str:
        relation, feature = self.relation, quoted(self.relation.feature)
        low, high, threshold = (self.size(value) for value in (relation.low, relation.high, relation.threshold))
        if relation.verdict is Verdict.STABLE:
            return f"{quoted(self.target.pair.name)} depends on {feature} as before: it changed by at most {high}."
        told = self.happening
        if relation.verdict is Verdict.UNDECIDED:
            told = f"{told}; over all rows the change may be {low} to {high}, on either side of {threshold}"
            if relation.low > relation.threshold:
                told = f"{self.happening}; not more than chance brings about among so many features"
            elif relation.high < relation.threshold:
                few = share_text(relation.compared_share)
                told = f"{self.happening}; only {few} of the rows have a value that both sides have often enough"
        if relation.follows_label and relation.verdict is Verdict.DRIFTED:
            told += ". Mostly the label itself changed, for all values nearly alike"
        return f"{told}."

    @property
    def happening(self) -> str:
        """`For “carrier” “EV”, “is_late” fell from 31.0% to 22.0% of rows`."""
        strongest = max((one for one in self.relation.bins if one.is_compared), key=self.weight)
        before, after = strongest.left_mean or 0.0, strongest.right_mean or 0.0
        name = quoted(self.target.pair.name)
        value = f"of {strongest.label}" if self.cut.is_ordered else quoted(strongest.label)
        if strongest.label in ("missing", "present") and strongest.label not in self.cut.labels:
            value = strongest.label
        where = f"For {quoted(self.relation.feature)} {value}"
        if not self.target.is_class:
            return f"{where}, the mean of {name} {_moved(number_text(before), number_text(after), after - before)}"
        what = name if self.target.pair.kind is Kind.BOOLEAN else f"{name} {quoted(self.relation.outcome)}"
        return f"{where}, {what} {_moved(share_text(before), share_text(after), after - before)} of rows"

    @staticmethod
    def weight(one: RelationBin) -> float:
        """How much a bin adds to the squared change."""
        return one.right_count * ((one.right_mean or 0.0) - (one.left_mean or 0.0)) ** 2

    def size(self, value: float) -> str:
        """A change in words."""
        return f"{value * 100:.1f} points" if self.target.is_class else f"{value:.2f} standard deviations"


def _moved(before: str, after: str, change: float) -> str:
    if before == after:
        return f"stayed at {before}"
    return f"{'rose' if change > 0 else 'fell'} from {before} to {after}"
