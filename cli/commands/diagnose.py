"""`diagnose`: where a model's errors come from, and what to do next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warehouse.errors import PredictionError, suggestion
from warehouse.findings import Severity
from warehouse.project import Project

from .. import console

if TYPE_CHECKING:
    from warehouse.checks.diagnosis.comparison_result import Comparison
    from warehouse.checks.diagnosis.curve_result import LearningCurve
    from warehouse.checks.diagnosis.result import Diagnosis
    from warehouse.checks.diagnosis.slice_result import SliceReport, TagReport
    from warehouse.checks.diagnosis.slices import SliceQuestion


def diagnose(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(help="A dataset, late_arrivals, or one version, late_arrivals@1.0.0.")],
    predictions: Annotated[
        str | None,
        typer.Option(
            help="Files (Parquet, CSV, JSON lines, Arrow) or a table of the published build: the dataset's key, and "
            "prediction, probability or probability_<class>, score, loss, query.",
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(help="Another model's predictions, as --predictions; tells which of both errs less, and where."),
    ] = None,
    curve: Annotated[
        str | None,
        typer.Option(
            help="Files or a table with errors of models trained on nested shares of train: fraction or rows, split, "
            "error, and repeat, n; tells what more rows would give. Needs no --predictions.",
        ),
    ] = None,
    human: Annotated[
        float | None, typer.Option(help="How people do, in the same metric: 0.05 is an error rate of 5 %.")
    ] = None,
    human_rows: Annotated[
        int | None, typer.Option(help="Rows that this was measured on; default: it is taken as certain.")
    ] = None,
    detect: Annotated[
        float | None,
        typer.Option(help="The least difference that you want to see; default: a tenth of the last split's error."),
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="What the gaps are measured in; default: error_rate, mae, loss or ndcg.")
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="classes, numbers, loss or ranking; default: what label and predictions suggest.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE=NAME", help="Which column holds what, when it is called otherwise: prediction=y_hat."
        ),
    ] = None,
    positive: Annotated[
        str | None, typer.Option(help="Of two classes the one that probability is of; default: the later one, true, 1.")
    ] = None,
    quantile: Annotated[float | None, typer.Option(help="The quantile that was predicted; adds pinball loss.")] = None,
    at: Annotated[
        int | None, typer.Option(help="Of a ranking: NDCG counts so many rows of a query; default: 10.")
    ] = None,
    slices: Annotated[
        str | None,
        typer.Option(
            help="The split to look for slices with more errors in; none: look in none; default: dev, verified on test."
        ),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(help="Write a sample of errors to look at, of all and of each slice, to this new CSV file."),
    ] = None,
    tags: Annotated[
        Path | None, typer.Option(help="Read such a sheet whose column tag was filled in, and add up what it says.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print the result as Markdown.")] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Write the report here alone: .html, .json or .md; default: diagnosis.html and .json of the version.",
            dir_okay=False,
        ),
    ] = None,
    fail_on: Annotated[
        Severity, typer.Option(help="Exit with 1 when a finding is at least this severe.")
    ] = Severity.CRITICAL,
) -> None:
    """Tell from a model's predictions where its errors come from, and what to do next.

    Example: warehouse diagnose late_arrivals --predictions predictions.parquet --human 0.05

    Is it better than another one: warehouse diagnose late_arrivals --predictions new.parquet --against old.parquet

    What more rows would give: warehouse diagnose late_arrivals --curve errors.csv
    """
    from warehouse.checks.diagnosis.diagnose import Question, diagnose_version
    from warehouse.checks.diagnosis.error_sheet import read_tags, sheet_rows
    from warehouse.checks.diagnosis.learning_curve import CurveQuestion, read_learning_curve, usual_curve_metric
    from warehouse.checks.diagnosis.result import MetricName, Task
    from warehouse.checks.diagnosis.text_keys import with_text_keys
    from warehouse.datasets.named_rows import find_rows, rows_of_version
    from warehouse.datasets.row_engines import open_rows
    from warehouse.datasets.versions import find_version_or_folder
    from warehouse.reports.error_sheet import error_sheet
    from warehouse.storage import write_file

    if report is not None and report.suffix not in _WRITERS:
        raise PredictionError(f"--report must end in {', '.join(_WRITERS)}, not {report.name!r}")
    question = Question(
        columns=columns_by_role(column or ()),
        task=Task(_word("--task", task, list(Task))) if task else None,
        metric=MetricName(_word("--metric", metric, list(MetricName))) if metric else None,
        positive=positive,
        human=human,
        human_rows=human_rows,
        difference=detect,
        quantile=quantile,
        at=at,
        slices=_slices(slices, sheet, tags),
        tags=read_tags(tags) if tags is not None else None,
    )
    if predictions is None and curve is None:
        raise PredictionError(
            "nothing to diagnose: give --predictions, a model's predictions of the version's rows, or --curve, errors "
            "of models trained on shares of train"
            "\n  for example: warehouse diagnose late_arrivals --predictions predictions.parquet"
        )
    if predictions is None and (sheet is not None or tags is not None):
        raise PredictionError(
            f"--{'sheet' if sheet is not None else 'tags'} is about errors, and there are no --predictions"
        )
    if predictions is None and (report is not None or as_markdown):
        raise PredictionError("--report and --markdown need --predictions; a curve alone is told as text or --json")
    if predictions is None and against is not None:
        raise PredictionError("--against is what --predictions are compared with, and there are no --predictions")
    for problem in question.problems():
        raise PredictionError(problem)
    project = Project.find(context.obj)
    version = find_version_or_folder(project, reference)
    rows = find_rows(project, predictions) if predictions is not None else None
    errors = find_rows(project, curve) if curve is not None else None
    other = find_rows(project, against) if against is not None else None
    given = [each for each in (rows, errors, other) if each is not None]
    result: Diagnosis | None = None
    learned: LearningCurve | None = None
    with open_rows(project, rows_of_version(version), *given, ordered=False) as engine:
        if other is not None:
            question = replace(question, against=with_text_keys(engine, version, other, question.columns).relation)
        if rows is not None:
            rows = with_text_keys(engine, version, rows, question.columns)
            result = diagnose_version(engine, version, rows.relation, question)
            if sheet is not None:
                if result.slices is None:
                    raise PredictionError(f"{sheet} was not written: {'; '.join(result.not_judged)}")
                split = version.split(result.slices.split)
                write_file(sheet, error_sheet(*sheet_rows(engine, split, version.manifest.spec.key, result.slices)))
        if errors is not None:
            asked = CurveQuestion(
                metric=result.metric if result else question.metric or usual_curve_metric(version),
                human=human,
                difference=detect,
            )
            learned = read_learning_curve(engine, version, errors.relation, asked)
    if result is not None:
        result = replace(result, curve=learned)
    paths = _write(version.reports_path, result, learned, report)
    if as_json:
        from warehouse.reports.diagnosis_json import diagnosis_document

        found = result or learned
        assert found is not None
        console.print_json(diagnosis_document(found))
    elif as_markdown and result is not None:
        console.print_text(_as_markdown(result))
    else:
        if result is not None:
            _print(result)
        if result is not None and result.comparison is not None:
            _print_comparison(result.comparison)
        if learned is not None:
            _print_curve(learned)
        if sheet is not None:
            console.print_line(f"sheet: {sheet}; fill its column tag, then: warehouse diagnose ... --tags {sheet}")
        console.print_line(f"report: {project.relative(paths[-1])}")
    order = list(Severity)
    findings = result.findings if result else ()
    if any(order.index(finding.severity) <= order.index(fail_on) for finding in findings):
        raise typer.Exit(1)


def columns_by_role(given: Sequence[str]) -> dict[str, str]:
    """Columns of predictions by role, from `ROLE=NAME`.

    Raises:
        PredictionError: one is written otherwise.
    """
    columns = {}
    for text in given:
        role, equals, name = text.partition("=")
        if not role or not equals or not name:
            raise PredictionError(f"--column must be ROLE=NAME, for example prediction=y_hat, not {text!r}")
        columns[role] = name
    return columns


def _slices(split: str | None, sheet: Path | None, tags: Path | None) -> SliceQuestion | None:
    from warehouse.checks.diagnosis.slices import SliceQuestion
    from warehouse.datasets.spec import SPLITS

    if sheet is not None and sheet.suffix.lower() != ".csv":
        raise PredictionError(f"--sheet writes CSV, and {str(sheet)!r} does not end with .csv")
    if sheet is not None and sheet.exists():
        raise PredictionError(
            f"{sheet} is there already and may have somebody's tags\n  name another file, or delete it first"
        )
    if sheet is not None and not sheet.absolute().parent.is_dir():
        raise PredictionError(f"--sheet {str(sheet)!r}: there is no folder {str(sheet.parent)!r}")
    if split is not None:
        _word("--slices", split, [*SPLITS, "none"])
    if split != "none":
        return SliceQuestion(split=split, with_samples=sheet is not None or tags is not None)
    if sheet is not None or tags is not None:
        raise PredictionError(f"--{'sheet' if sheet else 'tags'} needs slices, and --slices is none")
    return None


def _word(option: str, text: str, known: Sequence[str]) -> str:
    if text not in known:
        raise PredictionError(f"{option} must be one of {', '.join(known)}, not {text!r}; {suggestion(text, known)}")
    return text


def _print(result: Diagnosis) -> None:
    from warehouse.reports.diagnosis_text import (
        LEVEL_RIGHT,
        advice_lines,
        diagnosis_opening,
        level_headers,
        level_rows,
        metric_headers,
        metric_rows,
    )

    console.print_line(diagnosis_opening(result))
    console.print_table(level_headers(result), level_rows(result), right=LEVEL_RIGHT)
    for sentence in result.summary:
        console.print_line(sentence)
    for line in advice_lines(result):
        console.print_line(line)
    console.print_table(metric_headers(result), metric_rows(result))
    if result.slices is not None:
        _print_slices(result.slices, result.tags)
    for finding in result.findings:
        if finding.check.endswith("_predictions"):
            console.print_finding(finding)
    for reason in result.not_judged:
        console.print_line(f"not judged: {reason}")


def _print_comparison(result: Comparison) -> None:
    from warehouse.reports.diagnosis_comparison_text import (
        COMPARISON_RIGHT,
        SLICE_RIGHT,
        comparison_headers,
        comparison_opening,
        comparison_rows,
        slice_headers,
        slice_rows,
    )

    console.print_line(comparison_opening(result))
    console.print_table(comparison_headers(result), comparison_rows(result), right=COMPARISON_RIGHT)
    for sentence in result.summary:
        console.print_line(sentence)
    if result.slices:
        console.print_table(slice_headers(result), slice_rows(result), right=SLICE_RIGHT)


def _print_curve(result: LearningCurve) -> None:
    from warehouse.reports.diagnosis_curve_text import (
        CURVE_RIGHT,
        curve_headers,
        curve_lines,
        curve_opening,
        curve_rows,
    )

    console.print_line(curve_opening(result))
    rows = curve_rows(result)
    if rows:
        console.print_table(curve_headers(result), rows, right=CURVE_RIGHT)
    for line in curve_lines(result):
        console.print_line(line)


def _print_slices(report: SliceReport, tags: TagReport | None) -> None:
    from warehouse.reports.diagnosis_slices_text import (
        SLICE_HEADERS,
        SLICE_RIGHT,
        TAG_HEADERS,
        TAG_RIGHT,
        slice_rows,
        slices_title,
        tally_rows,
        tally_title,
    )

    if report.slices:
        console.print_line(slices_title(report))
        console.print_table(SLICE_HEADERS, slice_rows(report), right=SLICE_RIGHT)
    for tally in tags.tallies if tags is not None else ():
        console.print_line(tally_title(tally))
        console.print_table(TAG_HEADERS, tally_rows(report, tally), right=TAG_RIGHT)


def _write(folder: Path, result: Diagnosis | None, learned: LearningCurve | None, report: Path | None) -> list[Path]:
    """Writes what was found into `folder`, or as `report` alone, and says where."""
    from warehouse.reports.diagnosis_json import diagnosis_json
    from warehouse.storage import write_file

    if result is None:
        assert learned is not None
        from warehouse.reports.diagnosis_curve_page import curve_html

        paths = [folder / "learning_curve.json", folder / "learning_curve.html"]
        write_file(paths[0], diagnosis_json(learned))
        write_file(paths[1], curve_html(learned))
        return paths
    paths = [report] if report is not None else [folder / "diagnosis.json", folder / "diagnosis.html"]
    for path in paths:
        write_file(path, _WRITERS[path.suffix](result))
    return paths


def _as_html(result: Diagnosis) -> str:
    from warehouse.reports.diagnosis_page import diagnosis_html

    return diagnosis_html(result)


def _as_json(result: Diagnosis) -> str:
    from warehouse.reports.diagnosis_json import diagnosis_json

    return diagnosis_json(result)


def _as_markdown(result: Diagnosis) -> str:
    from warehouse.reports.diagnosis_markdown import diagnosis_markdown

    return diagnosis_markdown(result)


_WRITERS: dict[str, Callable[[Diagnosis], str]] = {".html": _as_html, ".json": _as_json, ".md": _as_markdown}
"""By the ending of a report's name."""
