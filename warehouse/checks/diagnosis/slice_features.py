"""What slices are cut by: each feature as a few cells, chosen on a bounded sample of rows.

A number has bins of about equal shares with round bounds, a category its most frequent values, a time its month,
weekday and hour, a text or list its length. The sample decides where to look; every count is of all rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from warehouse.checks.diagnosis.joined import key_hash_sql
from warehouse.checks.diagnosis.slice_cells import (
    MOST_CELLS,
    Cells,
    Part,
    bin_cells,
    bin_levels,
    parts_of,
    value_cells,
)
from warehouse.checks.diagnosis.slice_result import LeftOut
from warehouse.datasets.spec import FOLD, WEIGHT, ColumnSplit, DatasetSpec, HashTimeSplit, TimeSplit
from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step
from warehouse.statistics.first_scan import SAMPLE_ROWS
from warehouse.statistics.kinds import IDENTIFIER_SHARE, Family, Kind, may_identify, string_kind
from warehouse.statistics.profile import Measured, distinct_count, row_count
from warehouse.statistics.session_tables import SessionTables

PARTS_PER_SCAN = 40
LONGEST_VALUE = 120
"""Characters; a longer value has no cell of its own."""


def find_features(
    engine: Engine, tables: SessionTables, relation: Relation, spec: DatasetSpec, types: Mapping[str, str]
) -> tuple[list[Cells], list[LeftOut]]:
    """What these rows can be cut by, in the order of columns, and the columns that are no features.

    A scan of the relation for 40 columns at a time, of which about 30,000 rows are kept; one more of each column that
    may identify its rows.
    """
    reasons = {name: reason for name, reason in _roles(spec).items() if name in types}
    is_by_time = isinstance(spec.split, TimeSplit | HashTimeSplit)
    parts: list[Part] = []
    for name in types:
        if name not in reasons:
            found = parts_of(name, types[name], with_moments=not is_by_time)
            parts += found
            if not found:
                reasons[name] = f"its type, {types[name]}, has no values to cut by"
    rows = row_count(engine, relation)
    features: list[Cells] = []
    for start in range(0, len(parts), PARTS_PER_SCAN):
        chunk = parts[start : start + PARTS_PER_SCAN]
        table = tables.create("sample", sample_sql(relation, chunk, spec.key, keep_one_in=max(1, rows // SAMPLE_ROWS)))
        facts = engine.rows(facts_sql(table, chunk))[0]
        for place, part in enumerate(chunk):
            if _identifies(engine, relation, part, place, facts, rows):
                reasons[part.column] = "it is different in nearly every row"
            elif (cells := _cells(engine, table, part, place, facts)) is not None:
                features.append(cells)
    used = {feature.part.column for feature in features}
    for part in parts:
        if part.column not in used:
            reasons.setdefault(part.column, "it is the same in every row that was looked at")
    return features, [LeftOut(column=name, reason=reasons[name]) for name in types if name in reasons]


def _roles(spec: DatasetSpec) -> dict[str, str]:
    """Columns that are no features, by what the specification says of them; the first reason counts."""
    roles = dict.fromkeys(spec.key, "it is the key")
    named: list[tuple[Sequence[str], str]] = [
        ([spec.label] if spec.label else [], "it is the label"),
        (spec.groups, "rows are grouped by it: what one split has of it no other has"),
        ([spec.synthetic.column] if spec.synthetic else [], "it says which rows are synthetic"),
        ([spec.split.column] if isinstance(spec.split, ColumnSplit) else [], "it names the split"),
        ([FOLD] if spec.folds else [], "it is the number of the fold"),
        ([WEIGHT] if spec.weights else [], "it is the weight in training"),
        (spec.pseudonymise, "its values are pseudonyms"),
    ]
    for names, reason in named:
        for name in names:
            roles.setdefault(name, reason)
    return roles


def sample_sql(relation: Relation, parts: Sequence[Part], key: Sequence[str], *, keep_one_in: int) -> Query:
    """One row per row kept, chosen by a hash of its key: `v<i>`, the i-th part's value.

    Of texts it is their beginning, and `l<i>` their length.
    """
    listed = []
    for place, part in enumerate(parts):
        value = f"left({part.sql}, {LONGEST_VALUE + 1})" if part.is_text else part.sql
        listed.append(f"{value} as v{place}")
        if part.is_text:
            listed.append(f"length({part.sql})::double as l{place}")
    # One more hash: rows may have been placed by that of their key.
    kept = f"hash({key_hash_sql(key)}, 'slices') % {keep_one_in} = 0" if keep_one_in > 1 else "true"
    return Query.of(Step("sampled_rows", f"select {', '.join(listed)} from {relation.sql} where {kept}"))


def facts_sql(table: str, parts: Sequence[Part]) -> Query:
    """One row: `row_count`; for the i-th part `n<i>` values and `d<i>` different ones.

    Of numbers, and of texts' lengths, quantiles `q<i>` at `bin_levels`, and `few<i>`, all values if they are few; of
    texts the mean length `length<i>` and the share with spaces, `spaced<i>`.
    """
    facts = ["count(*) as row_count"]
    for place, part in enumerate(parts):
        value = number = f"v{place}"
        facts += [f"count({value}) as n{place}", f"count(distinct {value}) as d{place}"]
        if part.is_text:
            number = f"l{place}"
            facts += [
                f"avg({number}) as length{place}",
                f"avg(contains(trim({value}), ' ')::int) as spaced{place}",
            ]
        facts += [
            f"quantile_disc({number}, {bin_levels()}) as q{place}",
            f"case when count(distinct {number}) <= {MOST_CELLS} then"
            f" list_sort(list(distinct {number}) filter ({number} is not null)) end as few{place}",
        ]
    return Query.of(Step("sample_facts", f"select {', '.join(facts)} from {table}"))


def frequent_values_sql(table: str, place: int) -> Query:
    """One row per text worth a cell, the most frequent first: `value`."""
    value = f"v{place}"
    return Query.of(
        Step(
            "counted_values",
            f"""
            select
                {value} as value,
                count(*) as row_count,
            from {table}
            where length({value}) <= {LONGEST_VALUE} and not contains({value}, chr(0))
            group by {value}
            """,
        ),
        Step(
            "frequent_values",
            f"select value from counted_values order by row_count desc, value limit {MOST_CELLS}",
        ),
    )


def _identifies(
    engine: Engine, relation: Relation, part: Part, place: int, facts: Mapping[str, Any], rows: int
) -> bool:
    if not part.is_whole or part.family not in (Family.INTEGER, Family.STRING) or not facts[f"n{place}"]:
        return False
    sampled = facts[f"n{place}"]
    count = round(rows * sampled / facts["row_count"])
    is_number = part.family is Family.INTEGER
    quantiles = facts[f"q{place}"]
    candidate = may_identify(
        Kind.NUMBER if is_number else _text_kind(place, facts),
        part.family,
        sampled=sampled,
        distinct=facts[f"d{place}"],
        spread=quantiles[-1] - quantiles[0] if is_number else 0.0,
        count=count,
    )
    return candidate and distinct_count(engine, relation, Measured(part.column, part.family)) >= (
        IDENTIFIER_SHARE * count
    )


def _text_kind(place: int, facts: Mapping[str, Any]) -> Kind:
    return string_kind(
        distinct=facts[f"d{place}"],
        sampled=facts[f"n{place}"],
        mean_length=facts[f"length{place}"],
        spaced_share=facts[f"spaced{place}"],
    )


def _cells(engine: Engine, table: str, part: Part, place: int, facts: Mapping[str, Any]) -> Cells | None:
    """The part's cells; None when all rows of the sample are alike."""
    count, distinct = facts[f"n{place}"], facts[f"d{place}"]
    has_missing = count < facts["row_count"]
    if not count or (distinct == 1 and not has_missing):
        return None
    if part.is_text:
        if part.family is Family.BOOLEAN or _text_kind(place, facts) is Kind.CATEGORY:
            values = [row["value"] for row in engine.rows(frequent_values_sql(table, place))]
            if values:
                return value_cells(part, values)
        part = part.length
    few: Sequence[float] | None = facts[f"few{place}"]
    if few is not None:
        return value_cells(part, few) if len(few) > 1 or has_missing else None
    return bin_cells(part, facts[f"q{place}"], count)
