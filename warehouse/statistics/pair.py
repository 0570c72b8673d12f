"""Facts of two relations side by side, column by column: what a comparison needs, and no judgement."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from warehouse.engine.base import Engine
from warehouse.sql import Relation
from warehouse.statistics.bins import Bins, make_bins
from warehouse.statistics.categories import Categories, category_counts
from warehouse.statistics.cumulative import EXACT_ROWS, CumulativeGap
from warehouse.statistics.first_scan import sketch
from warehouse.statistics.kinds import (
    IDENTIFIER_SHARE,
    Family,
    Kind,
    common_family,
    common_kinds,
    family_of,
    may_identify,
    number_kind,
    string_kind,
    types_meet,
)
from warehouse.statistics.nested_kinds import nested_kind
from warehouse.statistics.number_facts import number_facts
from warehouse.statistics.profile import Histogram, Measured, Sketch, distinct_count, row_count
from warehouse.statistics.sketches import Sketches
from warehouse.statistics.type_names import parse_type


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnPair:
    """One column on both sides. What does not apply to its kind is None."""

    name: str
    left_type: str
    right_type: str
    family: Family
    kind: Kind
    left: Sketch
    right: Sketch
    bins: Bins | None = None
    left_histogram: Histogram | None = None
    right_histogram: Histogram | None = None
    categories: Categories | None = None
    gap: CumulativeGap | None = None
    """None when a side has no finite value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationPair:
    """Two relations compared."""

    left_row_count: int
    right_row_count: int
    columns: tuple[ColumnPair, ...]
    """In the left relation's order."""
    left_out: Mapping[str, str]
    """Columns that cannot be compared, with the reason: on one side only, or of types that do not meet."""


def compare_relations(
    engine: Engine,
    left: Relation,
    right: Relation,
    *,
    skip: Collection[str] = (),
    kinds: Mapping[str, Kind] | None = None,
    exact_rows: int = EXACT_ROWS,
    sketches: Sketches | None = None,
) -> RelationPair:
    """Facts of every column that both relations have, but for those in `skip`.

    Costs two scans per side for all columns together, and one of the single column for each category (counting its
    values). Up to `exact_rows` rows, numbers, times and lengths of texts are sorted in memory, a few columns at a time.

    `kinds` says what a column is instead of what its values look like, where its type can be that. `sketches` are those
    of a comparison before, so that a side which both share is not scanned again.

    Raises:
        QueryError: a relation cannot be read.
    """
    left_types = {column.name: column.type for column in engine.columns(left)}
    right_types = {column.name: column.type for column in engine.columns(right)}
    measured, left_out = match_columns(left_types, right_types, skip)
    if sketches is None:
        left_rows, right_rows = row_count(engine, left), row_count(engine, right)
        left_sketches = sketch(engine, left, measured, row_count=left_rows)
        right_sketches = sketch(engine, right, measured, row_count=right_rows)
    else:
        left_rows, right_rows = sketches.row_count(left), sketches.row_count(right)
        left_sketches, right_sketches = sketches.of(left, measured), sketches.of(right, measured)
    said = kinds or {}

    def types_of(name: str) -> tuple[str, str]:
        return left_types[name], right_types[name]

    found_kinds = {
        column.name: (
            said[column.name]
            if said.get(column.name) in common_kinds(column.family, *types_of(column.name))
            else nested_kind(engine, left, right, column.name, *types_of(column.name))
            if column.family is Family.OTHER
            else kind_by_samples(engine, left, column, left_sketches[column.name], right_sketches[column.name])
        )
        for column in measured
    }
    bins = {
        column.name: cut
        for column in measured
        if column.has_numbers
        and found_kinds[column.name] not in (Kind.IDENTIFIER, Kind.CATEGORY)
        and (cut := _bins(column, left_sketches[column.name], right_sketches[column.name]))
    }
    binned = [column for column in measured if column.name in bins]
    numbers = number_facts(
        engine,
        left,
        right,
        binned,
        bins,
        row_count=left_rows + right_rows,
        exact_rows=exact_rows,
        counted=[name for name, kind in found_kinds.items() if kind is Kind.DISCRETE],
        finite=[
            column.name
            for column in binned
            if not left_sketches[column.name].infinite_count and not right_sketches[column.name].infinite_count
        ],
    )
    pairs = []
    for column in measured:
        name = column.name
        found = numbers.get(name)
        categories = found.categories if found else None
        if categories is None and found_kinds[name] in (Kind.BOOLEAN, Kind.CATEGORY, Kind.DISCRETE):
            categories = category_counts(engine, left, right, column)
        pair = ColumnPair(
            name=name,
            left_type=left_types[name],
            right_type=right_types[name],
            family=column.family,
            kind=found_kinds[name],
            left=left_sketches[name],
            right=right_sketches[name],
            bins=bins.get(name),
            left_histogram=found.left if found else None,
            right_histogram=found.right if found else None,
            categories=categories,
            gap=found.gap if found else None,
        )
        pairs.append(pair)
    return RelationPair(left_row_count=left_rows, right_row_count=right_rows, columns=tuple(pairs), left_out=left_out)


def match_columns(
    left: Mapping[str, str], right: Mapping[str, str], skip: Collection[str]
) -> tuple[list[Measured], dict[str, str]]:
    """Columns (name to type) that both sides have in a family that they share, and the others with the reason."""
    measured, left_out = [], {}
    for name in [*left, *(name for name in right if name not in left)]:
        if name in skip:
            continue
        if name not in right:
            left_out[name] = "only on the left"
        elif name not in left:
            left_out[name] = "only on the right"
        else:
            family = common_family(family_of(left[name]), family_of(right[name]))
            if family is None or not types_meet(parse_type(left[name]), parse_type(right[name])):
                left_out[name] = f"its type differs: {left[name]} on the left, {right[name]} on the right"
            else:
                measured.append(Measured(name, family))
    return measured, left_out


def kind_by_samples(engine: Engine, relation: Relation, column: Measured, left: Sketch, right: Sketch) -> Kind:
    """The kind, by both samples; the left relation is asked again only when a column may identify its rows."""
    family = column.family
    fixed = {
        Family.BOOLEAN: Kind.BOOLEAN,
        Family.TIMESTAMP: Kind.TIME,
        Family.CLOCK: Kind.TIME,
    }
    if family in fixed:
        return fixed[family]
    distinct = max(left.sampled_distinct, right.sampled_distinct)
    if family is Family.STRING:
        sampled = max(1, left.sampled_count + right.sampled_count)
        kind = string_kind(
            distinct=distinct,
            sampled=max(left.sampled_count, right.sampled_count),
            mean_length=(left.mean_length * left.sampled_count + right.mean_length * right.sampled_count) / sampled,
            spaced_share=(left.spaced_share * left.sampled_count + right.spaced_share * right.sampled_count) / sampled,
        )
    else:
        kind = number_kind(distinct=distinct)
    low, high = left.extremes[0] if left.extremes else (0.0, 0.0)
    candidate = may_identify(
        kind,
        family,
        sampled=left.sampled_count,
        distinct=left.sampled_distinct,
        spread=high - low,
        count=left.present_count,
    )
    if candidate and distinct_count(engine, relation, column) >= IDENTIFIER_SHARE * left.present_count:
        return Kind.IDENTIFIER
    return kind


def _bins(column: Measured, left: Sketch, right: Sketch) -> Bins | None:
    return make_bins(
        [side.quantiles for side in (left, right) if side.quantiles],
        [*left.extremes, *right.extremes],
        is_time=column.family is Family.TIMESTAMP,
        is_whole=column.family in (Family.INTEGER, Family.STRING),
    )
