"""Opens what people ask about: a build, an analyst's own build, or a dataset version; none of it can be written."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from warehouse import storage
from warehouse.datasets.spec import Format
from warehouse.datasets.versions import Version, dataset_names, find_version, find_version_or_folder
from warehouse.engine.arrow_files import register_arrow_files
from warehouse.errors import ProjectError, VersionError
from warehouse.project import Project
from warehouse.published import CATALOG, DEV_CATALOG, dev_files, find_build, find_dev
from warehouse.sql import identifier, literal

if TYPE_CHECKING:
    import duckdb

SPILL_LIMIT = "10GB"
"""How much of the disk an untrusted statement may use for what does not fit into memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is asked about; the published build when nothing is named."""

    build: str | None = None
    """Id of a build."""
    version: str | None = None
    """A dataset version, `late_arrivals@1.0.0`, whose splits become tables."""
    dev: bool = False
    """The file that `dbt build` writes for the analyst."""
    safe: bool = False
    """For statements of others: no file can be reached, and no setting changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """An open connection, and what it is open on."""

    connection: duckdb.DuckDBPyConnection
    title: str
    """`build 20261123T101500Z`, say."""
    is_safe: bool
    project: Project
    offered: set[str] = field(default_factory=set)
    """Datasets and versions that statements have named so far."""

    def offer_datasets(self, statement: str) -> None:
        """Makes every dataset that the statement names a catalog of its splits: `late_arrivals.train`.

        `late_arrivals` is the newest version that stands, `"late_arrivals@1.0.0"` that one. A dataset that cannot be
        read stays unknown, and DuckDB says so.
        """
        if self.is_safe or not self.project.datasets_path.is_dir():
            return
        for name in dataset_names(self.project):
            for found in set(re.findall(rf"(?<!\w){re.escape(name)}(?:@[\w.]+)?(?!\w)", statement)) - self.offered:
                self.offered.add(found)
                try:
                    version = find_version(self.project, found)
                except VersionError:
                    continue
                self._attach(found, version)

    def _attach(self, name: str, version: Version) -> None:
        import duckdb

        try:
            self.connection.execute(f"attach ':memory:' as {identifier(name)}")
        except duckdb.Error:
            return  # the build's own catalog has this name
        make_views(self.connection, version, catalog=name)


@contextmanager
def open_session(project: Project, subject: Subject, *, written: Sequence[str] = ()) -> Iterator[Session]:
    """A session on what is asked about; `written` are the paths that answers go to, which safe mode leaves open.

    Raises:
        ProjectError: more than one thing is named, or what is named is not there.
        VersionError: there is no such version.
        StorageError: it cannot be opened.
    """
    if sum((subject.build is not None, subject.version is not None, subject.dev)) > 1:
        raise ProjectError("--build, --version and --dev exclude each other: name one thing to ask about")
    settings = project.settings
    spill = _spill_folder(project) / f"sql-{uuid4().hex}"
    connection = storage.connect(
        None, memory_limit=settings.memory_limit, threads=settings.threads, temporary_path=spill
    )
    try:
        readable: list[Path] = []
        if subject.version is not None:
            found = find_version_or_folder(project, subject.version)
            make_views(connection, found, catalog="memory")
            title, readable = found.reference, [found.path / "data"]
        else:
            title, databases = _databases(project, subject)
            for name, path in databases.items():
                storage.attach_read_only(connection, path, name=name)
            storage.look_into(connection, list(databases))
        if subject.safe:
            connection.execute(f"set max_temp_directory_size = {literal(SPILL_LIMIT)}")
            connection.execute("set allow_persistent_secrets = false")
            storage.confine(connection, folders=readable, files=written)
        yield Session(connection=connection, title=title, is_safe=subject.safe, project=project)
    finally:
        connection.close()
        shutil.rmtree(spill, ignore_errors=True)


def make_views(connection: duckdb.DuckDBPyConnection, version: Version, *, catalog: str) -> None:
    """One view per split of the version, named like it."""
    for split, relation in version.relations.items():
        view = f"{identifier(catalog)}.main.{identifier(split)}"
        if version.manifest.spec.format is Format.ARROW:
            register_arrow_files(connection, relation.sql)
            # A lasting view cannot read what is registered for the session; the rows stay in mapped files.
            view = identifier(split) if catalog == "memory" else view
            connection.execute(f"create temp view {view} as select * from {relation.sql}")
            continue
        connection.execute(f"create view {view} as select * from {relation.sql}")


def _databases(project: Project, subject: Subject) -> tuple[str, dict[str, Path]]:
    """What is asked about, and its DuckDB files by the catalog's name; tables of the first hide those of the next."""
    if not subject.dev:
        files = find_build(project, subject.build)
        return f"build {files.id}", {CATALOG: files.database_path}
    if dev_files(project).database_path.is_file():
        own, beside = find_dev(project)
        return f"your own build beside {beside.id}", {DEV_CATALOG: own.database_path, CATALOG: beside.database_path}
    path = project.state_path / "dev" / "warehouse.duckdb"
    if not path.is_file():
        raise ProjectError(
            f"there is no build of your own in {project.relative(path.parent)}\n"
            "  make one with: warehouse dev (or dbt build, target dev)"
        )
    return "your own build", {CATALOG: path}


def _spill_folder(project: Project) -> Path:
    """The project's folder for what does not fit into memory; the machine's own for a reader who cannot write there."""
    for folder in (project.temporary_path, project.state_path):
        if folder.is_dir():
            return project.temporary_path if os.access(folder, os.W_OK) else storage.machine_temporary_path()
    return storage.machine_temporary_path()
