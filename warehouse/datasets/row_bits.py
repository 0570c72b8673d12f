"""Sets of a table's rows as bits, in blocks of rows, each in a variable of the session.

An expression may ask a variable, and a scan can then skip what it need not read. But DuckDB copies a constant for every
vector of 2,048 rows that it is asked of: bits of all rows in one variable would cost rows times rows. Bits of a block
cost the same however many blocks there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step, identifier, literal

BLOCK_ROWS = 1 << 19
"""Rows of a block, a power of two: 64 KiB of bits are copied in a tenth of the time that their rows take."""
MOST_BLOCKS = 8192
"""Beyond, blocks grow, so that expressions do not."""
STRETCH_BLOCKS = 256
"""Blocks whose bits are made at once: 16 MiB of bits for each set of rows."""


class RowConditions(Protocol):
    """Sets of a table's rows, each by a name, that an expression may ask."""

    def is_in_sql(self, name: str, /) -> str:
        """Whether a row of the table is in the set, as a condition; NULL or false for not."""
        ...

    def first_of_sql(self, terms: Mapping[str, str], /) -> str:
        """The term of the first of these sets that has a row of the table, as an expression; NULL for none."""
        ...


class RowSets(RowConditions, Protocol):
    """Sets of a table's rows that the engine's session keeps; rows are told by their numbers.

    Those that were kept by now are asked of what `marked` gives.
    """

    def keep(self, engine: Engine, rows: Query, sets: Mapping[str, str], *, by: str) -> dict[str, int]:
        """Keeps rows in sets, and tells how many each has.

        Args:
            engine: Whose session it is.
            rows: One row per row to keep: `row_number`, and the column `by`.
            sets: Name of the set, by the value of that column.
            by: The column that tells a row's set.
        """
        ...

    def common_sql(self, left: str, right: str) -> Query:
        """One row: `row_count`, rows that both sets have."""
        ...

    def marked(self, relation: Relation) -> Relation:
        """The table with whatever it takes to ask which sets have a row."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RowBlocks:
    """The blocks of a table whose row numbers lie in a range. A row is an expression that gives its number."""

    first_row: int
    last_row: int

    @property
    def size(self) -> int:
        """Rows of a block, a power of two."""
        size, row_count = BLOCK_ROWS, self.last_row - self.first_row + 1
        while size * MOST_BLOCKS < row_count:
            size *= 2
        return size

    @property
    def count(self) -> int:
        """How many there are."""
        return (self.last_row - self.first_row) // self.size + 1

    @property
    def stretches(self) -> tuple[tuple[int, int], ...]:
        """The first and the last block of every stretch, so that no statement holds the bits of all rows in memory."""
        starts = range(0, self.count, STRETCH_BLOCKS)
        return tuple((start, min(start + STRETCH_BLOCKS, self.count) - 1) for start in starts)

    def only(self, stretch: tuple[int, int]) -> RowBlocks:
        """The same blocks, for expressions that are asked of rows of this stretch alone."""
        return _Stretch(first_row=self.first_row, last_row=self.last_row, first_block=stretch[0], last_block=stretch[1])

    def within_sql(self, stretch: tuple[int, int], row: str) -> str:
        """Whether a row lies in these blocks, as a condition by which a scan skips the others."""
        first, last = stretch
        start = self.first_row + first * self.size
        return f"{row} >= {start} and {row} < {self.first_row + (last + 1) * self.size}"

    def block_sql(self, row: str) -> str:
        """The number of a row's block, from 0."""
        return f"(({row} - {self.first_row}) >> {self.size.bit_length() - 1})::integer"

    def bits_sql(self, row: str) -> str:
        """The bits of the rows of one block, as an aggregate; NULL of no rows."""
        last = min(self.size - 1, self.last_row - self.first_row)
        return f"bitstring_agg({self._place_sql(row)}, 0, {last})"

    def is_in_sql(self, variable: str, row: str = "rowid") -> str:
        """Whether a row is in the set that was loaded into this variable, as a condition; NULL for not."""
        return f"{self._of_block_sql(lambda block: self._bit_sql(variable, row, block), row)} = 1"

    def first_of_sql(self, terms: Mapping[str, str], row: str = "rowid") -> str:
        """The term of the first set, by its variable, that has a row, as an expression; NULL for none.

        All are asked in the row's block, since to find that takes most of the time.
        """

        def first_in(block: int) -> str:
            return first_of_sql({f"{self._bit_sql(name, row, block)} = 1": term for name, term in terms.items()})

        return self._of_block_sql(first_in, row)

    @property
    def _asked(self) -> tuple[int, int]:
        """The first block that expressions ask, and the one behind the last."""
        return 0, self.count

    def _bit_sql(self, variable: str, row: str, block: int) -> str:
        start = self.first_row + block * self.size
        return f"get_bit({self.variable_sql(variable, block)}, ({row} - {start})::integer)"

    def _of_block_sql(self, term: Callable[[int], str], row: str) -> str:
        """The term of a row's block, found by halves."""

        def among(first: int, end: int) -> str:
            if end - first == 1:
                return term(first)
            middle = (first + end) // 2
            bound = self.first_row + middle * self.size
            return f"case when {row} < {bound} then {among(first, middle)} else {among(middle, end)} end"

        return among(*self._asked)

    def _place_sql(self, row: str) -> str:
        return f"(({row} - {self.first_row}) & {self.size - 1})::integer"

    def variable_sql(self, variable: str, block: int) -> str:
        """The loaded bits of one block."""
        return f"getvariable({literal(f'{variable}_{block}')})::bit"

    def keep(self, engine: Engine, rows: Query, sets: Mapping[str, str], *, by: str) -> dict[str, int]:
        """Puts rows into sets that are variables of the session, and tells how many each has."""
        terms = f"{by}, {self.block_sql('row_number')} as block, count(*) as row_count, {self.bits_sql('row_number')}"
        kept = Step(_KEPT, f"select {terms} as bits from {rows.name} group by {by}, block")
        engine.rows(Query((*rows.steps, kept), rows.parameters).kept_as(_KEPT))
        per_set = f"select {by}, sum(row_count) as row_count from temp.{_KEPT} group by {by}"
        counts = {row[by]: int(row["row_count"]) for row in engine.rows(Query.of(Step("rows_per_set", per_set)))}
        for value, variable in sets.items():
            self.load(engine, variable, table=_KEPT, bits="bits", condition=f"{by} = {literal(value)}")
        engine.rows(Query.of(Step("drop_bits", f"drop table temp.{_KEPT}")))
        return {value: counts.get(value, 0) for value in sets}

    def common_sql(self, left: str, right: str) -> Query:
        """One row: `row_count`, rows that both sets have."""
        counts = []
        for block in range(self.count):
            bits = " & ".join(self.variable_sql(variable, block) for variable in (left, right))
            counts.append(f"coalesce(bit_count({bits}), 0)")
        return Query.of(Step("common_rows", f"select {' + '.join(counts)} as row_count"))

    def marked(self, relation: Relation) -> Relation:
        """The table itself: variables can be asked from everywhere."""
        return relation

    def load(
        self,
        engine: Engine,
        variable: str,
        *,
        table: str,
        bits: str,
        condition: str = "true",
        stretch: tuple[int, int] | None = None,
    ) -> None:
        """Puts bits of a table of the session into the variable, for `is_in_sql`.

        Args:
            engine: Whose session it is.
            variable: Its name.
            table: Has a column `block`, and one row at most per block that satisfies the condition.
            bits: The column with the bits; NULL or no row for a block that has none.
            condition: Rows of the table to take them from.
            stretch: The first and the last block that are loaded; all when left out.
        """
        first, last = stretch or (0, self.count - 1)
        for block in range(first, last + 1):
            name = identifier(f"{variable}_{block}")
            found = f"(select {bits} from temp.{identifier(table)} where block = {block} and {condition})"
            engine.rows(Query.of(Step("load_bits", f"set variable {name} = {found}")))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch(RowBlocks):
    first_block: int
    last_block: int

    @property
    def _asked(self) -> tuple[int, int]:
        return self.first_block, self.last_block + 1


def first_of_sql(terms: Mapping[str, str]) -> str:
    """The term of the first condition that holds, as an expression; NULL when none does."""
    return f"case {' '.join(f'when {condition} then {term}' for condition, term in terms.items())} end"


_KEPT = "kept_bits"
