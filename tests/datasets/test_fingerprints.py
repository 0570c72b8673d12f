from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from warehouse.datasets.fingerprints import canonical_sql, content_fingerprint
from warehouse.engine.local import LocalEngine
from warehouse.sql import Relation
from warehouse.storage import connect


@pytest.fixture
def engine() -> Iterator[LocalEngine]:
    with connect(None) as connection:
        yield LocalEngine(connection)


def fingerprint(engine: LocalEngine, sql: str, **types: str) -> str:
    relation = Relation(f"({sql})", "rows")
    found = types or {column.name: column.type for column in engine.columns(relation)}
    return content_fingerprint(engine, relation, found)


def plain_fingerprint(rows: list[dict[str, str | None]], *, scheme: str = "v1") -> str:
    """The definition in plain Python, from canonical texts."""
    names = sorted(rows[0])
    sums = [0, 0]
    for row in rows:
        texts = (row[name] for name in names)
        escaped = ("\\N" if text is None else text.replace("\\", "\\\\").replace("\x1f", "\\s") for text in texts)
        digest = hashlib.md5("\x1f".join(escaped).encode()).hexdigest()
        sums = [sums[0] + int(digest[:16], 16), sums[1] + int(digest[16:], 16)]
    lines = [scheme, "\x1f".join(names), str(len(rows)), *(f"{total % 2**64:016x}" for total in sums)]
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("-7::tinyint", "-7"),
        ("18446744073709551615::ubigint", "18446744073709551615"),
        ("true", "true"),
        ("1.50::decimal(9, 3)", "1.500"),
        ("0.1::double", "0.10000000000000001"),
        ("0.1::float", "0.10000000149011612"),
        ("-0.0::double", "0"),
        ("1e22::double", "1e+22"),
        ("5e-324::double", "4.9406564584124654e-324"),
        ("'nan'::double", "nan"),
        ("'-inf'::double", "-inf"),
        ("'héllo'", "héllo"),
        ("''", ""),
        ("date '2013-01-31'", "2013-01-31"),
        ("timestamp '2013-01-01 00:00:00.123456'", "1356998400123456"),
        ("timestamp '1969-12-31 23:59:59'", "-1000000"),
        ("timestamptz '2013-01-01 02:00:00+02'", "1356998400000000"),
        ("timestamp_ns '2013-01-01 00:00:00.123456789'", "1356998400123456789"),
        ("'infinity'::timestamp", "infinity"),
        ("time '10:00:00.5'", "36000500000"),
        ("'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        (r"'\x00\xFFa'::blob", "00FF61"),
        ("[1, null, 2]", "[1,null,2]"),
        ("{'a': 1, 'b': 'x'}", '{"a":1,"b":"x"}'),
        ("[-0.0::double, -0.05, 1, null, -10.0]", "[0.0,-0.05,1.0,null,-10.0]"),
        # Texts stay as they are, also with quotes and backslashes within.
        (
            r"""{'a': -0.0::float, 'b': '-0.0', 'c': ',-0.0,', 'd': '\"":-0.0}', '"e"': [[-0.0::double]]}""",
            r"""{"a":0.0,"b":"-0.0","c":",-0.0,","d":"\\\"\":-0.0}","\"e\"":[[0.0]]}""",
        ),
    ],
)
def test_every_type_has_one_text_that_other_engines_can_print(engine: LocalEngine, value: str, text: str) -> None:
    relation = Relation(f"(select {value} as v)", "value")
    (column,) = engine.columns(relation)
    sql = canonical_sql('"v"', column.type)

    found = engine.connection.execute(f"select {sql} from {relation.sql}").fetchall()

    assert found == [(text,)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0.1::double", "3FB999999999999A"),
        ("0.1::float", "3FB99999A0000000"),
        ("-0.0::double", "0"),
        ("(-3.5)::double", "C00C000000000000"),
        ("5e-324::double", "1"),
        ("'nan'::double", "nan"),
        ("'-nan'::double", "nan"),
        ("'-inf'::float", "-inf"),
        ("'inf'::double", "inf"),
        ("null::double", None),
    ],
)
def test_floats_are_their_bits_in_the_second_scheme(engine: LocalEngine, value: str, text: str | None) -> None:
    sql = canonical_sql('"v"', "DOUBLE", scheme="v2")

    assert engine.connection.execute(f"select {sql} from (select {value} as v)").fetchall() == [(text,)]


def test_the_fingerprint_is_what_plain_python_computes(engine: LocalEngine) -> None:
    rows = """
        select 1 as id, 'a' as "b b", 0.5::double as x, timestamp '2013-01-01' as t
        union all select 2, null, null, null
        union all select 3, 'back\\slash ' || chr(31) || ' \\N', -1.25, timestamp '1970-01-01 00:00:01'
    """
    plain: list[dict[str, str | None]] = [
        {"id": "1", "b b": "a", "x": "3FE0000000000000", "t": "1356998400000000"},
        {"id": "2", "b b": None, "x": None, "t": None},
        {"id": "3", "b b": "back\\slash \x1f \\N", "x": "BFF4000000000000", "t": "1000000"},
    ]

    assert fingerprint(engine, rows) == plain_fingerprint(plain, scheme="v2")


