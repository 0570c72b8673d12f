"""The checks of a build for a catalog: dbt's tests and the expectations, by the table that they are about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from warehouse.dbt_manifest import DbtManifest, Model
from warehouse.lineage import facets
from warehouse.lineage.names import table_name
from warehouse.lineage.runs import DatasetUse, Step, error_of
from warehouse.project import Project
from warehouse.records import Record, Status


def checks_steps(project: Project, record: Record, manifest: DbtManifest) -> list[Step]:
    """One step with every table that was checked as its input; none when nothing was."""
    tables = checked_tables(project, record.details, manifest)
    if not tables:
        return []
    failed = record.status is Status.FAILED
    return [
        Step(
            job="checks",
            started_at=datetime.fromisoformat(record.started_at),
            seconds=float((record.details.get("validation") or {}).get("seconds", 0.0)),
            status=Status.FAILED if failed else Status.PASSED,
            inputs=tables,
            error=error_of(record) if failed else "",
        )
    ]


def checked_tables(project: Project, details: Mapping[str, Any], manifest: DbtManifest) -> list[DatasetUse]:
    """Every table that was checked, by the details of a record, with what came of it."""
    found: dict[str, list[Any]] = {}
    for unique_id, assertion in (*_dbt_tests(details, manifest), *_expectations(details, manifest)):
        found.setdefault(unique_id, []).append(assertion)
    return [_checked(project, manifest.models[unique_id], checks) for unique_id, checks in found.items()]


def _checked(project: Project, model: Model, assertions: list[Any]) -> DatasetUse:
    name = table_name(project, schema=model.schema, table=model.alias)
    return DatasetUse(name=name, use_facets=facets.of_checks(assertions))


def _dbt_tests(details: Mapping[str, Any], manifest: DbtManifest) -> Iterator[tuple[str, Any]]:
    for node in details.get("nodes", ()):
        test = manifest.tests.get(node["unique_id"])
        if test is None or test.attached_node is None or test.attached_node not in manifest.models:
            continue
        if node["status"] != "skipped":
            passed = node["status"] == "pass"
            yield (
                test.attached_node,
                facets.assertion(
                    test.name, kind="dbt test", column=test.column_name, success=passed, severity=test.severity
                ),
            )


def _expectations(details: Mapping[str, Any], manifest: DbtManifest) -> Iterator[tuple[str, Any]]:
    for suite in (details.get("validation") or {}).get("suites", ()):
        model = manifest.model_named(suite["table"])
        for result in suite["expectations"] if model is not None else ():
            assert model is not None
            name = f"{suite['name']}:{result['line']}"
            column, success, severity = result["column"], result["success"], result["severity"]
            yield (
                model.unique_id,
                facets.assertion(name, kind=result["type"], column=column, success=success, severity=severity),
            )
