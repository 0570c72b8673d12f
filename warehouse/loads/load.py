"""Loads every source table that declares how its rows come (`config.meta.load`)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from warehouse import dbt_runner, runs, storage
from warehouse.dbt_manifest import read_dbt_manifest
from warehouse.errors import LoadError, LockedError, MissingExtraError, StorageError, problem_list, suggestion
from warehouse.findings import Finding, Severity, is_critical
from warehouse.loads.batches import TableFolder
from warehouse.loads.cursors import highest_mark, load_database_table
from warehouse.loads.files import load_files
from warehouse.loads.parts import Part, Session
from warehouse.loads.results import Loads, TableLoad, TableStatus
from warehouse.loads.specs import Kind, LoadSpec, Mode, read_specs
from warehouse.loads.telling import table_steps
from warehouse.project import Project
from warehouse.records import Status
from warehouse.scrubbing import secrets_of


def load_sources(
    project: Project,
    *,
    now: datetime,
    select: Sequence[str] = (),
    full_refresh: bool = False,
    since: str | None = None,
    dry_run: bool = False,
    on_table: Callable[[TableLoad], None] = lambda _: None,
    on_progress: Callable[[str], None] = lambda _: None,
) -> Loads:
    """Lands what the sources have and the project does not, table by table, each in one rename.

    A table that cannot be loaded leaves the others alone: it becomes a critical finding.

    Args:
        project: The project.
        now: When it happens.
        select: `source`, `source.table` or patterns of them, `shop.*`; every table that declares a load when empty.
        full_refresh: Read everything anew and replace what is there, all at once.
        since: Read again from this value of the cursor on, and add what is not there.
        dry_run: Only say what would be read.
        on_table: Called as each table is done.
        on_progress: Called with what is being done.

    Returns:
        Without tables and without a record when no source declares a load and nothing is selected.

    Raises:
        LoadError: declarations are wrong, connections are not set, or no table could be loaded; lists every problem.
        LockedError: every table is being loaded by another process.
        BuildError: dbt cannot parse the project.
    """
    started = time.monotonic()
    options = {"select": list(select), "full_refresh": full_refresh, "since": since}
    on_progress("parsing")
    specs = selected(declared_loads(project), select)
    if since is not None and (full_refresh or not any(spec.mode is Mode.INCREMENTAL and spec.cursor for spec in specs)):
        raise LoadError(
            "--since reads again from a value of a cursor on: not with --full-refresh, nor without a cursor"
        )
    if not specs:
        return Loads(id="", status=Status.PASSED, dry_run=dry_run, tables=(), findings=(), seconds=0.0)
    tables: list[TableLoad] = []
    findings: list[Finding] = []
    errors: list[Exception] = []
    with _on_record(project, specs, tables, findings, now=now, options=options, dry_run=dry_run) as run_id:
        for spec in specs:
            on_progress(f"loading {spec.name}")
            table, found, error = _load_table(
                project,
                spec,
                now=now,
                full_refresh=full_refresh,
                since=since,
                dry_run=dry_run,
                on_progress=lambda text, name=spec.name: on_progress(f"loading {name}: {text}"),  # type: ignore[misc]
            )
            tables.append(table)
            findings += found
            errors += [error] if error else []
            on_table(table)
        if errors and len(errors) == len(specs):
            raise _nothing_loaded(specs, errors)
    return Loads(
        id=run_id,
        status=Status.FAILED if is_critical(findings) else Status.PASSED,
        dry_run=dry_run,
        tables=tuple(tables),
        findings=tuple(findings),
        seconds=time.monotonic() - started,
    )


@contextmanager
def _on_record(
    project: Project,
    specs: Sequence[LoadSpec],
    tables: list[TableLoad],
    findings: list[Finding],
    *,
    now: datetime,
    options: Mapping[str, Any],
    dry_run: bool,
) -> Iterator[str]:
    """Puts on record, and tells of, what comes into the lists within it; gives the run's id, empty for a dry run."""
    if dry_run:
        yield ""
        return
    with runs.on_record(project, "load", now=now, details={"options": options}) as run:
        try:
            yield run.record.id
        finally:
            run.status = Status.FAILED if is_critical(findings) else Status.PASSED
            run.details |= {
                "tables": [_plain(table) for table in tables],
                "findings": [_plain(one) for one in findings],
            }
            with run.telling() as is_told:
                run.steps += table_steps(project, run.record, specs, tables) if is_told else []


