"""What two models' errors differ by, row by row, is what numpy finds; one model's errors are told apart by source."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import test_synthetic

from warehouse.checks.diagnosis.result import MetricName, Task
from warehouse.checks.diagnosis.synthetic_effect import Effect, SyntheticEffect, synthetic_effect
from warehouse.datasets.spec import DatasetSpec, Synthetic
from warehouse.engine.local import LocalEngine
from warehouse.errors import PredictionError
from warehouse.sql import Relation

SPEC = replace(test_synthetic.SPEC, synthetic=Synthetic(column="made up"))
U = "(hash(concat(id, ' {}')) % 1000)"
WITH = f"select id, case when {U.format('a')} < error_with then not flag else flag end as prediction from data"
WITHOUT = f"select id, case when {U.format('a')} < error_without then not flag else flag end as prediction from data"


def found(
    engine: LocalEngine, first: str = WITH, second: str | None = WITHOUT, spec: DatasetSpec = SPEC
) -> SyntheticEffect:
    """Errors in thousandths: with synthetic rows fewer on test, more on dev; a synthetic row is easier."""
    engine.connection.execute(f"""
        create or replace table data as select
            id, owner, part, "made up", {U.format("flag")} < 400 as flag, id::double as amount,
            case when "made up" then 20 when part = 'dev' then 300 else 150 end as error_with,
            case when part = 'train' then 150 when part = 'dev' then 150 else 250 end as error_without,
        from (
            select i as id, i // 5 as owner, i % 3 = 0 and i < 4000 as "made up",
                case when i < 4000 then 'train' when i < 5000 then 'dev' else 'test' end as part,
            from range(6500) as r(i)
        )
    """)
    for split in ("train", "dev", "test"):
        engine.connection.execute(
            f"create or replace table {split} as select * exclude (error_with, error_without) from data"
            f" where part = '{split}'"
        )
    engine.connection.execute(f"create or replace table p as {first}")
    engine.connection.execute(f"create or replace table q as {second or first}")
    splits = {name: Relation.table(name) for name in ("train", "dev", "test")}
    without = Relation.table("q") if second else None
    return synthetic_effect(engine, splits, spec, Relation.table("p"), without, columns={})


def losses(engine: LocalEngine, table: str, split: str, condition: str) -> np.ndarray:
    rows = engine.connection.execute(
        f"select prediction <> flag from {split} join {table} using (id) where {condition} order by id"
    ).fetchall()
    return np.array([row[0] for row in rows], dtype=float)


def test_changes_are_paired_differences_on_real_rows(engine: LocalEngine) -> None:
    result = found(engine)

    assert (result.task, result.metric) == (Task.CLASSES, MetricName.ERROR_RATE)
    assert {change.split: change.effect for change in result.changes} == {
        "train": Effect.NOTHING,
        "dev": Effect.HURTS,
        "test": Effect.HELPS,
    }
    for change in result.changes:
        own = losses(engine, "p", change.split, 'not "made up"')
        other = losses(engine, "q", change.split, 'not "made up"')
        assert change.row_count == len(own)
        assert change.with_synthetic == pytest.approx(own.mean())
        assert change.without == pytest.approx(other.mean())
        assert change.change.value == pytest.approx((own - other).mean())
        error = (own - other).std(ddof=1) / np.sqrt(len(own))
        assert change.change.standard_error == pytest.approx(error, rel=2e-3)
    (finding,) = result.findings
    assert (finding.severity, finding.check, finding.subject) == ("warning", "synthetic_effect", "dev")
    assert any(sentence.startswith("Learning from them helps on real rows of test") for sentence in result.summary)


def test_errors_on_synthetic_rows_are_told_apart(engine: LocalEngine) -> None:
    result = found(engine, second=None)

    errors = {(error.split, error.source): error.estimate.value for error in result.errors}
    assert set(errors) == {("train", "real"), ("train", "synthetic"), ("dev", "real"), ("test", "real")}
    for (split, source), value in errors.items():
        condition = '"made up"' if source == "synthetic" else 'not "made up"'
        assert value == pytest.approx(losses(engine, "p", split, condition).mean())
    (gap,) = result.gaps
    assert gap.change.high < 0
    assert "they are easier" in result.summary[0]
    assert result.not_judged == (
        "whether synthetic rows help: that needs the predictions of a model that learned without them",
    )


def test_groups_widen_the_interval_and_tables_are_given_back(engine: LocalEngine) -> None:
    alone = found(engine)
    grouped = found(engine, spec=replace(SPEC, groups=("owner",)))

    assert grouped.clusters == ("owner",)
    assert grouped.changes[1].change.cluster_count == 200
    assert grouped.changes[1].change.value == pytest.approx(alone.changes[1].change.value)
    left = engine.connection.execute("select table_name from duckdb_tables() where temporary").fetchall()
    assert left == []


def test_a_ranking_has_no_errors_of_single_rows(engine: LocalEngine) -> None:
    with pytest.raises(PredictionError, match="a ranking has none"):
        found(engine, "select id, id as score, owner as query from data", None)


def test_two_models_that_share_no_row_cannot_be_compared(engine: LocalEngine) -> None:
    with pytest.raises(PredictionError, match="no labelled row has a prediction both in"):
        found(engine, f"{WITH} where id >= 5000", f"{WITHOUT} where id < 5000")


def test_numbers_are_compared_by_absolute_error(engine: LocalEngine) -> None:
    spec = replace(SPEC, label="amount")
    shifted = "select id, amount + {} as prediction from data"
    result = found(engine, shifted.format(1), shifted.format(-3), spec)

    assert {change.metric for change in result.changes} == {MetricName.MAE, MetricName.RMSE}
    assert all(change.change.value == -2 for change in result.changes)
    assert all(change.effect is Effect.HELPS for change in result.changes)
