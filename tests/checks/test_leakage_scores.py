"""Error reduction and information equal what NumPy and SciPy compute from the same rows, to nine digits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import entropy, rankdata

from warehouse.checks.leakage.result import LabelKind, LeakageResult, Score
from warehouse.checks.leakage.search import find_leaks
from warehouse.datasets.spec import DatasetSpec, HashSplit
from warehouse.engine.local import LocalEngine
from warehouse.sql import Relation

SPEC = DatasetSpec(
    name="d",
    model="m",
    key=("id",),
    label="label",
    split=HashSplit(shares={"train": 0.7, "dev": 0.1, "test": 0.2}, salt="s"),
)
SPLITS = {"train": 6000, "dev": 700, "test": 1500}
SMOOTHING = 2.0
STEPS = 64

U = "((hash(i * 1000003 + {} * 7919) >> 11)::double / 9007199254740992.0 + 1e-17)"
Z = f"sqrt(-2 * ln({U})) * cos(2 * pi() * {U})"
CLASSES = {
    "two": f"{U.format(1)} < 0.4",
    "rare": f"case when {U.format(1)} < 0.97 then 'common' when {U.format(1)} < 0.995 then 'rare' else 'rarest' end",
    "many": f"'class ' || floor(12 * pow({U.format(1)}, 2))::int",
    "few_numbers": f"floor(5 * pow({U.format(1)}, 2))::int",
    "missing": f"case when {U.format(8)} < 0.8 then ['a', 'b', 'c'][1 + floor(3 * {U.format(1)})::int] end",
}
NUMBERS = {
    "skewed": f"exp(2 * {Z.format(1, 2)})",
    "whole": f"floor(3000 * {U.format(1)})::bigint",
    "odd": f"case when {U.format(8)} < 0.1 then 'nan'::double when {U.format(8)} < 0.15 then null"
    f" when {U.format(8)} < 0.2 then 'inf'::double else {U.format(1)} end",
}
FEATURES = {
    # Each says something of the label, through the same random number, and each in its own kind of cell.
    "category": f"'kind ' || floor(8 * least(0.999, pow({U.format(1)}, 2) * 0.7 + {U.format(3)} * 0.3))::int",
    "gaps": f"case when {U.format(4)} < 0.7 then 'kind ' || floor(300 * {U.format(1)})::int end",
    "small": f"floor(20 * {U.format(1)} + 5 * {U.format(5)})::int",
    "number": f"{U.format(1)} + 0.2 * {Z.format(5, 6)}",
    "odd_number": f"case when {U.format(7)} < 0.1 then null when {U.format(1)} < 0.1 then 'nan'::double"
    f" when {U.format(1)} < 0.15 then 'inf'::double when {U.format(1)} < 0.2 then '-inf'::double"
    f" else {U.format(1)} + 0.1 * {Z.format(6, 7)} end",
    "price": f"round(100 * {U.format(1)} + 30 * {U.format(5)}, 2)::decimal(9, 2)",
    "moment": f"timestamp '2025-01-01' + to_seconds(floor(1e6 * {U.format(1)} + 1e6 * {U.format(9)})::bigint)",
    "noise": f"'kind ' || floor(40 * {U.format(10)})::int",
    "wide": f"floor(1e6 * {U.format(1)} * {U.format(11)})::bigint",
}
CATEGORIES = ("category", "gaps", "small", "noise")
"""Whose every value is a cell; the others are cut."""

Rows = dict[str, NDArray[Any]]


def scored(engine: LocalEngine, label: str) -> tuple[LeakageResult, Rows]:
    """Ours, and the rows: `split`, `half` of train, `label`, and each feature as an array of objects."""
    columns = ", ".join(f'{sql} as "{name}"' for name, sql in FEATURES.items())
    first = 0
    for split, count in SPLITS.items():
        engine.connection.execute(
            f"create or replace table {split} as select i as id, {label} as label, {columns}"
            f" from range({first}, {first + count}) as numbers(i)"
        )
        first += count
    result = find_leaks(engine, {name: Relation.table(name) for name in SPLITS}, replace(SPEC, time=None))
    read = " union all ".join(f"select '{split}' as split, * from {split}" for split in SPLITS)
    cursor = engine.connection.execute(
        f"select * replace (epoch_us(moment) as moment, price::double as price), (md5(id::varchar) < '8')::int as half"
        f" from ({read})"
    )
    names = [column[0] for column in cursor.description]
    rows = list(zip(*cursor.fetchall(), strict=True))
    return result, {name: np.array(values, dtype=object) for name, values in zip(names, rows, strict=True)}


def is_number(value: Any) -> bool:
    return value is not None and math.isfinite(value)


def quantiles(values: NDArray[Any], levels: Sequence[float]) -> list[float]:
    """The smallest value with at least this share of all at or below it."""
    ordered = np.sort(values.astype(float))
    return [float(ordered[max(0, math.ceil(level * len(ordered)) - 1)]) for level in levels]


def cells(rows: Rows, name: str, labels: NDArray[Any], learned: NDArray[np.bool_], *, ranked: bool) -> NDArray[Any]:
    values = rows[name]
    if name in CATEGORIES:
        return np.array([repr(value) for value in values])
    numbers = np.array([is_number(value) for value in values])
    known = values[learned & numbers]
    bounds = set(quantiles(known, [step / 64 for step in range(1, 64)]))
    if not ranked:
        kinds, counts = np.unique(labels[learned], return_counts=True)
        for kind in [kinds[place] for place in np.lexsort((kinds, -counts))][:4]:
            bounds |= set(quantiles(values[learned & numbers & (labels == kind)], [s / 16 for s in range(17)]))
    cuts = np.array(sorted(bounds)[: None if ranked else -1])
    return np.array(
        [
            str(np.searchsorted(cuts, float(value), side="left")) if is_number(value) else f"odd {value}"
            for value in values
        ]
    )


def expected_of_classes(where: NDArray[Any], labels: NDArray[Any], learned: Any, asked: Any) -> tuple[float, float]:
    """Error reduction and information, row by row."""
    kinds, counts = np.unique(labels[learned], return_counts=True)
    total = int(counts.sum())
    best = kinds[counts.argmax()]
    shares = {kind: (count + 0.5) / (total + 1.0) for kind, count in zip(kinds, counts, strict=True)}
    table: dict[str, dict[int, int]] = {}
    for cell, label in zip(where[learned], labels[learned], strict=True):
        table.setdefault(cell, {}).setdefault(label, 0)
        table[cell][label] += 1
    errors = plain = 0
    smoothed, prior = [], []
    for cell, label in zip(where[asked], labels[asked], strict=True):
        here = table.get(cell, {})
        guess = min(here, key=lambda kind: (-here[kind], kind)) if here else best
        errors += label != guess
        plain += label != best
        share = shares.get(label, 0.5 / (total + 1.0))
        smoothed.append((here.get(label, 0) + SMOOTHING * share) / (sum(here.values()) + SMOOTHING))
        prior.append(share)
    return 1 - errors / plain, 1 - float(np.log(smoothed).sum() / np.log(prior).sum())


def expected_of_ranks(where: NDArray[Any], steps: NDArray[Any], learned: Any, asked: Any) -> float:
    known = np.unique(steps[learned])
    middle = (rankdata(steps[learned]) - 0.5) / learned.sum()
    rank_of = dict(zip(steps[learned], middle, strict=True))

    def rank(step: int) -> float:
        below = known[known <= step]
        return float(rank_of[below[-1]]) if len(below) else 0.0

    ranks = np.array([rank(step) for step in steps])
    mean = ranks[learned].mean()
    guesses = {}
    for cell in np.unique(where[learned]):
        here = ranks[learned & (where == cell)]
        guesses[cell] = (here.sum() + SMOOTHING * mean) / (len(here) + SMOOTHING)
    errors = sum((value - guesses.get(cell, mean)) ** 2 for value, cell in zip(ranks[asked], where[asked], strict=True))
    return float(1 - math.sqrt(errors / ((ranks[asked] - mean) ** 2).sum()))


def each_score(result: LeakageResult, rows: Rows) -> list[tuple[str, Score, NDArray[np.bool_]]]:
    """Every score of every feature with the rows that it is of."""
    found = []
    for predictor in result.predictors:
        if predictor.name != "id":
            for score in predictor.scores:
                inside = rows["split"] == score.split
                found.append((predictor.name, score, inside & ((rows["half"] == 1) | (score.split != "train"))))
    return found


@pytest.mark.parametrize("label", CLASSES)
def test_scores_of_classes_equal_those_computed_row_by_row(engine: LocalEngine, label: str) -> None:
    result, rows = scored(engine, CLASSES[label])
    has_label = np.array([value is not None for value in rows["label"]])
    train = (rows["split"] == "train") & has_label
    order: Callable[[Any], Any] = lambda value: (str(type(value)), value)  # noqa: E731
    places = {kind: place for place, kind in enumerate(sorted(set(rows["label"][train]), key=order))}
    labels = np.array([places.get(value, len(places)) for value in rows["label"]])
    learned = train & (rows["half"] == 0)

    assert result.label_kind is LabelKind.CLASS
    assert {name for name, *_ in each_score(result, rows)} == set(FEATURES)
    for name, score, inside in each_score(result, rows):
        where = cells(rows, name, labels, learned, ranked=False)
        reduction, information = expected_of_classes(where, labels, learned, inside & has_label)
        assert score.row_count == int((inside & has_label).sum())
        assert score.error_reduction == pytest.approx(reduction, abs=1e-9), (name, score.split)
        assert score.information == pytest.approx(information, abs=1e-9), (name, score.split)


@pytest.mark.parametrize("label", NUMBERS)
def test_scores_of_numbers_equal_those_computed_row_by_row(engine: LocalEngine, label: str) -> None:
    result, rows = scored(engine, NUMBERS[label])
    has_label = np.array([is_number(value) for value in rows["label"]])
    train = (rows["split"] == "train") & has_label
    cuts = np.unique(quantiles(rows["label"][train], [step / STEPS for step in range(1, STEPS)]))
    numbers = [float(value) if known else 0.0 for value, known in zip(rows["label"], has_label, strict=True)]
    steps = np.searchsorted(cuts, np.array(numbers), side="right")
    learned = train & (rows["half"] == 0)

    assert result.label_kind is LabelKind.NUMBER
    assert {name for name, *_ in each_score(result, rows)} == set(FEATURES)
    for name, score, inside in each_score(result, rows):
        where = cells(rows, name, steps, learned, ranked=True)
        reduction = expected_of_ranks(where, steps, learned, inside & has_label)
        assert score.row_count == int((inside & has_label).sum())
        assert score.information is None
        assert score.error_reduction == pytest.approx(reduction, abs=1e-9), (name, score.split)


def leaks_of(engine: LocalEngine, columns: str, *, train: int, test: int) -> LeakageResult:
    """The leaks between splits of so many rows, whose columns are these expressions of the key `i`."""
    for split, first, end in (("train", 0, train), ("test", train, train + test)):
        engine.connection.execute(
            f"create or replace table {split} as select i as id, {columns} from range({first}, {end}) as numbers(i)"
        )
    return find_leaks(engine, {name: Relation.table(name) for name in ("train", "test")}, SPEC)


def test_a_full_copy_of_the_label_explains_its_entropy(engine: LocalEngine) -> None:
    """Without smoothing the information is one; with it, it lacks what the prior rows of each cell cost."""
    result = leaks_of(engine, f"{CLASSES['many']} as label, label as copy", train=4000, test=1000)

    (score,) = [
        score for each in result.predictors if each.name == "copy" for score in each.scores if score.split == "test"
    ]
    counts = engine.connection.execute("select count(*) from test group by label").fetchnumpy()["count_star()"]
    assert score.error_reduction == 1.0
    assert score.information is not None
    assert 1 - score.information < 40 / (1000 * entropy(counts / counts.sum()))


def test_zeros_of_either_sign_are_one_label(engine: LocalEngine) -> None:
    columns = "['0.0', '-0.0', '1.0'][1 + i % 3]::double as label, i % 3 = 2 as teller"

    result = leaks_of(engine, columns, train=900, test=600)

    (teller,) = (each for each in result.predictors if each.name == "teller")
    assert {score.error_reduction for score in teller.scores} == {1.0}
