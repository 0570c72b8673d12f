"""Text is taken apart as DuckDB reads it, and safe mode lets through what only selects."""

from __future__ import annotations

import duckdb
import pytest

from warehouse.errors import StatementError
from warehouse.questions.statements import check_safe, is_complete, split_statements
from warehouse.storage import connect


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    return connect(None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select ';' as \"a;b\"; select 2 -- ; no", ["select ';' as \"a;b\"", "select 2 -- ; no"]),
        ("select '名;前'; ; values ($$ ; $$);", ["select '名;前'", "values ($$ ; $$)"]),
        ("  ;; /* ; */ -- nothing\n", []),
        ("pivot (select 1 as a) on a using count(*)", ["pivot (select 1 as a) on a using count(*)"]),
    ],
)
def test_statements_end_at_semicolons_outside_of_quotes_and_comments(
    connection: duckdb.DuckDBPyConnection, text: str, expected: list[str]
) -> None:
    assert [statement.text for statement in split_statements(connection, text)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select 1;", True),
        ("select 1; -- done", True),
        ("select 1", False),
        ("select ';", False),
        ("select 1; select 2", False),
        ("select 1 -- ;", False),
        ("select 1 /* ;", False),
        ("", False),
    ],
)
def test_a_statement_is_complete_when_its_semicolon_has_come(text: str, expected: bool) -> None:
    assert is_complete(text) is expected


def test_what_cannot_be_parsed_is_said_in_the_words_of_duckdb(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(StatementError, match=r'syntax error at or near "selec"\nLINE 1: selec 1'):
        split_statements(connection, "selec 1")


@pytest.mark.parametrize(
    "text",
    [
        "select 1",
        "with recursive a as (select 1 as x union all select x + 1 from a where x < 3) from a",
        "from range(3)",
        "values (1), (2)",
        "describe select 1",
        "show tables",
        "pivot (select 1 as a) on a in (1) using count(*)",
        "select * from (values ([1, 2])) t(l), unnest(l)",
        'select \'read_csv\', "from" from (select 1 as "from")',
    ],
)
def test_safe_mode_takes_what_selects(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    (statement,) = split_statements(connection, text)

    check_safe(connection, statement)


@pytest.mark.parametrize(
    "text",
    [
        *("create temp table x as select 1", "create view v as select 1", "create macro m() as 1"),
        *("insert into t values (1)", "update t set a = 1", "delete from t", "drop table t", "alter table t add b int"),
        *("copy (select 1) to '/tmp/x.csv'", "copy t from '/etc/passwd'", "export database '/tmp/x'"),
        *("import database '/tmp/x'", "attach '/tmp/x.db'", "detach warehouse", "use memory"),
        *("install httpfs", "load httpfs", "force install httpfs from 'http://example.com'"),
        *("set memory_limit = '1TB'", "reset memory_limit", "pragma memory_limit = '1TB'", "set variable a = 1"),
        *("pragma enable_profiling", "checkpoint", "force checkpoint", "vacuum", "analyze", "begin", "rollback"),
        *(
            "prepare p as select 1",
            "execute p",
            "call pragma_version()",
            "explain select 1",
            "explain analyze select 1",
        ),
        *(
            "create secret (type s3, key_id 'a', secret 'b')",
            "from duckdb_secrets()",
            "from which_secret('s3://a', 's3')",
        ),
        *("from read_csv('/etc/passwd')", "select (select content from read_text('/etc/passwd'))", "from glob('/*')"),
        *("with a as (from read_blob('/etc/passwd')) from a", "select 1 where exists (from READ_JSON('x'))"),
        *("from parquet_scan('x')", "from sniff_csv('/etc/passwd')", "from read_duckdb('x')", "from query('select 1')"),
        *("from query_table('t')", "from json_execute_serialized_sql('{}')", "from arrow_scan(1, 2, 3)"),
        *("from enable_logging(storage = 'file', storage_path = '/tmp/logs')", "from main.read_text('/etc/passwd')"),
        *(
            "from duckdb_settings()",
            "from duckdb_logs()",
            "from copy_database('a', 'b')",
            "from pragma_storage_info('t')",
        ),
        *("select current_setting('s3_secret_access_key')", "select getenv('HOME')", "select write_log('x')"),
        *("select sleep_ms(1000)", "select system.main.current_setting('x')", "pivot t on a using count(*)"),
    ],
)
def test_safe_mode_refuses_what_does_more_than_select(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    try:
        statements = split_statements(connection, text)
    except StatementError:
        return  # a statement that this DuckDB does not know at all

    with pytest.raises(StatementError, match="safe mode"):
        check_safe(connection, statements[-1])
