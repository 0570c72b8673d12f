"""DuckDB in this process, stopped by Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from warehouse.engine.local import LocalEngine
from warehouse.sql import Query, Step


def test_after_ctrl_c_the_next_statement_does_not_wait_for_the_one_that_was_stopped(engine: LocalEngine) -> None:
    ending = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    ending.start()

    with pytest.raises(KeyboardInterrupt):
        engine.rows(Query.of(Step("counts", "select count(*) from range(1000000000000) t(i)")))

    # What follows within `finally`, `drop table` say: it would wait for hours.
    assert engine.rows(Query.of(Step("answers", "select 42 as answer"))) == [{"answer": 42}]


def test_arrays_have_the_types_of_their_columns(engine: LocalEngine) -> None:
    query = Query.of(Step("columns", "select 0.5::double as a, true as b, 18446744073709551615::ubigint as c"))

    found = engine.arrays(query)

    assert [(array.dtype.name, array.tolist()) for array in found] == [
        ("float64", [0.5]),
        ("bool", [True]),
        ("uint64", [2**64 - 1]),
    ]
