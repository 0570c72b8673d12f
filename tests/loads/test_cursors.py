"""Incremental loads from a real PostgreSQL: nothing is lost, nothing arrives twice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from warehouse.errors import LoadError
from warehouse.loads.specs import Kind

ORDERS = "create table orders (id bigint primary key, customer text, amount numeric(10, 2), updated_at timestamptz)"
OLD = "'2026-01-01 12:00:00+00'"


@pytest.fixture
def orders(shop_db: Any, declare: Callable[..., Any]) -> Any:
    shop_db.execute(ORDERS)
    shop_db.execute(
        f"insert into orders select i, 'c' || i, i, timestamptz {OLD} + i * interval '1 day' "
        "from generate_series(1, 5) i"
    )
    return declare(kind=Kind.POSTGRES, cursor="updated_at", key=("id",))


def test_the_first_load_takes_every_row_and_the_next_one_only_what_is_new(orders: Any, shop_db: Any) -> None:
    first, second = orders.load(), orders.load()
    shop_db.execute("insert into orders values (6, 'new', 6, now())")
    third = orders.load()

    assert (first.row_count, second.row_count, third.row_count) == (5, 0, 1)
    assert second.batch_count == 0
    assert orders.rows("id") == [(1,), (2,), (3,), (4,), (5,), (6,)]
    assert [batch.row_count for batch in orders.landed.batches] == [5, 1]


def test_rows_before_the_window_are_not_asked_for_again(orders: Any, shop_db: Any) -> None:
    orders.load()
    shop_db.execute("update orders set customer = 'moved without its cursor' where id = 1")

    assert orders.load().row_count == 0
    message = orders.load(dry_run=True).message
    assert message == "would read rows from updated_at = 2026-01-06 11:00:00+00 on"
    assert orders.load(since="2026-01-01").row_count == 1


def test_a_late_row_within_the_lookback_is_loaded(orders: Any, shop_db: Any) -> None:
    orders.load()
    shop_db.execute(
        f"insert into orders values (7, 'late', 7, timestamptz {OLD} + interval '5 days' - interval '50 minutes')"
    )

    assert orders.load().row_count == 1
    assert orders.load().row_count == 0


def test_rows_that_share_the_mark_are_loaded_and_not_twice(orders: Any, shop_db: Any) -> None:
    tables = orders.using(lookback=timedelta(0))
    tables.load()
    shop_db.execute("insert into orders select 8, 'tie', 1, max(updated_at) from orders")

    assert tables.load().row_count == 1
    assert tables.load().row_count == 0
    assert tables.rows("id", tail="order by id")[-1] == (8,)


def test_a_row_that_changed_within_the_instant_of_its_cursor_arrives_again(orders: Any, shop_db: Any) -> None:
    orders.load()
    shop_db.execute("update orders set amount = 99 where id = 5")

    assert orders.load().row_count == 1
    assert orders.rows("amount::integer", tail="where id = 5 order by all") == [(5,), (99,)]


def test_rows_without_a_cursor_are_loaded_once_and_named(orders: Any, shop_db: Any) -> None:
    orders.load()
    shop_db.execute("insert into orders values (9, 'no time', 9, null)")
    part = orders.load()

    assert part.row_count == 1
    assert "1 new rows have no updated_at" in part.findings[0].message
    assert orders.load().row_count == 0
    shop_db.execute("update orders set updated_at = now() where id = 9")
    assert orders.load().row_count == 1


def test_a_row_of_the_far_future_does_not_hide_those_written_until_then(orders: Any, shop_db: Any) -> None:
    shop_db.execute("insert into orders values (10, 'typo', 1, '9999-12-31'), (11, 'never', 1, 'infinity')")
    orders.load()
    shop_db.execute("insert into orders values (12, 'today', 1, now())")

    assert orders.load().row_count == 1
    assert orders.load().row_count == 0
    assert orders.landed.batches[0].high_mark == "infinity"


def test_a_transaction_that_commits_late_loses_nothing_however_long_it_took(
    orders: Any, shop_db: Any, postgres_server: str
) -> None:
    import psycopg

    orders = orders.using(lookback=timedelta(0))
    with psycopg.connect(postgres_server) as slow:
        slow.execute("insert into orders values (20, 'slow', 1, now())")
        shop_db.execute("insert into orders values (21, 'quick', 1, now())")
        orders.load()
        assert orders.rows("id", tail="where id >= 20") == [(21,)]
        slow.commit()

    assert orders.load().row_count == 1
    assert orders.rows("id", tail="where id >= 20 order by id") == [(20,), (21,)]


def test_a_prepared_transaction_holds_the_mark_too(orders: Any, shop_db: Any, postgres_server: str) -> None:
    import psycopg

    orders = orders.using(lookback=timedelta(0))
    with psycopg.connect(postgres_server, autocommit=True) as slow:
        slow.execute("begin")
        slow.execute("insert into orders values (30, 'prepared', 1, now())")
        slow.execute("prepare transaction 'held'")
    shop_db.execute("insert into orders values (31, 'quick', 1, clock_timestamp())")
    orders.load()
    shop_db.execute("commit prepared 'held'")

    # The moment of preparing is what PostgreSQL tells; the lookback covers the time before.
    assert orders.using(lookback=timedelta(minutes=1)).load().row_count == 1


@pytest.mark.parametrize(
    ("type_", "zone", "shown"),
    [("timestamp", "America/New_York", "naive"), ("date", "UTC", "date")],
    ids=["without time zone", "date"],
)
def test_cursors_without_a_zone_work(
    shop_db: Any, declare: Callable[..., Any], type_: str, zone: str, shown: str
) -> None:
    shop_db.execute(f"create table orders (id bigint, at {type_})")
    shop_db.execute("insert into orders values (1, '2026-01-01'), (2, '2126-01-01')")
    table = declare(kind=Kind.POSTGRES, cursor="at", time_zone=zone)
    table.load()
    safe = table.landed.batches[0].safe_mark
    shop_db.execute(f"insert into orders values (3, (now() at time zone '{zone}')::{type_})")

    assert safe is not None
    assert datetime.fromisoformat(safe).year < 2126
    assert table.load().row_count == 1
    assert table.load().row_count == 0


def test_a_number_as_cursor_looks_back_over_a_thousand(shop_db: Any, declare: Callable[..., Any]) -> None:
    shop_db.execute("create table orders (id bigint primary key, note text)")
    shop_db.execute("insert into orders select i from generate_series(1, 5000) i where i <> 4500 and i <> 3500")
    table = declare(kind=Kind.POSTGRES, cursor="id", key=("id",))
    table.load()
    shop_db.execute(
        "insert into orders values (4500, 'drawn early, committed late'), (3500, 'too late'), (5001, 'new')"
    )

    assert table.load().row_count == 2
    assert table.load(since="3500").row_count == 1
    assert len(table.rows()) == 5001


def test_rows_that_are_equal_in_everything_are_all_kept(shop_db: Any, declare: Callable[..., Any]) -> None:
    shop_db.execute("create table orders (at timestamptz, word text)")
    shop_db.execute("insert into orders values (now(), 'a'), (now(), 'a')")
    shop_db.execute("create table first as select * from orders")
    table = declare(kind=Kind.POSTGRES, cursor="at")
    table.load()
    shop_db.execute("insert into orders select * from first limit 1")

    assert table.load().row_count == 1
    assert len(table.rows()) == 3


def test_an_empty_table_has_its_columns(shop_db: Any, declare: Callable[..., Any]) -> None:
    shop_db.execute(ORDERS)
    table = declare(kind=Kind.POSTGRES, cursor="updated_at", key=("id",))

    assert table.load().row_count == 0
    assert table.rows("id, updated_at") == []
    shop_db.execute("insert into orders values (1, 'a', 1, now())")
    assert table.load().row_count == 1


def test_values_of_every_common_type_arrive_as_they_are(shop_db: Any, declare: Callable[..., Any]) -> None:
    shop_db.execute("""create table orders (id bigint, u uuid, j jsonb, b bytea, l text[], f float8, d date, t time,
        n numeric(38, 10), e text, "we""ird Näme" boolean)""")
    shop_db.execute("""insert into orders values (1, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a": 1}', '\\x00ff',
        array['x', null], 'NaN', '2026-02-28', '23:59:59.5', 12345678901234567890.0000000001, '', null)""")
    table = declare(kind=Kind.POSTGRES)
    table.load()

    ((*values,),) = table.rows('u::varchar, j, b, l, isnan(f), d::varchar, t::varchar, n::varchar, e, "we""ird Näme"')
    assert values == [
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        '{"a": 1}',
        b"\x00\xff",
        ["x", None],
        True,
        "2026-02-28",
        "23:59:59.5",
        "12345678901234567890.0000000001",
        "",
        None,
    ]


def test_new_columns_are_taken_and_named_or_refused(orders: Any, shop_db: Any) -> None:
    orders.load()
    shop_db.execute("alter table orders add column note text")
    shop_db.execute("insert into orders values (40, 'x', 1, now(), 'hello')")

    with pytest.raises(LoadError, match="new columns: note"):
        orders.using(new_columns="error").load()
    part = orders.load()
    assert part.row_count == 1
    assert part.findings[0].message == "columns note are new"
    assert orders.rows("note", tail="where id in (1, 40) order by id") == [(None,), ("hello",)]
    shop_db.execute("alter table orders drop column customer")
    shop_db.execute("insert into orders values (41, 1, now(), 'x')")
    assert "no longer at the source" in orders.load().findings[0].message


def test_a_retyped_column_stops_the_load_and_a_full_refresh_takes_it(orders: Any, shop_db: Any) -> None:
    orders.load()
    shop_db.execute("alter table orders alter column amount type double precision")
    shop_db.execute("insert into orders values (50, 'x', 1, now())")

    with pytest.raises(LoadError, match=r"'amount' was DECIMAL\(10,2\) and is now DOUBLE[\s\S]*--full-refresh"):
        orders.load()
    assert len(orders.rows()) == 5
    assert orders.load(full_refresh=True).row_count == 6


def test_a_full_refresh_replaces_everything_at_once(orders: Any, shop_db: Any) -> None:
    orders.load()
    before = orders.folder.link.readlink()
    shop_db.execute("delete from orders where id < 3")

    assert orders.load().row_count == 0
    assert orders.load(full_refresh=True).row_count == 3
    assert orders.rows("id") == [(3,), (4,), (5,)]
    assert orders.folder.link.readlink() != before
    assert [path.name for path in orders.folder.generations.glob("0*")] == ["000002"]


def test_a_query_is_run_on_the_server_with_its_filter(orders: Any, shop_db: Any) -> None:
    query = "select id, updated_at, upper(customer) as name from orders -- all of them"
    table = orders.using(table=None, query=query)
    table.load()
    shop_db.execute("insert into orders values (60, 'x', 1, now())")

    assert table.load().row_count == 1
    assert table.rows("name", tail="where id = 60") == [("X",)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"table": "order"}, r"order[\s\S]*does not exist[\s\S]*correct table"),
        ({"cursor": "updated"}, r"cursor 'updated' is not a column of the source; did you mean 'updated_at'\?"),
        ({"key": ("ident",)}, "key 'ident' is not a column"),
        ({"cursor": "customer"}, "cursor 'customer' is of type VARCHAR; a cursor is a timestamp, a date or a whole"),
        ({"lookback": 5}, "lookback is a number, but cursor 'updated_at' is of type TIMESTAMP"),
        ({"key": ("amount",)}, "key amount is not unique: 2 rows share theirs with others"),
        ({"table": None, "query": "select 1; drop table orders"}, "syntax error|multiple|COPY"),
    ],
    ids=["table gone", "cursor gone", "key gone", "text as cursor", "lookback", "key not unique", "two statements"],
)
def test_what_cannot_be_loaded_is_one_error_and_changes_nothing(
    orders: Any, shop_db: Any, changes: dict[str, Any], message: str
) -> None:
    shop_db.execute("insert into orders values (70, 'x', 1, now())")
    with pytest.raises(LoadError, match=message):
        orders.using(**changes).load()

    assert orders.landed.generation == 0
    assert not orders.folder.link.exists()
    assert shop_db.execute("select count(*) from orders").fetchone() == (6,)


def test_no_error_shows_the_password(
    orders: Any, postgres_server: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for text in (
        postgres_server.replace("dbname=postgres", "dbname=nowhere"),
        "postgresql://shop:planted-p%40ss'word@127.0.0.1:1/postgres",
        "host=127.0.0.1 port=1 user=shop password = planted-p@ssword",
        "host=127.0.0.1 planted-p@ssword",
    ):
        monkeypatch.setenv("SHOP_DB", text)
        with pytest.raises(LoadError) as caught:
            orders.load()
        shown = str(caught.value) + repr(caught.value.__context__ if caught.value.__cause__ else "")
        assert "planted" not in shown, text
        assert "SHOP_DB" in shown
    assert "planted" not in "".join(capfd.readouterr())


def test_nothing_can_be_written_to_the_database(orders: Any, shop_db: Any) -> None:
    query = "with gone as (delete from orders returning *) select * from gone"
    with pytest.raises(LoadError):
        orders.using(table=None, query=query).load()

    assert shop_db.execute("select count(*) from orders").fetchone() == (5,)


@pytest.mark.parametrize("seed", range(int(os.environ.get("WAREHOUSE_TEST_KILLS", "4"))))
def test_a_kill_at_any_moment_loses_nothing_and_doubles_nothing(orders: Any, shop_db: Any, seed: int) -> None:
    import random
    import time

    shop_db.execute("insert into orders select i, 'c', 1, now() from generate_series(100, 20000) i")
    if seed % 2:
        orders.load()
        shop_db.execute("insert into orders select i, 'c', 1, clock_timestamp() from generate_series(20001, 40000) i")
    command = [sys.executable, Path(__file__).parent / "one_load.py", str(orders.project.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        # The load takes a quarter of a second.
        time.sleep(random.Random(seed).random() * 0.3)
        process.kill()
    orders.load()

    ((rows, ids),) = orders.rows("count(*), count(distinct id)", tail="")
    assert rows == ids == shop_db.execute("select count(*) from orders").fetchone()[0]
    assert not list(orders.landed.path.glob("*.part"))
