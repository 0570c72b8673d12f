"""Looks at every file that a build is about to read, before it does.

    location ─▶ files ─▶ facts (cached while size and time stay) ─▶ faults ─▶ policy ─▶ findings, quarantine

Of a Delta or Iceberg table, the file is the newest entry of its log. Only what lies on this machine is looked at;
databases and object stores are the build's to read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from warehouse import storage
from warehouse.dbt_manifest import Source
from warehouse.engine.local import LocalEngine
from warehouse.findings import Finding, Severity, is_critical
from warehouse.project import Project
from warehouse.sources.fact_cache import FactCache
from warehouse.sources.file_facts import Fault, FileFacts, read_file
from warehouse.sources.lake_tables import LakeTableError, TableVersion, find_version, is_elsewhere, pinned, read_table
from warehouse.sources.locations import Location, Reader, parse_location
from warehouse.sources.quarantine import move_away
from warehouse.sources.rules import UNREADABLE, Policy, Rules, Trouble, parse_rules
from warehouse.sources.shapes import Shape, differences, known_shapes, shape_of
from warehouse.sources.states import matched_paths

_SEVERITIES = {Policy.STOP: Severity.CRITICAL, Policy.QUARANTINE: Severity.WARNING, Policy.WARN: Severity.WARNING}


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectedFile:
    """One file."""

    path: str
    """Relative to the project when it lies inside."""
    bytes: int
    row_count: int | None
    """None when it was not counted."""
    troubles: tuple[Trouble, ...]
    quarantined_to: str | None = None
    """Where it was moved, relative to the project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectedTable:
    """A Delta or Iceberg table."""

    version: TableVersion
    row_count: int | None
    """None when it cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectedSource:
    """One source."""

    unique_id: str
    name: str
    """`source.table`."""
    files: tuple[InspectedFile, ...]
    """None for a table."""
    table: InspectedTable | None
    """None for files, and where nothing can be looked at."""
    location: str | None
    """What a build must read to read what was looked at, where it is not the source's own words."""
    shape: Shape
    """Of the files that are left; what is known when there is none."""
    findings: tuple[Finding, ...]
    is_readable: bool = True
    """Whether none of the findings may keep its rows from being read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """All sources."""

    sources: tuple[InspectedSource, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Of all sources."""
        return tuple(finding for source in self.sources for finding in source.findings)

    def fixed(self, source: Source) -> Source:
        """The source as it was looked at: of a table, the version is said."""
        location = self.locations.get(source.unique_id)
        return source if location is None else replace(source, external_location=location)

    @property
    def locations(self) -> Mapping[str, str]:
        """By the unique id of a source, the version of its table that was looked at, as a build reads it."""
        return {one.unique_id: one.location for one in self.sources if one.location is not None}

    @property
    def may_build(self) -> bool:
        """Whether no policy says stop."""
        return not is_critical(self.findings)


def inspect_sources(
    project: Project, sources: Iterable[Source], *, now: datetime, move: bool, selected: Sequence[str] = ()
) -> Inspection:
    """What is wrong with the files of these sources.

    Args:
        project: The project.
        sources: As dbt parsed them.
        now: When it happens; part of a quarantined file's name.
        move: Whether files whose policy is quarantine are moved; none is when another policy says stop.
        selected: Names of sources, `shop` or `shop.orders`; all when empty.

    Raises:
        ProjectError: the sources' `meta.checks` cannot be used; lists every problem.
        StorageError: a file cannot be moved.
    """
    chosen = [
        source
        for source in sources
        if not selected or source.source_name in selected or f"{source.source_name}.{source.name}" in selected
    ]
    rules = parse_rules(chosen)
    known = known_shapes(project)
    cache = FactCache(project)
    connection = storage.connect(None, memory_limit=project.settings.memory_limit, threads=project.settings.threads)
    try:
        engine = LocalEngine(connection)
        looks = [_look(project, source, engine, cache, known.get(_name(source))) for source in chosen]
    finally:
        connection.close()
    cache.write()
    judged = [_Judged(look, rules[look.source.unique_id]) for look in looks]
    stops = any(is_critical(one.findings(moved={})) for one in judged)
    return Inspection(
        sources=tuple(one.result(project, now=now, move=move and not stops, known=known) for one in judged)
    )


@dataclass(frozen=True, slots=True)
class _Look:
    source: Source
    paths: tuple[Path, ...]
    facts: Mapping[Path, FileFacts]
    faults: Mapping[Path, Sequence[Fault]]
    general: Sequence[tuple[str, Fault]]
    """Faults that no file has: subject and fault."""
    version: TableVersion | None = None
    location: str | None = None


