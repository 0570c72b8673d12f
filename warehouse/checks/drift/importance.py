"""Which columns matter: how far each drifted, times how much the label depends on it."""

from __future__ import annotations

from dataclasses import dataclass

from warehouse.checks.drift.parts import LabelRelation
from warehouse.checks.drift.result import DriftResult
from warehouse.checks.drift.verdicts import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnImportance:
    """One column's place among those that drifted."""

    name: str
    importance: float
    """Its largest effect in units of the threshold; with a label, times `label_dependence`."""
    label_dependence: float | None
    """How much of the label's variation the column explains on the left, 0..1; None where that was not measured."""
    label_shift: float | None
    """How far the label's mean would move if only this column's distribution changed, and the label depended on it as
    on the left: in shares for classes, in the label's unit for numbers. None where that was not measured.

    Source: the composition part of Kitagawa's (1955) decomposition, also named after Oaxaca and Blinder (1973)."""


def rank_columns(result: DriftResult) -> tuple[ColumnImportance, ...]:
    """All compared columns: the label first, then the drifted, undecided and stable ones, each by importance."""
    relations = {relation.feature: relation for relation in result.relations}
    rank = list(Verdict)
    found = []
    for column in result.columns:
        relation = relations.get(column.name)
        dependence = relation.left_dependence if relation else None
        # A column whose relation could not be measured is not thereby unimportant, only last among its like.
        weight = (dependence or 0.0) if relations and not column.is_label else 1.0
        entry = ColumnImportance(
            name=column.name,
            importance=column.strength * weight,
            label_dependence=dependence,
            label_shift=label_shift(relation) if relation else None,
        )
        found.append(((not column.is_label, rank.index(column.verdict), -entry.importance, -column.strength), entry))
    return tuple(entry for _, entry in sorted(found, key=lambda pair: (*pair[0], pair[1].name)))


def label_shift(relation: LabelRelation) -> float | None:
    """What this feature's new distribution alone would do to the label's mean; None without rows on a side.

    A bin that the left lacks says nothing about the label there, so its rows count as the left's average.
    """
    left_rows = sum(part.left_count for part in relation.bins)
    right_rows = sum(part.right_count for part in relation.bins)
    known = [part for part in relation.bins if part.left_mean is not None]
    if not left_rows or not right_rows or not known:
        return None
    mean = sum(part.left_count * (part.left_mean or 0.0) for part in known) / left_rows
    return sum(
        (part.right_count / right_rows - part.left_count / left_rows) * ((part.left_mean or 0.0) - mean)
        for part in known
    )
