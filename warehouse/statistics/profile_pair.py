"""Facts of a stored profile and of some rows side by side: what a comparison needs, without the profile's rows."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step
from warehouse.statistics.bins import Bins
from warehouse.statistics.categories import LABEL_LENGTH, LISTED_CATEGORIES, LISTED_STRANGERS, Categories, Category
from warehouse.statistics.cumulative import CumulativeGap, binned_gap
from warehouse.statistics.first_scan import sketch
from warehouse.statistics.kinds import DISCRETE_VALUES, Kind, is_numeric
from warehouse.statistics.pair import ColumnPair, RelationPair, match_columns
from warehouse.statistics.profile import Histogram, Measured, Sketch, histograms, row_count
from warehouse.statistics.stored_profile import (
    COUNTED,
    ColumnProfile,
    SideFacts,
    StoredProfile,
    histogram_of,
    sketch_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How often rows have each value that a profile lists, and what else they have."""

    listed: tuple[int, ...]
    strangers: tuple[tuple[str | float, int], ...] = ()
    """The most frequent values that are not listed, with their rows."""
    unlisted_rows: int = 0
    unlisted_distinct: int = 0


def compare_with_profile(
    engine: Engine, profile: StoredProfile, name: str | None, right: Relation, *, skip: Collection[str] = ()
) -> RelationPair:
    """Facts of every column that the profile and the rows have, but for those in `skip`.

    Costs two scans of the rows for all columns together, and one of the single column for each whose values are
    counted. Kinds and bins are the profile's, so distances of cumulative distributions carry the bins' error, and
    values beyond those that it lists count as one.

    Args:
        engine: runs the queries.
        profile: of the rows to compare with.
        name: which of its sets; None for all of them together.
        right: the rows in question.
        skip: columns to leave out.

    Raises:
        QueryError: the rows cannot be read.
    """
    place = profile.place(name)
    known = {column.name: column for column in profile.columns}
    right_types = {column.name: column.type for column in engine.columns(right)}
    left_types = {column.name: column.type for column in profile.columns}
    measured, left_out = match_columns(left_types, right_types, skip)
    rows = row_count(engine, right)
    scans = sketch(engine, right, measured, row_count=rows)
    bins = {
        column.name: _reaching(cut, scans[column.name])
        for column in measured
        if (cut := known[column.name].bins) is not None and column.has_numbers
    }
    binned = [column for column in measured if column.name in bins]
    counted = histograms(engine, right, binned, {name: cut.edges for name, cut in bins.items()})
    pairs = []
    for column in measured:
        stored = known[column.name]
        kind = stored.kind
        # With the rows, either side's values decide.
        if kind is Kind.DISCRETE and scans[column.name].sampled_distinct > DISCRETE_VALUES:
            kind = Kind.NUMBER
        cut = bins.get(column.name)
        left_histogram = _stretched(stored, place, cut) if cut else None
        right_histogram = counted.get(column.name)
        gap = None
        if cut and left_histogram and left_histogram.moments and right_histogram and right_histogram.moments:
            gap = binned_gap(cut, left_histogram, right_histogram)
        categories = None
        if kind in COUNTED:
            categories = categories_of(stored, place, tally(engine, right, column, stored.values))
        if gap is not None and kind is Kind.DISCRETE and categories is not None and not categories.other_distinct:
            gap = gap_of_values(categories.listed)
        pairs.append(
            ColumnPair(
                name=column.name,
                left_type=stored.type,
                right_type=right_types[column.name],
                family=column.family,
                kind=kind,
                left=sketch_of(stored, place),
                right=scans[column.name],
                bins=cut,
                left_histogram=left_histogram,
                right_histogram=right_histogram,
                categories=categories,
                gap=gap,
            )
        )
    return RelationPair(
        left_row_count=profile.row_counts[place], right_row_count=rows, columns=tuple(pairs), left_out=left_out
    )


def gap_of_values(listed: Sequence[Category]) -> CumulativeGap:
    """The gap of numbers that are all counted one by one, with a value on either side; exact."""
    entries = sorted(listed, key=lambda entry: entry.label)
    values = np.array([entry.label for entry in entries], dtype=np.float64)
    # The last value's cumulative share is 1 on both sides.
    left, right = (
        np.cumsum(counts)[:-1] / counts.sum()
        for counts in (
            np.array([entry.left_count for entry in entries], dtype=np.float64),
            np.array([entry.right_count for entry in entries], dtype=np.float64),
        )
    )
    steps, gaps = np.diff(values), np.abs(left - right)
    return CumulativeGap(
        kolmogorov_smirnov=float(gaps.max(initial=0.0)),
        kolmogorov_smirnov_error=0.0,
        wasserstein=float((gaps * steps).sum()),
        wasserstein_error=0.0,
        left_spread=float((np.sqrt(left * (1 - left)) * steps).sum()),
        right_spread=float((np.sqrt(right * (1 - right)) * steps).sum()),
    )


def _reaching(bins: Bins, scan: Sketch) -> Bins:
    """The bins with one more on either side for rows beyond them."""
    edges, lowest = bins.edges, bins.lowest
    if scan.maximum is not None and scan.maximum > edges[-1]:
        edges = (*edges, scan.maximum)
    if scan.minimum is not None and scan.minimum < lowest:
        below = math.nextafter(lowest, -math.inf)
        edges, lowest = (below, *edges), scan.minimum
    return replace(bins, edges=edges, lowest=lowest)


