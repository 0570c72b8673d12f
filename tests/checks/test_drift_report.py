"""Pairs of a report: which there are, what each is for, and what follows when a pair that must be alike is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from warehouse.checks.drift.pairs import Beyond, Frame, Purpose, compare_pair
from warehouse.checks.drift.report import DriftReport, pair_sentence
from warehouse.checks.drift.splits import PURPOSES, compare_splits, report_of_version
from warehouse.checks.drift.verdicts import Verdict
from warehouse.checks.drift.versions import report_of_versions
from warehouse.datasets.versions import read_version
from warehouse.engine.local import LocalEngine
from warehouse.findings import Severity
from warehouse.sql import Relation

DATA = Path(__file__).parents[2] / "data/nycflights13"
ROWS = """
    select i as id, timestamp '2013-01-01' + to_minutes(15 * i::int) as happened_at, i % 3 = 0 as is_late,
    (hash(i) % 1000) / 10 + {shift} as distance, ['a', 'b', 'c'][1 + (hash(i, 1) % 3)::int] as word
    from range(48000) as rows(i)
"""
TIME = {
    "key": "id",
    "label": "is_late",
    "time": "happened_at",
    "split": {"method": "time", "cutoffs": {"dev": "2013-09-08", "test": "2014-01-01"}, "train_dev": 0.3},
}


@pytest.fixture
def report(fake: Any, export: Callable[..., Any], engine: LocalEngine) -> Callable[..., DriftReport]:
    """The report of a version whose rows' distance is shifted by this expression of i."""

    def make(shift: str = "0", dataset: dict[str, Any] = TIME, **options: Any) -> DriftReport:
        fake.build(dataset, rows=ROWS.format(shift=shift))
        version = read_version(export().path)
        return report_of_version(engine, version, **options)

    return make


def test_a_version_with_all_splits_has_all_pairs_the_main_one_first(report: Callable[..., DriftReport]) -> None:
    found = report()

    assert [pair.title for pair in found.pairs] == [f"{left} to {right}" for left, right in PURPOSES]
    assert [pair.expected_alike for pair in found.pairs] == [False, True, False, True]
    assert found.summary[-3:] == (
        "train and train_dev are alike, as they must be.",
        "train_dev and dev are alike.",
        "dev and test are alike, as they must be.",
    )
    assert not [finding for finding in found.findings if finding.severity is not Severity.INFO]


def test_dev_that_differs_from_test_is_a_finding_with_advice(report: Callable[..., DriftReport]) -> None:
    found = report("case when i >= 35040 then 50 else 0 end")

    (broken,) = (finding for finding in found.findings if finding.check == "drift_pair")
    assert broken.subject == "dev to test"
    assert broken.message.startswith("dev and test must be alike and are not: 1 of 3 columns drifted (“distance”)")
    assert broken.advice.startswith("a choice made on dev may not hold on test")
    assert "distance (train to test)" in {finding.subject for finding in found.findings}
    assert "train and train_dev are alike, as they must be." in found.summary
    assert "train_dev and dev are alike." in found.summary


def test_one_pair_has_the_numbers_that_it_has_among_others(
    fake: Any, export: Callable[..., Any], engine: LocalEngine
) -> None:
    fake.build(TIME, rows=ROWS.format(shift="i / 4000"))
    version = read_version(export().path)

    together = report_of_version(engine, version)

    for pair in together.pairs:
        left, right = pair.result.left_name, pair.result.right_name
        assert compare_splits(engine, version, left=left, right=right) == pair.result


def test_a_pair_that_cannot_be_judged_is_called_neither(engine: LocalEngine) -> None:
    engine.connection.execute("create table few as select i % 7 as x from range(60) as r(i)")

    pair = compare_pair(
        engine,
        Relation.table("few"),
        Relation.table("few"),
        left_name="a",
        right_name="b",
        subject="",
        purpose=Purpose(words="", expected_alike=True),
        frame=Frame(),
    )

    assert (pair.differs, pair.is_alike) == (False, False)
    assert pair_sentence(pair) == "No column drifted from a to b; 1 of 1 column cannot be judged without more rows."


def test_segments_are_looked_into_by_name_or_by_the_declaration(report: Callable[..., DriftReport]) -> None:
    beyond = Beyond(together=False, relations=False, by=("word",))
    asked = report(beyond=beyond)

    assert [segments.by for segments in asked.main.result.segments] == ["word"]
    assert all(not pair.result.segments for pair in asked.pairs[1:])


def test_versions_are_compared_split_by_split(fake: Any, export: Callable[..., Any], engine: LocalEngine) -> None:
    fake.build(TIME, rows=ROWS.format(shift="0"))
    first = read_version(export().path)
    fake.build(TIME, rows=ROWS.format(shift="40"))
    second = read_version(export().path)

    found = report_of_versions(engine, first, second)

    assert [pair.result.left_name for pair in found.pairs] == [f"{split} of late@1.0.0" for split in first.splits]
    for pair in found.pairs:
        assert [column.name for column in pair.drifted] == ["distance"]


def test_splits_of_real_flights_by_plane_are_alike(engine: LocalEngine) -> None:
    """A control: planes hang together, a few of them fly most, and chance alone decides who is in dev or test."""
    engine.connection.execute(
        f"""
        create table flights as
        select flights.* exclude (year), planes.manufacturer, planes.seats, planes.engines
        from read_parquet('{DATA}/flights/*.parquet') as flights
        left join read_csv('{DATA}/planes.csv', nullstr = 'NA') as planes using (tailnum)
        where tailnum is not null
        """
    )
    drifted, columns = [], 0
    for salt in range(3):
        for name, low in (("dev", 0), ("test", 15)):
            engine.connection.execute(
                f"create or replace view {name} as select * from flights "
                f"where md5_number_lower(tailnum || '/{salt}') % 100 between {low} and {low + 14}"
            )
        pair = compare_pair(
            engine,
            Relation.table("dev"),
            Relation.table("test"),
            left_name="dev",
            right_name="test",
            subject="",
            purpose=PURPOSES["dev", "test"],
            frame=Frame(groups=["tailnum"]),
            excluded={"tailnum": "a group"},
        )
        columns += len(pair.result.columns)
        drifted += [f"{salt} {column.name}" for column in pair.drifted]
        stable = pair.result.with_verdict(Verdict.STABLE)
        assert len(stable) > len(pair.result.columns) / 3

    assert columns > 50
    assert drifted == []