def test_the_fingerprint_lasts(engine: LocalEngine) -> None:
    rows = "select i as id, 'n' || i as name, i / 8 as x, date '2013-01-01' + i::int as d from range(1000) as r(i)"

    # NOTE: never change these: fingerprints that people keep would no longer hold.
    assert fingerprint(engine, rows) == "13f929610f6a8370ac56fcab3bea143abd7c27bb95c765673e3b73255f255fe5"
    types = {"id": "BIGINT", "name": "VARCHAR", "x": "DOUBLE", "d": "DATE"}
    old = content_fingerprint(engine, Relation(f"({rows})", "rows"), types, scheme="v1")
    assert old == "cfea7da8b5a56a59777049f07743ee2f4f980b5f023e917c1f6267abf04f52e3"
    without_floats = rows.replace("i / 8 as x", "i * 8 as x")
    assert fingerprint(engine, without_floats) == "3f165d55bdafce9313242c920f4a3e7ac369781c8742cef75b583b3934c739b7"
    assert (
        fingerprint(engine, "select 1 as a where false")
        == "f7db14a3e1d97f5ee5f905b5ff6a11dc9856a59316dbb40b4ed0503a57f0733b"
    )


@pytest.mark.parametrize(
    "other",
    [
        pytest.param("select * from (select 1 as a, 'x' as b union all select 2, null) order by a desc", id="order"),
        pytest.param("select 'x' as b, 1 as a union all select null, 2", id="order of columns"),
        pytest.param("select 1::bigint as a, 'x' as b union all select 2, null", id="wider integers"),
    ],
)
def test_order_of_rows_and_columns_does_not_matter(engine: LocalEngine, other: str) -> None:
    rows = "select 1 as a, 'x' as b union all select 2, null"

    assert fingerprint(engine, other) == fingerprint(engine, rows)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param("select 1 as a, 'x' as b union all select 2, ''", id="empty text for null"),
        pytest.param("select 1 as a, 'x' as b union all select 2, '\\N'", id="the text that stands for null"),
        pytest.param("select 1 as a, 'x' as b", id="a row less"),
        pytest.param("select 1 as a, 'x' as b union all select 2, null union all select 2, null", id="a row twice"),
        pytest.param("select 2 as a, 'x' as b union all select 1, null", id="values in other rows"),
        pytest.param("select 1 as a, 'x' as c union all select 2, null", id="another name"),
        pytest.param("select 1 as a, 'X' as b union all select 2, null", id="another letter"),
    ],
)
def test_anything_else_does(engine: LocalEngine, other: str) -> None:
    rows = "select 1 as a, 'x' as b union all select 2, null"

    assert fingerprint(engine, other) != fingerprint(engine, rows)


@pytest.mark.parametrize("column", ["select", 'a "b"', "É", "row_hash", "row_count", "a'b"])
def test_hostile_names_are_fine(engine: LocalEngine, column: str) -> None:
    quoted = '"' + column.replace('"', '""') + '"'

    assert fingerprint(engine, f"select 1 as {quoted}") == plain_fingerprint([{column: "1"}])


def test_the_files_and_their_format_do_not_matter(engine: LocalEngine, tmp_path: Path) -> None:
    rows = "select i as id, 'n' || i as name, i / 7 as x from range(5000) as r(i)"
    engine.connection.execute(f"copy ({rows} where i % 2 = 0) to '{tmp_path}/a.parquet'")
    engine.connection.execute(f"copy ({rows} where i % 2 = 1 order by hash(i)) to '{tmp_path}/b.parquet'")

    files = Relation.parquet([str(tmp_path / "b.parquet"), str(tmp_path / "a.parquet")], name="files")

    types = {column.name: column.type for column in engine.columns(files)}
    assert content_fingerprint(engine, files, types) == fingerprint(engine, rows)


VALUES = st.fixed_dictionaries(
    {
        "i": st.none() | st.integers(-(2**63), 2**63 - 1),
        "s": st.none() | st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=10),
        "x": st.none() | st.floats(allow_nan=False),
        "d": st.none() | st.dates(date(1, 1, 1), date(9999, 12, 31)),
        "b": st.none() | st.booleans(),
    }
)
TYPES = {"i": "BIGINT", "s": "VARCHAR", "x": "DOUBLE", "d": "DATE", "b": "BOOLEAN"}


def plain_text(value: Any) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return str(value).lower()
        case float():
            return str(value) if math.isinf(value) else f"{int.from_bytes(struct.pack('>d', value + 0.0)):X}"
        case _:
            return str(value)


@settings(deadline=None, max_examples=60)
@given(st.lists(VALUES, min_size=1, max_size=8), st.randoms())
def test_any_rows_in_any_order_have_the_fingerprint_of_plain_python(rows: list[dict[str, Any]], chance: Any) -> None:
    with connect(None) as connection:
        connection.execute("create table t (i bigint, s varchar, x double, d date, b boolean)")
        shuffled = list(rows)
        chance.shuffle(shuffled)
        for row in shuffled:
            connection.execute("insert into t values ($i, $s, $x, $d, $b)", row)
        found = content_fingerprint(LocalEngine(connection), Relation.table("t"), TYPES)

    plain = [{name: plain_text(value) for name, value in row.items()} for row in rows]
    assert found == plain_fingerprint(plain, scheme="v2")
