"""Files that are broken in all the ways that deliveries are, and good ones that look odd."""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from duckdb_extensions import needs_extension

from warehouse.engine.local import LocalEngine
from warehouse.sources.file_facts import FileFacts, read_file
from warehouse.sources.locations import parse_location
from warehouse.sources.rules import Trouble
from warehouse.sql import literal

HUNDRED = b"".join(b"%d,v%d\n" % (number, number) for number in range(100))


def parquet() -> bytes:
    path = Path(os.environ["CASE_FOLDER"]) / "made.parquet"
    duckdb.sql("select i as a, 'v' || i as b from range(5000) as r(i)").write_parquet(str(path))
    return path.read_bytes()


def zst(content: str) -> bytes:
    path = Path(os.environ["CASE_FOLDER"]) / "made.csv.zst"
    with duckdb.connect() as connection:
        connection.execute(f"copy ({content}) to '{path}' (format csv, header, compression zstd)")
    return path.read_bytes()


def workbook() -> bytes:
    from openpyxl import Workbook

    book, content = Workbook(), io.BytesIO()
    for row in (["a", "b"], [1, "x"], [2, "y"]):
        book.active.append(row)
    book.save(content)
    return content.getvalue()


def flipped(content: bytes) -> bytes:
    """With one byte in the middle that is another."""
    place = len(content) // 2
    return content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :]


@dataclass(frozen=True)
class Case:
    name: str
    content: bytes | Callable[[], bytes]
    trouble: Trouble | None = None
    said: str = ""
    options: str = ""
    function: str = "read_csv"
    file: str = "file.csv"
    rows: int | None = None


