from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_builds import Fake

from warehouse import storage
from warehouse.datasets.formats import escaped_sql, finite_sql
from warehouse.datasets.verification import verify_version
from warehouse.datasets.versions import Version, find_version
from warehouse.engine.local import LocalEngine
from warehouse.errors import ExportError, MissingExtraError, StorageError
from warehouse.exports.export import Export, Outcome
from warehouse.sql import Query, Relation, Step
from warehouse.statistics.type_names import parse_type

FORMATS = ("parquet", "csv", "jsonl", "arrow")
DECLARED = {"key": "id", "split": {"method": "hash", "shares": {"train": 0.8, "dev": 0.1, "test": 0.1}}}
TEXTS = ["''", "'NULL'", "'a,\"b\"' || chr(10) || 'c'", "chr(13) || chr(10)", "'日本語 é 🦆'", "' x '", "'a' || chr(0)"]
VALUES = {
    "text": ("varchar", TEXTS),
    "whole": ("bigint", ["-9223372036854775808", "9223372036854775807"]),
    "unsigned": ("ubigint", ["18446744073709551615"]),
    "small": ("tinyint", ["-128"]),
    "exact": ("decimal(18,3)", ["123456789012345.678", "-0.001"]),
    "long": ("decimal(38,0)", ["99999999999999999999999999999999999999"]),
    "short": ("decimal(9,2)", ["-1234567.89"]),
    "real": ("float", ["0.1", "-3.4e38"]),
    "number": ("double", ["0.1", "1e22", "5e-324", "1.7976931348623157e308"]),
    "truth": ("boolean", ["true", "false"]),
    "day": ("date", ["'2013-01-31'", "'0044-03-15 (BC)'", "'infinity'"]),
    "clock": ("time", ["'23:59:59.999999'"]),
    "moment": ("timestamp", ["'2013-01-31 10:00:00.000001'", "'-infinity'"]),
    "fine": ("timestamp_ns", ["'2013-01-31 10:00:00.123456789'"]),
    "zoned": ("timestamptz", ["'2013-01-31 10:00:00.5+02'"]),
    "id128": ("uuid", ["'00000000-0000-0000-0000-00000000abcd'"]),
    "bytes": ("blob", ["'\\x00\\xFF='", "''"]),
    "words": ("varchar[]", ["['a', null, '', 'b\",']", "[]"]),
    "vector": ("float[2]", ["[0.1, 2]"]),
    "deep": ("integer[][]", ["[[1], null, []]"]),
    "record": ('struct(a double, "b c" varchar)', ["{'a': 1.5, 'b c': chr(10)}", "{'a': null, 'b c': null}"]),
    "records": ("struct(t timestamp, n decimal(9,2))[]", ["[{'t': '2013-01-31', 'n': 0.10}]"]),
    "pairs": ("map(varchar, float)", ["map {'k': 0.1}", "map {}"]),
    "document": ("json", ["'{\"a\": [1.0,  123456789012345.678]}'", "'null'"]),
}
"""Type and tricky values by column name; every column has a NULL too."""


def rows_sql(names: list[str], *, count: int = 60) -> str:
    terms = []
    for name in names:
        type_, values = VALUES[name]
        # Behind the last of a list there is NULL.
        listed = ", ".join(f"({value})::{type_}" for value in values)
        terms.append(f'([{listed}])[i % {len(values) + 1} + 1] as "{name}"')
    return f"select i as id, {', '.join(terms)} from range({count}) as r(i)"


def read_rows(fake: Fake, version: Version, sql: str) -> list[dict[str, Any]]:
    """Rows of all splits of a version together, as `version`, and the table of its build, as `source`."""
    database = fake.project.builds_path / version.manifest.provenance.build_id / "warehouse.duckdb"
    connection = storage.connect(database)
    union = " union all ".join(f"select * from {relation.sql}" for relation in version.relations.values())
    try:
        query = Query.of(Step("version", union), Step("source", "select * from examples"), Step("result", sql))
        return LocalEngine(connection).rows(query)
    finally:
        connection.close()


