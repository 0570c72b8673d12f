"""What both engines make of the same rows and specification, to be compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from warehouse.datasets.columns import OutputColumn, output_column
from warehouse.datasets.freeze import NOTHING
from warehouse.datasets.parsing import parse_spec
from warehouse.datasets.placed_tables import place_in_table
from warehouse.datasets.placement import Placement
from warehouse.datasets.row_checks import check_rows, read_table_facts
from warehouse.datasets.spec import DatasetSpec
from warehouse.engine.base import Engine
from warehouse.engine.local import LocalEngine
from warehouse.engine.spark import SparkEngine
from warehouse.exports.placing import place
from warehouse.findings import Finding
from warehouse.sql import Query, Relation, Step, identifier

HASH = {"method": "hash", "shares": {"train": 0.6, "dev": 0.2, "test": 0.2}, "train_dev": 0.2}


def spec_of(rule: dict[str, Any]) -> DatasetSpec:
    spec, problems = parse_spec("late", {"key": "id", **rule}, model="t", default_salt="nyc 名")
    assert not problems
    assert spec is not None
    return spec


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


def seen(
    engine: Engine, relation: Relation, spec: DatasetSpec, placement: Placement, findings: tuple[Finding, ...]
) -> Placed:
    parts = " ".join(f"when {placement.holds_part_sql(part)} then {i}" for i, part in enumerate(placement.parts))
    fold = placement.fold_sql if placement.fold_bits else "null"
    text = (
        f"select {identifier(spec.key[-1])} as id, {placement.split_sql} as split_, {placement.place_sql} as place_, "
        f"{fold} as fold_, case {parts} end as part_ from {relation.sql}"
    )
    rows = sorted(engine.rows(Query.of(Step("rows", text))), key=lambda row: str(row["id"]))
    return Placed(rows, {**placement.row_counts}, {**placement.dropped}, placement.parts, [*map(told, findings)])


Names = tuple[str, ...] | None


def columns_of(engine: Engine, relation: Relation, names: Names) -> list[OutputColumn]:
    columns = engine.columns(relation)
    return [output_column(column.name, column.type) for column in columns if names is None or column.name in names]


def placed_here(here: LocalEngine, table: Relation, spec: DatasetSpec, names: Names = None, **known: Any) -> Placed:
    """Where DuckDB puts the rows of a table, as an export does; only columns of these names are exported."""
    facts = read_table_facts(here, table, spec, integer_key=False)
    check_rows(here, table, spec, facts)
    known = {"freeze": NOTHING, "newest": None, **known}
    placement, findings = place(here, table, spec, facts, columns=columns_of(here, table, names), **known)
    return seen(here, table, spec, placement, findings)


def placed_there(there: SparkEngine, table: Relation, spec: DatasetSpec, names: Names = None, **known: Any) -> Placed:
    """The same on Spark."""
    facts = read_table_facts(there, table, spec, integer_key=False, numbered=False)
    check_rows(there, table, spec, facts)
    relation, placement = place_in_table(there, table, spec, facts, columns=columns_of(there, table, names), **known)
    assert {column.name for column in there.columns(table)} <= {column.name for column in there.columns(relation)}
    return seen(there, relation, spec, placement, placement.findings)
