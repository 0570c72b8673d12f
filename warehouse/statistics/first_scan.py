"""The first look at a relation: what is in its columns, by counts of all rows and by a bounded sample of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np

from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step, identifier
from warehouse.statistics.bins import QUANTILE_LEVELS
from warehouse.statistics.distance import Counts, rising
from warehouse.statistics.kinds import Family
from warehouse.statistics.profile import Measured, Sketch, chunks, power_of_two

SAMPLE_ROWS = 30_000
"""About how many rows the sample has; chosen by the row's values, so their order and the day do not matter."""
MIXED_COLUMNS, MOST_MIXED = 3, 8
"""So many columns decide whether a row is in the sample; and so many, with two of texts, where they decide badly."""
_FACTORS = (1.618033988749895, 1.4142135623730951, 1.7320508075688772, 1.324717957244746)
"""No fraction of whole numbers comes near them, so that no period in the rows meets theirs."""


def first_scan_sql(relation: Relation, columns: Sequence[Measured]) -> Query:
    """One row; for column i its answers end in `_i`: `present`, `minimum`, `maximum`, `estimate`. Nulls count in none.

    Where NaN or infinities occur, the minimum or the maximum says so: it is one of them, or null.
    """
    values, sums, facts = [], ["count(*) as row_count"], []
    for index, column in enumerate(columns):
        present, number = f"present_{index}", f"number_{index}"
        values.append(f"{identifier(column.name)} as {present}")
        sums.append(f"count({present}) as count_{index}")
        facts.append(f"count_{index} as present_{index}")
        if column.family is Family.STRING:
            values.append(f"{column.number_sql} as {number}")
            sums += [f"min({number}) as minimum_{index}", f"max({number}) as maximum_{index}"]
            sums.append(f"approx_count_distinct({present}) as estimate_{index}")
            facts += [f"minimum_{index}", f"maximum_{index}", f"estimate_{index}"]
        elif column.has_numbers:
            # Values themselves compare faster than what they are made into.
            sums += [f"min({present}) as least_{index}", f"max({present}) as most_{index}"]
            facts.append(f"{column.number_of(f'least_{index}')} as minimum_{index}")
            facts.append(f"{column.number_of(f'most_{index}')} as maximum_{index}")
    return Query.of(
        Step("rows_to_profile", f"select {', '.join(values)} from {relation.sql}"),
        Step("sums", f"select {', '.join(sums)} from rows_to_profile"),
        Step("first_scan", f"select {', '.join(facts)} from sums"),
    )


def odd_values_sql(relation: Relation, columns: Sequence[Measured]) -> Query:
    """One row; for column i how many values are not finite, `nan_i`, `positive_i` and `negative_i`, and the extremes.

    `minimum_i` and `maximum_i` are of finite values, as numbers.
    """
    facts = []
    for index, column in enumerate(columns):
        name = identifier(column.name)
        type_name = "double" if column.family is Family.REAL else "timestamp"
        nan = f"count(*) filter (isnan({name}))" if column.family is Family.REAL else "0"
        facts += [
            f"{nan} as nan_{index}",
            f"count(*) filter ({name} = cast('infinity' as {type_name})) as positive_{index}",
            f"count(*) filter ({name} = cast('-infinity' as {type_name})) as negative_{index}",
            f"min({column.finite_sql}) as minimum_{index}",
            f"max({column.finite_sql}) as maximum_{index}",
        ]
    return Query.of(Step("odd_values", f"select {', '.join(facts)} from {relation.sql}"))


