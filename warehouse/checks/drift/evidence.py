"""A column's facts on the cells that its rows can bear, once it is known how they come in groups."""

from __future__ import annotations

from collections.abc import Sequence

from warehouse.checks.drift.effects import Evidence
from warehouse.engine.base import Engine
from warehouse.sql import Relation
from warehouse.statistics.cells import distribution_cells
from warehouse.statistics.clusters import INDEPENDENT, clustering
from warehouse.statistics.kinds import Kind
from warehouse.statistics.pair import ColumnPair
from warehouse.statistics.profile import Measured


def gather_evidence(
    engine: Engine, left: Relation, right: Relation, pair: ColumnPair, groups: Sequence[str]
) -> Evidence:
    """The evidence of one column; with groups, one or two scans of it per side."""
    cells = distribution_cells(pair)
    if not groups or not cells:
        return Evidence(pair=pair, cells=cells, left=INDEPENDENT, right=INDEPENDENT)
    column = Measured(pair.name, pair.family)
    clusterings = [
        clustering(
            engine,
            relation,
            column,
            cells,
            groups,
            row_count=side.row_count,
            with_lone_values=pair.kind is Kind.CATEGORY,
        )
        for relation, side in ((left, pair.left), (right, pair.right))
    ]
    weights = [side.design_effect for side in clusterings]
    return Evidence(
        pair=pair,
        cells=distribution_cells(pair, left_weight=weights[0], right_weight=weights[1]),
        left=clusterings[0],
        right=clusterings[1],
    )
