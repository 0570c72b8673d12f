"""Whether all columns together tell both sides apart, though perhaps none does so by itself."""

from __future__ import annotations

from collections.abc import Sequence

from warehouse.checks.drift_parts import DomainDrift
from warehouse.datasets.drift_rules import NO_RULES, DriftRules
from warehouse.engine.base import Engine
from warehouse.sql import Relation
from warehouse.statistics.pair import ColumnPair


def domain_obstacle(pairs: Sequence[ColumnPair]) -> str:
    """Why no classifier can be asked, in words for a report; empty when it can."""
    return "" if pairs else "no column can be compared"


def find_domain_drift(
    engine: Engine,
    left: Relation,
    right: Relation,
    pairs: Sequence[ColumnPair],
    *,
    any_drifted: bool,
    rules: DriftRules = NO_RULES,
    groups: Sequence[str] = (),
    left_name: str = "the left",
    right_name: str = "the right",
) -> DomainDrift | None:
    """Whether a classifier tells the rows of both sides apart; None when `domain_obstacle` says why.

    Args:
        engine: runs the queries.
        left: the rows to compare with.
        right: the rows in question.
        pairs: the columns to look at, those that `compare` compared; a label may be among them or not.
        any_drifted: whether a column drifted by itself.
        rules: the threshold, `auc`.
        groups: columns whose values bind rows together; a group's rows are all learned from, or none.
        left_name: what people call the left rows.
        right_name: what people call the right rows.

    Raises:
        QueryError: a relation cannot be read.
        MissingExtraError: scikit-learn is not installed.
    """
    return None
