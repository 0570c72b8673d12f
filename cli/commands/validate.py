"""Run suites of expectations on a build."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warehouse.project import Project

from .. import console

if TYPE_CHECKING:
    from warehouse.validation import ExpectationResult, SuiteResult, ValidationResult

SHOWN_COLUMNS = 6
SHOWN_WIDTH = 40


def validate(
    context: typer.Context,
    build: Annotated[str | None, typer.Option(help="Id of the build; default: the published one.")] = None,
    suite: Annotated[
        list[str] | None, typer.Option(help="Name of a suite to run, as its file is called; repeatable; default: all.")
    ] = None,
    examples: Annotated[int, typer.Option(min=0, help="How many failing rows to show for each expectation.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    junit: Annotated[Path | None, typer.Option(help="Also write the result to this file as JUnit XML.")] = None,
    docs: Annotated[
        bool, typer.Option("--docs/--no-docs", help="Write Great Expectations' Data Docs; they need no network.")
    ] = True,
) -> None:
    """Run the suites of expectations on a build and say what failed.

    Example: warehouse validate --suite fct_flights --junit validation.xml
    """
    from datetime import UTC, datetime

    from warehouse.builds import validate_build
    from warehouse.published import find_build
    from warehouse.validation import as_record, load_suites

    project = Project.find(context.obj)
    files = find_build(project, build)
    suites = load_suites(project.expectations_path, only=suite or ())
    now = datetime.now(UTC)
    result = validate_build(project, files, suites, now=now, examples=examples)
    if as_json:
        console.print_json({"build_id": files.id, **as_record(result)})
    else:
        _print_result(result, project)
    if junit is not None:
        from warehouse.validation.junit import write_junit

        write_junit(result, junit)
    index = None
    if docs and result.suites:
        from warehouse.validation.docs import write_docs

        title = f"Validation of build {files.id}"
        index = write_docs(result, project.reports_path / "validation", title=title, now=now)
    if not as_json and result.suites:
        console.print_line(_last_line(result, files.id, index, project))
    if not result.success:
        raise typer.Exit(1)


def _print_result(result: ValidationResult, project: Project) -> None:
    if not result.suites:
        console.print_line(f"nothing to validate: {project.relative(project.expectations_path)} has no suites")
        return
    for suite in result.suites:
        _print_suite(suite)
        for failed in suite.failed:
            _print_failure(suite, failed)
    words = [
        f"{sum(finding.severity == severity for finding in result.findings):,} {severity}"
        for severity in ("critical", "warning", "info")
    ]
    console.print_line(
        f"{result.expectation_count:,} expectations in {result.seconds:.1f} s; failed: {', '.join(words)}"
    )


def _print_suite(suite: SuiteResult) -> None:
    rows = "" if suite.row_count is None else f", {suite.row_count:,} rows"
    console.print_table(
        ["", "Expectation", "About", "Found"],
        [
            [
                "ok" if result.success else console.severity_text(result.severity.value),
                result.type.removeprefix("expect_"),
                result.subject,
                _cut(result.measured, 50),
            ]
            for result in suite.expectations
        ],
        title=f"{suite.table}{rows}, {suite.seconds:.1f} s",
    )


def _print_failure(suite: SuiteResult, result: ExpectationResult) -> None:
    expected = f" ({result.expected})" if result.expected else ""
    about = f"{suite.table}.{result.column}" if result.column else suite.table
    console.print_line(f"{about}: {result.type}{expected}")
    console.print_line(f"  {result.severity.value}, {result.where}; found: {result.measured}")
    console.print_line(f"  why: {result.reason}")
    if not result.examples:
        console.print_line()
        return
    names = list(result.examples[0])
    first = [name for name in names if name in result.columns]
    shown = [*first, *(name for name in names if name not in first)][:SHOWN_COLUMNS]
    left_out = f" (of {len(names)} columns)" if len(names) > len(shown) else ""
    console.print_table(
        shown,
        [
            [_cut("null" if row.get(name) is None else str(row[name]), SHOWN_WIDTH) for name in shown]
            for row in result.examples
        ],
        title=f"  rows that failed{left_out}:",
    )


def _cut(text: str, limit: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _last_line(result: ValidationResult, build_id: str, index: Path | None, project: Project) -> str:
    if index is not None:
        return f"open {project.relative(index)}"
    if result.findings:
        return f"write pages with every row that is shown here: warehouse validate --build {build_id} --docs"
    return f"all expectations hold on build {build_id}"
