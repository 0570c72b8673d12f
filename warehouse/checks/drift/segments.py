"""Drift within the values of one column: which slices drift though the whole does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from warehouse.checks.drift.parts import Segment, SegmentColumn, Segments
from warehouse.checks.drift.slices import SliceDrift, explain_slice, judged, slice_drift
from warehouse.checks.drift.verdicts import Verdict
from warehouse.checks.drift.words import count_text, lowered, number_text, quoted, time_text
from warehouse.datasets.drift_rules import NO_RULES, DriftRules
from warehouse.engine.base import Engine
from warehouse.errors import SpecError, suggestion
from warehouse.sql import Relation
from warehouse.statistics.coded import (
    FIRST,
    MISSING,
    NAN,
    NEGATIVE,
    NO_PERIOD,
    OTHER,
    POSITIVE,
    Coding,
    Every,
    Parts,
    Periods,
    coding_of,
)
from warehouse.statistics.kinds import Family, Kind, family_of
from warehouse.statistics.pair import ColumnPair, compare_relations
from warehouse.statistics.part_counts import PartCounts, part_counts

MOST_SEGMENTS = 50
"""The values with the most rows on both sides are compared, the others counted."""
LEAST_ROWS = 100
"""A segment with fewer rows on a side tells nothing about small shifts, and little about large ones."""
SHOWN_COLUMNS = 10
QUARTERS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """How rows come into segments."""

    parts: Parts
    names: Mapping[int, str]
    """Of values known beforehand; a month's name comes from its number."""
    unlisted_count: int
    """Values that are no segments from the start."""


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

    One scan per side and some 40 columns, on the cells of the whole comparison: with groups, one that also counts
    groups times cells. A segment's effect is the Jensen-Shannon distance; verdicts are corrected for all segments and
    columns together.

    Args:
        engine: runs the queries.
        left: the rows to compare with.
        right: the rows in question.
        by: the column whose values are segments: a number's quarters of all rows, a time's months. The fifty with most
            rows on both sides are compared, when they have a hundred rows on either; missing values are a segment.
        pairs: facts of the columns in the whole comparison; `by` need not be among them.
        verdicts: of the columns in the whole comparison, by name.
        label: the column to predict; told first.
        groups: columns whose values bind rows together; the intervals then allow for it.
        rules: thresholds and kinds.

    Raises:
        SpecError: a side has no such column, or its values cannot be segments.
        QueryError: a relation cannot be read.
    """
    cut = _cut(engine, left, right, by, pairs)
    compared = [pair for pair in pairs if pair.name != by and pair.kind is not Kind.IDENTIFIER]
    codings = [coding_of(pair, key=str(index)) for index, pair in enumerate(compared)]
    if not codings:
        return _segments(by, [], left_out_count=0, verdicts=verdicts, label=label)
    sides = [
        part_counts(engine, relation, cut.parts, codings, groups=groups, part_count=MOST_SEGMENTS, row_count=row_count)
        for relation, row_count in ((left, compared[0].left.row_count), (right, compared[0].right.row_count))
    ]
    rows = {
        part: (_rows(sides[0], part), _rows(sides[1], part))
        for part in {*sides[0].parts, *sides[1].parts}
        # All values that have no number of their own share this one.
        if part != OTHER or isinstance(cut.parts, Periods)
    }
    ranked = sorted(rows, key=lambda part: (-sum(rows[part]), part))
    kept = [part for part in ranked if min(rows[part]) >= LEAST_ROWS][:MOST_SEGMENTS]
    slices = {
        (part, pair.name): _slice(pair, coding, sides, part, rules)
        for part in kept
        for pair, coding in zip(compared, codings, strict=True)
    }
    answers = dict(zip(slices, judged([found.effect for found in slices.values()]), strict=True))
    segments = []
    for part in kept:
        columns = [
            SegmentColumn(
                name=pair.name,
                effect=answers[part, pair.name][0],
                q_value=answers[part, pair.name][1],
                explanation=_sentence(explain_slice(slices[part, pair.name])),
            )
            for pair in compared
        ]
        segments.append(_segment(by, _name(cut, part), part, rows[part], columns))
    segments.sort(key=lambda segment: segment.verdict is not Verdict.DRIFTED)
    return _segments(
        by,
        segments,
        left_out_count=len(rows) - len(kept) + cut.unlisted_count,
        verdicts=verdicts,
        label=label,
    )


def _cut(engine: Engine, left: Relation, right: Relation, by: str, pairs: Sequence[ColumnPair]) -> _Cut:
    for relation in (left, right):
        known = [column.name for column in engine.columns(relation)]
        if by not in known:
            raise SpecError(f"{relation.name!r} has no column {by!r} to compare segments by\n  {suggestion(by, known)}")
    types = {column.name: column.type for column in engine.columns(left)}
    family = family_of(types[by])
    pair = next((pair for pair in pairs if pair.name == by and pair.kind not in (Kind.TEXT, Kind.IDENTIFIER)), None)
    if pair is None:
        pair = _facts(engine, left, right, by, family)
    if pair.family is Family.OTHER:
        raise SpecError(
            f"{by!r} is of type {pair.left_type}, whose values cannot be segments\n"
            "  name a column of texts, numbers, booleans or times"
        )
    if pair.family is Family.TIMESTAMP:
        return _Cut(parts=Periods(by, Every.MONTH, types[by] == "DATE", with_missing=True), names={}, unlisted_count=0)
    names = {MISSING: "missing", NAN: "NaN", POSITIVE: "+∞", NEGATIVE: "−∞"}
    if pair.categories is not None:
        coding = coding_of(pair, key="part", most_values=MOST_SEGMENTS)
        values = [number_text(value) if isinstance(value, float) else value for value in coding.values]
        unlisted = len(pair.categories.listed) - len(coding.values) + pair.categories.other_distinct
    else:
        coding = coding_of(pair, key="part", bin_count=QUARTERS)
        bounds = [time_text(bound, family) if family is Family.CLOCK else number_text(bound) for bound in coding.bounds]
        values = [f"up to {bounds[0]}"] if bounds else []
        values += [f"above {low}, up to {high}" for low, high in pairwise(bounds)]
        unlisted = 0
    names |= {FIRST + index: value for index, value in enumerate(values)}
    return _Cut(parts=coding, names=names, unlisted_count=unlisted)


def _facts(engine: Engine, left: Relation, right: Relation, by: str, family: Family) -> ColumnPair:
    """Of a column that the whole comparison leaves out, or compares as text."""
    others = {column.name for relation in (left, right) for column in engine.columns(relation)} - {by}
    # Whatever its values look like, it was asked for by its values.
    kinds = {by: Kind.CATEGORY} if family is Family.STRING else {}
    facts = compare_relations(engine, left, right, skip=others, kinds=kinds, exact_rows=0)
    if facts.columns and facts.columns[0].kind is Kind.IDENTIFIER:
        facts = compare_relations(engine, left, right, skip=others, kinds={by: Kind.NUMBER}, exact_rows=0)
    if not facts.columns:
        raise SpecError(f"segments by {by!r} cannot be compared: {facts.left_out[by]}")
    return facts.columns[0]


def _rows(side: PartCounts, part: int) -> int:
    if part not in side.parts:
        return 0
    return int(next(iter(side.counts.values()))[side.parts.index(part)].sum())


def _slice(pair: ColumnPair, coding: Coding, sides: Sequence[PartCounts], part: int, rules: DriftRules) -> SliceDrift:
    left, right = (side.parts.index(part) for side in sides)
    return slice_drift(
        pair,
        coding,
        sides[0].counts[pair.name][left],
        sides[1].counts[pair.name][right],
        left_design_effect=float(sides[0].design_effects[pair.name][left]),
        right_design_effect=float(sides[1].design_effects[pair.name][right]),
        threshold=rules.threshold("distance", pair.name),
    )


def _name(cut: _Cut, part: int) -> str:
    if part == NO_PERIOD:
        return "missing"
    if isinstance(cut.parts, Periods):
        return f"{part // 12:04}-{part % 12 + 1:02}"
    return cut.names[part]


def _segment(by: str, value: str, part: int, rows: tuple[int, int], columns: Sequence[SegmentColumn]) -> Segment:
    drifted = [column for column in columns if column.effect.verdict is Verdict.DRIFTED]
    drifted.sort(key=lambda column: (-column.effect.value / column.effect.threshold, column.name))
    undecided = sum(column.effect.verdict is Verdict.UNDECIDED for column in columns)
    return Segment(
        by=by,
        value=value,
        has_value=part >= FIRST,
        left_row_count=rows[0],
        right_row_count=rows[1],
        verdict=Verdict.DRIFTED if drifted else Verdict.UNDECIDED if undecided else Verdict.STABLE,
        columns=tuple(drifted),
        drifted_count=len(drifted),
        undecided_count=undecided,
        stable_count=len(columns) - len(drifted) - undecided,
    )


def _segments(
    by: str,
    segments: Sequence[Segment],
    *,
    left_out_count: int,
    verdicts: Mapping[str, Verdict],
    label: str | None,
) -> Segments:
    strongest: dict[str, tuple[float, Segment, SegmentColumn]] = {}
    for segment in segments:
        for column in segment.columns:
            strength = column.effect.value / column.effect.threshold
            if strength > strongest.get(column.name, (0.0,))[0]:
                strongest[column.name] = (strength, segment, column)
    hidden = [name for name in strongest if verdicts.get(name) is not Verdict.DRIFTED]
    hidden.sort(key=lambda name: (name != label, -strongest[name][0], name))
    told = [_told(strongest[name][1], strongest[name][2]) for name in hidden[:3]]
    return Segments(
        by=by,
        segments=tuple(replace(segment, columns=segment.columns[:SHOWN_COLUMNS]) for segment in segments),
        left_out_count=left_out_count,
        hidden=tuple(hidden),
        explanation=_explanation(by, segments, len(hidden), told, left_out_count),
    )


def _explanation(
    by: str, segments: Sequence[Segment], hidden_count: int, told: Sequence[str], left_out_count: int
) -> str:
    sentences = []
    drifted = sum(segment.verdict is Verdict.DRIFTED for segment in segments)
    undecided = sum(segment.verdict is Verdict.UNDECIDED for segment in segments)
    values = count_text(len(segments), "value")
    if not segments:
        sentences.append(f"No value of {quoted(by)} has rows enough on both sides to be compared.")
    elif hidden_count:
        more = f", and {hidden_count - len(told)} more" if hidden_count > len(told) else ""
        sentences.append(
            f"{drifted} of {values} of {quoted(by)} drifted; "
            f"the whole does not show {count_text(hidden_count, 'column')} of it: {'; '.join(told)}{more}."
        )
    elif drifted:
        sentences.append(
            f"{drifted} of {values} of {quoted(by)} drifted, in no column that did not drift in the whole."
        )
    elif undecided:
        sentences.append(
            f"No value of {quoted(by)} drifted, but {undecided} of {len(segments):,} cannot be judged in every column."
        )
    else:
        sentences.append(f"No value of {quoted(by)} drifted: all {len(segments):,} are stable.")
    if left_out_count:
        sentences.append(
            f"{count_text(left_out_count, 'value')} with fewer than {LEAST_ROWS} rows on a side, or not among the "
            f"{MOST_SEGMENTS} most frequent, {'was' if left_out_count == 1 else 'were'} left out."
        )
    return " ".join(sentences)


def _told(segment: Segment, column: SegmentColumn) -> str:
    explanation = lowered(column.explanation).removesuffix(".")
    value = quoted(segment.value) if segment.has_value else f"{segment.value} values"
    return f"{quoted(column.name)} in {value} ({explanation})"


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