def differing(fake: Fake, version: Version, names: list[str]) -> list[str]:
    """Columns in which a row of the version is not what the table has, by value and by type."""
    # JSON is text in every file.
    sources = {name: f'source."{name}"{"::varchar" if VALUES.get(name, ("",))[0] == "json" else ""}' for name in names}
    terms = ", ".join(
        f'count(*) filter (version."{name}" is distinct from {source}'
        f' or typeof(version."{name}") <> typeof({source})) as "{name}"'
        for name, source in sources.items()
    )
    (row,) = read_rows(fake, version, f"select count(*) as n, {terms} from version join source using (id)")
    assert row.pop("n") == version.manifest.row_count
    return [name for name, count in row.items() if count]


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("order", ["table", "key"])
def test_every_type_is_read_back_as_it_was(fake: Fake, export: Callable[..., Export], format_: str, order: str) -> None:
    names = list(VALUES)
    fake.build({**DECLARED, "format": format_, "order": order}, rows=rows_sql(names))

    export()

    version = find_version(fake.project, "late")
    assert {path.suffix for split in version.splits for path in version.files(split)} == {f".{format_}"}
    assert differing(fake, version, names) == []
    assert verify_version(version).findings == ()


@pytest.mark.parametrize("format_", FORMATS)
def test_the_next_export_compares_exactly_with_every_format(
    fake: Fake, export: Callable[..., Export], format_: str
) -> None:
    rows = rows_sql(list(VALUES))
    fake.build({**DECLARED, "format": format_}, rows=rows)
    export()
    fake.build({**DECLARED, "format": format_}, rows=rows)
    unchanged = export()
    fake.build({**DECLARED, "format": format_}, rows=rows_sql(list(VALUES), count=61))
    grown = export()

    assert unchanged.outcome is Outcome.UNCHANGED
    assert grown.reference == "late@1.1.0"
    assert grown.manifest.change is not None
    assert (grown.manifest.change.rows_added, grown.manifest.change.rows_changed) == (1, 0)


@pytest.mark.parametrize("format_", FORMATS)
def test_not_a_number_and_infinity_are_kept_or_null_as_the_format_can(
    fake: Fake, export: Callable[..., Export], format_: str
) -> None:
    odd = "(['nan', 'inf', '-inf', '1.5'])[i % 4 + 1]::double"
    rows = f"""
        select i as id, {odd} as x, {odd}::float as f, [{odd}, 2] as xs, {{'a': {odd}, 'b': [i]}} as s,
            map {{'k': {odd}::float}} as m, [[{odd}]] as deep, {{'in': {{'x': {odd}}}}} as nest
        from range(60) as r(i)
    """
    fake.build({**DECLARED, "format": format_}, rows=rows)
    export()
    fake.build({**DECLARED, "format": format_}, rows=rows)

    assert export().outcome is Outcome.UNCHANGED
    version = find_version(fake.project, "late")
    changed = {"csv": ["xs", "s", "m", "deep", "nest"], "jsonl": ["x", "f", "xs", "s", "m", "deep", "nest"]}
    assert differing(fake, version, ["x", "f", "xs", "s", "m", "deep", "nest"]) == changed.get(format_, [])
    if format_ == "jsonl":
        found = read_rows(fake, version, "select id % 4 as n, x, f, xs, s, m, deep, nest from version where id < 4")
        for row in found:
            kept = 1.5 if row["n"] == 3 else None
            assert (row["x"], row["f"], row["xs"], row["m"]) == (kept, kept, [kept, 2.0], {"k": kept})
            assert (row["s"]["a"], row["deep"], row["nest"]) == (kept, [[kept]], {"in": {"x": kept}})


@pytest.mark.parametrize(
    ("expression", "type_"),
    [
        ("['\\xAA'::blob]", "BLOB[]"),
        ("{'a': 1::decimal(18,3)}", "STRUCT(a DECIMAL(18,3))"),
        ("map {1.5::double: 'x'}", "MAP(DOUBLE, VARCHAR)"),
        ("['{}'::json]", "JSON[]"),
    ],
)
@pytest.mark.parametrize("format_", ["csv", "jsonl"])
def test_what_text_cannot_hold_exactly_is_refused_with_column_and_type(
    fake: Fake, export: Callable[..., Export], format_: str, expression: str, type_: str
) -> None:
    fake.build({**DECLARED, "format": format_}, rows=f"select i as id, {expression} as odd from range(60) as r(i)")

    with pytest.raises(ExportError, match=f"cannot be written as {format_}") as caught:
        export()

    assert f"column 'odd' of type {type_} has no exact form as text" in str(caught.value)
    assert not list(fake.project.datasets_path.glob("late/[0-9]*"))


