"""dbt's own docs as one page: what dbt knows of the project as it stands, without asking the database."""

from __future__ import annotations

import shutil
import uuid
from dataclasses import replace
from pathlib import Path

from warehouse import dbt_runner, storage
from warehouse.errors import BuildError
from warehouse.project import Project


def dbt_docs_path(project: Project) -> Path:
    """Where the page lies once it was made."""
    return project.warehouse_path / "dbt-docs" / "static_index.html"


def make_dbt_docs(project: Project) -> Path:
    """Lets dbt write its page; types of columns are those that the YAML declares.

    dbt gets folders and a database of its own for it, so that a build may run and readers never wait.

    Raises:
        BuildError: dbt cannot parse the project, or write the page.
        LockedError: somebody else makes it and is not done after two minutes.
    """
    path = dbt_docs_path(project)
    log_path = project.warehouse_path / "logs" / "dbt-docs"
    folder = project.temporary_path / f"dbt-docs-{uuid.uuid4().hex}"
    with storage.lock(project.warehouse_path / "dbt-docs.lock", purpose="making dbt's docs", timeout=120):
        place = replace(dbt_runner.build_place(project), build_path=folder, target_path=path.parent)
        with storage.storage_errors(f"make {folder}"):
            folder.mkdir(parents=True)
            path.unlink(missing_ok=True)
        try:
            parsed = dbt_runner.parse_project(project, log_path=log_path, place=place)
            _, reason = dbt_runner.run_command(
                project,
                parsed,
                ["docs", "generate", "--static", "--empty-catalog", "--no-compile"],
                log_path=log_path,
                place=place,
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    if not path.is_file():
        raise BuildError(f"dbt did not write its docs: {reason}\n  dbt's log: {project.relative(log_path / 'dbt.log')}")
    return path
