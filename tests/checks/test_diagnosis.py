"""A model's errors are measured as scikit-learn measures them, and told from chance where they can be."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from warehouse.checks.diagnosis import curve_area
from warehouse.checks.diagnosis.diagnose import Question, diagnose
from warehouse.checks.diagnosis.gaps import causes_between, rows_to_tell
from warehouse.checks.diagnosis.result import Answer, Cause, Diagnosis, Level, MetricName, Task
from warehouse.datasets.spec import ColumnSplit, DatasetSpec, Grouping, HashSplit, TimeSplit
from warehouse.engine.local import LocalEngine
from warehouse.errors import PredictionError
from warehouse.sql import Relation, identifier
from warehouse.statistics.estimates import Mean, rate_estimate

NOTHING_SAID = Question()
SPEC = DatasetSpec(name="d", model="m", key=("id",), label="flag", split=ColumnSplit(column="part"))
CUTS = {"train": (0, 3000), "train_dev": (3000, 3600), "dev": (3600, 4400), "test": (4400, 5000)}
U = "((hash(i * 7919 + {}) >> 11)::double / 9007199254740992.0)"
ROWS = {
    "id": "i",
    "flag": f"{U.format(1)} < 0.3",
    "kind": f"['a', 'b', 'it''s'][1 + floor(3 * {U.format(2)})::int]",
    "amount": f"10 * {U.format(3)}",
    "owner": "i // 6",
    "missing": "case when i >= 50 then i::double end",
}
PROBABILITY = f"round((flag::int + 2 * {U.format(4)}) / 3, 2)"


def diagnosis(
    engine: LocalEngine, predictions: str, question: Question = NOTHING_SAID, *, cuts: Any = None, **spec: Any
) -> Diagnosis:
    """Of rows of `ROWS`, whose predictions are this select over `data`."""
    listed = ", ".join(f'{sql} as "{name}"' for name, sql in ROWS.items())
    engine.connection.execute(f"create or replace table data as select i, {listed} from range(5000) as numbers(i)")
    cuts = cuts or CUTS
    for name, (first, end) in cuts.items():
        engine.connection.execute(
            f"create or replace table {name} as select * exclude i from data where i >= {first} and i < {end}"
        )
    engine.connection.execute(f"create or replace table predictions as {predictions}")
    splits = {name: Relation.table(name) for name in cuts}
    return diagnose(engine, splits, replace(SPEC, **spec), Relation.table("predictions"), question)


def columns(engine: LocalEngine, split: str, *names: str) -> list[np.ndarray]:
    found = engine.connection.execute(
        f"select {', '.join(names)} from {split} join predictions as p using (id) order by id"
    ).fetchnumpy()
    return [np.asarray(found[name]) for name in found]


@pytest.mark.parametrize("groups", [(), ("owner",)], ids=["independent", "clustered"])
def test_two_classes_are_measured_as_by_scikit_learn(engine: LocalEngine, groups: tuple[str, ...]) -> None:
    result = diagnosis(engine, f"select id, {PROBABILITY} as probability from data", groups=groups)

    assert (result.task, result.classes, result.positive) == (Task.CLASSES, ("false", "true"), "true")
    assert result.clusters == groups
    for split in CUTS:
        flag, probability = columns(engine, split, "flag", "probability")
        found = {metric.name: metric.estimate.value for metric in result.of(split).metrics}  # type: ignore[union-attr]
        assert found[MetricName.ERROR_RATE] == pytest.approx(np.mean(flag != (probability >= 0.5)))
        assert found[MetricName.LOG_LOSS] == pytest.approx(metrics.log_loss(flag, probability))
        assert found[MetricName.BRIER] == pytest.approx(metrics.brier_score_loss(flag, probability))
        assert found[MetricName.AUC] == pytest.approx(metrics.roc_auc_score(flag, probability), abs=1e-12)
        bins = np.minimum(14, np.floor(probability * 15))
        expected = sum(
            abs(flag[bins == bin_].mean() - probability[bins == bin_].mean()) * np.mean(bins == bin_)
            for bin_ in np.unique(bins)
        )
        assert found[MetricName.CALIBRATION_ERROR] == pytest.approx(expected)


def test_three_classes_are_measured_as_by_scikit_learn(engine: LocalEngine) -> None:
    given = f"""
        select id, a / total as probability_a, b / total as probability_b, c / total as "probability_it's" from (
            select id, (kind = 'a')::int + {U.format(5)} as a, {U.format(6)} as b, (kind = 'it''s')::int + 0.01 as c,
                a + b + c as total from data
        )
    """
    result = diagnosis(engine, given, label="kind")

    kind, *shares = columns(engine, "dev", "kind", "probability_a", "probability_b", '"probability_it\'s"')
    matrix = np.column_stack([np.asarray(share, dtype=float) for share in shares])
    errors = result.of("dev")
    assert errors is not None
    wrong = np.array(["a", "b", "it's"])[matrix.argmax(axis=1)] != kind
    assert errors.of(MetricName.ERROR_RATE).value == pytest.approx(wrong.mean())  # type: ignore[union-attr]
    assert errors.of(MetricName.LOG_LOSS).value == pytest.approx(  # type: ignore[union-attr]
        metrics.log_loss(kind, matrix, labels=["a", "b", "it's"])
    )


def test_numbers_are_measured_as_by_scikit_learn(engine: LocalEngine) -> None:
    result = diagnosis(
        engine,
        f"select id, amount + {U.format(8)} - 0.4 as prediction from data",
        Question(quantile=0.9),
        label="amount",
    )

    truth, predicted = columns(engine, "test", "amount", "prediction")
    found = {metric.name: metric.estimate.value for metric in result.of("test").metrics}  # type: ignore[union-attr]
    assert found == {
        MetricName.MAE: pytest.approx(metrics.mean_absolute_error(truth, predicted)),
        MetricName.RMSE: pytest.approx(metrics.root_mean_squared_error(truth, predicted)),
        MetricName.PINBALL: pytest.approx(metrics.mean_pinball_loss(truth, predicted, alpha=0.9)),
    }
    assert result.metric is MetricName.MAE


def test_a_loss_of_ones_own_needs_no_label(engine: LocalEngine) -> None:
    result = diagnosis(engine, f"select id, {U.format(9)} as loss from data", label=None)

    (loss,) = columns(engine, "dev", "loss")
    assert result.of("dev").of(MetricName.LOSS).value == pytest.approx(loss.mean())  # type: ignore[union-attr]


def delong_variance(truth: np.ndarray, score: np.ndarray, owner: np.ndarray | None = None) -> float:
    """By all pairs, as the paper has it; of clusters as Obuchowski's sums."""
    positive, negative = score[truth], score[~truth]
    wins = (positive[:, None] > negative[None, :]) + 0.5 * (positive[:, None] == negative[None, :])
    first, second, area = wins.mean(axis=1), wins.mean(axis=0), wins.mean()
    if owner is None:
        return float(first.var(ddof=1) / len(first) + second.var(ddof=1) / len(second))
    names, places = np.unique(owner, return_inverse=True)
    parts = np.zeros(len(names))
    np.add.at(parts, places[truth], (first - area) / len(first))
    np.add.at(parts, places[~truth], (second - area) / len(second))
    return float((parts**2).sum() * len(names) / (len(names) - 1))


