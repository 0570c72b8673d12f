"""Where a build writes: what differs between the engines, and how it is done in DuckDB."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from warehouse import storage
from warehouse.dbt_manifest import DbtManifest
from warehouse.dbt_results import NodeResult
from warehouse.dbt_runner import Parsed, Place, build_place
from warehouse.dbt_tests import findings_of_tests
from warehouse.findings import Finding
from warehouse.project import Project
from warehouse.published import BuildFiles
from warehouse.validation import Suite, SuiteResult, ValidationResult, run_suites_on

_FULL_BYTES = 16 * 2**20
"""A disk with less room than this is full."""


class BuildTarget(Protocol):
    """One engine's side of a build."""

    place: Place
    """What dbt gets."""

    def check(self, parsed: Parsed, *, is_partial: bool, full_refresh: bool) -> None:
        """Refuses what cannot be built there.

        Raises:
            BuildError: says what, and what can.
        """
        ...

    def prepare(self, origin: BuildFiles | None) -> None:
        """Makes the build's folder, with a copy of the build that it starts from."""
        ...

    def begin(self, manifest: DbtManifest) -> None:
        """What must be there before dbt runs."""
        ...

    def run(self, run_dbt: Callable[[], tuple[NodeResult, ...]]) -> tuple[NodeResult, ...]:
        """Lets dbt run, and adds to its results what only the engine knows."""
        ...

    def seal(self) -> None:
        """Makes what dbt has made last, and lets it change no more."""
        ...

    def findings_of_tests(self, nodes: Sequence[NodeResult]) -> tuple[Finding, ...]:
        """What dbt's tests found."""
        ...

    def validate(self, suites: Sequence[Suite], on_suite: Callable[[SuiteResult], None]) -> ValidationResult:
        """What the suites found."""
        ...

    def make_room(self) -> None:
        """Deletes what has filled the disk, if it is full."""
        ...

    def close(self) -> None:
        """Leaves the engine."""
        ...


class DuckDBTarget:
    """A file in the build's folder."""

    def __init__(self, project: Project, files: BuildFiles) -> None:
        self.project = project
        self.files = files
        self.place = build_place(project)

    def check(self, parsed: Parsed, *, is_partial: bool, full_refresh: bool) -> None:
        """Everything can be built."""

    def prepare(self, origin: BuildFiles | None) -> None:
        """Makes the folder, and links it to where dbt writes."""
        make_folder(self.files)
        if origin is not None:
            storage.copy_file(origin.database_path, self.files.database_path)
        # dbt always writes through this link: a path that changed would make it parse the whole project again.
        storage.switch_link(self.project.warehouse_path / "building", self.files.path)

    def begin(self, manifest: DbtManifest) -> None:
        """Nothing: dbt reads files itself."""

    def run(self, run_dbt: Callable[[], tuple[NodeResult, ...]]) -> tuple[NodeResult, ...]:
        """Lets dbt run."""
        return run_dbt()

    def seal(self) -> None:
        """Folds the write-ahead log into the file, makes it durable and read-only."""
        connection = storage.connect(self.files.database_path, read_only=False)
        try:
            connection.execute("checkpoint")
        finally:
            connection.close()
        with storage.storage_errors(f"seal {self.files.database_path}"):
            storage.sync_file(self.files.database_path)
            self.files.database_path.chmod(0o444)
            storage.sync_folder(self.files.path)
            storage.sync_folder(self.files.path.parent)

    def findings_of_tests(self, nodes: Sequence[NodeResult]) -> tuple[Finding, ...]:
        """What dbt's tests found."""
        return findings_of_tests(self.project, self.files.database_path, nodes)

    def validate(self, suites: Sequence[Suite], on_suite: Callable[[SuiteResult], None]) -> ValidationResult:
        """What the suites found."""
        return run_suites_on(self.project, self.files, suites, on_suite=on_suite)

    def make_room(self) -> None:
        """Deletes the half database when the disk is full: it is what filled it, and records must still be written."""
        with suppress(OSError):
            if shutil.disk_usage(self.project.builds_path).free < _FULL_BYTES:
                for path in self.files.path.glob("warehouse.duckdb*"):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    def close(self) -> None:
        """Nothing is open."""


def make_folder(files: BuildFiles) -> None:
    """Makes the build's folder.

    Raises:
        StorageError: it cannot be made.
    """
    with storage.storage_errors(f"make {files.path}"):
        files.path.mkdir(parents=True)
