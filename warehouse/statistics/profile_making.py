"""Making the profile of some sets of rows, which is kept; see `stored_profile.py`."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step
from warehouse.statistics.bins import Bins, make_bins
from warehouse.statistics.cells import distribution_cells
from warehouse.statistics.clusters import INDEPENDENT, Clustering, clustering
from warehouse.statistics.first_scan import sketch
from warehouse.statistics.kinds import Family, Kind, common_kinds, family_of
from warehouse.statistics.nested_kinds import nested_kind
from warehouse.statistics.pair import ColumnPair, kind_by_samples
from warehouse.statistics.profile import Histogram, Measured, Moments, Sketch, histograms, row_count
from warehouse.statistics.profile_pair import categories_of, own_tally
from warehouse.statistics.stored_profile import (
    COUNTED,
    ColumnProfile,
    SideFacts,
    StoredProfile,
    histogram_of,
    sketch_of,
)

LISTED_VALUES = 1_000
LONGEST_VALUE = 120
"""Characters; a longer value is counted with the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Values:
    """How often each value occurs, by set and last in all."""

    values: tuple[str | float, ...] = ()
    unlisted_count: int = 0
    counts: tuple[tuple[int, ...], ...] = ()
    distinct: tuple[int | None, ...] = ()
    singletons: tuple[int, ...] = ()
    pairs: tuple[int, ...] = ()
    others: tuple[int, ...] = ()


def profile_of(
    engine: Engine,
    sets: Mapping[str, Relation],
    *,
    skip: Collection[str] = (),
    kinds: Mapping[str, Kind] | None = None,
    groups: Sequence[str] = (),
) -> StoredProfile:
    """The facts of these sets of rows, which have the same columns.

    Costs two scans per set for all columns together, and one of the single column for each whose values are counted;
    with groups one or two more per column and set.

    Args:
        engine: runs the queries.
        sets: each set's rows, by name.
        skip: columns to leave out.
        kinds: what columns are instead of what their values look like.
        groups: columns whose values bind rows together.

    Raises:
        QueryError: a relation cannot be read.
    """
    first = next(iter(sets.values()))
    types = {column.name: column.type for column in engine.columns(first) if column.name not in skip}
    measured = [Measured(name, family_of(type_name)) for name, type_name in types.items()]
    row_counts = [row_count(engine, relation) for relation in sets.values()]
    scans = [
        sketch(engine, relation, measured, row_count=rows)
        for relation, rows in zip(sets.values(), row_counts, strict=True)
    ]
    found_kinds = {}
    for column in measured:
        said = (kinds or {}).get(column.name)
        name, type_name = column.name, types[column.name]
        if said in common_kinds(column.family, type_name, type_name):
            found_kinds[name] = said
        elif column.family is Family.OTHER:
            found_kinds[name] = nested_kind(engine, first, first, name, type_name, type_name)
        else:
            largest = max(range(len(scans)), key=lambda index: row_counts[index])
            relation = list(sets.values())[largest]
            others = [scan[name] for index, scan in enumerate(scans) if index != largest]
            rest = reduce(_merged_samples, others, Sketch(row_count=0, present_count=0))
            found_kinds[name] = kind_by_samples(engine, relation, column, scans[largest][name], rest)
    bins = {
        column.name: cut
        for column in measured
        if column.has_numbers
        and found_kinds[column.name] not in (Kind.IDENTIFIER, Kind.CATEGORY)
        and (cut := _bins(column, [scan[column.name] for scan in scans]))
    }
    binned = [column for column in measured if column.name in bins]
    edges = {name: cut.edges for name, cut in bins.items()}
    counted = [histograms(engine, relation, binned, edges) for relation in sets.values()]
    columns = []
    for column in measured:
        name, kind = column.name, found_kinds[column.name]
        values = _Values()
        if kind in COUNTED:
            values = _value_counts(engine, list(sets.values()), column)
        made = _column(
            column,
            types[name],
            kind,
            bins.get(name),
            [scan[name] for scan in scans],
            [found.get(name) for found in counted],
            values,
        )
        columns.append(_with_groups(engine, made, list(sets.values()), groups) if groups else made)
    return StoredProfile(
        sets=tuple(sets),
        row_counts=(*row_counts, sum(row_counts)),
        groups=tuple(groups),
        columns=tuple(columns),
    )


