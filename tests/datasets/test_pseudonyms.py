from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars
import pytest
from fake_builds import Fake, column_doc

from warehouse.datasets.loading import load_dataset
from warehouse.datasets.pseudonyms import (
    KEY_VARIABLE,
    PseudonymKey,
    load_key,
    pseudonym_column,
    pseudonym_sql,
    read_key,
)
from warehouse.datasets.versions import find_version
from warehouse.engine.local import LocalEngine
from warehouse.errors import ExportError, QueryError
from warehouse.exports.export import Export, Outcome
from warehouse.sql import Query, Step
from warehouse.storage import connect

KEY = "correct horse battery staple"
OTHER_KEY = "another horse battery staple"
DECLARED = {
    "key": "id",
    "label": "y",
    "columns": {"pseudonymise": ["mail"]},
    "split": {"method": "hash", "shares": {"train": 0.8, "test": 0.2}},
}
ROWS = "select i as id, i % 2 = 0 as y, 'p' || nullif(i % 90, 7) || '@x.org' as mail from range(1000) as r(i)"
PII = {"columns": {"mail": column_doc("mail", meta={"pii": True})}}


@pytest.fixture
def engine() -> Iterator[LocalEngine]:
    with connect(None) as connection:
        yield LocalEngine(connection)


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)


def plain(text: str, key: str = KEY) -> str:
    return hmac.new(key.encode(), text.encode(), "sha256").hexdigest()


@pytest.mark.parametrize("length", [16, 63, 64, 65, 200])
@pytest.mark.parametrize("text", ["", "a", "名前 é", "x" * 1000])
def test_a_pseudonym_is_what_python_calls_hmac(engine: LocalEngine, length: int, text: str) -> None:
    secret = bytes(range(1, length + 1))
    load_key(engine, PseudonymKey(secret))
    query = Query.of(Step("pseudonyms", f"select {pseudonym_sql('v')} as p from (select $text as v)"), text=text)

    assert engine.rows(query) == [{"p": hmac.new(secret, text.encode(), "sha256").hexdigest()}]


def test_null_stays_null_and_every_type_has_its_text(engine: LocalEngine) -> None:
    key = read_key()
    load_key(engine, key)
    values = {"a": ("42::bigint", "42"), "b": ("date '2013-01-31'", "2013-01-31"), "c": ("null::varchar", None)}
    for name, (value, text) in values.items():
        column = pseudonym_column(name, value.partition("::")[2] or "DATE", key)
        (row,) = engine.rows(Query.of(Step("one", f"select {column.sql} from (select {value} as {name})")))
        assert row[name] == (None if text is None else plain(text))


def test_an_export_has_pseudonyms_in_place_of_the_values(fake: Fake, export: Callable[..., Export]) -> None:
    fake.build(DECLARED, rows=ROWS, model=PII)

    manifest = export().manifest

    rows = polars.concat(load_dataset("late", project=fake.project)[split].collect() for split in ("train", "test"))
    for i, mail in rows.select("id", "mail").iter_rows():
        assert mail == (None if i % 90 == 7 else plain(f"p{i % 90}@x.org"))
    (column,) = (column for column in manifest.columns if column.name == "mail")
    assert column.type == "VARCHAR"
    assert column.pseudonym is not None
    assert (column.pseudonym.original_type, len(column.pseudonym.key_fingerprint)) == ("VARCHAR", 8)
    assert export().outcome is Outcome.UNCHANGED


def test_splits_are_those_of_the_values(fake: Fake, export: Callable[..., Export]) -> None:
    grouped = {**DECLARED, "groups": ["mail"]}
    fake.build({**grouped, "columns": {}}, rows=ROWS, name="open")
    export("open")
    fake.build(grouped, rows=ROWS)
    export()

    for split in ("train", "test"):
        frames = [load_dataset(name, project=fake.project)[split].collect() for name in ("open", "late")]
        assert sorted(frames[0]["id"]) == sorted(frames[1]["id"])


def test_an_error_shows_no_value_that_files_would_hide(fake: Fake, export: Callable[..., Export]) -> None:
    fake.build(
        {**DECLARED, "key": "mail"}, rows="select i % 2 = 0 as y, 'p' || i // 2 as mail from range(1000) as r(i)"
    )

    with pytest.raises(ExportError, match="mail is not unique: 500 keys") as caught:
        export()

    assert "(hidden)" in str(caught.value)
    assert "p7" not in str(caught.value)


