"""Sets of a table's rows as tables of the session, for engines without variables: whoever asks them joins them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from warehouse.datasets.row_bits import first_of_sql
from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step, identifier, literal


@dataclass(frozen=True, slots=True, kw_only=True)
class _Set:
    table: str
    """Quoted."""
    condition: str
    """Which of its rows are of the set."""


class RowMarks:
    """Sets of rows whose numbers are a column `rowid`, all the same at every read."""

    def __init__(self) -> None:
        self._sets: dict[str, _Set] = {}

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables of the session that hold them, quoted."""
        return tuple(dict.fromkeys(kept.table for kept in self._sets.values()))

    def keep(self, engine: Engine, rows: Query, sets: Mapping[str, str], *, by: str) -> dict[str, int]:
        """Writes these rows into a table, and tells how many each set has."""
        table = identifier(f"row_marks_{len(self.tables)}")
        engine.rows(rows.kept_as(table))
        per_set = f"select {by}, count(*) as row_count from temp.{table} group by {by}"
        counts = {row[by]: int(row["row_count"]) for row in engine.rows(Query.of(Step("rows_per_set", per_set)))}
        for value, name in sets.items():
            self._sets[name] = _Set(table=table, condition=f"{by} = {literal(value)}")
        return {value: counts.get(value, 0) for value in sets}

    def is_in_sql(self, name: str, /) -> str:
        """Whether a row of what `marked` gives is in the set, as a condition; false for not, and of unknown sets."""
        return f"coalesce({_column(name)} = 1, false)" if name in self._sets else "false"

    def first_of_sql(self, terms: Mapping[str, str], /) -> str:
        """The term of the first of these sets that has a row of what `marked` gives; NULL for none."""
        return first_of_sql({self.is_in_sql(name): term for name, term in terms.items()})

    def common_sql(self, left: str, right: str) -> Query:
        """One row: `row_count`, rows that both sets have."""
        first, second = self._sets[left], self._sets[right]
        return Query.of(
            Step("left_rows", f"select row_number from temp.{first.table} where {first.condition}"),
            Step("right_rows", f"select row_number from temp.{second.table} where {second.condition}"),
            Step(
                "common_rows",
                """
                select count(*) as row_count
                from left_rows
                join right_rows on left_rows.row_number = right_rows.row_number
                """,
            ),
        )

    def marked(self, relation: Relation) -> Relation:
        """The table with a column for each set."""
        terms, joins = ["rows_to_mark.*"], []
        for place, table in enumerate(self.tables):
            names = [name for name, kept in self._sets.items() if kept.table == table]
            marks = [f"max(case when {self._sets[name].condition} then 1 end) as {_column(name)}" for name in names]
            grouped = f"select row_number, {', '.join(marks)} from temp.{table} group by row_number"
            terms += [f"marks_{place}.{_column(name)}" for name in names]
            joins.append(f"left join ({grouped}) as marks_{place} on rows_to_mark.rowid = marks_{place}.row_number")
        if not joins:
            return relation
        sql = f"(select {', '.join(terms)} from {relation.sql} as rows_to_mark {' '.join(joins)})"
        return Relation(sql, relation.name)


def _column(name: str) -> str:
    return identifier(f"is in {name}")
