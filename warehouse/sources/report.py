"""The state of all sources: what their files are, what is wrong with them, how fresh they are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from warehouse import dbt_runner, records, storage
from warehouse.dbt_manifest import read_dbt_manifest
from warehouse.errors import ProjectError, suggestion
from warehouse.findings import Finding, Severity
from warehouse.project import Project
from warehouse.sources.freshness import Freshness, SourceFreshness, freshness_findings, read_freshness
from warehouse.sources.inspection import InspectedFile, InspectedSource, InspectedTable, inspect_sources
from warehouse.sources.lake_tables import TableVersion
from warehouse.sources.rules import Trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCheck:
    """One source."""

    name: str
    """`source.table`."""
    files: tuple[InspectedFile, ...]
    """Local ones; empty for databases, object stores and tables."""
    table: InspectedTable | None
    """Of Delta or Iceberg, when it lies on this machine and can be read."""
    columns: Mapping[str, str]
    """Type by name, as they were read last."""
    freshness: SourceFreshness | None
    """None where none is declared, or it was not asked."""
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReport:
    """All sources that were asked for."""

    checked_at: str
    """UTC, ISO 8601."""
    sources: tuple[SourceCheck, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Of all sources."""
        return tuple(finding for source in self.sources for finding in source.findings)


def check_sources(
    project: Project,
    *,
    now: datetime,
    names: Sequence[str] = (),
    freshness: bool = True,
    move: bool = False,
) -> SourceReport:
    """Looks at every source: files, shapes, and how fresh they are; a look at all of them is kept as the last one.

    Args:
        project: The project.
        now: When it happens.
        names: Sources to look at, `shop` or `shop.orders`; all when empty.
        freshness: Whether dbt is asked how fresh they are.
        move: Whether files whose policy is quarantine are moved away.

    Raises:
        ProjectError: there is no such source, or `meta.checks` cannot be used.
        BuildError: dbt cannot parse the project.
        StorageError: the report cannot be written.
    """
    run_id = records.new_run_id(project, now)
    parsed = dbt_runner.parse_project(project, log_path=project.warehouse_path / "logs" / run_id)
    manifest = read_dbt_manifest(project.warehouse_path / "dbt" / "manifest.json")
    known = {one for source in manifest.sources.values() for one in _names(source.source_name, source.name)}
    for name in names:
        if name not in known:
            raise ProjectError(f"there is no source {name!r}; {suggestion(name, sorted(known))}")
    inspection = inspect_sources(project, manifest.sources.values(), now=now, move=move, selected=names)
    dbt_runner.read_from(parsed, inspection.locations)
    ages = {source.name: source for source in read_freshness(project, parsed, run_id=run_id)} if freshness else {}
    report = SourceReport(
        checked_at=now.astimezone(UTC).isoformat(timespec="seconds"),
        sources=tuple(
            SourceCheck(
                name=source.name,
                files=source.files,
                table=source.table,
                columns=source.shape.columns,
                freshness=ages.get(source.name),
                findings=source.findings + _freshness_findings(source, ages.get(source.name)),
            )
            for source in inspection.sources
        ),
    )
    if not names:
        storage.write_json(report_path(project), _document(report))
    return report


def _freshness_findings(source: InspectedSource, age: SourceFreshness | None) -> tuple[Finding, ...]:
    # That it could not be asked is no second finding where a first one says why: rows that cannot be read have no age.
    if age is None or (age.age_seconds is None and not source.is_readable):
        return ()
    return freshness_findings((age,))


def report_path(project: Project) -> Path:
    """Where the last look at all sources lies."""
    return project.warehouse_path / "source_report.json"


def read_source_report(project: Project) -> SourceReport | None:
    """The last look at all sources; None when there was none that can be read."""
    try:
        document = json.loads(report_path(project).read_text(encoding="utf-8"))
        return SourceReport(
            checked_at=document["checked_at"], sources=tuple(_source(source) for source in document["sources"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _document(report: SourceReport) -> dict[str, Any]:
    return asdict(report)


def _source(document: Mapping[str, Any]) -> SourceCheck:
    age, table = document["freshness"], document["table"]
    return SourceCheck(
        name=document["name"],
        files=tuple(
            InspectedFile(**{**file, "troubles": tuple(Trouble(trouble) for trouble in file["troubles"])})
            for file in document["files"]
        ),
        table=None
        if table is None
        else InspectedTable(version=TableVersion(**table["version"]), row_count=table["row_count"]),
        columns=document["columns"],
        freshness=None if age is None else SourceFreshness(**{**age, "status": Freshness(age["status"])}),
        findings=tuple(
            Finding(**{**finding, "severity": Severity(finding["severity"])}) for finding in document["findings"]
        ),
    )


def _names(source: str, table: str) -> tuple[str, str]:
    return source, f"{source}.{table}"
