"""Rankings are measured as scikit-learn measures them, query by query, and their gaps are told from chance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from warehouse.checks.diagnosis.diagnose import Question, diagnose
from warehouse.checks.diagnosis.result import Cause, Diagnosis, MetricName, Task
from warehouse.checks.diagnosis.slices import SliceQuestion
from warehouse.datasets.spec import ColumnSplit, DatasetSpec
from warehouse.engine.local import LocalEngine
from warehouse.errors import PredictionError
from warehouse.reports.diagnosis_json import diagnosis_json
from warehouse.reports.diagnosis_page import diagnosis_html
from warehouse.reports.diagnosis_text import diagnosis_opening, level_rows
from warehouse.sql import Relation

SPEC = DatasetSpec(name="d", model="m", key=("id",), label="relevance", split=ColumnSplit(column="part"))
U = "((hash(i * 7919 + {}) >> 11)::double / 9007199254740992.0)"
SESSION = Question(columns={"query": "session"})
SCHEMA = Path(__file__).parents[2] / "docs/diagnosis.schema.json"
PARTS = ("train", "train_dev", "dev", "test")
SCORE = f"round(relevance + 3 * {U.format(2)}, 1)"
"""Has ties."""


def ranked(
    engine: LocalEngine, predictions: str, question: Question = SESSION, *, data: str | None = None, **spec: Any
) -> Diagnosis:
    """Of sessions of 1 to 20 rows; predictions are this select over `data`."""
    engine.connection.execute(
        "create or replace table data as "
        + (
            data
            or f"""
            select
                i, i as id, 's' || session as session, session // 4 as person,
                ['train', 'train_dev', 'dev', 'test'][1 + session % 4] as part,
                case when session % 9 = 0 then 0 else floor(4 * {U.format(1)} ** 2)::int end as relevance,
            from (select i, floor(sqrt(i) * 8)::int as session from range(4000) as numbers(i))
            """
        )
    )
    parts = [row[0] for row in engine.connection.execute("select distinct part from data").fetchall()]
    for part in parts:
        engine.connection.execute(
            f"create or replace table {part} as select * exclude i from data where part = '{part}'"
        )
    engine.connection.execute(f"create or replace table predictions as {predictions}")
    splits = {part: Relation.table(part) for part in PARTS if part in parts}
    return diagnose(engine, splits, replace(SPEC, **spec), Relation.table("predictions"), question)


def by_query(engine: LocalEngine, split: str) -> Mapping[str, tuple[np.ndarray, np.ndarray]]:
    found = engine.connection.execute(
        f"select session, list(relevance::double), list(score::double) from {split} join predictions using (id)"
        " group by session having max(relevance::double) > 0"
    ).fetchall()
    return {session: (np.array(relevance), np.array(score)) for session, relevance, score in found}


def ndcg(relevance: np.ndarray, score: np.ndarray, at: int) -> float:
    # One row alone is no ranking to scikit-learn; a relevant one is where it should be.
    return 1.0 if len(score) == 1 else float(metrics.ndcg_score([relevance], [score], k=at))


@pytest.mark.parametrize("at", [None, 1, 3, 100])
def test_ndcg_is_that_of_scikit_learn(engine: LocalEngine, at: int | None) -> None:
    result = ranked(engine, f"select id, {SCORE} as score from data", replace(SESSION, at=at))

    assert (result.task, result.metric, result.clusters) == (Task.RANKING, MetricName.NDCG, ("session",))
    assert result.ranking is not None
    assert result.ranking.at == (at or 10)
    for counts in result.ranking.splits:
        queries = by_query(engine, counts.split)
        values = [ndcg(*rows, at or 10) for rows in queries.values()]
        found = result.of(counts.split).of(MetricName.NDCG)  # type: ignore[union-attr]
        assert found is not None
        assert found.value == pytest.approx(np.mean(values), abs=1e-12)
        assert found.standard_error == pytest.approx(np.std(values, ddof=1) / np.sqrt(len(values)))
        assert found.row_count == found.cluster_count == counts.query_count == len(queries)
        assert counts.left_out_count > 0
        total = counts.query_count + counts.left_out_count
        left_out = f"{counts.split}: {counts.left_out_count} of {total} queries have no relevant row and are left out"
        assert left_out in result.not_judged


def test_the_first_relevant_row_counts_by_its_rank(engine: LocalEngine) -> None:
    # By session: (relevance, score); the ranks are 1, 3 and, of four rows that share the first place, two of them
    # relevant, (4 + 1) / (2 + 1) on average. Nothing is relevant in the last.
    sessions = [
        [(True, 9), (False, 8), (True, 1)],
        [(False, 9), (False, 8), (True, 7)],
        [(True, 5), (False, 5), (True, 5), (False, 5), (True, 1)],
        [(False, 2), (False, 1)],
    ]
    rows = [(session, *row) for session, listed in enumerate(sessions) for row in listed]
    values = ", ".join(f"({i}, {session}, {relevance}, {score})" for i, (session, relevance, score) in enumerate(rows))
    data = f"select *, i as id, 'dev' as part from (values {values}) as t(i, session, relevance, score)"

    result = ranked(engine, "select id, score from data", data=data)

    found = result.of("dev").of(MetricName.MRR)  # type: ignore[union-attr]
    assert found is not None
    assert found.value == pytest.approx((1 + 1 / 3 + 3 / 5) / 3)
    assert found.row_count == 3


def test_the_query_may_be_of_the_predictions(engine: LocalEngine) -> None:
    of_rows = ranked(engine, f"select id, {SCORE} as score from data")
    of_predictions = ranked(
        engine, f"select id, {SCORE} as score, session || '!' as query from data", Question(task=Task.RANKING)
    )

    assert of_predictions.ranking is not None
    assert of_predictions.ranking.query == "query"
    for found, expected in zip(of_predictions.levels, of_rows.levels, strict=True):
        assert found.estimate.value == pytest.approx(expected.estimate.value)
        assert found.estimate.low == pytest.approx(expected.estimate.low)


def test_a_key_called_query_is_the_query(engine: LocalEngine) -> None:
    data = "select i, i // 4 as query, i % 4 as id, i % 3 as relevance, 'dev' as part from range(40) as numbers(i)"

    result = ranked(
        engine,
        "select query as asked, id, i as score from data",
        Question(task=Task.RANKING, columns={"query": "asked"}),
        data=data,
        key=("query", "id"),
    )

    assert result.ranking is not None
    assert (result.ranking.query, result.ranking.splits[0].query_count) == ("query", 10)


def test_groups_bind_queries_together(engine: LocalEngine) -> None:
    result = ranked(engine, f"select id, {SCORE} as score from data", groups=("person",))

    found = result.of("dev").of(MetricName.NDCG)  # type: ignore[union-attr]
    assert result.clusters == ("person",)
    assert found is not None
    people = engine.connection.execute(
        "select count(distinct person) from (select person from dev group by person, session having max(relevance) > 0)"
    ).fetchone()
    assert people == (found.cluster_count,)


def test_a_planted_mismatch_is_told(engine: LocalEngine) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    noise = f"(case when part in ('dev', 'test') then 6 else 1 end) * {U.format(3)}"

    result = ranked(
        engine,
        f"select id, relevance + {noise} as score from data",
        replace(SESSION, human=0.95, slices=SliceQuestion()),
    )

    assert result.largest is not None
    assert (result.largest.left, result.largest.causes) == ("train_dev", (Cause.MISMATCH,))
    assert result.largest.change.low > 0
    assert [advice.cause for advice in result.advice] == [Cause.MISMATCH]
    assert [size.split for size in result.sizes] == ["dev", "test"]
    assert result.summary[0].startswith("The largest gap is data mismatch, from train_dev to dev: ")
    assert "slices: they are of single rows, and a ranking is judged by query" in result.not_judged
    assert diagnosis_opening(result).endswith("; ranked by session, NDCG of the first 10")
    assert len(level_rows(result)) == 5
    jsonschema.validate(json.loads(diagnosis_json(result)), json.loads(SCHEMA.read_text(encoding="utf-8")))
    left = engine.connection.execute("select table_name from duckdb_tables() where temporary").fetchall()
    assert left == []
    assert "queries it takes" in diagnosis_html(result).casefold()


def test_a_perfect_ranking_is_no_proof(engine: LocalEngine) -> None:
    result = ranked(engine, "select id, relevance as score from data")

    found = result.of("dev").of(MetricName.NDCG)  # type: ignore[union-attr]
    assert found is not None
    assert found.value == found.high == 1
    assert 0.9 < found.low < 1


def test_a_query_in_two_splits_is_said(engine: LocalEngine) -> None:
    result = ranked(engine, f"select id, {SCORE} as score from data", Question(columns={"query": "person"}))

    assert any(": make the query the dataset's group" in reason for reason in result.not_judged)


GOOD = f"select id, {SCORE} as score, session as asked from data"
FAULTS = {
    "no query": (GOOD, Question(task=Task.RANKING), {}, "--column query=NAME"),
    "unknown query": (GOOD, Question(columns={"query": "sesion"}), {}, "'sesion' for 'query', neither in .*'session'"),
    "no score": (
        "select id, relevance as prediction from data",
        replace(SESSION, task=Task.RANKING),
        {},
        "no column 'score' to rank rows by",
    ),
    "NaN": ("select id, 'nan'::double as score from data", SESSION, {}, "rows have a 'score' that is NaN or infinite"),
    "null score": ("select id, nullif(id, 5) as score from data", SESSION, {}, "1 row has no 'score': NULL at 5"),
    "text": ("select id, 'high' as score from data", SESSION, {}, "'score' must hold numbers and is VARCHAR"),
    "label of text": (GOOD, SESSION, {"label": "part"}, "'part' is VARCHAR, and a ranking needs a relevance"),
    "null query of predictions": (
        "select id, 1 as score, nullif(session, 's0') as asked from data",
        Question(columns={"query": "asked"}),
        {},
        "1 row has no query 'asked'",
    ),
    "at nothing": (GOOD, replace(SESSION, at=0), {}, "--at must be at least 1, not 0"),
    "at without a ranking": (
        "select id, relevance as prediction from data",
        Question(at=5),
        {},
        "--at is for rankings, and these are predictions of classes",
    ),
    "human": (GOOD, replace(SESSION, human=5), {}, "--human must be a share from 0 to 1"),
}


@pytest.mark.parametrize(("predictions", "question", "spec", "message"), FAULTS.values(), ids=FAULTS)
def test_bad_input_is_one_clear_error(
    engine: LocalEngine, predictions: str, question: Question, spec: dict[str, Any], message: str
) -> None:
    with pytest.raises(PredictionError, match=message):
        ranked(engine, predictions, question, **spec)


@pytest.mark.parametrize(
    ("relevance", "session", "message"),
    [
        ("case when i = 3 then -1 else 1 end", "'a'", "1 row has a relevance 'relevance' below 0 in dev: -1 at 3"),
        ("1", "case when i <> 3 then 'a' end", "1 row has no query 'session' in dev: NULL at 3"),
        ("0", "'a'", "no query has a predicted row that is relevant"),
    ],
    ids=["negative relevance", "null query", "nothing relevant"],
)
def test_rows_that_cannot_be_ranked_are_named(engine: LocalEngine, relevance: str, session: str, message: str) -> None:
    data = f"select i, i as id, {session} as session, {relevance} as relevance, 'dev' as part from range(9) as t(i)"
    with pytest.raises(PredictionError, match=message):
        ranked(engine, "select id, 1 as score from data", data=data)
