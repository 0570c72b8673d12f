"""Two rankings are compared query by query, as scipy compares paired samples."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats
from test_diagnosis_ranking import SESSION, U, ndcg, ranked

from warehouse.checks.diagnosis.comparison_result import Comparison, ComparisonAnswer
from warehouse.checks.diagnosis.diagnose import Question
from warehouse.checks.diagnosis.result import Diagnosis, MetricName
from warehouse.checks.diagnosis.slices import SliceQuestion
from warehouse.engine.local import LocalEngine
from warehouse.reports.diagnosis_comparison_text import comparison_headers
from warehouse.sql import Relation

GOOD, POOR = (f"round(relevance + {width} * {U.format(place)}, 1)" for width, place in ((2, 2), (4, 3)))


def diagnosis(engine: LocalEngine, first: str, second: str, question: Question = SESSION, **spec: Any) -> Diagnosis:
    """Of two selects over `data`, whose rows `ranked` makes."""
    ranked(engine, f"select id, {GOOD} as score from data", **spec)
    engine.connection.execute(f"create or replace table other as {second}")
    return ranked(engine, first, replace(question, against=Relation.table("other")), **spec)


def comparison(engine: LocalEngine, first: str, second: str, question: Question = SESSION, **spec: Any) -> Comparison:
    found = diagnosis(engine, first, second, question, **spec).comparison
    assert found is not None
    return found


def values(engine: LocalEngine, split: str, *, at: int = 10) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the rows that both predicted: NDCG of both models in each query with a relevant one, and its person."""
    rows = engine.connection.execute(
        f"""
        select list(relevance::double), list(p.score::double), list(o.score::double), any_value(person)
        from {split} join predictions as p using (id) join other as o using (id)
        group by session having max(relevance) > 0
        """
    ).fetchall()
    first, second = (np.array([ndcg(np.array(row[0]), np.array(row[place]), at) for row in rows]) for place in (1, 2))
    return first, second, np.array([row[3] for row in rows])


@pytest.mark.parametrize(
    ("own", "others"), [("true", "true"), ("id % 7 > 0", "id % 11 > 0")], ids=["the same rows", "other rows"]
)
def test_both_rank_the_rows_that_both_predicted(engine: LocalEngine, own: str, others: str) -> None:
    found = comparison(
        engine,
        f"select id, {GOOD} as score from data where {own}",
        f"select id, {POOR} as score from data where {others}",
        replace(SESSION, at=5),
    )

    assert (found.metric, found.target, found.units) == (MetricName.NDCG, "test", "queries")
    for split in found.splits:
        first, second, _ = values(engine, split.split, at=5)
        metric = split.of(MetricName.NDCG)
        assert metric is not None
        assert metric.predictions == pytest.approx(first.mean(), abs=1e-12)
        assert metric.against == pytest.approx(second.mean(), abs=1e-12)
        assert metric.p_value == pytest.approx(stats.ttest_rel(first, second).pvalue, rel=0.02)
        won, lost = int((first > second + 1e-12).sum()), int((first < second - 1e-12).sum())
        assert (split.counts.win_count, split.counts.loss_count) == (won, lost)
        assert split.counts.row_count == len(first)
        (rows,) = engine.connection.execute(
            f"select count(*) filter (where p.id is not null and o.id is null),"
            f" count(*) filter (where p.id is null and o.id is not null) from {split.split}"
            " left join predictions as p using (id) left join other as o using (id)"
        ).fetchall()
        assert (split.predictions_only_count, split.against_only_count) == rows


def test_more_of_ndcg_is_better(engine: LocalEngine) -> None:
    good, poor = (f"select id, {score} as score from data" for score in (GOOD, POOR))
    better, worse = comparison(engine, good, poor), comparison(engine, poor, good)

    assert [each.answer for each in better.splits] == [ComparisonAnswer.BETTER] * 4
    assert [each.answer for each in worse.splits] == [ComparisonAnswer.WORSE] * 4
    assert "better than other in test" in better.summary[0]
    assert " more of NDCG " in better.summary[0]
    assert " less of NDCG " in worse.summary[0]
    assert comparison_headers(better)[1] == "queries"


def test_a_worse_ranking_is_a_warning(engine: LocalEngine) -> None:
    result = diagnosis(engine, f"select id, {POOR} as score from data", f"select id, {GOOD} as score from data")

    messages = [finding.message for finding in result.findings if finding.check == "worse_than_other"]
    assert len(messages) == 4
    assert all(" less than that of other" in message for message in messages)


def test_the_same_ranking_is_alike(engine: LocalEngine) -> None:
    # Scores differ, and no order does.
    found = comparison(engine, f"select id, {GOOD} as score from data", f"select id, 2 * {GOOD} + 1 as score from data")

    assert {each.answer for each in found.splits} == {ComparisonAnswer.ALIKE}
    assert all(each.counts.tie_count == each.counts.row_count for each in found.splits)


def test_queries_of_one_person_count_together(engine: LocalEngine) -> None:
    found = comparison(
        engine,
        f"select id, {GOOD} as score from data",
        f"select id, {POOR} as score from data",
        groups=("person",),
    )

    split = found.of("test")
    assert split is not None
    metric = split.of(MetricName.NDCG)
    assert metric is not None
    first, second, person = values(engine, "test")
    sums = np.bincount(np.unique(person, return_inverse=True)[1], weights=first - second - np.mean(first - second))
    count = len(sums)
    expected = np.sqrt((sums**2).sum() * count / (count - 1)) / len(first)
    assert metric.change.standard_error == pytest.approx(expected)
    assert metric.change.cluster_count == count


def test_the_second_model_need_not_name_queries(engine: LocalEngine) -> None:
    found = comparison(
        engine,
        f"select id, 'x' || session as asked, {GOOD} as score from data",
        f"select id, {POOR} as score from data",
        replace(SESSION, columns={"query": "asked"}, metric=MetricName.MRR),
    )

    assert found.metric is MetricName.MRR
    counts = found.splits[0].counts
    assert counts.win_count > counts.loss_count


def test_rankings_have_no_slices_to_compare(engine: LocalEngine) -> None:
    result = diagnosis(
        engine,
        f"select id, {GOOD} as score from data",
        f"select id, {POOR} as score from data",
        replace(SESSION, slices=SliceQuestion()),
    )

    assert result.comparison is not None
    assert result.comparison.tested_count == 0
    assert "slices: they are of single rows, and a ranking is judged by query" in result.not_judged
