"""Whatever dlt can read, as batches: a resource runs with the state that the last batch carries.

dlt writes into a folder that is thrown away; its state, which says how far the resource got, becomes part of the batch.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from warehouse import storage
from warehouse.errors import LoadError, import_extra
from warehouse.loads.batches import Landed, TableFolder
from warehouse.loads.databases import scrubbed
from warehouse.loads.parts import Part, Session, check_schema
from warehouse.loads.specs import LoadSpec, Mode
from warehouse.project import Project
from warehouse.sql import Relation


def load_dlt_resource(
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
    """Lands what the resource yields beyond the state of the last load; the caller holds the folder's lock.

    Raises:
        LoadError: there is no such function, or the resource failed.
        MissingExtraError: dlt is not installed.
        StorageError: the disk is full or cannot be written.
    """
    full = full_refresh or spec.mode is Mode.FULL or landed.generation == 0
    state = None if full else next((batch.state for batch in landed.batches[::-1] if batch.state), None)
    make = _function(project, spec)
    if dry_run:
        return Part(message=f"would run {spec.resource} {'from its last state' if state else 'anew'}", is_planned=True)
    writer = folder.writer(landed, replaced=None if full else ())
    with folder.work_folder() as work:
        paths, state = _run(spec, make, work, state)
        if not paths:
            if full:
                raise LoadError(f"{spec.resource} gave no rows, so its columns are not known")
            return Part(message=f"{spec.resource} has nothing new")
        rows = Relation.parquet([str(path) for path in paths], name="dlt rows").sql
        part = writer.new_path()
        # dlt adds columns of its own; they say nothing of the source.
        session.write(f"select columns(c -> not starts_with(c, '_dlt_')) from {rows}", part)
    written = session.facts(part, cursor=None)
    findings = check_schema(spec, landed, written.columns) if not full else ()
    session.check_key(part, spec)
    batch = writer.add(
        part,
        loaded_at=now.isoformat(timespec="seconds"),
        row_count=written.row_count,
        columns=written.columns,
        state=state,
    )
    writer.commit()
    return Part(
        row_count=batch.row_count,
        byte_count=batch.byte_count,
        batch_count=1,
        message=f"ran {spec.resource}",
        findings=findings,
    )


def _function(project: Project, spec: LoadSpec) -> Callable[[], Any]:
    import_extra("dlt", extra="dlt")
    module, _, name = (spec.resource or "").partition(":")
    with _importing_from(project.root):
        try:
            function = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise LoadError(
                f"resource {spec.resource} cannot be imported: {error}\n  correct it in {spec.declared_in}"
            ) from error
    if not callable(function):
        raise LoadError(f"resource {spec.resource} is no function\n  correct it in {spec.declared_in}")
    return function  # type: ignore[no-any-return]  # the resource is the user's own code


@contextmanager
def _importing_from(root: Path) -> Iterator[None]:
    sys.path.insert(0, str(root))
    try:
        yield
    finally:
        sys.path.remove(str(root))


def _run(spec: LoadSpec, make: Callable[[], Any], work: Path, state: str | None) -> tuple[list[Path], str]:
    """Parquet files of the new rows, and the state after them, as JSON."""
    # dlt reads its settings from the environment; it would report each run to its makers.
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    dlt = import_extra("dlt", extra="dlt")
    paths: list[Path] = []
    tables: set[str] = set()

    def keep(path: str, table: Any) -> None:
        tables.add(str(table["name"]))
        target = work / f"{len(paths):06d}.parquet"
        storage.link_or_copy(Path(path), target)
        paths.append(target)

    sink = dlt.destination(keep, batch_size=0, loader_file_format="parquet", name="batches")
    try:
        pipeline = dlt.pipeline(
            "load", pipelines_dir=str(work / "pipelines"), destination=sink, dataset_name="load", progress=None
        )
        if state is not None:
            with pipeline.managed_state() as kept:
                kept["sources"] = json.loads(state)
        resource = make()
        # Lists and objects within rows stay columns, as JSON, instead of becoming tables that nobody asked for.
        resource.max_table_nesting = 0
        pipeline.run(resource)
        after = dlt.common.json.dumps(pipeline.state.get("sources", {}))
    except Exception as error:
        lines = scrubbed(str(error.__cause__ or error), None, os.environ).strip().splitlines()
        raise LoadError(f"{spec.resource} failed: {type(error).__name__}: {' '.join(lines[:2])[:400]}") from None
    if len(tables) > 1:
        raise LoadError(
            f"{spec.resource} gives several tables: {', '.join(sorted(tables))}\n"
            "  return one resource, and declare a source table for each"
        )
    return paths, str(after)
