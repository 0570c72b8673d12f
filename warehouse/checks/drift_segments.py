"""Drift within the values of one column: which slices drift though the whole does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from warehouse.checks.drift_parts import Segments
from warehouse.checks.drift_verdicts import Verdict
from warehouse.datasets.drift_rules import NO_RULES, DriftRules
from warehouse.engine.base import Engine
from warehouse.sql import Relation
from warehouse.statistics.pair import ColumnPair


def find_segments(
    engine: Engine,
    left: Relation,
    right: Relation,
    *,
    by: str,
    pairs: Sequence[ColumnPair],
    verdicts: Mapping[str, Verdict],
    label: str | None = None,
    groups: Sequence[str] = (),
    rules: DriftRules = NO_RULES,
) -> Segments:
    """How each value's rows differ between both sides.

    Args:
        engine: runs the queries.
        left: the rows to compare with.
        right: the rows in question.
        by: the column whose values are segments; a number by its quarters, a time by its months.
        pairs: facts of the columns in the whole comparison.
        verdicts: of the columns in the whole comparison, by name.
        label: the column to predict; told first.
        groups: columns whose values bind rows together; the intervals then allow for it.
        rules: thresholds and kinds.

    Raises:
        SpecError: a side has no such column, or its values cannot be segments.
        QueryError: a relation cannot be read.
    """
    raise NotImplementedError
