"""`synthetic`: how made-up rows differ from real ones, whether they copy any, whether they help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from warehouse.errors import PredictionError
from warehouse.findings import Severity
from warehouse.project import Project

from .. import console
from .diagnose import columns_by_role

if TYPE_CHECKING:
    from warehouse.checks.diagnosis.synthetic_effect import SyntheticEffect
    from warehouse.checks.drift.report import DriftPair
    from warehouse.checks.synthetic.result import SyntheticResult

SHOWN_COLUMNS = 10


def synthetic(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(help="A dataset, late_arrivals, or one version, late_arrivals@1.0.0.")],
    predictions: Annotated[
        str | None,
        typer.Option(help="Files or a table with predictions of a model that learned from synthetic rows too."),
    ] = None,
    without_synthetic: Annotated[
        str | None, typer.Option(help="The same of a model that learned without them: do they help?")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE=NAME", help="Which column of the predictions holds what, when it is called otherwise."
        ),
    ] = None,
    positive: Annotated[
        str | None, typer.Option(help="Of two classes the one that probability is of; default: the later one, true, 1.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    fail_on: Annotated[
        Severity, typer.Option(help="Exit with 1 when a finding is at least this severe.")
    ] = Severity.CRITICAL,
) -> None:
    """Tell how a version's synthetic rows differ from real ones, what they lack, and whether they copy any.

    Example: warehouse synthetic late_arrivals --predictions with.parquet --without-synthetic without.parquet
    """
    from warehouse.checks.diagnosis.synthetic_effect import synthetic_effect
    from warehouse.checks.drift.pairs import Beyond, Purpose, compare_pair
    from warehouse.checks.drift.splits import frame_of
    from warehouse.checks.synthetic.examine import examine_rows
    from warehouse.checks.synthetic.result import REAL, SYNTHETIC
    from warehouse.checks.synthetic.rows import columns_apart, find_synthetic_rows
    from warehouse.datasets.named_rows import find_rows, rows_of_version
    from warehouse.datasets.row_engines import open_rows
    from warehouse.datasets.versions import find_version_or_folder
    from warehouse.reports.synthetic_json import synthetic_document, synthetic_findings, synthetic_json
    from warehouse.reports.synthetic_page import synthetic_html
    from warehouse.storage import write_file

    if without_synthetic is not None and predictions is None:
        raise PredictionError("--without-synthetic is compared with --predictions, and that is not given")
    roles = columns_by_role(column or ())
    project = Project.find(context.obj)
    version = find_version_or_folder(project, reference)
    given = [find_rows(project, name) for name in (predictions, without_synthetic) if name is not None]
    spec = version.manifest.spec
    with open_rows(project, rows_of_version(version), *given) as engine:
        rows = find_synthetic_rows(engine, version.relations, spec)
        apart = columns_apart(spec)
        names = {item.name for item in version.manifest.columns}
        effect = None
        if given:
            relations = [one.relation for one in given]
            effect = synthetic_effect(engine, version.relations, spec, *relations, columns=roles, positive=positive)
        drift = compare_pair(
            engine,
            rows.real,
            rows.synthetic,
            left_name=REAL,
            right_name=SYNTHETIC,
            subject=version.reference,
            purpose=Purpose(words="what is real against what was made up to be like it"),
            frame=frame_of(spec, names),
            excluded={name: reason for name, reason in apart.items() if name in names and name != rows.column},
            beyond=Beyond(),
        )
        result = examine_rows(engine, rows, subject=version.reference)
    write_file(version.reports_path / "synthetic.json", synthetic_json(result, drift, effect))
    path = version.reports_path / "synthetic.html"
    write_file(path, synthetic_html(result, drift, effect))
    if as_json:
        console.print_json(synthetic_document(result, drift, effect))
    else:
        _print(result, drift, effect)
        console.print_line(f"report: {project.relative(path)}")
    order = list(Severity)
    findings = synthetic_findings(result, drift, effect)
    if any(order.index(finding.severity) <= order.index(fail_on) for finding in findings):
        raise typer.Exit(1)


def _print(result: SyntheticResult, drift: DriftPair, effect: SyntheticEffect | None) -> None:
    from warehouse.reports.synthetic_json import synthetic_not_judged, synthetic_summary
    from warehouse.reports.synthetic_text import (
        CHANGE_HEADERS,
        CHANGE_RIGHT,
        MEASURE_HEADERS,
        MEASURE_RIGHT,
        change_rows,
        measure_rows,
        synthetic_opening,
    )
    from warehouse.reports.text import DRIFT_HEADERS, DRIFT_RIGHT, drift_rest, drift_rows

    console.print_line(synthetic_opening(result))
    for sentence in synthetic_summary(result, drift, effect):
        console.print_line(sentence)
    console.print_table(MEASURE_HEADERS, measure_rows(result), right=MEASURE_RIGHT)
    console.print_table(DRIFT_HEADERS, drift_rows(drift.result, limit=SHOWN_COLUMNS), right=DRIFT_RIGHT)
    rest = drift_rest(drift.result, limit=SHOWN_COLUMNS)
    if rest:
        console.print_line(rest)
    if effect is not None and effect.changes:
        console.print_table(CHANGE_HEADERS, change_rows(effect), right=CHANGE_RIGHT)
    for finding in (*result.findings, *(effect.findings if effect else ())):
        console.print_finding(finding)
    for reason in synthetic_not_judged(result, drift, effect):
        console.print_line(f"not judged: {reason}")
