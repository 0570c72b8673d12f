"""`drift`: how two splits of a dataset differ."""

from __future__ import annotations

from typing import Annotated

import typer

from warehouse.findings import Severity
from warehouse.project import Project

from .. import console

SHOWN_COLUMNS = 10


def drift(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(help="A dataset, late_arrivals, or one version, late_arrivals@1.0.0.")],
    left: Annotated[str, typer.Option(help="The split to compare with.")] = "train",
    right: Annotated[str, typer.Option(help="The split in question.")] = "test",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    fail_on: Annotated[
        Severity, typer.Option(help="Exit with 1 when a finding is at least this severe.")
    ] = Severity.CRITICAL,
) -> None:
    """Compare two splits of a dataset column by column and write the report into its version.

    Example: warehouse drift late_arrivals --left train --right dev
    """
    from warehouse.checks.drift_splits import compare_splits, report_stem
    from warehouse.datasets.versions import find_version
    from warehouse.engine.local import LocalEngine
    from warehouse.reports.drift_json import drift_document, drift_json
    from warehouse.reports.html import drift_html
    from warehouse.reports.text import DRIFT_HEADERS, DRIFT_RIGHT, drift_rest, drift_rows
    from warehouse.storage import connect, write_file

    project = Project.find(context.obj)
    version = find_version(project, reference)
    settings = project.settings
    with connect(
        None,
        memory_limit=settings.memory_limit,
        threads=settings.threads,
        temporary_path=project.temporary_path,
    ) as connection:
        result = compare_splits(LocalEngine(connection), version, left=left, right=right)
    stem = version.reports_path / report_stem(left=left, right=right)
    write_file(stem.with_name(f"{stem.name}.json"), drift_json(result))
    write_file(stem.with_name(f"{stem.name}.html"), drift_html(result))
    if as_json:
        console.print_json(drift_document(result))
    else:
        for sentence in result.summary:
            console.print_line(sentence)
        console.print_table(DRIFT_HEADERS, drift_rows(result, limit=SHOWN_COLUMNS), right=DRIFT_RIGHT)
        rest = drift_rest(result, limit=SHOWN_COLUMNS)
        if rest:
            console.print_line(rest)
        console.print_line(f"report: {project.relative(stem.with_name(f'{stem.name}.html'))}")
    order = list(Severity)
    if any(order.index(finding.severity) <= order.index(fail_on) for finding in result.findings):
        raise typer.Exit(1)
