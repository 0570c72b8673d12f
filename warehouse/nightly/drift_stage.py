"""Today's published tables beside the versions tagged `prod`: do the models in use still meet their data?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version as installed_version
from typing import Any

from warehouse import storage
from warehouse.checks.drift.periods import fitting_period
from warehouse.checks.drift.report import DriftReport
from warehouse.checks.drift.rows import Question, report_of_rows, slug
from warehouse.datasets.declarations import Declaration, read_declarations
from warehouse.datasets.named_rows import TODAY, NamedRows, find_pair, rows_of_version
from warehouse.datasets.profiles import profile_path
from warehouse.datasets.row_engines import open_rows
from warehouse.datasets.spec import DatasetSpec
from warehouse.datasets.tags import list_tags
from warehouse.datasets.versions import dataset_names, version_numbers
from warehouse.dbt_manifest import read_dbt_manifest
from warehouse.errors import WarehouseError
from warehouse.findings import Finding, Severity, is_critical
from warehouse.nightly.history import nightly_records
from warehouse.nightly.tonight import Done, Tonight, told_together
from warehouse.project import Project
from warehouse.published import find_build, published_id
from warehouse.reports.drift_json import drift_json
from warehouse.reports.html import drift_html
from warehouse.stages import Nightly, StageName, StageStatus

TAG = "prod"
"""The tag of the version that a model in use has learned from."""
_REMEMBERED = 10
"""So many earlier runs are looked through for the same comparison."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InUse:
    """A dataset with a version that is in use."""

    name: str
    number: str
    spec: DatasetSpec | None
    """As declared today, whose gates and drift rules count; None when it no longer is, or not usably."""


def versions_in_use(project: Project) -> tuple[InUse, ...]:
    """Every dataset with a version tagged `prod`; reads no rows.

    Raises:
        ProjectError: nothing is published.
        VersionError: the tags of a dataset cannot be read.
    """
    manifest = read_dbt_manifest(find_build(project).dbt_manifest_path)
    declared = {
        declaration.name: declaration
        for declaration in read_declarations(manifest, default_salt=project.settings.split_salt)
    }
    found = []
    for name in dataset_names(project):
        tags = list_tags(project, name) if version_numbers(project, name) else {}
        if TAG in tags:
            found.append(InUse(name=name, number=tags[TAG], spec=_usable(declared.get(name))))
    return tuple(found)


def _usable(declaration: Declaration | None) -> DatasetSpec | None:
    return declaration.draft if declaration is not None and not declaration.problems else None


def compare_with_prod(tonight: Tonight) -> Done:
    """Compares each; one that cannot be compared leaves the others alone.

    Raises:
        ProjectError: nothing is published.
        VersionError: the tags of a dataset cannot be read.
    """
    project = tonight.project
    if published_id(project) is None:
        return Done(message="nothing is published yet", status=StageStatus.SKIPPED)
    in_use = versions_in_use(project)
    if not in_use:
        return Done(message=f"no version is tagged {TAG}", status=StageStatus.SKIPPED)
    build_id = find_build(project).id
    key = _key(project, build_id, in_use)
    if (known := _known(project, key)) is not None:
        return known
    findings: list[Finding] = []
    datasets: list[dict[str, Any]] = []
    for entry in in_use:
        told, found = _compare(project, entry)
        datasets.append(told)
        findings += found
    could_not = [told for told in datasets if "error" in told]
    return Done(
        message=told_together(
            [told["message"].splitlines()[0] for told in datasets], [told["error"] for told in could_not]
        ),
        findings=tuple(findings),
        details={
            "build_id": build_id,
            "datasets": datasets,
            "reports": [
                {"title": f"drift of {told['dataset']}@{told['version']}", "path": told["report"]}
                for told in datasets
                if "report" in told
            ],
            "key": None if could_not else key,
        },
        status=StageStatus.ERROR if could_not else None,
    )


