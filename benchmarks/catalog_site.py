"""The catalog site of a company with 1,000 tables: seconds, and what a browser has to load.

Run as `python benchmarks/catalog_site.py [TABLES]`. The project is made of synthetic facts: tables of 20 columns and
1,000 rows, 4 dbt tests and 3 expectations each, 20 builds on record, 20 datasets of 10 versions. 50 tables are really
profiled; their profiles stand for those of the others, which have the same columns. The floor is to read the same
records as JSON and to write as many files of the same size, in the same run.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from measure import OUT, print_bound, run_process

PROFILED = 50
COLUMNS, BUILDS, VERSIONS, TESTS = 20, 20, 10, ("unique", "not_null", "accepted_values", "relationships")
NOW = datetime(2026, 11, 26, tzinfo=UTC)
SEEDED = ("customer_id", "amount_cents", "created_at", "country_code", "is_active")
BUILD_SITE = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from warehouse.project import Project
from warehouse.site.site import build_site
project = Project.find(Path({root!r}))
build_site  # imports are left out
import warehouse.reports.html, jinja2, pydantic, duckdb
started = time.perf_counter()
site = build_site(project, now=datetime(2026, 11, 26, tzinfo=UTC))
print(f"seconds={{time.perf_counter() - started}}")
print(site.page_count, site.byte_count)
"""
FLOOR = """
import json, time
from pathlib import Path
started = time.perf_counter()
for path in sorted(Path({records!r}).glob("*.json")):
    json.loads(path.read_text())
folder = Path({folder!r})
folder.mkdir()
for source in sorted(Path({site!r}).resolve().rglob("*.html")):
    (folder / f"{{source.parent.name}}-{{source.name}}").write_bytes(b"x" * source.stat().st_size)
print(f"seconds={{time.perf_counter() - started}}")
"""


