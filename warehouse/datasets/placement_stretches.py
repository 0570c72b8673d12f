"""A placement of more rows than one stretch has, asked stretch by stretch, so that memory does not grow with the rows.

Every thread keeps whatever bits it was asked of until its part of the statement ends. So a table of several stretches
is read as the union of them, each with the answers from its own bits alone as columns: DuckDB reads one after the other
and lets go of the bits between. The rows stand in the table's order still.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from warehouse.datasets.placement import Part, Placement
from warehouse.datasets.row_bits import RowBlocks
from warehouse.sql import Relation, identifier

_PLACE, _FOLD = identifier("ml-warehouse: place"), identifier("ml-warehouse: fold")


@dataclass(frozen=True, slots=True, kw_only=True)
class StretchedPlacement(Placement):
    """A placement whose answers are columns of the relation that `in_stretches` gives."""

    def holds_sql(self, split: str) -> str:
        """As of any placement."""
        return _holds(split)

    def holds_part_sql(self, part: Part) -> str:
        """As of any placement."""
        return _holds_part(part) if part in self.train_parts else _holds(part.split)

    @property
    def fold_sql(self) -> str:
        """As of any placement."""
        return _FOLD

    @property
    def place_sql(self) -> str:
        """As of any placement."""
        return _PLACE


def stretches_of(relation: Relation, placement: Placement, blocks: RowBlocks) -> tuple[tuple[Relation, Placement], ...]:
    """The table's rows in stretches, each with the placement to ask there; the table itself while they are one."""
    if len(blocks.stretches) == 1:
        return ((relation, placement),)
    return tuple(
        (
            Relation(
                f"(select rowid, * from {relation.sql} where {blocks.within_sql(stretch, 'rowid')})", relation.name
            ),
            replace(placement, sets=blocks.only(stretch)),
        )
        for stretch in blocks.stretches
    )


def in_stretches(relation: Relation, placement: Placement, blocks: RowBlocks) -> tuple[Relation, Placement]:
    """What to ask the placement of, and how: the table and the same placement while its rows are one stretch.

    Otherwise the union of its stretches: all columns of the table, its row numbers as `rowid`, and columns with the
    answers, which cost nothing where they are not asked. A condition on rows does not spare the answers of the others;
    where that matters, ask each of `stretches_of`.
    """
    stretches = stretches_of(relation, placement, blocks)
    if len(stretches) == 1:
        return relation, placement
    branches = []
    for rows, here in stretches:
        answers = {_PLACE: here.place_sql}
        answers |= {_holds(split): here.holds_sql(split) for split in placement.row_counts}
        answers |= {_holds_part(part): here.holds_part_sql(part) for part in placement.train_parts}
        if placement.fold_bits:
            answers[_FOLD] = here.fold_sql
        terms = ", ".join(f"{answer} as {name}" for name, answer in answers.items())
        branches.append(f"select *, {terms} from {rows.sql}")
    asked = StretchedPlacement(
        row_counts=placement.row_counts,
        dropped=placement.dropped,
        sets=placement.sets,
        train_parts=placement.train_parts,
        fold_bits=placement.fold_bits,
        findings=placement.findings,
    )
    return Relation(f"({' union all '.join(branches)})", relation.name), asked


def _holds(split: str) -> str:
    return identifier(f"ml-warehouse: in {split}")


def _holds_part(part: Part) -> str:
    return identifier(f"ml-warehouse: in part {part.subset}")
