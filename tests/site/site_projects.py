"""A project in which everything that people can name is named as badly as can be, with runs, checks and versions."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from fake_builds import column_doc, exposure_node, manifest_document, model_node

from warehouse.project import Project

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
"""When its site is built."""
HOSTILE = (
    "<script>document.title='hit'</script>\"'>&#x27; {{ 7*7 }} \x1b[31m\u202e<img src=x onerror=alert(1)> `x` \x00"
)
TABLES = (
    "orders",
    "Orders",
    "</title><script>document.title='hit'</script>",
    "../../etc/passwd",
    "a\"b'c",
    "عربي \u202eمقلوب",
    "index",
    "con",
    "long_" + "x" * 300,
    "two  blanks",
    "%2e%2e%2fencoded",
)
DATASET = "old_customers"
EVIL_FOLDER = '"><img src=x onerror="document.title=\'hit\'">'
"""Of a dataset, as far as its folder tells."""
BUILDS = ("20261123T010000Z", "20261124T010000Z", "20261125T010000Z")
NIGHT = "20261125T000000Z"
DRIFT_REPORT = "var/reports/drift/old customers & today.html"
EXPORTED = {"dataset": DATASET, "version": "2.0.0", "outcome": "written"}


def hostile_project(root: Path) -> Project:
    """Its build `BUILDS[1]` is published; `BUILDS[2]` failed."""
    root.mkdir(parents=True)
    (root / "dbt_project.yml").write_text("name: fake\n")
    project = Project.find(root)
    build = project.builds_path / BUILDS[1]
    (build / "dbt").mkdir(parents=True)
    nodes = [_model(name, number) for number, name in enumerate(TABLES)]
    view = model_node("a_view", materialized="view", depends_on=_reads("model.fake.t0"))
    nodes += [
        view,
        _test_node("unique_orders_id", "model.fake.t0", "id"),
        _test_node(HOSTILE, "model.fake.t2", HOSTILE),
    ]
    exposures = [
        exposure_node("late", {"key": "id", "split": {"method": "nonsense"}}, depends_on=_reads("model.fake.t0")),
        exposure_node(
            "board",
            None,
            type="dashboard",
            url="javascript:alert(1)",
            depends_on=_reads("model.fake.t0"),
            meta={},
            config={},
        ),
        exposure_node("web", None, type="application", url="https://example.com/x?a=1&b=<", meta={}, config={}),
    ]
    document = manifest_document(nodes, exposures)
    document["sources"] = {"source.fake.shop.orders": _source()}
    (build / "dbt" / "manifest.json").write_text(json.dumps(document))
    _database(build / "warehouse.duckdb")
    project.current_path.symlink_to(build)
    _records(project)
    _versions(project)
    return project


def _reads(*ids: str) -> dict[str, Any]:
    return {"macros": [], "nodes": list(ids)}


def _model(name: str, number: int) -> dict[str, Any]:
    columns = {
        "id": column_doc("id", description="The key.", data_type="INTEGER"),
        HOSTILE: column_doc(HOSTILE, description=f"`code` {HOSTILE}\n\n- one\n- two"),
        "email": column_doc("email", description="Who.", meta={"pii": True}),
        "gone": column_doc("gone", description="Only described."),
    }
    reads = _reads("source.fake.shop.orders") if number == 0 else _reads(f"model.fake.t{number - 1}", "model.fake.t0")
    return model_node(
        name,
        unique_id=f"model.fake.t{number}",
        columns=columns if number in (0, 2) else {},
        description=f"One row per order. {HOSTILE}" if number == 2 else "One row per order.",
        depends_on=reads,
        original_file_path=f"models/marts/{'<b>' if number == 2 else 'sales'}/t{number}.sql",
        compiled_code=f"select 1 -- {HOSTILE}",
        # The last one is not in the file.
        alias=name if number < len(TABLES) - 1 else "absent",
    )


def _test_node(name: str, about: str, column: str) -> dict[str, Any]:
    return {
        "resource_type": "test",
        "name": name,
        "unique_id": f"test.fake.{name}",
        "attached_node": about,
        "column_name": column,
        "config": {"severity": "error"},
        "original_file_path": "models/_m.yml",
        "depends_on": _reads(about),
    }


def _source() -> dict[str, Any]:
    return {
        "unique_id": "source.fake.shop.orders",
        "resource_type": "source",
        "source_name": "shop",
        "name": "orders",
        "identifier": "orders",
        "description": HOSTILE,
        "original_file_path": "models/_s.yml",
        "columns": {},
        "meta": {"external_location": f"data/{HOSTILE}/*.csv"},
        "source_meta": {},
        "relation_name": '"x"."y"',
    }


def _database(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        for name in TABLES[:-1]:
            if name == "Orders":  # the same table as far as DuckDB is concerned
                continue
            quoted, hostile = ('"' + text.replace('"', '""') + '"' for text in (name, HOSTILE.replace("\x00", "")))
            connection.execute(
                f"create table {quoted} as select i as id, 'person' || i || '@example.com' as email, "
                f"case when i % 3 = 0 then $value end as {hostile}, i * 1.5 as amount, "
                "timestamp '2026-01-01' + to_days(cast(i as integer)) as at, [i] as list from range(500) as r(i)",
                {"value": HOSTILE.replace("\x00", "")},
            )
        connection.execute("create view a_view as select * from orders")


def node_result(unique_id: str, kind: str, status: str, **more: Any) -> dict[str, Any]:
    return {
        "unique_id": unique_id,
        "name": unique_id.removeprefix(f"{kind}.fake."),
        "resource_type": kind,
        "tested": "",
        "materialized": "table" if kind == "model" else kind,
        "status": status,
        "seconds": 1.25,
        "message": "",
        "failures": None,
        "rows": None,
        "path": "models/x.yml",
        "compiled_path": "",
        **more,
    }


def expectation(kind: str, *, success: bool, **more: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "arguments": {"column": "email", "regex": HOSTILE},
        "severity": "warning",
        "reason": HOSTILE,
        "path": "/somewhere/expectations/orders.yml",
        "line": 3,
        "success": success,
        "column": "email",
        "observed": None,
        "row_count": 500,
        "null_count": 0,
        "unexpected_count": 0 if success else 7,
        "unexpected_share": 0.0 if success else 0.014,
        "examples": [{"email": "secret-person@example.com"}],
        "details": None,
        "error": None,
        **more,
    }


def _records(project: Project) -> None:
    for number, run_id in enumerate(BUILDS):
        suite = {
            "name": "orders",
            "table": "orders",
            "path": "/somewhere/expectations/orders.yml",
            "row_count": 500,
            "seconds": 0.1,
            "expectations": [
                expectation("expect_column_values_to_match_regex", success=number == 0),
                expectation(
                    "expect_column_max_to_be_between",
                    success=True,
                    observed="secret-max@example.com",
                    unexpected_count=None,
                ),
            ],
        }
        failed = number == 2
        write_record(
            project,
            run_id,
            status="failed" if failed else "passed",
            nodes=[
                node_result("model.fake.t0", "model", "success", rows=500 + number, name="orders"),
                node_result("test.fake.unique_orders_id", "test", "fail" if failed else "pass", failures=3),
                node_result(f"test.fake.{HOSTILE}", "test", "warn", message=f"Got 3\n{HOSTILE} secret-row"),
            ],
            sources=[{"name": "shop.orders", "files": [_file()], "row_count": 12}],
            findings=[_finding("critical" if failed else "warning")],
            validation={"suites": [suite], "expectation_count": 2},
        )
    stages = [
        {"name": "build", "status": "passed", "message": f"published {HOSTILE}", "findings": [], "details": {}},
        {
            "name": "drift",
            "status": "error",
            "message": "could not be done\n  try",
            "findings": [{**_finding("warning"), "subject": f"{DATASET}: amount"}],
            "details": {
                "datasets": [
                    7,
                    {
                        "dataset": "late",
                        "version": "9.9.9",
                        "message": "no longer in use",
                        "report": "../../etc/passwd",
                    },
                    {"dataset": DATASET, "version": "1.1.0", "message": "3 of 5 drifted", "report": DRIFT_REPORT},
                    {"dataset": EVIL_FOLDER, "version": "1.0.0", "message": "x", "report": "../../../etc/passwd"},
                ]
            },
        },
        {"name": "export", "status": "passed", "message": "", "details": {"datasets": [EXPORTED]}},
    ]
    write_record(project, NIGHT, command="nightly", status="error", stages=stages)
    write_record(project, "20261122T000000Z", command="load", status="interrupted", error=HOSTILE)
    (project.runs_path / "20261121T000000Z.json").write_text("{ no record")


def write_record(project: Project, run_id: str, **more: Any) -> None:
    document = {
        "id": run_id,
        "command": "build",
        "status": "passed",
        "started_at": f"{run_id[:4]}-{run_id[4:6]}-{run_id[6:8]}T{run_id[9:11]}:00:00+00:00",
        "seconds": 12.5,
        "by": {"user": HOSTILE, "host": "here", "pid": 1},
        "git": {"commit": "a" * 40, "dirty": True},
        "tools": {"duckdb": "1.5.5"},
        **more,
    }
    project.runs_path.mkdir(parents=True, exist_ok=True)
    (project.runs_path / f"{run_id}.json").write_text(json.dumps(document))


def _file() -> dict[str, Any]:
    return {"path": f"data/{HOSTILE}.csv", "bytes": 2048, "modified_at": "2026-11-24T00:00:00+00:00", "sha256": "0"}


def _finding(severity: str) -> dict[str, Any]:
    return {
        "severity": severity,
        "check": "dbt_test",
        "subject": HOSTILE,
        "message": f"Got 3 results {HOSTILE}\n  such as id = secret-row",
        "measured": 3.0,
        "threshold": 0.0,
        "advice": HOSTILE,
    }


def _versions(project: Project) -> None:
    """Versions of a dataset that no exposure declares; a broken one, and a copy in a folder with an evil name."""
    for number in ("1.0.0", "1.1.0", "2.0.0"):
        folder = project.datasets_path / DATASET / number
        (folder / "reports").mkdir(parents=True)
        document = json.loads((Path(__file__).parent / "manifest.json").read_text())
        document |= {"name": DATASET, "version": number, "description": HOSTILE, "owner": HOSTILE}
        (folder / "manifest.json").write_text(json.dumps(document))
        (folder / "reports" / "drift.html").write_text("<!doctype html><title>drift</title><p>of this version")
        (folder / "reports" / "<b>odd name.html").write_text("<!doctype html><title>odd</title><p>odd")
    (project.datasets_path / DATASET / "tags.json").write_text(json.dumps({"prod": "1.1.0", HOSTILE: "1.0.0"}))
    shutil.copytree(project.datasets_path / DATASET / "2.0.0", project.datasets_path / "broken" / "1.0.0")
    (project.datasets_path / "broken" / "1.0.0" / "manifest.json").write_text("{")
    shutil.copytree(project.datasets_path / DATASET / "2.0.0", project.datasets_path / EVIL_FOLDER / "1.0.0")
    (project.root / DRIFT_REPORT).parent.mkdir(parents=True)
    (project.root / DRIFT_REPORT).write_text("<!doctype html><title>drift</title><p>of today")
    folder = project.reports_path / "validation"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text('<!doctype html><title>docs</title><a href="odd%20%23name.html">suite</a>')
    (folder / "odd #name.html").write_text('<!doctype html><title>docs</title><a href="index.html">home</a>')
