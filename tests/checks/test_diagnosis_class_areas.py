"""AUC of more than two classes is scikit-learn's, and its interval that of the rows drawn again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from test_diagnosis import NOTHING_SAID, PROBABILITY, SPEC, U
from test_diagnosis import diagnosis as of_two

from warehouse.checks.diagnosis import class_areas
from warehouse.checks.diagnosis.diagnose import Question, diagnose
from warehouse.checks.diagnosis.result import Diagnosis, MetricName
from warehouse.checks.diagnosis.target import MOST_AREA_CLASSES
from warehouse.engine.local import LocalEngine
from warehouse.sql import Relation, identifier

CLASSES = ("a", "b", "it's", "z")
SPLITS = {"train": (0, 900), "dev": (900, 1_500), "test": (1_500, 1_900)}


def diagnosis(
    engine: LocalEngine, *, groups: tuple[str, ...] = (), kind: str = "", question: Question = NOTHING_SAID
) -> Diagnosis:
    """Of four classes of unlike size, of which the last is in train alone; probabilities tie."""
    reach = "(case when i < 900 then 4 else 3 end)"
    kind = kind or f"['a', 'b', 'it''s', 'z'][1 + floor({reach} * {U.format(2)} ** 2)::int]"
    engine.connection.execute(
        f"create or replace table data as select i as id, {kind} as kind, i // 5 as owner from range(1900) as t(i)"
    )
    for name, (first, end) in SPLITS.items():
        engine.connection.execute(
            f"create or replace table {name} as select * from data where id >= {first} and id < {end}"
        )
    known = [row[0] for row in engine.connection.execute("select distinct kind from data order by 1").fetchall()]
    # People of one group are predicted alike.
    weights = [
        f"round({U.format(10 + code).replace('i *', 'id *')} + 0.6 * (kind = ?)::int"
        f" + {U.format(90 + code).replace('i *', 'owner *')}, 1) + 0.01 as w{code}"
        for code in range(len(known))
    ]
    total = " + ".join(f"w{code}" for code in range(len(known)))
    shares = ", ".join(f"w{code} / ({total}) as {identifier(f'probability_{name}')}" for code, name in enumerate(known))
    engine.connection.execute(
        f"create or replace table predictions as select id, {shares} from (select *, {', '.join(weights)} from data)",
        known,
    )
    spec = replace(SPEC, label="kind", groups=groups)
    splits = {name: Relation.table(name) for name in SPLITS}
    return diagnose(engine, splits, spec, Relation.table("predictions"), question)


def rows_of(engine: LocalEngine, split: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, probabilities and owners."""
    listed = ", ".join(identifier(f"probability_{name}") for name in CLASSES)
    found = engine.connection.execute(
        f"select kind, owner, {listed} from {split} join predictions using (id)"
    ).fetchall()
    label, owner, *shares = zip(*found, strict=True)
    return np.array(label), np.column_stack(shares), np.array(owner)


def ovr(label: np.ndarray, shares: np.ndarray, average: str) -> float:
    """Over the classes that are there, as scikit-learn has it when it is asked of these."""
    there = [place for place, name in enumerate(CLASSES) if (label == name).any()]
    truth = np.column_stack([label == CLASSES[place] for place in there])
    return float(roc_auc_score(truth, shares[:, there], average=average))


