"""A bounded sample of a relation's rows as numbers, for what must see all columns of a row at once.

Rows are chosen by a hash of their values, so neither their order nor the number of threads matters. What tells them
apart afterwards is made alike on every engine.
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
from warehouse.statistics.lasting_hashes import digest_sql, digits_sql
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
    """The number; empty for a category of texts, whose number is made of `text`."""
    is_category: bool = False
    """The number stands for a value and has no order; for a text it is 52 bits of its md5."""
    text: str = ""
    """The column as text, of columns of texts alone: rows are told apart by it too."""


def features_of(pair: ColumnPair) -> list[Feature]:
    """A column as numbers: what it is compared by, and nothing for an identifier.

    Times also tell their hour and weekday, texts their characters and words, embeddings their components, lists and
    maps their length. Of what is left, only whether there is a value.
    """
    name, column = identifier(pair.name), Measured(pair.name, pair.family)
    if pair.kind is Kind.IDENTIFIER:
        return []
    if pair.kind is Kind.CATEGORY:
        if is_numeric(pair.family):
            return [Feature(column=pair.name, sql=column.value_sql, is_category=True)]
        return [Feature(column=pair.name, sql="", is_category=True, text=column.value_sql)]
    if pair.kind is Kind.BOOLEAN:
        return [Feature(column=pair.name, sql=f"cast({name} as integer)")]
    if pair.kind is Kind.TEXT:
        text = column.value_sql
        words = f"len(string_split_regex(trim({text}), '\\s+'))"
        return [Feature(column=pair.name, sql=sql, text=text) for sql in (column.number_sql, words)]
    if pair.kind is Kind.TIME and pair.family is Family.TIMESTAMP:
        moment = f"case when not isinf({name}) then cast({name} as timestamp) end"
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
    relation: Relation,
    features: Sequence[Feature],
    groups: Sequence[str],
    *,
    share: float,
    hash_bits: int = 64,
    by_count: str = "",
) -> Query:
    """One row per sampled row: upper and lower half of its texts' hash and of its group's hash, then the features.

    All are doubles; a missing one is NaN. With a share below 1 rows are chosen by DuckDB's or Spark's own hash of
    them, of so many bits: equal rows have equal hashes, so they are in the sample together. `by_count` takes of each
    set of equal rows about its share instead, by a hash that this name is part of; it groups all rows.
    """
    texts = [f"cast({identifier(group)} as varchar)" for group in groups]
    texts = list(dict.fromkeys([*texts, *(feature.text for feature in features if feature.text)]))
    numbers = [f"{feature.sql} as number_{index}" for index, feature in enumerate(features) if feature.sql]
    read = [*(f"{text} as text_{place}" for place, text in enumerate(texts)), *numbers]
    names = [term.rpartition(" as ")[2] for term in read]
    chosen, parameters = _chosen_rows(relation, features, groups, read, names, share, hash_bits, by_count)
    group_texts = [f"text_{place}" for place in range(len(groups))]
    present = " and ".join(f"{text} is not null" for text in group_texts)
    group_digest = f"case when {present} then {digest_sql(group_texts)} end" if groups else "cast(null as varchar)"
    digest = digest_sql([f"text_{place}" for place in range(len(texts))])
    halves = [
        _number_sql(f"cast({digits_sql(f'{name}_digest', start=start, count=8)} as double)") + f" as {name}_{half}"
        for name in ("row", "group")
        for half, start in (("upper", 1), ("lower", 9))
    ]
    values = []
    for index, feature in enumerate(features):
        value = f"cast(number_{index} as double)"
        if not feature.sql:
            text = f"text_{texts.index(feature.text)}"
            value = f"cast({digits_sql(f'md5({text})', start=1, count=13)} as double)"
        values.append(f"{_number_sql(value)} as value_{index}")
    return Query.of(
        *chosen,
        Step(
            "rows_with_digests",
            f"select {', '.join([*names, f'{digest} as row_digest', f'{group_digest} as group_digest'])}"
            " from chosen_rows",
        ),
        Step("row_sample", f"select {', '.join([*halves, *values])} from rows_with_digests"),
        **parameters,
    )


def _number_sql(value: str) -> str:
    return f"coalesce({value}, cast('nan' as double))"


def _chosen_rows(
    relation: Relation,
    features: Sequence[Feature],
    groups: Sequence[str],
    read: Sequence[str],
    names: Sequence[str],
    share: float,
    hash_bits: int,
    by_count: str,
) -> tuple[list[Step], dict[str, object]]:
    """Steps; the last has what is read of the rows in the sample."""
    if share >= 1:
        return [Step("chosen_rows", f"select {', '.join(read) or '1 as one'} from {relation.sql}")], {}
    hashed_columns = list(dict.fromkeys([*groups, *(feature.column for feature in features)]))[:HASHED_COLUMNS]
    hashed = f"hash({', '.join(identifier(name) for name in hashed_columns)})"
    # One more hash: that of a single column is the column's own, which a relation may have been chosen by.
    row_hash = f"hash({hashed}, {literal(SALT)})"
    rows = Step("rows_as_numbers", f"select {', '.join([f'{row_hash} as row_hash', *read])} from {relation.sql}")
    kept = ", ".join(names) or "1 as one"
    if not by_count:
        cutoff = int(share * 2.0**hash_bits)
        return [rows, Step("chosen_rows", f"select {kept} from rows_as_numbers where row_hash <= $cutoff")], {
            "cutoff": cutoff
        }
    # As many as a draw of each row by itself would give: normal where many are expected, else rounded by chance.
    uniforms = [
        f"((hash(row_hash, {literal(f'{SALT} {by_count} {place}')}) >> {hash_bits - 53}) + 0.5) / {2**53}"
        for place in "abc"
    ]
    normal = f"sqrt(-2 * ln({uniforms[0]})) * cos(2 * pi() * {uniforms[1]})"
    noise = f"case when row_count * $share >= 9 then sqrt(row_count * $share * (1 - $share)) * {normal} else 0 end"
    copies = f"cast(floor(greatest(0, row_count * $share + {noise}) + {uniforms[2]}) as bigint)"
    same = ", ".join(["row_hash", *names])
    return [
        rows,
        Step("different_rows", f"select {same}, count(*) as row_count from rows_as_numbers group by {same}"),
        Step("chosen_rows", f"select {kept}, unnest(range({copies})) as copy from different_rows"),
    ], {"share": share}


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
    how many of equal rows are drawn is chance that differs by `side`. All rows of a relation, and what is made of them,
    are the same on every engine; of a share of them each engine chooses its own.
    """
    share, bits = min(1.0, wanted / max(row_count, 1)), engine.hash_bits
    sample = _read(engine, row_sample_sql(relation, features, groups, share=share, hash_bits=bits))
    expected = row_count * share
    # Six standard deviations off: equal rows came in clumps.
    if share < 1 and abs(sample.row_count - expected) > 6 * math.sqrt(expected):
        query = row_sample_sql(relation, features, groups, share=share, hash_bits=bits, by_count=side)
        return _read(engine, query)
    return sample


def _read(engine: Engine, query: Query) -> RowSample:
    upper, lower, group_upper, group_lower, *columns = engine.number_columns(query)
    values = np.stack(columns, axis=1)
    hashes = _joined(upper, lower)
    for column in columns:
        # Zero has no sign here, and NaN one pattern of bits.
        bits = np.where(np.isnan(column), np.nan, column + 0.0).view(np.uint64)
        hashes = mixed(hashes ^ mixed(bits))
    is_grouped = ~np.isnan(group_upper)
    groups = np.where(is_grouped, _joined(group_upper, group_lower), hashes)
    order = np.lexsort((*columns[::-1], groups, hashes))
    return RowSample(hashes=hashes[order], groups=groups[order], values=values[order])


def _joined(upper: npt.NDArray[np.float64], lower: npt.NDArray[np.float64]) -> npt.NDArray[np.uint64]:
    high, low = (np.nan_to_num(half).astype(np.uint64) for half in (upper, lower))
    return np.asarray((high << np.uint64(32)) | low)


def mixed(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Every bit depends on all bits: the finaliser of splitmix64 (Steele, Lea and Flood 2014)."""
    mixed = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))
