"""Whether two sets of rows differ, column by column, by more than noise and by enough to matter.

A column has drifted when an effect exceeds its threshold even at the lower end of its 95 % interval (and the column is
significant among all columns), is stable when every effect lies below its threshold even at the upper end, and is
undecided otherwise. Thresholds are about size, intervals about knowledge: a hundred million rows do not turn a trifle
into drift, and five hundred do not turn ignorance into health.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist

from warehouse.checks.drift_bars import bars_of, side_of, strangers_of
from warehouse.checks.drift_result import (
    ColumnDrift,
    Coverage,
    DriftResult,
    Effect,
    EffectName,
    LeftOut,
    Measures,
    Verdict,
)
from warehouse.checks.drift_words import explain_column, explain_result, quoted, time_text
from warehouse.engine.base import Engine
from warehouse.findings import Severity
from warehouse.sql import Relation
from warehouse.statistics.categories import Categories
from warehouse.statistics.cells import Cell, cell_counts, distribution_cells
from warehouse.statistics.distance import (
    largest_change,
    measure_jensen_shannon,
    population_stability_index,
    standardised_mean_difference,
    total_variation,
)
from warehouse.statistics.kinds import Family, Kind
from warehouse.statistics.pair import ColumnPair, compare_relations
from warehouse.statistics.profile import Measured, row_count, sketch
from warehouse.statistics.significance import benjamini_hochberg, kolmogorov_tail, normal_tail

DISTANCE_THRESHOLD = 0.1
"""Jensen-Shannon distance (base 2). It is reached by a shift of the mean by 0.24 standard deviations, by a value that
goes from 0 to 2 % of the rows, by a PSI of about 0.06. Evidently's default is the same number."""
SHARE_THRESHOLD = 0.05
"""Five points more or fewer of one value or of missing ones."""
NEW_THRESHOLD = 0.02
"""Two percent of rows with categories that the other side never had; by itself a Jensen-Shannon distance of 0.1."""
NEW_ROWS = 30
"""Below this many values on a side, its normal law cannot be trusted, and new categories are reported unjudged."""
SIGNIFICANT = 0.05
"""Largest share of false alarms among the columns called drifted, in expectation, should nothing differ."""
INTERVAL = 0.95
MICROSECONDS_PER_DAY = 86_400e6


def compare(
    engine: Engine,
    left: Relation,
    right: Relation,
    *,
    left_name: str,
    right_name: str,
    subject: str = "",
    excluded: Mapping[str, str] | None = None,
    label: str | None = None,
    time: str | None = None,
    severity: Severity = Severity.WARNING,
    threshold: float = DISTANCE_THRESHOLD,
) -> DriftResult:
    """How the right rows differ from the left ones.

    Args:
        engine: runs the queries.
        left: the rows to compare with: train, an older version.
        right: the rows in question.
        left_name: what people call the left rows.
        right_name: what people call the right rows.
        subject: what both belong to, `dataset@version` say; for the report's title.
        excluded: columns to leave out, each with the reason that the report gives.
        label: the column to predict; comes first and is marked.
        time: the column that says when a row happened; the summary tells from when to when both sides are.
        severity: what a drifted column counts as.
        threshold: Jensen-Shannon distance from which a column has drifted, 0..1.

    Raises:
        QueryError: a relation cannot be read.
    """
    excluded = excluded or {}
    facts = compare_relations(engine, left, right, skip=excluded)
    left_out = [LeftOut(name=name, reason=reason) for name, reason in excluded.items()]
    left_out += [
        LeftOut(name=pair.name, reason="an identifier: nearly every row has a value of its own")
        for pair in facts.columns
        if pair.kind is Kind.IDENTIFIER
    ]
    side_words = {"on the left": f"in {left_name}", "on the right": f"in {right_name}"}
    for name, reason in facts.left_out.items():
        for general, named in side_words.items():
            reason = reason.replace(general, named)
        left_out.append(LeftOut(name=name, reason=reason, is_problem=True))
    compared = [pair for pair in facts.columns if pair.kind is not Kind.IDENTIFIER]
    columns = _judge(compared, left_name=left_name, right_name=right_name, label=label, threshold=threshold)
    coverage = _coverage(engine, left, right, time) if time else None
    return DriftResult(
        subject=subject,
        left_name=left_name,
        right_name=right_name,
        left_row_count=facts.left_row_count,
        right_row_count=facts.right_row_count,
        coverage=coverage,
        summary=explain_result(
            left_name=left_name,
            right_name=right_name,
            left_rows=facts.left_row_count,
            right_rows=facts.right_row_count,
            coverage=coverage,
            columns=[(column.name, column.is_label, column.verdict, column.explanation) for column in columns],
            left_out=left_out,
        ),
        columns=columns,
        left_out=tuple(left_out),
        severity=severity,
    )


