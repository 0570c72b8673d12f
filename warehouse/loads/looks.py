"""Whether a new file is whole, before its rows are landed, and what the policies of its source say otherwise.

Files of buckets and web addresses are fetched first, into a folder that is thrown away: so they are read once, and
looked at like files of this machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from warehouse import storage
from warehouse.engine.local import LocalEngine
from warehouse.findings import Finding, Severity
from warehouse.loads.batches import SourceFile
from warehouse.loads.parts import Session
from warehouse.loads.specs import LoadSpec
from warehouse.project import Project
from warehouse.sources.file_facts import Fault, read_file
from warehouse.sources.locations import Location, Reader, exact_pattern
from warehouse.sources.quarantine import move_away
from warehouse.sources.rules import Policy, Trouble
from warehouse.sql import literal

FETCHED_BYTES = 1 << 28
"""DuckDB fetches a file as one value in memory; larger ones are read where they are, and not looked at before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One file, and what was found."""

    file: SourceFile
    path: str
    """Where its rows are read: where it is, or where it was fetched to."""
    stops: tuple[str, ...] = ()
    """What the policies stop at."""
    quarantined: tuple[Fault, ...] = ()
    """What the policies move it away for."""
    findings: tuple[Finding, ...] = ()
    """What the policies tell."""


def fetched(session: Session, file: SourceFile, folder: Path) -> str:
    """Where the file's content can be read: its own path, or that of a copy in `folder`."""
    is_parquet = ".parquet" in file.path.lower() or file.path.lower().endswith(".pq")
    if "://" not in file.path or is_parquet or file.byte_count > FETCHED_BYTES:
        return file.path
    # The name says how it is packed.
    name = file.path.partition("?")[0].rpartition("/")[2] or "file"
    target = folder / f"{len(list(folder.iterdir())):06d}-{name[-200:]}"
    content = f"select content from read_blob({literal(exact_pattern(file.path))})"
    # Under a name that ends so, DuckDB would pack it once more.
    arriving = folder / "arriving.blob"
    session.connection.execute(f"copy ({content}) to {literal(str(arriving))} (format blob)")
    arriving.rename(target)
    return str(target)


def look_at(
    session: Session, project: Project, spec: LoadSpec, file: SourceFile, path: str, location: Location, *, ends: bool
) -> Look:
    """What is wrong with this file.

    Args:
        session: of the load.
        project: the project.
        spec: of the table.
        file: as it was listed.
        path: where its content is.
        location: how it will be read.
        ends: whether other files of this table end with the end of a line.
    """
    if "://" in path:
        large = file.byte_count > FETCHED_BYTES and location.reader is not Reader.PARQUET
        message = f"{file.path} is too large to be looked at before it is read"
        advice = "deliver it in parts of at most 256 MiB, or as Parquet"
        return Look(file=file, path=path, findings=(_finding(spec, message, advice),) if large else ())
    whole = project.root / path
    with storage.storage_errors(f"read {whole}"):
        facts = read_file(LocalEngine(session.connection), whole, location)
    faults = list(facts.faults)
    if facts.ends_line is False and ends and not faults:
        message = "does not end with the end of a line, as the source's files do"
        faults.append(Fault(trouble=Trouble.UNFINISHED, message=message, advice="was its delivery cut off?"))
    by_policy: dict[Policy, list[Fault]] = {policy: [] for policy in Policy}
    for fault in faults:
        by_policy[spec.rules[fault.trouble]].append(fault)
    return Look(
        file=replace(file, sha256=facts.sha256, ends_line=facts.ends_line),
        path=path,
        stops=tuple(
            f"{file.path} {fault.message} ({fault.trouble.value}: stop)\n  {fault.advice}"
            for fault in by_policy[Policy.STOP]
        ),
        quarantined=tuple(by_policy[Policy.QUARANTINE]),
        findings=tuple(
            _finding(spec, f"{file.path} {fault.message}", f"{fault.advice} ({fault.trouble.value}: warn)")
            for fault in by_policy[Policy.WARN]
        ),
    )


def move_bad_file(project: Project, spec: LoadSpec, look: Look, *, now: datetime) -> Finding:
    """Moves a file away whose policy is quarantine, where it can be moved, and says so."""
    what = "; ".join(fault.message for fault in look.quarantined)
    if "://" in look.file.path:
        advice = "take it out of there; every load looks at it again"
    else:
        reasons = [f"{fault.trouble.value}: {fault.message}" for fault in look.quarantined]
        moved = move_away(project, project.root / look.path, source=spec.name, reasons=reasons, now=now)
        advice = f"moved to {project.relative(moved)}; back: warehouse sources --release {moved.name}"
    return _finding(spec, f"{look.file.path} {what}, and was not loaded", advice)


def sha256_of(path: Path) -> str:
    """Of a file's content."""
    with storage.storage_errors(f"read {path}"), path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def ends_lines(files: Sequence[SourceFile | None]) -> bool:
    """Whether any of these files ends with the end of a line."""
    return any(file is not None and file.ends_line for file in files)


def _finding(spec: LoadSpec, message: str, advice: str) -> Finding:
    return Finding(severity=Severity.WARNING, check="load", subject=spec.name, message=message, advice=advice)
