"""Datasets: what each is, its versions and what is known about them, and who uses it as far as the project tells."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warehouse.catalog_facts import ColumnFacts, DatasetFacts, Link, Node, SplitSize, Thing, VersionFacts
from warehouse.datasets.card import label_balance
from warehouse.datasets.declarations import Declaration
from warehouse.datasets.manifest import Change, Manifest
from warehouse.datasets.marks import read_tags
from warehouse.datasets.spec import DatasetSpec, Refresh
from warehouse.datasets.split_words import duration, split_rule, treatment
from warehouse.datasets.versions import Version, read_version, version_numbers
from warehouse.errors import VersionError
from warehouse.findings import Finding, Severity
from warehouse.project import Project
from warehouse.site.file_names import file_stem
from warehouse.stages import Nightly, StageName, StageResult

MOST_VERSIONS = 50
"""Of a dataset; the newest."""
NOT_RECORDED = (
    "Who loads the files of a version is not recorded: they are plain files, and reading them needs no tool of ours."
)


@dataclass(slots=True, kw_only=True)
class Told:
    """What is needed to tell of a project's datasets; files that pages link to are added to `files`."""

    project: Project
    nodes: Mapping[str, Node]
    declarations: Mapping[str, Declaration]
    """By the dataset's name."""
    nights: Sequence[Nightly]
    """Nightly runs, newest first."""
    files: dict[str, Path]
    """Where each linked file lies, by its address in the site."""


def dataset_facts(told: Told, node: Node) -> DatasetFacts:
    """Everything about one dataset; what cannot be read is among its problems."""
    project, name = told.project, node.name
    declaration = told.declarations.get(name)
    problems = list(declaration.problems) if declaration is not None else []
    folder = project.datasets_path / name
    numbers = version_numbers(project, name)
    tags: Mapping[str, str] = {}
    try:
        tags = read_tags(folder)
    except VersionError as error:
        problems.append(str(error))
    manifests: list[Manifest] = []
    versions = []
    for number in numbers[::-1][:MOST_VERSIONS]:
        try:
            version = read_version(folder / number)
            versions.append(_version(told, version, tags))
            manifests.append(version.manifest)
        except VersionError as error:
            problems.append(str(error))
    newest = manifests[0] if manifests else None
    spec = newest.spec if newest is not None else declaration.draft if declaration is not None else None
    exposure = declaration.exposure if declaration is not None else None
    findings, words, reports = _today(told, name, set(tags.values()))
    return DatasetFacts(
        node=node,
        owner=node.note or (newest.owner if newest is not None else "") or "",
        maturity=(exposure.maturity if exposure else None) or (newest.maturity if newest else None) or "",
        description=(exposure.description if exposure else None) or (newest.description if newest else "") or "",
        declared_in=exposure.original_file_path if exposure is not None else "",
        problems=tuple(problems),
        rule=(split_rule(spec), *treatment(spec)) if spec is not None else (),
        facts=tuple(_facts(spec, declaration)) if spec is not None else (),
        columns=tuple(_columns(newest)) if newest is not None else (),
        versions=tuple(versions),
        older_count=max(0, len(numbers) - MOST_VERSIONS),
        uses=tuple(_uses(told, node, tags)),
        drift_today=findings,
        drift_today_words=words,
        reports=reports,
    )


def _facts(spec: DatasetSpec, declaration: Declaration | None) -> Iterator[tuple[str, str]]:
    yield "One row per", ", ".join(spec.key)
    yield "Label", spec.label or "none"
    if spec.label_horizon_seconds:
        yield "Label is known", f"{duration(spec.label_horizon_seconds)} after a row's time"
    if spec.groups:
        yield "Never in two splits", ", ".join(spec.groups)
    if spec.time:
        yield "Time", spec.time
    yield "Model", spec.model
    yield "Format", spec.format.value
    for title, columns in (
        ("Personal data, granted", spec.grant),
        ("Pseudonymised", spec.pseudonymise),
        ("Left out", spec.exclude),
    ):
        if columns:
            yield title, ", ".join(columns)
    if spec.gates:
        yield "Gates", ", ".join(f"{check} {severity.value}" for check, severity in spec.gates.items())
    if declaration is not None:
        nightly = declaration.refresh is Refresh.NIGHTLY
        yield "New versions", "by every nightly run, when something has changed" if nightly else "when somebody exports"


