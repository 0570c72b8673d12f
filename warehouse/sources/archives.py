"""Whether a file is packed as its name says, and whether a workbook, which is a zip archive, is whole.

DuckDB waits without end for some broken workbooks, and reads others as if nothing was missing.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

from warehouse.sources.locations import Location, Reader
from warehouse.sources.zstd_frames import MAGIC as ZSTD

GZIP = b"\x1f\x8b"
_NAMES = {"gzip": "gz", "zstd": "zst"}


def workbook_problem(path: Path) -> str:
    """Why this workbook cannot be read to its end; empty when it can."""
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, UnicodeError) as error:
        return str(error) or type(error).__name__
    return f"{broken} is not what was packed" if broken else ""


def packing_problem(path: Path, location: Location) -> tuple[str, str]:
    """What the file is and its name does not say, or the other way round, and what to do; empty texts when all is well.

    Only for text: DuckDB goes by the name, or by the option `compression`.
    """
    if location.reader not in (Reader.CSV, Reader.JSON):
        return "", ""
    with path.open("rb") as file:
        start = file.read(4)
    found = "gzip" if start.startswith(GZIP) else "zstd" if start.startswith(ZSTD) else "none"
    said = (location.option("compression") or "auto").lower()
    by_name = said in ("auto", "auto_detect", "infer")
    if by_name:
        ending = path.suffix.lower()
        said = next((kind for kind, name in _NAMES.items() if ending == f".{name}"), "none")
    if found == said or said not in (*_NAMES, "none"):
        return "", ""
    where = "its name does" if by_name else "its declaration does"
    if found == "none":
        return f"is no {said} archive, as {where} say", "have it delivered again, packed"
    advice = (
        f"have it delivered as {path.name}.{_NAMES[found]}, or set compression = '{found}' where the source is declared"
    )
    return f"is a {found} archive, which {where} not say", advice