def _judge(
    pairs: Sequence[ColumnPair], *, left_name: str, right_name: str, label: str | None, threshold: float
) -> tuple[ColumnDrift, ...]:
    cells = [distribution_cells(pair) for pair in pairs]
    effects = [_effects(pair, cell, threshold) for pair, cell in zip(pairs, cells, strict=True)]
    p_values = [min([1.0, *(effect.p_value * len(found) for effect in found)]) for found in effects]
    columns = []
    for pair, cell, found, p_value, q_value in zip(
        pairs, cells, effects, p_values, benjamini_hochberg(p_values), strict=True
    ):
        judged = tuple(_with_verdict(effect, significant=q_value <= SIGNIFICANT) for effect in found)
        columns.append(
            _column(pair, cell, judged, p_value, q_value, label=label, left_name=left_name, right_name=right_name)
        )
    rank = list(Verdict)
    columns.sort(key=lambda column: (not column.is_label, rank.index(column.verdict), -column.strength, column.name))
    return tuple(columns)


def _with_verdict(effect: Effect, *, significant: bool) -> Effect:
    verdict = Verdict.UNDECIDED
    if effect.low > effect.threshold and significant:
        verdict = Verdict.DRIFTED
    elif effect.high < effect.threshold:
        verdict = Verdict.STABLE
    return Effect(
        name=effect.name,
        subject=effect.subject,
        value=effect.value,
        low=effect.low,
        high=effect.high,
        threshold=effect.threshold,
        p_value=effect.p_value,
        verdict=verdict,
    )


def _effects(pair: ColumnPair, cells: Sequence[Cell], threshold: float) -> list[Effect]:
    """All effects that apply to this column, not judged yet; none when a side has no rows."""
    if not pair.left.row_count or not pair.right.row_count:
        return []
    measured = measure_jensen_shannon(*cell_counts(cells))
    effects = [
        Effect(
            name=EffectName.DISTANCE,
            subject="",
            value=measured.effect,
            low=measured.low,
            high=measured.high,
            threshold=threshold,
            p_value=measured.p_value,
            verdict=Verdict.UNDECIDED,
        )
    ]
    effects += _share_effect(pair, cells)
    if pair.kind is Kind.CATEGORY and pair.categories is not None:
        effects += _new_effect(pair, pair.categories)
    return effects


def _share_effect(pair: ColumnPair, cells: Sequence[Cell]) -> list[Effect]:
    """The largest change of one cell's share; bins of numbers and times do not count, their bounds being arbitrary.

    The interval holds for all cells at once (Bonferroni), each by Agresti and Caffo (2000): one more row with the
    value and one without on either side.
    """
    candidates = [cell for cell in cells if not isinstance(cell.label, tuple) and cell.label != "present"]
    if not candidates:
        return []
    n, m = pair.left.row_count, pair.right.row_count
    reach = NormalDist().inv_cdf(1 - (1 - INTERVAL) / 2 / len(candidates))

    def change(cell: Cell) -> float:
        return abs(cell.right_count / m - cell.left_count / n)

    def error(cell: Cell) -> float:
        p, q = (cell.left_count + 1) / (n + 2), (cell.right_count + 1) / (m + 2)
        return math.sqrt(p * (1 - p) / (n + 2) + q * (1 - q) / (m + 2))

    def p_value(cell: Cell) -> float:
        pooled = (cell.left_count + cell.right_count) / (n + m)
        spread = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
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
            threshold=SHARE_THRESHOLD,
            p_value=min(1.0, min(map(p_value, candidates))),
            verdict=Verdict.UNDECIDED,
        )
    ]


def _new_effect(pair: ColumnPair, categories: Categories) -> list[Effect]:
    """The share of rows whose category the left lacks, beyond what is to be expected.

    Even of one law, more rows bring categories not seen yet: about as large a share as the left's categories with a
    single row have. Source: Good (1953), after Turing; the variance is that of Robbins (1968).
    """
    n, m = pair.left.present_count, pair.right.present_count
    if min(n, m) < NEW_ROWS:
        return []
    share = categories.new_rows / m
    expected = categories.left_singletons / n
    # Agresti and Caffo's extra rows keep the interval from shrinking to nothing when no new category was seen.
    smoothed = (categories.new_rows + 1) / (m + 2)
    spread = math.sqrt(
        (categories.left_singletons + 2 * categories.left_pairs) / n**2 + smoothed * (1 - smoothed) / (m + 2)
    )
    value = max(0.0, share - expected)
    reach = NormalDist().inv_cdf(1 - (1 - INTERVAL) / 2)
    return [
        Effect(
            name=EffectName.NEW,
            subject="",
            value=value,
            low=max(0.0, share - expected - reach * spread),
            high=min(1.0, value + reach * spread),
            threshold=NEW_THRESHOLD,
            p_value=normal_tail((share - expected) / spread),
            verdict=Verdict.UNDECIDED,
        )
    ]