@pytest.mark.parametrize("together", [True, False], ids=["together", "one by one"])
@pytest.mark.parametrize("groups", [(), ("owner",)], ids=["independent", "clustered"])
def test_the_mean_area_is_scikit_learns(
    engine: LocalEngine, groups: tuple[str, ...], together: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not together:
        monkeypatch.setattr(class_areas, "TOGETHER", 0)
    result = diagnosis(engine, groups=groups)

    for split in SPLITS:
        label, shares, _ = rows_of(engine, split)
        errors = result.of(split)
        assert errors is not None
        for name, average in ((MetricName.AUC, "macro"), (MetricName.AUC_WEIGHTED, "weighted")):
            estimate = errors.of(name)
            assert estimate is not None
            assert estimate.value == pytest.approx(ovr(label, shares, average), abs=1e-12)
            assert estimate.low < estimate.value < estimate.high
            assert (estimate.cluster_count is not None) == bool(groups)
            if split == "train":
                whole = roc_auc_score(label, shares, multi_class="ovr", average=average, labels=CLASSES)
                assert estimate.value == pytest.approx(whole, abs=1e-12)


def test_a_class_that_a_split_lacks_is_left_out_and_named(engine: LocalEngine) -> None:
    result = diagnosis(engine)

    assert [errors.absent_classes for errors in result.splits] == [(), ("z",), ("z",)]
    assert "dev: no judged row is of z; AUC is of the other classes" in result.not_judged


@pytest.mark.parametrize("groups", [(), ("owner",)], ids=["independent", "clustered"])
def test_the_interval_is_that_of_rows_drawn_again(engine: LocalEngine, groups: tuple[str, ...]) -> None:
    result = diagnosis(engine, groups=groups).of("test")
    label, shares, owner = rows_of(engine, "test")
    assert result is not None
    random = np.random.default_rng(5)
    units = [np.flatnonzero(owner == name) for name in np.unique(owner)] if groups else np.arange(len(label))[:, None]
    drawn: dict[str, list[float]] = {"macro": [], "weighted": []}
    for _ in range(150):
        chosen = np.concatenate([units[place] for place in random.integers(0, len(units), len(units))])
        for average, values in drawn.items():
            values.append(ovr(label[chosen], shares[chosen], average))

    for name, average in ((MetricName.AUC, "macro"), (MetricName.AUC_WEIGHTED, "weighted")):
        estimate = result.of(name)
        assert estimate is not None
        # So many draws tell a spread to within 6 % (one standard error).
        assert estimate.standard_error == pytest.approx(np.std(drawn[average]), rel=0.2)


@pytest.mark.parametrize("groups", [(), ("owner",)], ids=["independent", "clustered"])
def test_areas_one_by_one_are_never_surer(
    engine: LocalEngine, groups: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = diagnosis(engine, groups=groups)
    monkeypatch.setattr(class_areas, "TOGETHER", 0)
    wide = diagnosis(engine, groups=groups)

    for split in SPLITS:
        for name in (MetricName.AUC, MetricName.AUC_WEIGHTED):
            one, other = (result.of(split).of(name) for result in (exact, wide))  # type: ignore[union-attr]
            assert one is not None
            assert other is not None
            assert one.standard_error <= other.standard_error < 3 * one.standard_error


def test_a_class_of_one_row_leaves_everything_open(engine: LocalEngine) -> None:
    result = diagnosis(engine, kind="case when i = 1600 then 'a' when i % 3 = 0 then 'b' else 'c' end")

    estimate = result.of("test").of(MetricName.AUC)  # type: ignore[union-attr]
    assert estimate is not None
    assert (estimate.low, estimate.high) == (0, 1)


def test_the_chart_may_be_in_the_weighted_mean(engine: LocalEngine) -> None:
    result = diagnosis(engine, question=Question(metric=MetricName.AUC_WEIGHTED, human=0.9))

    assert result.metric is MetricName.AUC_WEIGHTED
    assert result.gaps[0].change.value > 0


def test_too_many_classes_have_no_area(engine: LocalEngine) -> None:
    count = MOST_AREA_CLASSES + 1
    result = diagnosis(engine, kind=f"'k' || (i % {count})")

    assert result.of("dev").of(MetricName.AUC) is None  # type: ignore[union-attr]
    assert f"AUC: it is told of up to {MOST_AREA_CLASSES} classes, and there are {count}" in result.not_judged


def test_two_classes_have_one_area(engine: LocalEngine) -> None:
    result = of_two(engine, f"select id, {PROBABILITY} as probability from data")

    errors = result.of("dev")
    assert errors is not None
    assert errors.of(MetricName.AUC_WEIGHTED) is None
    assert errors.absent_classes == ()
