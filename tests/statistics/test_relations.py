"""How a label goes with a feature: against scipy, by hand, and by simulation where chance is promised something."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from warehouse.statistics.relations import Outcomes, RelationChange, common_bins, dependence, measure_change

PARTS = 33


def outcomes(
    bins: np.ndarray, label: np.ndarray, *, size: int, classes: int = 0, groups: np.ndarray | None = None
) -> Outcomes:
    """Counted the slow way; `classes` is 0 for a number."""
    parts = np.zeros(len(bins), dtype=int) if groups is None else groups % (PARTS - 1)
    values = (label[:, None] == np.arange(classes)).astype(float) if classes else label[:, None].astype(float)
    counts, sums = np.zeros((PARTS, size)), np.zeros((PARTS, size, values.shape[1]))
    squares = np.zeros((size, values.shape[1]))
    for place in range(size):
        inside = values[bins == place]
        if len(inside):
            squares[place] = ((inside - inside.mean(axis=0)) ** 2).sum(axis=0)
        for part in np.unique(parts):
            here = values[(bins == place) & (parts == part)]
            counts[part, place], sums[part, place] = len(here), here.sum(axis=0)
    return Outcomes(counts=counts, sums=sums, squares=squares, has_parts=groups is not None)


def classes_of(chance: np.random.Generator, rows: int, shares: np.ndarray, weights: np.ndarray) -> Outcomes:
    """Rows drawn into bins of these weights, and into classes of the bin's shares (k x c)."""
    counts = chance.multinomial(rows, weights)
    sums = np.array(
        [chance.multinomial(count, share) for count, share in zip(counts, shares, strict=True)], dtype=float
    )
    means = sums / np.maximum(counts, 1)[:, None]
    squares = counts[:, None] * means * (1 - means)
    return Outcomes(counts=counts[None].astype(float), sums=sums[None], squares=squares)


def two(shares: np.ndarray) -> np.ndarray:
    return np.stack([1 - shares, shares], axis=1)


def change_of(left: Outcomes, right: Outcomes, *, is_class: bool = True) -> RelationChange:
    found = common_bins(left, right, fewest=20, ordered=left.counts.shape[1])
    groups = [group for group, _ in found]
    return measure_change(left.merged(groups), right.merged(groups), is_class=is_class)


EVEN = np.full(10, 0.1)
FLAT, SLOPE, RARE = two(np.full(10, 0.3)), two(np.linspace(0.02, 0.8, 10)), two(np.full(10, 0.01))
THREE = np.stack([np.linspace(0.1, 0.6, 10), np.linspace(0.6, 0.1, 10), np.full(10, 0.3)], axis=1)


@pytest.mark.parametrize(("left_rows", "right_rows"), [(500, 500), (2000, 500), (10_000, 2000), (100_000, 100_000)])
@pytest.mark.parametrize("shares", [FLAT, SLOPE, RARE, THREE], ids=["flat", "slope", "rare", "three classes"])
def test_no_change_gives_no_alarm(shares: np.ndarray, left_rows: int, right_rows: int) -> None:
    chance = np.random.default_rng(1)
    runs = 150
    found = [
        change_of(classes_of(chance, left_rows, shares, EVEN), classes_of(chance, right_rows, shares, EVEN))
        for _ in range(runs)
    ]

    # At 5 % and 2.5 %, more than these happen less than once in ten thousand times.
    assert sum(one.p_value <= 0.05 for one in found) <= stats.binom.isf(1e-4, runs, 0.05)
    assert sum(one.low > 0 for one in found) <= stats.binom.isf(1e-4, runs, 0.05)
    assert sum(one.low > 0.05 for one in found) <= 0.03 * runs
    if left_rows == 100_000:
        assert all(one.high < 0.05 for one in found)