def _merged_samples(left: Sketch, right: Sketch) -> Sketch:
    """What both samples tell of the column's kind."""
    sampled = left.sampled_count + right.sampled_count
    weights = (left.sampled_count / max(1, sampled), right.sampled_count / max(1, sampled))
    return replace(
        left,
        sampled_count=sampled,
        sampled_distinct=max(left.sampled_distinct, right.sampled_distinct),
        mean_length=left.mean_length * weights[0] + right.mean_length * weights[1],
        spaced_share=left.spaced_share * weights[0] + right.spaced_share * weights[1],
    )


def _bins(column: Measured, scans: Sequence[Sketch]) -> Bins | None:
    return make_bins(
        [scan.quantiles for scan in scans if scan.quantiles],
        [extremes for scan in scans for extremes in scan.extremes],
        is_time=column.family is Family.TIMESTAMP,
        is_whole=column.family in (Family.INTEGER, Family.STRING),
    )


def value_counts_sql(relations: Sequence[Relation], column: Measured) -> Query:
    """One row per value that is listed, the most frequent first: `value`, and `rows_i` per relation.

    Every row carries `distinct_i`, `singletons_i`, `pairs_i`, `total_i` of all values, i being a relation's place, and
    one more for all of them together; without a value there is one row whose `value` is null.
    """
    places = [*range(len(relations)), len(relations)]
    sides = [
        f"select {place} as place, {column.value_sql} as value, count(*) as row_count from {relation.sql} "
        f"group by {column.value_sql}"
        for place, relation in enumerate(relations)
    ]
    per_value = ", ".join(
        f"coalesce(sum(row_count) filter (place = {place}), 0)::bigint as rows_{place}" for place in places[:-1]
    )
    totals = ", ".join(
        f"count(*) filter (rows_{place} > 0) as distinct_{place}, "
        f"count(*) filter (rows_{place} = 1) as singletons_{place}, "
        f"count(*) filter (rows_{place} = 2) as pairs_{place}, "
        f"coalesce(sum(rows_{place}), 0)::bigint as total_{place}"
        for place in places
    )
    short = "true" if column.family is not Family.STRING else f"length(value) <= {LONGEST_VALUE}"
    return Query.of(
        Step("rows_per_side_and_value", " union all ".join(sides)),
        Step(
            "rows_per_value",
            f"""
            select value, {per_value}, sum(row_count)::bigint as rows_{places[-1]}
            from rows_per_side_and_value where value is not null group by value
            """,
        ),
        Step("totals", f"select {totals} from rows_per_value"),
        Step(
            "listed",
            f"select * from rows_per_value where {short} order by rows_{places[-1]} desc, value limit {LISTED_VALUES}",
        ),
        Step(
            "value_counts",
            f"""
            select listed.*, totals.* from totals left join listed on true
            order by rows_{places[-1]} desc, value
            """,
        ),
    )


def _value_counts(engine: Engine, relations: Sequence[Relation], column: Measured) -> _Values:
    rows = engine.rows(value_counts_sql(relations, column))
    places = range(len(relations) + 1)
    listed = [row for row in rows if row["value"] is not None]
    counts = tuple(tuple(int(row[f"rows_{place}"]) for row in listed) for place in places)
    totals = rows[0]
    return _Values(
        values=tuple(row["value"] for row in listed),
        unlisted_count=int(totals[f"distinct_{places[-1]}"]) - len(listed),
        counts=counts,
        distinct=tuple(int(totals[f"distinct_{place}"]) for place in places),
        singletons=tuple(int(totals[f"singletons_{place}"]) for place in places),
        pairs=tuple(int(totals[f"pairs_{place}"]) for place in places),
        others=tuple(int(totals[f"total_{place}"]) - sum(counts[place]) for place in places),
    )


