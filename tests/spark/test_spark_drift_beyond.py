"""What looks into values, across columns and along time has the same numbers on Spark as on DuckDB."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from drift_pairs import differences, without_estimates

from warehouse.checks.drift.comparison import compare_with_facts
from warehouse.checks.drift.importance import rank_columns
from warehouse.checks.drift.pairs import Beyond, Frame, Purpose, compare_pair
from warehouse.checks.drift.periods import fitting_period
from warehouse.checks.drift.series import compare_over_time
from warehouse.engine.local import LocalEngine
from warehouse.engine.spark import SparkEngine
from warehouse.sql import Relation
from warehouse.statistics.coded import Every
from warehouse.storage import connect

ROWS = """
    select
        i as id,
        (i * 7919 % 1000) / 7.0 + {shift} as real_number,
        i % 7 as plane,
        case when i % 11 > 0 then 'carrier ' || (i % 13) end as carrier,
        date '1969-06-01' + (i % 300)::int as day,
        timestamp '1969-12-01' + interval (i * 37) minute as moment,
        (i * 7919 % 1000) + {shift} * 30 > 600 as is_late,
        case when i % 17 > 0 then 'A text of many words, ' || (i * 7919) || ' ' || chr(8364) || ' Ünder дом 日本ー'
            || ' ' || case when i % {words} = 0 then 'seldom word' || (i % 5) else 'usual' end end as comment,
        case when i % 19 > 0 then [('item ' || (i % {items})), null, 'x'][: 1 + i % 3] end as things,
        {{'a b': i % {items}, 'inner': {{'b': 'n' || (i % 3)}}}} as parts,
        map([('k' || (i % 4)), 'k9'], [i % {items}, null]) as entries,
        case when i % 23 > 0 then list_transform(range(9), lambda e: sin(i * (e + 1)) + {shift} / 9.0) end as vector,
    from range({rows}) as r(i)
"""
Pair = tuple[Relation, Relation]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Rows, and others of their kind, as files that both engines read."""
    folder: Path = tmp_path_factory.mktemp("drift")
    sides = {
        "left": {"shift": 0, "words": 40, "items": 5, "rows": 1200},
        "right": {"shift": 1, "words": 7, "items": 6, "rows": 700},
    }
    with connect(None) as connection:
        for side, how in sides.items():
            connection.execute(f"copy ({ROWS.format(**how)}) to '{folder}/{side}.parquet'")
    left, right = (Relation.parquet([f"{folder}/{side}.parquet"], name=side) for side in sides)
    return left, right


@pytest.mark.parametrize("groups", [(), ("plane", "carrier")], ids=["rows", "groups"])
def test_what_values_are_made_of_has_the_same_numbers(
    here: LocalEngine, there: SparkEngine, pair: Pair, groups: tuple[str, ...]
) -> None:
    names = {"id", "real_number", "plane", "carrier", "is_late"}
    options: dict[str, Any] = {"left_name": "train", "right_name": "test", "excluded": dict.fromkeys(names, "before")}
    found, expected = (compare_with_facts(engine, *pair, groups=groups, **options) for engine in (there, here))

    aspects = {column.name: {aspect.name for aspect in column.aspects} for column in expected.result.columns}
    assert aspects["comment"] >= {"number of words", "kinds of characters", "script of the letters", "words never seen"}
    assert aspects["things"] == {"length", "elements"}
    assert aspects["parts"] == {"field a b", "field inner.b"}
    assert aspects["entries"] >= {"keys", "values"}
    assert len(aspects["vector"]) >= 2
    assert aspects["moment"] >= {"day of the week", "hour of the day"}
    assert list(differences(*map(without_estimates, (expected.result, found.result)))) == []


def test_a_whole_pair_has_the_same_report(here: LocalEngine, there: SparkEngine, pair: Pair) -> None:
    frame = Frame(label="is_late", time="moment", groups=("plane",))
    beyond = Beyond(together=True, by=("plane", "moment", "real_number"))
    found, expected = (
        compare_pair(
            engine,
            *pair,
            left_name="train",
            right_name="test",
            subject="both",
            purpose=Purpose(words="a test"),
            frame=frame,
            excluded=dict.fromkeys(["id", "comment", "things", "parts", "entries"], "looked at before"),
            beyond=beyond,
        )
        for engine in (there, here)
    )

    assert expected.result.domain is not None
    assert expected.result.relations
    assert [segments.by for segments in expected.result.segments] == ["plane", "moment", "real_number"]
    assert all(segments.segments for segments in expected.result.segments)
    assert list(differences(expected, found)) == []
    assert list(differences(rank_columns(expected.result), rank_columns(found.result))) == []


def test_all_kinds_of_columns_are_told_apart_alike(here: LocalEngine, there: SparkEngine, pair: Pair) -> None:
    found, expected = (
        compare_pair(
            engine,
            *pair,
            left_name="train",
            right_name="test",
            subject="both",
            purpose=Purpose(words="a test"),
            frame=Frame(),
            excluded=dict.fromkeys(["id", "real_number", "plane", "day", "moment", "is_late"], "looked at before"),
            beyond=Beyond(together=True),
        ).result
        for engine in (there, here)
    )

    assert expected.domain is not None
    assert list(differences(*map(without_estimates, (expected, found)))) == []


@pytest.mark.parametrize(("every", "groups"), [(Every.DAY, ()), (Every.WEEK, ("plane",)), (Every.MONTH, ())])
def test_a_series_has_the_same_numbers(
    here: LocalEngine, there: SparkEngine, pair: Pair, every: Every, groups: tuple[str, ...]
) -> None:
    found, expected = (
        compare_over_time(
            engine,
            *pair,
            time="moment",
            every=every,
            baseline_name="train",
            rows_name="today",
            label="is_late",
            groups=groups,
            excluded=dict.fromkeys(["id", "comment", "parts", "entries"], "looked at before"),
        )
        for engine in (there, here)
    )

    assert expected.periods
    assert list(differences(expected, found)) == []
    assert [fitting_period(engine, pair[1], time="moment") for engine in (there, here)] == [Every.DAY, Every.DAY]
