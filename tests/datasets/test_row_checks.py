"""Keys are found to be unique, or not, however many scans that takes; and many groups are placed as few are."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pytest
from placed import HASH, place, spec_of

from warehouse.datasets import placement_rows, row_checks
from warehouse.datasets.row_checks import check_rows, read_table_facts
from warehouse.engine.local import LocalEngine
from warehouse.errors import ExportError
from warehouse.sql import Relation


def check(keys: Sequence[int | str], type_name: str) -> None:
    connection = duckdb.connect()
    connection.execute(f"create table t (id {type_name})")
    connection.execute(f"insert into t select unnest(?::{type_name}[])", [list(keys)])
    table, spec = Relation.table("t"), spec_of({"key": "id", "split": HASH})
    engine = LocalEngine(connection)
    check_rows(engine, table, spec, read_table_facts(engine, table, spec, integer_key=type_name != "varchar"))


RANGES = {
    "one scan": (list(range(100)), "bigint"),
    "several scans": (list(range(0, 3000, 7)), "bigint"),
    "around zero": (list(range(-500, 500, 3)), "integer"),
    "gaps of whole scans": ([0, 1, 1400, 1401], "bigint"),
    "the edges of scans": ([0, 255, 256, 511, 512], "bigint"),
    "the least and the greatest": ([-(2**63), 2**63 - 1, 0], "bigint"),
    "beyond the signed": ([2**64 - 1, 2**64 - 200], "ubigint"),
    "text": ([str(number) for number in range(50)], "varchar"),
}


@pytest.mark.parametrize("keys", RANGES)
def test_a_key_that_repeats_is_found_in_whichever_scan_it_lies(keys: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_checks, "KEY_BITS", 256)
    values, type_name = RANGES[keys]
    check(values, type_name)
    for repeated in (values[0], values[len(values) // 2], values[-1]):
        with pytest.raises(ExportError, match="key id is not unique: 1 keys stand in 2 rows") as caught:
            check([*values, repeated], type_name)
        assert f"for example {repeated}" in str(caught.value)


def test_as_many_keys_as_rows_are_counted_in_scans_and_scattered_ones_by_grouping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scans: list[tuple[int, int]] = []
    counted = row_checks.different_keys_sql

    def watched(relation: Relation, spec: object, key_range: tuple[int, int]) -> object:
        scans.append(key_range)
        return counted(relation, spec, key_range)  # type: ignore[arg-type] # a spec whatever the test says

    monkeypatch.setattr(row_checks, "KEY_BITS", 256)
    monkeypatch.setattr(row_checks, "different_keys_sql", watched)
    check(list(range(600)), "bigint")
    assert scans == [(0, 255), (256, 511), (512, 599)]
    check([0, 256 * 33], "bigint")
    assert len(scans) == 3


@pytest.mark.parametrize("more", [{}, {"folds": 3}], ids=["plain", "folds"])
def test_groups_are_placed_alike_whether_each_is_hashed_once_or_with_every_row(
    monkeypatch: pytest.MonkeyPatch, more: dict[str, int]
) -> None:
    document = {"key": "id", "split": HASH, "groups": ["g"], **more}
    columns = {"id": "bigint", "g": "varchar"}
    rows = "select i, case when i % 10 > 0 then 'group ' || i % 40 end from range(800) as r(i)"
    once = place(document, columns, [], more=rows)
    monkeypatch.setattr(placement_rows, "MOST_GROUPS_ONCE", 10)
    each = place(document, columns, [], more=rows)

    assert each.rows == once.rows
    assert len(set(each.splits().values())) == 4