@pytest.mark.parametrize("order", ["table", "shuffled", "key"])
def test_the_key_itself_may_be_a_pseudonym(fake: Fake, export: Callable[..., Export], order: str) -> None:
    declared = {**DECLARED, "key": "mail", "order": order}
    rows = "select i % 2 = 0 as y, 'p' || i as mail from range(1000) as r(i)"
    fake.build(declared, rows=rows)
    first = export()
    fake.build(declared, rows=rows.replace("1000", "1010"))
    second = export()

    assert second.manifest.version == "1.1.0"
    assert second.manifest.change is not None
    assert (second.manifest.change.rows_added, second.manifest.change.rows_changed) == (10, 0)
    assert first.path is not None


def test_another_key_makes_a_major_version(
    fake: Fake, export: Callable[..., Export], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.build(DECLARED, rows=ROWS)
    export()
    monkeypatch.setenv(KEY_VARIABLE, OTHER_KEY)

    result = export()

    assert result.manifest.version == "2.0.0"
    assert result.manifest.change is not None
    (retyped,) = result.manifest.change.columns_retyped
    assert retyped.startswith("mail: pseudonyms by another key, ")
    assert "pseudonym_key" in [finding.check for finding in result.findings]


def test_the_key_is_nowhere_to_be_read(fake: Fake, export: Callable[..., Export], engine: LocalEngine) -> None:
    fake.build(DECLARED, rows=ROWS)
    result = export()
    inner, outer = PseudonymKey(KEY.encode()).pads
    secrets = [KEY.encode(), KEY.encode().hex().encode(), inner, outer, inner.hex().encode(), b"p1@x.org"]

    written = [path.read_bytes() for path in fake.project.datasets_path.rglob("*") if path.is_file()]
    load_key(engine, read_key())
    hashed = pseudonym_sql("'a'")
    plan = engine.connection.execute(f"explain analyze select {hashed}").fetchall()
    with pytest.raises(QueryError) as raised:
        engine.rows(Query.of(Step("wrong", f"select {hashed} + 1")))

    assert result.path is not None
    texts = [*written, repr(read_key()).encode(), str(plan).encode(), str(raised.value).encode()]
    texts.append(raised.value.statement.encode())
    assert [secret for secret in secrets for text in texts if secret in text] == []
    # How DuckDB prints the pads: what a constant in a plan would look like.
    printed = str(engine.connection.execute("select inner_pad::varchar from pseudonym_pads").fetchall()[0][0])
    assert printed not in str(plan) + raised.value.statement + str(raised.value)


@pytest.mark.parametrize(
    ("value", "message"),
    [(None, f"{KEY_VARIABLE} is not set"), ("", f"{KEY_VARIABLE} is not set"), ("short secret", "has 12 bytes")],
    ids=["none", "empty", "short"],
)
def test_without_a_real_key_nothing_is_written(
    fake: Fake, export: Callable[..., Export], monkeypatch: pytest.MonkeyPatch, value: str | None, message: str
) -> None:
    fake.build(DECLARED, rows=ROWS)
    monkeypatch.delenv(KEY_VARIABLE)
    if value is not None:
        monkeypatch.setenv(KEY_VARIABLE, value)

    with pytest.raises(ExportError, match=message) as raised:
        export()

    assert not value or value not in str(raised.value)
    assert not list(fake.project.datasets_path.glob("late/1*"))


def test_numbers_become_text_and_an_enum_s_values_stay_hidden(fake: Fake, export: Callable[..., Export]) -> None:
    rows = """
        select i as id, true as y, (i % 3)::hugeint as h,
            (['ann', 'bob', 'cid'][1 + i % 3])::enum('ann', 'bob', 'cid') as mail
        from range(1000) as r(i)
    """
    fake.build({**DECLARED, "columns": {"pseudonymise": ["mail", "h"]}}, rows=rows)
    path = export().path
    assert path is not None

    assert "ann" not in (path / "manifest.json").read_text(encoding="utf-8")
    mails = load_dataset("late", project=fake.project)["test"].collect()["mail"]
    assert set(mails) == {plain(name) for name in ("ann", "bob", "cid")}
    hashes = load_dataset("late", project=fake.project)["test"].collect()["h"]
    assert set(hashes) == {plain(number) for number in "012"}


def test_the_same_key_gives_the_same_bytes(fake: Fake, export: Callable[..., Export], tmp_path: Path) -> None:
    from datetime import UTC, datetime

    from warehouse.exports.export import export_dataset

    other = Fake(tmp_path / "other")
    rows = ROWS.replace("1000", "300000")
    for project in (fake, other):
        project.build(DECLARED, rows=rows)
    first = export()
    second: Any = export_dataset(other.project, "late", now=datetime(2027, 1, 1, tzinfo=UTC))

    assert first.manifest.fingerprint == second.manifest.fingerprint
    ids = load_dataset("late", project=fake.project)["train"].collect()["id"].to_list()
    assert ids == sorted(ids), "the rows lost the table's order"
    assert find_version(fake.project, "late").manifest == first.manifest
