"""Every rule that places rows by their own values places them on Spark as it does on DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from warehouse.datasets.parsing import parse_spec
from warehouse.datasets.placement import place_rows
from warehouse.datasets.placement_columns import placed_columns_sql
from warehouse.datasets.row_checks import read_table_facts
from warehouse.datasets.spec import DatasetSpec
from warehouse.engine.local import LocalEngine
from warehouse.engine.spark import SparkEngine
from warehouse.errors import ExportError
from warehouse.sql import Relation
from warehouse.storage import connect

TABLE = Relation.table("memory", "main", "t")
ROWS = """
    select
        i as id,
        case when i % 10 > 0 then 'g' || (i % 61) || ' é\\' end as g,
        case when i % 8 > 0 then i % 7 end as h,
        timestamp '2024-01-01' + to_hours(((i * 37) % 2160)::int) as t,
        i % 3 = 0 as y,
        case when i % 5 > 0 then 1.5 - i % 4 end as x,
        ['train', 'test', 'dev', 'train_dev'][1 + i % 4] as s,
        i as point,
        -i as place,
        chr(97 + (i % 3)::int) as "ba`se ""x",
    from range(600) as r(i)
"""
COLUMNS = ["id", "g", "point", "place", 'ba`se "x']
HASH = {"method": "hash", "shares": {"train": 0.6, "dev": 0.2, "test": 0.2}, "train_dev": 0.2}
CUTOFFS = {"dev": "2024-02-01", "test": "2024-03-01"}
EMBARGO = {"before": "3 days", "after": "2 days"}
RULES: dict[str, dict[str, Any]] = {
    "hash": {"split": HASH},
    "several keys": {"split": HASH, "key": ["s", "id"]},
    "group": {"split": HASH, "groups": ["g"]},
    "composite": {"split": HASH, "groups": {"composite": ["g", "h"]}},
    "target and synthetic": {"split": HASH, "target_distribution": "x > 0 and g <> 'a'", "synthetic": "y"},
    "group, target, synthetic": {"split": HASH, "groups": ["g"], "target_distribution": "x > 0", "synthetic": "y"},
    "column": {"split": {"method": "column", "column": "s"}},
    "time": {"split": {"method": "time", "cutoffs": CUTOFFS, "embargo": EMBARGO, "train_dev": 0.2}, "time": "t"},
    "hash_time": {
        "split": {"method": "hash_time", **{k: v for k, v in HASH.items() if k != "method"}, "cutoffs": CUTOFFS},
        **{"time": "t", "groups": ["g"]},
    },
    "thinned": {"split": HASH, "label": "y", "downsample": {"label": False, "keep": 0.5}, "folds": 3, "subsets": [0.3]},
}


def spec_of(rule: dict[str, Any]) -> DatasetSpec:
    spec, problems = parse_spec("late", {"key": "id", **rule}, model="t", default_salt="nyc 名")
    assert not problems
    assert spec is not None
    return spec


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Relation:
    path: Path = tmp_path_factory.mktemp("placed") / "rows.parquet"
    with connect(None) as connection:
        connection.execute(f"copy ({ROWS}) to '{path}'")
    return Relation.parquet([str(path)], name="t")


@pytest.fixture(scope="module")
def here() -> Iterator[LocalEngine]:
    with connect(None) as connection:
        connection.execute(f"create table t as {ROWS}")
        yield LocalEngine(connection)


def by_id(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: int(row["id"]))


@pytest.mark.parametrize("rule", RULES)
def test_rows_lie_where_they_lie_on_duckdb(here: LocalEngine, spark: Any, files: Relation, rule: str) -> None:
    spec = spec_of(RULES[rule])
    names = {"place": "place of row", "part": "part of row", "fold": "fold of row"}
    found = by_id(SparkEngine(spark).rows(placed_columns_sql(files, spec, COLUMNS, **names)))

    # By expressions on DuckDB, and by the bits that its exports use.
    assert found == by_id(here.rows(placed_columns_sql(TABLE, spec, COLUMNS, **names)))
    facts = read_table_facts(here, TABLE, spec, integer_key=False)
    placement = place_rows(here, TABLE, spec, facts)
    fold = placement.fold_sql if placement.fold_bits else "null"
    placed = here.connection.execute(f"select id, {placement.split_sql}, {fold} from t order by id").fetchall()
    splits = {"train", "train_dev", "dev", "test"}
    assert [
        (row["id"], row["place of row"] if row["place of row"] in splits else None, row["fold of row"]) for row in found
    ] == placed


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"split": HASH, "groups": ["g", "h"]}, "linked groups"),
        ({"split": {**HASH, "stratify": ["y"]}}, r"split\.stratify"),
        ({"split": {**HASH, "freeze": ["test"]}}, r"split\.freeze"),
        ({"split": HASH, "deduplicate": {"exact": "once"}}, r"deduplicate\.exact"),
    ],
)
def test_what_ties_rows_together_is_refused_by_name(files: Relation, rule: dict[str, Any], reason: str) -> None:
    with pytest.raises(ExportError, match=reason):
        placed_columns_sql(files, spec_of(rule), COLUMNS, place="place of row")


def test_a_column_with_the_name_of_the_place_is_refused(files: Relation) -> None:
    with pytest.raises(ExportError, match="'point' has the name of what is added"):
        placed_columns_sql(files, spec_of(RULES["hash"]), COLUMNS, place="point")
