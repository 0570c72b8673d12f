"""`drift`: how two sets of rows differ."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warehouse.errors import ProjectError, suggestion
from warehouse.findings import Severity
from warehouse.project import Project

from .. import console

if TYPE_CHECKING:
    from warehouse.checks.drift.report import DriftReport
    from warehouse.checks.drift.rows import Question

SHOWN_COLUMNS = 10
PERIODS = ("day", "week", "month")


def drift(
    context: typer.Context,
    baseline: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help="What to compare with: a dataset, a version late_arrivals@1.0.0, a split late_arrivals@1.0.0:train, "
            "a table main.fct_flights, files 'data/*.parquet' (also CSV, JSON lines).",
        ),
    ],
    rows: Annotated[
        str | None,
        typer.Argument(
            metavar="B",
            help="The rows in question, named alike, or @build: today's table of the dataset's model. "
            "Left out: A's own splits.",
        ),
    ] = None,
    left: Annotated[str | None, typer.Option(help="One pair of splits only: the split to compare with.")] = None,
    right: Annotated[str | None, typer.Option(help="One pair of splits only: the split in question.")] = None,
    by: Annotated[list[str] | None, typer.Option(help="Also compare within each value of this column.")] = None,
    over: Annotated[
        str | None, typer.Option(help="Also compare every day, week or month of B; today's table without B.")
    ] = None,
    together: Annotated[
        bool | None,
        typer.Option(
            "--together/--no-together",
            help="Whether a classifier tells both sides apart by all columns; on when scikit-learn is installed.",
            show_default=False,
        ),
    ] = None,
    label: Annotated[str | None, typer.Option(help="The column to predict, of tables and files.")] = None,
    time: Annotated[str | None, typer.Option(help="The column that says when a row happened.")] = None,
    group: Annotated[list[str] | None, typer.Option(help="A column whose values bind rows together.")] = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Do not read A's rows: its profile stands for them (faster, less exact).")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print the report as Markdown.")] = False,
    output: Annotated[
        Path | None, typer.Option(help="Write the report here alone: .html, .json or .md.", dir_okay=False)
    ] = None,
    fail_on: Annotated[
        Severity, typer.Option(help="Exit with 1 when a finding is at least this severe.")
    ] = Severity.CRITICAL,
) -> None:
    """Compare the splits of a dataset, two versions, or any two sets of rows, and write a report.

    Example: warehouse drift late_arrivals@1.0.0 @build
    """
    from warehouse.checks.drift.pairs import Beyond
    from warehouse.checks.drift.report import require_columns
    from warehouse.checks.drift.rows import Question
    from warehouse.statistics.coded import Every

    if over is not None and over not in PERIODS:
        raise ProjectError(f"--over must be one of {', '.join(PERIODS)}, not {over!r}; {suggestion(over, PERIODS)}")
    if output is not None and output.suffix not in _WRITERS:
        raise ProjectError(f"--output must end in {', '.join(_WRITERS)}, not {output.name!r}")
    question = Question(
        label=label,
        time=time,
        groups=tuple(group or ()),
        every=Every(over) if over else None,
        by_profile=profile,
        beyond=Beyond(together=together, by=tuple(by or ())),
    )
    project = Project.find(context.obj)
    if rows is None and over is None:
        report, stem = _own_report(project, baseline, left=left, right=right, question=question)
    elif left is not None or right is not None:
        raise ProjectError(
            f"--left and --right choose splits of one version; of two, say which: warehouse drift {baseline}:test ..."
        )
    else:
        report, stem = _report_of_two(project, baseline, "@build" if rows is None else rows, question)
    require_columns(report)
    paths = (
        [output] if output is not None else [stem.with_name(f"{stem.name}{suffix}") for suffix in (".json", ".html")]
    )
    for path in paths:
        _write(path, report)
    if as_json:
        from warehouse.reports.drift_json import drift_document

        console.print_json(drift_document(report))
    elif as_markdown:
        from warehouse.reports.markdown import drift_markdown

        console.print_text(drift_markdown(report))
    else:
        _print(report)
        console.print_line(f"report: {project.relative(paths[-1])}")
    order = list(Severity)
    if any(order.index(finding.severity) <= order.index(fail_on) for finding in report.findings):
        raise typer.Exit(1)


def profile(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(help="A dataset, late_arrivals, or one version, late_arrivals@1.0.0.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the profile as JSON.")] = False,
) -> None:
    """Keep the facts of a version (counts, bins, frequent values), to compare rows with when its own are gone.

    Example: warehouse profile late_arrivals@1.0.0
    """
    from warehouse.datasets.named_rows import rows_of_version
    from warehouse.datasets.profiles import make_profile, profile_document, profile_path, write_profile
    from warehouse.datasets.row_engines import open_rows
    from warehouse.datasets.versions import find_version_or_folder

    project = Project.find(context.obj)
    version = find_version_or_folder(project, reference)
    with open_rows(project, rows_of_version(version)) as engine:
        found = make_profile(engine, version)
    write_profile(version, found)
    path = profile_path(version)
    if as_json:
        console.print_json(profile_document(version, found))
        return
    console.print_table(("split", "rows"), [*zip(found.sets, found.row_counts, strict=False)], right=("rows",))
    console.print_line(
        f"profile of {len(found.columns)} columns: {project.relative(path)} ({console.size_text(path.stat().st_size)})"
    )


def _own_report(
    project: Project, reference: str, *, left: str | None, right: str | None, question: Question
) -> tuple[DriftReport, Path]:
    """The report on a version's own splits, and where it belongs."""
    from warehouse.checks.drift.splits import report_of_version, report_stem
    from warehouse.datasets.named_rows import check_presence, find_rows
    from warehouse.datasets.row_engines import open_rows

    found = find_rows(project, reference)
    check_presence(found)
    version = found.version
    if version is None or found.split is not None:
        other = "@build" if version is not None else "OTHER.parquet"
        raise ProjectError(f"compare {reference} with what? for example: warehouse drift {reference} {other}")
    if question.by_profile:
        raise ProjectError(
            "--profile stands for the rows of A when they are compared with others"
            f"\n  for example: warehouse drift {reference} @build --profile"
        )
    if question.label or question.time or question.groups:
        raise ProjectError(
            f"--label, --time and --group are for tables and files; {version.name} declares its own\n"
            "  see: warehouse show " + version.reference
        )
    with open_rows(project, found) as engine:
        report = report_of_version(engine, version, left=left, right=right, beyond=question.beyond)
    named = None
    if left is not None or right is not None:
        named = ("train" if left is None else left, "test" if right is None else right)
    return report, version.reports_path / report_stem(named)


