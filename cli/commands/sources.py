"""`sources`: whether what a build is about to read is whole, fresh, and of the shape that it had."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from warehouse.project import Project

from .. import console

if TYPE_CHECKING:
    from warehouse.sources.report import SourceCheck, SourceReport


def sources(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Sources to look at: shop, shop.orders; default: all."),
    ] = None,
    freshness: Annotated[
        bool, typer.Option("--freshness/--no-freshness", help="Whether to ask how old the newest rows are.")
    ] = True,
    release: Annotated[
        str | None, typer.Option(help="Move a file back out of quarantine, by the name that it has there.")
    ] = None,
    quarantine: Annotated[bool, typer.Option("--quarantine", help="List the files in quarantine.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Check the files, columns and freshness of the sources before a build reads them.

    Example: warehouse sources shop.orders
    """
    from warehouse.findings import is_critical
    from warehouse.sources.quarantine import quarantined
    from warehouse.sources.quarantine import release as release_file
    from warehouse.sources.report import check_sources

    project = Project.find(context.obj)
    if release is not None:
        path = release_file(project, release)
        console.print_json({"released": release, "path": path}) if as_json else console.print_line(
            f"{release} is back at {project.relative(path)}", style="green"
        )
        return
    if quarantine:
        files = quarantined(project)
        if as_json:
            console.print_json(files)
            return
        if not files:
            console.print_line("quarantine is empty")
            return
        console.print_table(
            ("file", "source", "since", "came from", "why"),
            [
                (file.name, file.source, file.at, project.relative(file.came_from), "; ".join(file.reasons))
                for file in files
            ],
        )
        console.print_line(f"next: warehouse sources --release {files[-1].name}")
        return
    report = check_sources(project, now=datetime.now(UTC), names=names or (), freshness=freshness)
    if as_json:
        console.print_json(report)
    else:
        _print(report)
    if is_critical(report.findings):
        raise typer.Exit(1)


def _print(report: SourceReport) -> None:
    console.print_table(
        ("source", "files", "rows", "size", "columns", "newest rows", "state"),
        [_row(source) for source in report.sources],
        right=("files", "rows", "size", "columns"),
    )
    for finding in report.findings:
        console.print_finding(finding)
    if not report.findings:
        console.print_line("nothing is wrong with the sources", style="green")


def _row(source: SourceCheck) -> tuple[object, ...]:
    from warehouse.sources.freshness import age_text

    counts = [file.row_count for file in source.files] + ([source.table.row_count] if source.table else [])
    rows = sum(count for count in counts if count is not None) if None not in counts and counts else None
    age = source.freshness
    severities = [finding.severity.value for finding in source.findings]
    worst = next((severity for severity in ("critical", "warning") if severity in severities), None)
    return (
        source.name,
        source.table.version.words if source.table else len(source.files) or "",
        rows,
        console.size_text(sum(file.bytes for file in source.files)) if source.files else "",
        len(source.columns) or "",
        "" if age is None or age.age_seconds is None else f"{age_text(age.age_seconds)} old",
        console.severity_text(worst) if worst else "ok",
    )