@pytest.mark.slow
@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("order", ["table", "shuffled"])
def test_bytes_are_the_same_for_any_number_of_threads(
    fake: Fake, export: Callable[..., Export], format_: str, order: str
) -> None:
    rows = """
        select i as id, case when i % 3 > 0 then md5(i::varchar) end as a, case when i % 5 > 0 then i * 0.1 end as b,
            case when i % 7 > 0 then i % 2 = 0 end as c, case when i % 7 > 0 then i::decimal(9, 2) end as d,
            case when i % 4 > 0 then [i, null, i + 1] end as e,
            case when i % 3 > 0 then {'x': i, 'y': i::varchar} end as f,
            case when i % 9 > 0 then i end as g,
            ([[i, i]::bigint[2]])[i % 2 + 1] as h,
        from range(200000) as r(i)
    """
    fake.build({**DECLARED, "format": format_, "order": order}, rows=rows)
    prints = set()
    for threads in (2, 5):
        settings = replace(fake.project.settings, threads=threads)
        prints.add(export_into(replace(fake.project, settings=settings), f"{format_}{threads}"))

    assert len(prints) == 1


def export_into(project: Any, state: str) -> str:
    """The fingerprint of a first version, written into a folder of datasets of its own."""
    from common import NOW

    from warehouse.exports.export import export_dataset

    folder = project.datasets_path
    result = export_dataset(project, "late", now=NOW)
    folder.rename(folder.with_name(f"datasets {state}"))
    return result.manifest.fingerprint


def test_csv_is_what_rfc_4180_says(fake: Fake, export: Callable[..., Export]) -> None:
    fake.build({**DECLARED, "format": "csv"}, rows=rows_sql(["text", "words"]))
    export()

    found = {}
    for path in find_version(fake.project, "late").path.glob("data/*/*.csv"):
        content = path.read_bytes()
        assert content.endswith(b"\r\n")
        assert b"\n" not in content.replace(b"\r\n", b"").replace(b'"a,""b""\nc"', b"")
        header, *rows = csv.reader(content.decode().splitlines(keepends=True))
        assert header == ["id", "text", "words"]
        found.update({int(row[0]): row for row in rows})
    assert found[2] == ["2", 'a,"b"\nc', ""]
    assert found[3] == ["3", "\r\n", '["a",null,"","b\\","]']
    assert sorted(found) == list(range(60))


def test_csv_tells_null_from_the_empty_text(fake: Fake, export: Callable[..., Export]) -> None:
    fake.build(
        {**DECLARED, "format": "csv"}, rows="select i as id, if(i % 2 = 0, '', null) as t from range(60) as r(i)"
    )
    export()

    lines = {
        line for path in find_version(fake.project, "late").files("train") for line in path.read_text().split("\n")
    }
    assert '0,""' in lines
    assert "1," in lines


def test_json_lines_are_strict_json(fake: Fake, export: Callable[..., Export]) -> None:
    fake.build(
        {**DECLARED, "format": "jsonl"},
        rows=rows_sql(list(VALUES)).replace("i as id,", "i as id, 'nan'::double as bad,"),
    )
    export()

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    count = 0
    for path in find_version(fake.project, "late").path.glob("data/*/*.jsonl"):
        for line in path.read_text(encoding="utf-8").removesuffix("\n").split("\n"):
            row = json.loads(line, parse_constant=refuse)
            assert list(row) == ["id", "bad", *VALUES]
            count += 1
    assert count == 60


STARTS = ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠", "'"]


@pytest.mark.parametrize("start", STARTS, ids=lambda start: f"U+{ord(start):04X}")
def test_text_that_a_spreadsheet_would_run_starts_with_an_apostrophe(start: str) -> None:
    engine = LocalEngine(storage.connect(None))
    (row,) = engine.rows(Query.of(Step("escaped", f"select {escaped_sql(f'(chr({ord(start)}) || $x)')} as v"), x="1+1"))
    (calm,) = engine.rows(Query.of(Step("escaped", f"select {escaped_sql('$x')} as v"), x=f"1{start}"))

    assert row["v"] == f"'{start}1+1"
    assert calm["v"] == f"1{start}"


