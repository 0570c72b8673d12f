"""The other databases: MariaDB, SQLite and DuckDB files."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from duckdb_extensions import needs_extension

from warehouse import storage
from warehouse.errors import LoadError
from warehouse.loads.databases import scrubbed
from warehouse.loads.specs import Kind


def test_mariadb_is_loaded_incrementally(
    mariadb_server: str, declare: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_DB", mariadb_server)

    def execute(*statements: str) -> None:
        with storage.connect(None) as connection:
            connection.execute(f"attach '{mariadb_server}' as src (type mysql)")
            for statement in statements:
                connection.execute("call mysql_execute('src', ?)", [statement])

    execute(
        "create table orders (id bigint primary key, flag tinyint(1), word varchar(20), at timestamp(6) null)",
        "insert into orders values (1, 1, 'é', utc_timestamp(6)), (2, null, null, null)",
    )
    table = declare(kind=Kind.MYSQL, cursor="at", key=("id",), table="shop.orders")
    assert table.load().row_count == 2
    assert table.rows("id, flag, word") == [(1, 1, "é"), (2, None, None)]
    execute("insert into orders values (3, 0, 'new', now(6))")

    assert table.load().row_count == 1
    assert table.load().row_count == 0
    asked = table.using(table=None, query="select id, `at`, word from orders", key=("id",), source_name="asked")
    assert asked.load().row_count == 3
    monkeypatch.setenv("SHOP_DB", mariadb_server.replace("planted-password", "planted-wrong"))
    with pytest.raises(LoadError, match=r"check the connection string in SHOP_DB") as caught:
        table.load()
    assert "planted" not in str(caught.value)


def test_sqlite_is_loaded_incrementally(
    tmp_path: Path, declare: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_extension("sqlite_scanner")
    path = tmp_path / "shop.db"
    monkeypatch.setenv("SHOP_DB", str(path))
    table = declare(kind=Kind.SQLITE, cursor="at", key=("id",))
    with pytest.raises(LoadError, match="the file in SHOP_DB does not exist"):
        table.load()
    with sqlite3.connect(path) as shop:
        shop.execute("create table orders (id integer primary key, word text, at timestamp)")
        shop.execute("insert into orders values (1, 'one', '2026-01-01 10:00:00'), (2, 'two', null)")
    assert table.load().row_count == 2
    with sqlite3.connect(path) as shop:
        shop.execute("insert into orders values (3, 'late', '2026-01-01 09:30:00'), (4, 'new', '2026-01-02')")

    assert table.load().row_count == 2
    assert table.load().row_count == 0
    asked = table.using(table=None, query='select id, "at" from orders where id > 1', source_name="asked")
    assert asked.load().row_count == 3
    assert asked.load().row_count == 0
    shop.close()


def test_another_duckdb_file_is_loaded(
    tmp_path: Path, declare: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "other.duckdb"
    monkeypatch.setenv("SHOP_DB", str(path))
    with duckdb.connect(str(path)) as other:
        other.execute("create table orders as select i as id, date '2026-01-01' + i::integer as at from range(10) t(i)")
    table = declare(kind=Kind.DUCKDB, cursor="at", lookback=timedelta(days=1))

    assert table.load().row_count == 10
    with duckdb.connect(str(path)) as other:
        other.execute("insert into orders values (10, '2026-01-10'), (11, '2026-01-09'), (12, '2026-01-08')")
    assert table.load().row_count == 2


def test_a_database_without_a_cursor_is_read_whole_each_time(
    tmp_path: Path, declare: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "other.duckdb"
    monkeypatch.setenv("SHOP_DB", str(path))
    with duckdb.connect(str(path)) as other:
        other.execute("create table orders as select 1 as id")
    table = declare(kind=Kind.DUCKDB)
    table.load()
    with duckdb.connect(str(path)) as other:
        other.execute("update orders set id = 2")
    table.load()

    assert table.rows() == [(2,)]


@pytest.mark.parametrize(
    ("text", "password"),
    [
        ("host=h password=planted-1 user=u", "planted-1"),
        ("host=h password='planted 2' user=u", "planted 2"),
        ("mysql://u:planted%203@h/db", "planted 3"),
    ],
    ids=["plain", "quoted", "address"],
)
def test_passwords_are_taken_out_of_messages(text: str, password: str) -> None:
    said = scrubbed(f"cannot open {text}: {password} is wrong", "SHOP_DB", {"SHOP_DB": text})

    assert said == "cannot open $SHOP_DB: *** is wrong"