def main() -> int:
    tables = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    root = OUT / "site"
    shutil.rmtree(root, ignore_errors=True)
    make_project(root, tables)
    script = root / "build_site.py"
    script.write_text(BUILD_SITE.format(root=str(root)))
    first = run_process(str(script))
    share_profiles(root, tables)
    second = run_process(str(script))
    site = (root / "var" / "site").resolve()
    script = root / "floor.py"
    records, folder = root / "var" / "warehouse" / "runs", root / "floor"
    script.write_text(FLOOR.format(records=str(records), folder=str(folder), site=str(site)))
    floor = run_process(str(script))
    sizes = {path.relative_to(site).as_posix(): path.stat().st_size for path in site.rglob("*") if path.is_file()}
    pages = sorted(size for name, size in sizes.items() if name.endswith(".html"))
    table_pages = sorted(size for name, size in sizes.items() if name.startswith("tables/") and "index" not in name)
    search = [size for name, size in sizes.items() if name.startswith("assets/search")]
    print(
        f"{len(pages):,} pages, {sum(pages) / 2**20:.1f} MiB; {first.seconds:.1f} s with {PROFILED} tables to profile"
    )
    print(f"reading the records and writing as many bytes: {floor.seconds:.2f} s")
    holds = [
        print_bound(f"site of {tables:,} tables, nothing to profile", second.seconds, 20, unit="s"),
        print_bound("the same / reading its records and writing as many bytes", second.seconds / floor.seconds, 12),
        print_bound("peak memory of that", second.peak_mb, 700, unit="MB"),
        print_bound("page of a table, median", table_pages[len(table_pages) // 2] / 1024, 60, unit="KiB"),
        print_bound("first page", sizes["index.html"] / 1024, 40, unit="KiB"),
        print_bound("list of all tables, the largest page", pages[-1] / 1024, 600, unit="KiB"),
        print_bound("search index, loaded when somebody searches", sum(search) / 1024, 1500, unit="KiB"),
        print_bound("its largest piece", max(search) / 1024, 200, unit="KiB"),
    ]
    return not all(holds)


def make_project(root: Path, tables: int) -> None:
    """A project with published build, records and dataset versions, and no dbt behind them."""
    import duckdb

    root.mkdir(parents=True)
    (root / "dbt_project.yml").write_text("name: bench\n")
    warehouse = root / "var" / "warehouse"
    ids = [f"{NOW - timedelta(days=BUILDS - day):%Y%m%dT%H%M%SZ}" for day in range(BUILDS)]
    build = warehouse / "builds" / ids[-1]
    (build / "dbt").mkdir(parents=True)
    names = table_names(tables)
    (build / "dbt" / "manifest.json").write_text(json.dumps(manifest(names[:PROFILED])))
    with duckdb.connect(str(build / "warehouse.duckdb")) as connection:
        for number, name in enumerate(names):
            values = ", ".join(column_sql(column, number) for column in columns(number))
            connection.execute(f'create table "{name}" as select {values} from range(1000) as r(i)')
    (warehouse / "current").symlink_to(build)
    (warehouse / "runs").mkdir()
    for run_id in ids:
        (warehouse / "runs" / f"{run_id}.json").write_text(json.dumps(record(run_id, names)))
    template = json.loads((Path(__file__).parent.parent / "tests" / "site" / "manifest.json").read_text())
    for number in range(20):
        for version in range(VERSIONS):
            folder = root / "var" / "datasets" / f"dataset_{number:02d}" / f"1.{version}.0"
            folder.mkdir(parents=True)
            named = {**template, "name": f"dataset_{number:02d}", "version": f"1.{version}.0"}
            (folder / "manifest.json").write_text(json.dumps(named))


def share_profiles(root: Path, tables: int) -> None:
    """Gives every table a profile, and dbt's manifest all tables."""
    folder = root / "var" / "warehouse" / "profiles"
    names = table_names(tables)
    for number, name in enumerate(names[PROFILED:], PROFILED):
        original = folder / f"model.bench.{names[number % PROFILED]}.json"
        shutil.copyfile(original, folder / f"model.bench.{name}.json")
    path = root / "var" / "warehouse" / "current" / "dbt" / "manifest.json"
    path.write_text(json.dumps(manifest(names)))


def table_names(tables: int) -> list[str]:
    return [f"{('stg', 'int', 'fct', 'dim')[number % 4]}_company_topic_{number:04d}" for number in range(tables)]


def columns(number: int) -> list[str]:
    return [*SEEDED, *(f"measure_{place:02d}_of_topic_{number % PROFILED}" for place in range(COLUMNS - len(SEEDED)))]


def column_sql(column: str, number: int) -> str:
    values = {
        "created_at": "timestamp '2026-01-01' + to_hours(cast(i as integer))",
        "country_code": f"list_extract(['DE', 'FR', 'NL', 'PL'], cast(1 + (i + {number}) % 4 as integer))",
        "is_active": "i % 3 = 0",
    }
    return f'{values.get(column, f"(i * 7919 + {number}) % 997")} as "{column}"'


def manifest(names: list[str]) -> dict[str, Any]:
    nodes: dict[str, Any] = {}
    for number, name in enumerate(names):
        reads = [f"model.bench.{names[number - step]}" for step in (1, 7) if number >= step]
        nodes[f"model.bench.{name}"] = {
            "database": "warehouse",
            "schema": "main",
            "name": name,
            "alias": name,
            "resource_type": "model",
            "original_file_path": f"models/marts/topic_{number % 40}/{name}.sql",
            "unique_id": f"model.bench.{name}",
            "config": {"materialized": "table"},
            "description": f"One row per thing number {number}: what the company knows of it, day by day.",
            "columns": {column: {"name": column, "description": f"The {column} of it."} for column in columns(number)},
            "depends_on": {"nodes": reads},
            "compiled_code": "select *\nfrom somewhere\n" * 20,
        }
        for test in TESTS:
            nodes[f"test.bench.{test}_{name}"] = {
                "resource_type": "test",
                "name": f"{test}_{name}_customer_id",
                "unique_id": f"test.bench.{test}_{name}",
                "attached_node": f"model.bench.{name}",
                "column_name": "customer_id",
                "config": {"severity": "error"},
                "original_file_path": "models/_models.yml",
                "depends_on": {"nodes": [f"model.bench.{name}"]},
            }
    return {
        "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "project_name": "bench"},
        "nodes": nodes,
        "sources": {},
        "exposures": {},
    }


def record(run_id: str, names: list[str]) -> dict[str, Any]:
    common = {"tested": "", "message": "", "failures": None, "compiled_path": "", "path": "models/_models.yml"}
    built = [
        {
            **common,
            "unique_id": f"model.bench.{name}",
            "name": name,
            "resource_type": "model",
            "materialized": "table",
            "status": "success",
            "seconds": 0.5,
            "rows": 1000,
        }
        for name in names
    ]
    tested = [
        {
            **common,
            "unique_id": f"test.bench.{test}_{name}",
            "name": f"{test}_{name}_customer_id",
            "resource_type": "test",
            "materialized": "test",
            "status": "pass",
            "seconds": 0.1,
            "rows": None,
        }
        for name in names
        for test in TESTS
    ]
    return {
        "id": run_id,
        "command": "build",
        "status": "passed",
        "started_at": NOW.isoformat(),
        "seconds": 600.0,
        "by": {"user": "nightly", "host": "warehouse", "pid": 1},
        "git": {"commit": "a" * 40, "dirty": False},
        "tools": {"duckdb": "1.5.5"},
        "nodes": [*built, *tested],
        "findings": [],
        "validation": {"suites": [suite(name) for name in names], "expectation_count": 3 * len(names)},
    }


def suite(name: str) -> dict[str, Any]:
    path = f"/company/expectations/{name}.yml"
    return {
        "name": name,
        "table": name,
        "path": path,
        "row_count": 1000,
        "seconds": 0.1,
        "expectations": [
            {
                "type": f"expect_column_values_to_be_{kind}",
                "arguments": {"column": "amount_cents", "min_value": 0},
                "severity": "critical",
                "reason": "Nobody pays less than nothing.",
                "path": path,
                "line": 3,
                "success": True,
                "column": "amount_cents",
                "row_count": 1000,
                "null_count": 0,
                "unexpected_count": 0,
                "unexpected_share": 0.0,
            }
            for kind in ("between", "unique", "positive")
        ],
    }


if __name__ == "__main__":
    started = time.perf_counter()
    code = main()
    print(f"measured in {time.perf_counter() - started:.0f} s")
    sys.exit(code)