def test_escaping_formulas_leaves_numbers_and_nulls_alone(fake: Fake, export: Callable[..., Export]) -> None:
    rows = """
        select (['=a', '-a', '''=a', 'a', '+a'])[i % 5 + 1] || i as id, -i::double as x, -i as n,
            ['=1'] as l, case when i % 2 = 0 then '=cmd|''/c calc''!A1' end as t,
        from range(1, 61) as r(i)
    """
    declared = {**DECLARED, "format": {"type": "csv", "escape_formulas": True}}
    fake.build(declared, rows=rows)
    export()
    fake.build(declared, rows=rows)

    assert export().outcome is Outcome.UNCHANGED
    version = find_version(fake.project, "late")
    found = read_rows(fake, version, "select * from version where n in (-1, -2)")
    assert sorted(found, key=lambda row: -row["n"]) == [
        {"id": "'-a1", "x": -1.0, "n": -1, "l": ["=1"], "t": None},
        {"id": "''=a2", "x": -2.0, "n": -2, "l": ["=1"], "t": "'=cmd|'/c calc'!A1"},
    ]
    assert ",-2.0,-2," in version.files("train")[0].read_text() + version.files("dev")[0].read_text() + (
        version.files("test")[0].read_text()
    )


def test_a_column_named_like_a_formula_is_refused(fake: Fake, export: Callable[..., Export]) -> None:
    declared = {**DECLARED, "format": {"type": "csv", "escape_formulas": True}}
    fake.build(declared, rows='select i as id, i as "=1+1" from range(60) as r(i)')

    with pytest.raises(ExportError, match=r"column '=1\+1': a spreadsheet would take its name for a formula"):
        export()


@pytest.mark.parametrize("format_", FORMATS)
def test_odd_names_of_columns_are_fine_in_every_format(fake: Fake, export: Callable[..., Export], format_: str) -> None:
    names = ['a "b"', "it's", "É", "order", "a,b", "item_0", 'arrow files ["x"]', "a\nb", "{", "x=1"]
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    columns = ", ".join(f"[i::double] as {name}" for name in quoted)
    rows = f"""select i as id, {columns}, {{'a, "b"': i::double, 'order': 'x'}} as s from range(60) as r(i)"""
    fake.build({**DECLARED, "format": format_}, rows=rows)
    export()
    fake.build({**DECLARED, "format": format_}, rows=rows)

    assert export().outcome is Outcome.UNCHANGED
    version = find_version(fake.project, "late")
    (row,) = read_rows(fake, version, "select * from version where id = 7")
    assert row == {"id": 7, **{key: [7.0] for key in names}, "s": {'a, "b"': 7.0, "order": "x"}}


def test_arrow_without_pyarrow_names_the_extra_and_writes_nothing(
    fake: Fake, export: Callable[..., Export], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.build({**DECLARED, "format": "arrow"}, rows="select i as id from range(60) as r(i)")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.ipc", None)

    with pytest.raises(MissingExtraError, match=r"pip install 'ml-warehouse\[arrow\]'"):
        export()

    assert list(fake.project.datasets_path.glob("late/[.0-9]*[0-9a-f]")) == []


def test_an_arrow_file_is_many_batches_of_the_file_format(fake: Fake, export: Callable[..., Export]) -> None:
    import pyarrow.ipc

    fake.build({**DECLARED, "format": "arrow"}, rows="select i as id from range(200000) as r(i)")
    export()

    (path,) = find_version(fake.project, "late").files("train")
    reader = pyarrow.ipc.open_file(str(path))
    rows = [reader.get_batch(i).num_rows for i in range(reader.num_record_batches)]
    assert rows[:-1] == [65536] * (len(rows) - 1)
    assert reader.read_all()["id"].to_pylist() == sorted(reader.read_all()["id"].to_pylist())


def test_a_broken_arrow_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.arrow"
    path.write_text("nothing")
    relation = Relation.arrow([str(path)], name="broken")

    with pytest.raises(StorageError, match=r"cannot read the Arrow files .*broken\.arrow"):
        LocalEngine(storage.connect(None)).rows(Query.of(Step("rows", f"select * from {relation.sql}")))


@pytest.mark.parametrize(
    ("text", "scalars"),
    [
        ("DECIMAL(18,3)[]", ["DECIMAL"]),
        (
            'STRUCT("a, b)" MAP(VARCHAR, FLOAT[3]), c TIMESTAMP WITH TIME ZONE)[]',
            ["VARCHAR", "FLOAT", "TIMESTAMP WITH TIME ZONE"],
        ),
        ('STRUCT("say ""x""" INTEGER)', ["INTEGER"]),
    ],
)
def test_a_nested_type_is_taken_apart(text: str, scalars: list[str]) -> None:
    assert list(parse_type(text).scalars()) == scalars


def test_values_without_floats_are_not_touched() -> None:
    assert finite_sql("x", parse_type("STRUCT(a INTEGER)[]")) == "x"
