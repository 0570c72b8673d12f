"""Numbers are put in order as NumPy's own sort does."""

from __future__ import annotations

import numpy as np
import pytest

from warehouse.statistics.ordering import order_of_doubles, ordered, places_of_values

RANDOM = np.random.default_rng(7)
UNIFORM = RANDOM.random(5_000)
DOUBLES = {
    "uniform": UNIFORM,
    "of both signs": UNIFORM - 0.5,
    "tied": np.round(UNIFORM - 0.5, 2),
    "alike but for the lowest bits": 1 + RANDOM.integers(0, 9, 5_000) * 2.0**-52,
    "few that are alike but for the lowest bits": np.concatenate([UNIFORM, 0.3 + np.arange(9, 0, -1) * 2.0**-54]),
    "of all sizes": np.ldexp(UNIFORM - 0.5, RANDOM.integers(-1_070, 1_000, 5_000)),
    "one": np.array([2.0]),
    "two zeros": np.array([0.0, -1.0, -0.0, 0.0, 1.0]),
    "none": np.array([]),
}


@pytest.mark.parametrize("numbers", DOUBLES.values(), ids=DOUBLES.keys())
def test_doubles_rise_in_their_order(numbers: np.ndarray) -> None:
    order = order_of_doubles(numbers)

    assert (numbers[order] == np.sort(numbers)).all()
    assert (np.sort(order) == np.arange(len(numbers))).all()


@pytest.mark.parametrize("bits", [8, 40, 64])
def test_whole_numbers_rise_in_their_order_and_know_their_place(bits: int) -> None:
    numbers = RANDOM.integers(0, 2**64, 3_000, dtype=np.uint64) >> np.uint64(64 - bits)
    numbers = np.concatenate([numbers, numbers[:1_000], numbers[:50] ^ np.uint64(1)])

    order, rising = ordered(numbers)
    values, places = places_of_values(numbers)

    assert (rising == np.sort(numbers)).all()
    assert (numbers[order] == rising).all()
    assert (values == np.unique(numbers)).all()
    assert (values[places] == numbers).all()
