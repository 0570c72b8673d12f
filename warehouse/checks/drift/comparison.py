"""Whether two sets of rows differ, column by column, by more than noise and by enough to matter.

A column has drifted when an effect exceeds its threshold even at the lower end of its 95 % interval (and the column is
significant among all columns), is stable when every effect lies below its threshold even at the upper end, and is
undecided otherwise. Thresholds are about size, intervals about knowledge: a hundred million rows do not turn a trifle
into drift, and five hundred do not turn ignorance into health.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from warehouse.checks.drift.aspects import find_aspects
from warehouse.checks.drift.bars import bars_of, side_of, strangers_of
from warehouse.checks.drift.effects import Evidence, find_effects
from warehouse.checks.drift.evidence import gather_evidence
from warehouse.checks.drift.measures import measures_of
from warehouse.checks.drift.parts import Aspect
from warehouse.checks.drift.result import (
    ColumnDrift,
    Coverage,
    DriftResult,
    LeftOut,
)
from warehouse.checks.drift.summary import summarise
from warehouse.checks.drift.verdicts import Effect, Verdict
from warehouse.checks.drift.words import explain_column, time_text
from warehouse.datasets.drift_rules import NO_RULES, DriftRules
from warehouse.engine.base import Engine
from warehouse.findings import Severity
from warehouse.sql import Relation
from warehouse.statistics.first_scan import sketch
from warehouse.statistics.kinds import Family, Kind
from warehouse.statistics.pair import ColumnPair, RelationPair, compare_relations
from warehouse.statistics.profile import Measured, row_count
from warehouse.statistics.significance import benjamini_hochberg
from warehouse.statistics.sketches import Sketches

SIGNIFICANT = 0.05
"""Largest share of false alarms among the columns called drifted, in expectation, should nothing differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A result, and the facts that it was judged by."""

    result: DriftResult
    facts: tuple[ColumnPair, ...]
    """Of the columns that were compared."""


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
    groups: Sequence[str] = (),
    severity: Severity = Severity.WARNING,
    rules: DriftRules = NO_RULES,
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
        groups: columns whose values bind rows together (trips of one plane); the intervals then allow for it. Costs one
            more scan per column and side.
        severity: what a drifted column counts as.
        rules: thresholds and kinds, of all columns and of some; columns to ignore.

    Raises:
        QueryError: a relation cannot be read.
    """
    return compare_with_facts(
        engine,
        left,
        right,
        left_name=left_name,
        right_name=right_name,
        subject=subject,
        excluded=excluded,
        label=label,
        time=time,
        groups=groups,
        severity=severity,
        rules=rules,
    ).result


def compare_with_facts(
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
    groups: Sequence[str] = (),
    severity: Severity = Severity.WARNING,
    rules: DriftRules = NO_RULES,
    sketches: Sketches | None = None,
) -> Compared:
    """As `compare`, with the facts for whoever looks further; `sketches` are those of a comparison before."""
    excluded = all_excluded(rules, excluded)
    facts = compare_relations(engine, left, right, skip=excluded, kinds=rules.kinds, sketches=sketches)
    return judge_facts(
        facts,
        lambda pair: gather_evidence(engine, left, right, pair, groups),
        lambda evidence: find_aspects(
            engine, left, right, evidence, left_name=left_name, right_name=right_name, groups=groups, rules=rules
        ),
        left_name=left_name,
        right_name=right_name,
        subject=subject,
        excluded=excluded,
        label=label,
        coverage=_coverage(engine, left, right, time) if time else None,
        groups=groups,
        severity=severity,
        rules=rules,
    )


def all_excluded(rules: DriftRules, excluded: Mapping[str, str] | None) -> dict[str, str]:
    """Columns to leave out, those that the rules ignore among them, each with the reason."""
    return {**dict.fromkeys(rules.ignore, "the dataset's drift.ignore names it"), **(excluded or {})}


def judge_facts(
    facts: RelationPair,
    evidence_of: Callable[[ColumnPair], Evidence],
    aspects_of: Callable[[Sequence[Evidence]], Mapping[str, tuple[Aspect, ...]]] = lambda _: {},
    *,
    left_name: str,
    right_name: str,
    subject: str,
    excluded: Mapping[str, str],
    label: str | None,
    coverage: Coverage | None,
    groups: Sequence[str],
    severity: Severity,
    rules: DriftRules,
) -> Compared:
    """What follows from facts, wherever they come from.

    `evidence_of` says how a column's rows come in groups, `aspects_of` what the values of columns are made of.
    """
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
    evidence = [evidence_of(pair) for pair in compared]
    columns = _judge(
        evidence, aspects_of(evidence), left_name=left_name, right_name=right_name, label=label, rules=rules
    )
    result = DriftResult(
        subject=subject,
        left_name=left_name,
        right_name=right_name,
        left_row_count=facts.left_row_count,
        right_row_count=facts.right_row_count,
        coverage=coverage,
        summary=(),
        groups=tuple(groups),
        columns=columns,
        left_out=tuple(left_out),
        severity=severity,
    )
    return Compared(result=replace(result, summary=summarise(result)), facts=tuple(compared))


def _judge(
    evidence: Sequence[Evidence],
    aspects: Mapping[str, tuple[Aspect, ...]],
    *,
    left_name: str,
    right_name: str,
    label: str | None,
    rules: DriftRules,
) -> tuple[ColumnDrift, ...]:
    effects = [
        [*find_effects(one, rules), *(aspect.effect for aspect in aspects.get(one.pair.name, ()))] for one in evidence
    ]
    p_values = [min([1.0, *(effect.p_value * len(found) for effect in found)]) for found in effects]
    columns = []
    for one, found, p_value, q_value in zip(evidence, effects, p_values, benjamini_hochberg(p_values), strict=True):
        judged = tuple(_with_verdict(effect, significant=q_value <= SIGNIFICANT) for effect in found)
        own = aspects.get(one.pair.name, ())
        # Aspects' effects come last.
        own = tuple(
            replace(aspect, effect=effect) for aspect, effect in zip(own, judged[len(judged) - len(own) :], strict=True)
        )
        columns.append(
            _column(one, judged, own, p_value, q_value, label=label, left_name=left_name, right_name=right_name)
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
    return replace(effect, verdict=verdict)


def _column(
    evidence: Evidence,
    effects: tuple[Effect, ...],
    aspects: tuple[Aspect, ...],
    p_value: float,
    q_value: float,
    *,
    label: str | None,
    left_name: str,
    right_name: str,
) -> ColumnDrift:
    pair = evidence.pair
    left = side_of(pair, pair.left, pair.left_histogram, is_left=True)
    right = side_of(pair, pair.right, pair.right_histogram, is_left=False)
    new = vanished = None
    if pair.categories is not None and pair.categories.strangers_known and pair.kind is not Kind.BOOLEAN:
        new, vanished = strangers_of(pair.categories, left_rows=left.row_count, right_rows=right.row_count)
    bars = bars_of(pair)
    measures = measures_of(evidence) if effects else None
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
            aspects={aspect.name: aspect.explanation for aspect in aspects},
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
        aspects=aspects,
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
