"""DuckDB in this process, stopped by Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

from warehouse import storage
from warehouse.engine.local import LocalEngine
from warehouse.errors import QueryError
from warehouse.sql import Query, Step


def test_after_ctrl_c_the_next_statement_does_not_wait_for_the_one_that_was_stopped(engine: LocalEngine) -> None:
    ending = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    ending.start()

    with pytest.raises(KeyboardInterrupt):
        engine.rows(Query.of(Step("counts", "select count(*) from range(1000000000000) t(i)")))

    # What follows within `finally`, `drop table` say: it would wait for hours.
    assert engine.rows(Query.of(Step("answers", "select 42 as answer"))) == [{"answer": 42}]


def test_arrays_are_rows_while_the_block_runs(tmp_path: Path) -> None:
    with storage.connect(None) as connection:
        storage.confine(connection, folders=[tmp_path])
        engine = LocalEngine(connection)
        arrays = {"h": np.array([2**64 - 1, 0], dtype=np.uint64), 'it\'s "n"': np.array([1.5, np.nan])}
        with engine.arrays_as_rows(arrays, name='a "b"') as relation:
            (first, second) = engine.rows(Query.of(Step("rows", f"from {relation.sql}")))
        assert first == {"h": 2**64 - 1, 'it\'s "n"': 1.5}
        assert second["h"] == 0
        with pytest.raises(QueryError):
            engine.rows(Query.of(Step("rows", f"from {relation.sql}")))


def test_arrays_have_the_types_of_their_columns(engine: LocalEngine) -> None:
    query = Query.of(Step("columns", "select 0.5::double as a, true as b, 18446744073709551615::ubigint as c"))

    found = engine.arrays(query)

    assert [(array.dtype.name, array.tolist()) for array in found] == [
        ("float64", [0.5]),
        ("bool", [True]),
        ("uint64", [2**64 - 1]),
    ]
