"""Placements of more rows than one stretch has answer as those of one stretch do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from warehouse.datasets import row_bits
from warehouse.datasets.parsing import parse_spec
from warehouse.datasets.placement import place_rows
from warehouse.datasets.placement_stretches import in_stretches
from warehouse.datasets.row_checks import read_table_facts
from warehouse.engine.local import LocalEngine
from warehouse.sql import Relation, literal
from warehouse.storage import connect

HASH = {"method": "hash", "shares": {"train": 0.6, "dev": 0.2, "test": 0.2}, "train_dev": 0.2}
RULES: dict[str, dict[str, Any]] = {
    "hash": {"split": HASH},
    "rows that lie nowhere": {"split": HASH, "groups": ["Some group"], "label": "y", "synthetic": "y"},
    "folds and subsets": {"split": HASH, "folds": 5, "subsets": [0.1, 0.3], "groups": ["Some group"]},
}
ROWS = """
    create table t as select i as id, 'g ' || i % 300 as "Some group", i % 2 = 0 as y from range(5000) as r(i);
    delete from t where id % 7 = 0 or id between 1000 and 1300;
"""


def answers(rule: str, path: Path) -> tuple[list[Any], dict[str, list[Any]]]:
    """Everything that a placement answers, per row; and the rows of every split's file, in their order."""
    spec, problems = parse_spec("late", {"key": "id", **RULES[rule]}, model="t", default_salt="company")
    assert spec is not None, problems
    with connect(None) as connection:
        engine, table = LocalEngine(connection), Relation.table("t")
        connection.execute(ROWS)
        facts = read_table_facts(engine, table, spec, integer_key=True)
        relation, placement = in_stretches(table, place_rows(engine, table, spec, facts), facts.blocks)
        assert (relation is table) == (len(facts.blocks.stretches) == 1)
        holds = [placement.holds_sql(split) for split in placement.row_counts]
        holds += [placement.holds_part_sql(part) for part in placement.parts]
        terms = [f"coalesce({term}, false)" for term in holds]
        terms += ["rowid", placement.split_sql, placement.place_sql]
        terms += [placement.fold_sql] if spec.folds else []
        rows = connection.execute(f"select id, {', '.join(terms)} from {relation.sql} order by id").fetchall()
        written = {}
        for split in placement.row_counts:
            chosen = f'select id, "Some group" from {relation.sql} where {placement.holds_sql(split)}'
            connection.execute(f"copy ({chosen}) to {literal(str(path))} (format parquet)")
            written[split] = connection.execute(f"from {literal(str(path))}").fetchall()
            assert len(written[split]) == placement.row_counts[split]
    return rows, written


@pytest.mark.parametrize("rule", RULES)
def test_a_table_of_many_stretches_is_answered_as_one_of_a_single_one(
    rule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = answers(rule, tmp_path / "rows.parquet")
    monkeypatch.setattr(row_bits, "BLOCK_ROWS", 256)
    monkeypatch.setattr(row_bits, "STRETCH_BLOCKS", 4)

    assert answers(rule, tmp_path / "rows.parquet") == one