@pytest.mark.parametrize("groups", [(), ("owner",)], ids=["independent", "clustered"])
def test_the_variance_of_an_area_is_delongs(engine: LocalEngine, groups: tuple[str, ...]) -> None:
    result = diagnosis(engine, f"select id, {PROBABILITY} as probability from data", groups=groups)

    flag, probability, owner = columns(engine, "test", "flag", "probability", "owner")
    estimate = result.of("test").of(MetricName.AUC)  # type: ignore[union-attr]
    assert estimate is not None
    assert estimate.standard_error**2 == pytest.approx(delong_variance(flag, probability, owner if groups else None))


@pytest.mark.parametrize("groups", [(), ("owner",)], ids=["independent", "clustered"])
def test_scores_sorted_in_parts_give_the_same_area(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch, groups: tuple[str, ...]
) -> None:
    given = f"select id, {PROBABILITY} as probability from data"
    whole = [errors.of(MetricName.AUC) for errors in diagnosis(engine, given, groups=groups).splits]

    monkeypatch.setattr(curve_area, "RANGE_ROWS", 100)
    parts = [errors.of(MetricName.AUC) for errors in diagnosis(engine, given, groups=groups).splits]

    for one, other in zip(whole, parts, strict=True):
        assert one is not None
        assert other is not None
        assert (other.value, other.standard_error) == pytest.approx((one.value, one.standard_error), rel=1e-9)