@pytest.mark.parametrize("rows", [500, 2000, 20_000])
@pytest.mark.parametrize("size", [0.05, 0.1, 0.2])
def test_the_interval_holds_the_true_change(size: float, rows: int) -> None:
    chance = np.random.default_rng(2)
    before, runs = np.full(10, 0.3), 150
    after = before + size * np.where(np.arange(10) % 2, 1, -1)
    found = [
        change_of(classes_of(chance, rows, two(before), EVEN), classes_of(chance, rows, two(after), EVEN))
        for _ in range(runs)
    ]

    missed = sum(not one.low <= size <= one.high for one in found)
    assert missed <= stats.binom.isf(1e-3, runs, 0.06)
    # Squares carry no bias, roots a little.
    assert np.mean([one.change**2 for one in found]) == pytest.approx(size**2, abs=0.1 * size**2 + 2 / rows)


@pytest.mark.parametrize("rows", [500, 2000, 20_000])
def test_means_of_a_skewed_number_give_no_alarm_and_hold_the_true_change(rows: int) -> None:
    chance = np.random.default_rng(3)
    runs = 80
    low = missed = 0
    for _ in range(runs):
        sides = []
        for shift in (0.0, 0.0, 0.2):
            bins = chance.integers(0, 10, rows)
            sides.append(outcomes(bins, chance.exponential(size=rows) + shift * (bins % 2), size=10))
        low += change_of(sides[0], sides[1], is_class=False).p_value <= 0.05
        found = change_of(sides[0], sides[2], is_class=False)
        missed += not found.low <= 0.2 * 0.5**0.5 <= found.high

    assert low <= stats.binom.isf(1e-3, runs, 0.06)
    assert missed <= stats.binom.isf(1e-3, runs, 0.06)


@pytest.mark.parametrize("by_group", [True, False], ids=["feature of the group", "feature of the row"])
def test_rows_in_groups_give_no_alarm(by_group: bool) -> None:
    chance = np.random.default_rng(4)
    runs, naive, low = 60, 0, 0
    for _ in range(runs):
        sides, unaware = [], []
        for _ in range(2):
            groups = np.repeat(np.arange(200), 10)
            # A plane is late often or seldom, all its trips alike.
            habit = chance.random(200) < 0.5
            late = (chance.random(2000) < np.where(habit[groups], 0.7, 0.1)).astype(int)
            bins = (chance.integers(0, 5, 200)[groups]) if by_group else chance.integers(0, 5, 2000)
            sides.append(outcomes(bins, late, size=5, classes=2, groups=chance.permutation(10_000)[groups]))
            unaware.append(outcomes(bins, late, size=5, classes=2))
        low += change_of(*sides).p_value <= 0.05
        naive += change_of(*unaware).p_value <= 0.05

    assert low <= stats.binom.isf(1e-3, runs, 0.07)
    assert naive > 2 * max(low, 5)


def test_one_group_on_a_side_proves_nothing() -> None:
    chance = np.random.default_rng(4)
    bins, label = chance.integers(0, 4, 2000), chance.integers(0, 2, 2000)
    many = outcomes(bins, label, size=4, classes=2, groups=np.arange(2000))
    one = outcomes(bins, np.maximum(label, bins % 2), size=4, classes=2, groups=np.full(2000, 5))

    assert change_of(many, many).left_design_effect == pytest.approx(1.0, abs=0.5)
    assert change_of(many, one).p_value > 0.05


def test_the_change_is_that_of_numpy() -> None:
    chance = np.random.default_rng(5)
    sides = []
    for rows, slope in ((3000, 0.1), (2000, 0.2)):
        bins = chance.integers(0, 4, rows)
        sides.append((bins, (chance.random(rows) < 0.2 + slope * bins).astype(int)))
    (bins, label), (right_bins, right_label) = sides
    found = measure_change(*(outcomes(*side, size=4, classes=2) for side in sides), is_class=True)

    squared = statistic = 0.0
    for place in range(4):
        before, after = label[bins == place], right_label[right_bins == place]
        noise = before.var(ddof=1) / len(before) + after.var(ddof=1) / len(after)
        squared += len(after) / 2000 * ((after.mean() - before.mean()) ** 2 - noise)
        table = [[(side == value).sum() for value in (0, 1)] for side in (before, after)]
        both = len(before) + len(after)
        statistic += stats.chi2_contingency(table, correction=False).statistic * (both - 1) / both
    assert found.change == pytest.approx(squared**0.5, abs=1e-9)
    assert found.p_value == pytest.approx(stats.chi2.sf(statistic, 4), rel=1e-6)
    assert found.low < found.change < found.high