def _column(
    pair: ColumnPair,
    cells: Sequence[Cell],
    effects: tuple[Effect, ...],
    p_value: float,
    q_value: float,
    *,
    label: str | None,
    left_name: str,
    right_name: str,
) -> ColumnDrift:
    left = side_of(pair, pair.left, pair.left_histogram, is_left=True)
    right = side_of(pair, pair.right, pair.right_histogram, is_left=False)
    new = vanished = None
    if pair.categories is not None and pair.kind is not Kind.BOOLEAN:
        new, vanished = strangers_of(pair.categories, left_rows=left.row_count, right_rows=right.row_count)
    bars = bars_of(pair)
    measures = _measures(pair, cells) if effects else None
    rank = list(Verdict)
    verdict = min((effect.verdict for effect in effects), key=rank.index, default=Verdict.UNDECIDED)
    leading = min(effects, key=lambda e: (rank.index(e.verdict), -e.value / e.threshold), default=None)
    return ColumnDrift(
        name=pair.name,
        kind=pair.kind,
        left_type=pair.left_type,
        right_type=pair.right_type,
        is_label=pair.name == label,
        verdict=verdict,
        explanation=explain_column(
            kind=pair.kind,
            verdict=verdict,
            leading=leading,
            left=left,
            right=right,
            measures=measures,
            bars=bars,
            new=new,
            left_name=left_name,
            right_name=right_name,
        ),
        effects=effects,
        p_value=p_value,
        q_value=q_value,
        measures=measures,
        left=left,
        right=right,
        new=new,
        vanished=vanished,
        bars=bars,
    )


def _measures(pair: ColumnPair, cells: Sequence[Cell]) -> Measures:
    left_counts, right_counts = cell_counts(cells)
    measured = measure_jensen_shannon(left_counts, right_counts)
    n, m = pair.left.row_count, pair.right.row_count
    gap = pair.gap
    left = pair.left_histogram.moments if pair.left_histogram else None
    right = pair.right_histogram.moments if pair.right_histogram else None
    unit = MICROSECONDS_PER_DAY if pair.kind is Kind.TIME else 1.0
    both = left is not None and right is not None
    deviation = math.sqrt(left.variance) if left is not None else 0.0
    return Measures(
        jensen_shannon=measured.distance,
        noise_floor=measured.noise_floor,
        population_stability_index=population_stability_index(left_counts, right_counts),
        total_variation=total_variation(left_counts, right_counts),
        largest_change=largest_change(left_counts, right_counts),
        missing_change=pair.right.missing_count / m - pair.left.missing_count / n,
        kolmogorov_smirnov=gap.kolmogorov_smirnov if gap else None,
        kolmogorov_smirnov_error=gap.kolmogorov_smirnov_error if gap else None,
        kolmogorov_smirnov_p_value=(
            kolmogorov_tail(gap.kolmogorov_smirnov, pair.left.finite_count, pair.right.finite_count) if gap else None
        ),
        wasserstein=gap.wasserstein / unit if gap else None,
        wasserstein_error=gap.wasserstein_error / unit if gap else None,
        wasserstein_normalised=gap.wasserstein / deviation if gap and deviation else None,
        standardised_mean_difference=(
            standardised_mean_difference(left.mean, right.mean, left.variance, right.variance)
            if both and left is not None and right is not None
            else None
        ),
    )


def _coverage(engine: Engine, left: Relation, right: Relation, time: str) -> Coverage | None:
    column = Measured(time, Family.TIMESTAMP)
    sides = []
    for relation in (left, right):
        extremes = sketch(engine, relation, [column], row_count=row_count(engine, relation))[time].extremes
        if not extremes:
            return None
        low, high = (time_text(value, column.family) for value in extremes[0])
        # Days are enough unless all happened within one.
        sides.append((low[:10], high[:10]) if low[:10] != high[:10] else (low, high))
    return Coverage(column=time, left=sides[0], right=sides[1])
