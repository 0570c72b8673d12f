"""New versions of the datasets that ask for them, from tonight's build."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from warehouse.datasets.declarations import Declaration, read_declarations
from warehouse.datasets.spec import Refresh
from warehouse.dbt_manifest import read_dbt_manifest
from warehouse.errors import WarehouseError
from warehouse.exports.export import export_dataset
from warehouse.exports.outcome import Export, Outcome
from warehouse.findings import Finding, Severity, is_critical
from warehouse.nightly.tonight import Done, Tonight, told_together
from warehouse.project import Project
from warehouse.published import find_build
from warehouse.stages import StageName, StageStatus


def refreshed_datasets(project: Project) -> tuple[Declaration, ...]:
    """The datasets, usable or not, that the published build declares with `refresh: nightly`.

    Raises:
        ProjectError: nothing is published.
    """
    manifest = read_dbt_manifest(find_build(project).dbt_manifest_path)
    declarations = read_declarations(manifest, default_salt=project.settings.split_salt)
    return tuple(declaration for declaration in declarations if declaration.refresh is Refresh.NIGHTLY)


def export_datasets(tonight: Tonight) -> Done:
    """Exports each; one that cannot be exported, or that its gates refuse, leaves the others alone.

    Raises:
        ProjectError: nothing is published.
    """
    project = tonight.project
    declarations = refreshed_datasets(project)
    if not declarations:
        return Done(message="no dataset declares refresh: nightly", status=StageStatus.SKIPPED)
    findings: list[Finding] = []
    versions: list[dict[str, Any]] = []
    outcomes: list[str] = []
    drifted = _drifted(tonight)
    for declaration in declarations:
        name = declaration.name
        if name in drifted:
            outcome = {"dataset": name, "outcome": "held_back", "message": "its drift is critical"}
            findings.append(_held_back(name))
        else:
            try:
                export = export_dataset(project, name, now=tonight.clock())
            except WarehouseError as error:
                outcome = {"dataset": name, "outcome": "error", "message": str(error)}
            else:
                outcome = _outcome(project, export)
                findings += _findings(name, export)
        outcomes.append(outcome["outcome"])
        versions.append(outcome)
    return Done(
        message=told_together(
            [_sentence(version) for version in versions],
            [version["message"] for version in versions if version["outcome"] == "error"],
        ),
        findings=tuple(findings),
        details={"versions": [v for v in versions if "version" in v], "datasets": versions},
        status=_status(outcomes, findings),
    )


def _status(outcomes: Iterable[str], findings: Iterable[Finding]) -> StageStatus:
    found = set(outcomes)
    if "error" in found:
        return StageStatus.ERROR
    if is_critical(findings) or found & {"held_back", Outcome.REFUSED.value}:
        return StageStatus.FAILED
    return StageStatus.PASSED


def _outcome(project: Project, export: Export) -> dict[str, Any]:
    told: dict[str, Any] = {"dataset": export.manifest.name, "outcome": export.outcome.value}
    if export.outcome is Outcome.REFUSED:
        return {**told, "message": f"{export.reference} was not written: a critical finding stands"}
    path = project.relative(export.path) if export.path is not None else ""
    return {**told, "version": export.manifest.version, "path": path, "row_count": export.manifest.row_count}


def _findings(name: str, export: Export) -> list[Finding]:
    """Those of an export that was tried; what a version that stands has found is known since it was made."""
    if export.outcome is Outcome.UNCHANGED:
        return []
    return [replace(finding, subject=f"{name}: {finding.subject}") for finding in export.findings]


def _sentence(version: dict[str, Any]) -> str:
    match version["outcome"]:
        case Outcome.WRITTEN:
            return f"wrote {version['dataset']}@{version['version']}"
        case Outcome.UNCHANGED:
            return f"{version['dataset']}@{version['version']} stands"
        case Outcome.REFUSED:
            return str(version["message"])
        case _:
            return f"{version['dataset']} was not exported: {version['message'].splitlines()[0]}"


def _drifted(tonight: Tonight) -> set[str]:
    """Datasets with a critical finding of tonight's drift, or whose drift is critical and could not be told."""
    result = tonight.results.get(StageName.DRIFT)
    if result is None:
        return set()
    return {entry["dataset"] for entry in result.details.get("datasets", ()) if entry["is_critical"]}


def _held_back(name: str) -> Finding:
    return Finding(
        severity=Severity.CRITICAL,
        check="export",
        subject=name,
        message="no new version was written, since its drift is critical (gates: drift)",
        advice=f"look at the report on its drift, then: warehouse export {name}",
    )