def _look(project: Project, source: Source, engine: LocalEngine, cache: FactCache, known: Shape | None) -> _Look:
    location = parse_location(source.external_location or "")
    if location.is_table:
        return _look_at_table(project, source, location, engine, cache, known)
    paths = matched_paths(project, location.patterns, engine)
    facts: dict[Path, FileFacts] = {}
    faults: dict[Path, list[Fault]] = {path: [] for path in paths}
    for path in paths:
        if not path.is_file():
            faults[path].append(
                Fault(trouble=Trouble.NO_FILE, message="is no file", advice="take it out of the folder")
            )
            continue
        if path.is_symlink() and not path.resolve().is_relative_to(project.root):
            faults[path].append(
                Fault(
                    trouble=Trouble.LINK,
                    message=f"is a link to {path.resolve()}, outside of the project",
                    advice="what lies there may change unseen; set link: accept in meta.checks if it is meant",
                )
            )
        call = f"{location.reader.value} {location.function} {location.options!r}"
        found, is_growing = cache.facts(path, call=call, read=partial(read_file, engine, path, location))
        if is_growing:
            faults[path].append(
                Fault(
                    trouble=Trouble.GROWING,
                    message="changes while it is looked at",
                    advice="wait until its delivery is complete; deliver under another name and rename at the end",
                )
            )
        if found is not None:
            facts[path] = found
            faults[path] += found.faults
    baseline = known or _baseline(facts)
    for path, one in facts.items():
        # What was published as it is now is no news: older files lack the columns that came later.
        was_read = known is not None and known.files.get(project.relative(path)) == one.sha256
        if baseline is not None and not was_read and location.reader is not Reader.OTHER:
            others = [other for place, other in facts.items() if place != path]
            faults[path] += differences(engine, str(path), one, location, baseline, others=others)
    for path, twin in _twins(facts).items():
        faults[path].append(
            Fault(
                trouble=Trouble.DUPLICATE,
                message=f"has the same content as {project.relative(twin)}",
                advice="a delivery that came twice? its rows would count twice",
            )
        )
    return _Look(source, paths, facts, faults, _general(project, source, location, paths, known))


def _look_at_table(
    project: Project, source: Source, location: Location, engine: LocalEngine, cache: FactCache, known: Shape | None
) -> _Look:
    if is_elsewhere(location):
        return _Look(source, (), {}, {}, ())
    try:
        version = find_version(project.root, location)
    except LakeTableError as error:
        return _Look(source, (), {}, {}, [(_name(source), error.fault)])
    log, call = project.root / version.log_path, pinned(project.root, location, version)
    # Its log may stay as it is while files that it names come and go.
    facts, _ = cache.facts(log, call=call, read=partial(read_table, engine, call, log), is_whole=False)
    if facts is None:
        fault = Fault(trouble=Trouble.GROWING, message=f"{version.log_path} has just been deleted")
        return _Look(source, (), {}, {}, [(_name(source), fault)])
    faults = list(facts.faults)
    if known is not None:
        faults += differences(engine, str(log), facts, location, known)
    return _Look(source, (), {log: facts}, {}, [(_name(source), fault) for fault in faults], version, call)


def _general(
    project: Project, source: Source, location: Location, paths: Sequence[Path], known: Shape | None
) -> list[tuple[str, Fault]]:
    local = [pattern for pattern in location.patterns if pattern and "://" not in pattern]
    found = []
    if local and len(local) == len(location.patterns) and not paths and location.reader is not Reader.OTHER:
        fault = Fault(
            trouble=Trouble.NO_MATCH,
            message=f"no file matches {', '.join(local)}",
            advice=f"correct external_location in {source.file_path}, or have the files delivered",
        )
        found.append((_name(source), fault))
    if location.reader is Reader.EXCEL and len(paths) > 1:
        fault = Fault(
            trouble=Trouble.UNREAD,
            message=f"{len(paths):,} workbooks match {', '.join(local)}, and a build reads the first of them alone",
            advice="let warehouse load read each: from: files in meta.load of the source",
        )
        found.append((_name(source), fault))
    present = {project.relative(path) for path in paths}
    gone = [path for path in (known.files if known else ()) if path not in present]
    if gone and paths:
        shown = ", ".join(gone[:5]) + (f" and {len(gone) - 5} more" if len(gone) > 5 else "")
        fault = Fault(
            trouble=Trouble.VANISHED_FILE,
            message=f"{len(gone):,} file{'s' if len(gone) > 1 else ''} that the published build read "
            f"{'are' if len(gone) > 1 else 'is'} gone: {shown}",
            advice="their rows will be missing from the next build",
        )
        found.append((_name(source), fault))
    return found


