"""Errors counted by every cell of one feature and of two, over all rows.

The rows of both sets, where slices are looked for and where they are verified, are read once into tables of one byte
per row and feature. Cubes over three features at a time then give every pair: three columns of four bits are what
DuckDB counts by without hashing, and 20 features have 190 pairs in some 75 cubes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from warehouse.checks.diagnosis.joined import JoinedRows, key_hash_sql
from warehouse.checks.diagnosis.slice_cells import CODES, Cells
from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step, identifier
from warehouse.statistics.excess import Numbers, Sums
from warehouse.statistics.session_tables import SessionTables


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSet:
    """Rows that slices are looked for in, or verified in."""

    name: str
    """`dev`, `other half of dev`."""
    table: str
    """Quoted; of each row `k` and `g` as joined, `loss` in the slices' metric, `c<i>`, its cell of the i-th feature."""
    whole: Sums
    """Of all its rows."""
    is_rate: bool
    """Whether every loss is 0 or 1."""
    clusters: Clusters | None
    """None when rows are independent."""

    @property
    def row_count(self) -> int:
        """How many it has."""
        return int(self.whole.count[0])

    @property
    def mean(self) -> float:
        """The error of all its rows."""
        return float(self.whole.mean[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Clusters:
    """The clusters of a set's rows."""

    table: str
    """Quoted; one row per cluster: `g`, its rows `n` and the sum of their losses `s`."""
    count: int
    row_squares: float
    """Sum of squares of `n`."""
    products: float
    """Sum of `n` times `s`."""
    loss_squares: float
    """Sum of squares of `s`."""


def cells_sql(
    rows: JoinedRows,
    splits: Mapping[str, Relation],
    features: Sequence[Cells],
    key: Sequence[str],
    *,
    split: str,
    loss: str,
    used: Collection[int] | None = None,
    condition: str = "true",
) -> Query:
    """One row per judged row of a split: `k`, `g`, `loss`, `c0`, `c1`..., the number of its cell of each feature.

    Args:
        rows: joined rows.
        splits: the rows that have features.
        features: what to cut by.
        key: the dataset's key.
        split: the one to read.
        loss: an expression over a joined row.
        used: the features that are asked about, by their places, others have no column; None: all.
        condition: over a joined row; others are left out.
    """
    values = ", ".join(
        f"{cells.part.sql} as v{i}, {identifier(cells.part.column)} is null as m{i}"
        for i, cells in enumerate(features)
        if used is None or i in used
    )
    codes = ", ".join(
        f"{cells.code_sql(f'v{i}', f'm{i}')} as c{i}" for i, cells in enumerate(features) if used is None or i in used
    )
    return Query.of(
        Step("feature_values", f"select {key_hash_sql(key)} as k, {values} from {splits[split].sql}"),
        Step("judged_rows", f"select k, g, ({loss})::double as loss from {rows.relation.sql} where s = $place"),
        Step("chosen_rows", f"select k, g, loss from judged_rows where {condition}"),
        Step("cells", f"select k, g, loss, {codes} from feature_values join chosen_rows using (k)"),
        place=rows.splits.index(split),
    )


def read_set(engine: Engine, tables: SessionTables, query: Query, *, key: str, name: str, is_clustered: bool) -> RowSet:
    """The rows of `cells_sql` as a set.

    Args:
        engine: runs the queries.
        tables: keeps the rows.
        query: the rows.
        key: tells its tables from those of other sets.
        name: what people call it.
        is_clustered: whether rows with the same `g` vary together.
    """
    table = tables.create(key, query)
    (found,) = engine.rows(
        Query.of(
            Step(
                "set_sums",
                f"""
                select
                    count(*) as row_count,
                    coalesce(sum(loss), 0) as loss,
                    coalesce(sum(loss * loss), 0) as squares,
                    coalesce(bool_and(loss in (0, 1)), true) as is_rate,
                from {table}
                """,
            )
        )
    )
    return RowSet(
        name=name,
        table=table,
        whole=Sums.of(found["row_count"], found["loss"], found["squares"]),
        is_rate=found["is_rate"],
        clusters=_clusters(engine, tables, table, key) if is_clustered else None,
    )


def _clusters(engine: Engine, tables: SessionTables, table: str, key: str) -> Clusters:
    totals = tables.create(
        f"{key}_clusters",
        Query.of(Step("clusters", f"select g, count(*)::double as n, sum(loss) as s from {table} group by g")),
    )
    facts = "count(*) as clusters, sum(n * n) as nn, sum(n * s) as ns, sum(s * s) as ss"
    (found,) = engine.rows(Query.of(Step("cluster_facts", f"select {facts} from {totals}")))
    return Clusters(
        table=totals,
        count=found["clusters"],
        row_squares=found["nn"] or 0.0,
        products=found["ns"] or 0.0,
        loss_squares=found["ss"] or 0.0,
    )


def cube_sql(table: str, features: Sequence[int]) -> Query:
    """One row per combination of these features' cells that has rows, all doubles: cells, rows, losses, squares."""
    listed = ", ".join(f"c{feature}" for feature in features)
    cells = ", ".join(f"c{feature}::double as c{feature}" for feature in features)
    sums = "count(*)::double as row_count, sum(loss) as loss, sum(loss * loss) as squares"
    return Query.of(
        Step("counted", f"select {listed}, {sums} from {table} group by {listed}"),
        Step("cube", f"select {cells}, row_count, loss, squares from counted"),
    )


def read_pairs(engine: Engine, rows: RowSet, features: Sequence[int]) -> dict[tuple[int, int], Sums]:
    """The sums of each pair of these features, by cells: the j-th of a and k-th of b at j * `CODES` + k."""
    found: dict[tuple[int, int], Sums] = {}
    for triple in covering_triples(features):
        *cells, counts, losses, squares = engine.number_columns(cube_sql(rows.table, triple))
        codes = dict(zip(triple, (each.astype(np.int64) for each in cells), strict=True))
        for a, b in combinations(triple, 2):
            if (a, b) not in found:
                flat = codes[a] * CODES + codes[b]
                found[a, b] = _added(flat, counts, losses, squares, size=CODES * CODES)
    return found


def read_singles(engine: Engine, rows: RowSet, features: Sequence[int]) -> dict[int, Sums]:
    """The sums of each of these features, by cells."""
    found: dict[int, Sums] = {}
    for start in range(0, len(features), 3):
        group = features[start : start + 3]
        *cells, counts, losses, squares = engine.number_columns(cube_sql(rows.table, group))
        for feature, codes in zip(group, cells, strict=True):
            found[feature] = _added(codes.astype(np.int64), counts, losses, squares, size=CODES)
    return found


def _added(places: npt.NDArray[np.int64], *values: Numbers, size: int) -> Sums:
    return Sums(*(np.bincount(places, each, minlength=size).astype(np.float64) for each in values))


def covering_triples(features: Sequence[int]) -> list[tuple[int, ...]]:
    """Few triples, ascending, that hold every pair of these features; of two features they are one pair."""
    left = set(combinations(sorted(features), 2))
    triples: list[tuple[int, ...]] = []

    def gain(pair: tuple[int, int], third: int) -> int:
        return sum(tuple(sorted((third, each))) in left for each in pair)

    while left:
        pair = min(left)
        thirds = [feature for feature in features if feature not in pair]
        third = max(thirds, key=lambda each: gain(pair, each), default=None)
        triple = tuple(sorted((*pair, third))) if third is not None else pair
        triples.append(triple)
        left -= set(combinations(triple, 2))
    return triples
