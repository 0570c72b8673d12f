"""How many rows change their split when 1 % of rows are added, here and elsewhere: a table for the README.

    python benchmarks/stability.py   # needs the extra `bench` (scikit-learn, datasets)

100,000 rows of 5,000 customers, and again with 1,000 more at their end, half of them of customers that are new. Every
side makes train, dev and test of 80, 10 and 10 %, with the same seed both times, as its documentation shows it; the
test set first, then dev from what is left. The last column is of the first table with its rows in another order.

Hopsworks: the random split of its Python engine (`_random_split` in `hsfs/engine/python.py` of the repository
logicalclocks/hopsworks-api) gives every row the number of a split, shares of the row count rounded down with the rest
to the last split, and shuffles these numbers with Python's `random`. It sets no seed; here it gets one, in its favour.
"""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from measure import OUT

FOLDER = OUT / "stability"
ROWS, CUSTOMERS, ADDED, SEED = 100_000, 5_000, 1_000, 0
SHARES = {"train": 0.8, "dev": 0.1, "test": 0.1}
TRAIN, DEV, TEST = range(3)
Split = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From keys and customers of the rows, in their order, to the number of each row's split."""


def table() -> tuple[np.ndarray, np.ndarray]:
    """Keys and customers of all rows; those of the first table come first."""
    generator = np.random.default_rng(1)
    old = generator.integers(0, CUSTOMERS, ROWS)
    new = np.where(
        np.arange(ADDED) % 2 == 0,
        generator.integers(0, CUSTOMERS, ADDED),
        generator.integers(CUSTOMERS, CUSTOMERS + CUSTOMERS // 100, ADDED),
    )
    return np.arange(ROWS + ADDED), np.concatenate([old, new])


def ours(dataset: dict[str, object]) -> Split:
    """A real export; what it wrote is read back."""

    def split(keys: np.ndarray, customers: np.ndarray) -> np.ndarray:
        import polars
        from fake_builds import Fake

        import warehouse
        from warehouse.exports.export import export_dataset

        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir(parents=True)
        rows = FOLDER / "rows.parquet"
        polars.DataFrame({"id": keys, "customer_id": customers}).write_parquet(rows)
        fake = Fake(FOLDER / "project")
        fake.build({"key": "id", **dataset}, rows=f"select * from '{rows}'")
        export_dataset(fake.project, "late", now=datetime.now(UTC))
        loaded = warehouse.load_dataset("late", project=fake.project)
        found = np.empty(len(keys), dtype=np.int8)
        position = np.argsort(keys)
        for number, name in enumerate(SHARES):
            found[position[loaded[name].select("id").collect()["id"].to_numpy()]] = number
        shutil.rmtree(FOLDER)
        return found

    return split


def _carved(count: int, cut: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Test from all rows, dev from the rest; `cut` gives positions of what stays and of what is cut off."""
    found = np.full(count, TRAIN, dtype=np.int8)
    rest = np.arange(count)
    for number in (TEST, DEV):
        stays, cut_off = cut(rest)
        found[cut_off] = number
        rest = stays
    return found


def sklearn_rows(keys: np.ndarray, customers: np.ndarray) -> np.ndarray:
    from sklearn.model_selection import train_test_split

    size = len(keys) // 10
    return _carved(len(keys), lambda rest: train_test_split(rest, test_size=size, random_state=SEED))


def sklearn_groups(keys: np.ndarray, customers: np.ndarray) -> np.ndarray:
    from sklearn.model_selection import GroupShuffleSplit

    def cut(rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        share = 0.1 * len(keys) / len(rest)
        stays, cut_off = next(
            GroupShuffleSplit(n_splits=1, test_size=share, random_state=SEED).split(rest, groups=customers[rest])
        )
        return rest[stays], rest[cut_off]

    return _carved(len(keys), cut)


def hugging_face(keys: np.ndarray, customers: np.ndarray) -> np.ndarray:
    import datasets

    datasets.disable_progress_bars()

    def cut(rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        parts = datasets.Dataset.from_dict({"row": rest}).train_test_split(test_size=len(keys) // 10, seed=SEED)
        return np.asarray(parts["train"]["row"]), np.asarray(parts["test"]["row"])

    return _carved(len(keys), cut)


def hopsworks(keys: np.ndarray, customers: np.ndarray) -> np.ndarray:
    numbers = [number for number, share in enumerate(SHARES.values()) for _ in range(int(len(keys) * share))]
    numbers += [len(SHARES) - 1] * (len(keys) - len(numbers))
    random.Random(SEED).shuffle(numbers)
    return np.asarray(numbers, dtype=np.int8)


SIDES: dict[str, Split] = {
    "ml-warehouse, hash of the key": ours({"split": {"method": "hash", "shares": SHARES}}),
    "ml-warehouse, hash of the customer": ours(
        {"groups": ["customer_id"], "split": {"method": "hash", "shares": SHARES}}
    ),
    "scikit-learn `train_test_split`": sklearn_rows,
    "scikit-learn `GroupShuffleSplit` by customer": sklearn_groups,
    "Hugging Face `train_test_split`": hugging_face,
    "Hopsworks random split": hopsworks,
}


def main() -> int:
    """Exit 1 when a row of ours moved."""
    keys, customers = table()
    order = np.random.default_rng(2).permutation(ROWS)
    held = True
    print("| 1 % of rows added | rows that changed split | old test rows now in train | rows moved by another order |")
    print("|---|---:|---:|---:|")
    for title, split in SIDES.items():
        before = split(keys[:ROWS], customers[:ROWS])
        after = split(keys, customers)[:ROWS]
        again = np.empty_like(before)
        again[order] = split(keys[:ROWS][order], customers[:ROWS][order])
        moved, reordered = np.count_nonzero(before != after), np.count_nonzero(before != again)
        leaked = np.count_nonzero((before == TEST) & (after == TRAIN)) / np.count_nonzero(before == TEST)
        print(f"| {title} | {moved:,} ({moved / ROWS:.0%}) | {leaked:.0%} | {reordered:,} ({reordered / ROWS:.0%}) |")
        if title.startswith("ml-warehouse") and (moved or leaked or reordered):
            held = False
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
