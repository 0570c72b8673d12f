"""Exports from builds on Spark: the workers place, count and write, and only numbers come here."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from warehouse.build_tables import engine_of_spark_build
from warehouse.datasets.columns import OutputColumn
from warehouse.datasets.freeze import Freeze
from warehouse.datasets.manifest import FileRecord
from warehouse.datasets.placed_tables import place_in_table
from warehouse.datasets.placement import Placement
from warehouse.datasets.row_checks import TableFacts, read_table_facts
from warehouse.datasets.sharing import share_files
from warehouse.datasets.spec import DatasetSpec, Format
from warehouse.datasets.versions import Version
from warehouse.dbt_manifest import Model
from warehouse.engine.spark import SparkEngine
from warehouse.errors import ExportError, problem_list
from warehouse.exports.spark_destinations import Destination, SharedFolder, StoreFolder
from warehouse.exports.spark_writing import check_is_shared, sampled_on_workers, write_on_workers
from warehouse.findings import Finding
from warehouse.object_store import open_store
from warehouse.project import Project
from warehouse.published import CATALOG, BuildFiles, SparkPlace, read_spark_place
from warehouse.sql import Relation


class SparkWorkplace:
    """A session on the cluster that has the build's schemas."""

    needs_data_here = False

    def __init__(self, project: Project, engine: SparkEngine, place: SparkPlace) -> None:
        self.engine = engine
        self._place = place
        self._store = open_store(project.settings.store) if project.settings.store else None
        self.tools: Mapping[str, str] = {"spark": engine.version}

    def table(self, model: Model) -> Relation:
        """The table in one of the build's schemas, by the name that the schema has in every build."""
        return Relation.table(CATALOG, self._place.name_of(model.schema), model.alias)

    def prepare(self, *, column_count: int) -> None:
        """Nothing: the cluster's memory is its own matter."""

    def check(self, spec: DatasetSpec, *, folder: Path | None) -> None:
        """Refuses other formats than Parquet, pseudonyms, and a folder that the workers do not see."""
        problems = []
        if spec.format is not Format.PARQUET:
            problems.append(f"format: {spec.format.value}; Spark's workers write parquet")
        if spec.pseudonymise:
            problems.append(
                f"columns.pseudonymise: {', '.join(spec.pseudonymise)}; the key would lie on the cluster, so exclude "
                "them, or hash them in the model"
            )
        if problems:
            raise ExportError(
                problem_list(f"dataset {spec.name!r} asks for what an export on Spark does not do:", problems)
                + "\n  or build in DuckDB and export from there: warehouse build --target duckdb"
            )
        if folder is not None:
            temporary = folder / f".tmp-{uuid.uuid4().hex}"
            try:
                check_is_shared(self.engine, self._destination(spec, temporary))
            finally:
                shutil.rmtree(temporary, ignore_errors=True)

    def table_facts(self, relation: Relation, spec: DatasetSpec, *, integer_key: bool) -> TableFacts:
        """What one scan of few columns tells."""
        return read_table_facts(self.engine, relation, spec, integer_key=False, numbered=False)

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
        """Columns of a relation that has all of the model's table."""
        placed, placement = place_in_table(
            self.engine, relation, spec, facts, columns=columns, freeze=freeze, newest=newest
        )
        return placed, placement, placement.findings

    def write(
        self,
        relation: Relation,
        spec: DatasetSpec,
        columns: Sequence[OutputColumn],
        placement: Placement,
        folder: Path,
    ) -> dict[str, tuple[FileRecord, ...]]:
        """All files at once, by the workers."""
        destination = self._destination(spec, folder)
        return write_on_workers(self.engine, relation, spec, columns, placement, destination)

    def share(self, folder: Path, files: Sequence[FileRecord]) -> None:
        """As links, where they are here; a store has equal contents once anyway."""
        if self._store is None:
            share_files(folder, files, folder.parent)

    def sampled_bytes_per_row(
        self, relation: Relation, spec: DatasetSpec, columns: Sequence[OutputColumn], folder: Path
    ) -> float:
        """From any rows of the table."""
        row_count, byte_count = sampled_on_workers(
            self.engine, relation, columns, "true", self._destination(spec, folder)
        )
        return byte_count / max(row_count, 1)

    def _destination(self, spec: DatasetSpec, folder: Path) -> Destination:
        return SharedFolder(folder) if self._store is None else StoreFolder(self._store, spec.name, folder)


@contextmanager
def spark_workplace(project: Project, files: BuildFiles) -> Iterator[SparkWorkplace]:
    """A session on the project's cluster; the build stays until it ends."""
    with engine_of_spark_build(project, files) as engine:
        yield SparkWorkplace(project, engine, read_spark_place(files))
