"""The right to be forgotten: versions without the rows of one entity take the place of those that hold them.

In this order, so that a kill at any moment leaves what the same command, run again, finishes: successors are written,
each whole or not at all; tags move to them; the versions that hold the rows are withdrawn. `warehouse gc` deletes
those. The entity itself is written nowhere: only counts are.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from warehouse import storage
from warehouse.datasets.comparison import maintenance_number, next_number
from warehouse.datasets.holdings import (
    BuildHolding,
    Entity,
    Holding,
    check_values,
    condition_sql,
    find_holding,
    find_in_build,
    holds_columns,
    load_entity,
    load_pseudonym_key,
)
from warehouse.datasets.marks import Withdrawal, read_tags, write_tags, write_withdrawal
from warehouse.datasets.removal import delete_leftovers, leftovers
from warehouse.datasets.tags import dataset_lock, tags_by_number
from warehouse.datasets.versions import (
    Version,
    dataset_names,
    find_version,
    read_version,
    standing_numbers,
    taken_numbers,
)
from warehouse.engine.base import Engine
from warehouse.engine.local import LocalEngine
from warehouse.errors import StorageError, VersionError
from warehouse.exports.successors import removal_of, write_successor
from warehouse.findings import Finding, Severity
from warehouse.project import Project
from warehouse.published import build_ids, find_build

REASON = "forgotten"


@dataclass(frozen=True, slots=True, kw_only=True)
class AffectedVersion:
    """A version that holds, or held, rows of the entity."""

    name: str
    number: str
    row_count: int
    """Rows of the entity."""
    tags: tuple[str, ...]
    successor: str | None
    """Number of the version without them; None when nothing needs one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgetting:
    """What forgetting somebody came to; only counts."""

    dry_run: bool
    columns: tuple[str, ...]
    """Columns that the entity was named by."""
    searched_count: int
    """Versions that have these columns."""
    versions: tuple[AffectedVersion, ...]
    builds: tuple[BuildHolding, ...]
    """Builds that still hold the entity."""
    findings: tuple[Finding, ...]

    @property
    def row_count(self) -> int:
        """Rows of the entity in all versions together."""
        return sum(version.row_count for version in self.versions)


def forget(
    project: Project, entity: Entity, *, now: datetime, dataset: str | None = None, dry_run: bool = False
) -> Forgetting:
    """Takes the entity's rows out of every version: successors without them, the versions that hold them withdrawn.

    A successor is written for the newest version of a dataset, for every tagged one and for every one that a split is
    frozen to. Builds are only looked at.

    Args:
        project: The project.
        entity: Who is to be forgotten.
        now: When.
        dataset: Only this one; all when left out.
        dry_run: Only find out.

    Raises:
        VersionError: no version has these columns, or a value cannot be one of its column.
        ExportError: a column is pseudonymised, and there is no key.
        LockedError: a dataset is being exported or changed.
        StorageError: the disk is full or cannot be written.
    """
    if dataset is not None:
        find_version(project, dataset, allow_withdrawn=True)
    names = dataset_names(project) if dataset is None else [dataset]
    with ExitStack() as stack:
        if not dry_run:
            # All of them, sorted, for as long as it takes: an export meanwhile could bring the rows back.
            for name in names:
                stack.enter_context(dataset_lock(project, name))
                _finish_earlier(project, name, now=now)
        engine = stack.enter_context(_engine(project))
        versions, findings = _versions_to_search(project, names, entity)
        load_entity(engine, entity)
        load_pseudonym_key(engine, entity, versions)
        check_values(engine, entity, versions)
        holdings = [found for version in versions if (found := find_holding(engine, version, entity)).row_count]
        affected: list[AffectedVersion] = []
        for name in names:
            held = [holding for holding in holdings if holding.version.name == name]
            affected += _forget_in(project, engine, name, held, entity, now=now, dry_run=dry_run)
    builds, unread = _search_builds(project, entity)
    return Forgetting(
        dry_run=dry_run,
        columns=entity.columns,
        searched_count=len(versions),
        versions=tuple(affected),
        builds=builds,
        findings=(*findings, *_build_findings(builds), *unread),
    )


@contextmanager
def _engine(project: Project, path: Path | None = None) -> Iterator[LocalEngine]:
    """On versions, reaching no other file, or on the build at this path."""
    settings = project.settings
    spill = project.temporary_path / f"forget-{uuid.uuid4().hex}"
    connection = storage.connect(
        path, memory_limit=settings.memory_limit, threads=settings.threads, temporary_path=spill
    )
    try:
        if path is None:
            storage.confine(connection, folders=[project.datasets_path])
        yield LocalEngine(connection)
    finally:
        connection.close()
        shutil.rmtree(spill, ignore_errors=True)


def _versions_to_search(
    project: Project, names: Sequence[str], entity: Entity
) -> tuple[list[Version], tuple[Finding, ...]]:
    versions, findings = [], []
    for name in names:
        for number in standing_numbers(project, name):
            try:
                version = read_version(project.datasets_path / name / number)
            except VersionError:
                findings.append(_unread(f"{name}@{number}", f"warehouse verify {name}@{number}"))
                continue
            if holds_columns(version, entity):
                versions.append(version)
    if not versions:
        columns = ", ".join(entity.columns)
        raise VersionError(
            f"no version that stands has the column{'s' if len(entity.columns) > 1 else ''} {columns}"
            "\n  see the columns of one with: warehouse show NAME"
        )
    return versions, tuple(findings)


