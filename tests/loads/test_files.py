"""Files as batches: new, changed, doubled and half-written ones, from folders, S3 and web addresses."""

from __future__ import annotations

import functools
import gzip
import threading
import urllib.request
from collections.abc import Callable
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pytest
from duckdb_extensions import needs_extension
from s3_server import BUCKET, CREDENTIALS, s3_server

from warehouse.errors import LoadError
from warehouse.loads import files
from warehouse.loads.files import format_of
from warehouse.loads.specs import Kind
from warehouse.sources.quarantine import quarantined, release
from warehouse.sources.rules import DEFAULTS, Policy, Trouble


@pytest.fixture
def drop(declare: Callable[..., Any]) -> Path:
    folder = Path(declare(kind=Kind.FILES).project.root) / "drop [1]"
    folder.mkdir()
    (folder / "1.csv").write_text("id,word\n1,one\n2,two\n")
    return folder


@pytest.fixture
def table(drop: Path, declare: Callable[..., Any]) -> Any:
    return declare(kind=Kind.FILES, path="drop [[]1]/*")


def test_every_new_file_is_one_batch_and_is_read_once(table: Any, drop: Path) -> None:
    assert table.load().row_count == 2
    (drop / "2.csv.gz").write_bytes(gzip.compress(b"id,word\n3,three\n"))
    part = table.load()

    assert (part.row_count, part.batch_count) == (1, 1)
    assert table.load().batch_count == 0
    assert table.rows("id, word") == [("1", "one"), ("2", "two"), ("3", "three")]
    assert [batch.file.path for batch in table.landed.batches] == ["drop [1]/1.csv", "drop [1]/2.csv.gz"]
    assert all(len(batch.file.sha256) == 64 for batch in table.landed.batches)


def test_a_changed_file_takes_the_place_of_what_it_was(table: Any, drop: Path) -> None:
    (drop / "2.csv").write_text("id,word\n3,three\n")
    table.load()
    (drop / "1.csv").write_text("id,word\n1,ONE\n")

    with pytest.raises(LoadError, match=r"1\.csv has other content than when it was loaded"):
        table.using(changed="error").load()
    assert table.load().row_count == 1
    assert table.rows("word") == [("ONE",), ("three",)]


def test_a_file_that_was_only_touched_is_not_loaded_again(table: Any, drop: Path) -> None:
    import os

    table.load()
    os.utime(drop / "1.csv", (1, 1))

    assert table.load().batch_count == 0


def test_a_file_that_was_delivered_twice_is_named_and_not_loaded(table: Any, drop: Path) -> None:
    table.load()
    (drop / "1 (copy).csv").write_bytes((drop / "1.csv").read_bytes())
    part = table.load()

    assert part.batch_count == 0
    assert "1 (copy).csv has the same content as drop [1]/1.csv" in part.findings[0].message


def test_rows_of_a_file_that_is_gone_stay_until_a_full_refresh(table: Any, drop: Path) -> None:
    (drop / "2.csv").write_text("id,word\n3,three\n")
    table.load()
    (drop / "1.csv").unlink()

    assert table.load().batch_count == 0
    assert len(table.rows()) == 3
    table.load(full_refresh=True)
    assert len(table.rows()) == 1


def test_a_file_with_new_columns_joins_by_name(table: Any, drop: Path) -> None:
    table.load()
    (drop / "2.csv").write_text("word,more,id\nthree,x,3\n")
    part = table.load()

    assert part.findings[0].message == "columns more are new"
    assert table.rows("id, word, more")[-1] == ("3", "three", "x")


def test_files_that_are_broken_are_named_together_and_nothing_is_loaded(table: Any, drop: Path) -> None:
    table.load()
    (drop / "2.csv").write_text("id,word\n3,three\n")
    (drop / "3.csv").write_text("id,word\n4\n5,five\n")
    (drop / "4.json").write_text("{broken")

    with pytest.raises(LoadError) as caught:
        table.load()
    assert "2 of 3 new files cannot be loaded as they are" in str(caught.value)
    assert "3.csv has 2 columns, and 1 row does not: line 2" in str(caught.value)
    assert "4.json cannot be read" in str(caught.value)
    assert len(table.rows()) == 2
    (drop / "3.csv").unlink()
    (drop / "4.json").unlink()
    assert table.load().batch_count == 1


def test_a_broken_file_is_moved_away_where_the_policy_says_so(table: Any, drop: Path) -> None:
    table = table.using(rules={**DEFAULTS, Trouble.RAGGED: Policy.QUARANTINE})
    table.load()
    (drop / "1.csv").write_text("id,word\n1\n2,two\n")
    (drop / "2.csv").write_text("id,word\n3,three\n")
    part = table.load()

    assert part.batch_count == 1
    assert "1.csv has 2 columns, and 1 row does not" in part.findings[0].message
    assert "warehouse sources --release" in part.findings[0].advice
    assert not (drop / "1.csv").exists()
    # What was loaded of that file before stays.
    assert table.rows("word") == [("one",), ("three",), ("two",)]
    (moved,) = quarantined(table.project)
    assert release(table.project, moved.name) == drop / "1.csv"