def sample_rows_sql(
    relation: Relation,
    columns: Sequence[Measured],
    *,
    spreads: Sequence[Spread],
    keep_one_in: int,
    thoroughly: bool = False,
    by_place: bool = False,
) -> Query:
    """One row per row of the sample, all doubles: `place`, 1; `number_i` of columns with numbers, NaN where not finite.

    Of reals and times also `present_i`, 1 or 0; of strings `string_i` (NaN for null), which differs where strings do,
    and `spaced_i`, whether white space lies between words, 1 or 0.

    A row is in the sample by numbers made of some columns, the same on every engine, whatever the order of rows. Equal
    rows are in it together, so few different rows may give a lopsided sample; `thoroughly` looks at more columns, and
    `by_place` hashes the row's place in the relation instead.
    """
    kept, clause = "true", "where"
    if keep_one_in > 1 and by_place:
        kept, clause = f"hash(row_number() over ()) % {int(keep_one_in)} = 0", "qualify"
    elif keep_one_in > 1:
        kept = f"{_chance_sql(columns, spreads, thoroughly=thoroughly)} < {1 / keep_one_in:.17e}"
    values = ", ".join(f"{sql} as {name}" for name, sql in _sample_values(columns).items())
    return Query.of(Step("sample_rows", f"select {values} from {relation.sql} {clause} {kept}"))


def _sample_values(columns: Sequence[Measured]) -> dict[str, str]:
    """What is read of a sample's rows, and how."""
    nan = "cast('nan' as double)"
    # A name for rows of which nothing else is read.
    values = {"place": "cast(1 as double)"}
    for index, column in enumerate(columns):
        name = identifier(column.name)
        if column.has_numbers:
            values[f"number_{index}"] = f"coalesce({column.finite_sql}, {nan})"
        if column.may_be_infinite:
            values[f"present_{index}"] = f"cast({name} is not null as double)"
        if column.family is Family.STRING:
            text = f"cast({name} as varchar)"
            # As many bits of the hash as a double holds without loss.
            values[f"string_{index}"] = (
                f"case when {name} is null then {nan} else cast(hash({text}) >> 11 as double) end"
            )
            values[f"spaced_{index}"] = f"cast(coalesce(contains(trim({text}), ' '), false) as double)"
    return values


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """What is known of a column's values before any are sampled."""

    low: float = 0.0
    """Of finite values, as numbers."""
    high: float = 0.0
    has_nulls: bool = True
    has_odd: bool = True
    """Whether NaN or infinities are among them."""


def _chance_sql(columns: Sequence[Measured], spreads: Sequence[Spread], *, thoroughly: bool = False) -> str:
    """A number from 0 to below 1 that looks like chance, made of the columns that tell rows apart best.

    By arithmetic of doubles that every engine does alike, and that costs less than a hash: fractions of multiples.
    """
    order = [Family.REAL, Family.TIMESTAMP, Family.DECIMAL, Family.INTEGER]
    # Of one value only, a column tells nothing.
    telling = [
        (column, spread)
        for column, spread in zip(columns, spreads, strict=True)
        if spread.low < spread.high and column.family in order
    ]
    telling.sort(key=lambda one: (order.index(one[0].family), one[1].low - one[1].high))
    chosen = telling[: MOST_MIXED if thoroughly else MIXED_COLUMNS]
    terms = []
    for (column, spread), factor in zip(chosen, cycle(_FACTORS), strict=False):
        number = column.finite_sql if spread.has_odd else column.number_sql
        number = f"coalesce({number}, 0)" if spread.has_nulls or spread.has_odd else number
        # So large that neighbours land far apart, and so small that doubles have 23 bits left for the fraction.
        scale = 2.0**28 / power_of_two(max(abs(spread.low), abs(spread.high))) * factor
        terms.append(f"{number} * {scale:.17e}")
    if len(chosen) < 2 or thoroughly:
        # A text takes a real hash, which costs more than all the rest: where nothing else tells rows apart.
        for column in [column for column in columns if column.family is Family.STRING][: 2 if thoroughly else 1]:
            digits = f"('0x' || substr(md5(cast({identifier(column.name)} as varchar)), 1, 7))::bigint"
            terms.append(f"coalesce({digits}, 0) * {_FACTORS[-1] * (1 + len(terms)):.17e}")
    total = f"({' + '.join(terms or ['0.0'])})"
    again = f"(({total} - floor({total})) * 9.30161803398874989e3)"
    return f"({again} - floor({again}))"


