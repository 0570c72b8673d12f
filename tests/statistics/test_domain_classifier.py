"""The classifier of two samples: what it finds, and how often it cries wolf."""

from __future__ import annotations

import numpy as np
import pytest

from warehouse.statistics.domain_classifier import Separation, mid_ranks, separate
from warehouse.statistics.row_samples import Feature, RowSample

pytest.importorskip("sklearn")
stats = pytest.importorskip("scipy.stats")
metrics = pytest.importorskip("sklearn.metrics")


def sample(chance: np.random.Generator, values: np.ndarray, groups: np.ndarray | None = None) -> RowSample:
    hashes = np.sort(chance.integers(0, 2**63, len(values)).astype(np.uint64))
    return RowSample(
        hashes=hashes, groups=hashes if groups is None else groups.astype(np.uint64), values=values.astype(np.float64)
    )


def features(count: int) -> list[Feature]:
    return [Feature(column=f"x{index}", sql="") for index in range(count)]


def told_apart(chance: np.random.Generator, left: np.ndarray, right: np.ndarray) -> Separation:
    separation = separate(sample(chance, left), sample(chance, right), features(left.shape[1]))
    assert separation is not None
    return separation


@pytest.mark.parametrize(("rows", "runs"), [(500, 30), (2000, 10), (10_000, 3)])
def test_sides_of_one_law_give_no_alarm(rows: int, runs: int) -> None:
    chance = np.random.default_rng(rows)
    alarms = low = 0
    for _ in range(runs):
        found = told_apart(chance, chance.normal(size=(rows, 5)), chance.normal(size=(rows, 5)))
        alarms += found.low > 0.6
        low += found.p_value <= 0.05
        assert abs(found.auc - 0.5) < 0.12

    assert alarms == 0
    # At 5 %, more than this happens less than once in a thousand times.
    assert low <= stats.binom.isf(0.001, runs, 0.05)


def test_equal_rows_on_both_sides_give_no_alarm() -> None:
    chance = np.random.default_rng(3)
    low = 0
    for _ in range(20):
        sides = []
        for _ in range(2):
            codes = chance.integers(0, 8, 600)
            hashes = np.sort(np.array([int(code) * 0x1234567890ABCD + 77 for code in codes], dtype=np.uint64))
            values = np.sort(codes).astype(np.float64)[:, None]
            sides.append(RowSample(hashes=hashes, groups=hashes, values=values))
        found = separate(sides[0], sides[1], [Feature(column="code", sql="", is_category=True)])
        assert found is not None
        low += found.p_value <= 0.05

    assert low <= 5


def test_the_same_rows_cannot_be_told_apart() -> None:
    chance = np.random.default_rng(4)
    both = sample(chance, chance.normal(size=(2000, 3)))
    found = separate(both, both, features(3))

    assert found is not None
    assert found.auc == 0.5


@pytest.mark.parametrize(("before", "after"), [(0.0, 0.9), (-0.9, 0.9)])
def test_a_correlation_that_changes_is_found_though_no_column_changes(before: float, after: float) -> None:
    chance = np.random.default_rng(5)

    def rows(correlation: float) -> np.ndarray:
        x, noise = chance.normal(size=500), chance.normal(size=(500, 2))
        return np.stack([x, correlation * x + (1 - correlation**2) ** 0.5 * noise[:, 0], noise[:, 1]], axis=1)

    found = told_apart(chance, rows(before), rows(after))

    assert found.low > 0.6
    assert found.p_value <= 0.002
    assert found.auc > found.null_high
    assert set(list(found.importances)[:2]) == {"x0", "x1"}


def test_categories_that_agree_more_often_are_found() -> None:
    chance = np.random.default_rng(6)

    def rows(agreement: float) -> np.ndarray:
        first = chance.integers(0, 2, 1000)
        return np.stack([first, np.where(chance.random(1000) < agreement, first, 1 - first)], axis=1) * 1e15

    kinds = [Feature(column=name, sql="", is_category=True) for name in "ab"]
    found = separate(sample(chance, rows(0.5)), sample(chance, rows(0.9)), kinds)

    assert found is not None
    # Nine in ten agree on one side and half on the other: (1 + 0.9 - 0.5) / 2.
    assert found.low < 0.7 < found.high
    assert found.p_value <= 0.002


def test_rows_of_a_group_are_one_thing_to_know() -> None:
    chance = np.random.default_rng(7)
    low = 0
    for run in range(15):
        sides = []
        for side in range(2):
            # Forty planes on either side, each with a seat count of its own, thirty trips each.
            groups = np.repeat(np.arange(40) + 1000 * (side + 1) + 5000 * run, 30)
            seats = np.repeat(chance.normal(size=40), 30)
            sides.append(sample(chance, np.stack([seats, chance.normal(size=1200)], axis=1), groups))
        found = separate(sides[0], sides[1], features(2))
        assert found is not None
        low += found.p_value <= 0.05
        assert found.low <= 0.6

    assert low <= 4


def test_nothing_is_said_of_too_few_rows_or_groups() -> None:
    chance = np.random.default_rng(8)
    few, many = sample(chance, chance.normal(size=(8, 2))), sample(chance, chance.normal(size=(500, 2)))
    one_group = sample(chance, chance.normal(size=(500, 2)), np.full(500, 9))

    assert separate(few, many, features(2)) is None
    assert separate(one_group, many, features(2)) is None


def test_columns_without_any_difference_tell_nothing() -> None:
    chance = np.random.default_rng(9)
    constant = np.stack([np.full(300, 4.0), np.full(300, np.nan)], axis=1)
    found = told_apart(chance, constant, constant)

    assert (found.auc, found.p_value, found.importances) == (0.5, 1.0, {})


def test_missing_values_alone_give_a_side_away() -> None:
    chance = np.random.default_rng(10)
    left, right = np.full((800, 1), 4.0), np.full((800, 1), 4.0)
    right[chance.random(800) < 0.5] = np.nan

    assert told_apart(chance, left, right).low > 0.6


def test_threads_do_not_matter() -> None:
    from threadpoolctl import threadpool_limits

    found = []
    for threads in (1, 2):
        chance = np.random.default_rng(11)
        with threadpool_limits(threads):
            found.append(told_apart(chance, chance.normal(size=(400, 3)), chance.normal(0.3, 1, size=(400, 3))))

    assert found[0] == found[1]


def test_middle_ranks_are_scipys_and_the_area_is_scikit_learns() -> None:
    chance = np.random.default_rng(12)
    scores, sides = np.round(chance.normal(size=500), 1), chance.random(500) < 0.3
    ranks = mid_ranks(scores)
    m = sides.sum()

    assert ranks == pytest.approx(stats.rankdata(scores), abs=1e-12)
    area = (ranks[sides].sum() - m * (m + 1) / 2) / (m * (500 - m))
    assert area == pytest.approx(metrics.roc_auc_score(sides, scores), abs=1e-12)
