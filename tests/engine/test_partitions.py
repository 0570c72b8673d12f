"""Rows that are written aside in partitions: all of them, each in its own, and nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from warehouse import storage
from warehouse.engine.local import LocalEngine
from warehouse.engine.partitions import partitioned
from warehouse.errors import QueryError, StorageError
from warehouse.sql import Query, Relation, Step

ROWS = Query.of(
    Step("numbers", "select i, 'ü ' || i as text, i % $count as slice from range(1000) as r(i) where i % $count <> 2"),
    count=4,
)


def rows_of(engine: LocalEngine, relation: Relation) -> list[dict[str, object]]:
    return engine.rows(Query.of(Step("rows", f"select * from {relation.sql} order by i")))


def test_every_row_is_in_its_partition_and_nothing_stays(tmp_path: Path) -> None:
    spill = tmp_path / "it's [a] *spill*"
    with storage.connect(None, temporary_path=spill) as connection:
        storage.confine(connection, folders=[tmp_path / "elsewhere"])
        engine = LocalEngine(connection)
        with partitioned(engine, ROWS, by="slice") as parts:
            found = {number: rows_of(engine, part) for number, part in parts.items()}
        # None for the one without rows.
        assert found == {k: [{"i": i, "text": f"ü {i}"} for i in range(k, 1000, 4)] for k in (0, 1, 3)}
        assert list(spill.glob("partitions-*")) == []


def test_without_rows_there_is_no_partition(tmp_path: Path) -> None:
    with storage.connect(None, temporary_path=tmp_path / "spill") as connection:
        nothing = Query.of(Step("nothing", "select 1 as i, 0 as slice limit 0"))
        with partitioned(LocalEngine(connection), nothing, by="slice") as parts:
            assert parts == {}


def test_what_was_written_before_an_error_is_deleted(tmp_path: Path) -> None:
    spill = tmp_path / "spill"
    with storage.connect(None, temporary_path=spill) as connection:
        wrong = Query.of(
            Step(
                "wrong",
                "select i, case when i > 900000 then error('no more') else 1 end as slice from range(1000000) as r(i)",
            )
        )
        with pytest.raises(QueryError, match="no more"), partitioned(LocalEngine(connection), wrong, by="slice"):
            pass
    assert list(spill.glob("partitions-*")) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        storage.connect(None, temporary_path=tmp_path / "file") as connection,
        pytest.raises(StorageError, match="file/partitions-"),
        partitioned(LocalEngine(connection), ROWS, by="slice"),
    ):
        pass
