"""`sql`: questions in SQL to a build or a dataset version."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warehouse.errors import StatementError
from warehouse.project import Project

from .. import answers, console

if TYPE_CHECKING:
    from warehouse.questions.session import Subject

SHOWN_ROWS = 100


def sql(
    context: typer.Context,
    statement: Annotated[
        str | None, typer.Argument(help="One or more statements; without any, a shell opens, or stdin is read.")
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Read the statements from this file.")] = None,
    format_name: Annotated[
        str, typer.Option("--format", help="table, line, markdown, csv, json, jsonl or parquet.")
    ] = "table",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the rows to this file, whole or not at all.")
    ] = None,
    build: Annotated[str | None, typer.Option(help="Ask this build instead of the published one.")] = None,
    version: Annotated[
        str | None, typer.Option(help="Ask this dataset version: late_arrivals@1.0.0; its splits are the tables.")
    ] = None,
    dev: Annotated[bool, typer.Option("--dev", help="Ask your own build, which `warehouse dev` makes.")] = False,
    limit: Annotated[
        int | None, typer.Option(min=0, help=f"Most rows; {SHOWN_ROWS} where people read, else all.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0.001, help="Stop a statement after this many seconds; 30 with --safe.")
    ] = None,
    safe: Annotated[
        bool, typer.Option("--safe", help="For statements of others: only selects, of tables, within limits.")
    ] = False,
    safe_csv: Annotated[
        bool, typer.Option("--safe-csv", help="In CSV, keep spreadsheets from running text as formulas.")
    ] = False,
) -> None:
    """Ask the published build in SQL, in a shell or with one statement; nothing can be written to it.

    Example: warehouse sql "select carrier, count(*) as flights from fct_flights group by all" --format csv
    """
    from warehouse.questions.asking import SAFE_SECONDS
    from warehouse.questions.session import Subject

    project = Project.find(context.obj)
    subject = Subject(build=build, version=version, dev=dev, safe=safe)
    seconds = timeout if timeout is not None or not safe else SAFE_SECONDS
    if statement is None and file is None and sys.stdin.isatty():
        from ..shell import run_shell

        run_shell(project, subject, format_name=format_name, limit=limit or SHOWN_ROWS, timeout=seconds)
        return
    _answer(
        project,
        subject,
        _text(statement, file),
        format_name=format_name,
        output=output,
        limit=limit,
        timeout=seconds,
        safe_csv=safe_csv,
    )


def _answer(
    project: Project,
    subject: Subject,
    text: str,
    *,
    format_name: str,
    output: Path | None,
    limit: int | None,
    timeout: float | None,
    safe_csv: bool,
) -> None:
    from warehouse.questions.asking import confine_process, memory_bytes, read_answers, write_answer

    format_ = answers.format_named(format_name)
    if output is not None and format_.is_for_reading:
        raise StatementError("--output takes rows of --format csv, json, jsonl or parquet")
    if output is None and format_.value == "parquet":
        raise StatementError("parquet is no text\n  name a file for it: --output rows.parquet")
    if subject.safe and timeout is not None:
        confine_process(memory_bytes=memory_bytes(project), seconds=timeout)
    if format_.is_for_reading:
        shown = SHOWN_ROWS if limit is None else limit
        for _, answer in read_answers(project, subject, text, limit=shown, timeout=timeout):
            answers.print_answer(answer, format_)
        return
    sink = output if output is not None else sys.stdout.buffer
    try:
        write_answer(project, subject, text, sink, format_=format_, limit=limit, safe_csv=safe_csv, timeout=timeout)
    except BrokenPipeError:
        # Whoever read has enough (`| head`). Python would complain once more when it closes stdout.
        sys.stdout = None
        raise typer.Exit from None
    if output is not None:
        console.print_line(f"wrote {output}", style="green")


def _text(statement: str | None, file: Path | None) -> str:
    if statement is not None and file is not None:
        raise StatementError("name a statement or --file, not both")
    if statement is not None:
        return statement
    try:
        raw = file.read_bytes() if file is not None else sys.stdin.buffer.read()
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise StatementError(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise StatementError(f"{file or 'what stdin holds'} is not UTF-8: {error}") from error
