"""Things counted within rows (characters, words), with how much they say: what stands in one row hangs together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from warehouse.engine.base import Engine
from warehouse.sql import Query, Step
from warehouse.statistics.distance import Counts

EXPECTED_ITEMS = 5
"""A cell expects at least so many independent items on either side (Cochran 1954)."""
RARE = "all others"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many items of one side fall into each cell."""

    counts: Mapping[str, float]
    design_effect: float = 1.0
    """How many items count as one independent item, at least 1."""

    @property
    def total(self) -> float:
        """All items."""
        return float(sum(self.counts.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonCells:
    """Two tallies on the same cells, none of them too rare."""

    labels: tuple[str, ...]
    left: Counts
    right: Counts
    left_design_effect: float
    right_design_effect: float

    @property
    def independent_counts(self) -> tuple[Counts, Counts]:
        """The counts, in independent items."""
        return self.left / self.left_design_effect, self.right / self.right_design_effect


def tally_sql(table: str, cell: str) -> Query:
    """One row per cell: `cell`, `item_count`, over the clusters the sums of x squared and of x n; those of n squared.

    x is a cluster's items in the cell, n its items in all; the table has `cluster`, the cell's column, `item_count`.
    """
    return Query.of(
        Step(
            "clusters_in_cells",
            f"select cluster, {cell} as cell, sum(item_count) as x from {table} where {cell} is not null "
            f"group by cluster, {cell}",
        ),
        Step("clusters", "select cluster, sum(x) as n from clusters_in_cells group by cluster"),
        Step(
            "items_per_cell",
            """
            select
                cell,
                cast(sum(x) as double) as item_count,
                cast(sum(x * x) as double) as squares,
                cast(sum(x * n) as double) as products,
                (select cast(sum(n * n) as double) from clusters) as cluster_squares,
                (select count(*) from clusters) as cluster_count,
            from clusters_in_cells join clusters using (cluster)
            group by cell order by cell
            """,
        ),
    )


def tally(engine: Engine, table: str, cell: str) -> Tally:
    """The items of a table per value of its column `cell`, those where it is null left out.

    The design effect is the mean, over the cells, of the variance of a cell's share that the clusters show, in units of
    the one that independent items would have. Source: Rao and Scott (1981), the first-order correction.
    """
    rows = engine.rows(tally_sql(table, cell))
    return Tally(counts={row["cell"]: row["item_count"] for row in rows}, design_effect=_design_effect(rows))


def _design_effect(rows: Sequence[Mapping[str, Any]]) -> float:
    clusters = rows[0]["cluster_count"] if rows else 0
    total = sum(row["item_count"] for row in rows)
    if len(rows) < 2 or clusters < 2:
        return max(1.0, total / clusters) if clusters else 1.0
    spread = 0.0
    for row in rows:
        share = row["item_count"] / total
        squares = row["squares"] - 2 * share * row["products"] + share * share * row["cluster_squares"]
        spread += squares / (total * share)
    return max(1.0, float(spread / (len(rows) - 1) * clusters / (clusters - 1)))


def common_cells(left: Tally, right: Tally, *, order: Sequence[str] = ()) -> CommonCells:
    """Both tallies on the cells that either has, in this order (else the most frequent first), rare ones merged.

    Cells are merged by what both sides have together, which a swap of items between the sides leaves as it is.
    """
    known = {*left.counts, *right.counts}

    def both(label: str) -> float:
        return left.counts.get(label, 0) + right.counts.get(label, 0)

    labels = [label for label in order if label in known]
    labels += sorted(known.difference(labels), key=lambda label: (-both(label), label))
    fewest = min(left.total / left.design_effect, right.total / right.design_effect)
    scale = fewest / max(1.0, left.total + right.total)
    kept = [label for label in labels if both(label) * scale >= EXPECTED_ITEMS]
    rare = [label for label in labels if 0 < both(label) * scale < EXPECTED_ITEMS]
    groups = [[label] for label in kept]
    if rare and (sum(map(both, rare)) * scale >= EXPECTED_ITEMS or not kept):
        groups.append(rare)
    elif rare:
        min(groups, key=lambda group: both(group[0])).extend(rare)
    return CommonCells(
        labels=tuple(group[0] if group[0] in kept or len(group) == 1 else RARE for group in groups),
        left=np.array([sum(left.counts.get(label, 0) for label in group) for group in groups], dtype=np.float64),
        right=np.array([sum(right.counts.get(label, 0) for label in group) for group in groups], dtype=np.float64),
        left_design_effect=left.design_effect,
        right_design_effect=right.design_effect,
    )
