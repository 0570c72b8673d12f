"""The reader's side of builds: which one is published, where a build lies, and where an analyst's own."""

from __future__ import annotations

import getpass
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse import storage
from warehouse.errors import ProjectError, StorageError, suggestion
from warehouse.project import Project

if TYPE_CHECKING:
    import duckdb

CATALOG = "warehouse"
"""What the published file is called in SQL: the stem of its name."""
DEV_CATALOG = "dev"
"""The same for the file of a dev build."""
_DEV_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
WORKS_ON_SPARK = (
    "what works on Spark: warehouse build, builds, validate, publish, rollback, export, drift, leakage, diagnose, "
    "docs, gc, status, doctor, nightly"
)
BUILD_ID = re.compile(r"\d{8}T\d{6}Z(-\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFiles:
    """Where one build lies."""

    id: str
    path: Path

    @property
    def is_on_spark(self) -> bool:
        """Whether its tables lie, or will lie, on a Spark cluster."""
        return self.spark_path.is_file() or self.spark_draft_path.is_file()

    @property
    def database_path(self) -> Path:
        """The DuckDB file. Its stem is the catalog's name, which dbt writes into views, so it never changes.

        Raises:
            ProjectError: the build has none, since it lies on Spark.
        """
        self.check_in_duckdb()
        return self.path / "warehouse.duckdb"

    def check_in_duckdb(self) -> None:
        """Refuses a build that lies on Spark.

        Raises:
            ProjectError: it does; the message says what works there.
        """
        if self.is_on_spark:
            raise ProjectError(
                f"build {self.id} lies on Spark, and this reads builds in DuckDB alone\n"
                f"  {WORKS_ON_SPARK}; for all else, build the same models in DuckDB: warehouse build --target duckdb"
            )

    @property
    def spark_path(self) -> Path:
        """Where the tables lie on Spark; the last file that a build there writes."""
        return self.path / "spark.json"

    @property
    def spark_draft_path(self) -> Path:
        """The same while the build is being made: whoever clears up after it has to know."""
        return self.path / "spark.building.json"

    @property
    def content_path(self) -> Path:
        """The one file that a finished build has, on either engine; readers hold it open."""
        return self.spark_path if self.is_on_spark else self.database_path

    @property
    def dbt_manifest_path(self) -> Path:
        """What dbt parsed and compiled for this build."""
        return self.path / "dbt" / "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkPlace:
    """Where the tables of a build lie on a Spark cluster."""

    remote: str
    """The cluster's address, without what may be secret."""
    catalog: str
    schemas: Mapping[str, str]
    """Schemas on the cluster by what they are called in every build: `main` is `b20261128t101500z_main`."""

    def name_of(self, schema: str) -> str:
        """What a schema of the cluster is called in every build; dbt's files have its name on the cluster."""
        return next((name for name, there in self.schemas.items() if there == schema), schema)


def spark_prefix(build_id: str) -> str:
    """What the names of all schemas of this build begin with, before an underscore."""
    return "b" + build_id.lower().replace("-", "_")


def write_spark_place(path: Path, place: SparkPlace) -> None:
    """Writes the file, whole or not at all.

    Raises:
        StorageError: it cannot be written.
    """
    storage.write_json(path, {"format": 1, **asdict(place)})


def read_spark_place(files: BuildFiles) -> SparkPlace:
    """Where the tables of this build lie on Spark, finished or not.

    Raises:
        StorageError: its file cannot be read, or names schemas that are none of this build.
    """
    path = files.spark_path if files.spark_path.is_file() else files.spark_draft_path
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != 1:
            raise ValueError(f"its format is {document['format']}, and 1 is known")
        place = SparkPlace(
            remote=str(document["remote"]),
            catalog=str(document["catalog"]),
            schemas={str(name): str(schema) for name, schema in document["schemas"].items()},
        )
        for name, schema in place.schemas.items():
            # Schemas are dropped by these names, so that no other may stand here.
            if schema != f"{spark_prefix(files.id)}_{name}":
                raise ValueError(f"{schema!r} is no schema of this build")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageError(f"{path} does not say where build {files.id} lies on Spark: {error}") from error
    return place


def published_id(project: Project) -> str | None:
    """The published build's id; None before the first one is published."""
    try:
        return project.current_path.readlink().name
    except OSError:
        return None


def build_ids(project: Project) -> list[str]:
    """Ids of all builds on disk, published or not, oldest first."""
    if not project.builds_path.is_dir():
        return []
    return sorted(path.name for path in project.builds_path.iterdir() if BUILD_ID.fullmatch(path.name))


def find_build(project: Project, build_id: str | None = None) -> BuildFiles:
    """The build of this id, or the published one.

    The folder is the build's own, never the `current` link: a reader keeps what it found, whatever is published since.

    Raises:
        ProjectError: nothing is published yet, or no build has this id.
    """
    if build_id is None:
        build_id = published_id(project)
        if build_id is None:
            raise ProjectError(
                f"no build is published yet in {project.relative(project.warehouse_path)}\n"
                "  make the first one with: warehouse build"
            )
    known = build_ids(project)
    if build_id not in known:
        raise ProjectError(
            f"there is no build {build_id!r}; {suggestion(build_id, known[::-1])}\n  list: warehouse builds"
        )
    return BuildFiles(id=build_id, path=project.builds_path / build_id)


def open_build(
    project: Project, build_id: str | None = None, *, memory_limit: str = "", threads: int | None = None
) -> tuple[BuildFiles, duckdb.DuckDBPyConnection]:
    """The build of this id, or the published one, and a read-only connection to it that the caller closes.

    A build that is replaced and deleted between finding it and opening it is not what a reader wants: then the newest
    one is found again. What is open is never deleted.

    Raises:
        ProjectError: nothing is published yet, or no build has this id.
        StorageError: its file is missing or cannot be opened.
    """
    settings = project.settings
    while True:
        files = find_build(project, build_id)
        try:
            connection = storage.connect(
                files.database_path,
                memory_limit=memory_limit or settings.memory_limit,
                threads=settings.threads if threads is None else threads,
            )
        except StorageError:
            if files.path.is_dir() or published_id(project) == files.id:
                raise
            continue
        return files, connection


@dataclass(frozen=True, slots=True, kw_only=True)
class DevFiles:
    """Where a dev build lies: the tables that an analyst has changed; the others are those of a published build."""

    name: str
    path: Path
    """Folder of this person's dev builds."""

    @property
    def current_path(self) -> Path:
        """Link to the folder of the newest one."""
        return self.path / "current"

    @property
    def database_path(self) -> Path:
        """The DuckDB file of the newest one, catalog `dev`. Its views read catalog `warehouse`, the published build."""
        return self.current_path / f"{DEV_CATALOG}.duckdb"


def dev_files(project: Project, name: str | None = None) -> DevFiles:
    """Where the dev builds of this name lie, made or not; without a name those of whoever runs this.

    Raises:
        ProjectError: the name cannot be that of a folder.
    """
    if name is None:
        try:
            name = getpass.getuser()
        except (KeyError, OSError):  # a container whose user id has no name
            name = str(os.getuid())
        name = re.sub(r"[^A-Za-z0-9._-]", "_", name).lstrip("._-") or "me"
    if not _DEV_NAME.fullmatch(name):
        raise ProjectError(f"a dev build cannot be called {name!r}\n  use letters, digits, and . _ - between them")
    return DevFiles(name=name, path=project.state_path / "dev" / name)


def find_dev(project: Project, name: str | None = None) -> tuple[DevFiles, BuildFiles]:
    """A dev build and the published build that it reads what it did not make from.

    That is the one it was made beside, or the one that is published now when that one is gone.

    Raises:
        ProjectError: there is no dev build of this name, or nothing is published.
    """
    files = dev_files(project, name)
    if not files.database_path.is_file():
        raise ProjectError(f"there is no dev build in {project.relative(files.path)}\n  make one with: warehouse dev")
    try:
        beside = str(json.loads((files.current_path / "dev.json").read_text(encoding="utf-8"))["beside"])
    except (OSError, ValueError, KeyError, TypeError):
        beside = ""
    return files, find_build(project, beside if beside in build_ids(project) else None)