def sketch(engine: Engine, relation: Relation, columns: Sequence[Measured], *, row_count: int) -> dict[str, Sketch]:
    """The first scan's facts by column name."""
    sketches: dict[str, Sketch] = {}
    for chunk in chunks(columns):
        row = engine.rows(first_scan_sql(relation, chunk))[0]
        # Few columns have values that are not finite: only these are asked for them, in another scan.
        odd = [index for index, column in enumerate(chunk) if column.may_be_infinite and _has_odd(row, index)]
        found = engine.rows(odd_values_sql(relation, [chunk[index] for index in odd]))[0] if odd else {}
        known = []
        for index in range(len(chunk)):
            facts = {name: row.get(f"{name}_{index}") for name in ("minimum", "maximum")}
            if index in odd:
                facts |= {name: found[f"{name}_{odd.index(index)}"] for name in _ODD_FACTS}
            known.append(facts)
        spreads = [
            Spread(
                low=facts["minimum"] or 0.0,
                high=facts["maximum"] or 0.0,
                has_nulls=row[f"present_{index}"] < row_count,
                has_odd=index in odd,
            )
            for index, facts in enumerate(known)
        ]
        samples = _sample(engine, relation, chunk, row_count, spreads)
        for index, column in enumerate(chunk):
            facts = known[index]
            sketches[column.name] = Sketch(
                row_count=row_count,
                present_count=row[f"present_{index}"],
                nan_count=facts.get("nan") or 0,
                positive_infinity_count=facts.get("positive") or 0,
                negative_infinity_count=facts.get("negative") or 0,
                minimum=facts["minimum"],
                maximum=facts["maximum"],
                distinct_estimate=row.get(f"estimate_{index}"),
                **samples[index],
            )
    return sketches


_ODD_FACTS = ("nan", "positive", "negative", "minimum", "maximum")


def _has_odd(row: Mapping[str, Any], index: int) -> bool:
    extremes = row[f"minimum_{index}"], row[f"maximum_{index}"]
    return row[f"present_{index}"] > 0 and not all(value is not None and math.isfinite(value) for value in extremes)


def _sample(
    engine: Engine,
    relation: Relation,
    columns: Sequence[Measured],
    row_count: int,
    spreads: Sequence[Spread],
) -> list[dict[str, Any]]:
    """Of each column what the sample tells, by the names of the sketch."""
    keep_one_in = max(1, round(row_count / SAMPLE_ROWS))
    names = list(_sample_values(columns))
    expected = row_count / keep_one_in
    for choice in ({}, {"thoroughly": True}, {"by_place": True}):
        query = sample_rows_sql(relation, columns, spreads=spreads, keep_one_in=keep_one_in, **choice)
        found = dict(zip(names, engine.number_columns(query), strict=True))
        # Six standard deviations off: equal rows came in clumps.
        if keep_one_in == 1 or abs(len(found["place"]) - expected) <= 6 * math.sqrt(expected):
            break
    return [_sample_facts(column, index, found) for index, column in enumerate(columns)]


def _sample_facts(column: Measured, index: int, found: Mapping[str, Counts]) -> dict[str, Any]:
    if not column.has_numbers:
        return {}
    numbers = rising(found[f"number_{index}"])
    facts: dict[str, Any] = {"sampled_count": len(numbers), "sampled_distinct": _distinct(numbers)}
    if len(numbers):
        places = [math.floor(level * (len(numbers) - 1)) for level in QUANTILE_LEVELS]
        facts["quantiles"] = tuple(numbers[places].tolist())
    if column.may_be_infinite:
        facts["sampled_count"] = int(found[f"present_{index}"].sum())
    if column.family is Family.STRING:
        facts["sampled_distinct"] = _distinct(rising(found[f"string_{index}"]))
        facts["mean_length"] = float(numbers.sum()) / max(1, len(numbers))
        facts["spaced_share"] = float(found[f"spaced_{index}"].sum()) / max(1, len(numbers))
    return facts


def _distinct(rising: Counts) -> int:
    return int(np.count_nonzero(rising[1:] != rising[:-1])) + 1 if len(rising) else 0
