"""`build`, `builds`, `publish`, `rollback`: make, list and switch builds."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from warehouse.project import Project

from .. import console

if TYPE_CHECKING:
    from warehouse.builds import Build

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


class WaitingCommand(TyperCommand):
    """A command whose `--wait` may stand alone, for as long as it takes; Typer knows no such options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses with the number that is meant."""
        words = []
        for word, following in zip_longest(args, args[1:], fillvalue=""):
            words.append(word)
            if word == "--wait" and not _is_number(following):
                words.append("inf")
        return super().parse_args(ctx, words)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def build(
    context: typer.Context,
    select: Annotated[
        list[str] | None, typer.Option("--select", "-s", help="Build only these nodes (dbt's selection syntax).")
    ] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="Leave these nodes out (dbt's selection syntax).")] = None,
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Make incremental models again from nothing.")
    ] = False,
    target: Annotated[
        str | None,
        typer.Option(help="Engine that builds and keeps the tables: duckdb or spark. Default: engine of the settings."),
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="[SECONDS]",
            help="Wait while another build runs, in the order of coming; without a number as long as it takes. "
            "Default: build_wait_seconds of the settings, which is 0 at first.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Build the warehouse with dbt, check it, and publish it when nothing critical stands.

    Example: warehouse build --select +fct_flights
    """
    from warehouse.builds import build_warehouse

    project = Project.find(context.obj)
    with console.BuildProgress(quiet=as_json) as progress:
        result = build_warehouse(
            project,
            now=datetime.now(UTC),
            select=select or (),
            exclude=exclude or (),
            full_refresh=full_refresh,
            wait=project.settings.build_wait_seconds if wait is None else wait,
            engine=target,
            listener=progress.listener(),
        )
    if as_json:
        console.print_json(result)
    else:
        _print_build(project, result)
    if not result.published:
        raise typer.Exit(1)
    _share(project, result.id, quiet=as_json)


def _share(project: Project, build_id: str, *, quiet: bool = False) -> None:
    """Pushes what was published, when the settings say so."""
    if not project.settings.share_builds:
        return
    from warehouse.build_sharing import share_published

    shared = share_published(project, now=datetime.now(UTC), build_id=build_id)
    if shared is not None and not quiet:
        console.print_line(f"shared in {shared.url}: {console.size_text(shared.sent_bytes)} sent")


def _print_build(project: Project, result: Build) -> None:
    for finding in result.findings:
        console.print_finding(finding)
    models = sum(node.resource_type in ("model", "seed", "snapshot") for node in result.nodes)
    tests = sum(node.resource_type in ("test", "unit_test") for node in result.nodes)
    expectations = sum(len(suite.expectations) for suite in result.validation.suites) if result.validation else 0
    console.print_line()
    console.print_line(f"{models} models, {tests} dbt tests, {expectations} expectations in {result.seconds:.1f} s")
    if result.removed_builds:
        console.print_line(f"removed {len(result.removed_builds)} old builds")
    if result.published:
        path = project.relative(project.current_path / result.content_path.name)
        console.print_line(f"published build {result.id}: {path}", style="green")
    else:
        console.print_line(f"build {result.id} is not published: a critical finding stands", style="red")
        console.print_line(
            f"look at it: warehouse validate --build {result.id}, or open {project.relative(result.path)}"
        )


def builds(context: typer.Context, as_json: Json = False) -> None:
    """List the builds that are kept, newest first.

    Example: warehouse builds
    """
    from warehouse.builds import list_builds

    entries = list_builds(Project.find(context.obj))[::-1]
    if as_json:
        console.print_json(entries)
        return
    if not entries:
        console.print_line("no build yet; make the first one with: warehouse build")
        return
    console.print_table(
        ("build", "status", "published", "seconds", "size", "critical", "warnings", "commit"),
        [
            (
                entry.id,
                entry.status.value,
                "<- current" if entry.published else "",
                f"{entry.seconds:.1f}",
                "on Spark" if entry.engine == "spark" else console.size_text(entry.bytes),
                entry.critical_count,
                entry.warning_count,
                (entry.commit or "")[:10],
            )
            for entry in entries
        ],
        right=("seconds", "size", "critical", "warnings"),
    )


def publish(
    context: typer.Context, build_id: Annotated[str, typer.Argument(metavar="BUILD", help="Id of a build that passed.")]
) -> None:
    """Publish a kept build that passed its checks.

    Example: warehouse publish 20261123T101500Z
    """
    from warehouse.builds import publish_by_hand

    project = Project.find(context.obj)
    before = publish_by_hand(project, build_id, now=datetime.now(UTC))
    was = f" (was {before})" if before not in (None, build_id) else ""
    console.print_line(f"published build {build_id}{was}", style="green")
    _share(project, build_id)


def rollback(
    context: typer.Context,
    build_id: Annotated[
        str | None, typer.Argument(metavar="[BUILD]", help="Id to go back to; default: the one before.")
    ] = None,
) -> None:
    """Publish an earlier build again; readers that are open keep what they opened.

    Example: warehouse rollback
    """
    from warehouse.builds import roll_back

    project = Project.find(context.obj)
    before, after = roll_back(project, now=datetime.now(UTC), build_id=build_id)
    console.print_line(f"published build {after} again (was {before})", style="green")
    _share(project, after)
