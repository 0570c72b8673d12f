"""How many rows of each part of a relation lie in each cell of each column: one grouped scan for many columns.

A part is a value of one column (a segment) or a span of time (a period); see `coded.py`. Memory grows with parts and
cells, not with rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step, identifier
from warehouse.statistics.coded import Coding, Parts
from warehouse.statistics.distance import Counts
from warehouse.statistics.group_slices import slice_count, slices_sql
from warehouse.statistics.profile import COLUMNS_PER_SCAN

COUNTS_PER_SCAN = 400_000
"""About how many counts one scan gives at most: parts times codes of all its columns."""
VALUES_AT_ONCE = 200_000_000
"""Rows times columns; of more, groups are asked in slices: a statement may hold a row per group and cell for each."""
_SPAN = 1000
"""Codes of column i lie from i times this on, so that one number says both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartCounts:
    """Counts of every part: row i of each array is of `parts[i]`."""

    parts: tuple[int, ...]
    """Numbers of the parts that have rows, rising."""
    counts: Mapping[str, Counts]
    """By column: one row per part, one column per code."""
    design_effects: Mapping[str, Counts]
    """By column: how many of the part's rows count as one independent row, at least 1; see `clusters.py`."""


def part_counts_sql(
    relation: Relation,
    parts: Parts,
    codings: Sequence[Coding],
    *,
    groups: Sequence[str] = (),
    within: str = "true",
) -> Query:
    """One row per part: lists of `places` (code plus 1000 times the column's number) and their `row_counts`.

    With groups also lists of `squares` and `products` for each place, and the part's `group_squares` and `group_count`:
    sums over the groups of x squared, x n and n squared, x being a group's rows in the cell and n those in the part.
    Rows without a group are in none of these sums. Rows in no part are left out. `within` is a condition on the
    groups: those that are asked.
    """
    reads = [*parts.read_sql(), *(sql for coding in codings for sql in coding.read_sql())]
    reads += [f"{identifier(group)} as group_{index}" for index, group in enumerate(groups)]
    keys = [f"group_{index}" for index in range(len(groups))]
    codes = [f"{coding.code_sql()} as cell_{index}" for index, coding in enumerate(codings)]
    parameters = dict(parts.parameters())
    for coding in codings:
        parameters |= coding.parameters()
    by = ", ".join(["part", *keys])
    sets = [f"({by}, cell_{index})" for index in range(len(codings))] + ([f"({by})"] if groups else [])
    place = ", ".join(f"cell_{index} + {index * _SPAN}" for index in range(len(codings)))
    steps = [
        Step("rows_read", f"select {', '.join(reads) or '1 as one'} from {relation.sql} where {within}"),
        Step(
            "rows_coded",
            f"select {', '.join([f'{parts.code_sql()} as part', *keys, *codes])} from rows_read",
        ),
        Step(
            "rows_in_cells",
            f"select {by}, coalesce({place}, null) as place, count(*) as x "
            f"from rows_coded where part is not null group by grouping sets ({', '.join(sets)})",
        ),
    ]
    if not groups:
        lists = _lists("rows_in_cells", row_counts="x")
        return Query.of(*steps, Step("part_counts", lists), **parameters)
    present = " and ".join(f"{key} is not null" for key in keys)
    return Query.of(
        *steps,
        Step("groups", f"select {by}, cast(x as double) as n from rows_in_cells where place is null and {present}"),
        Step(
            "parts_in_groups",
            "select part, sum(n * n) as group_squares, count(*) as group_count from groups group by 1",
        ),
        Step(
            "cell_sums",
            f"""
            select
                part,
                place,
                cast(sum(x) as bigint) as row_count,
                coalesce(sum(cast(x as double) * x) filter (n is not null), 0) as squares,
                coalesce(sum(n * x), 0) as products,
            from rows_in_cells left join groups using ({by})
            where place is not null
            group by part, place
            """,
        ),
        Step("part_lists", _lists("cell_sums", row_counts="row_count", squares="squares", products="products")),
        Step(
            "part_counts",
            "select part_lists.*, group_squares, group_count from part_lists "
            "left join parts_in_groups on part_lists.part = parts_in_groups.part order by part_lists.part",
        ),
        **parameters,
    )


def _lists(step: str, **columns: str) -> str:
    found = ", ".join(f"list({column} order by place) as {name}" for name, column in columns.items())
    return f"select part, list(place order by place) as places, {found} from {step} group by part order by part"


