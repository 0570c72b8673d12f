"""Answers hold the right values in every format, and nothing that is asked can write."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from fake_builds import Fake

from warehouse.errors import ProjectError, StatementError, StorageError
from warehouse.questions.asking import read_answers, write_answer
from warehouse.questions.session import Subject
from warehouse.questions.values import Format, distinct_names

VALUES = """
    select
        null as nothing,
        '' as empty,
        'a "b", c' || chr(10) || '名前' as text,
        9007199254740991::bigint as exact,
        9007199254740993::bigint as large,
        170141183460469231731687303715884105727::hugeint as huge,
        1.50::decimal(30, 2) as price,
        12345678901234567.89::decimal(30, 2) as sum,
        'nan'::double as nan,
        '-inf'::float as low,
        0.1::double as tenth,
        '\\xff\\x00'::blob as bytes,
        timestamptz '2026-01-02 03:04:05.678901+02' as moment,
        interval '1 month 2 days' as span,
        {'a': 1, 'b c': [1.5, 'inf'::double]} as nested,
        map {'k': 'v'} as pairs,
        '{"j": 1}'::json as document,
        true as flag,
        1 as "a", 2 as "A"
"""


def build(fake: Fake, rows: str = "select i as id, 'n' || i as name from range(5) t(i)") -> Fake:
    fake.build(rows=rows)
    return fake


def written(fake: Fake, text: str, format_: Format, *, subject: Subject | None = None, **options: object) -> str:
    sink = io.BytesIO()
    write_answer(fake.project, subject or Subject(), text, sink, format_=format_, **options)  # type: ignore[arg-type]
    return sink.getvalue().decode()


def one(fake: Fake, text: str, *, limit: int = 100, **subject: object) -> list[tuple[str | None, ...]]:
    found = list(read_answers(fake.project, Subject(**subject), text, limit=limit))  # type: ignore[arg-type]
    answer = found[-1][1]
    assert answer is not None
    return list(answer.rows)


def test_the_published_build_answers(fake: Fake) -> None:
    build(fake)

    assert one(fake, "select count(*), max(name) from examples") == [("5", "n4")]


def test_rows_are_shown_up_to_the_limit_and_more_are_told(fake: Fake) -> None:
    build(fake)

    ((_, answer),) = read_answers(fake.project, Subject(), "from examples order by id desc", limit=2)

    assert answer is not None
    assert answer.rows == (("4", "n4"), ("3", "n3"))
    assert answer.has_more


def test_csv_is_rfc_4180_with_nulls_apart_from_empty_text(fake: Fake) -> None:
    text = written(build(fake), VALUES, Format.CSV)
    (header, row) = csv.reader(io.StringIO(text, newline=""))
    values = dict(zip(header, row, strict=True))

    assert text.splitlines()[1].startswith(',"",')
    assert text.endswith("\r\n")
    assert values["text"] == 'a "b", c\n名前'
    assert (values["large"], values["huge"]) == ("9007199254740993", str(2**127 - 1))
    assert (values["nan"], values["low"], values["price"]) == ("nan", "-inf", "1.50")
    assert values["moment"] == "2026-01-02 01:04:05.678901+00"
    assert json.loads(values["nested"]) == {"a": 1, "b c": [1.5, None]}
    assert (values["bytes"], values["span"], values["pairs"]) == ("ff00", "1 month 2 days", '{"k":"v"}')
    assert (values["a"], values["A_1"]) == ("1", "2")


@pytest.mark.parametrize("format_", [Format.JSON, Format.JSONL])
def test_json_holds_every_number_exactly_or_as_text(fake: Fake, format_: Format) -> None:
    text = written(build(fake), VALUES, format_)
    found = json.loads(text, parse_float=Decimal)
    row = found[0] if format_ is Format.JSON else found

    assert (row["nothing"], row["empty"], row["nan"], row["low"]) == (None, "", None, None)
    assert (row["exact"], row["large"], row["huge"]) == (2**53 - 1, "9007199254740993", str(2**127 - 1))
    assert (row["price"], row["sum"], row["tenth"]) == (Decimal("1.50"), "12345678901234567.89", Decimal("0.1"))
    assert row["nested"] == {"a": 1, "b c": [Decimal("1.5"), None]}
    assert (row["document"], row["pairs"], row["bytes"], row["flag"]) == ({"j": 1}, {"k": "v"}, "ff00", True)
    assert (row["moment"], row["span"]) == ("2026-01-02 01:04:05.678901+00", "1 month 2 days")
    assert (row["a"], row["A_1"], row["text"]) == (1, 2, 'a "b", c\n名前')


@pytest.mark.parametrize("format_", [Format.CSV, Format.JSON, Format.JSONL])
def test_every_type_of_duckdb_can_be_written(fake: Fake, format_: Format) -> None:
    text = written(build(fake), "select * from test_all_types()", format_)

    def refuse(constant: str) -> float:
        raise AssertionError(constant)

    if format_ is Format.CSV:
        assert len(list(csv.reader(io.StringIO(text, newline="")))) == 4
    elif format_ is Format.JSON:
        assert len(json.loads(text, parse_constant=refuse)) == 3
    else:
        assert [json.loads(line, parse_constant=refuse)["bool"] for line in text.splitlines()] == [False, True, None]


def test_every_type_of_duckdb_can_be_shown(fake: Fake) -> None:
    rows = one(build(fake), "from test_all_types()")

    assert len(rows) == 3
    assert set(rows[2]) == {None}


def test_parquet_keeps_types_and_appears_whole(fake: Fake, tmp_path: Path) -> None:
    build(fake)
    path = tmp_path / "it's [here].parquet"

    write_answer(
        fake.project, Subject(), "select 1::utinyint as a, [1.5] as l from examples", path, format_=Format.PARQUET
    )

    relation = duckdb.connect().read_parquet([str(path).replace("[", "[[]")])
    assert [str(type_) for type_ in relation.types] == ["UTINYINT", "DECIMAL(2,1)[]"]
    assert len(relation) == 5
    with pytest.raises(StatementError, match="Conversion Error"):
        write_answer(fake.project, Subject(), "select name::int from examples", path, format_=Format.PARQUET)
    assert [entry.name for entry in tmp_path.iterdir() if "here" in entry.name] == [path.name]


def test_an_empty_answer_is_valid_in_every_format(fake: Fake) -> None:
    build(fake)
    text = "select id, name from examples where id < 0"

    assert written(fake, text, Format.CSV) == "id,name\r\n"
    assert json.loads(written(fake, text, Format.JSON)) == []
    assert written(fake, text, Format.JSONL) == ""


def test_safe_csv_keeps_spreadsheets_from_running_text(fake: Fake) -> None:
    build(fake)
    text = "select '=1+1' as \"=head\", '@x'::enum('@x') as e, -5 as number, '''quoted' as q"

    assert written(fake, text, Format.CSV, safe_csv=True) == "'=head,e,number,q\r\n'=1+1,'@x,-5,''quoted\r\n"
    assert written(fake, text, Format.CSV) == "=head,e,number,q\r\n=1+1,@x,-5,'quoted\r\n"


def test_order_and_limit_hold_in_files(fake: Fake) -> None:
    build(fake, "select i as id from range(300000) t(i)")
    rows = written(fake, "from examples order by id desc", Format.CSV).split()

    assert rows[1:] == [str(number) for number in range(299_999, -1, -1)]
    assert written(fake, "from examples order by id desc", Format.CSV, limit=2).split() == ["id", "299999", "299998"]


def test_several_statements_run_in_order_and_share_temporary_tables(fake: Fake) -> None:
    build(fake)
    text = "create temp table few as from examples limit 2; select count(*) as n from few;"

    assert [answer.rows if answer else None for _, answer in read_answers(fake.project, Subject(), text, limit=5)] == [
        None,
        (("2",),),
    ]
    assert written(fake, text, Format.CSV) == "n\r\n2\r\n"


@pytest.mark.parametrize("text", ["select 1; select 2", "create temp table x as select 1", "set variable a = 1"])
def test_a_file_holds_one_result(fake: Fake, text: str) -> None:
    with pytest.raises(StatementError, match="csv holds one result"):
        written(build(fake), text, Format.CSV)


@pytest.mark.parametrize("text", ["", " ;; ", "-- nothing"])
def test_no_statement_is_an_error(fake: Fake, text: str) -> None:
    with pytest.raises(StatementError, match="there is no statement"):
        one(build(fake), text)


def test_an_error_points_at_the_place(fake: Fake) -> None:
    build(fake)

    with pytest.raises(StatementError) as error:
        one(fake, "select nope\nfrom examples")
    assert str(error.value).rstrip("^").endswith("\nLINE 1: select nope\n               ")
    with pytest.raises(StatementError) as error:
        one(fake, "select id,\n  nope\nfrom examples")
    assert "LINE 2:   nope\n          ^" in str(error.value)
    with pytest.raises(StatementError, match="Conversion Error: Could not convert string 'n0' to INT32"):
        one(fake, "select name::int from examples")


@pytest.mark.parametrize(
    "text",
    [
        *("create table x as select 1", "insert into examples values (9, 'x')", "update examples set id = 1"),
        *("delete from examples", "drop table examples", "alter table examples add column x int", "truncate examples"),
        "create or replace view examples as select 1",
    ],
)
def test_a_build_cannot_be_written(fake: Fake, text: str) -> None:
    build(fake)
    path = fake.project.builds_path / "20261123T000001Z" / "warehouse.duckdb"
    before = path.read_bytes()

    with pytest.raises(StatementError, match="read-only"):
        one(fake, text)

    assert path.read_bytes() == before


def test_a_name_that_nobody_knows_is_no_variable_of_ours(fake: Fake) -> None:
    with pytest.raises(StatementError, match="Table with name session does not exist"):
        one(build(fake), "from session")


def test_a_statement_is_stopped_in_time(fake: Fake) -> None:
    build(fake)
    slow = "select count(*) from range(1000000000000) t(i)"

    with pytest.raises(StatementError, match=r"stopped after 0.2 seconds \(--timeout\)"):
        list(read_answers(fake.project, Subject(), slow, limit=1, timeout=0.2))
    with pytest.raises(StatementError, match="stopped after"):
        written(fake, slow, Format.CSV, timeout=0.2)


def test_an_older_build_can_be_asked(fake: Fake) -> None:
    build(fake)
    build(fake, "select 1 as id")

    assert one(fake, "select count(*) from examples", build="20261123T000001Z") == [("5",)]
    with pytest.raises(ProjectError, match="there is no build"):
        one(fake, "select 1", build="20250101T000000Z")
    with pytest.raises(ProjectError, match="exclude each other"):
        one(fake, "select 1", build="20261123T000001Z", dev=True)


def test_an_analysts_own_build_can_be_asked(fake: Fake) -> None:
    with pytest.raises(ProjectError, match="make one with: warehouse dev"):
        one(fake, "select 1", dev=True)
    folder = fake.project.state_path / "dev"
    folder.mkdir(parents=True)
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute("create table mine as select 7 as a")

    assert one(fake, "from mine", dev=True) == [("7",)]
    with pytest.raises(StatementError, match="read-only"):
        one(fake, "drop table mine", dev=True)


def test_a_broken_build_is_said_in_one_line(fake: Fake) -> None:
    build(fake)
    path = fake.project.builds_path / "20261123T000001Z" / "warehouse.duckdb"
    path.write_bytes(b"no database")

    with pytest.raises(StorageError, match="cannot open"):
        one(fake, "select 1")


def test_a_gone_reader_is_told_apart_from_a_full_disk(fake: Fake) -> None:
    class Gone(io.RawIOBase):
        def write(self, _: object) -> int:
            raise BrokenPipeError

    build(fake)
    with pytest.raises(BrokenPipeError):
        write_answer(
            fake.project,
            Subject(),
            "select i, md5(i::varchar) from range(1000000) t(i)",
            Gone(),  # type: ignore[arg-type]
            format_=Format.CSV,
        )


@pytest.mark.parametrize("where", ["var/x.csv", "var/warehouse/current/warehouse.duckdb", "nowhere/x.csv", "."])
def test_a_file_of_the_toolkit_is_never_replaced(fake: Fake, where: str) -> None:
    build(fake)

    with pytest.raises(StatementError, match="--output"):
        write_answer(fake.project, Subject(), "select 1", fake.project.root / where, format_=Format.CSV)


def test_nothing_stays_behind(fake: Fake) -> None:
    build(fake)
    one(fake, "from examples")
    with pytest.raises(StatementError):
        one(fake, "from nothing")

    assert not list(fake.project.state_path.rglob("sql-*"))


def test_columns_of_one_name_are_told_apart() -> None:
    assert distinct_names(["a", "A", "a", "a_1", "b"]) == ["a", "A_2", "a_3", "a_1", "b"]
    assert len(set(distinct_names(["x"] * 50))) == 50
