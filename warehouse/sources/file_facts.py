"""One file as the build will read it: its columns, its rows, and what is wrong with it.

Text is read strictly beside the build's own way: DuckDB's sniffer may take rows for a header and drop others without a
word when some lines have more fields than others.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from warehouse.engine.base import Engine
from warehouse.errors import QueryError
from warehouse.extensions import named_extension
from warehouse.sources.archives import packing_problem, workbook_problem
from warehouse.sources.locations import Location, Reader, exact_pattern
from warehouse.sources.rules import Trouble
from warehouse.sources.text_facts import TextFacts, read_bytes
from warehouse.sql import Query, Relation, Step, identifier, literal

DELIMITERS = ",;\t|"
SHOWN_REJECTS = 3
_PASSED_ON = ("compression", "max_line_size", "maximum_line_size", "comment", "skip", "strict_mode", "new_line")
_OWN_NAMES = re.compile(r"column\d+")
_TOO_LONG = re.compile(r"Maximum line size of (\d+) bytes exceeded")
_REJECTS, _SCANS = "rejected_rows", "rejected_scans"
_UTF8 = ("", "utf-8", "utf8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong with a file."""

    trouble: Trouble
    message: str
    """What, with line and value where there are any; follows the file's name."""
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """One file."""

    sha256: str
    columns: tuple[tuple[str, str], ...]
    """Name and type as the build reads them; empty when it cannot, or when they are not those that the file has."""
    row_count: int | None
    ends_line: bool | None
    """Whether text ends with the end of a line; None for what is no text."""
    faults: tuple[Fault, ...]


def read_file(engine: Engine, path: Path, location: Location) -> FileFacts:
    """What this file is; reads it whole, in bounded memory.

    Raises:
        OSError: it cannot be read at all.
    """
    is_text = location.reader in (Reader.CSV, Reader.JSON)
    found = read_bytes(path, is_text=is_text)
    if not path.stat().st_size:
        fault = Fault(trouble=Trouble.EMPTY, message="is empty", advice="was its delivery cut off?")
        return FileFacts(sha256=found.sha256, columns=(), row_count=None, ends_line=None, faults=(fault,))
    faults = _packing_faults(path, location, found.cut_off)
    if not faults and found.text is not None:
        faults = _text_faults(found.text, location)
    columns: tuple[tuple[str, str], ...] = ()
    row_count = None
    if not faults:
        try:
            columns = _columns(engine, path, location)
            if location.reader is Reader.CSV:
                row_count, faults, is_misread = _strict_read(engine, path, location, found.text, columns)
                columns = () if is_misread else columns
            else:
                row_count = _row_count(engine, path, location)
        except QueryError as error:
            # Without its extension DuckDB reads nothing: that is for the build to say.
            if named_extension(str(error)) is None:
                faults = [_refused(error, found.text)]
    ends_line = None if found.text is None or location.reader is not Reader.CSV else found.text.ends_line
    return FileFacts(
        sha256=found.sha256, columns=columns, row_count=row_count, ends_line=ends_line, faults=tuple(faults)
    )


def _packing_faults(path: Path, location: Location, cut_off: str) -> list[Fault]:
    what, again = "archive", "have it delivered again"
    if location.reader is Reader.EXCEL:
        what, cut_off = "workbook", workbook_problem(path)
    if cut_off:
        message = f"is {'an' if what == 'archive' else 'a'} {what} that is cut off or broken ({cut_off})"
        return [Fault(trouble=Trouble.DAMAGED, message=message, advice=again)]
    message, advice = packing_problem(path, location)
    return [Fault(trouble=Trouble.DAMAGED, message=message, advice=advice)] if message else []


def _text_faults(text: TextFacts, location: Location) -> list[Fault]:
    if not text.head.strip(b"\r\n\t \0"):
        return [Fault(trouble=Trouble.EMPTY, message="has no header and no row", advice="was its delivery cut off?")]
    encoding = (location.option("encoding") or "").lower()
    if encoding not in _UTF8:
        return []
    if text.is_wide:
        return [
            Fault(
                trouble=Trouble.ENCODING,
                message="is encoded as UTF-16 or UTF-32, and the build reads UTF-8",
                advice="have it delivered as UTF-8, or set encoding = 'utf-16' where the source is declared",
            )
        ]
    if text.bad_line is not None:
        return [
            Fault(
                trouble=Trouble.ENCODING,
                message=f"is not UTF-8: line {text.bad_line:,} has the byte 0x{text.bad_byte or 0:02X}",
                advice="have it delivered as UTF-8, or set encoding = 'latin-1' where the source is declared",
            )
        ]
    if text.nul_line is not None:
        return [
            Fault(
                trouble=Trouble.ENCODING,
                message=f"has a NUL character in line {text.nul_line:,}",
                advice="binary data, or a file that was not written to its end; have it delivered again",
            )
        ]
    return []


