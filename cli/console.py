"""All printing. The result goes to stdout; progress, warnings and errors go to stderr."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.reports.visible import size_text as size_text

if TYPE_CHECKING:
    from rich.console import Console

    from warehouse.builds import Listener
    from warehouse.dbt_results import NodeProgress
    from warehouse.findings import Finding
    from warehouse.nightly.tonight import Listener as NightListener

SEVERITY_STYLES = {"critical": "bold red", "warning": "yellow", "info": "cyan"}


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    # Tables must not be cut when the output is a file or a pipe, where no width is known.
    stream = sys.stderr if stderr else sys.stdout
    return Console(
        stderr=stderr, width=None if stream.isatty() else 160, highlight=False, soft_wrap=not stream.isatty()
    )


def width() -> int:
    """Columns of the terminal that stdout is."""
    return _console().width


def print_line(text: str = "", *, style: str | None = None) -> None:
    """One line of the result; the text is taken as it is, never as markup."""
    _console().print(_safe(text), style=style, markup=False)


def print_error(text: str) -> None:
    """What went wrong, on stderr."""
    _console(stderr=True).print(f"error: {_safe(text)}", style="red", markup=False)


def print_note(text: str) -> None:
    """A line beside the result, on stderr."""
    _console(stderr=True).print(_safe(text), markup=False)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "", right: Iterable[str] = ()
) -> None:
    """A table; columns named in `right` align right. Cells are taken as they are, never as markup."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    numeric = set(right)
    table = Table(box=SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(Text(column), justify="right" if column in numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(_cell(cell)) for cell in row))
    _console().print(table)


def severity_text(severity: str) -> Any:
    """The severity's word in its colour, as a table cell."""
    from rich.text import Text

    return Text(severity, style=SEVERITY_STYLES.get(severity, ""))


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    return _safe(str(value))


def _safe(text: str) -> str:
    """The text without control characters: an escape sequence in a file name, say, must not reach the terminal."""
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)


def print_text(text: str) -> None:
    """Text of many lines that is the result, Markdown say: not wrapped, not coloured."""
    sys.stdout.write(_safe(text))


def print_json(result: object) -> None:
    """The result as JSON with the dataclass's field names; non-finite numbers become null."""
    sys.stdout.write(json.dumps(plain(result), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def plain(value: object) -> Any:
    """`value` as what JSON knows: dictionaries, lists, text, numbers."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if not isinstance(value, Path) else value.as_posix()


def print_finding(finding: Finding) -> None:
    """One finding: its severity in colour, what it is about, what to do."""
    from rich.text import Text

    text = Text.assemble(severity_text(finding.severity.value), f" {_safe(finding.subject)}: {_safe(finding.message)}")
    if finding.advice:
        text.append(f"\n  {_safe(finding.advice)}", style="dim")
    _console().print(text)


@contextmanager
def transfer(verb: str) -> Iterator[Callable[[int], None]]:
    """What counts bytes as they come or go; on a terminal their sum is shown on stderr."""
    done = 0

    def count(size: int) -> None:
        nonlocal done
        done += size
        if status is not None:
            status.update(f"{verb}: {size_text(done)}")

    status = _console(stderr=True).status(verb) if sys.stderr.isatty() else None
    with status or nullcontext():
        yield count


@contextmanager
def working(doing: str, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    """What takes words of what is being done; on a terminal they are shown on stderr."""
    status = _console(stderr=True).status(doing) if not quiet and sys.stderr.isatty() else None
    with status or nullcontext():
        yield (lambda text: status.update(_safe(text))) if status is not None else (lambda text: None)


class BuildProgress:
    """A build as it goes: a line per model on stdout, and on a terminal what is running now on stderr."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._out = _console()
        self._status: Any = None

    def __enter__(self) -> BuildProgress:
        if not self._quiet and sys.stderr.isatty():
            self._status = _console(stderr=True).status("starting")
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def listener(self) -> Listener:
        """What the build calls."""
        from warehouse.builds import Listener

        return Listener(on_stage=self._show_stage, on_node=self._show_node, on_wait=self._show_wait)

    def _show_wait(self, text: str) -> None:
        if self._status is not None:
            self._status.update(_safe(text))
        else:  # also without a terminal: whoever reads a log sees why nothing happens
            _console(stderr=True).print(_safe(text), markup=False)

    def _show_stage(self, stage: str) -> None:
        if self._status is not None:
            self._status.update(stage)

    def _show_node(self, progress: NodeProgress) -> None:
        node = progress.node
        if self._status is not None:
            self._status.update(f"building: {progress.done} of {progress.total}")
        is_bad = node.status not in ("success", "pass")
        if self._quiet or (node.resource_type in ("test", "unit_test") and not is_bad):
            return
        rows = "" if node.rows is None else f"{node.rows:,} rows"
        kind = node.materialized if node.resource_type == "model" else node.resource_type
        style = {"warn": "yellow", "skipped": "dim"}.get(node.status, "red") if is_bad else None
        line = f"{node.status:8} {kind:12} {node.name:40} {rows:>16} {node.seconds:8.2f} s"
        self._out.print(line, style=style, markup=False)


class NightProgress:
    """A nightly run as it goes: on a terminal, what is running now; the log tells the rest."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._status: Any = None
        self._stage = ""

    def __enter__(self) -> NightProgress:
        if not self._quiet and sys.stderr.isatty():
            self._status = _console(stderr=True).status("starting")
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def listener(self) -> NightListener:
        """What the run calls."""
        from warehouse.builds import Listener
        from warehouse.nightly.tonight import Listener as NightListener

        return NightListener(
            on_start=lambda name: self._show(name.value),
            build=Listener(
                on_stage=lambda stage: self._show("build", stage),
                on_node=lambda progress: self._show("build", f"{progress.done} of {progress.total}"),
                on_wait=lambda who: self._show("build", f"waiting for {who}"),
            ),
        )

    def _show(self, stage: str, now: str = "") -> None:
        if self._status is not None:
            self._status.update(f"{stage}: {_safe(now)}" if now else stage)