def test_predictions_of_rows_without_labels_say_so(engine: LocalEngine) -> None:
    with pytest.raises(PredictionError, match="no predicted row has a label"):
        diagnosis(
            engine,
            "select id, amount as prediction from data where id < 50",
            Question(human=0.1),
            label="missing",
        )


def test_rows_of_one_group_widen_the_interval(engine: LocalEngine) -> None:
    # The error depends on the owner alone: 100 groups of six, not 600 rows.
    given = "select id, case when hash(owner) % 4 = 0 then not flag else flag end as prediction from data"

    alone = diagnosis(engine, given).of("test").of(MetricName.ERROR_RATE)  # type: ignore[union-attr]
    bound = diagnosis(engine, given, groups=("owner",)).of("test").of(MetricName.ERROR_RATE)  # type: ignore[union-attr]

    assert alone is not None
    assert bound is not None
    assert bound.cluster_count in (100, 101)
    assert bound.high - bound.low == pytest.approx(math.sqrt(6) * (alone.high - alone.low), rel=0.1)


ERRS = {"train": 0.10, "train_dev": 0.11, "dev": 0.30, "test": 0.31}


def wrong_at(rates: dict[str, float]) -> str:
    """Predictions that are wrong at these rates."""
    rate = " ".join(f"when i < {CUTS[split][1]} then {share}" for split, share in rates.items())
    return (
        f"select id, case when {U.format(10)} < (case {rate} end) then not flag else flag end as prediction from data"
    )


def test_the_planted_gap_is_the_largest_and_gets_its_advice(engine: LocalEngine) -> None:
    result = diagnosis(engine, wrong_at(ERRS), Question(human=0.1, difference=0.05))

    assert [(gap.left, gap.right, gap.causes) for gap in result.gaps] == [
        ("human", "train", (Cause.BIAS,)),
        ("train", "train_dev", (Cause.VARIANCE,)),
        ("train_dev", "dev", (Cause.MISMATCH,)),
        ("dev", "test", (Cause.DEV_OVERFITTING,)),
    ]
    assert result.largest is result.gaps[2]
    assert [gap.answer for gap in result.gaps[:2]] == [Answer.ABSENT, Answer.ABSENT]
    assert result.summary[0].startswith("The largest gap is data mismatch, from train_dev to dev: ")
    assert [advice.cause for advice in result.advice] == [Cause.MISMATCH]
    assert result.advice[0].sources[1] == "Andrew Ng, Machine Learning Yearning (2018), chapters 14 and 40 to 43"
    assert [finding.check for finding in result.findings if finding.severity == "warning"] == ["data_mismatch"]


def test_too_few_rows_are_said_with_how_many_more(engine: LocalEngine) -> None:
    result = diagnosis(engine, wrong_at(dict.fromkeys(ERRS, 0.2)), Question(difference=0.01))

    undecided = [gap for gap in result.gaps if gap.answer is Answer.UNDECIDED]
    assert undecided
    assert all(gap.more_rows for gap in undecided)
    assert any(text.startswith("Not enough rows to tell whether there is") for text in result.summary)
    assert any("would show it, or show that it is less than 1 point" in text for text in result.summary)
    assert result.summary[-1].startswith("test has 600 rows and tells two models apart that differ by ")


def test_the_rows_that_are_said_to_be_missing_do_tell() -> None:
    def level(name: str, rows: int) -> Level:
        return Level(name=name, estimate=rate_estimate(Mean(value=0.2, standard_error=0.0, row_count=rows)))

    left, right = level("train", 100_000), level("dev", 800)
    (needed,) = rows_to_tell(left, right, 0.02)
    assert needed.split == "dev"

    after = rows_to_tell(left, level("dev", 800 + needed.row_count), 0.02)
    assert sum(each.row_count for each in after) < 5