def declared_loads(project: Project) -> tuple[LoadSpec, ...]:
    """Every load that the project's sources declare, in the order of their names.

    Raises:
        LoadError: lists every problem of every declaration.
        BuildError: dbt cannot parse the project.
    """
    # A folder of its own: a build that is running reads and writes the builds' one.
    target = project.warehouse_path / "dbt-load"
    with storage.lock(project.warehouse_path / "dbt-load.lock", purpose="parsing for a load", timeout=120):
        place = replace(dbt_runner.build_place(project), target_path=target)
        dbt_runner.parse_project(project, log_path=project.warehouse_path / "logs" / "load", place=place)
        manifest = read_dbt_manifest(target / "manifest.json")
    return read_specs(project, manifest.sources.values())


def selected(specs: Sequence[LoadSpec], words: Sequence[str]) -> tuple[LoadSpec, ...]:
    """The specs that the words name.

    Raises:
        LoadError: a word names none.
    """
    if not words:
        return tuple(specs)
    names = [spec.name for spec in specs]
    problems = [
        f"{word!r} names no table that declares a load; {suggestion(word, names) or 'none does'}"
        for word in words
        if not any(_matches(spec, word) for spec in specs)
    ]
    if problems:
        raise LoadError("\n".join(problems))
    return tuple(spec for spec in specs if any(_matches(spec, word) for word in words))


def _matches(spec: LoadSpec, word: str) -> bool:
    word = word.removeprefix("source:")
    return fnmatchcase(spec.name, word) or spec.source_name == word


def _load_table(
    project: Project,
    spec: LoadSpec,
    *,
    now: datetime,
    full_refresh: bool,
    since: str | None,
    dry_run: bool,
    on_progress: Callable[[str], None],
) -> tuple[TableLoad, list[Finding], Exception | None]:
    started = time.monotonic()
    folder = TableFolder(project, spec.source_name, spec.table_name)
    connection = storage.connect(
        None,
        memory_limit=project.settings.memory_limit,
        threads=project.settings.threads,
        temporary_path=project.temporary_path,
    )
    try:
        connection.execute("set preserve_insertion_order = false")
        with folder.lock():
            landed = folder.read()
            if not dry_run:
                folder.sweep(landed)
            session = Session(connection, on_progress)
            options: dict[str, Any] = {"now": now, "full_refresh": full_refresh, "dry_run": dry_run}
            with storage.storage_errors(f"load {spec.name}"):
                if spec.kind is Kind.FILES:
                    part = load_files(session, project, spec, folder, landed, **options)
                elif spec.kind is Kind.DLT:
                    from warehouse.loads.dlt_rows import load_dlt_resource

                    part = load_dlt_resource(session, project, spec, folder, landed, **options)
                else:
                    again = since if spec.mode is Mode.INCREMENTAL else None
                    part = load_database_table(session, spec, folder, landed, since=again, **options)
            landed = folder.read()
    except (LoadError, StorageError, MissingExtraError) as error:
        finding = Finding(
            severity=Severity.CRITICAL,
            check="load",
            subject=spec.name,
            message=secrets_of(os.environ).scrub(str(error).partition("\n")[0]),
            advice=str(error).partition("\n")[2].strip() or "the rows that are there stay as they were",
        )
        table = _result(spec, TableStatus.FAILED, Part(message=finding.message), started, full_refresh)
        return table, [finding], error
    finally:
        connection.close()
    status = TableStatus.LOADED if part.batch_count else TableStatus.UNCHANGED
    table = _result(spec, TableStatus.PLANNED if part.is_planned else status, part, started, full_refresh)
    table = replace(table, total_row_count=landed.row_count, high_mark=highest_mark(landed.batches))
    return table, list(part.findings), None


def _result(spec: LoadSpec, status: TableStatus, part: Part, started: float, full_refresh: bool) -> TableLoad:
    return TableLoad(
        name=spec.name,
        kind=spec.kind.value,
        mode=Mode.FULL.value if full_refresh else spec.mode.value,
        status=status,
        row_count=part.row_count,
        byte_count=part.byte_count,
        batch_count=part.batch_count,
        seconds=time.monotonic() - started,
        message=part.message,
    )


def _nothing_loaded(specs: Sequence[LoadSpec], errors: Sequence[Exception]) -> Exception:
    if all(isinstance(error, LockedError) for error in errors):
        return errors[0]
    pairs = zip(specs, errors, strict=True)
    return LoadError(problem_list("nothing could be loaded:", [f"{spec.name}: {error}" for spec, error in pairs]))


def _plain(value: TableLoad | Finding) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(value)
