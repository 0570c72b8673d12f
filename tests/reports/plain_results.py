"""Synthetic rows and learning curves to render, also with words from outside that are hostile."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import cast

import drift_results

from warehouse.checks.diagnosis.learning_curve import CurveQuestion, read_learning_curve
from warehouse.checks.diagnosis.result import MetricName
from warehouse.checks.diagnosis.synthetic_effect import synthetic_effect
from warehouse.checks.drift.pairs import Beyond, Purpose, compare_pair
from warehouse.checks.drift.splits import frame_of
from warehouse.checks.synthetic.examine import examine_rows
from warehouse.checks.synthetic.result import REAL, SYNTHETIC
from warehouse.checks.synthetic.rows import find_synthetic_rows
from warehouse.datasets.spec import ColumnSplit, DatasetSpec, Synthetic
from warehouse.datasets.versions import Version
from warehouse.engine.local import LocalEngine
from warehouse.reports.diagnosis_curve_page import curve_html
from warehouse.reports.synthetic_page import synthetic_html
from warehouse.sql import Relation, identifier, literal
from warehouse.storage import connect

HOSTILE = drift_results.HOSTILE


def _synthetic(column: str, values: tuple[str, ...], *, with_effect: bool) -> str:
    """Rows of which some are copies of test's; one column and its values are called so."""
    spec = DatasetSpec(
        name="d",
        model="m",
        key=("id",),
        label="flag",
        split=ColumnSplit(column="part"),
        synthetic=Synthetic(column="made_up"),
    )
    listed = ", ".join(map(literal, values))
    with connect(None) as connection:
        connection.execute(
            f"""
            create table data as select i as id, i >= 900 and i < 1200 as made_up, hash(i) % 10 < 3 as flag,
                (hash(i * 7 % 1100) % 10000) / 7 as size, i < 1200 as is_train,
                ([{listed}])[1 + (hash(i * 3 % 1100) % {len(values)})::int] as {identifier(column)},
            from range(1500) as r(i)
            """
        )
        for split, condition in (("train", "is_train"), ("test", "not is_train")):
            connection.execute(f"create table {split} as select * exclude is_train from data where {condition}")
        connection.execute("create table p as select id, flag <> (hash(id) % 9 = 0) as prediction from data")
        connection.execute("create table q as select id, flag <> (hash(id) % 4 = 0) as prediction from data")
        engine, splits = LocalEngine(connection), {name: Relation.table(name) for name in ("train", "test")}
        rows = find_synthetic_rows(engine, splits, spec)
        drift = compare_pair(
            engine,
            rows.real,
            rows.synthetic,
            left_name=REAL,
            right_name=SYNTHETIC,
            subject=values[0],
            purpose=Purpose(words="real against made up"),
            frame=frame_of(spec, {"id", "made_up", "flag", "size", column}),
            excluded={},
            beyond=Beyond(),
        )
        result = examine_rows(engine, rows, subject=values[0])
        effect = None
        if with_effect:
            effect = synthetic_effect(
                engine, splits, spec, Relation.table("p"), Relation.table("q"), columns={}, positive=None
            )
    if column in HOSTILE:
        result = replace(result, summary=HOSTILE, not_judged=HOSTILE)
    return synthetic_html(result, drift, effect)


@cache
def synthetic() -> str:
    """With a comparison of two models."""
    return _synthetic("colour", ("late@1.0.0", "blue", "red"), with_effect=True)


@cache
def hostile_synthetic() -> str:
    """Where the data has a say, it says the worst."""
    return _synthetic(HOSTILE[0], HOSTILE, with_effect=False)


def _curve(reference: str, source: str, splits: tuple[str, ...]) -> str:
    parts = tuple(SimpleNamespace(name=name, row_count=10_000) for name in splits)
    version = SimpleNamespace(reference=reference, splits=splits, manifest=SimpleNamespace(splits=parts))
    with connect(None) as connection:
        connection.execute(
            f"create table {identifier(source)} as"
            " select f as fraction, 'dev' as split, 0.05 + 0.03 * f ** -0.4 as error"
            " from (select unnest([0.05, 0.1, 0.2, 0.4, 0.7, 1.0]) as f) union all select 0.5, 'test', 0.1"
        )
        question = CurveQuestion(metric=MetricName.ERROR_RATE, human=0.02)
        result = read_learning_curve(LocalEngine(connection), cast(Version, version), Relation.table(source), question)
    if reference in HOSTILE:
        result = replace(result, summary=HOSTILE)
    return curve_html(result)


@cache
def curve() -> str:
    """Of one split that has points enough and one that has not."""
    return _curve("late@1.0.0", "errors", ("train", "dev", "test"))


@cache
def hostile_curve() -> str:
    """Where the data has a say, it says the worst."""
    return _curve(HOSTILE[1], HOSTILE[0], ("train", "dev", "test"))