def _columns(engine: Engine, path: Path, location: Location) -> tuple[tuple[str, str], ...]:
    relation = Relation(location.of_file(str(path)), path.name)
    return tuple((column.name, column.type) for column in engine.columns(relation))


def _row_count(engine: Engine, path: Path, location: Location) -> int:
    query = Query.of(Step("rows", f"select count(*) as n from {location.of_file(str(path))}"))
    return int(engine.rows(query)[0]["n"])


def _refused(error: QueryError, text: TextFacts | None) -> Fault:
    """What a reader's refusal means; its words may show values, so only its first line is kept."""
    too_long = _TOO_LONG.search(str(error))
    if too_long is not None:
        return Fault(
            trouble=Trouble.DAMAGED,
            message=f"has a line of more than {int(too_long[1]):,} bytes",
            advice="a quote that never ends? if it is meant, set max_line_size where the source is declared",
        )
    if text is not None and (0 < text.carriage_returns < text.line_feeds or (text.lone_returns and text.line_feeds)):
        counts = {
            "CR LF": text.carriage_returns,
            "LF": text.line_feeds - text.carriage_returns,
            "CR": text.lone_returns,
        }
        found = [f"{count:,} that end with {name}" for name, count in counts.items() if count]
        return Fault(
            trouble=Trouble.LINE_ENDS,
            message=f"has lines of different ends: {' and '.join(found)}",
            advice="were two files put into one? have it delivered with one kind of line end",
        )
    reason = re.sub(r"^query '\w+' failed: ", "", (str(error).splitlines() or [""])[0])
    return Fault(
        trouble=Trouble.DAMAGED,
        message=f"cannot be read: {reason[:200]}",
        advice="cut off, or not of this format; have it delivered again",
    )


def header_of(text: TextFacts, location: Location, *, delimiter: str) -> list[str] | None:
    """The names in the header, as they stand there; None when the build takes the first line for no header."""
    if location.option("columns", "names") is not None or location.option("normalize_names") is not None:
        return None
    has_header = location.option("header")
    if has_header is not None and not location.is_set("header"):
        return None
    encoding = (location.option("encoding") or "utf-8").lower()
    try:
        head = text.head.decode(encoding, errors="replace")
    except LookupError:
        return None
    quote = location.option("quote", "quotechar")
    skip = location.option("skip") or "0"
    lines = io.StringIO(head, newline="")
    for _ in range(int(skip) if skip.isdigit() else 0):
        lines.readline()
    for names in csv.reader(lines, delimiter=delimiter, quotechar=quote or '"', strict=False):
        if names:
            return names
    return None


def delimiter_of(text: TextFacts, location: Location, names: Sequence[str]) -> str:
    """What stands between fields: what the location says, or of the usual ones what gives the most names.

    Where several do, the one that gives the columns that the build found.
    """
    given = location.option("delim", "sep", "delimiter")
    if given is not None:
        return given.replace("\\t", "\t") or ","
    counts = {one: len(header_of(text, location, delimiter=one) or ()) for one in DELIMITERS}
    agreeing = [one for one, count in counts.items() if count > 1 and count == len(names)]
    return agreeing[0] if agreeing else max(DELIMITERS, key=lambda one: counts[one])


def _strict_read(
    engine: Engine, path: Path, location: Location, text: TextFacts | None, columns: Sequence[tuple[str, str]]
) -> tuple[int | None, list[Fault], bool]:
    """Rows of a text file, and its faults, from one strict pass with the delimiter and header that it really has.

    And whether the build would read other columns than these: then what it reads tells nothing of the source's shape.
    """
    names = [name for name, _ in columns]
    tolerant = any(location.is_set(option) for option in ("ignore_errors", "null_padding", "store_rejects"))
    delimiter = delimiter_of(text, location, names) if text is not None else location.option("delim", "sep") or ""
    if tolerant or text is None or len(delimiter) != 1 or location.option("columns", "names") is not None:
        # The project says how such rows are to be read, or the archive is one that only DuckDB reads.
        return _projected_count(engine, path, location, names), [], False
    header = header_of(text, location, delimiter=delimiter)
    faults = _header_faults(header, names, delimiter)
    is_misread = any(fault.trouble is Trouble.DIALECT for fault in faults)
    width = len(header) if header is not None and not _is_headerless(header, names) else len(names)
    query, rejects = strict_read_sql(
        str(path), location, delimiter=delimiter, width=width, has_header=header is not None and width == len(header)
    )
    for table in (_REJECTS, _SCANS):
        # DuckDB adds to what it finds there, so that a good file would answer for the one before it.
        engine.rows(Query.of(Step("dropped", f"drop table if exists {identifier(table)}")))
    count = int(engine.rows(query)[0]["n"])
    rejected = engine.rows(rejects)
    if rejected:
        total = int(rejected[0]["total"])
        # Such rows are also why the build would read other columns.
        faults = [fault for fault in faults if fault.trouble is not Trouble.DIALECT]
        faults.append(_ragged(rejected, total, width, text))
    return count, faults, is_misread