GOOD = [
    Case("plain", b"a,b\n" + HUNDRED, rows=100),
    Case("quoted line breaks", b'a,b\n1,"x\ny"\n2,"z"\n', rows=2),
    Case("quoted quotes and commas", b'a,b\n1,"say ""hi"", twice"\n', rows=1),
    Case("CR LF", b"a,b\r\n1,x\r\n2,y\r\n", rows=2),
    Case("CR LF with LF in quotes", b'a,b\r\n1,"x\ny"\r\n2,z\r\n', rows=2),
    Case("byte order mark", b"\xef\xbb\xbfa,b\n1,x\n", rows=1),
    Case("latin-1 declared as such", "a,b\n1,café\n".encode("latin-1"), options=", encoding = 'latin-1'", rows=1),
    Case("utf-16 declared as such", "a,b\n1,x\n".encode("utf-16"), options=", encoding = 'utf-16'", rows=1),
    Case("tabs", b"a\tb\n1\tx\n2\ty\n", rows=2, file="file.tsv"),
    Case("semicolons", b"a;b\n1;x\n2;y\n", rows=2),
    Case("pipes declared", b"a|b\n1|x\n", options=", delim = '|'", rows=1),
    Case("empty lines at the end", b"a,b\n1,x\n\n\n", rows=1),
    Case("one row", b"a,b\n1,x\n", rows=1),
    Case("header only", b"a,b\n", rows=0),
    Case("one column", b"a\n1\n2\n", rows=2),
    Case("no end of the last line", b"a,b\n1,x\n2,y", rows=2),
    Case("text beyond Latin", "名前,ключ\nあ,я\n".encode(), rows=1),
    Case("no header, as declared", b"1,x\n2,y\n", options=", header = false", rows=2),
    Case("everything as text", b"a,b\n1,NA\n", options=", all_varchar = true, nullstr = 'NA'", rows=1),
    Case("padding wanted", b"a,b,c\n1,2,3\n4,5\n", options=", null_padding = true, header = true", rows=2),
    Case("errors to be passed over", b"a,b\n1,2\n3\n4,5\n", options=", ignore_errors = true, header = true", rows=2),
    Case("gzip", gzip.compress(b"a,b\n" + HUNDRED), file="file.csv.gz", rows=100),
    Case("zstandard", lambda: zst("select 1 as a, 'x' as b"), file="file.csv.zst", rows=1),
    Case("JSON lines", b'{"a": 1, "b": "x"}\n{"a": 2}\n', function="read_json", file="file.jsonl", rows=2),
    Case("Parquet", parquet, function="read_parquet", file="file.parquet", rows=5000),
    Case(
        "a huge cell that was said", b"a,b\n1," + b"x" * 3_000_000 + b"\n", options=", max_line_size = 4000000", rows=1
    ),
    Case("an old Mac's lines", b"a,b\r1,x\r2,y\r", rows=2),
    Case("gzip twice in a row", gzip.compress(b"a,b\n1,x\n") + gzip.compress(b"2,y\n"), file="file.csv.gz", rows=2),
    Case(
        "gzip under another name, as declared", gzip.compress(b"a,b\n1,x\n"), options=", compression = 'gzip'", rows=1
    ),
    Case("a JSON array", b'[{"a": 1}, {"a": 2}]', function="read_json", file="file.json", rows=2),
    Case("a long first value", b"a,b\n" + b"x" * 100_000 + b",1\n", rows=1),
]
BAD = [
    Case("no byte", b"", Trouble.EMPTY, "is empty"),
    Case("only line ends", b"\n\n\n", Trouble.EMPTY, "no header"),
    Case("a field is missing", b"a,b,c\n1,2,3\n4,5\n6,7,8\n", Trouble.RAGGED, "line 3"),
    Case("a field too many", b"a,b\n" + HUNDRED + b"7,8,9\n1,2\n", Trouble.RAGGED, "line 102"),
    Case("most rows too long", b"a,b,c\n1,2,3\n6,7,8,9\n6,7,8,9\n", Trouble.RAGGED, "2 rows do not"),
    Case("a quote that never ends", b'a,b\n1,"x\n2,y\n3,z\n', Trouble.RAGGED, "line 2"),
    Case("cut off within a row", b"a,b,c\n" + b"1,2,3\n" * 50 + b"4,5", Trouble.DAMAGED, "middle of line 52"),
    Case("latin-1", "a,b\n1,x\n2,café\n".encode("latin-1"), Trouble.ENCODING, "line 3 has the byte 0xE9"),
    Case("windows-1252 quotes", b"a,b\n1,\x93hi\x94\n", Trouble.ENCODING, "line 2 has the byte 0x93"),
    Case("utf-16", "a,b\n1,x\n".encode("utf-16"), Trouble.ENCODING, "UTF-16"),
    Case("cut off within a character", "a,b\n1,é".encode()[:-1], Trouble.ENCODING, "line 2"),
    Case("NUL", b"a,b\n1,x\n2,\x00\n", Trouble.ENCODING, "NUL character in line 3"),
    Case("zeros at the end", b"a,b\n1,x\n" + b"\x00" * 4096, Trouble.ENCODING, "NUL character in line 3"),
    Case("two files in one", b"a,b\r\n1,x\r\n2,y\n3,z\n", Trouble.LINE_ENDS,
         "2 that end with CR LF and 2 that end with LF"),
    Case("an old Mac's lines in between", b"a,b\n1,x\r2,y\n", Trouble.LINE_ENDS,
         "2 that end with LF and 1 that end with CR"),
    Case("a huge cell", b"a,b\n1," + b"x" * 3_000_000 + b"\n", Trouble.DAMAGED, "a line of more than 2,000,000 bytes"),
    Case("a huge cell in quotes", b'a,b\n1,"' + b"x\n" * 1_500_000 + b'"\n', Trouble.DAMAGED,
         "more than 2,000,000 bytes"),
    Case("utf-16 without a mark", "a,b\n1,x\n".encode("utf-16-le"), Trouble.ENCODING, "NUL character in line 1"),
    Case("a byte order mark alone", b"\xef\xbb\xbf", Trouble.EMPTY, "no header"),
    Case("title lines above", b"Report of 2026\n\na,b\n1,2\n", Trouble.RAGGED, "line 3"),
    Case("nothing in an archive", gzip.compress(b""), Trouble.EMPTY, "no header", file="file.csv.gz"),
    Case("junk behind an archive", gzip.compress(b"a,b\n1,2\n") + b"junk", Trouble.DAMAGED, "broken",
         file="file.csv.gz"),
    Case("a damaged archive", flipped(gzip.compress(b"a,b\n" + HUNDRED)), Trouble.DAMAGED, "archive",
         file="file.csv.gz"),
    Case("gzip that its name hides", gzip.compress(b"a,b\n1,2\n"), Trouble.DAMAGED,
         "is a gzip archive, which its name"),
    Case("zstandard that its name hides", lambda: zst("select 1 as a"), Trouble.DAMAGED,
         "is a zstd archive, which its name"),
    Case("text with a name of gzip", b"a,b\n1,2\n", Trouble.DAMAGED, "is no gzip archive", file="file.csv.gz"),
    Case("text with a name of zstandard", b"a,b\n1,2\n", Trouble.DAMAGED, "is no zstd archive", file="file.csv.zst"),
    Case("a name twice", b"a,b,a\n1,2,3\n", Trouble.REPEATED_COLUMNS, "'a' more than once"),
    Case("a name twice, in other letters", b"Key,b,key\n1,2,3\n", Trouble.REPEATED_COLUMNS, "more than once"),
    Case("another archive", b"\x1f\x8b" + b"junk" * 10, Trouble.DAMAGED, "archive", file="file.csv.gz"),
    Case("half an archive", gzip.compress(b"a,b\n" + HUNDRED)[:-40], Trouble.DAMAGED, "cut off", file="file.csv.gz"),
    Case("half of zstandard", lambda: zst("select i, hash(i) as h from range(9999) as r(i)")[:-400], Trouble.DAMAGED,
         "ends within a frame", file="file.csv.zst"),
    Case("ragged in an archive", gzip.compress(b"a,b\n1,2\n3\n4,5\n"), Trouble.RAGGED, "line 3", file="file.csv.gz"),
    Case("JSON that stops", b'{"a": 1}\n{"a": ', Trouble.DAMAGED, "cannot be read", function="read_json",
         file="file.jsonl"),
    Case("JSON that is none", b"hello\n", Trouble.DAMAGED, "cannot be read", function="read_json", file="file.jsonl"),
    Case("JSON in latin-1", b'{"a": "caf\xe9"}\n', Trouble.ENCODING, "0xE9", function="read_json", file="file.jsonl"),
    Case("half of JSON in an archive", gzip.compress(b'{"a": 1}\n' * 999)[:-15], Trouble.DAMAGED, "cut off",
         function="read_json", file="file.jsonl.gz"),
    Case("half of Parquet", lambda: parquet()[:-100], Trouble.DAMAGED, "cannot be read", function="read_parquet",
         file="file.parquet"),
    Case("half of a workbook", lambda: workbook()[:-300], Trouble.DAMAGED, "is a workbook that is cut off",
         function="read_xlsx", file="file.xlsx"),
    Case("a damaged workbook", lambda: flipped(workbook()), Trouble.DAMAGED, "is a workbook that is cut off or broken",
         function="read_xlsx", file="file.xlsx"),
    Case("a workbook that is none", b"PK\x03\x04junk", Trouble.DAMAGED, "is a workbook that is cut off or broken",
         function="read_xlsx", file="file.xlsx"),
    Case("Parquet that is text", b"a,b\n1,2\n", Trouble.DAMAGED, "cannot be read", function="read_parquet",
         file="file.parquet"),
    Case("Parquet without a byte", b"", Trouble.EMPTY, "is empty", function="read_parquet", file="file.parquet"),
]  # fmt: skip


