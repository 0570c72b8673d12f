"""Rows placed without a project: a table in memory, a specification, and where each row came to lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from warehouse.datasets.parsing import parse_spec
from warehouse.datasets.placement import Placement, place_rows
from warehouse.datasets.row_checks import check_rows, read_table_facts
from warehouse.datasets.spec import DatasetSpec
from warehouse.engine.local import LocalEngine
from warehouse.sql import Relation, identifier

SHARES = {"train": 0.6, "dev": 0.2, "test": 0.2}
HASH = {"method": "hash", "shares": SHARES, "train_dev": 0.2}
TABLE = Relation.table("memory", "main", "t")


def spec_of(document: dict[str, Any], *, name: str = "late") -> DatasetSpec:
    spec, problems = parse_spec(name, document, model="t", default_salt="company")
    assert not problems
    assert spec is not None
    return spec


@dataclass(frozen=True)
class Placed:
    """What `place` found."""

    rows: list[dict[str, Any]]
    """The table's rows with `split_`, `fold_` and `part_`."""
    placement: Placement

    def splits(self, by: str = "id") -> dict[Any, str | None]:
        """Each row's split, by this column."""
        return {row[by]: row["split_"] for row in self.rows}


def place(
    document: dict[str, Any],
    columns: dict[str, str],
    rows: Sequence[Sequence[Any]],
    *,
    more: str = "",
    entities: dict[int, str] | None = None,
) -> Placed:
    """Where these rows lie, and those that a query adds to them; columns are types by name."""
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    engine = LocalEngine(connection)
    typed = ", ".join(f"{identifier(name)} {type_name}" for name, type_name in columns.items())
    connection.execute(f"create table t ({typed})")
    if rows:
        marks = ", ".join("?" for _ in columns)
        connection.executemany(f"insert into t values ({marks})", [list(row) for row in rows])
    if more:
        connection.execute(f"insert into t {more}")
    if entities is not None:
        connection.execute("create temp table entities (row_number bigint, point varchar)")
        for number, point in entities.items():
            connection.execute("insert into entities values (?, ?)", [number, point])
    spec = spec_of(document)
    facts = read_table_facts(engine, TABLE, spec, integer_key=False)
    check_rows(engine, TABLE, spec, facts)
    placement = place_rows(engine, TABLE, spec, facts)
    parts = " ".join(f"when {placement.holds_part_sql(part)} then {i}" for i, part in enumerate(placement.parts))
    fold = placement.fold_sql if placement.fold_bits else "null"
    found = connection.execute(
        f"select *, {placement.split_sql} as split_, {fold} as fold_, case {parts} end as part_ from t"
    )
    names = [item[0] for item in found.description]
    return Placed([dict(zip(names, row, strict=True)) for row in found.fetchall()], placement)
