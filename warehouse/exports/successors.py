"""A version without some rows of an earlier one: filtered from its own files, in the same order."""

from __future__ import annotations

import json
import shutil
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path

from warehouse import storage
from warehouse.datasets.arrow_writing import write_arrow
from warehouse.datasets.columns import OutputColumn
from warehouse.datasets.croissant import CROISSANT_NAME
from warehouse.datasets.formats import copy_options, written_sql
from warehouse.datasets.holdings import Holding, file_relation
from warehouse.datasets.labels import read_label_facts
from warehouse.datasets.manifest import Change, FileRecord, Forgotten, Manifest, SplitRecord
from warehouse.datasets.sharing import READ_ONLY
from warehouse.datasets.spec import Format
from warehouse.datasets.versions import Version
from warehouse.datasets.writing import file_sha256, writing
from warehouse.engine.base import Engine
from warehouse.errors import VersionError
from warehouse.exports.finishing import with_files, write_texts
from warehouse.findings import Finding, Severity
from warehouse.sql import Query, Step, identifier, literal


def removal_of(holding: Holding) -> Change:
    """What its successor says about the version before."""
    return Change(
        since=holding.version.number,
        rows_added=0,
        rows_removed=holding.row_count,
        rows_moved=0,
        rows_changed=0,
        columns_added=(),
        columns_removed=(),
        columns_retyped=(),
    )


def write_successor(engine: Engine, holding: Holding, number: str, condition: str, *, now: datetime) -> None:
    """Writes version `number`: the held one without the rows of which the condition is true.

    The rows that stay keep their order, and files that held none are the same files.

    Raises:
        StorageError: the disk is full or cannot be written.
        VersionError: the version's files do not hold what its manifest says.
    """
    version = holding.version
    folder = version.path.parent
    temporary = folder / f".tmp-{uuid.uuid4().hex}"
    try:
        with writing(folder):
            files = {
                split.name: tuple(_write_file(engine, holding, file, condition, temporary) for file in split.files)
                for split in version.manifest.splits
            }
            manifest = _successor_manifest(holding, number, files, now=now)
            manifest = _with_labels(engine, Version(path=temporary, manifest=manifest))
            write_texts(temporary, manifest, licence=_said(version, "license"), citation=_said(version, "citeAs"))
            storage.publish_folder(temporary, folder / number)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_file(engine: Engine, holding: Holding, file: FileRecord, condition: str, folder: Path) -> FileRecord:
    """The file without the entity's rows; one that has none is the same file under another name."""
    version, path = holding.version, folder / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    if file.path not in holding.by_file:
        storage.link_or_copy(version.path / file.path, path)
        storage.sync_folder(path.parent)
        return file
    format_ = version.manifest.spec.format
    columns = [
        OutputColumn(name=column.name, type=column.type, value=identifier(column.name))
        for column in version.manifest.columns
    ]
    terms = ", ".join(written_sql(column, format_) for column in columns)
    relation = file_relation(version, file)
    query = Query.of(Step("other_rows", f"select {terms} from {relation.sql} where not {condition}"))
    row_count = file.row_count - holding.by_file[file.path]
    if format_ is Format.ARROW:
        written = write_arrow(engine, query, path)
    else:
        options = copy_options(format_, column_count=len(columns))
        copy = Step("write_other_rows", f"copy ({query.text}) to {literal(str(path))} ({options})")
        ((written,),) = (row.values() for row in engine.rows(Query.of(copy)))
    if written != row_count:
        raise VersionError(
            f"{file.path} of {version.reference} does not hold what its manifest says"
            f"\n  see: warehouse verify {version.reference}"
        )
    storage.sync_file(path)
    path.chmod(READ_ONLY)
    storage.sync_folder(path.parent)
    return replace(file, row_count=row_count, byte_count=path.stat().st_size, sha256=file_sha256(path))


def _successor_manifest(
    holding: Holding, number: str, files: dict[str, tuple[FileRecord, ...]], *, now: datetime
) -> Manifest:
    old = holding.version.manifest
    splits = tuple(_counted(split, files[split.name]) for split in old.splits)
    note = Finding(
        severity=Severity.INFO,
        check="forget",
        subject=old.name,
        message=(
            f"{holding.row_count:,} rows of {old.version} were left out, since somebody asked to be forgotten; "
            "nothing was checked again"
        ),
        measured=float(holding.row_count),
    )
    manifest = replace(
        old,
        version=number,
        created_at=now.astimezone(UTC),
        splits=splits,
        change=removal_of(holding),
        # NOTE: the findings of the version before may show example rows, of those who are to be forgotten too.
        findings=(note,),
        tools={**old.tools, **{tool: installed_version(tool) for tool in ("ml-warehouse", "duckdb")}},
        forgotten=Forgotten(since=old.version, row_count=holding.row_count),
    )
    return with_files(manifest, files)


def _counted(split: SplitRecord, files: tuple[FileRecord, ...]) -> SplitRecord:
    return replace(split, row_count=sum(file.row_count for file in files), labels=None, label_mean=None)


def _with_labels(engine: Engine, version: Version) -> Manifest:
    """The manifest with its labels counted again; a split that became empty has none."""
    manifest = version.manifest
    label = manifest.spec.label
    types = {column.name: column.type for column in manifest.columns}
    if label not in types:
        return manifest
    filled = {split.name: version.split(split.name) for split in manifest.splits if split.row_count}
    facts = read_label_facts(engine, filled, label, type_name=types[label])
    splits = (
        replace(split, labels=facts[split.name].labels, label_mean=facts[split.name].mean)
        if split.name in facts
        else split
        for split in manifest.splits
    )
    return replace(manifest, splits=tuple(splits))


def _said(version: Version, name: str) -> str | None:
    """What croissant.json says under this name; None when it says nothing."""
    try:
        found = json.loads((version.path / CROISSANT_NAME).read_text(encoding="utf-8")).get(name)
    except (OSError, ValueError, AttributeError):
        return None
    return found if isinstance(found, str) else None
