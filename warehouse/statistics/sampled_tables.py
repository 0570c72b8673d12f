"""A bounded sample of rows as a temporary table, for what cannot be counted over all rows: words, elements, vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step, identifier
from warehouse.statistics.kinds import Family, family_of
from warehouse.statistics.lasting_hashes import digest_sql, digits_sql
from warehouse.statistics.profile import Measured, row_count
from warehouse.statistics.session_tables import SessionTables

SAMPLE_ROWS = 20_000
"""About how many rows a sample has; a relation of up to half as many again is taken whole."""
MOST_HASHED = 8
"""So many columns are hashed to choose rows."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a sample takes of a column."""

    column: str
    sql: Callable[[str], str]
    """An expression of the column's value, worked out for sampled rows only."""
    is_ordered: bool = False
    """Whether some of the sample are taken in the order of `choice`, so that rows must have one where all are taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledTable:
    """Some rows of a relation, in a table of the session: `choice`, `row`, `cluster`, and the columns asked for."""

    table: str
    """Quoted."""
    row_count: int
    is_whole: bool
    """Whether it holds every row of the relation."""


def sample_table(
    engine: Engine,
    tables: SessionTables,
    relation: Relation,
    columns: Mapping[str, Taken],
    *,
    name: str,
    groups: Sequence[str] = (),
) -> SampledTable:
    """A sample with these columns, by their names in it; one scan, or two when a hash of the row chooses badly.

    Rows are chosen by a hash of themselves. Equal rows are then chosen together and would tell less than their number
    says, so where one in a hundred has its like, the hash of the row's place chooses instead.

    `cluster` numbers the rows, or the groups that they come in: the rows of one hang together.
    """
    rows = row_count(engine, relation)
    keep_one_in = max(1, round(rows / SAMPLE_ROWS))
    table = tables.create(name, sample_sql(engine, relation, columns, keep_one_in=keep_one_in, groups=groups))
    if keep_one_in > 1:
        sampled, different = tables.count(table), tables.count(table, "count(distinct choice)")
        expected = rows / keep_one_in
        if different < 0.99 * sampled or abs(sampled - expected) > 6 * expected**0.5:
            query = sample_sql(engine, relation, columns, keep_one_in=keep_one_in, groups=groups, by_place=True)
            table = tables.create(name, query)
    return SampledTable(table=table, row_count=tables.count(table), is_whole=keep_one_in == 1)


def sample_sql(
    engine: Engine,
    relation: Relation,
    columns: Mapping[str, Taken],
    *,
    keep_one_in: int,
    groups: Sequence[str] = (),
    by_place: bool = False,
) -> Query:
    """One row per row kept: `choice` (the hash that chose it, or its place), `row`, `cluster`, and the columns."""
    if by_place:
        choice = "hash(row_number() over ())"
    elif keep_one_in > 1:
        choice = f"hash({', '.join(identifier(column.name) for column in _telling(engine, relation))})"
    else:
        choice = _place_sql(engine, relation, columns)
    raw: dict[str, str] = {}
    for taken in columns.values():
        raw.setdefault(taken.column, f"value_{len(raw)}")
    chosen = [*(f"{identifier(column)} as {name}" for column, name in raw.items()), f"{choice} as choice"]
    chosen += [f"{identifier(group)} as group_{index}" for index, group in enumerate(groups)]
    kept = f"choice % {int(keep_one_in)} = 0" if keep_one_in > 1 else "true"
    cluster = "row"
    if groups:
        keys = ", ".join(f"group_{index}" for index in range(len(groups)))
        present = " and ".join(f"group_{index} is not null" for index in range(len(groups)))
        # Rows without a group each stand alone; negative numbers keep them apart from the groups.
        cluster = f"case when {present} then dense_rank() over (order by {keys}) else -row end"
    values = ", ".join(f"{taken.sql(raw[taken.column])} as {identifier(name)}" for name, taken in columns.items())
    return Query.of(
        Step("rows_with_choice", f"select {', '.join(chosen)} from {relation.sql}"),
        Step("rows_kept", f"select *, row_number() over () as row from rows_with_choice where {kept}"),
        Step("sample", f"select choice, row, {cluster} as cluster, {values} from rows_kept"),
    )


def _place_sql(engine: Engine, relation: Relation, columns: Mapping[str, Taken]) -> str:
    """A place among rows that are all taken, alike on every engine; only for columns that need an order."""
    if not any(taken.is_ordered for taken in columns.values()):
        return "0"
    texts = []
    for column in _telling(engine, relation):
        text = f"cast({column.value_sql} as varchar)"
        if column.family is Family.REAL:
            text = f"hex(({column.finite_sql} + 0.0)::double::bit::bigint)"
        elif column.family in (Family.TIMESTAMP, Family.CLOCK, Family.DECIMAL):
            text = f"hex(({column.number_sql} + 0.0)::double::bit::bigint)"
        if column.family is not Family.OTHER:
            texts.append(text)
    return digits_sql(digest_sql(texts), start=1, count=13)


def _telling(engine: Engine, relation: Relation) -> list[Measured]:
    """The columns that tell rows apart best for the cost of hashing them."""
    order = [Family.REAL, Family.TIMESTAMP, Family.DECIMAL, Family.INTEGER, Family.STRING]
    rank = {family: place for place, family in enumerate(order)}
    measured = [Measured(column.name, family_of(column.type)) for column in engine.columns(relation)]
    measured.sort(key=lambda column: rank.get(column.family, len(order)))
    return measured[:MOST_HASHED]