@dataclass(slots=True)
class _PartSums:
    """What is known of one part; what other groups have is added. Arrays have one place per code, column by column."""

    row_counts: Counts
    squares: Counts
    products: Counts
    group_squares: float = 0.0
    group_count: int = 0


@dataclass(frozen=True)
class _Chunk:
    """Columns that one statement asks, and what it has found."""

    codings: Sequence[Coding]
    sums: dict[int, _PartSums] = field(default_factory=dict)
    """By part."""

    @cached_property
    def starts(self) -> Counts:
        """Where each column's codes begin, and where the last's end."""
        return np.cumsum([0, *(coding.size for coding in self.codings)])

    def add(self, row: Mapping[str, Any]) -> None:
        """Adds a row of `part_counts_sql`."""
        if row["part"] not in self.sums:
            self.sums[row["part"]] = _PartSums(*np.zeros((3, self.starts[-1])))
        mine = self.sums[row["part"]]
        columns, codes = np.divmod(np.array(row["places"], dtype=np.int64), _SPAN)
        at = self.starts[columns] + codes
        mine.row_counts[at] += np.array(row["row_counts"], dtype=np.float64)
        if "squares" in row:
            mine.squares[at] += np.array(row["squares"], dtype=np.float64)
            mine.products[at] += np.array(row["products"], dtype=np.float64)
            mine.group_squares += float(row["group_squares"] or 0)
            mine.group_count += int(row["group_count"] or 0)


def part_counts(
    engine: Engine,
    relation: Relation,
    parts: Parts,
    codings: Sequence[Coding],
    *,
    groups: Sequence[str] = (),
    part_count: int = 1,
    row_count: int = 0,
) -> PartCounts:
    """Counts of all parts; `part_count` says about how many there are, so that a scan's answer stays of bounded size.

    One scan for some 40 columns together. With groups each scan also counts groups times cells, out of core, and of
    many rows (`row_count` says how many the relation has) some groups after the others.
    """
    found: dict[str, dict[int, Counts]] = {}
    effects: dict[str, dict[int, float]] = {}
    for chunk in map(_Chunk, _chunks(codings, part_count)):
        values = row_count * len(chunk.codings) if groups else 0
        slices = slice_count(engine, row_count=values, rows_at_once=VALUES_AT_ONCE)
        for within in slices_sql([identifier(group) for group in groups], slices):
            for row in engine.rows(part_counts_sql(relation, parts, chunk.codings, groups=groups, within=within)):
                chunk.add(row)
        for coding, start in zip(chunk.codings, chunk.starts, strict=False):
            mine = slice(start, start + coding.size)
            name = coding.column.name
            found[name] = {part: sums.row_counts[mine] for part, sums in chunk.sums.items()}
            effects[name] = {part: _design_effect(sums, mine) for part, sums in chunk.sums.items()}
    numbers = tuple(sorted({part for counted in found.values() for part in counted}))
    return PartCounts(
        parts=numbers,
        counts={
            coding.column.name: np.array([found[coding.column.name][part] for part in numbers]).reshape(-1, coding.size)
            for coding in codings
        },
        design_effects={name: np.array([by_part[part] for part in numbers]) for name, by_part in effects.items()},
    )


def _chunks(codings: Sequence[Coding], part_count: int) -> list[list[Coding]]:
    most = COUNTS_PER_SCAN / max(1, part_count)
    found: list[list[Coding]] = []
    codes = 0
    for coding in codings:
        if not found or len(found[-1]) == COLUMNS_PER_SCAN or codes + coding.size > most:
            found.append([])
            codes = 0
        found[-1].append(coding)
        codes += coding.size
    return found


def _design_effect(sums: _PartSums, codes: slice) -> float:
    """Mean over the cells of the shares' variance among groups, by that of independent rows (Rao and Scott 1981)."""
    cells = np.flatnonzero(sums.row_counts[codes]) + codes.start
    if len(cells) < 2 or sums.group_count < 2:
        return 1.0
    x = sums.row_counts[cells]
    shares = x / x.sum()
    squares, products = sums.squares[cells], sums.products[cells]
    spread = float(((squares - 2 * shares * products + shares**2 * sums.group_squares) / x).sum())
    return max(1.0, spread / (len(x) - 1) * sums.group_count / (sums.group_count - 1))