def _baseline(facts: Mapping[Path, FileFacts]) -> Shape | None:
    """What the other files are held against when nothing was published: the columns that most files have."""
    readable = [one for one in facts.values() if one.columns]
    if len(readable) < 2:
        return None
    names = [tuple(name for name, _ in one.columns) for one in readable]
    usual = max(dict.fromkeys(names), key=names.count)
    like = {str(index): one for index, one in enumerate(readable) if tuple(n for n, _ in one.columns) == usual}
    return Shape(columns=shape_of(like).columns, ends_line=None)


def _twins(facts: Mapping[Path, FileFacts]) -> dict[Path, Path]:
    first: dict[str, Path] = {}
    twins = {}
    for path, one in facts.items():
        if Trouble.EMPTY in [fault.trouble for fault in one.faults]:
            continue
        if one.sha256 in first:
            twins[path] = first[one.sha256]
        first.setdefault(one.sha256, path)
    return twins


class _Judged:
    """The faults of one source under its policies."""

    def __init__(self, look: _Look, rules: Rules) -> None:
        self._look = look
        self._rules = rules

    def findings(self, *, moved: Mapping[Path, Path], project: Project | None = None) -> tuple[Finding, ...]:
        """A finding for every fault that is not accepted."""
        found = [
            self._finding(path, fault, moved.get(path), project)
            for path, faults in self._look.faults.items()
            for fault in faults
            if self._rules[fault.trouble] is not Policy.ACCEPT
        ]
        found += [
            self._finding(None, fault, None, project)
            for _, fault in self._look.general
            if self._rules[fault.trouble] is not Policy.ACCEPT
        ]
        return tuple(found)

    def _finding(self, path: Path | None, fault: Fault, moved: Path | None, project: Project | None) -> Finding:
        policy = self._rules[fault.trouble]
        shown = "" if path is None else f"{project.relative(path) if project else path} "
        advice = fault.advice
        if moved is not None and project is not None:
            advice = f"moved to {project.relative(moved)}; back: warehouse sources --release {moved.name}"
        elif policy is Policy.QUARANTINE:
            advice = f"a build moves it away (quarantine); {fault.advice}"
        return Finding(
            severity=_SEVERITIES[policy],
            check="source_file",
            subject=_name(self._look.source),
            message=f"{shown}{fault.message}",
            advice=f"{advice} ({fault.trouble.value}: {policy.value})",
        )

    def result(self, project: Project, *, now: datetime, move: bool, known: Mapping[str, Shape]) -> InspectedSource:
        """What was found, with the files that must go moved away when they may be."""
        look = self._look
        bad = {
            path: [fault for fault in faults if self._rules[fault.trouble] is Policy.QUARANTINE]
            for path, faults in look.faults.items()
        }
        moved = {}
        for path, faults in bad.items():
            if move and faults:
                reasons = [f"{fault.trouble.value}: {fault.message}" for fault in faults]
                moved[path] = move_away(project, path, source=_name(look.source), reasons=reasons, now=now)
        left = {project.relative(path): one for path, one in look.facts.items() if path not in moved}
        row_counts = [one.row_count for one in look.facts.values()]
        return InspectedSource(
            unique_id=look.source.unique_id,
            name=_name(look.source),
            table=InspectedTable(version=look.version, row_count=row_counts[0]) if look.version else None,
            location=look.location,
            files=tuple(
                InspectedFile(
                    path=project.relative(path),
                    bytes=moved.get(path, path).stat().st_size if path in look.facts else 0,
                    row_count=look.facts[path].row_count if path in look.facts else None,
                    troubles=tuple(fault.trouble for fault in look.faults[path]),
                    quarantined_to=project.relative(moved[path]) if path in moved else None,
                )
                for path in look.paths
            ),
            shape=shape_of(left) if left else known.get(_name(look.source), Shape(columns={}, ends_line=None)),
            findings=self.findings(moved=moved, project=project),
            is_readable=not any(
                fault.trouble in UNREADABLE and self._rules[fault.trouble] is not Policy.ACCEPT
                for fault in self._left(moved)
            ),
        )

    def _left(self, moved: Mapping[Path, Path]) -> Iterator[Fault]:
        """The faults that are still there once these files are gone."""
        for path, faults in self._look.faults.items():
            if path not in moved:
                yield from faults
        for _, fault in self._look.general:
            yield fault


def _name(source: Source) -> str:
    return f"{source.source_name}.{source.name}"
