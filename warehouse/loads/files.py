"""Files, one batch each: new ones are added, changed ones take the place of what they were, others are not read."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse import storage
from warehouse.errors import LoadError, problem_list
from warehouse.findings import Finding, Severity
from warehouse.loads.batches import Landed, SourceFile, TableFolder
from warehouse.loads.databases import clear_errors
from warehouse.loads.looks import Look, ends_lines, fetched, look_at, move_bad_file, sha256_of
from warehouse.loads.parts import Part, Session, check_schema
from warehouse.loads.specs import LoadSpec, Mode
from warehouse.project import Project
from warehouse.sources.locations import Location, Reader
from warehouse.sql import Relation, literal

if TYPE_CHECKING:
    import duckdb

_FORMATS = {
    **dict.fromkeys(("csv", "tsv", "txt", "psv"), "csv"),
    **dict.fromkeys(("json", "jsonl", "ndjson"), "json"),
    **dict.fromkeys(("parquet", "pq"), "parquet"),
    "xlsx": "excel",
}
_READERS = {"csv": "read_csv", "json": "read_json", "parquet": "read_parquet", "excel": "read_xlsx"}
_AS_TEXT = ("all_varchar", "columns", "types", "dtypes", "column_types", "auto_detect")


def load_files(
    session: Session,
    project: Project,
    spec: LoadSpec,
    folder: TableFolder,
    landed: Landed,
    *,
    now: datetime,
    full_refresh: bool = False,
    dry_run: bool = False,
) -> Part:
    """Lands the files that are not there yet; the caller holds the folder's lock.

    Raises:
        LoadError: no file matches, one cannot be read, or one changed that must not.
        StorageError: the disk is full or cannot be written.
    """
    full = full_refresh or spec.mode is Mode.FULL or landed.generation == 0
    files = _present_files(session, project, spec)
    if dry_run:
        new, _, findings = _new_files(project, spec, landed, files, full=full)
        names = ", ".join(file.path for file in new[:3]) + (", ..." if len(new) > 3 else "")
        message = f"would read {len(new)} of {len(files)} files{f': {names}' if names else ''}"
        return Part(message=message, is_planned=True, findings=tuple(findings))
    new, replaced, findings = _new_files(project, spec, landed, files, full=full)
    with folder.work_folder() as work:
        looks = _looks(session, project, spec, landed, new, work, full=full)
        # What is still written looks broken, and is not.
        growing = [look.file for look in looks if _has_changed(project, look.file)]
        findings += [_still_written(spec, file) for file in growing]
        looks = [look for look in looks if look.file not in growing]
        stops = [stop for look in looks for stop in look.stops]
        if stops:
            raise LoadError(
                problem_list(f"{len(stops)} of {len(new)} new files cannot be loaded as they are:", stops)
                if len(stops) > 1
                else stops[0]
            )
        good: list[Look] = []
        for look in looks:
            if look.quarantined:
                findings.append(move_bad_file(project, spec, look, now=now))
            elif (first := _twin(look, good, landed, replaced, full=full)) is not None:
                findings.append(_duplicate(spec, look.file, first))
            else:
                good.append(look)
                findings += look.findings
        gone = {file.path for file in new} - {look.file.path for look in good}
        replaced = {path: batch_id for path, batch_id in replaced.items() if path not in gone}
        if not good:
            return Part(message=f"nothing new in {len(files)} files", findings=tuple(findings))
        writer = folder.writer(landed, replaced=None if full else list(replaced.values()))
        seen = Landed(generation=0, path=landed.path, batches=()) if full else landed
        rows = size = count = 0
        for number, look in enumerate(good, start=1):
            session.on_progress(f"file {number} of {len(good)}")
            part = writer.new_path()
            with clear_errors(spec):
                _write(session, project, spec, look, part)
                written = session.facts(part, cursor=None)
            if _has_changed(project, look.file):
                part.unlink()
                findings.append(_still_written(spec, look.file))
                continue
            try:
                findings += check_schema(spec, seen, written.columns)
                session.check_key(part, spec)
            except LoadError as error:
                raise LoadError(f"{look.file.path}: {error}") from error
            batch = writer.add(
                part,
                loaded_at=now.isoformat(timespec="seconds"),
                row_count=written.row_count,
                columns=written.columns,
                file=look.file,
            )
            seen = Landed(generation=0, path=seen.path, batches=(*seen.batches, batch))
            rows, size, count = rows + batch.row_count, size + batch.byte_count, count + 1
        if count or not full:
            writer.commit()
    changed = f", {len(replaced)} of them changed" if replaced else ""
    message = f"read {count} of {len(files)} files{changed}"
    return Part(row_count=rows, byte_count=size, batch_count=count, message=message, findings=tuple(findings))


def _new_files(
    project: Project, spec: LoadSpec, landed: Landed, files: Sequence[SourceFile], *, full: bool
) -> tuple[list[SourceFile], dict[str, str], list[Finding]]:
    """Files to read, ids of the batches (by path) that they replace, and deliveries that came twice.

    Raises:
        LoadError: a file changed that must not.
    """
    known = {batch.file.path: batch for batch in landed.batches if batch.file is not None}
    first = {} if full else {file.sha256: file.path for batch in landed.batches if (file := batch.file) and file.sha256}
    new: list[SourceFile] = []
    replaced: dict[str, str] = {}
    findings: list[Finding] = []
    for file in files:
        before = None if full else known.get(file.path)
        if before is not None and before.file and before.file.version == file.version:
            continue
        file = file if "://" in file.path else replace(file, sha256=sha256_of(project.root / file.path))
        if before is not None and before.file:
            if file.sha256 is not None and before.file.sha256 == file.sha256:
                continue
            if spec.changed == "error":
                raise LoadError(
                    f"{file.path} has other content than when it was loaded at {before.loaded_at}\n"
                    f"  take its rows anew with changed: replace in {spec.declared_in}, or deliver it under a new name"
                )
            replaced[file.path] = before.id
        elif file.sha256 in first:
            findings.append(_duplicate(spec, file, first[file.sha256]))
            continue
        if file.sha256:
            first.setdefault(file.sha256, file.path)
        new.append(file)
    return new, replaced, findings


def _looks(
    session: Session,
    project: Project,
    spec: LoadSpec,
    landed: Landed,
    new: Sequence[SourceFile],
    work: Path,
    *,
    full: bool,
) -> list[Look]:
    """A look at each of these files; those of buckets and web addresses are fetched for it."""
    before = [] if full else [batch.file for batch in landed.batches]
    looks: list[Look] = []
    for number, file in enumerate(new, start=1):
        session.on_progress(f"looking at file {number} of {len(new)}")
        with clear_errors(spec):
            path = fetched(session, file, work)
        ends = ends_lines([*before, *(look.file for look in looks)])
        looks.append(look_at(session, project, spec, file, path, _location(spec, file), ends=ends))
    return looks


def _twin(look: Look, good: Sequence[Look], landed: Landed, replaced: Mapping[str, str], *, full: bool) -> str | None:
    """The path of a file with the same content, of those whose content was known only when they were fetched."""
    if "://" not in look.file.path or look.file.sha256 is None or look.file.path in replaced:
        return None
    others = [other.file for other in good] + ([] if full else [batch.file for batch in landed.batches if batch.file])
    return next((other.path for other in others if other.sha256 == look.file.sha256), None)


def _present_files(session: Session, project: Project, spec: LoadSpec) -> list[SourceFile]:
    """Files that match the path, in the order of their names."""
    pattern = spec.path or ""
    if "://" not in pattern:
        absolute = pattern if Path(pattern).is_absolute() else f"{Relation.escaped([str(project.root)])[0]}/{pattern}"
        found = session.connection.execute("select file from glob($pattern) order by file", {"pattern": absolute})
        files = [_local(project, Path(row[0])) for row in found.fetchall() if Path(row[0]).is_file()]
    else:
        with clear_errors(spec):
            use_s3(session.connection)
            found = session.connection.execute(
                "select filename, size, last_modified::varchar from read_blob($pattern) order by filename",
                {"pattern": pattern},
            )
            files = [
                SourceFile(path=path, byte_count=int(size), version=f"{size} {modified}", sha256=None)
                for path, size, modified in found.fetchall()
            ]
    if not files:
        raise LoadError(f"no file matches {pattern}\n  correct path in {spec.declared_in}, or wait for the delivery")
    return files


def use_s3(connection: duckdb.DuckDBPyConnection, environment: Mapping[str, str] = os.environ) -> None:
    """Gives the connection what the environment says of S3 (`AWS_*`), if anything."""
    key, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    if not key or not secret:
        return
    options = {
        "key_id": key,
        "secret": secret,
        "session_token": environment.get("AWS_SESSION_TOKEN"),
        "region": environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION"),
    }
    endpoint = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    texts = [f"{name} {literal(value)}" for name, value in options.items() if value]
    if endpoint:
        scheme, _, host = endpoint.rpartition("://")
        texts += [f"endpoint {literal(host.rstrip('/'))}", "url_style 'path'", f"use_ssl {scheme != 'http'}"]
    connection.execute(f"create or replace temporary secret load_s3 (type s3, provider config, {', '.join(texts)})")


def _local(project: Project, path: Path) -> SourceFile:
    with storage.storage_errors(f"read {path}"):
        stat = path.stat()
    version = f"{stat.st_size} {stat.st_mtime_ns}"
    return SourceFile(path=project.relative(path), byte_count=stat.st_size, version=version, sha256=None)


def _has_changed(project: Project, file: SourceFile) -> bool:
    return "://" not in file.path and _local(project, project.root / file.path).version != file.version


def _location(spec: LoadSpec, file: SourceFile) -> Location:
    """How this file is read."""
    kind = spec.format or format_of(file.path)
    if kind is None:
        raise LoadError(
            f"{file.path} does not tell its format by its name\n  say it in {spec.declared_in}: format: csv"
        )
    options: dict[str, Any] = dict(spec.options)
    if kind in ("csv", "excel") and not any(name in options for name in _AS_TEXT):
        # Types that are guessed differ from file to file; what is a number is said in a model.
        options["all_varchar"] = True
    return Location(
        reader=Reader(kind),
        function=_READERS[kind],
        patterns=(file.path,),
        options=tuple((name, _option(value)) for name, value in options.items()),
    )


def _write(session: Session, project: Project, spec: LoadSpec, look: Look, part: Path) -> None:
    path = look.path if "://" in look.path else str(project.root / look.path)
    session.write(f"select * from {_location(spec, look.file).of_file(path)}", part)


def format_of(path: str) -> str | None:
    """The format that a file's name tells, whether or not it is compressed; None for others."""
    name = re.sub(r"\.(gz|zst|zstd)$", "", path.partition("?")[0].lower())
    return _FORMATS.get(name.rpartition(".")[2])


def _option(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_option, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{literal(str(name))}: {_option(item)}' for name, item in value.items())}}}"
    return literal(str(value))


def _duplicate(spec: LoadSpec, file: SourceFile, first: str) -> Finding:
    return Finding(
        severity=Severity.WARNING,
        check="load",
        subject=spec.name,
        message=f"{file.path} has the same content as {first} and was not loaded",
        advice="delete it if it was delivered twice",
    )


def _still_written(spec: LoadSpec, file: SourceFile) -> Finding:
    return Finding(
        severity=Severity.WARNING,
        check="load",
        subject=spec.name,
        message=f"{file.path} changed while it was read and was not loaded",
        advice="the next load takes it; let deliveries be renamed into place when they are whole",
    )
