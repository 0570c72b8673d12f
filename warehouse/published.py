"""The reader's side of builds: which one is published, and where a build lies."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from warehouse.errors import ProjectError, suggestion
from warehouse.project import Project

BUILD_ID = re.compile(r"\d{8}T\d{6}Z(-\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFiles:
    """Where one build lies."""

    id: str
    path: Path

    @property
    def database_path(self) -> Path:
        """The DuckDB file. Its stem is the catalog's name, which dbt writes into views, so it never changes."""
        return self.path / "warehouse.duckdb"

    @property
    def dbt_manifest_path(self) -> Path:
        """What dbt parsed and compiled for this build."""
        return self.path / "dbt" / "manifest.json"


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