def _stretched(stored: ColumnProfile, place: int, bins: Bins) -> Histogram:
    """The profile's counts on bins that reach further."""
    histogram = histogram_of(stored, place)
    known = dict(zip(stored.edges, histogram.counts, strict=True))
    return replace(histogram, counts=tuple(known.get(edge, 0) for edge in bins.edges))


def tally_sql(relation: Relation, column: Measured, values: Sequence[str | float]) -> Query:
    """One row per value of these that occurs, and per frequent other one: `value`, `row_count`, `is_listed`.

    Every row carries `unlisted_rows` and `unlisted_distinct`; without a value there is one row whose `value` is null.
    """
    type_name = "double" if is_numeric(column.family) else "varchar"
    return Query.of(
        Step(
            "rows_per_value",
            f"""
            select {column.value_sql} as value, count(*) as row_count from {relation.sql}
            where {column.value_sql} is not null group by {column.value_sql}
            """,
        ),
        Step("values_listed", f"select unnest($values::{type_name}[]) as value"),
        Step(
            "rows_known",
            """
            select rows_per_value.*, values_listed.value is not null as is_listed
            from rows_per_value left join values_listed on rows_per_value.value = values_listed.value
            """,
        ),
        Step(
            "totals",
            """
            select
                coalesce(sum(row_count) filter (not is_listed), 0)::bigint as unlisted_rows,
                count(*) filter (not is_listed) as unlisted_distinct,
            from rows_known
            """,
        ),
        Step(
            "strangers",
            f"from rows_known where not is_listed order by row_count desc, value limit {LISTED_CATEGORIES}",
        ),
        Step("named", "from rows_known where is_listed union all from strangers"),
        Step(
            "tally",
            """
            select named.value, named.row_count, named.is_listed, totals.*
            from totals left join named on true
            order by row_count desc, value
            """,
        ),
        values=list(values),
    )


def tally(engine: Engine, relation: Relation, column: Measured, values: Sequence[str | float]) -> Tally:
    """How often each of these values occurs, and what else does."""
    rows = engine.rows(tally_sql(relation, column, values))
    listed = {row["value"]: int(row["row_count"]) for row in rows if row["is_listed"]}
    return Tally(
        listed=tuple(listed.get(value, 0) for value in values),
        strangers=tuple(
            (_cut(row["value"]), int(row["row_count"]))
            for row in rows
            if row["value"] is not None and not row["is_listed"]
        ),
        unlisted_rows=int(rows[0]["unlisted_rows"]),
        unlisted_distinct=int(rows[0]["unlisted_distinct"]),
    )


def _cut(value: str | float) -> str | float:
    return value if isinstance(value, float) or len(value) <= LABEL_LENGTH else value[:LABEL_LENGTH] + "…"


def categories_of(stored: ColumnProfile, place: int, right: Tally) -> Categories:
    """Counts of values on both sides; which are new is known only when the profile lists all its values."""
    side = stored.sides[place]
    complete = not stored.unlisted_count
    entries = [
        Category(value, left, there)
        for value, left, there in zip(stored.values, side.value_counts, right.listed, strict=True)
        if left or there
    ]
    if complete:
        entries += [Category(value, 0, count) for value, count in right.strangers]
    entries.sort(key=lambda entry: (-entry.left_count - entry.right_count, entry.label))
    listed = entries[:LISTED_CATEGORIES]
    left_rows = sum(side.value_counts) + side.other_count
    right_rows = sum(right.listed) + right.unlisted_rows
    new = [entry for entry in entries if not entry.left_count]
    vanished = [entry for entry in entries if not entry.right_count]
    named_right = sum(1 for count in right.listed if count)
    distinct = len([entry for entry in entries if entry.left_count or entry.right_count])
    unnamed = right.unlisted_distinct - (len(right.strangers) if complete else 0)
    return Categories(
        listed=tuple(listed),
        other_left_count=left_rows - sum(entry.left_count for entry in listed),
        other_right_count=right_rows - sum(entry.right_count for entry in listed),
        other_distinct=distinct - len(listed) + max(unnamed, stored.unlisted_count),
        left_distinct=side.distinct_count or 0,
        right_distinct=named_right + right.unlisted_distinct,
        new=tuple(new[:LISTED_STRANGERS]),
        new_distinct=len([entry for entry in new if entry.right_count]) + (unnamed if complete else 0),
        new_rows=sum(entry.right_count for entry in new) + (_unnamed_rows(right) if complete else 0),
        vanished=tuple(vanished[:LISTED_STRANGERS]),
        vanished_distinct=len(vanished),
        vanished_rows=sum(entry.left_count for entry in vanished),
        left_singletons=side.singleton_count,
        left_pairs=side.pair_count,
        strangers_known=complete,
    )


def _unnamed_rows(right: Tally) -> int:
    return right.unlisted_rows - sum(count for _, count in right.strangers)


def own_tally(side: SideFacts) -> Tally:
    """The tally of the profile's own rows."""
    return Tally(listed=side.value_counts, unlisted_rows=side.other_count)
