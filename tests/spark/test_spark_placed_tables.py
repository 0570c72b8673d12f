"""Rows placed in a table on Spark lie where DuckDB puts them, and the same is found and refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from warehouse.datasets.columns import OutputColumn, output_column
from warehouse.datasets.conditions import check_condition
from warehouse.datasets.freeze import NOTHING
from warehouse.datasets.parsing import parse_spec
from warehouse.datasets.placed_tables import place_in_table
from warehouse.datasets.placement import Placement
from warehouse.datasets.row_checks import check_rows, read_table_facts
from warehouse.datasets.spec import DatasetSpec
from warehouse.engine.base import Engine
from warehouse.engine.local import LocalEngine
from warehouse.engine.spark import SparkEngine
from warehouse.engine.spark_opening import spark_engine
from warehouse.errors import ExportError
from warehouse.exports.placing import place
from warehouse.findings import Finding
from warehouse.project import Project
from warehouse.sql import Query, Relation, Step
from warehouse.storage import connect

TABLE = Relation.table("memory", "main", "t")
ROWS = """
    select
        i as id,
        case when i % 10 > 0 then 'g' || (i % 61) || ' é\\' end as g,
        case when i % 8 > 0 then i % 7 end as h,
        case when i % 3 > 0 then 'p' || (i * 7919 % 997) end as p,
        case when i % 4 > 0 then i * 104729 % 991 end as q,
        timestamp '2024-01-01' + to_hours(((i * 37) % 2160)::int) as t,
        i % 3 = 0 as y,
        case when i % 5 > 0 then 1.5 - i % 4 end as x,
        ['train', 'test', 'dev', 'train_dev'][1 + i % 4] as s,
        (i / 2)::int % 150 as twin,
        chr(97 + (i % 3)::int) as "ba`se ""x",
        i as "Place of row",
    from range(600) as r(i)
"""
HASH = {"method": "hash", "shares": {"train": 0.6, "dev": 0.2, "test": 0.2}, "train_dev": 0.2}
CUTOFFS = {"dev": "2024-02-01", "test": "2024-03-01"}
EMBARGO = {"before": "3 days", "after": "2 days"}
PLAIN: dict[str, dict[str, Any]] = {
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
    "thinned": {"split": HASH, "label": "y", "downsample": {"label": False, "keep": 0.5}, "folds": 3},
    "folds and subsets": {"split": HASH, "folds": 5, "subsets": [0.3, 0.1]},
    "to be frozen": {"split": {**HASH, "freeze": ["test"]}},
}


def spec_of(rule: dict[str, Any]) -> DatasetSpec:
    spec, problems = parse_spec("late", {"key": "id", **rule}, model="t", default_salt="nyc 名")
    assert not problems
    assert spec is not None
    return spec


@pytest.fixture(scope="module")
def here() -> Iterator[LocalEngine]:
    with connect(None) as connection:
        connection.execute(f"create table t as {ROWS}")
        yield LocalEngine(connection)


@pytest.fixture(scope="module")
def files(here: LocalEngine, tmp_path_factory: pytest.TempPathFactory) -> Relation:
    path: Path = tmp_path_factory.mktemp("placed") / "rows.parquet"
    here.connection.execute(f"copy t to '{path}'")
    return Relation.parquet([str(path)], name="t")


@pytest.fixture(scope="module")
def there(spark_project: Project) -> Iterator[SparkEngine]:
    with spark_engine(spark_project) as engine:
        yield engine


@dataclass(frozen=True)
class Placed:
    """What an engine made of the rows."""

    rows: list[dict[str, Any]]
    """`id`, `split_`, `place_`, `fold_` and `part_`, by id."""
    row_counts: dict[str, int]
    dropped: dict[str, int]
    parts: tuple[Any, ...]
    findings: list[tuple[Any, ...]]


def told(finding: Finding) -> tuple[Any, ...]:
    return (finding.check, finding.subject, finding.severity, finding.message, finding.measured, finding.advice)


def seen(engine: Engine, relation: Relation, placement: Placement, findings: tuple[Finding, ...]) -> Placed:
    parts = " ".join(f"when {placement.holds_part_sql(part)} then {i}" for i, part in enumerate(placement.parts))
    fold = placement.fold_sql if placement.fold_bits else "null"
    text = (
        f"select id, {placement.split_sql} as split_, {placement.place_sql} as place_, {fold} as fold_, "
        f"case {parts} end as part_ from {relation.sql}"
    )
    rows = sorted(engine.rows(Query.of(Step("rows", text))), key=lambda row: int(row["id"]))
    return Placed(rows, {**placement.row_counts}, {**placement.dropped}, placement.parts, [*map(told, findings)])


def columns_of(engine: Engine, relation: Relation) -> list[OutputColumn]:
    return [output_column(column.name, column.type) for column in engine.columns(relation)]


def placed_here(here: LocalEngine, spec: DatasetSpec, **known: Any) -> Placed:
    facts = read_table_facts(here, TABLE, spec, integer_key=False)
    check_rows(here, TABLE, spec, facts)
    known = {"freeze": NOTHING, "newest": None, **known}
    placement, findings = place(here, TABLE, spec, facts, columns=columns_of(here, TABLE), **known)
    return seen(here, TABLE, placement, findings)


def placed_there(there: SparkEngine, files: Relation, spec: DatasetSpec, **known: Any) -> Placed:
    facts = read_table_facts(there, files, spec, integer_key=False, numbered=False)
    check_rows(there, files, spec, facts)
    relation, placement = place_in_table(there, files, spec, facts, columns=columns_of(there, files), **known)
    assert {column.name for column in there.columns(files)} <= {column.name for column in there.columns(relation)}
    return seen(there, relation, placement, placement.findings)


@pytest.mark.parametrize("rule", PLAIN)
def test_rows_that_tell_their_place_themselves(
    here: LocalEngine, there: SparkEngine, files: Relation, rule: str
) -> None:
    spec = spec_of(PLAIN[rule])
    assert placed_there(there, files, spec) == placed_here(here, spec)


@pytest.mark.parametrize(
    "rule",
    [
        {"split": HASH, "target_distribution": "x > 100"},
        {"split": {**HASH, "shares": {"train": 0.999999, "test": 0.000001}, "train_dev": 0}},
        {"split": {"method": "time", "cutoffs": {"test": "2034-01-01"}}, "time": "t"},
        {"split": HASH, "label": "y", "downsample": {"label": "maybe", "keep": 0.5}},
    ],
)
def test_splits_without_rows_and_unknown_labels_are_refused_alike(
    here: LocalEngine, there: SparkEngine, files: Relation, rule: dict[str, Any]
) -> None:
    spec = spec_of(rule)
    with pytest.raises(ExportError) as expected:
        placed_here(here, spec)
    with pytest.raises(ExportError) as found:
        placed_there(there, files, spec)
    assert str(found.value) == str(expected.value)


BROKEN = """
    select *, case when id % 100 > 0 then id end as holed, id // 2 as paired, y and id > 300 or null as unsure,
        case when id % 50 > 0 then t end as late, case when id % 7 = 0 then 'Train' when id % 11 > 0 then s end as part
    from t
