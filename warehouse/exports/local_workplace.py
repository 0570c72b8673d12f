"""Exports from builds in DuckDB: everything happens in this process."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version as installed_version
from pathlib import Path

from warehouse import storage
from warehouse.datasets.columns import OutputColumn
from warehouse.datasets.freeze import Freeze
from warehouse.datasets.manifest import FileRecord
from warehouse.datasets.placement import Placement
from warehouse.datasets.row_checks import TableFacts, read_table_facts
from warehouse.datasets.sharing import share_files
from warehouse.datasets.spec import DatasetSpec
from warehouse.datasets.versions import Version
from warehouse.datasets.writing import write_splits, writing
from warehouse.dbt_manifest import Model
from warehouse.engine.local import LocalEngine
from warehouse.exports.placing import place
from warehouse.exports.sizes import sampled_bytes_per_row
from warehouse.findings import Finding
from warehouse.project import Project
from warehouse.published import CATALOG, BuildFiles
from warehouse.sql import Query, Relation, Step

MEMORY_MB = 350
"""DuckDB's memory limit; with Python and the Parquet writers' own buffers, a process stays below 700 MB for tens of
millions of rows; docs/scale.md says what more take."""

MEMORY_MB_PER_COLUMN = 4
"""For wide tables: every thread pins blocks and fills a buffer of each column."""


def export_memory_mb(*, column_count: int) -> int:
    """DuckDB's memory limit for an export of so many columns; the bits of every row's split lie beside it."""
    return max(MEMORY_MB, MEMORY_MB_PER_COLUMN * column_count)


class LocalWorkplace:
    """DuckDB on the build's file."""

    needs_data_here = True

    def __init__(self, project: Project, engine: LocalEngine) -> None:
        self.engine = engine
        self.tools: Mapping[str, str] = {"duckdb": installed_version("duckdb")}
        self._project = project

    def table(self, model: Model) -> Relation:
        """The table by the name that the build's catalog has."""
        return Relation.table(CATALOG, model.schema, model.alias)

    def prepare(self, *, column_count: int) -> None:
        """Sets the memory for so many columns, and keeps the connection to the project's datasets."""
        limit = export_memory_mb(column_count=column_count)
        self.engine.rows(Query.of(Step("allow_memory", f"set memory_limit = '{limit}MB'")))
        datasets = self._project.datasets_path
        # Aside, earlier versions are links to where they are.
        linked = [path.resolve() for path in datasets.glob("*/*") if path.is_symlink()]
        storage.confine(self.engine.connection, folders=[datasets, self._project.temporary_path, *linked])

    def check(self, spec: DatasetSpec, *, folder: Path | None) -> None:
        """Nothing: whatever can be declared can be exported."""

    def table_facts(self, relation: Relation, spec: DatasetSpec, *, integer_key: bool) -> TableFacts:
        """What one scan of few columns tells."""
        return read_table_facts(self.engine, relation, spec, integer_key=integer_key)

    def place(
        self,
        relation: Relation,
        spec: DatasetSpec,
        facts: TableFacts,
        *,
        columns: Sequence[OutputColumn],
        freeze: Freeze,
        newest: Version | None,
    ) -> tuple[Relation, Placement, tuple[Finding, ...]]:
        """Bits per row of the model's table, in the engine's session."""
        placement, found = place(self.engine, relation, spec, facts, columns=columns, freeze=freeze, newest=newest)
        return relation, placement, found

    def write(
        self,
        relation: Relation,
        spec: DatasetSpec,
        columns: Sequence[OutputColumn],
        placement: Placement,
        folder: Path,
    ) -> dict[str, tuple[FileRecord, ...]]:
        """One file after the other, in the order that the specification asks for."""
        return write_splits(self.engine, relation, spec, columns, placement, folder)

    def share(self, folder: Path, files: Sequence[FileRecord]) -> None:
        """As links."""
        share_files(folder, files, folder.parent)

    def sampled_bytes_per_row(
        self, relation: Relation, spec: DatasetSpec, columns: Sequence[OutputColumn], folder: Path
    ) -> float:
        """From the first rows of the table."""
        return sampled_bytes_per_row(self.engine, relation, spec, columns, folder)


@contextmanager
def local_workplace(project: Project, files: BuildFiles) -> Iterator[LocalWorkplace]:
    """DuckDB on the build, with a spill folder of its own."""
    # NOTE: a spill folder of our own, since two processes that share one overwrite each other's files.
    spill = project.temporary_path / f"export-{uuid.uuid4().hex}"
    with writing(spill):
        # DuckDB makes the folder itself when it first spills, but not the one above it.
        spill.parent.mkdir(parents=True, exist_ok=True)
    connection = storage.connect(
        files.database_path,
        memory_limit=f"{MEMORY_MB}MB",
        # NOTE: one thread alone cuts row groups elsewhere, and the bytes would depend on the machine.
        threads=max(2, project.settings.threads or os.cpu_count() or 2),
        temporary_path=spill,
    )
    try:
        yield LocalWorkplace(project, LocalEngine(connection))
    finally:
        connection.close()
        shutil.rmtree(spill, ignore_errors=True)
