"""`leakage`: what the splits of a dataset have in common that they should not."""

from __future__ import annotations

from typing import Annotated

import typer

from warehouse.findings import Severity
from warehouse.project import Project

from .. import console

SHOWN_PREDICTORS = 5


def leakage(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(help="A dataset, late_arrivals, or one version, late_arrivals@1.0.0.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    fail_on: Annotated[
        Severity, typer.Option(help="Exit with 1 when a finding is at least this severe.")
    ] = Severity.CRITICAL,
) -> None:
    """Look for leaks between the splits of a dataset and write the report into its version.

    Example: warehouse leakage late_arrivals
    """
    from warehouse.checks.leakage.search import find_leaks_in_version
    from warehouse.datasets.named_rows import rows_of_version
    from warehouse.datasets.row_engines import open_rows
    from warehouse.datasets.versions import find_version
    from warehouse.reports.leakage_json import leakage_document, leakage_json
    from warehouse.reports.leakage_text import (
        PREDICTOR_HEADERS,
        PREDICTOR_RIGHT,
        leakage_opening,
        predictor_rows,
    )
    from warehouse.storage import write_file

    project = Project.find(context.obj)
    version = find_version(project, reference)
    with open_rows(project, rows_of_version(version)) as engine:
        result = find_leaks_in_version(engine, version)
    path = version.reports_path / "leakage.json"
    write_file(path, leakage_json(result))
    if as_json:
        console.print_json(leakage_document(result))
    else:
        console.print_line(leakage_opening(result))
        for finding in result.findings:
            console.print_finding(finding)
        for reason in result.not_judged:
            console.print_line(f"not judged: {reason}")
        predictors = predictor_rows(result, limit=SHOWN_PREDICTORS)
        if predictors:
            console.print_table(PREDICTOR_HEADERS, predictors, right=PREDICTOR_RIGHT)
        console.print_line(f"report: {project.relative(path)}")
    order = list(Severity)
    if any(order.index(finding.severity) <= order.index(fail_on) for finding in result.findings):
        raise typer.Exit(1)
