"""Whether all columns together tell both sides apart, though perhaps none does so by itself."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from warehouse.checks.drift.parts import DomainColumn, DomainDrift
from warehouse.checks.drift.verdicts import Verdict
from warehouse.checks.drift.words import quoted
from warehouse.datasets.drift_rules import NO_RULES, DriftRules
from warehouse.engine.base import Engine
from warehouse.sql import Relation
from warehouse.statistics.domain_classifier import Separation, separate
from warehouse.statistics.pair import ColumnPair
from warehouse.statistics.row_samples import Feature, draw_rows, features_of

SAMPLE_ROWS = 10_000
"""About so many rows of either side are looked at, or all."""
SAMPLE_VALUES = 1_000_000
"""And of either side no more values than that: 2,000 rows with 500 columns."""
FEWEST_SAMPLE_ROWS = 1_000
"""But never fewer rows than these."""
MOST_FEATURES = 1_000
"""Columns beyond the first so many numbers are not looked at."""
FEWEST_ROWS = 50
"""Below this many rows on a side nothing is learned."""
NAMED_COLUMNS = 10
SIGNIFICANT = 0.05


def domain_obstacle(pairs: Sequence[ColumnPair]) -> str:
    """Why no classifier can be asked, in words for a report; empty when it can."""
    if find_spec("sklearn") is None:
        return "scikit-learn is not installed (pip install 'ml-warehouse[classifier]')"
    if not _features(pairs):
        return "no column can be compared"
    rows = min(min(pair.left.row_count, pair.right.row_count) for pair in pairs)
    if rows < FEWEST_ROWS:
        return f"a side has {rows:,} rows, and a classifier needs {FEWEST_ROWS}"
    return ""


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
    """Whether a classifier tells the rows of both sides apart.

    None when `domain_obstacle` says why, and when there are too few groups to learn from some and judge by others.
    Looks at about 10,000 rows of either side, chosen by their hash; at fewer, down to 1,000, when there are more than a
    hundred columns. One scan per side; two when most rows are equal to others.

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
    """
    if domain_obstacle(pairs):
        return None
    features = _features(pairs)
    wanted = max(FEWEST_SAMPLE_ROWS, min(SAMPLE_ROWS, SAMPLE_VALUES // len(features)))
    samples = tuple(
        draw_rows(engine, relation, features, groups, row_count=sketch.row_count, wanted=wanted, side=side)
        for side, relation, sketch in (("left", left, pairs[0].left), ("right", right, pairs[0].right))
    )
    separation = separate(samples[0], samples[1], features)
    if separation is None:
        return None
    threshold = rules.threshold("auc")
    verdict = Verdict.UNDECIDED
    if separation.low > threshold and separation.p_value <= SIGNIFICANT:
        verdict = Verdict.DRIFTED
    elif separation.high < threshold:
        verdict = Verdict.STABLE
    columns = tuple(
        DomainColumn(name=name, importance=importance)
        for name, importance in separation.importances.items()
        if importance > 0
    )[:NAMED_COLUMNS]
    beyond = verdict is Verdict.DRIFTED and not any_drifted
    rows = (samples[0].row_count, samples[1].row_count)
    return DomainDrift(
        auc=separation.auc,
        low=separation.low,
        high=separation.high,
        null_high=separation.null_high,
        p_value=separation.p_value,
        threshold=threshold,
        verdict=verdict,
        left_sample_rows=rows[0],
        right_sample_rows=rows[1],
        shuffle_count=separation.shuffle_count,
        columns=columns,
        beyond_columns=beyond,
        explanation=_explanation(
            separation,
            verdict,
            threshold,
            rows=rows,
            names=(left_name, right_name),
            columns=columns,
            beyond=beyond,
            looked_at=len({feature.column for feature in features}),
            of=sum(bool(features_of(pair)) for pair in pairs),
        ),
    )


def _features(pairs: Sequence[ColumnPair]) -> list[Feature]:
    found = [feature for pair in pairs for feature in features_of(pair)]
    if len(found) <= MOST_FEATURES:
        return found
    last = found[MOST_FEATURES].column
    # A column is looked at in whole or not at all.
    return [feature for feature in found[:MOST_FEATURES] if feature.column != last] or found[:MOST_FEATURES]


def _explanation(
    separation: Separation,
    verdict: Verdict,
    threshold: float,
    *,
    rows: tuple[int, int],
    names: tuple[str, str],
    columns: Sequence[DomainColumn],
    beyond: bool,
    looked_at: int,
    of: int,
) -> str:
    interval = f"AUC {separation.auc:.2f}, {separation.low:.2f} to {separation.high:.2f}; 0.50 is a coin toss"
    sample = f"on {rows[0]:,} and {rows[1]:,} rows that it had not seen"
    which = "all columns" if looked_at == of else f"the first {looked_at:,} of {of:,} columns"
    told = f"from a row of {names[0]} or {names[1]} by {which} together"
    if verdict is Verdict.STABLE:
        return f"A classifier can hardly tell {told} where it comes from ({interval}; {sample})."
    if verdict is Verdict.UNDECIDED:
        return (
            f"Whether a classifier can tell {told} where it comes from is open: on either side of {threshold:.2f} "
            f"({interval}; {sample})."
        )
    text = f"A classifier can tell {told} where it comes from ({interval}; {sample})."
    if columns:
        first = " and ".join(quoted(column.name) for column in columns[:2])
        text += f" {first} {'give' if len(columns) > 1 else 'gives'} most away."
    if beyond:
        text += " No column drifted by itself: how they go together has changed."
    return text
