"""Answers on a terminal or in a pipe: as a table, as lines, as Markdown."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from warehouse.errors import StatementError, suggestion

from . import console

if TYPE_CHECKING:
    from warehouse.questions.answers import Answer
    from warehouse.questions.values import Format

LONGEST_VALUE = 60
"""Characters of a value in a table; the others show it whole."""
NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL", "BIGNUM")


def format_named(name: str) -> Format:
    """The format of this name.

    Raises:
        StatementError: there is none.
    """
    from warehouse.questions.values import Format

    try:
        return Format(name)
    except ValueError:
        known = [item.value for item in Format]
        raise StatementError(f"--format {name!r} is not one of {', '.join(known)}; {suggestion(name, known)}") from None


def print_answer(answer: Answer | None, format_: Format) -> None:
    """The rows, and how many they are or that there are more; `done` for a statement that gives none."""
    from warehouse.questions.values import Format

    if answer is None:
        console.print_line("done")
        return
    if [column.name for column in answer.columns] == ["explain_key", "explain_value"]:
        for row in answer.rows:
            console.print_text(f"{row[1]}\n")
        return
    if format_ is Format.MARKDOWN:
        _print_markdown(answer)
    elif format_ is Format.LINE or _is_too_wide(answer):
        _print_lines(answer)
    else:
        _print_table(answer)
    if format_ is not Format.MARKDOWN or answer.has_more:
        console.print_line(f"\n{row_count(answer)}" if format_ is Format.MARKDOWN else row_count(answer), style="dim")


def row_count(answer: Answer) -> str:
    """`3 rows`, or that only the first are shown."""
    count = len(answer.rows)
    if answer.has_more:
        return f"the first {count:,} rows; there are more: --limit N shows N, --format csv all"
    return f"{count:,} row{'' if count == 1 else 's'}"


def _is_too_wide(answer: Answer) -> bool:
    """Whether a table would not fit the terminal; a pipe has no width."""
    from rich.cells import cell_len

    if not sys.stdout.isatty():
        return False
    widths = [
        max([cell_len(column.name), *(cell_len(_short(row[index])) for row in answer.rows)])
        for index, column in enumerate(answer.columns)
    ]
    return sum(widths) + 2 * len(widths) > console.width()


def _print_table(answer: Answer) -> None:
    from rich.text import Text

    names = [column.name for column in answer.columns]
    right = {column.name for column in answer.columns if column.type.upper().lstrip("U").startswith(NUMBERS)}
    rows = [
        [Text("NULL", style="dim") if value is None else Text(_short(value)) for value in row] for row in answer.rows
    ]
    console.print_table(names, rows, right=right)
    if any(value is not None and _short(value) != _one_line(value) for row in answer.rows for value in row):
        console.print_line("long values are cut; --format line shows them whole", style="dim")


def _print_lines(answer: Answer) -> None:
    width = max((len(column.name) for column in answer.columns), default=0)
    for number, row in enumerate(answer.rows, start=1):
        console.print_line(f"-- row {number:,} ".ljust(min(width + 20, 60), "-"), style="dim")
        for column, value in zip(answer.columns, row, strict=True):
            shown = "NULL" if value is None else _one_line(value)
            console.print_line(f"{_one_line(column.name):>{width}}  {shown}", style="dim" if value is None else None)


def _print_markdown(answer: Answer) -> None:
    def cells(values: list[str]) -> str:
        escaped = (value.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;") for value in values)
        return "| " + " | ".join(_one_line(value) for value in escaped) + " |\n"

    text = cells([column.name for column in answer.columns])
    text += "|" + " --- |" * len(answer.columns) + "\n"
    text += "".join(cells(["NULL" if value is None else value for value in row]) for row in answer.rows)
    console.print_text(text)


def _one_line(value: str) -> str:
    return "".join(
        f"\\x{ord(char):02x}" if ord(char) < 32 and char not in "\r\n\t" else char for char in value
    ).translate({10: "\\n", 13: "\\r", 9: "\\t"})


def _short(value: str | None) -> str:
    shown = "NULL" if value is None else _one_line(value)
    return shown if len(shown) <= LONGEST_VALUE else shown[: LONGEST_VALUE - 1] + "…"
