"""Great Expectations' Data Docs of a result, made to stand without a network, and a summary of our own before them.

Built from the plain result, apart from running: `warehouse build` keeps the result and never waits for pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from warehouse.storage import storage_errors, write_file
from warehouse.validation.docs_page import cleaned, page, unveiled, veiled
from warehouse.validation.results import ExpectationResult, SuiteResult, ValidationResult
from warehouse.validation.vocabulary import build


def write_docs(result: ValidationResult, folder: Path, *, title: str, now: datetime) -> Path:
    """Writes `index.html` and one page per suite into `folder`, in place of the pages that were there; gives the index.

    `title` says what was validated.

    Raises:
        StorageError: the folder cannot be written.
    """
    pages = {f"{suite.name}.html": _suite_page(suite, now) for suite in result.suites}
    # A suite may be called index; its page must not be taken for the summary.
    if "index.html" in pages:
        pages["index suite.html"] = pages.pop("index.html")
    for name, html in pages.items():
        write_file(folder / name, html)
    index = folder / "index.html"
    write_file(index, page(title, _summary(result, list(pages), title, now)))
    with storage_errors(f"remove old pages from {folder}"):
        for old in folder.glob("*.html"):
            if old.name not in pages and old != index:
                old.unlink()
    return index


def _summary(result: ValidationResult, names: Sequence[str], title: str, now: datetime) -> str:
    failed = sum(len(suite.failed) for suite in result.suites)
    headings = ("Rows", "Expectations", "Critical", "Warning", "Info")
    numbers = "".join(f'<th class="number">{heading}</th>' for heading in headings)
    rows = "".join(_suite_row(suite, name) for suite, name in zip(result.suites, names, strict=True))
    return (
        f"<h1>{escape(title)}</h1>\n"
        f'<p class="lead">{result.expectation_count:,} expectations, {failed:,} failed, in {result.seconds:.1f} s; '
        f"{escape(now.isoformat(timespec='seconds'))}</p>\n"
        f'<div class="scroll"><table class="table"><thead><tr><th>Suite</th><th>Table</th>{numbers}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>\n{''.join(_failures(suite) for suite in result.suites)}"
    )


def _suite_row(suite: SuiteResult, name: str) -> str:
    counts = [sum(result.severity.value == word for result in suite.failed) for word in ("critical", "warning", "info")]
    cells = "".join(
        f'<td class="number {word if count else "holds"}">{count:,}</td>'
        for word, count in zip(("critical", "warning", "info"), counts, strict=True)
    )
    rows = "" if suite.row_count is None else f"{suite.row_count:,}"
    return (
        f'<tr><td><a href="{quote(name)}">{escape(suite.name)}</a></td><td>{escape(suite.table)}</td>'
        f'<td class="number">{rows}</td><td class="number">{len(suite.expectations):,}</td>{cells}</tr>'
    )


def _failures(suite: SuiteResult) -> str:
    return "".join(
        f"<h2>{escape(suite.table)} · {escape(result.subject)}</h2>\n"
        f'<p><span class="{result.severity.value}">{result.severity.value}</span> '
        f"{escape(result.type)} {escape(result.expected)}<br>\n"
        f"Found: <strong>{escape(result.measured)}</strong><br>\n"
        f"Why: {escape(result.reason)} <small>({escape(result.where)})</small></p>\n{_examples(result.examples)}"
        for result in suite.failed
    )


def _examples(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(row.get(name))}</td>' for name in names)}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table class="table-sm table-bordered"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>\n"
    )


def _cell(value: Any) -> str:
    return "<em>null</em>" if value is None else escape(str(value))


def _suite_page(suite: SuiteResult, now: datetime) -> str:
    """GX's page about this suite, cleaned. A result that GX cannot render is left to the summary."""
    from warehouse.validation import gx

    gx.load()
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view.view import DefaultJinjaPageView

    view: Any = DefaultJinjaPageView()
    try:
        document = ValidationResultsPageRenderer().render(_validation(suite, now))
        body = unveiled(cleaned(view.render(document)))
    except Exception as error:  # GX's renderers raise anything on a value they do not expect
        body = f"<p>Great Expectations could not render this suite: {escape(str(error))}</p>\n{_failures(suite)}"
    return page(f"{suite.name}: {len(suite.failed)} of {len(suite.expectations)} failed", body, home="index.html")


def _validation(suite: SuiteResult, now: datetime) -> Any:
    """The result as GX's object."""
    from great_expectations.core import ExpectationSuiteValidationResult
    from great_expectations.core.run_identifier import RunIdentifier

    evaluated, failed = len(suite.expectations), len(suite.failed)
    return ExpectationSuiteValidationResult(
        success=not failed,
        suite_name=veiled(suite.name),
        results=[_expectation_validation(result) for result in suite.expectations],
        statistics={
            "evaluated_expectations": evaluated,
            "successful_expectations": evaluated - failed,
            "unsuccessful_expectations": failed,
            "success_percent": 100 * (evaluated - failed) / evaluated if evaluated else None,
        },
        meta={
            "run_id": RunIdentifier(run_name=veiled(suite.name), run_time=now),
            "validation_time": now.isoformat(),
            "batch_spec": {"data_asset_name": veiled(suite.table)},
            "active_batch_definition": {"data_asset_name": veiled(suite.table)},
        },
    )


def _expectation_validation(result: ExpectationResult) -> Any:
    from great_expectations.core import ExpectationValidationResult

    configuration = build(result.type, result.arguments, severity=result.severity.value).configuration
    for name, value in configuration.kwargs.items():
        configuration.kwargs[name] = value if name == "row_condition" else veiled(value)
    return ExpectationValidationResult(
        success=result.success,
        expectation_config=configuration,
        result=veiled(_facts(result)),
        exception_info={
            "raised_exception": result.error is not None,
            "exception_message": veiled(result.error),
            "exception_traceback": "",
        },
    )


def _facts(result: ExpectationResult) -> dict[str, Any]:
    if result.unexpected_count is None:
        return {"observed_value": result.observed, "details": dict(result.details or {})}
    rows, nulls = result.row_count or 0, result.null_count or 0
    values = [_values(row, result.columns) for row in result.examples]
    return {
        "element_count": rows,
        "missing_count": nulls,
        "missing_percent": 100 * nulls / rows if rows else None,
        "unexpected_count": result.unexpected_count,
        "unexpected_percent": 100 * (result.unexpected_share or 0.0),
        "unexpected_percent_total": 100 * result.unexpected_count / rows if rows else None,
        "unexpected_percent_nonmissing": 100 * (result.unexpected_share or 0.0),
        "partial_unexpected_list": values,
    }


def _values(row: Mapping[str, Any], columns: Sequence[str]) -> Any:
    found = [row.get(column) for column in columns]
    return found[0] if len(found) == 1 else ", ".join(str(value) for value in found)