def _report_of_two(project: Project, left: str, right: str, question: Question) -> tuple[DriftReport, Path]:
    from warehouse.checks.drift.rows import report_of_rows, slug
    from warehouse.checks.drift.splits import report_stem
    from warehouse.datasets.named_rows import find_pair
    from warehouse.datasets.row_engines import open_rows

    first, second = find_pair(project, left, right)
    with open_rows(project, first, second) as engine:
        report = report_of_rows(engine, first, second, question)
    if first.version and second.version and first.version.path == second.version.path and first.split and second.split:
        return report, first.version.reports_path / report_stem((first.split, second.split))
    return report, project.reports_path / "drift" / slug(first.name, second.name)


def _html(report: DriftReport) -> str:
    from warehouse.reports.html import drift_html

    return drift_html(report)


def _json(report: DriftReport) -> str:
    from warehouse.reports.drift_json import drift_json

    return drift_json(report)


def _markdown(report: DriftReport) -> str:
    from warehouse.reports.markdown import drift_markdown

    return drift_markdown(report)


_WRITERS: dict[str, Callable[[DriftReport], str]] = {".html": _html, ".json": _json, ".md": _markdown}


def _write(path: Path, report: DriftReport) -> None:
    from warehouse.storage import write_file

    write_file(path, _WRITERS[path.suffix](report))


def _print(report: DriftReport) -> None:
    from warehouse.reports.text import (
        DRIFT_HEADERS,
        DRIFT_RIGHT,
        PAIR_HEADERS,
        PAIR_RIGHT,
        drift_rest,
        drift_rows,
        pair_rows,
    )

    for sentence in report.summary:
        console.print_line(sentence)
    result = report.main.result
    console.print_table(DRIFT_HEADERS, drift_rows(result, limit=SHOWN_COLUMNS), right=DRIFT_RIGHT)
    rest = drift_rest(result, limit=SHOWN_COLUMNS)
    if rest:
        console.print_line(rest)
    if len(report.pairs) > 1:
        console.print_table(PAIR_HEADERS, pair_rows(report), right=PAIR_RIGHT)
    for note in report.main.notes:
        console.print_line(note)
