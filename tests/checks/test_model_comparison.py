"""Two models are compared on the same rows as scipy compares paired samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from warehouse.checks.diagnosis.comparison_result import Comparison, ComparisonAnswer
from warehouse.checks.diagnosis.diagnose import Question, diagnose
from warehouse.checks.diagnosis.result import Diagnosis, MetricName, Task
from warehouse.checks.diagnosis.slices import SliceQuestion
from warehouse.datasets.spec import ColumnSplit, DatasetSpec
from warehouse.engine.local import LocalEngine
from warehouse.errors import PredictionError
from warehouse.sql import Relation

U = "((hash(i * 7919 + {}) >> 11)::double / 9007199254740992.0)"
ROWS = f"""
    select i as id, {U.format(1)} < 0.4 as flag, 10 * {U.format(2)} as amount, i // 5 as owner,
        ['a', 'b', 'it''s'][1 + floor(3 * {U.format(3)})::int] as "kin d", i
    from range(4000) as numbers(i)
"""
NEW, OLD = (
    f"select id, (flag <> ({U.format(place)} < {share})) as prediction from data"
    for place, share in ((7, 0.1), (8, 0.15))
)


def diagnosis(
    engine: LocalEngine, first: str, second: str, *, label: str = "flag", groups: Any = (), **asked: Any
) -> Diagnosis:
    connection = engine.connection
    connection.execute(f"create or replace table data as {ROWS}")
    for name, condition in (("train", "i < 1000"), ("dev", "i between 1000 and 1499"), ("test", "i >= 1500")):
        connection.execute(f"create or replace table {name} as select * exclude i from data where {condition}")
    connection.execute(f"create or replace table new as {first}")
    connection.execute(f"create or replace table old as {second}")
    spec = DatasetSpec(name="d", model="m", key=("id",), label=label, groups=groups, split=ColumnSplit(column="part"))
    splits = {name: Relation.table(name) for name in ("train", "dev", "test")}
    question = Question(against=Relation.table("old"), **asked)
    return diagnose(engine, splits, spec, Relation.table("new"), question)


def comparison(engine: LocalEngine, first: str, second: str, **asked: Any) -> Comparison:
    found = diagnosis(engine, first, second, **asked).comparison
    assert found is not None
    return found


def test_classes_are_compared_by_mcnemars_test(engine: LocalEngine) -> None:
    found = comparison(engine, NEW, OLD)

    split = found.of("test")
    assert split is not None
    wins, losses = engine.connection.execute(
        "select count(*) filter (where new.prediction = flag and old.prediction <> flag),"
        " count(*) filter (where new.prediction <> flag and old.prediction = flag)"
        " from test join new using (id) join old using (id)"
    ).fetchall()[0]
    assert (split.counts.win_count, split.counts.loss_count, split.counts.row_count) == (wins, losses, 2500)
    assert split.counts.tie_count == 2500 - wins - losses
    metric = split.of(MetricName.ERROR_RATE)
    assert metric is not None
    exact = stats.binomtest(wins, wins + losses).pvalue - stats.binom.pmf(wins, wins + losses, 0.5)
    assert metric.p_value == pytest.approx(exact, rel=1e-6)
    assert metric.change.value == pytest.approx((losses - wins) / 2500)
    assert split.answer is ComparisonAnswer.BETTER
    assert found.target == "test"
    assert found.summary[0].startswith("new is better than old in test: ")


@pytest.mark.parametrize("groups", [(), ("owner",)], ids=["independent", "clustered"])
def test_numbers_are_compared_by_means_of_differences(engine: LocalEngine, groups: tuple[str, ...]) -> None:
    first, second = (
        f"select id, amount + {width} * ({U.format(place)} - 0.5) as prediction from data"
        for place, width in ((7, 1.0), (8, 1.2))
    )
    found = comparison(engine, first, second, label="amount", groups=groups)

    split = found.of("test")
    assert split is not None
    values = engine.connection.execute(
        "select abs(new.prediction - amount) as a, abs(old.prediction - amount) as b, owner"
        " from test join new using (id) join old using (id) order by id"
    ).fetchnumpy()
    a, b, owner = (np.asarray(values[name]) for name in ("a", "b", "owner"))
    metric = split.of(MetricName.MAE)
    assert metric is not None
    assert metric.change.value == pytest.approx(a.mean() - b.mean())
    if groups:
        # Clusters of five rows each: their means are a sample.
        sums = np.bincount(owner - owner.min(), a - b) / 5
        expected = stats.ttest_1samp(sums, 0)
        assert metric.change.high == pytest.approx(expected.confidence_interval().high, rel=1e-3)
    else:
        expected = stats.ttest_rel(a, b)
        assert metric.change.standard_error == pytest.approx((a - b).std(ddof=1) / np.sqrt(len(a)))
    assert metric.p_value == pytest.approx(expected.pvalue, rel=0.2)
    assert split.counts.win_count == int((a < b).sum())

    root = split.of(MetricName.RMSE)
    assert root is not None
    root_a, root_b = np.sqrt((a**2).mean()), np.sqrt((b**2).mean())
    assert (root.predictions, root.against) == pytest.approx((root_a, root_b))
    assert root.change.value == pytest.approx(root_a - root_b)
    if not groups:
        parts = a**2 / (2 * root_a) - b**2 / (2 * root_b)
        assert root.change.standard_error == pytest.approx(parts.std(ddof=1) / np.sqrt(len(a)))


def test_what_the_rows_cannot_tell_is_said_with_how_many_would(engine: LocalEngine) -> None:
    found = comparison(engine, NEW.replace("0.1)", "0.147)"), OLD, difference=0.01)

    split = found.of("test")
    assert split is not None
    assert split.answer is ComparisonAnswer.UNDECIDED
    variance = split.metrics[0].change.standard_error ** 2 * 2500
    assert split.needed_count == pytest.approx(variance * (1.959964 + 0.841621) ** 2 / 0.01**2, abs=1)
    assert found.summary[0].startswith("Not enough rows to tell which of new and old is better in test: ")
    assert f"it takes {split.needed_count:,}." in found.summary[1]


def test_the_same_predictions_are_alike(engine: LocalEngine) -> None:
    split = comparison(engine, NEW, NEW).of("test")

    assert split is not None
    assert (split.answer, split.metrics[0].p_value) == (ComparisonAnswer.ALIKE, 1)
    assert split.counts.tie_count == split.counts.row_count


def test_slices_tell_where_the_models_differ(engine: LocalEngine) -> None:
    worse = f"(flag <> ({U.format(7)} < case when \"kin d\" = 'it''s' then 0.4 else 0.05 end))"
    found = comparison(engine, f"select id, {worse} as prediction from data", OLD, slices=SliceQuestion())

    by_text = {each.text: each for each in found.slices}
    one, other = by_text["kin d is “it's”"], by_text["kin d is “a”"]
    assert (one.answer, other.answer) == (ComparisonAnswer.WORSE, ComparisonAnswer.BETTER)
    assert one.p_value <= one.adjusted_p_value <= 0.05
    total = engine.connection.execute(f"select count(*) from test where {one.where}").fetchall()[0][0]
    assert one.counts.row_count == total
    assert any("errs more where kin d is “it's” (" in sentence for sentence in found.summary)


def test_models_alike_differ_in_no_slice(engine: LocalEngine) -> None:
    found = comparison(engine, NEW.replace("0.1)", "0.15)"), OLD, slices=SliceQuestion())

    assert found.tested_count > 5
    assert found.slices == ()


def test_rows_that_only_one_model_predicted_are_counted(engine: LocalEngine) -> None:
    result = diagnosis(engine, f"{NEW} where id <> 1700", f"{OLD} where id not in (1800, 1801) and id >= 1000")

    assert result.comparison is not None
    assert [split.split for split in result.comparison.splits] == ["dev", "test"]
    split = result.comparison.of("test")
    assert split is not None
    assert (split.predictions_only_count, split.against_only_count, split.counts.row_count) == (2, 1, 2497)
    (finding,) = [each for each in result.findings if each.check == "unpaired_predictions"]
    assert "3 rows of test are not compared: 2 with a prediction only in new, 1 only in old" in finding.message


def test_a_worse_model_is_a_warning(engine: LocalEngine) -> None:
    result = diagnosis(engine, OLD, NEW)

    assert any(each.check == "worse_than_other" and each.subject == "test" for each in result.findings)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (f"{OLD} where id < 0", "old holds no rows"),
        (OLD.replace("select id", "select id + 9000 as id"), "no key of old is in any split"),
        (OLD.replace("select id", "select id as number"), "there is no column for the key 'id'"),
        (f"{OLD} union all {OLD} where id = 1", "old has 1 predictions too many"),
        ("select id, 'nan'::double as probability from data", "4,000 rows have no 'probability', or NaN"),
    ],
)
def test_other_predictions_that_cannot_be_used_are_said(engine: LocalEngine, second: str, message: str) -> None:
    with pytest.raises(PredictionError) as error:
        diagnosis(engine, NEW, second)

    assert message in str(error.value)
    left = engine.connection.execute("select table_name from duckdb_tables() where temporary").fetchall()
    assert left == []


def test_models_without_common_rows_are_not_compared(engine: LocalEngine) -> None:
    with pytest.raises(PredictionError, match="no labelled row has a prediction both in new and in old"):
        diagnosis(engine, f"{NEW} where id < 2000", f"{OLD} where id >= 2000")


def test_probabilities_are_compared_by_every_measure_that_both_tell(engine: LocalEngine) -> None:
    first, second = (
        f"select id, (flag::int + {w} * {U.format(p)}) / {1 + w} as probability from data"
        for w, p in ((1.5, 7), (2, 8))
    )
    found = comparison(engine, first, second, metric=MetricName.LOG_LOSS, task=Task.CLASSES)

    split = found.of("test")
    assert split is not None
    assert found.metric is MetricName.LOG_LOSS
    assert [metric.name for metric in split.metrics][:3] == [
        MetricName.ERROR_RATE,
        MetricName.LOG_LOSS,
        MetricName.BRIER,
    ]
    assert split.counts.win_count + split.counts.loss_count > 2400


@pytest.mark.parametrize("groups", [(), ("owner",)], ids=["independent", "clustered"])
def test_areas_are_compared_by_delongs_test(engine: LocalEngine, groups: tuple[str, ...]) -> None:
    first, second = (
        f"select id, round((flag::int + {w} * {U.format(p)}) / {1 + w}, 2) as probability from data"
        for w, p in ((1.5, 7), (2, 8))
    )
    split = comparison(engine, first, second, groups=groups).of("test")

    assert split is not None
    metric = split.of(MetricName.AUC)
    assert metric is not None
    found = engine.connection.execute(
        "select new.probability as a, old.probability as b, flag, owner from test join new using (id)"
        " join old using (id) order by id"
    ).fetchnumpy()
    flag, owner = np.asarray(found["flag"], dtype=bool), np.asarray(found["owner"])
    areas, parts = [], []
    for name in ("a", "b"):
        score = np.asarray(found[name])
        wins = (score[flag][:, None] > score[~flag]) + 0.5 * (score[flag][:, None] == score[~flag])
        areas.append(wins.mean())
        part = np.empty(len(score))
        part[flag] = (wins.mean(axis=1) - wins.mean()) / flag.sum()
        part[~flag] = (wins.mean(axis=0) - wins.mean()) / (~flag).sum()
        parts.append(part)
    assert (metric.predictions, metric.against) == pytest.approx(tuple(areas))
    change = parts[0] - parts[1]
    if groups:
        change = np.bincount(owner - owner.min(), change)
    variance = (change**2).sum() * len(change) / (len(change) - 1)
    assert metric.change.value == pytest.approx(areas[0] - areas[1])
    assert metric.change.standard_error == pytest.approx(np.sqrt(variance), rel=1e-9)
