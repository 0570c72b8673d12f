"""Where an export works: the engine that has the build's tables, and what is done otherwise on each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from warehouse.datasets.columns import OutputColumn
from warehouse.datasets.freeze import Freeze
from warehouse.datasets.manifest import FileRecord
from warehouse.datasets.placement import Placement
from warehouse.datasets.row_checks import TableFacts
from warehouse.datasets.spec import DatasetSpec
from warehouse.datasets.versions import Version
from warehouse.dbt_manifest import Model
from warehouse.engine.base import Engine
from warehouse.findings import Finding
from warehouse.sql import Relation


class Workplace(Protocol):
    """The engine of one export, for as long as it runs."""

    @property
    def engine(self) -> Engine:
        """Reads the build's tables, and the files of the dataset's versions."""
        ...

    @property
    def tools(self) -> Mapping[str, str]:
        """Versions of what computes, by name, as the manifest records them."""
        ...

    @property
    def needs_data_here(self) -> bool:
        """Whether the engine reads the files of versions on this machine."""
        ...

    def table(self, model: Model) -> Relation:
        """The table that the build has of a model."""
        ...

    def prepare(self, *, column_count: int) -> None:
        """Makes ready for a table of so many columns."""
        ...

    def check(self, spec: DatasetSpec, *, folder: Path | None) -> None:
        """Refuses what cannot be exported from here, before any row is read.

        Args:
            spec: Of the dataset.
            folder: Where versions are to be written; None when nothing is.

        Raises:
            ExportError: the specification asks for what there is not on this engine; lists all of it.
            StorageError: what the engine writes into the folder is not there.
        """
        ...

    def table_facts(self, relation: Relation, spec: DatasetSpec, *, integer_key: bool) -> TableFacts:
        """What the placement has to know of the model's table."""
        ...

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
        """Every row's split, and the relation of which the placement's conditions are true.

        Raises:
            ExportError: a split would be empty, or a rule cannot hold.
        """
        ...

    def write(
        self,
        relation: Relation,
        spec: DatasetSpec,
        columns: Sequence[OutputColumn],
        placement: Placement,
        folder: Path,
    ) -> dict[str, tuple[FileRecord, ...]]:
        """Writes the data files of every split below a version's folder that nobody sees yet.

        Raises:
            StorageError: the disk is full or the folder cannot be written.
            ExportError: a file holds other rows than it should.
        """
        ...

    def share(self, folder: Path, files: Sequence[FileRecord]) -> None:
        """Stores files that an older version of the dataset has too once, where that can be; all become read-only.

        Raises:
            StorageError: a folder cannot be written.
        """
        ...

    def sampled_bytes_per_row(
        self,
        relation: Relation,
        spec: DatasetSpec,
        columns: Sequence[OutputColumn],
        folder: Path,
    ) -> float:
        """Roughly what a row takes in a file, by a sample written into the folder and deleted.

        Raises:
            StorageError: the disk is full or the folder cannot be written.
        """
        ...