def _columns(manifest: Manifest) -> Iterator[ColumnFacts]:
    for column in manifest.columns:
        yield ColumnFacts(
            name=column.name,
            type=column.type,
            description=column.description,
            unit=column.unit or "",
            is_pii=column.name in manifest.spec.grant,
            tags=("pseudonym",) if column.pseudonym is not None else (),
        )


def _version(told: Told, version: Version, tags: Mapping[str, str]) -> VersionFacts:
    manifest = version.manifest
    withdrawal = version.withdrawal
    drift, counts = _drift(version)
    return VersionFacts(
        number=manifest.version,
        created_at=f"{manifest.created_at:%Y-%m-%dT%H:%M:%S}+00:00",
        row_count=manifest.row_count,
        byte_count=sum(file.byte_count for file in manifest.files),
        splits=tuple(
            SplitSize(name=split.name, row_count=split.row_count, labels=label_balance(split))
            for split in manifest.splits
        ),
        dropped=dict(manifest.dropped),
        change=_change(manifest.change, manifest),
        tags=tuple(tag for tag, number in tags.items() if number == manifest.version),
        withdrawn=_withdrawn(withdrawal.reason, withdrawal.successor) if withdrawal is not None else "",
        findings=manifest.findings,
        leakage=_leakage(version),
        drift=drift,
        drift_counts=counts,
        reports=tuple(_reports(told, version)),
        provenance=tuple(_provenance(manifest)),
    )


def _withdrawn(reason: str, successor: str | None) -> str:
    return f"withdrawn ({reason})" + (f"; use {successor}" if successor else "")


def _change(change: Change | None, manifest: Manifest) -> str:
    if manifest.forgotten is not None:
        return f"{manifest.forgotten.since} without {manifest.forgotten.row_count:,} rows of who asked to be forgotten"
    if change is None:
        return ""
    rows = (
        (change.rows_added, "rows added"),
        (change.rows_removed, "removed"),
        (change.rows_moved, "moved to another split"),
        (change.rows_changed or 0, "changed"),
    )
    parts = [f"{count:,} {words}" for count, words in rows if count]
    columns = (
        (change.columns_added, "columns added"),
        (change.columns_removed, "columns removed"),
        (change.columns_retyped, "columns retyped"),
    )
    parts += [f"{words}: {', '.join(names)}" for names, words in columns if names]
    return f"since {change.since}: {'; '.join(parts) or 'the same rows'}"


def _provenance(manifest: Manifest) -> Iterator[tuple[str, str]]:
    origin = manifest.provenance
    yield "Build", origin.build_id
    yield "Model", f"{origin.model} ({origin.model_path})"
    if origin.git_commit:
        yield "Commit", origin.git_commit + (", with changes" if origin.git_dirty else "")
    if origin.compiled_sql_sha256:
        yield "SHA-256 of its SQL", origin.compiled_sql_sha256
    yield "Fingerprint of its rows", manifest.fingerprint
    yield "Tools", ", ".join(f"{name} {version}" for name, version in manifest.tools.items())


def _reports(told: Told, version: Version) -> Iterator[Link]:
    folder = f"reports/datasets/{file_stem(version.name)}/{version.number}"
    for path in sorted(version.reports_path.glob("*.html")):
        if path.is_file() and not path.is_symlink():
            page = f"{folder}/{file_stem(path.stem)}.html"
            told.files[page] = path
            yield Link(title=report_title(path.stem), page=page)


def report_title(stem: str) -> str:
    """`drift train test` of `drift_train_test`."""
    return stem.replace("_", " ").strip() or stem