"""


@pytest.mark.parametrize(
    "rule",
    [
        {"split": HASH, "key": "holed"},
        {"split": HASH, "key": ["s", "holed"]},
        {"split": HASH, "key": "paired"},
        {"split": HASH, "key": ["g", "h"]},
        {"split": HASH, "synthetic": "unsure"},
        {"split": {"method": "time", "cutoffs": CUTOFFS}, "time": "late"},
        {"split": {"method": "column", "column": "part"}},
    ],
)
def test_rows_that_cannot_be_placed_are_refused_alike(
    here: LocalEngine, there: SparkEngine, tmp_path: Path, rule: dict[str, Any]
) -> None:
    spec = spec_of(rule)
    path = tmp_path / "broken.parquet"
    here.connection.execute(f"create or replace table broken as {BROKEN}")
    here.connection.execute(f"copy broken to '{path}'")
    messages = []
    for engine, relation in ((here, Relation.table("broken")), (there, Relation.parquet([str(path)], name="broken"))):
        facts = read_table_facts(engine, relation, spec, integer_key=False, numbered=engine is here)
        with pytest.raises(ExportError) as caught:
            check_rows(engine, relation, spec, facts)
        messages.append(str(caught.value))
    assert messages[1] == messages[0]


CONDITIONS = [
    "x > 0",
    "x >",
    "x > 0), (true",
    "x > (select 1)",
    "sum(x) > 1",
    "random() < 1",
    "current_date > t",
    "rowid > 3",
    "nothing > 3",
    "x",
    "row_number() over () > 3",
]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_conditions_are_refused_alike(here: LocalEngine, there: SparkEngine, files: Relation, condition: str) -> None:
    messages = []
    for engine, relation in ((here, TABLE), (there, files)):
        columns = [column.name for column in engine.columns(relation)]
        try:
            check_condition(engine, relation, condition, dataset="late", role="target", columns=columns)
        except ExportError as error:
            messages.append(str(error))
    assert messages[1:] == messages[:1]
    assert bool(messages) == (condition != "x > 0")


def test_a_condition_that_spark_has_no_words_for_is_refused_by_name(there: SparkEngine, files: Relation) -> None:
    with pytest.raises(ExportError, match=r"target cannot be asked: not available on Spark: .*GLOB"):
        check_condition(there, files, "g glob 'a*'", dataset="late", role="target", columns=["g"])