@pytest.mark.parametrize(
    ("present", "left", "right", "causes"),
    [
        ("train dev test", "train", "dev", (Cause.VARIANCE, Cause.MISMATCH)),
        ("train train_dev test", "train_dev", "test", (Cause.MISMATCH,)),
        ("train test", "train", "test", (Cause.VARIANCE, Cause.MISMATCH)),
        ("train train_dev dev test", "human", "dev", (Cause.BIAS, Cause.VARIANCE, Cause.MISMATCH)),
    ],
)
def test_a_split_that_is_not_there_leaves_its_causes_together(
    present: str, left: str, right: str, causes: tuple[Cause, ...]
) -> None:
    assert causes_between(left, right, SPEC, splits=present.split()) == causes


def test_splits_by_hash_alone_cannot_mismatch() -> None:
    spec = replace(SPEC, split=HashSplit(shares={"train": 0.8, "test": 0.2}, salt="s"))

    assert causes_between("train", "test", spec, splits=["train", "test"]) == (Cause.VARIANCE,)


def test_a_test_set_that_is_later_than_dev_differs_by_its_time_too() -> None:
    spec = replace(
        SPEC,
        time="happened_at",
        split=TimeSplit(cutoffs=None, shares={"train": 0.8, "dev": 0.1, "test": 0.1}, salt="s"),
    )

    assert causes_between("dev", "test", spec, splits=CUTS) == (Cause.LATER_TIME, Cause.DEV_OVERFITTING)
    assert causes_between("train_dev", "dev", spec, splits=CUTS) == (Cause.MISMATCH,)
    assert causes_between("train", "test", spec, splits=["train", "test"]) == (Cause.VARIANCE, Cause.MISMATCH)


def test_missing_and_extra_keys_are_counted_and_shown(engine: LocalEngine) -> None:
    result = diagnosis(
        engine,
        "select id, flag as prediction from data where id not in (3600, 3601) and id >= 3000"
        " union all values (90001, true), (90002, false)",
    )

    by_split = {split.split: split for split in result.coverage.splits}
    assert (by_split["train"].predicted_count, by_split["train"].missing_examples) == (0, ())
    assert (by_split["dev"].missing_count, by_split["dev"].missing_examples) == (2, ("3600", "3601"))
    assert (result.coverage.extra_count, result.coverage.extra_examples) == (2, ("90001", "90002"))
    assert "train: it has no predictions" in result.not_judged
    assert [finding.check for finding in result.findings[:2]] == ["missing_predictions", "extra_predictions"]


def test_rows_without_a_label_are_left_out(engine: LocalEngine) -> None:
    # Labels are read from the splits; a label that is missing there cannot be judged.
    diagnosis(engine, "select id, flag as prediction from data")
    engine.connection.execute("update dev set flag = null where id % 2 = 0")
    splits = {name: Relation.table(name) for name in CUTS}

    result = diagnose(engine, splits, SPEC, Relation.table("predictions"))

    (dev,) = [split for split in result.coverage.splits if split.split == "dev"]
    assert (dev.unlabelled_count, dev.judged_count) == (400, 400)
    assert result.of("dev").of(MetricName.ERROR_RATE).row_count == 400  # type: ignore[union-attr]


FAULTS = {
    "key missing": ("select id as number, flag as prediction from data", {}, "there is no column for the key 'id'"),
    "null key": ("select nullif(id, 7) as id, flag as prediction from data", {}, "1 row has no key 'id'"),
    "key of another type": (
        "select date '2020-01-01' as id, true as prediction",
        {},
        "the key 'id' is BIGINT in the dataset and",
    ),
    "key not a number": ("select 'k' || id as id, flag as prediction from data", {}, "none of the dataset's type"),
    "no key meets": ("select id + 100000 as id, flag as prediction from data", {}, "no key of predictions is in any"),
    "twice": (
        "select id, flag as prediction from data union all select id, flag from data where id < 2",
        {},
        "2 predictions too many: keys are there more than once (0; 1)",
    ),
    "no prediction": ("select id, flag as guess from data", {}, "there is no prediction; columns: id, guess"),
    "null prediction": ("select id, nullif(flag, true) as prediction from data where id < 9", {}, "no 'prediction'"),
    "unseen class": ("select id, 'maybe' as prediction from data", {}, "no class of the label 'flag': maybe at 0;"),
    "number for a flag": ("select id, 2 as prediction from data", {}, "its classes: false, true"),
    "percentages": ("select id, 70.0 as probability from data", {}, "outside of 0 to 1: 70.0 at 0;"),
    "negative": ("select id, -0.1 as probability from data", {}, "5,000 rows have a 'probability' outside of 0 to 1"),
    "NaN probability": ("select id, 'nan'::double as probability from data", {}, "have no 'probability', or NaN"),
    "sum": (
        "select id, 0.5 as probability_true, 0.4 as probability_false from data",
        {},
        "have probabilities that do not sum to 1: 0.9 at 0;",
    ),
    "probability of no class": ("select id, 0.5 as probability_tru from data", {}, "did you mean 'true'?"),
    "one probability for three": ("select id, 0.5 as probability from data", {"label": "kind"}, "one column per class"),
    "NaN number": ("select id, 'nan'::double as prediction from data", {"label": "amount"}, "NaN or infinite"),
    "text for a number": ("select id, 'x' as prediction from data", {"label": "amount"}, "is VARCHAR, and the label"),
    "infinite loss": (
        "select id, 'inf'::double as loss from data",
        {"label": None},
        "have a 'loss' that is NaN or inf",
    ),
    "no label": ("select id, 1 as prediction from data", {"label": None}, "the dataset has no label"),
    "empty": ("select id, flag as prediction from data where false", {}, "predictions holds no rows"),
}