def _drift(version: Version) -> tuple[tuple[str, ...], dict[str, int]]:
    """Summary of the report on drift, and the main pair's columns by verdict."""
    document = _json(version.reports_path / "drift.json")
    try:
        counts: dict[str, int] = {}
        for column in document["pairs"][0]["result"]["columns"]:
            counts[str(column["verdict"])] = counts.get(str(column["verdict"]), 0) + 1
        return tuple(str(sentence) for sentence in document["summary"]), counts
    except (KeyError, IndexError, TypeError):
        return (), {}


def _leakage(version: Version) -> str:
    """How the search for leaks came out."""
    document = _json(version.reports_path / "leakage.json")
    try:
        severities = [str(finding["severity"]) for finding in document["findings"]]
        rows = sum(int(count) for count in document["row_counts"].values())
        looked = "a thorough search of" if document["is_thorough"] else "the search at the export in"
    except (KeyError, TypeError, ValueError, AttributeError):
        return ""
    serious = {severity: severities.count(severity) for severity in ("critical", "warning", "info")}
    told = ", ".join(f"{count} {severity}" for severity, count in serious.items() if count)
    return f"{looked} {rows:,} rows found {told or 'no leak'}"


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}


def _uses(told: Told, node: Node, tags: Mapping[str, str]) -> Iterator[str]:
    for tag, number in tags.items():
        yield f"Version {number} is tagged {tag}."
    if node.note:
        yield f"{node.note} owns it."
    models = set(node.parents)
    for other in told.nodes.values():
        if other.id != node.id and other.thing in (Thing.DATASET, Thing.EXPOSURE) and models & set(other.parents):
            what = "Dataset" if other.thing is Thing.DATASET else "Exposure"
            note = f" ({other.note})" if other.note else ""
            yield f"{what} {other.name}{note} uses the same model."
    for night, _, entry in _told_by_nights(told, node.name, StageName.EXPORT):
        if entry.get("version"):
            yield f"Nightly run {night.id} left it at version {entry['version']} ({entry.get('outcome', 'exported')})."
            break
    yield NOT_RECORDED


def _today(told: Told, name: str, in_use: Collection[str]) -> tuple[tuple[Finding, ...], str, tuple[Link, ...]]:
    """What the newest night that compared it found between a version still in use and its day's table."""
    for _, stage, entry in _told_by_nights(told, name, StageName.DRIFT):
        if entry.get("version") not in in_use:
            break
        prefix = f"{name}: "
        found = tuple(finding for finding in stage.findings if finding.subject.startswith(prefix))
        return found, str(entry.get("message", "")).partition("\n")[0], tuple(_drift_report(told, entry))
    return (), "", ()


def _told_by_nights(
    told: Told, name: str, stage_name: StageName
) -> Iterator[tuple[Nightly, StageResult, Mapping[str, Any]]]:
    """What this stage of each night says of the dataset, the newest night first."""
    for night in told.nights:
        for stage in night.stages:
            for entry in _mappings(stage.details.get("datasets")) if stage.name is stage_name else ():
                if entry.get("dataset") == name:
                    yield night, stage, entry


def _drift_report(told: Told, entry: Mapping[str, Any]) -> Iterator[Link]:
    path = told.project.root / str(entry.get("report", ""))
    folder = told.project.reports_path / "drift"
    # A record can be written by hand; only a report where reports lie is linked.
    if entry.get("report") and path.parent == folder and path.is_file() and not path.is_symlink():
        page = f"reports/drift/{file_stem(path.stem)}.html"
        told.files[page] = path
        yield Link(title=f"drift of {entry.get('dataset')}@{entry.get('version')} and today's table", page=page)


def _mappings(value: object) -> Iterable[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def serious(findings: Iterable[Finding]) -> list[Finding]:
    """Those that somebody has to act on."""
    return [finding for finding in findings if finding.severity is not Severity.INFO]
