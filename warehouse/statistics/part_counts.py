"""How many rows of each part of a relation lie in each cell of each column: one grouped scan for many columns.

A part is a value of one column (a segment) or a span of time (a period); see `coded.py`. Memory grows with parts and
cells, not with rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step, identifier
from warehouse.statistics.coded import Coding, Parts
from warehouse.statistics.distance import Counts
from warehouse.statistics.profile import COLUMNS_PER_SCAN

COUNTS_PER_SCAN = 400_000
"""About how many counts one scan gives at most: parts times codes of all its columns."""
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
    relation: Relation, parts: Parts, codings: Sequence[Coding], *, groups: Sequence[str] = ()
) -> Query:
    """One row per part: lists of `places` (code plus 1000 times the column's number) and their `row_counts`.

    With groups also lists of `squares` and `products` for each place, and the part's `group_squares` and `group_count`:
    sums over the groups of x squared, x n and n squared, x being a group's rows in the cell and n those in the part.
    Rows without a group are in none of these sums. Rows in no part are left out.
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
        Step("rows_read", f"select {', '.join(reads) or '1 as one'} from {relation.sql}"),
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


def part_counts(
    engine: Engine,
    relation: Relation,
    parts: Parts,
    codings: Sequence[Coding],
    *,
    groups: Sequence[str] = (),
    part_count: int = 1,
) -> PartCounts:
    """Counts of all parts; `part_count` says about how many there are, so that a scan's answer stays of bounded size.

    One scan for some 40 columns together. With groups each scan also counts groups times cells, out of core.
    """
    found: dict[str, dict[int, Counts]] = {coding.column.name: {} for coding in codings}
    effects: dict[str, dict[int, float]] = {coding.column.name: {} for coding in codings}
    for chunk in _chunks(codings, part_count):
        for row in engine.rows(part_counts_sql(relation, parts, chunk, groups=groups)):
            places = np.array(row["places"], dtype=np.int64)
            columns = places // _SPAN
            row_counts = np.array(row["row_counts"], dtype=np.float64)
            for index, coding in enumerate(chunk):
                mine = columns == index
                counts = np.zeros(coding.size)
                counts[places[mine] - index * _SPAN] = row_counts[mine]
                found[coding.column.name][row["part"]] = counts
                effect = 1.0
                if groups and row["group_count"]:
                    effect = _design_effect(
                        row_counts[mine],
                        np.array(row["squares"])[mine],
                        np.array(row["products"])[mine],
                        float(row["group_squares"]),
                        int(row["group_count"]),
                    )
                effects[coding.column.name][row["part"]] = effect
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


def _design_effect(x: Counts, squares: Counts, products: Counts, group_squares: float, group_count: int) -> float:
    """Mean over the cells of the shares' variance among groups, by that of independent rows (Rao and Scott 1981)."""
    if len(x) < 2 or group_count < 2:
        return 1.0
    shares = x / x.sum()
    spread = float(((squares - 2 * shares * products + shares**2 * group_squares) / x).sum())
    return max(1.0, spread / (len(x) - 1) * group_count / (group_count - 1))