def look(engine: LocalEngine, folder: Path, case: Case, monkeypatch: pytest.MonkeyPatch) -> FileFacts:
    monkeypatch.setenv("CASE_FOLDER", str(folder))
    path = folder / f"it's a [{case.name}]* {case.file}"
    path.write_bytes(case.content if isinstance(case.content, bytes) else case.content())
    location = parse_location(f"{case.function}({literal(str(folder / '*'))}{case.options})")
    return read_file(engine, path, location)


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.name)
def test_a_good_file_gives_no_finding(
    engine: LocalEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: Case
) -> None:
    facts = look(engine, tmp_path, case, monkeypatch)
    assert facts.faults == ()
    assert facts.row_count == case.rows
    assert facts.columns


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_a_bad_file_is_told_for_what_it_is(
    engine: LocalEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: Case
) -> None:
    facts = look(engine, tmp_path, case, monkeypatch)
    assert [fault.trouble for fault in facts.faults] == [case.trouble]
    assert case.said in facts.faults[0].message


def test_a_workbook_is_read_where_the_extension_is(
    engine: LocalEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_extension("excel")
    facts = look(engine, tmp_path, Case("book", workbook, function="read_xlsx", file="file.xlsx"), monkeypatch)
    assert facts.faults == ()
    assert facts.row_count == 2


def test_an_unterminated_file_of_a_gibibyte_is_read_in_little_memory(engine: LocalEngine, tmp_path: Path) -> None:
    # Many lines instead of a gibibyte: what is kept must not depend on how many there are.
    path = tmp_path / "many.csv"
    with path.open("wb") as file:
        file.write(b"a,b\n")
        for _ in range(300):
            file.write(b"1,2\n" * 1000)
        file.write(b"3\n" * 500)
    facts = read_file(engine, path, parse_location(str(path)))
    assert "500 rows do not" in facts.faults[0].message
    assert len(facts.faults[0].message) < 600