def _compare(project: Project, entry: InUse) -> tuple[dict[str, Any], list[Finding]]:
    told: dict[str, Any] = {"dataset": entry.name, "version": entry.number}
    gate = entry.spec.gates.get("drift") if entry.spec is not None else None
    try:
        report, is_by_profile = _report(project, entry)
    except WarehouseError as error:
        # NOTE: when its drift would be critical, not to know it keeps a new version back as well.
        is_strict = gate is Severity.CRITICAL
        message = f"{entry.name}@{entry.number} could not be compared: {error}"
        return {**told, "error": str(error), "message": message, "is_critical": is_strict}, []
    left, right = report.main.result.left_name, report.main.result.right_name
    stem = project.reports_path / "drift" / slug(left, right)
    storage.write_file(stem.with_name(f"{stem.name}.json"), drift_json(report))
    page = stem.with_name(f"{stem.name}.html")
    storage.write_file(page, drift_html(report))
    all_findings = report.findings
    findings = [
        replace(finding, subject=f"{entry.name}: {finding.subject}")
        for finding in all_findings
        if finding.severity is not Severity.INFO
    ]
    drifted = len(report.main.drifted)
    lately = sum(f.severity is not Severity.INFO for f in report.series.findings) if report.series is not None else 0
    told |= {
        "message": f"{entry.name}@{entry.number}: {_words(drifted, len(report.main.result.columns), lately)}",
        "report": project.relative(page),
        "drifted_count": drifted,
        "drifted_lately_count": lately,
        "undecided_count": sum(finding.severity is Severity.INFO for finding in all_findings),
        "by_profile": is_by_profile,
        "every": report.series.every.value if report.series is not None else None,
        "is_critical": is_critical(findings),
    }
    return told, findings


def _words(drifted: int, total: int, lately: int) -> str:
    whole = f"{drifted} of {total} columns drifted" if drifted else "no column drifted"
    return f"{whole}, and {lately} in the newest rows" if lately else whole


def _report(project: Project, entry: InUse) -> tuple[DriftReport, bool]:
    """The report, and whether the version's profile stood for its rows."""
    left, right = find_pair(project, f"{entry.name}@{entry.number}", TODAY)
    left = _with_rules_of_today(left, entry.spec)
    version = left.version
    assert version is not None
    spec, has_profile = version.manifest.spec, profile_path(version).is_file()
    with open_rows(project, left, right) as engine:
        every = None
        # A series needs the version's rows; without a time, a profile says as much and reads nothing.
        if spec.time is not None and not left.is_gone:
            every = fitting_period(engine, right.relation, time=spec.time)
        by_profile = left.is_gone or (has_profile and every is None)
        return report_of_rows(engine, left, right, Question(every=every, by_profile=by_profile)), by_profile


def _with_rules_of_today(rows: NamedRows, spec: DatasetSpec | None) -> NamedRows:
    """The version's rows, judged by what is declared now: who changes a gate means tonight."""
    version = rows.version
    if version is None or spec is None:
        return rows
    manifest = version.manifest
    judged = replace(manifest, spec=replace(manifest.spec, gates=spec.gates, drift=spec.drift))
    return rows_of_version(replace(version, manifest=judged))


def _key(project: Project, build_id: str, in_use: tuple[InUse, ...]) -> str:
    """Equal for two runs that would compare the same by the same rules."""
    rules = [
        (entry.name, entry.number, repr(entry.spec and (entry.spec.gates, entry.spec.drift, entry.spec.time)))
        for entry in in_use
    ]
    text = json.dumps([build_id, rules, installed_version("ml-warehouse"), installed_version("duckdb")])
    return hashlib.sha256(text.encode()).hexdigest()


def _known(project: Project, key: str) -> Done | None:
    """What an earlier run found of exactly this, when its reports are still there."""
    for _, record in zip(range(_REMEMBERED), nightly_records(project), strict=False):
        nightly = Nightly.from_record(record)
        for stage in nightly.stages if nightly is not None else ():
            if stage.name is not StageName.DRIFT or stage.details.get("key") != key:
                continue
            if not all((project.root / report["path"]).is_file() for report in stage.details.get("reports", ())):
                return None
            details: Mapping[str, Any] = {**stage.details, "compared_by": stage.details.get("compared_by", record.id)}
            return Done(
                message=f"{_without_note(stage.message)} (compared by {details['compared_by']}; nothing has changed)",
                findings=stage.findings,
                details=details,
            )
    return None


def _without_note(message: str) -> str:
    return message.partition(" (compared by ")[0]
