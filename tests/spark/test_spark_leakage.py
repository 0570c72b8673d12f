"""A search for leaks finds on Spark what it finds on DuckDB: every number, example and finding."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from test_spark_drift import differences

from warehouse.checks.leakage.search import find_leaks
from warehouse.datasets.spec import DatasetSpec, Deduplicate, Grouping, HashSplit, NearText, TimeSplit
from warehouse.engine.local import LocalEngine
from warehouse.engine.spark import SparkEngine
from warehouse.errors import QueryError
from warehouse.sql import Query, Relation, Step
from warehouse.statistics.components import order_sql
from warehouse.storage import connect

ROWS = """
    select
        i as id,
        (i * 7919 % 1009) < 300 as is_late,
        (i * 7919 % 10007) / 7.0 as amount,
        'Kind ' || chr(97 + (i * 31 % 5)::int) as kind,
        case when i % 13 > 0 then 'c' || (i * 17 % 40) end as plane,
        case when i % 50 = 0 then 'nan'::double when i % 77 = 0 then '-inf'::double else (i * 7 % 503) * 1.5 end as odd,
        i + 5 as counter,
        (i * 131 % 700)::decimal(10, 2) as money,
        ((i * 7919 % 1009) < 300)::int * 10 + i % 3 as teller,
        timestamp '2024-01-01' + to_minutes((i * 74)::int) as at,
        timestamp '2024-01-01' + to_minutes((i * 74 + case when i % 501 = 0 then 60 else -60 end)::int) as known_at,
        date '2024-01-01' + (i % 90)::int as day,
        case when i % 25 = 3 then 'One letter to all of our customers, number ' || i || ', with its many long words'
            else md5(i::varchar) || ' some text ' || (i * 7919 % 100003) || ' é ' || md5((i + 1)::varchar) end as prose,
        'g' || (i // 7) as household,
        i % 9 = 1 as "order ""by"" `x`",
    from range(2000) as r(i)
"""
SPLITS = {
    "train": "select * from base where id < 1400",
    "dev": """
        select * from base where id between 1400 and 1599
        union all select * replace (id + 10000 as id) from base where id < 30
    """,
    "test": """
        select * replace (case when id % 40 = 0 then lower(kind) when id % 97 = 0 then 'Kind new' else kind end as kind)
        from base where id >= 1600
        union all select * replace (id + 90000 as id, not is_late as is_late) from base where id between 100 and 109
        union all select * from base where id in (5, 17)
        union all select * replace (id + 80000 as id, upper(prose) as prose, -amount as amount)
            from base where id between 200 and 210
        union all select * replace (id + 70000 as id, replace(prose, 'text', 'words') as prose, -amount as amount)
            from base where id between 300 and 310
    """,
}
HASH = HashSplit(shares={"train": 0.8, "dev": 0.1, "test": 0.1}, salt="s")
CUTOFFS = {"dev": datetime(2024, 3, 13, tzinfo=UTC), "test": datetime(2024, 3, 23, tzinfo=UTC)}
SPEC = DatasetSpec(
    name="late", model="m", key=("id",), label="is_late", split=HASH, groups=("household",), time="at",
    known_at=("known_at",),
)  # fmt: skip
NUMBER = dataclasses.replace(SPEC, key=("id", "day"), label="amount", groups=(), known_at=())
TIMES = dataclasses.replace(
    SPEC,
    label="plane",
    split=TimeSplit(cutoffs=CUTOFFS, embargo_seconds=86400, embargo_after_seconds=3600, salt="s"),
    label_horizon_seconds=3600,
)
TOGETHER = dataclasses.replace(
    SPEC,
    label="teller",
    groups=("household", "plane"),
    grouping=Grouping.COMPOSITE,
    deduplicate=Deduplicate(text=NearText(column="prose", threshold=0.7)),
)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    with connect(None) as connection:
        connection.execute(f"create table base as {ROWS}")
        yield LocalEngine(connection)


@pytest.fixture(scope="module")
def splits(here: LocalEngine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Relation]:
    """Rows with leaks of every kind, as files that both engines read."""
    folder: Path = tmp_path_factory.mktemp("leaks")
    for name, rows in SPLITS.items():
        here.connection.execute(f"copy ({rows}) to '{folder}/{name}.parquet'")
    return {name: Relation.parquet([f"{folder}/{name}.parquet"], name=name) for name in SPLITS}


@pytest.mark.parametrize(
    ("spec", "thorough", "checks"),
    [
        (SPEC, False, {"shared_keys", "shared_entities", "known_late", "duplicates", "predictor", "identifier"}),
        (TIMES, False, {"time_overlap", "embargo"}),
        (NUMBER, False, {"shared_keys", "duplicates"}),
        (TOGETHER, True, {"shared_entities", "spellings", "new_categories", "near_text"}),
        (dataclasses.replace(SPEC, key=(), label=None, time=None, groups=()), False, {"duplicates"}),
    ],
    ids=["export", "times", "a number", "everything, near texts", "no key or label"],
)
def test_both_engines_find_the_same_leaks(
    here: LocalEngine,
    there: SparkEngine,
    splits: dict[str, Relation],
    spec: DatasetSpec,
    thorough: bool,
    checks: set[str],
) -> None:
    expected, found = (find_leaks(engine, splits, spec, thorough=thorough) for engine in (here, there))

    assert checks <= {finding.check for finding in expected.findings}
    assert list(differences(expected, found)) == []


def test_a_text_in_several_parts_is_refused_where_it_would_be_compared(there: SparkEngine) -> None:
    with pytest.raises(QueryError, match=r"not in Unicode form NFC\), which cannot be composed on Spark"):
        there.rows(Query.of(Step("text", "select nfc_normalize('e' || x) as t from (select '\u0301' as x) as r")))


def test_rows_have_one_order_with_and_without_unsigned_numbers(here: LocalEngine, there: SparkEngine) -> None:
    numbers = " union all ".join(f"select {i * 61356677 % 2**32} as i" for i in range(40))
    orders = [order_sql("i", 3), order_sql("i", 3, is_signed=True)]

    def asked(engine: Any, order: str) -> list[int]:
        query = Query.of(Step("order", f"select i, {order} as place from ({numbers}) as r order by i"))
        return [int(row["place"]) for row in engine.rows(query)]

    assert asked(here, orders[0]) == asked(here, orders[1]) == asked(there, orders[1])