def _column(
    column: Measured,
    type_name: str,
    kind: Kind,
    bins: Bins | None,
    scans: Sequence[Sketch],
    counted: Sequence[Histogram | None],
    values: _Values,
) -> ColumnProfile:
    scans = [*scans, _together(scans)]
    known = [histogram for histogram in counted if histogram is not None]
    counted = [*counted, reduce(Histogram.merged, known) if known else None]
    sides = []
    for place, (scan, histogram) in enumerate(zip(scans, counted, strict=True)):
        moments: Moments | None = histogram.moments if histogram else None
        sides.append(
            SideFacts(
                row_count=scan.row_count,
                present_count=scan.present_count,
                nan_count=scan.nan_count,
                positive_infinity_count=scan.positive_infinity_count,
                negative_infinity_count=scan.negative_infinity_count,
                minimum=scan.minimum,
                maximum=scan.maximum,
                mean=moments.mean if moments else None,
                squares=moments.squares if moments else 0.0,
                distinct_count=values.distinct[place] if values.distinct else scan.distinct_estimate,
                singleton_count=values.singletons[place] if values.singletons else 0,
                pair_count=values.pairs[place] if values.pairs else 0,
                other_count=values.others[place] if values.others else 0,
                counts=histogram.counts if histogram else (),
                value_counts=values.counts[place] if values.counts else (),
            )
        )
    return ColumnProfile(
        name=column.name,
        type=type_name,
        family=column.family,
        kind=kind,
        edges=bins.edges if bins else (),
        bounds=bins.bounds if bins else (),
        lowest=bins.lowest if bins else None,
        values=values.values,
        unlisted_count=values.unlisted_count,
        sides=tuple(sides),
    )


def _together(scans: Sequence[Sketch]) -> Sketch:
    """The counts and extremes of all sets; about as many different texts as the set with most has."""
    extremes = [found for scan in scans for found in scan.extremes]
    estimates = [scan.distinct_estimate for scan in scans if scan.distinct_estimate is not None]
    return Sketch(
        row_count=sum(scan.row_count for scan in scans),
        present_count=sum(scan.present_count for scan in scans),
        nan_count=sum(scan.nan_count for scan in scans),
        positive_infinity_count=sum(scan.positive_infinity_count for scan in scans),
        negative_infinity_count=sum(scan.negative_infinity_count for scan in scans),
        minimum=min((low for low, _ in extremes), default=None),
        maximum=max((high for _, high in extremes), default=None),
        distinct_estimate=max(estimates, default=None),
    )


def _with_groups(
    engine: Engine, column: ColumnProfile, relations: Sequence[Relation], groups: Sequence[str]
) -> ColumnProfile:
    """The column with how its rows come in groups; of all sets together as if no group were in two of them."""
    if column.kind is Kind.IDENTIFIER or column.name in groups:
        return column
    found = []
    for place, relation in enumerate(relations):
        cells = distribution_cells(with_itself(column, place))
        measured = Measured(column.name, column.family)
        with_lone = column.kind is Kind.CATEGORY
        rows = column.sides[place].row_count
        known = INDEPENDENT
        if cells:
            known = clustering(engine, relation, measured, cells, groups, row_count=rows, with_lone_values=with_lone)
        found.append(known)
    total = sum(side.row_count for side in column.sides[:-1])
    weighted = sum(known.design_effect * side.row_count for known, side in zip(found, column.sides, strict=False))
    found.append(
        Clustering(
            group_count=sum(known.group_count for known in found),
            design_effect=max(1.0, weighted / total) if total else 1.0,
            lone_rows=sum(known.lone_rows for known in found),
            lone_squares=sum(known.lone_squares for known in found),
            concentration=max(known.concentration for known in found),
        )
    )
    sides = tuple(
        replace(
            side,
            design_effect=known.design_effect if math.isfinite(known.design_effect) else 1.0,
            concentration=known.concentration,
            group_count=known.group_count,
            lone_rows=known.lone_rows,
            lone_squares=known.lone_squares,
        )
        for side, known in zip(column.sides, found, strict=True)
    )
    return replace(column, sides=sides)


def with_itself(column: ColumnProfile, place: int) -> ColumnPair:
    """One set's facts of a column as both sides of a comparison, for whoever asks about one set alone."""
    scan, histogram = sketch_of(column, place), histogram_of(column, place)
    has_bins = column.bins is not None
    return ColumnPair(
        name=column.name,
        left_type=column.type,
        right_type=column.type,
        family=column.family,
        kind=column.kind,
        left=scan,
        right=scan,
        bins=column.bins,
        left_histogram=histogram if has_bins else None,
        right_histogram=histogram if has_bins else None,
        categories=categories_of(column, place, own_tally(column.sides[place])) if column.kind in COUNTED else None,
    )
