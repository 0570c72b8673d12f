"""What the search for leaks reads before an export is written: the rows of every split, and no others."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from warehouse.checks.leakage.rows import leak_columns, rows_of_placement
from warehouse.datasets import row_bits
from warehouse.datasets.parsing import parse_spec
from warehouse.datasets.placement import place_rows
from warehouse.datasets.placement_stretches import stretches_of
from warehouse.datasets.row_checks import read_table_facts
from warehouse.engine.local import LocalEngine
from warehouse.sql import Query, Relation, Step
from warehouse.storage import connect

SHARES = {"train": 0.6, "dev": 0.2, "test": 0.2}
HASH = {"method": "hash", "shares": SHARES, "train_dev": 0.2}
CUTOFFS = {"dev": "2024-02-01", "test": "2024-03-01"}
HASH_TIME = {"method": "hash_time", "shares": SHARES, "cutoffs": CUTOFFS}
RULES: dict[str, dict[str, Any]] = {
    "hash": {"split": HASH},
    "without dev": {"split": {"method": "hash", "shares": {"train": 0.6, "test": 0.4}}},
    "groups": {"split": HASH, "groups": ["g"]},
    "composite groups": {"split": HASH, "groups": {"composite": ["g", "part"]}},
    "strata": {"split": {**HASH, "stratify": ["g"]}},
    "column": {"split": {"method": "column", "column": "part"}},
    "time": {"split": {"method": "time", "cutoffs": CUTOFFS, "train_dev": 0.2}, "time": "t"},
    "time with embargo": {"split": {"method": "time", "cutoffs": CUTOFFS, "embargo": "3 days"}, "time": "t"},
    "hash and time": {"split": HASH_TIME, "time": "t", "groups": ["g"]},
    "synthetic": {"split": HASH, "synthetic": "y"},
    "synthetic groups": {"split": HASH, "synthetic": "y", "groups": ["g"]},
    "target distribution": {"split": HASH, "target_distribution": "g <> 'a'"},
    "thinned": {"split": HASH, "label": "y", "downsample": {"label": True, "keep": 0.5}, "folds": 3, "subsets": [0.3]},
}
# So many rows that no split is empty, whatever hypothesis adds to them, and some that are gone again.
ROWS = """
    create table t as select i as id, 'other ' || i % 100 as g, i % 3 = 0 as y,
        timestamp '2024-01-01' + to_hours(((i * 37) % 2160)::int) as t,
        ['train', 'train', 'dev', 'test'][1 + i % 4] as part,
    from range(400) as r(i);
    delete from t where id % 7 = 0;
"""
ROW = st.tuples(
    st.integers(1000, 9999),
    st.one_of(st.none(), st.sampled_from(["a", "b", "it's"])),
    st.booleans(),
    st.datetimes(min_value=datetime(2024, 1, 1), max_value=datetime(2024, 4, 1)),
    st.sampled_from(["train", "test"]),
)


@pytest.mark.parametrize("rule", RULES)
@settings(deadline=None, max_examples=5)
@given(rows=st.lists(ROW, max_size=30, unique_by=lambda row: row[0]))
def test_rows_of_a_placement_are_those_of_its_splits(rule: str, rows: list[Any]) -> None:
    spec, problems = parse_spec("late", {"key": "id", **RULES[rule]}, model="t", default_salt="company")
    assert spec is not None, problems
    table = Relation.table("t")
    with connect(None) as connection:
        engine = LocalEngine(connection)
        connection.execute(ROWS)
        if rows:
            connection.executemany("insert into t values (?, ?, ?, ?, ?)", rows)
        placement = place_rows(engine, table, spec, read_table_facts(engine, table, spec, integer_key=False))
        types = {column.name: column.type for column in engine.columns(table)}
        read = rows_of_placement([(table, placement)], leak_columns(spec, types, exported=None))

        counts = engine.rows(Query.of(Step("counts", f"select s, count(*) as n from {read.relation.sql} group by s")))
        (all_rows,) = engine.rows(Query.of(Step("all_rows", "select count(*) as n from t")))

    assert {read.splits[row["s"]]: row["n"] for row in counts} == dict(placement.row_counts)
    assert sum(placement.row_counts.values()) + sum(placement.dropped.values()) == all_rows["n"]


def places(rule: str) -> tuple[list[Any], list[Any]]:
    """Key and split of every row, and of about a third of them."""
    spec, problems = parse_spec("late", {"key": "id", **RULES[rule]}, model="t", default_salt="company")
    assert spec is not None, problems
    table = Relation.table("t")
    with connect(None) as connection:
        engine = LocalEngine(connection)
        connection.execute(ROWS)
        types = {column.name: column.type for column in engine.columns(table)}
        facts = read_table_facts(engine, table, spec, integer_key=False)
        stretches = stretches_of(table, place_rows(engine, table, spec, facts), facts.blocks)
        read = rows_of_placement(stretches, leak_columns(spec, types, exported=None))
        every, some = (
            connection.execute(f"select c0, s from {relation.sql} order by c0").fetchall()
            for relation in (read.relation, read.one_in(3))
        )
        chosen = connection.execute("select id from t where hash(id) % 3 = 0").fetchall()
    keys = {key for (key,) in chosen}
    assert some == [row for row in every if row[0] in keys]
    assert 20 < len(some) < len(every) / 2
    return every, some


@pytest.mark.parametrize("rule", RULES)
def test_rows_of_tables_of_many_stretches_lie_where_those_of_one_do(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one = places(rule)
    monkeypatch.setattr(row_bits, "BLOCK_ROWS", 64)
    monkeypatch.setattr(row_bits, "STRETCH_BLOCKS", 2)

    assert places(rule) == one
