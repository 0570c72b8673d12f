"""One question from start to end: opened, asked, answered, closed."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from warehouse import storage
from warehouse.datasets.reading import SIZES
from warehouse.errors import StatementError
from warehouse.project import Project
from warehouse.questions.answers import Answer, first_rows, piped_to, write_rows
from warehouse.questions.session import Subject, open_session
from warehouse.questions.statements import Statement, split_statements
from warehouse.questions.values import Format

SAFE_SECONDS = 30.0
"""How long a statement may take in safe mode when nobody says."""
_GRACE_SECONDS = 3.0
_SPARE_BYTES = 2 * 2**30
"""Address space for what DuckDB does not count: the program itself, its threads, the text of single values."""


def read_answers(
    project: Project, subject: Subject, text: str, *, limit: int, timeout: float | None = None
) -> Iterator[tuple[Statement, Answer | None]]:
    """Runs every statement of the text in order, and gives each with its first rows as soon as they are there.

    Raises:
        StatementError: there is none, or one cannot be run; what came before it was answered.
    """
    with open_session(project, subject) as session:
        for statement in _statements(split_statements(session.connection, text)):
            yield statement, first_rows(session, statement, limit=limit, timeout=timeout)


def write_answer(
    project: Project,
    subject: Subject,
    text: str,
    destination: Path | BinaryIO,
    *,
    format_: Format,
    limit: int | None = None,
    safe_csv: bool = False,
    timeout: float | None = None,
) -> None:
    """Writes every row of the last statement's result; those before it, `create temp table` say, give no rows.

    A file appears whole or not at all.

    Raises:
        StatementError: there is none, one cannot be run, more than one gives rows, or the file cannot be made.
        BrokenPipeError: whoever read the destination has gone.
    """
    if isinstance(destination, Path):
        _check_output(project, destination)
    with _target(destination) as target, open_session(project, subject, written=[target]) as session:
        statements = _statements(split_statements(session.connection, text))
        with_rows = [statement for statement in statements if statement.gives_rows]
        if len(with_rows) > 1 or not statements[-1].gives_rows:
            raise StatementError(
                f"{format_.value} holds one result, and {len(with_rows) or 'none'} of the {len(statements)} statements "
                "give rows\n  let the last statement alone select, or use --format table"
            )
        for statement in statements[:-1]:
            first_rows(session, statement, limit=0, timeout=timeout)
        write_rows(session, statements[-1], target, format_=format_, limit=limit, safe_csv=safe_csv, timeout=timeout)


def confine_process(*, memory_bytes: int, seconds: float) -> None:
    """Ends this process when it takes more time than this and a little, and refuses it more memory than this and 2 GB.

    DuckDB's own limits miss some: one call can make a text of gigabytes, which nothing interrupts.
    """
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = memory_bytes + _SPARE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard < 0 else min(wanted, hard), hard))

    def end() -> None:
        sys.stderr.write(f"error: stopped after {seconds:g} seconds (--timeout)\n")
        sys.stderr.flush()
        os._exit(2)

    timer = threading.Timer(seconds + _GRACE_SECONDS, end)
    timer.daemon = True
    timer.start()


def memory_bytes(project: Project) -> int:
    """The project's `memory_limit` in bytes, as DuckDB reads it; 2 GB when it is no plain size."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]i?B)", project.settings.memory_limit, re.IGNORECASE)
    return int(float(match[1]) * SIZES[match[2].upper()]) if match else SIZES["GB"] * 2


def _statements(found: list[Statement]) -> list[Statement]:
    if not found:
        raise StatementError('there is no statement\n  for example: warehouse sql "show tables"')
    return found


@contextmanager
def _target(destination: Path | BinaryIO) -> Iterator[str]:
    if isinstance(destination, Path):
        with storage.replacing(destination) as temporary:
            yield str(temporary)
    else:
        with piped_to(destination) as pipe:
            yield pipe


def _check_output(project: Project, path: Path) -> None:
    """Passes a file that an answer may be written to: none of what the toolkit made."""
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else f"cannot be made: there is no folder {path.parent}"
        raise StatementError(f"--output {path} {what}\n  name a file in a folder that exists")
    if path.resolve().is_relative_to(project.state_path.resolve()):
        raise StatementError(
            f"--output {path} lies within {project.relative(project.state_path)}, where builds and versions are\n"
            "  name a file elsewhere"
        )