def strict_read_sql(
    path: str, location: Location, *, delimiter: str, width: int, has_header: bool
) -> tuple[Query, Query]:
    """The count of rows that have exactly `width` fields; and, after it ran, a few of the others: `line`, `reason`."""
    columns = ", ".join(f"'c{index}': 'VARCHAR'" for index in range(width))
    passed = "".join(f", {name} = {value}" for name, value in location.options if name in _PASSED_ON)
    given = location.option("quote", "quotechar")
    quote = '"' if given is None else given
    escape = location.option("escape") or quote
    encoding = location.option("encoding")
    call = (
        f"read_csv({literal(exact_pattern(path))}, auto_detect = false, delim = {literal(delimiter)}, "
        f"quote = {literal(quote)}, escape = {literal(escape)}, header = {str(has_header).lower()}, "
        f"columns = {{{columns}}}, "
        f"{f'encoding = {literal(encoding)}, ' if encoding else ''}"
        f"store_rejects = true, rejects_table = {literal(_REJECTS)}, rejects_scan = {literal(_SCANS)}{passed})"
    )
    shown = Query.of(
        Step(
            "rejected_row",
            f"""
            select
                line,
                any_value(error_type::varchar) as reason,
                any_value(error_message) as message,
                count(*) over () as total,
            from {identifier(_REJECTS)}
            group by line
            order by line
            limit {SHOWN_REJECTS}
            """,
        )
    )
    return Query.of(Step("rows", f"select count(*) as n from {call}")), shown


def _projected_count(engine: Engine, path: Path, location: Location, names: Sequence[str]) -> int:
    """Rows as the build reads them, with every value read: a mere count would not look into the fields."""
    values = ", ".join(f"count({identifier(name)})" for name in names) or "1"
    query = Query.of(Step("rows", f"select count(*) as n, {values} from {location.of_file(str(path))}"))
    return int(engine.rows(query)[0]["n"])


def _is_headerless(header: Sequence[str], names: Sequence[str]) -> bool:
    """Whether the build takes the first line for a row, and gives names of its own to as many fields."""
    return len(header) == len(names) and all(_OWN_NAMES.fullmatch(name) for name in names)


def _header_faults(header: Sequence[str] | None, names: Sequence[str], delimiter: str) -> list[Fault]:
    if header is None or _is_headerless(header, names):
        return []
    lowered = [name.strip().lower() for name in header]
    repeated = sorted({name for name, low in zip(header, lowered, strict=True) if low and lowered.count(low) > 1})
    if repeated:
        return [
            Fault(
                trouble=Trouble.REPEATED_COLUMNS,
                message=f"has the column {', '.join(map(repr, repeated))} more than once in its header",
                advice="the build tells them apart by a number, and which is which depends on their order",
            )
        ]
    if "" in lowered or lowered == [name.strip().lower() for name in names]:
        return []
    shown = ", ".join(map(repr, header[:10]))
    return [
        Fault(
            trouble=Trouble.DIALECT,
            message=f"has the header {shown}, delimited by {delimiter!r}, and the build would read the columns "
            f"{', '.join(map(repr, names[:10]))}",
            advice="rows would be lost without a word; say delim and header where the source is declared",
        )
    ]


def _ragged(rejected: Sequence[dict[str, object]], total: int, width: int, text: TextFacts) -> Fault:
    lines = ", ".join(f"{row['line']:,} ({row['message']})" for row in rejected)
    more = f" and {total - len(rejected):,} more" if total > len(rejected) else ""
    is_last = total == 1 and not text.ends_line and rejected[0]["line"] == text.line_feeds + 1
    if is_last:
        return Fault(
            trouble=Trouble.DAMAGED,
            message=f"ends in the middle of line {rejected[0]['line']:,}",
            advice="its delivery was cut off; have it delivered again",
        )
    return Fault(
        trouble=Trouble.RAGGED,
        message=f"has {width} columns, and {total:,} {'rows do' if total != 1 else 'row does'} not: line {lines}{more}",
        advice="a delimiter, line break or quote within a value that is not quoted; have it delivered again",
    )
