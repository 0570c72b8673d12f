"""`load`: land rows of databases, files and other systems for dbt's sources."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from warehouse.project import Project

from .. import console

if TYPE_CHECKING:
    from warehouse.loads.results import Loads

STYLES = {"loaded": "green", "failed": "bold red", "planned": "cyan"}


def load(
    context: typer.Context,
    select: Annotated[
        list[str] | None, typer.Argument(metavar="[TABLE]...", help="Only these: shop, shop.orders or 'shop.*'.")
    ] = None,
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Read everything anew and replace what is there, all at once.")
    ] = False,
    since: Annotated[
        str | None, typer.Option(help="Read again from this value of the cursor on, and add what is not there.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be read.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Land new rows of the sources that declare a load, without reading old ones again.

    Example: warehouse load shop.orders
    """
    from warehouse.loads.load import load_sources

    project = Project.find(context.obj)
    with console.BuildProgress(quiet=as_json) as progress:
        result = load_sources(
            project,
            now=datetime.now(UTC),
            select=select or (),
            full_refresh=full_refresh,
            since=since,
            dry_run=dry_run,
            on_progress=progress.listener().on_stage,
        )
    if as_json:
        console.print_json(result)
    else:
        _print_loads(project, result)
    if result.status.value == "failed":
        raise typer.Exit(1)


def _print_loads(project: Project, result: Loads) -> None:
    if not result.tables:
        console.print_line("no source declares a load; see docs/sources.md")
        return
    from rich.text import Text

    console.print_table(
        ("table", "from", "status", "rows", "size", "now there", "mark", "seconds"),
        [
            (
                table.name,
                table.kind,
                Text(table.status.value, style=STYLES.get(table.status.value, "")),
                f"+{table.row_count:,}" if table.row_count else "",
                console.size_text(table.byte_count) if table.byte_count else "",
                table.total_row_count,
                table.high_mark,
                f"{table.seconds:.1f}",
            )
            for table in result.tables
        ],
        right=("rows", "size", "now there", "seconds"),
    )
    if result.dry_run:
        for table in result.tables:
            console.print_line(f"{table.name}: {table.message}")
    for finding in result.findings:
        console.print_finding(finding)
    if result.dry_run:
        console.print_line("nothing was read; next: warehouse load")
    elif result.status.value == "failed":
        console.print_line("what failed is as it was; correct it, then run the same command again", style="red")
    else:
        console.print_line(f"loaded into {project.relative(project.raw_path)}; next: warehouse build", style="green")