def test_the_change_of_a_number_is_in_deviations_of_the_left() -> None:
    chance = np.random.default_rng(6)
    bins = np.repeat(np.arange(4), 2500)
    label = 50 * chance.normal(size=10_000)
    found = change_of(
        outcomes(bins, label, size=4), outcomes(bins, label + np.where(bins == 2, 50, 0), size=4), is_class=False
    )

    assert found.change == pytest.approx(0.5, abs=0.01)
    assert found.p_value < 1e-6


@pytest.mark.parametrize(
    ("after", "explained"),
    [(0.5, (0.95, 1.0)), (None, (0.0, 0.3))],
    ids=["the label in whole", "one bin alone"],
)
def test_a_change_of_the_label_in_whole_explains_that_of_its_bins(
    after: float | None, explained: tuple[float, float]
) -> None:
    chance = np.random.default_rng(7)
    before = np.linspace(0.1, 0.5, 10)
    odds = before / (1 - before) * 3
    moved = odds / (1 + odds) if after else np.where(np.arange(10) == 3, 0.8, before)
    found = change_of(classes_of(chance, 100_000, two(before), EVEN), classes_of(chance, 100_000, two(moved), EVEN))

    assert explained[0] <= found.explained_share <= explained[1]


def test_dependence_is_theils_uncertainty_without_its_bias() -> None:
    chance = np.random.default_rng(8)
    bins = chance.integers(0, 20, 5000)
    label = (chance.random(5000) < 0.05 * bins).astype(int)
    side = outcomes(bins, label, size=20, classes=2)

    joint = side.sums[0] / 5000
    information = stats.entropy(joint.ravel(), np.outer(joint.sum(axis=1), joint.sum(axis=0)).ravel())
    expected = (information - 19 / 10_000) / stats.entropy(joint.sum(axis=0))
    assert dependence(side, is_class=True) == pytest.approx(expected, abs=1e-9)


def test_dependence_of_chance_is_none_and_of_certainty_one() -> None:
    chance = np.random.default_rng(9)
    bins = chance.integers(0, 50, 2000)
    by_chance = [
        dependence(outcomes(bins, chance.integers(0, 2, 2000), size=50, classes=2), is_class=True) for _ in range(20)
    ]
    numbers = [dependence(outcomes(bins, chance.normal(size=2000), size=50), is_class=False) for _ in range(20)]

    assert np.mean(by_chance) < 0.004
    assert np.mean(numbers) < 0.01
    assert dependence(outcomes(bins, bins % 2, size=50, classes=2), is_class=True) > 0.95
    assert dependence(outcomes(bins, bins * 3.0, size=50), is_class=False) == pytest.approx(1.0)
    assert dependence(outcomes(bins, np.ones(2000), size=50), is_class=False) == 0.0
    assert dependence(outcomes(bins, np.ones(2000, dtype=int), size=50, classes=2), is_class=True) == 0.0


def side_with(rows: list[int]) -> Outcomes:
    counts = np.array([rows], dtype=float)
    return Outcomes(counts=counts, sums=counts[:, :, None] / 2, squares=counts[0][:, None] / 4)


def test_bins_with_few_rows_join_their_neighbours() -> None:
    found = common_bins(side_with([5, 30, 40, 3, 9]), side_with([50, 5, 40, 30, 9]), fewest=20, ordered=4)

    assert found == [([0, 1], True), ([2, 3], True), ([4], False)]


def test_rare_values_join_all_others_which_are_not_compared() -> None:
    found = common_bins(side_with([50, 5, 400, 3, 60]), side_with([50, 5, 0, 30, 60]), fewest=20, mixed=3)

    assert found == [([0], True), ([2], False), ([4], True), ([1, 3], False)]
