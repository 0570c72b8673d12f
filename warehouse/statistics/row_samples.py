"""A bounded sample of a relation's rows as numbers, for what must see all columns of a row at once.

Rows are chosen by a hash of their values, so neither their order nor the number of threads matters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step, identifier, literal
from warehouse.statistics.kinds import Family, Kind, family_of, is_numeric
from warehouse.statistics.pair import ColumnPair
from warehouse.statistics.profile import Measured
from warehouse.statistics.type_names import parse_type

MOST_COMPONENTS = 64
"""Of an embedding, so many components are used, evenly spaced among all."""
HASHED_COLUMNS = 30
"""A row's hash is that of so many columns, which tell rows apart well enough."""
SALT = "row sample"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One number per row, null where there is none."""

    column: str
    sql: str
    is_category: bool = False
    """The number stands for a value (53 bits of its hash) and has no order."""


def features_of(pair: ColumnPair) -> list[Feature]:
    """A column as numbers: what it is compared by, and nothing for an identifier.

    Times also tell their hour and weekday, texts their characters and words, embeddings their components, lists and
    maps their length. Of what is left, only whether there is a value.
    """
    name, column = identifier(pair.name), Measured(pair.name, pair.family)
    if pair.kind is Kind.IDENTIFIER:
        return []
    if pair.kind is Kind.CATEGORY:
        # The upper 53 bits of a hash are a number that doubles hold exactly.
        return [Feature(column=pair.name, sql=f"hash({column.value_sql}) >> 11", is_category=True)]
    if pair.kind is Kind.BOOLEAN:
        return [Feature(column=pair.name, sql=f"cast({name} as integer)")]
    if pair.kind is Kind.TEXT:
        words = f"len(string_split_regex(trim(cast({name} as varchar)), '\\s+'))"
        return [Feature(column=pair.name, sql=column.number_sql), Feature(column=pair.name, sql=words)]
    if pair.kind is Kind.TIME and pair.family is Family.TIMESTAMP:
        moment = f"case when isfinite({name}) then cast({name} as timestamp) end"
        parts = [f"hour({moment})", f"isodow({moment})"]
        return [Feature(column=pair.name, sql=sql) for sql in (column.number_sql, *parts)]
    if is_numeric(pair.family) or pair.kind is Kind.TIME:
        return [Feature(column=pair.name, sql=column.finite_sql)]
    return [Feature(column=pair.name, sql=sql) for sql in _nested_sql(pair, name)]


def _nested_sql(pair: ColumnPair, name: str) -> list[str]:
    left, right = parse_type(pair.left_type), parse_type(pair.right_type)
    if pair.kind is Kind.EMBEDDING:
        lengths = [type_.length for type_ in (left, right) if type_.length]
        length = min(lengths, default=MOST_COMPONENTS)
        count = min(length, MOST_COMPONENTS)
        places = sorted({1 + index * length // count for index in range(count)})
        parts = (f"cast({name}[{place}] as double)" for place in places)
        return [f"case when isfinite({part}) then {part} end" for part in parts]
    if pair.kind in (Kind.LIST, Kind.MAP):
        return [f"{'cardinality' if pair.kind is Kind.MAP else 'len'}({name})"]
    if pair.kind is Kind.STRUCT:
        types = dict(right.members)
        found = []
        for member, type_ in left.members:
            if not is_numeric(family_of(type_.name)) or not is_numeric(family_of(types.get(member, type_).name)):
                continue
            number = f"cast(struct_extract({name}, {literal(member)}) as double)"
            found.append(f"case when isfinite({number}) then {number} end")
        return [f"cast({name} is null as integer)", *found]
    return [f"cast({name} is null as integer)"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSample:
    """Some rows of a relation, in the order of their hashes."""

    hashes: npt.NDArray[np.uint64]
    """Equal rows have equal ones."""
    groups: npt.NDArray[np.uint64]
    """Hashes of the rows' groups; that of the row where it has none."""
    values: npt.NDArray[np.float64]
    """One row of features each, NaN where there is none."""

    @property
    def row_count(self) -> int:
        """How many rows it has."""
        return len(self.hashes)


