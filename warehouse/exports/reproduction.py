"""Making a version again from the build that it was made from, and comparing what comes out."""

from __future__ import annotations

import shutil
import uuid
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from warehouse import records, runs, storage
from warehouse.datasets.differences import Difference, compare_versions
from warehouse.datasets.fingerprints import content_fingerprint
from warehouse.datasets.manifest import Manifest
from warehouse.datasets.pseudonyms import KEY_VARIABLE, read_key
from warehouse.datasets.versions import Version, confine_to, find_version
from warehouse.engine.base import Engine
from warehouse.engine.local import LocalEngine
from warehouse.errors import VersionError
from warehouse.exports.aside import exported_aside
from warehouse.findings import Finding, Severity, is_critical
from warehouse.lineage.facets import of_dataset
from warehouse.lineage.names import version_name
from warehouse.lineage.runs import DatasetUse
from warehouse.project import Project
from warehouse.published import build_ids
from warehouse.records import Status


class Sameness(StrEnum):
    """How much of a split came out again."""

    BYTES = "bytes"
    """Every byte."""
    CONTENT = "content"
    """Every row and value, in other bytes: another DuckDB, say."""
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitReproduction:
    """One split, as recorded and as it came out."""

    name: str
    sameness: Sameness
    recorded_row_count: int | None
    """None: the version has no such split."""
    row_count: int | None
    """None: it did not come out."""
    recorded_content: str | None
    """Fingerprint of the version's rows; None when the bytes are the same, so that nobody needed it."""
    content: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolChange:
    """A tool whose version is not what the manifest records, or the commit of the project."""

    name: str
    recorded: str | None
    now: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """What making a version again showed."""

    reference: str
    build_id: str
    sameness: Sameness
    """The least of all splits."""
    splits: tuple[SplitReproduction, ...]
    tools: tuple[ToolChange, ...]
    difference: Difference | None
    """What is not the same; None when every row is."""
    findings: tuple[Finding, ...]


def reproduce(project: Project, reference: str, *, now: datetime) -> Reproduction:
    """Exports a version again, by its own specification from its own build, and compares; nothing else changes.

    On record for who may write records, and told to catalogs.

    Files are compared by SHA-256. Where bytes differ, the fingerprints of the rows decide.

    Raises:
        VersionError: there is no such version, its build is gone, or somebody was left out of it.
        ExportError: the rows cannot be exported any more.
        StorageError: the disk is full or cannot be written.
    """
    version = find_version(project, reference)
    _require(project, version)
    details = {
        "reference": version.reference,
        "dataset": version.name,
        "build_id": version.manifest.provenance.build_id,
    }
    with runs.on_record(project, "reproduce", now=now, details=details, dataset=version.name, is_reading=True) as run:
        with run.telling() as is_told:
            facets = of_dataset(version=version.manifest.version) if is_told else {}
            run.inputs.append(DatasetUse(name=version_name(project, version.name), facets=facets))
        result = _reproduce(project, version, now=now)
        run.status = Status.FAILED if is_critical(result.findings) else Status.PASSED
        run.details = {
            "sameness": result.sameness.value,
            "splits": [{"name": split.name, "sameness": split.sameness.value} for split in result.splits],
            "findings": [asdict(finding) for finding in result.findings],
        }
    return result


def _reproduce(project: Project, version: Version, *, now: datetime) -> Reproduction:
    manifest = version.manifest
    build = manifest.provenance.build_id
    with exported_aside(project, version.name, now=now, build=build, recorded=version) as again:
        spill = project.temporary_path / f"reproduce-{uuid.uuid4().hex}"
        connection = storage.connect(
            None,
            memory_limit=project.settings.memory_limit,
            threads=project.settings.threads,
            temporary_path=spill,
        )
        try:
            confine_to(connection, version, again)
            engine = LocalEngine(connection)
            splits = _splits(engine, version, again)
            sameness = max((split.sameness for split in splits), key=list(Sameness).index)
            different = sameness is Sameness.DIFFERENT
            difference = compare_versions(engine, version, again) if different else None
        finally:
            connection.close()
            shutil.rmtree(spill, ignore_errors=True)
        tools = _tool_changes(project, manifest, again.manifest)
    return Reproduction(
        reference=version.reference,
        build_id=build,
        sameness=sameness,
        splits=splits,
        tools=tools,
        difference=difference,
        findings=(_finding(version, splits),) if different else (),
    )


def _require(project: Project, version: Version) -> None:
    manifest = version.manifest
    if manifest.forgotten is not None:
        raise VersionError(
            f"{version.reference} was not exported: warehouse forget wrote it, without rows of "
            f"{version.name}@{manifest.forgotten.since}\n  so it cannot be made again from a build that has them"
        )
    build = manifest.provenance.build_id
    if build not in build_ids(project):
        raise VersionError(
            f"{version.reference} was exported from build {build}, which is not there any more, so it cannot be made "
            "again\n  builds are kept for as long as a version that was exported from them stands; restore "
            f"{project.relative(project.builds_path / build)} from a copy"
        )
    keys = {column.pseudonym.key_fingerprint for column in manifest.columns if column.pseudonym}
    if keys and keys != {read_key().fingerprint}:
        raise VersionError(
            f"{version.reference} has pseudonyms by the key with the fingerprint {', '.join(sorted(keys))}, and the "
            f"one in {KEY_VARIABLE} has {read_key().fingerprint}\n  set the key that it was written with"
        )


def _splits(engine: Engine, version: Version, again: Version) -> tuple[SplitReproduction, ...]:
    recorded = {split.name: split for split in version.manifest.splits}
    found = {split.name: split for split in again.manifest.splits}
    results = []
    for name in {**recorded, **found}:
        old, new = recorded.get(name), found.get(name)
        contents: tuple[str | None, str | None] = (None, None)
        if old and new and [file.sha256 for file in old.files] == [file.sha256 for file in new.files]:
            sameness = Sameness.BYTES
        elif old is None or new is None or _types(version) != _types(again):
            sameness = Sameness.DIFFERENT
        else:
            contents = (
                content_fingerprint(engine, version.split(name), _types(version)),
                content_fingerprint(engine, again.split(name), _types(again)),
            )
            sameness = Sameness.CONTENT if contents[0] == contents[1] else Sameness.DIFFERENT
        results.append(
            SplitReproduction(
                name=name,
                sameness=sameness,
                recorded_row_count=old.row_count if old else None,
                row_count=new.row_count if new else None,
                recorded_content=contents[0],
                content=contents[1],
            )
        )
    return tuple(results)


def _types(version: Version) -> dict[str, str]:
    return {column.name: column.type for column in version.manifest.columns}


def _tool_changes(project: Project, recorded: Manifest, now: Manifest) -> tuple[ToolChange, ...]:
    """Tools of other versions than recorded; the project's commit, though a build's rows do not depend on it."""
    git = records.git_state(project.root) or {}
    old = {**recorded.tools, "git commit": recorded.provenance.git_commit}
    new = {**now.tools, "git commit": git.get("commit")}
    return tuple(
        ToolChange(name=name, recorded=old.get(name), now=new.get(name))
        for name in {**old, **new}
        if old.get(name) != new.get(name)
    )


def _finding(version: Version, splits: tuple[SplitReproduction, ...]) -> Finding:
    names = [split.name for split in splits if split.sameness is Sameness.DIFFERENT]
    return Finding(
        severity=Severity.CRITICAL,
        check="reproduce",
        subject=version.reference,
        message=f"{version.reference} does not come out again: {', '.join(names)} differ",
        advice=f"see whether its files are what was written: warehouse verify {version.reference}",
    )