@pytest.mark.parametrize(("given", "spec", "message"), FAULTS.values(), ids=FAULTS)
def test_predictions_that_cannot_be_used_say_why(
    engine: LocalEngine, given: str, spec: dict[str, Any], message: str
) -> None:
    with pytest.raises(PredictionError) as caught:
        diagnosis(engine, given, **spec)

    assert message in str(caught.value)
    assert engine.connection.execute("select count(*) from duckdb_tables() where temporary").fetchall() == [(0,)]


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (Question(human=5.0), "--human must be a share from 0 to 1"),
        (Question(metric=MetricName.AUC), "these predictions do not tell auc; known: error_rate"),
        (Question(human_rows=10), "--human is not given"),
        (Question(difference=0.0), "--detect must be above 0"),
        (Question(columns={"predicton": "prediction"}), "did you mean 'prediction'?"),
        (Question(columns={"prediction": "predicted"}), "there is no column 'predicted' for 'prediction'"),
        (Question(positive="maybe"), "--positive 'maybe' is no class"),
        (Question(task=Task.LOSS), "there is no column 'loss'"),
    ],
)
def test_questions_that_have_no_answer_say_why(engine: LocalEngine, question: Question, message: str) -> None:
    with pytest.raises(PredictionError) as caught:
        diagnosis(engine, "select id, flag as prediction from data", question)

    assert message in str(caught.value)


@pytest.mark.parametrize(
    "prediction", ["flag", "flag::int", "flag::varchar", "upper(flag::varchar)", "flag::int::double"]
)
def test_a_flag_may_be_written_in_any_way(engine: LocalEngine, prediction: str) -> None:
    result = diagnosis(engine, f"select id::varchar as id, {prediction} as prediction from data")

    assert result.of("test").of(MetricName.ERROR_RATE).value == 0  # type: ignore[union-attr]


def test_hostile_names_and_two_key_columns_are_joined(engine: LocalEngine) -> None:
    key, label = ('s"k', "select"), "it's é"
    listed = f"i // 9 as {identifier(key[0])}, 'k' || (i % 9) as {identifier(key[1])}, i % 2 = 0 as {identifier(label)}"
    for name, (first, end) in CUTS.items():
        engine.connection.execute(
            f"create table {name} as select {listed}, i % 50 as g from range({first}, {end}) t(i)"
        )
    engine.connection.execute(
        f'create table predictions as select {listed}, 0.25 + (i % 2) / 2 as "a b" from range(5000) t(i)'
    )
    spec = replace(SPEC, key=key, label=label, groups=("g", label), grouping=Grouping.COMPOSITE)

    result = diagnose(
        engine,
        {name: Relation.table(name) for name in CUTS},
        spec,
        Relation.table("predictions"),
        Question(columns={"probability": "a b"}, positive="false"),
    )

    assert result.of("test").of(MetricName.ERROR_RATE).value == 0  # type: ignore[union-attr]
    assert result.of("test").of(MetricName.AUC).value == 1  # type: ignore[union-attr]
    assert result.clusters == ("g", label)
