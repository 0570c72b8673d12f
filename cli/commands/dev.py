"""`dev`: an analyst's own build of what has changed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from warehouse.project import Project

from .. import console

if TYPE_CHECKING:
    from warehouse.builds import DevBuild


def dev(
    context: typer.Context,
    select: Annotated[
        list[str] | None,
        typer.Option("--select", "-s", help="Build these nodes instead of what has changed (dbt's selection syntax)."),
    ] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="Leave these nodes out (dbt's selection syntax).")] = None,
    full_refresh: Annotated[
        bool,
        typer.Option("--full-refresh", help="Make incremental models from nothing, not from the published rows."),
    ] = False,
    validate: Annotated[
        bool, typer.Option("--validate/--no-validate", help="Run the suites of the models that are built.")
    ] = True,
    name: Annotated[
        str | None, typer.Option(help="Whose build it is, for several of one person; default: the user's name.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Build what you have changed, and what depends on it, in a file of your own; the rest is read as published.

    Example: warehouse dev
    """
    from warehouse.builds import build_dev

    project = Project.find(context.obj)
    with console.BuildProgress(quiet=as_json) as progress:
        result = build_dev(
            project,
            now=datetime.now(UTC),
            name=name,
            select=select or (),
            exclude=exclude or (),
            full_refresh=full_refresh,
            validate=validate,
            listener=progress.listener(),
        )
    if as_json:
        console.print_json(result)
    else:
        _print_dev(project, result, name)
    if result.is_failed:
        raise typer.Exit(1)


def _print_dev(project: Project, result: DevBuild, name: str | None) -> None:
    for finding in result.findings:
        console.print_finding(finding)
    if result.vanished:
        console.print_line(f"gone from the project, and still in the published build: {', '.join(result.vanished)}")
    if not result.nodes:
        console.print_line(f"nothing differs from build {result.beside}: every table is as published")
        return
    models = sum(node.resource_type in ("model", "seed", "snapshot") for node in result.nodes)
    tests = sum(node.resource_type in ("test", "unit_test") for node in result.nodes)
    expectations = sum(len(suite.expectations) for suite in result.validation.suites) if result.validation else 0
    console.print_line()
    console.print_line(f"{models} models, {tests} dbt tests, {expectations} expectations in {result.seconds:.1f} s")
    if result.started_from_copy:
        console.print_line(f"added to a copy of the published rows: {', '.join(result.started_from_copy)}")
    console.print_line(f"read from build {result.beside}: {', '.join(result.read) or 'nothing'}")
    path = project.relative(result.path)
    if result.is_failed:
        console.print_line(f"a critical finding stands; look at it in {path}", style="red")
    else:
        console.print_line(f"built {path}", style="green")
    if name is None:
        console.print_line("ask it: warehouse sql --dev")
