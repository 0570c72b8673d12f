"""One pair of a report: both sides compared column by column, and then all that looks beyond single columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec

from warehouse.checks.drift.comparison import Compared, compare_with_facts
from warehouse.checks.drift.domain import domain_obstacle, find_domain_drift
from warehouse.checks.drift.relations import find_label_relations
from warehouse.checks.drift.report import DriftPair
from warehouse.checks.drift.segments import find_segments
from warehouse.checks.drift.summary import summarise
from warehouse.checks.drift.verdicts import Verdict
from warehouse.datasets.drift_rules import NO_RULES, DriftRules
from warehouse.engine.base import Engine
from warehouse.findings import Severity
from warehouse.sql import Relation
from warehouse.statistics.sketches import Sketches


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """Why one compares two sets of rows."""

    words: str
    expected_alike: bool = False
    advice: str = ""
    """What to do when they must be alike and are not; no full stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What a dataset, or whoever asks, says about the rows of both sides."""

    label: str | None = None
    time: str | None = None
    groups: Sequence[str] = ()
    severity: Severity = Severity.WARNING
    rules: DriftRules = NO_RULES


@dataclass(frozen=True, slots=True, kw_only=True)
class Beyond:
    """What to look for beyond single columns."""

    together: bool | None = None
    """Whether a classifier tells both sides apart; None: when scikit-learn is installed."""
    relations: bool = True
    """Whether the label still depends on each feature as it did."""
    by: tuple[str, ...] = ()
    """Columns whose values are compared each on its own; those that the rules name when empty."""


def compare_pair(
    engine: Engine,
    left: Relation,
    right: Relation,
    *,
    left_name: str,
    right_name: str,
    subject: str,
    purpose: Purpose,
    frame: Frame,
    excluded: Mapping[str, str] | None = None,
    sketches: Sketches | None = None,
    beyond: Beyond | None = None,
) -> DriftPair:
    """How the right rows differ from the left ones.

    Args:
        engine: runs the queries.
        left: the rows to compare with.
        right: the rows in question.
        left_name: what people call the left rows.
        right_name: what people call the right rows.
        subject: what both belong to.
        purpose: why they are compared.
        frame: label, time and so on; columns that it names and a side lacks must be left out of it.
        excluded: columns to leave out, each with the reason.
        sketches: first scans of other pairs, which share a side with this one.
        beyond: what to look for beyond single columns; nothing when left out.

    Raises:
        SpecError: `beyond.by` names a column that a side lacks, or that cannot tell segments.
        MissingExtraError: `beyond.together` is asked for, and scikit-learn is not installed.
        QueryError: a relation cannot be read.
    """
    compared = compare_with_facts(
        engine,
        left,
        right,
        left_name=left_name,
        right_name=right_name,
        subject=subject,
        excluded=excluded,
        label=frame.label,
        time=frame.time,
        groups=frame.groups,
        severity=frame.severity,
        rules=frame.rules,
        sketches=sketches,
    )
    notes: tuple[str, ...] = ()
    if beyond is not None:
        compared, notes = look_beyond(engine, left, right, compared, frame=frame, beyond=beyond)
    return DriftPair(
        result=compared.result,
        purpose=purpose.words,
        expected_alike=purpose.expected_alike,
        advice=purpose.advice,
        notes=notes,
    )


def look_beyond(
    engine: Engine, left: Relation, right: Relation, compared: Compared, *, frame: Frame, beyond: Beyond
) -> tuple[Compared, tuple[str, ...]]:
    """The comparison with what its columns show together, with the label and in segments; and what could not be told.

    The facts that were found serve again. Raises as `compare_pair` does.
    """
    result, facts = compared.result, compared.facts
    if not result.left_row_count or not result.right_row_count:
        return compared, ()
    notes = []
    if beyond.together or (beyond.together is None and find_spec("sklearn") is not None):
        obstacle = domain_obstacle(facts)
        if obstacle:
            notes.append(f"Columns were not judged all together: {obstacle}.")
        domain = find_domain_drift(
            engine,
            left,
            right,
            facts,
            any_drifted=bool(result.with_verdict(Verdict.DRIFTED)),
            rules=frame.rules,
            groups=frame.groups,
            left_name=result.left_name,
            right_name=result.right_name,
        )
        result = replace(result, domain=domain)
    elif beyond.together is None:
        notes.append(
            "Columns were not judged all together: that needs scikit-learn (pip install 'ml-warehouse[classifier]')."
        )
    label = next((pair for pair in facts if pair.name == frame.label), None)
    if label is not None and beyond.relations:
        relations = find_label_relations(engine, left, right, facts, label, rules=frame.rules, groups=frame.groups)
        result = replace(result, relations=relations)
    known = {pair.name for pair in facts}
    # The rules may name a column that this pair leaves out; whoever asks by name wants to hear of it.
    by = beyond.by or tuple(name for name in frame.rules.by if name in known)
    if by:
        segments = tuple(
            find_segments(
                engine,
                left,
                right,
                by=name,
                pairs=facts,
                verdicts={column.name: column.verdict for column in result.columns},
                label=frame.label,
                groups=frame.groups,
                rules=frame.rules,
            )
            for name in by
        )
        result = replace(result, segments=segments)
    return replace(compared, result=replace(result, summary=summarise(result))), tuple(notes)
