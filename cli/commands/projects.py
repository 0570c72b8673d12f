"""`init` and `status`: start a project, and see where everything lies."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from warehouse.project import Project
from warehouse.published import find_build, published_id

from .. import console


def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of the new project; made when missing.")],
) -> None:
    """Start a project: a working copy of the example company, to be replaced by your own.

    Example: warehouse init my-warehouse
    """
    from warehouse.template import write_project

    for path in write_project(folder):
        console.print_line(f"wrote {path}")
    console.print_line(f"next: cd {shlex.quote(str(folder))} && warehouse build")


def status(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False
) -> None:
    """Show where the published warehouse, the newest dataset versions and their reports lie.

    Example: warehouse status
    """
    from warehouse.datasets.versions import dataset_names, find_version

    project = Project.find(context.obj)
    build_id = published_id(project)
    content = find_build(project).content_path if build_id else None
    versions = [find_version(project, name) for name in dataset_names(project)]
    if as_json:
        console.print_json(
            {
                "build": build_id,
                "database_path": content,
                "datasets": [
                    {"name": version.name, "version": version.number, "path": version.path} for version in versions
                ],
            }
        )
        return
    built = "not built yet: warehouse build"
    if content:
        built = f"{project.relative(project.current_path / content.name)} (build {build_id})"
    console.print_line(f"warehouse  {built}")
    for version in versions:
        console.print_line(f"dataset    {project.relative(version.path)}")
        for report in sorted(version.reports_path.glob("*.html")):
            console.print_line(f"report     {project.relative(report)}")