def _unread(subject: str, command: str) -> Finding:
    return Finding(
        severity=Severity.CRITICAL,
        check="forget",
        subject=subject,
        message=f"{subject} cannot be read, so nobody knows whom it holds",
        advice=f"see: {command}",
    )


def _forget_in(
    project: Project,
    engine: Engine,
    name: str,
    holdings: Sequence[Holding],
    entity: Entity,
    *,
    now: datetime,
    dry_run: bool,
) -> list[AffectedVersion]:
    """All steps for one dataset, whose lock is held."""
    if not holdings:
        return []
    tags = tags_by_number(project, name)
    successors = _successor_numbers(project, name, holdings, tagged=set(tags))
    if not dry_run:
        for holding in holdings:
            number = successors[holding.version.number]
            if number is not None:
                condition = condition_sql(holding.version, entity)
                write_successor(engine, holding, number, condition, now=now)
        _hand_over(project, name, successors, {h.version.number: h.row_count for h in holdings}, now=now)
    return [
        AffectedVersion(
            name=name,
            number=holding.version.number,
            row_count=holding.row_count,
            tags=tags.get(holding.version.number, ()),
            successor=successors[holding.version.number],
        )
        for holding in holdings
    ]


def _successor_numbers(
    project: Project, name: str, holdings: Sequence[Holding], *, tagged: set[str]
) -> dict[str, str | None]:
    """The number of each version's successor.

    That of the newest version is the next one. That of an older version stays right behind it, 1.0.1 for 1.0.0: it is
    not the newest, whenever it is written.
    """
    standing = standing_numbers(project, name)
    frozen = set[str]()
    for number in standing:
        try:
            frozen |= set(read_version(project.datasets_path / name / number).manifest.spec.freeze.values())
        except VersionError:
            continue
    taken = taken_numbers(project, name)
    successors: dict[str, str | None] = {}
    for holding in holdings:
        number = holding.version.number
        is_empty = holding.row_count == holding.version.manifest.row_count
        if is_empty or (number != standing[-1] and number not in tagged | frozen):
            successors[number] = None
            continue
        if number == standing[-1]:
            found = next_number(removal_of(holding), taken=taken)
        else:
            found = maintenance_number(number, taken=taken)
        successors[number] = found
        taken.append(found)
    return successors


def _hand_over(
    project: Project,
    name: str,
    successors: dict[str, str | None],
    row_counts: dict[str, int],
    *,
    now: datetime,
) -> None:
    """Moves tags to the successors and withdraws the versions; a tag whose version has none is taken away."""
    folder = project.datasets_path / name
    tags = read_tags(folder)
    moved = {tag: successors.get(number, number) for tag, number in tags.items()}
    kept = {tag: number for tag, number in moved.items() if number is not None}
    if kept != tags:
        write_tags(folder, kept)
    at = now.astimezone(UTC).isoformat(timespec="seconds")
    for number, successor in successors.items():
        withdrawal = Withdrawal(at=at, reason=REASON, successor=successor, row_count=row_counts[number])
        write_withdrawal(folder / number, withdrawal)


def _finish_earlier(project: Project, name: str, *, now: datetime) -> None:
    """Hands over what a killed run wrote: a successor stands, and so does the version that it replaces."""
    standing = standing_numbers(project, name)
    delete_leftovers(leftovers(project.datasets_path / name))
    for number in standing:
        try:
            forgotten = read_version(project.datasets_path / name / number).manifest.forgotten
        except VersionError:
            continue
        if forgotten is not None and forgotten.since in standing:
            _hand_over(project, name, {forgotten.since: number}, {forgotten.since: forgotten.row_count}, now=now)


def _search_builds(project: Project, entity: Entity) -> tuple[tuple[BuildHolding, ...], tuple[Finding, ...]]:
    builds, findings = [], []
    for build_id in build_ids(project):
        try:
            with _engine(project, find_build(project, build_id).database_path) as engine:
                load_entity(engine, entity)
                found = find_in_build(engine, build_id, entity)
        except StorageError:
            findings.append(replace(_unread(f"build {build_id}", "warehouse builds"), severity=Severity.WARNING))
            continue
        if found.row_count:
            builds.append(found)
    return tuple(builds), tuple(findings)


def _build_findings(builds: Sequence[BuildHolding]) -> Iterator[Finding]:
    if builds:
        yield Finding(
            severity=Severity.WARNING,
            check="forget",
            subject="builds",
            message=(
                f"{len(builds)} {'build still holds' if len(builds) == 1 else 'builds still hold'} such rows: "
                f"{', '.join(build.build_id for build in builds[-3:])}"
            ),
            measured=float(len(builds)),
            advice=(
                "delete them where they come from, then: warehouse build; otherwise the next export brings them back. "
                "warehouse gc deletes builds that nothing needs"
            ),
        )
