"""Sets of rows as bits in blocks: whatever the size of a block, the same rows."""

from __future__ import annotations

import duckdb
import pytest

from warehouse.datasets import row_bits
from warehouse.datasets.row_bits import RowBlocks
from warehouse.engine.local import LocalEngine
from warehouse.sql import Query, Step


@pytest.fixture
def engine() -> LocalEngine:
    """A table of 1,000 rows, of which the first 300 were deleted: row numbers begin at 300."""
    connection = duckdb.connect()
    connection.execute("create table t as select i as id from range(1000) as r(i)")
    connection.execute("delete from t where id < 300")
    return LocalEngine(connection)


def kept_bits(engine: LocalEngine, blocks: RowBlocks, condition: str) -> None:
    terms = f"{blocks.block_sql('rowid')} as block, {blocks.bits_sql('rowid')} as bits"
    engine.rows(Query.of(Step("kept", f"select {terms} from t where {condition} group by block")).kept_as("kept"))


@pytest.mark.parametrize(
    ("size", "count"),
    [(1, 700), (64, 11), (512, 2), (1024, 1)],
    ids=["a row each", "many blocks", "two blocks", "one block"],
)
@pytest.mark.parametrize("condition", ["id % 3 = 0", "id >= 700", "id = 999", "false"])
def test_the_rows_of_a_set_are_found_whatever_the_size_of_a_block(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch, size: int, count: int, condition: str
) -> None:
    monkeypatch.setattr(row_bits, "BLOCK_ROWS", size)
    monkeypatch.setattr(row_bits, "MOST_BLOCKS", 1000)
    blocks = RowBlocks(first_row=300, last_row=999)
    kept_bits(engine, blocks, condition)
    blocks.load(engine, "chosen", table="kept", bits="bits")

    asked = engine.connection.execute(f"select id from t where {blocks.is_in_sql('chosen')} order by id").fetchall()
    wanted = engine.connection.execute(f"select id from t where {condition} order by id").fetchall()
    assert blocks.count == count
    assert asked == wanted


@pytest.mark.parametrize("size", [1, 64, 1024], ids=["a row each", "many blocks", "one block"])
def test_the_first_set_that_has_a_row_is_told(engine: LocalEngine, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(row_bits, "BLOCK_ROWS", size)
    blocks = RowBlocks(first_row=300, last_row=999)
    for name, condition in {"thirds": "id % 3 = 0", "late": "id >= 700", "none": "false"}.items():
        kept_bits(engine, blocks, condition)
        blocks.load(engine, name, table="kept", bits="bits")
        engine.connection.execute("drop table kept")

    told = blocks.first_of_sql({"none": "'never'", "thirds": "'third'", "late": "'late'"})
    asked = engine.connection.execute(f"select id, {told} from t order by id").fetchall()
    assert asked == [(id, "third" if id % 3 == 0 else "late" if id >= 700 else None) for id in range(300, 1000)]


def test_blocks_grow_before_there_are_too_many() -> None:
    assert RowBlocks(first_row=0, last_row=0).count == 1
    small = RowBlocks(first_row=7, last_row=7 + row_bits.BLOCK_ROWS * row_bits.MOST_BLOCKS - 1)
    large = RowBlocks(first_row=0, last_row=9_999_999_999)

    assert (small.size, small.count) == (row_bits.BLOCK_ROWS, row_bits.MOST_BLOCKS)
    assert large.size > row_bits.BLOCK_ROWS
    assert large.count <= row_bits.MOST_BLOCKS
