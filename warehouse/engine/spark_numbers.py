"""Row numbers on Spark, whose tables have none: given once, and written down."""

from __future__ import annotations

from warehouse.engine.spark import SparkEngine
from warehouse.sql import Query, Relation, Step, identifier

ROW_NUMBER = "rowid"
"""What DuckDB calls the number of a table's row."""
_LOOSE = "loose_number"
_SHIFT = 33
"""Bits of Spark's numbers that count within one of its parts; those above are the part's."""


def numbered_rows(engine: SparkEngine, relation: Relation, *, table: str) -> Relation:
    """The relation's rows with their numbers, 0 to below their count, in the column `rowid`.

    Writes them into a temporary table of this name, once, so that a row keeps its number however often it is read; and
    where the numbers of each part begin into `<table>_starts`.

    Args:
        engine: With a scratch schema, since a view would number its rows anew at every read.
        relation: What to number.
        table: Name of the temporary table.
    """
    names = [identifier(column.name) for column in engine.columns(relation)]
    loose, rows, starts = identifier(_LOOSE), identifier(table), identifier(f"{table}_starts")
    numbered = f"select {', '.join(names)}, row_number() over () as {loose} from {relation.sql}"
    engine.rows(Query.of(Step("numbered_rows", numbered)).kept_as(rows))
    # NOTE: with gaps between the parts as they are, numbers would not fit into 32 bits.
    per_part = engine.rows(
        Query.of(
            Step("parts", f"select {loose} >> {_SHIFT} as part from temp.{rows}"),
            Step("rows_per_part", "select part, count(*) as row_count from parts group by part order by part"),
        )
    )
    found, start = [], 0
    for row in per_part:
        found.append(f"select {int(row['part'])}::bigint as part, {start}::bigint as first_number")
        start += int(row["row_count"])
    empty = "select 0::bigint as part, 0::bigint as first_number where false"
    engine.rows(Query.of(Step("starts", " union all ".join(found) or empty)).kept_as(starts))
    terms = ", ".join(f"numbered.{name}" for name in names)
    number = f"((numbered.{loose} & {(1 << _SHIFT) - 1}) + starts.first_number)"
    return Relation(
        f"(select {terms}, {number} as {identifier(ROW_NUMBER)} from temp.{rows} as numbered "
        f"join temp.{starts} as starts on (numbered.{loose} >> {_SHIFT}) = starts.part)",
        relation.name,
    )
