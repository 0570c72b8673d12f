"""Things counted within rows: how much they say, and on which cells they are compared."""

from __future__ import annotations

import numpy as np
import pytest

from warehouse.engine.local import LocalEngine
from warehouse.statistics.distance import measure_jensen_shannon
from warehouse.statistics.tallies import RARE, Tally, common_cells, tally


def items(engine: LocalEngine, name: str, rows: list[tuple[int, str, int]]) -> str:
    engine.connection.execute(
        f"create or replace table {name} as select unnest($a) as cluster, unnest($b) as cell, unnest($c) as item_count",
        {"a": [row[0] for row in rows], "b": [row[1] for row in rows], "c": [row[2] for row in rows]},
    )
    return name


def test_the_design_effect_equals_a_plain_computation(engine: LocalEngine) -> None:
    chance = np.random.default_rng(1)
    counts = chance.poisson(chance.gamma(1.0, 4.0, (200, 4)))
    rows = [(cluster, "abcd"[cell], int(count)) for cluster, row in enumerate(counts) for cell, count in enumerate(row)]

    found = tally(engine, items(engine, "i", rows), "cell")

    used = counts[counts.sum(axis=1) > 0]
    # Clusters without any item are in the table, with zeros.
    clusters = len(counts)
    n, shares = counts.sum(axis=1), counts.sum(axis=0) / counts.sum()
    spread = sum(((counts[:, cell] - shares[cell] * n) ** 2).sum() / (counts.sum() * shares[cell]) for cell in range(4))
    assert len(used) <= clusters
    assert found.counts == {"abcd"[cell]: counts[:, cell].sum() for cell in range(4)}
    assert found.design_effect == pytest.approx(spread / 3 * clusters / (clusters - 1))


def test_items_that_come_together_raise_no_false_alarms(engine: LocalEngine) -> None:
    chance = np.random.default_rng(2)
    alarms = 0
    for _ in range(100):
        sides = []
        for name in ("l", "r"):
            laws = chance.dirichlet(np.ones(4), 150)
            counts = np.array([chance.multinomial(30, law) for law in laws])
            rows = [(c, "abcd"[cell], int(count)) for c, row in enumerate(counts) for cell, count in enumerate(row)]
            sides.append(tally(engine, items(engine, name, rows), "cell"))
        assert sides[0].design_effect > 4
        alarms += measure_jensen_shannon(*common_cells(*sides).independent_counts).p_value < 0.05

    assert alarms <= 11


def test_rare_cells_are_merged_and_nothing_is_lost() -> None:
    left = Tally(counts={"a": 500, "b": 499, "rare": 1, "rarer": 3})
    right = Tally(counts={"a": 400, "c": 600, "rare": 7})

    cells = common_cells(left, right)

    assert cells.labels == ("a", "c", "b", RARE)
    assert cells.left.tolist() == [500, 0, 499, 4]
    assert cells.right.tolist() == [400, 600, 0, 7]


def test_one_rare_cell_joins_the_smallest() -> None:
    cells = common_cells(Tally(counts={"a": 50, "b": 40, "c": 1}), Tally(counts={"a": 50, "b": 41}), order="abc")

    assert cells.labels == ("a", "b")
    assert cells.left.tolist() == [50, 41]


def test_no_items_make_no_cells(engine: LocalEngine) -> None:
    empty = tally(engine, items(engine, "i", []), "cell")

    assert empty.counts == {}
    assert common_cells(empty, empty).labels == ()
