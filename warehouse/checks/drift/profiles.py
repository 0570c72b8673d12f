"""Drift of some rows against the profile of a version, whose rows are not read."""

from __future__ import annotations

from collections.abc import Mapping

from warehouse.checks.drift.comparison import all_excluded, judge_facts
from warehouse.checks.drift.effects import Evidence
from warehouse.checks.drift.pairs import Frame, Purpose
from warehouse.checks.drift.report import DriftPair
from warehouse.checks.drift.result import Coverage
from warehouse.checks.drift.words import share_text, time_text
from warehouse.engine.base import Engine
from warehouse.sql import Relation
from warehouse.statistics.cells import distribution_cells
from warehouse.statistics.clusters import INDEPENDENT, clustering
from warehouse.statistics.first_scan import sketch
from warehouse.statistics.kinds import Family, Kind
from warehouse.statistics.pair import ColumnPair
from warehouse.statistics.profile import Measured, row_count
from warehouse.statistics.profile_pair import compare_with_profile
from warehouse.statistics.stored_profile import StoredProfile, clustering_of


def compare_pair_with_profile(
    engine: Engine,
    profile: StoredProfile,
    name: str | None,
    right: Relation,
    *,
    left_name: str,
    right_name: str,
    subject: str,
    purpose: Purpose,
    frame: Frame,
    excluded: Mapping[str, str] | None = None,
) -> DriftPair:
    """How the right rows differ from those that a profile was made of, column by column.

    Nothing beyond single columns can be told, and the notes say so.

    Args:
        engine: runs the queries.
        profile: of the rows to compare with.
        name: which of its sets; None for all together.
        right: the rows in question.
        left_name: what people call the profiled rows.
        right_name: what people call the right rows.
        subject: what both belong to.
        purpose: why they are compared.
        frame: label, time and so on.
        excluded: columns to leave out, each with the reason.

    Raises:
        QueryError: the rows cannot be read.
    """
    place = profile.place(name)
    left_out = all_excluded(frame.rules, excluded)
    facts = compare_with_profile(engine, profile, name, right, skip=left_out)
    stored = {column.name: column for column in profile.columns}
    groups = [group for group in frame.groups if group in profile.groups]

    def evidence_of(pair: ColumnPair) -> Evidence:
        cells = distribution_cells(pair)
        if not groups or not cells:
            return Evidence(pair=pair, cells=cells, left=INDEPENDENT, right=INDEPENDENT)
        before = clustering_of(stored[pair.name], place)
        column, with_lone = Measured(pair.name, pair.family), pair.kind is Kind.CATEGORY
        after = clustering(
            engine, right, column, cells, groups, row_count=pair.right.row_count, with_lone_values=with_lone
        )
        cells = distribution_cells(pair, left_weight=before.design_effect, right_weight=after.design_effect)
        return Evidence(pair=pair, cells=cells, left=before, right=after)

    compared = judge_facts(
        facts,
        evidence_of,
        left_name=left_name,
        right_name=right_name,
        subject=subject,
        excluded=left_out,
        label=frame.label,
        coverage=_coverage(engine, profile, place, right, frame.time) if frame.time else None,
        groups=groups,
        severity=frame.severity,
        rules=frame.rules,
    )
    return DriftPair(
        result=compared.result,
        purpose=purpose.words,
        expected_alike=purpose.expected_alike,
        advice=purpose.advice,
        notes=_notes(left_name, profile, compared.facts),
    )


def _notes(left_name: str, profile: StoredProfile, pairs: tuple[ColumnPair, ...]) -> tuple[str, ...]:
    errors = [pair.gap.kolmogorov_smirnov_error for pair in pairs if pair.gap is not None]
    stored = {column.name: column for column in profile.columns}
    cut = [pair.name for pair in pairs if pair.categories is not None and stored[pair.name].unlisted_count]
    notes = [
        f"The rows of {left_name} were not read: their profile stands for them. All columns together, the label's "
        "dependence on them and what texts, lists and times are made of cannot be told from it."
    ]
    if errors:
        notes.append(
            f"Kolmogorov-Smirnov may be up to {share_text(max(errors))} larger than stated, by the profile's bins."
        )
    if cut:
        notes.append(
            f"Of {', '.join(cut)} the profile does not list every value: the others count as one, "
            "and which values are new cannot be told."
        )
    return tuple(notes)


def _coverage(engine: Engine, profile: StoredProfile, place: int, right: Relation, time: str) -> Coverage | None:
    stored = next((column for column in profile.columns if column.name == time), None)
    scan = sketch(engine, right, [Measured(time, Family.TIMESTAMP)], row_count=row_count(engine, right))[time]
    side = stored.sides[place] if stored else None
    if side is None or side.minimum is None or side.maximum is None or not scan.extremes:
        return None
    both = []
    for low, high in ((side.minimum, side.maximum), scan.extremes[0]):
        first, last = time_text(low, Family.TIMESTAMP), time_text(high, Family.TIMESTAMP)
        both.append((first[:10], last[:10]) if first[:10] != last[:10] else (first, last))
    return Coverage(column=time, left=both[0], right=both[1])
