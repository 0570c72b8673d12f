"""Whether a build of the same is there already. In doubt there is none, and the doubt is said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from warehouse import records
from warehouse.build_inputs import read_inputs
from warehouse.build_tables import is_gone_from_spark
from warehouse.dbt_code import Code, read_code
from warehouse.dbt_manifest import DbtManifest, read_dbt_manifest
from warehouse.errors import BuildError, ProjectError
from warehouse.findings import Finding, Severity
from warehouse.nightly.doubts import doubts_about
from warehouse.project import Project
from warehouse.published import BuildFiles, find_build, published_id
from warehouse.records import Record, Status
from warehouse.sources.states import SourceState, read_sources
from warehouse.stages import findings_of

_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SameBuild:
    """The build that need not be made again, or why one must be made."""

    build_id: str | None
    """None when a build is needed."""
    why: str
    """Why it is needed, or why not."""
    must_be_published: bool = False
    """Whether it passed and was never published: its process died between the two."""
    is_held_back: bool = False
    """Whether it did not pass its checks, with these findings, and would not now."""
    findings: tuple[Finding, ...] = ()


def find_same_build(project: Project, *, now: datetime) -> SameBuild:
    """The newest build, passed or held back, when it was made from what a build now would be made from.

    Compared are the hashes of the source files, the project's files and suites, the environment that they read, and the
    versions of the tools. Reads each source file whose size or time changed since it was last read.

    Raises:
        StorageError: a source or a file of the project cannot be read; or the newest build lies on Spark, and nobody
            answers there.
    """
    current = published_id(project)
    if current is None:
        return _needed("nothing is published yet")
    held_back = _newest_held_back(project)
    if held_back is not None and next(_reasons(project, held_back, now), None) is None:
        return SameBuild(
            build_id=held_back.id,
            why=f"build {held_back.id} was held back, and a new one would be made from the same",
            findings=findings_of(held_back.details.get("findings", ())),
            is_held_back=True,
        )
    record = _newest_passed(project)
    if record is None or record.id < current:
        return _needed(f"there is no record of build {current}")
    reason = next(_reasons(project, record, now), None)
    if reason is not None:
        return _needed(reason)
    if record.id == current:
        return SameBuild(
            build_id=current,
            why=f"build {current} stands: the sources, the project and the tools are what it was made from",
        )
    choice = _choice(project, since=record.id, current=current)
    if choice is None:
        return SameBuild(
            build_id=record.id,
            why=f"published build {record.id}, which had passed and was made from the same",
            must_be_published=True,
        )
    finding = Finding(
        severity=Severity.WARNING,
        check="rollback",
        subject=f"build {current}",
        message=f"the published build is an older one, by a {choice.command} of {choice.by.get('user', 'somebody')} at "
        f"{choice.started_at}; a new build would be the same as {record.id}",
        advice=f"correct what was wrong with it, or publish it again: warehouse publish {record.id}",
    )
    return SameBuild(
        build_id=current,
        why=f"build {current} stands, since somebody chose it and nothing has changed since",
        findings=(finding,),
    )


def _needed(why: str) -> SameBuild:
    return SameBuild(build_id=None, why=why)


def _newest_held_back(project: Project) -> Record | None:
    """The newest build of all, when its checks found something critical."""
    for run_id in reversed(records.run_ids(project)):
        record = records.read_record(project, run_id)
        if record is not None and record.command == "build":
            return record if record.status is Status.FAILED else None
    return None


def _newest_passed(project: Project) -> Record | None:
    """The newest build that passed, when its folder is there."""
    for run_id in reversed(records.run_ids(project)):
        record = records.read_record(project, run_id)
        if record is not None and record.command == "build" and record.status is Status.PASSED:
            files = BuildFiles(id=run_id, path=project.builds_path / run_id)
            return record if files.content_path.is_file() else None
    return None


def _choice(project: Project, *, since: str, current: str) -> Record | None:
    """The record by which somebody chose the published build after this run; None when nobody did."""
    for run_id in reversed(records.run_ids(project)):
        if run_id <= since:
            return None
        record = records.read_record(project, run_id)
        # One that was killed on the way counts when it came as far as the switch.
        if record is not None and record.command in records.SWITCHES and record.details.get("to") == current:
            return record
    return None


def _reasons(project: Project, record: Record, now: datetime) -> Iterator[str]:
    """Why the build must be made again, the cheapest to find out first."""
    hours = project.settings.nightly_rebuild_hours
    if hours and now - datetime.fromisoformat(record.started_at) > timedelta(hours=hours):
        yield f"build {record.id} is older than {hours} hours (nightly_rebuild_hours)"
    options = record.details.get("options", {})
    if options.get("select") or options.get("exclude"):
        yield f"build {record.id} was made in part only"
    yield from _tool_changes(record)
    yield from _input_changes(record, read_inputs(project))
    if any(finding.get("check") == "source" for finding in record.details.get("findings", ())):
        yield f"build {record.id} has findings about its sources"
    files = BuildFiles(id=record.id, path=project.builds_path / record.id)
    if files.is_on_spark is not (project.settings.engine == "spark"):
        where = "lies on Spark" if files.is_on_spark else "is in DuckDB"
        yield f"build {record.id} {where}, and the engine of the settings is another"
    if record.status is Status.PASSED and is_gone_from_spark(project, files):
        yield f"the tables of build {record.id} are gone from Spark"
    try:
        path = find_build(project, record.id).dbt_manifest_path
        manifest, code = read_dbt_manifest(path), read_code(path)
    except (BuildError, ProjectError):
        yield f"dbt's manifest of build {record.id} cannot be read"
        return
    yield from doubts_about(project, manifest, _that_ran(code, record))
    yield from _source_changes(record, manifest, read_sources(project, manifest.sources.values()))


def _that_ran(code: Code, record: Record) -> Code:
    """Without what was skipped because of a failed test, and so cannot have made a difference."""
    skipped = tuple(node["unique_id"] for node in record.details.get("nodes", ()) if node["status"] == "skipped")

    def kept(name: str) -> bool:
        return name not in skipped and name.rpartition(".hook")[0] not in skipped

    return Code(
        sql={name: sql for name, sql in code.sql.items() if kept(name)},
        templates={name: text for name, text in code.templates.items() if kept(name)},
    )


def _tool_changes(record: Record) -> Iterator[str]:
    installed = records.installed_tools()
    for tool in sorted({*record.tools, *installed}):
        before, after = record.tools.get(tool), installed.get(tool)
        if before != after:
            yield f"{tool} was {before or 'absent'} and is {after or 'absent'}"


def _input_changes(record: Record, now: Mapping[str, str | None]) -> Iterator[str]:
    before = record.details.get("inputs")
    if not isinstance(before, dict):
        yield f"build {record.id} did not say what it was made from"
        return
    if now["files_sha256"] is None:
        yield "not all files that dbt reads are known: dbt_project.yml names folders outside, or by an expression"
    elif before.get("files_sha256") != now["files_sha256"]:
        yield "the project's files or suites have changed"
    if now["environment_sha256"] is None:
        yield "the project puts the name of an environment variable together, so its value is not known"
    elif before.get("environment_sha256") != now["environment_sha256"]:
        yield "environment variables that the project reads have changed"


def is_same_project(record: Record, now: Mapping[str, str | None]) -> bool:
    """Whether the build was made from the project's files and environment as they are now."""
    return not any(_input_changes(record, now))


def _source_changes(record: Record, manifest: DbtManifest, states: Sequence[SourceState]) -> Iterator[str]:
    before = {source["name"]: _hashes(source.get("files", ())) for source in record.details.get("sources", ())}
    after = {state.name: {file.path: file.sha256 for file in state.files} for state in states}
    for name in sorted({*before, *after}):
        old, new = before.get(name, {}), after.get(name, {})
        if old == new:
            continue
        changed = sorted(path for path in {*old, *new} if old.get(path) != new.get(path))
        named = ", ".join(changed[:_NAMED]) + (f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else "")
        yield f"source {name} has changed: {named}"


def _hashes(files: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {file["path"]: file["sha256"] for file in files}