def test_a_file_that_is_still_written_is_left_to_the_next_load(
    table: Any, drop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.load()
    (drop / "2.csv").write_text("id,word\n3")
    look_at = files.look_at

    def look_while_it_grows(*words: Any, **options: Any) -> Any:
        found = look_at(*words, **options)
        (drop / "2.csv").write_text("id,word\n3,three\n")
        return found

    with monkeypatch.context() as patched:
        patched.setattr(files, "look_at", look_while_it_grows)
        part = table.load()
    assert part.batch_count == 0
    assert "2.csv changed while it was read and was not loaded" in part.findings[0].message
    assert table.load().row_count == 1


def test_a_file_without_its_last_line_end_is_told_when_others_have_theirs(table: Any, drop: Path) -> None:
    table.load()
    (drop / "2.csv").write_text("id,word\n3,thr")
    part = table.load()

    assert part.row_count == 1
    assert "2.csv does not end with the end of a line" in part.findings[0].message


def test_every_format_is_read_plain_and_compressed(drop: Path, declare: Callable[..., Any]) -> None:
    with duckdb.connect() as connection:
        for number, name in enumerate(("csv.zst", "csv.gz", "parquet", "json.gz", "jsonl.zst"), start=10):
            kind = name.split(".")[0].replace("jsonl", "json")
            compression = {"gz": ", compression gzip", "zst": ", compression zstd"}.get(name.partition(".")[2], "")
            rows, path = f"select '{number}' as id, '{name}' as word", drop / f"x.{name}"
            connection.execute(f"copy ({rows}) to '{path}' (format {kind}{compression})")
    table = declare(kind=Kind.FILES, path="drop [[]1]/*")

    assert table.load().batch_count == 6
    assert {word for (word,) in table.rows("word")} >= {"csv.zst", "csv.gz", "parquet", "json.gz", "jsonl.zst"}


def test_a_workbook_is_read(drop: Path, declare: Callable[..., Any]) -> None:
    needs_extension("excel")
    from openpyxl import Workbook

    book = Workbook()
    book.active.append(["id", "word"])
    book.active.append([7, "seven"])
    book.save(drop / "book.xlsx")
    table = declare(kind=Kind.FILES, path="drop [[]1]/*.xlsx")

    assert table.load().row_count == 1
    assert table.rows("id, word") == [("7", "seven")]


def test_options_go_to_the_reader(drop: Path, declare: Callable[..., Any]) -> None:
    (drop / "semi.txt").write_text("1;x\n2;NA\n")
    options = {"delim": ";", "header": False, "nullstr": ["NA"], "columns": {"id": "integer", "word": "varchar"}}
    table = declare(kind=Kind.FILES, path="drop [[]1]/*.txt", options=options)
    table.load()

    assert table.rows() == [(1, "x"), (2, None)]


@pytest.mark.parametrize(
    ("name", "format_"),
    [("a.CSV.gz", "csv"), ("a.jsonl.zst", "json"), ("s3://b/a.parquet", "parquet"), ("a.xlsx", "excel"), ("a", None)],
)
def test_a_name_tells_the_format(name: str, format_: str | None) -> None:
    assert format_of(name) == format_


def test_no_file_is_an_error_that_says_where_the_path_was_written(declare: Callable[..., Any]) -> None:
    with pytest.raises(LoadError, match=r"no file matches nothing/\*\.csv\n  correct path in models/_sources\.yml"):
        declare(kind=Kind.FILES, path="nothing/*.csv").load()


def test_a_bucket_is_read_object_by_object(
    tmp_path: Path, declare: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_extension("httpfs")
    with s3_server(tmp_path) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)

        def put(key: str, content: bytes) -> None:
            url, headers = f"{server.url}/{BUCKET}/{key}", {"Content-Type": "text/csv"}
            request = urllib.request.Request(url, data=content, headers=headers, method="PUT")
            urllib.request.urlopen(request).close()

        for key in ("orders/1.csv", "again/1.csv"):
            put(key, b"id,word\n1,one\n")
        put("broken/1.csv", b"id,word\n3\n4,four\n")
        table = declare(kind=Kind.FILES, path=f"s3://{BUCKET}/orders/*.csv*")
        assert table.load().row_count == 1
        put("orders/2.csv.gz", gzip.compress(b"id,word\n2,two\n"))
        assert table.load().row_count == 1
        assert table.load().batch_count == 0
        assert table.rows() == [("1", "one"), ("2", "two")]
        reads = [path for method, path, _ in server.requests() if method == "GET" and "/orders/1.csv" in path]
        assert len(reads) == 1
        with pytest.raises(LoadError, match=r"broken/1.csv has 2 columns, and 1 row does not: line 2"):
            table.using(path=f"s3://{BUCKET}/broken/*").load()
        part = table.using(path=f"s3://{BUCKET}/again/*").load()
        assert part.batch_count == 0
        assert "again/1.csv has the same content as s3://bucket/orders/1.csv" in part.findings[0].message
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-secret")
        with pytest.raises(LoadError) as caught:
            table.using(path="s3://no-such-bucket/*.csv").load()
    assert "planted" not in str(caught.value)
    assert CREDENTIALS["AWS_SECRET_ACCESS_KEY"] not in str(caught.value)


def test_a_web_address_is_read(drop: Path, declare: Callable[..., Any]) -> None:
    needs_extension("httpfs")

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(drop)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        table = declare(kind=Kind.FILES, path=f"http://127.0.0.1:{server.server_port}/1.csv?token=1")
        assert table.load().row_count == 2
        assert table.load().batch_count == 0
    finally:
        server.shutdown()
        server.server_close()
