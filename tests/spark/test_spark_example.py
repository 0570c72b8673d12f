"""The example company built on Spark: every table row for row as DuckDB builds it, and the same findings."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from placed_on_both import Placed, placed_here, placed_there

from warehouse import storage
from warehouse.builds import Build, build_warehouse
from warehouse.datasets.cutoffs import resolve_cutoffs
from warehouse.datasets.declarations import find_declaration
from warehouse.datasets.parsing import parse_spec
from warehouse.dbt_manifest import read_dbt_manifest
from warehouse.engine.local import LocalEngine
from warehouse.engine.spark import SparkEngine
from warehouse.engine.spark_opening import spark_engine
from warehouse.errors import ExportError
from warehouse.project import Project, Settings
from warehouse.published import BuildFiles, read_spark_place
from warehouse.sql import Query, Relation, Step
from warehouse.validation import ExpectationResult

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
MONTHS = (11,)
"""Clocks go back in it. The suites are about a whole year, so that many expectations fail, with rows to compare."""
WHOLE_YEAR = bool(os.environ.get("WAREHOUSE_TEST_WHOLE_YEAR"))
NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def builds(spark_remote: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Build, Build]:
    """The example on DuckDB and on Spark, from the same files."""
    root = tmp_path_factory.mktemp("example") / "flights"
    for name in ("models", "macros", "expectations", "data"):
        shutil.copytree(ROOT / name, root / name)
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copyfile(ROOT / name, root / name)
    if not WHOLE_YEAR:
        for path in root.glob("data/nycflights13/flights/*.parquet"):
            if int(path.stem[-2:]) not in MONTHS:
                path.unlink()
    project = Project.find(root)
    # A state of its own: of builds that are held back, only the newest is kept.
    there = replace(project, settings=replace(project.settings, spark_remote=spark_remote, state_path="there"))
    return build_warehouse(project, now=NOW), build_warehouse(there, now=NOW, engine="spark")


def test_every_table_is_the_same_row_for_row(spark: Any, builds: tuple[Build, Build]) -> None:
    local, there = builds
    schema = read_spark_place(BuildFiles(id=there.id, path=there.path)).schemas["main"]
    differing: dict[str, Any] = {}
    with duckdb.connect(str(local.content_path), read_only=True) as connection:
        tables = [name for (name,) in connection.execute("select table_name from information_schema.tables").fetchall()]
        for table in tables:
            rows_there = spark.sql(f"select * from {schema}.{table}").toArrow()
            connection.register("rows_there", rows_there)
            columns = "select list(column_name || ' ' || column_type) from (describe {})"
            shapes = [connection.execute(columns.format(name)).fetchone() for name in (f"main.{table}", "rows_there")]
            (missing,) = connection.execute(
                f"select count(*) from (from main.{table} except all from rows_there)"
            ).fetchall()[0]
            (count,) = connection.execute(f"select count(*) from main.{table}").fetchall()[0]
            if shapes[0] != shapes[1] or missing or count != rows_there.num_rows:
                differing[table] = (shapes, missing, count, rows_there.num_rows)
    assert differing == {}
    assert len(tables) == 16


def test_both_builds_find_the_same(builds: tuple[Build, Build]) -> None:
    local, there = builds

    assert local.status is there.status
    assert [finding.message for finding in there.findings] == [finding.message for finding in local.findings]
    assert {node.name: (node.status, node.rows) for node in there.nodes} == {
        node.name: (node.status, node.rows) for node in local.nodes
    }
    assert local.validation is not None
    assert there.validation is not None
    facts = [
        {(suite.name, result.line): known(result) for suite in each.suites for result in suite.expectations}
        for each in (local.validation, there.validation)
    ]
    assert len(facts[0]) == len(facts[1]) == 69
    for name, (observed, *others) in facts[0].items():
        found, *others_there = facts[1][name]
        assert others_there == others, name
        # The last digits of a mean depend on the order in which it is summed.
        assert found == (pytest.approx(observed, rel=1e-12) if isinstance(observed, float) else observed), name


def known(result: ExpectationResult) -> tuple[Any, ...]:
    """What is no matter of the order of rows."""
    counts = (result.row_count, result.null_count, result.unexpected_count, len(result.examples))
    return (result.observed, result.success, result.details, result.error, *counts)


VARIATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "late_arrivals": ("late_arrivals", {}),
    "late_arrivals in November": (
        "late_arrivals",
        {"split": {"method": "time", "shares": {"train": 0.7, "dev": 0.1, "test": 0.2}, "embargo": "1 day"}},
    ),
    "turnaround": ("turnaround", {}),
    "turnaround, linked": ("turnaround", {"groups": ["tail_number", "previous_flight_id"], "folds": 3, "columns": {}}),
    "turnaround, stratified": (
        "turnaround",
        {"groups": None, "split": {"method": "hash", "shares": {"train": 0.8, "test": 0.2}, "stratify": ["origin"]}},
    ),
    "turnaround, once": ("turnaround", {"groups": None, "deduplicate": {"exact": "once"}}),
}


@pytest.fixture(scope="module")
def there(builds: tuple[Build, Build], spark_remote: str) -> Iterator[SparkEngine]:
    place = read_spark_place(BuildFiles(id=builds[1].id, path=builds[1].path))
    settings = Settings(engine="spark", spark_remote=spark_remote)
    with spark_engine(Project(root=builds[1].path, settings=settings), schemas=place.schemas) as engine:
        yield engine


@pytest.mark.parametrize("case", VARIATIONS)
def test_the_same_keys_lie_in_the_same_splits(builds: tuple[Build, Build], there: SparkEngine, case: str) -> None:
    name, more = VARIATIONS[case]
    files = BuildFiles(id=builds[0].id, path=builds[0].path)
    declaration = find_declaration(read_dbt_manifest(files.dbt_manifest_path), name, default_salt="company")
    assert declaration.model is not None
    document = {key: value for key, value in {**declaration.document, **more}.items() if value is not None}
    spec, problems = parse_spec(name, document, model=declaration.model.alias, default_salt="company")
    assert not problems
    assert spec is not None
    table = Relation.table("warehouse", "main", declaration.model.alias)

    found: list[Placed | str] = []
    with storage.connect(files.database_path) as connection:
        for engine, place in ((LocalEngine(connection), placed_here), (there, placed_there)):
            (row,) = engine.rows(Query.of(Step("count", f"select count(*) as n from {table.sql}")))
            resolved = resolve_cutoffs(engine, table, spec, row_count=row["n"], declared={}, previous=None)
            try:
                found.append(place(engine, table, resolved))  # type: ignore[operator] # each with its own engine
            except ExportError as error:
                found.append(str(error))

    assert found[1] == found[0]
    # November is test there, and nothing else is left.
    assert isinstance(found[0], str) is (case == "late_arrivals" and not WHOLE_YEAR)
