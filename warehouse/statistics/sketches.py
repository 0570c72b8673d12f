"""First scans of relations, kept while several comparisons share a side."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from warehouse.engine.base import Engine
from warehouse.sql import Relation
from warehouse.statistics.first_scan import sketch
from warehouse.statistics.kinds import family_of
from warehouse.statistics.profile import Measured, Sketch, row_count


class Sketches:
    """Scans each relation once, in all its columns but `skip`.

    So a relation's facts are the same whatever it is compared with, and however many comparisons there are.
    """

    def __init__(self, engine: Engine, *, skip: Collection[str] = ()) -> None:
        self._engine = engine
        self._skip = frozenset(skip)
        self._row_counts: dict[Relation, int] = {}
        self._found: dict[Relation, dict[Measured, Sketch]] = {}

    def row_count(self, relation: Relation) -> int:
        """How many rows the relation has."""
        if relation not in self._row_counts:
            self._row_counts[relation] = row_count(self._engine, relation)
        return self._row_counts[relation]

    def of(self, relation: Relation, columns: Sequence[Measured]) -> dict[str, Sketch]:
        """The first scan's facts by column name."""
        rows = self.row_count(relation)
        if relation not in self._found:
            measured = [
                Measured(column.name, family_of(column.type))
                for column in self._engine.columns(relation)
                if column.name not in self._skip
            ]
            found = sketch(self._engine, relation, measured, row_count=rows)
            self._found[relation] = {column: found[column.name] for column in measured}
        known = self._found[relation]
        # A column whose type differs on the other side is read in the family that both have in common.
        missing = [column for column in columns if column not in known]
        known |= _by_column(missing, sketch(self._engine, relation, missing, row_count=rows)) if missing else {}
        return {column.name: known[column] for column in columns}


def _by_column(columns: Sequence[Measured], found: dict[str, Sketch]) -> dict[Measured, Sketch]:
    return {column: found[column.name] for column in columns}