def row_sample_sql(
    relation: Relation, features: Sequence[Feature], groups: Sequence[str], *, share: float, by_count: str = ""
) -> Query:
    """One row per sampled row, by hash: upper and lower half of its hash and of its group's hash, then the features.

    All are doubles; a missing one is NaN. Equal rows have equal hashes, so they are in the sample together. `by_count`
    takes of each set of equal rows about its share instead, by a hash that this name is part of; it groups all rows.
    """
    names = list(dict.fromkeys([*groups, *(feature.column for feature in features)]))[:HASHED_COLUMNS]
    hashed = f"hash({', '.join(identifier(name) for name in names)})"
    # One more hash: that of a single column is the column's own, which a relation may have been chosen by.
    row_hash = f"hash({hashed}, {literal(SALT)})"
    members = ", ".join(identifier(group) for group in groups)
    present = " and ".join(f"{identifier(group)} is not null" for group in groups)
    group_hash = f"case when {present} then hash({members}) end" if groups else "cast(null as ubigint)"
    values = [
        f"coalesce(cast({feature.sql} as double), cast('nan' as double)) as value_{index}"
        for index, feature in enumerate(features)
    ]
    cutoff = min(2**64 - 1, int(share * 2.0**64))
    halves = [
        f"cast({name}_hash >> 32 as double) as {name}_upper, cast({name}_hash & 4294967295 as double) as {name}_lower"
        for name in ("row", "group")
    ]
    names_of_values = [f"value_{index}" for index in range(len(features))]
    read = f"select {row_hash} as row_hash, {group_hash} as group_hash, {', '.join(values)} from {relation.sql}"
    if by_count:
        # As many as a draw of each row by itself would give: normal where many are expected, else rounded by chance.
        uniforms = [
            f"((hash(row_hash, {literal(f'{SALT} {by_count} {place}')}) >> 11) + 0.5) / {2**53}" for place in "abc"
        ]
        normal = f"sqrt(-2 * ln({uniforms[0]})) * cos(2 * pi() * {uniforms[1]})"
        noise = f"case when row_count * $share >= 9 then sqrt(row_count * $share * (1 - $share)) * {normal} else 0 end"
        kept = f"floor(greatest(0, row_count * $share + {noise}) + {uniforms[2]})"
        chosen = [
            Step("different_rows", "select *, count(*) as row_count from rows_as_numbers group by all"),
            Step(
                "chosen_rows",
                f"select * exclude (row_count), unnest(range(cast({kept} as bigint))) as copy from different_rows",
            ),
        ]
    else:
        chosen = [Step("chosen_rows", "select * from rows_as_numbers where row_hash <= $cutoff")]
    return Query.of(
        Step("rows_as_numbers", read),
        *chosen,
        Step(
            "hashed_rows",
            "select * exclude (group_hash), coalesce(group_hash, row_hash) as group_hash from chosen_rows",
        ),
        Step(
            "row_sample",
            f"select {', '.join([*halves, *names_of_values])} from hashed_rows"
            f" order by row_hash, group_hash, {', '.join(names_of_values)}",
        ),
        **({"share": share} if by_count else {"cutoff": cutoff}),
    )


def draw_rows(
    engine: Engine,
    relation: Relation,
    features: Sequence[Feature],
    groups: Sequence[str],
    *,
    row_count: int,
    wanted: int,
    side: str,
) -> RowSample:
    """About `wanted` of the relation's `row_count` rows, all when it has no more.

    One scan; one more when many rows are equal. Rows that two relations share are in both samples, when both are large;
    how many of equal rows are drawn is chance that differs by `side`.
    """
    share = min(1.0, wanted / max(row_count, 1))
    sample = _read(engine, row_sample_sql(relation, features, groups, share=share))
    expected = row_count * share
    # Six standard deviations off: equal rows came in clumps.
    if share < 1 and abs(sample.row_count - expected) > 6 * math.sqrt(expected):
        return _read(engine, row_sample_sql(relation, features, groups, share=share, by_count=side))
    return sample


def _read(engine: Engine, query: Query) -> RowSample:
    upper, lower, group_upper, group_lower, *values = engine.number_columns(query)

    def whole(high: npt.NDArray[np.float64], low: npt.NDArray[np.float64]) -> npt.NDArray[np.uint64]:
        return (high.astype(np.uint64) << np.uint64(32)) | low.astype(np.uint64)

    return RowSample(
        hashes=whole(upper, lower), groups=whole(group_upper, group_lower), values=np.stack(values, axis=1)
    )
