"""Runs one statement: its first rows to be read, or all of them into a file or a pipe, never all in memory."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from warehouse.errors import StatementError
from warehouse.questions.session import Session
from warehouse.questions.statements import Statement, check_safe, reason_of
from warehouse.questions.values import Column, Format, copied_terms, copy_options, text_terms
from warehouse.sql import literal

if TYPE_CHECKING:
    import duckdb

_PIECE = 1 << 20
_EXPLAIN = "explain "
_INTERRUPT_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The first rows of a result, as text."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str | None, ...], ...]
    """None is NULL."""
    has_more: bool
    """Whether rows were left out."""
    seconds: float


def first_rows(session: Session, statement: Statement, *, limit: int, timeout: float | None = None) -> Answer | None:
    """Runs the statement and returns its first rows; None when it gives none, `create temp table` say.

    Raises:
        StatementError: DuckDB or safe mode refuses it, or it takes longer than `timeout` seconds.
    """
    started = time.monotonic()
    with _running(session, timeout):
        columns = _columns(session, statement)
        if columns is None:
            return _directly(session, statement, limit=limit, started=started)
        sources = _sources(columns)
        rows = session.connection.execute(
            f"select {text_terms(columns, sources)} from {_answer(statement, sources)} limit {limit + 1}"
        ).fetchall()
    return Answer(
        columns=columns,
        rows=tuple(rows[:limit]),
        has_more=len(rows) > limit,
        seconds=time.monotonic() - started,
    )


def write_rows(
    session: Session,
    statement: Statement,
    target: str,
    *,
    format_: Format,
    limit: int | None = None,
    safe_csv: bool = False,
    timeout: float | None = None,
) -> None:
    """Writes every row of the result to `target`, a path that may be a pipe, in the order of the statement.

    Raises:
        StatementError: DuckDB or safe mode refuses it, it gives no rows, or it takes longer than `timeout` seconds.
    """
    with _running(session, timeout):
        columns = _columns(session, statement)
        if columns is None:
            raise StatementError(f"only a select can be written as {format_.value}; others are shown: --format table")
        sources = _sources(columns)
        shown = (
            f"select {copied_terms(columns, sources, format_, safe_csv=safe_csv)} from {_answer(statement, sources)}"
        )
        if limit is not None:
            shown += f" limit {limit}"
        session.connection.execute(f"copy ({shown}) to {literal(target)} ({copy_options(format_)})")


@contextmanager
def piped_to(sink: BinaryIO) -> Iterator[str]:
    """A path to write to, whose bytes reach `sink` piece by piece.

    Raises:
        BrokenPipeError: whoever read the sink has gone.
    """
    reading, writing = os.pipe()
    broken: list[OSError] = []

    def pump() -> None:
        with open(reading, "rb", buffering=0) as pipe:  # noqa: PTH123 - a file descriptor, no path
            try:
                while piece := pipe.read(_PIECE):
                    sink.write(piece)
                sink.flush()
            except OSError as error:
                broken.append(error)

    thread = threading.Thread(target=pump, daemon=True)
    thread.start()
    try:
        yield f"/dev/fd/{writing}"
    except StatementError:
        if not broken:  # otherwise DuckDB could not write since nobody read any more
            raise
    finally:
        os.close(writing)
        thread.join()
    if broken:
        raise broken[0]


def _columns(session: Session, statement: Statement) -> tuple[Column, ...] | None:
    """The columns of what the statement selects, from binding it alone; None for what is no select."""
    if session.is_safe:
        check_safe(session.connection, statement)
    session.offer_datasets(statement.text)
    if not statement.is_select:
        return None
    import duckdb

    try:
        relation = session.connection.sql(statement.text)
    except (duckdb.BinderException, duckdb.CatalogException) as error:
        raise StatementError(_pointing(session, statement, error)) from error
    both = zip(relation.columns, relation.types, strict=True)
    return tuple(Column(name=name, type=str(type_)) for name, type_ in both)


def _pointing(session: Session, statement: Statement, error: duckdb.Error) -> str:
    """DuckDB's words with the line and caret, which it gives only of what it runs: so let it explain this one."""
    import duckdb

    try:
        session.connection.execute(f"{_EXPLAIN}{statement.text}")
    except duckdb.Error as pointed:
        head, at, shown = reason_of(pointed).partition(f"\nLINE 1: {_EXPLAIN}")
        if at:
            line, _, caret = shown.partition("\n")
            return f"{head}\nLINE 1: {line}\n{caret.removeprefix(' ' * len(_EXPLAIN))}"
        return head
    return reason_of(error)


def _sources(columns: tuple[Column, ...]) -> list[str]:
    return [f"c{number}" for number in range(len(columns))]


def _answer(statement: Statement, sources: list[str]) -> str:
    """The statement as a relation whose columns have our own names: its own may be hostile, or there twice."""
    return f"(\n{statement.text}\n) as answer({', '.join(sources)})"


def _directly(session: Session, statement: Statement, *, limit: int, started: float) -> Answer | None:
    cursor = session.connection.execute(statement.text)
    if not statement.gives_rows or not cursor.description:
        return None
    rows = cursor.fetchmany(limit + 1)
    return Answer(
        columns=tuple(Column(name=name, type=str(type_)) for name, type_, *_ in cursor.description),
        rows=tuple(tuple(None if value is None else str(value) for value in row) for row in rows[:limit]),
        has_more=len(rows) > limit,
        seconds=time.monotonic() - started,
    )


@contextmanager
def _running(session: Session, timeout: float | None) -> Iterator[None]:
    """Turns what DuckDB says into a `StatementError`, and stops what takes longer than the timeout."""
    import duckdb

    with _stopped_after(session.connection, timeout) as is_over:
        try:
            yield
        except duckdb.InterruptException as error:
            if not is_over():
                raise KeyboardInterrupt from error
            raise StatementError(f"stopped after {timeout:g} seconds (--timeout)") from error
        except duckdb.PermissionException as error:
            if not session.is_safe:
                raise StatementError(reason_of(error)) from error
            raise StatementError(
                "safe mode reaches no files, so neither does a view over raw files\n  read the build's tables instead"
            ) from error
        except duckdb.Error as error:
            raise StatementError(_of_the_statement(error)) from error
        except (RuntimeError, KeyboardInterrupt) as error:
            # DuckDB reports Ctrl-C as the former, and goes on computing: the next statement would wait for this one.
            session.connection.interrupt()
            if "interrupted" in str(error).lower():
                raise KeyboardInterrupt from error
            raise


def _of_the_statement(error: duckdb.Error) -> str:
    """DuckDB's words; without the line that it points at when that is in what we wrote around the statement."""
    reason = reason_of(error)
    return reason.partition("\nLINE ")[0] if " as answer(c0" in reason or "::varchar" in reason else reason


@contextmanager
def _stopped_after(connection: duckdb.DuckDBPyConnection, seconds: float | None) -> Iterator[Callable[[], bool]]:
    if seconds is None:
        yield lambda: False
        return
    done, is_over = threading.Event(), threading.Event()

    def watch() -> None:
        if done.wait(seconds):
            return
        is_over.set()
        # Again and again: an interrupt between two statements is forgotten.
        while not done.wait(_INTERRUPT_SECONDS):
            connection.interrupt()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield is_over.is_set
    finally:
        done.set()
        thread.join()
