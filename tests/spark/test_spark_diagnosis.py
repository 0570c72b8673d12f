"""A diagnosis of predictions has on Spark the numbers and findings that it has on DuckDB."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_spark_drift import differences

from warehouse.checks.diagnosis import curve_area
from warehouse.checks.diagnosis.diagnose import Question, diagnose
from warehouse.checks.diagnosis.error_sheet import sheet_rows
from warehouse.checks.diagnosis.result import Diagnosis
from warehouse.checks.diagnosis.slices import SliceQuestion
from warehouse.datasets.spec import ColumnSplit, DatasetSpec
from warehouse.engine.base import Engine
from warehouse.engine.local import LocalEngine
from warehouse.engine.spark import SparkEngine
from warehouse.errors import PredictionError
from warehouse.sql import Relation


def chance(number: int) -> str:
    return f"((i * 7919 + {number} * 104729) % 10007 / 10007.0)"


ROWS = f"""
    select
        i as id,
        {chance(1)} < 0.3 as flag,
        ['a', 'b', 'it''s'][1 + floor(3 * {chance(2)})::int] as kind,
        10 * {chance(3)} as amount,
        floor(4 * {chance(9)})::int as grade,
        i // 6 as owner,
        'p' || (i % 7) as plane,
        timestamp '2024-01-01' + to_minutes((i * 370)::int) as at,
        case when i >= 50 then i::double end as missing,
    from range(1500) as r(i)
"""
CUTS = {"train": (0, 600), "train_dev": (600, 800), "dev": (800, 1200), "test": (1200, 1500)}
SHARES = """
    select id, a / total as probability_a, b / total as probability_b, c / total as "probability_it's"
    from (select id, (kind = 'a')::int + {} as a, {} as b, (kind = 'it''s')::int + {} as c,
        a + b + c as total from data)
"""
PREDICTIONS = {
    "two": f"""
        select id, round((flag::int + 2 * {chance(4)} + (plane = 'p3')::int * 0.9 * (1 - 2 * flag::int) + 0.9) / 4.8, 3)
            as probability from data where id % 50 > 0
        union all select id + 100000, 0.5 from data where id < 3
    """,
    "other_two": f"select id, round((flag::int + 2 * {chance(14)}) / 3, 3) as probability from data",
    "three": SHARES.format(chance(5), chance(6), "0.01"),
    "other_three": SHARES.format(chance(15), chance(16), "0.3"),
    "named": f"select id, case when {chance(7)} < 0.8 then kind else 'a' end as prediction from data",
    "numbers": f"select id, amount + {chance(8)} - 0.4 as prediction from data",
    "ranked": f"select id, i % 40 as query, grade + 2 * {chance(5)} as score from data",
    "other_ranked": f"select id, i % 40 as query, grade + 3 * {chance(15)} as score from data",
    "outside": "select id, 1.5 as probability from data",
    "strange": "select id + 900000 as id, 0.5 as probability from data",
}
SPEC = DatasetSpec(name="d", model="m", key=("id",), label="flag", split=ColumnSplit(column="part"))
SLICES = SliceQuestion()


@pytest.fixture(scope="module")
def rows(here: LocalEngine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Relation]:
    """Splits and predictions, by name, as files that both engines read."""
    folder: Path = tmp_path_factory.mktemp("diagnosis")
    here.connection.execute(f"create table data as select id as i, * from ({ROWS})")
    parts = {
        name: f"select * exclude i from data where i >= {first} and i < {end}" for name, (first, end) in CUTS.items()
    }
    for name, sql in {**parts, **PREDICTIONS}.items():
        here.connection.execute(f"copy ({sql}) to '{folder}/{name}.parquet'")
    return {name: Relation.parquet([f"{folder}/{name}.parquet"], name=name) for name in (*CUTS, *PREDICTIONS)}


def diagnosed(
    engine: Engine, rows: dict[str, Relation], predictions: str, question: Question, **spec: Any
) -> Diagnosis:
    splits = {name: rows[name] for name in CUTS}
    return diagnose(engine, splits, replace(SPEC, **spec), rows[predictions], question)


@pytest.mark.parametrize(
    ("predictions", "against", "question", "spec"),
    [
        ("two", None, Question(slices=SLICES, human=0.05, human_rows=200), {"groups": ("owner",)}),
        ("two", "other_two", Question(slices=SLICES), {}),
        ("three", "other_three", Question(), {"label": "kind"}),
        ("named", None, Question(), {"label": "kind"}),
        ("numbers", None, Question(slices=SLICES, quantile=0.9), {"label": "amount"}),
        ("ranked", "other_ranked", Question(), {"label": "grade"}),
    ],
    ids=["clusters", "against", "three classes", "names alone", "numbers", "rankings"],
)
def test_both_engines_tell_the_same(
    here: LocalEngine,
    there: SparkEngine,
    rows: dict[str, Relation],
    predictions: str,
    against: str | None,
    question: Question,
    spec: dict[str, Any],
) -> None:
    question = replace(question, against=rows[against] if against else None)
    expected, found = (diagnosed(engine, rows, predictions, question, **spec) for engine in (here, there))

    assert expected.splits
    assert list(differences(expected, found)) == []


def test_areas_of_scores_that_are_read_in_ranges_are_the_same(
    here: LocalEngine, there: SparkEngine, rows: dict[str, Relation], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = diagnosed(here, rows, "two", Question())
    monkeypatch.setattr(curve_area, "RANGE_ROWS", 100)

    assert list(differences(whole, diagnosed(there, rows, "two", Question()))) == []


def test_errors_are_drawn_for_a_sheet(there: SparkEngine, rows: dict[str, Relation]) -> None:
    asked = Question(slices=SliceQuestion(with_samples=True))
    report, again = (diagnosed(there, rows, "two", asked).slices for _ in range(2))

    assert report is not None
    assert again is not None
    assert report.samples == again.samples
    assert len({sample.row for sample in report.samples}) == len(report.samples) == 100
    assert {sample.loss for sample in report.samples} == {1.0}
    header, cells = sheet_rows(there, rows["dev"], ("id",), report)
    assert header[-8:] == ["flag", "kind", "amount", "grade", "owner", "plane", "at", "missing"]
    assert len(cells) == 100


@pytest.mark.parametrize("predictions", ["outside", "strange"])
def test_predictions_that_cannot_be_used_are_the_same_error(
    here: LocalEngine, there: SparkEngine, rows: dict[str, Relation], predictions: str
) -> None:
    messages = []
    for engine in (here, there):
        with pytest.raises(PredictionError) as caught:
            diagnosed(engine, rows, predictions, Question())
        messages.append(str(caught.value))

    assert messages[0] == messages[1]
