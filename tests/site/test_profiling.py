"""What tells whether a table's rows are those of its kept profile."""

from __future__ import annotations

import pytest

from warehouse.engine.local import LocalEngine
from warehouse.site.profiling import fingerprint_sql
from warehouse.sql import Relation


@pytest.mark.parametrize(("old", "new"), [("[]::int[]", "null::int[]"), ("[[1, 2]]", "[[1], [2]]"), ("1", "2")])
def test_rows_that_differ_have_another_fingerprint(engine: LocalEngine, old: str, new: str) -> None:
    found = []
    for value in (old, new):
        relation = Relation(f"(select {value} as v from range(3))", "rows")
        types = {column.name: column.type for column in engine.columns(relation)}
        (row,) = engine.rows(fingerprint_sql(relation, types))
        found.append(row["fingerprint"])

    assert found[0] != found[1]
