"""A sheet of errors as CSV that a spreadsheet opens, and runs nothing of."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence

from warehouse.checks.diagnosis.error_sheet import SheetCell
from warehouse.datasets.formats import FORMULA_STARTS


def error_sheet(header: Sequence[str], rows: Sequence[Sequence[SheetCell]]) -> str:
    """The sheet, with the mark by which spreadsheets know UTF-8."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([_escaped(name) for name in header])
    writer.writerows([[_shown(cell) for cell in row] for row in rows])
    return "\ufeff" + text.getvalue()


def _shown(cell: SheetCell) -> str:
    return cell.text if cell.is_number and _is_finite(cell.text) else _escaped(cell.text)


def _is_finite(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _escaped(text: str) -> str:
    """With an apostrophe where a spreadsheet would take it for a formula, or for the end of a line."""
    text = text.replace("\0", "")
    return f"'{text}" if text.startswith((*FORMULA_STARTS, "'")) or text.lstrip().startswith(tuple("=+-@")) else text
