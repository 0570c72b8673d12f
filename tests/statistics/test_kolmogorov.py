"""The bare test against scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from warehouse.engine.local import LocalEngine
from warehouse.errors import SpecError
from warehouse.sql import Relation
from warehouse.statistics.kolmogorov import kolmogorov_smirnov

LEFT, RIGHT = Relation.table("l"), Relation.table("r")
ROWS = """
    create table {name} as select
        case when i % 10 > 0 then sin(i * {pace}) end as "a ""number",
        case i % 50 when 0 then 'nan'::double when 1 then 'inf'::double else i % 7 end as odd,
        timestamp '2025-01-01' + to_seconds(i * {pace}) as at,
        null::double as empty,
        'x' as text,
        [i] as list,
    from range({rows}) as rows(i)
"""


@pytest.fixture
def filled(engine: LocalEngine) -> LocalEngine:
    engine.connection.execute(ROWS.format(name="l", pace=0.7, rows=2000))
    engine.connection.execute(ROWS.format(name="r", pace=0.9, rows=700))
    return engine


def test_statistic_and_p_value_are_those_of_scipy(filled: LocalEngine) -> None:
    found = kolmogorov_smirnov(filled, LEFT, RIGHT, ['a "number', "odd"])

    for name, one in found.items():
        quoted = '"' + name.replace('"', '""') + '"'
        sides = [
            np.array(filled.connection.execute(f"select {quoted} from {table} where isfinite({quoted})").fetchall())
            for table in ("l", "r")
        ]
        truth = stats.ks_2samp(sides[0].ravel(), sides[1].ravel())
        n, m = one.left_count, one.right_count
        assert (n, m) == (len(sides[0]), len(sides[1]))
        assert one.statistic == pytest.approx(truth.statistic, abs=1e-12)
        assert one.p_value == pytest.approx(stats.kstwobign.sf(one.statistic * math.sqrt(n * m / (n + m))), abs=1e-8)


def test_times_are_compared_and_no_values_are_no_difference(filled: LocalEngine) -> None:
    found = kolmogorov_smirnov(filled, LEFT, RIGHT, ["at", "empty"])

    assert found["at"].statistic > 0.5
    assert found["at"].p_value < 1e-9
    assert (found["empty"].statistic, found["empty"].p_value, found["empty"].left_count) == (0.0, 1.0, 0)


def test_columns_that_cannot_be_tested_are_all_named(filled: LocalEngine) -> None:
    with pytest.raises(SpecError) as caught:
        kolmogorov_smirnov(filled, LEFT, RIGHT, ["od", "text", "list"])

    assert "od: not in l and r; did you mean 'odd'?" in str(caught.value)
    assert "text: no numbers or times on both sides (VARCHAR and VARCHAR)" in str(caught.value)
    assert "list: no numbers or times on both sides" in str(caught.value)
