"""The laws of every way to place rows: disjoint, complete, whole, nested, and moved by nothing else."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from placed import HASH, SHARES, Placed, place, spec_of

from warehouse.datasets.spec import HashSplit, HashTimeSplit
from warehouse.datasets.splits import (
    diverted_line,
    fold_of,
    hash_text,
    is_in_subset,
    line_place,
    split_bounds,
    split_of,
)
from warehouse.errors import ExportError

COLUMNS = {"id": "bigint", "g": "varchar", "h": "bigint", "t": "timestamp", "y": "boolean", "x": "double"}
START = datetime(2024, 1, 1)
CUTOFFS = {"dev": "2024-02-01", "test": "2024-03-01"}
EMBARGO = {"before": "3 days", "after": "2 days"}

ROW = st.tuples(
    st.integers(0, 10_000),
    st.one_of(st.none(), st.sampled_from(["a", "b", "c", "d", "e", "it's", "\x1f", "\\"])),
    st.one_of(st.none(), st.integers(0, 5)),
    st.integers(0, 90 * 24).map(lambda hours: START + timedelta(hours=hours)),
    st.booleans(),
    st.one_of(st.none(), st.floats(-3, 3)),
)
ROWS = st.lists(ROW, min_size=1, max_size=60, unique_by=lambda row: row[0])

RULES: dict[str, dict[str, Any]] = {
    "hash": {"split": HASH},
    "group": {"split": HASH, "groups": ["g"]},
    "composite": {"split": HASH, "groups": {"composite": ["g", "h"]}},
    "target": {"split": HASH, "target_distribution": "x > 0"},
    "target and synthetic": {"split": HASH, "target_distribution": "x > 0", "synthetic": "y"},
    "synthetic, train_dev": {"split": HASH, "synthetic": {"column": "y", "train_dev": True}},
    "group, target, synthetic": {"split": HASH, "groups": ["g"], "target_distribution": "x > 0", "synthetic": "y"},
    "time": {"split": {"method": "time", "cutoffs": CUTOFFS, "embargo": EMBARGO, "train_dev": 0.2}, "time": "t"},
    "time, target, synthetic": {
        **{"split": {"method": "time", "cutoffs": CUTOFFS, "train_dev": 0.2}, "time": "t"},
        **{"target_distribution": "x > 0", "synthetic": "y"},
    },
    "hash_time": {
        "split": {"method": "hash_time", "shares": SHARES, "cutoffs": CUTOFFS, "embargo": EMBARGO, "train_dev": 0.2},
        **{"time": "t", "groups": ["g"]},
    },
    "thinned": {"split": HASH, "label": "y", "downsample": {"label": False, "keep": 0.5}, "folds": 3, "subsets": [0.3]},
}
DROPPING = {"group, target, synthetic", "time", "time, target, synthetic", "hash_time", "thinned"}


# So many rows that no split is empty, whatever hypothesis adds to them.
MORE = """
    select 100000 + i, 'other ' || i, 100 + i, timestamp '2024-01-01' + to_hours(((i * 37) % 2160)::int), i % 3 = 0,
        1.5 - i % 4
    from range(400) as r(i)
"""


def placed(rule: str, rows: list[Any]) -> Placed:
    return place({"key": "id", **RULES[rule]}, COLUMNS, rows, more=MORE)


LAWS = settings(deadline=None, max_examples=5)


@pytest.mark.parametrize("rule", RULES)
@LAWS
@given(rows=ROWS)
def test_every_row_is_in_one_split_or_dropped_for_one_reason(rule: str, rows: list[Any]) -> None:
    found = placed(rule, rows)

    counts = Counter(row["split_"] for row in found.rows)
    assert {split: counts[split] for split in found.placement.row_counts} == dict(found.placement.row_counts)
    assert counts[None] == sum(found.placement.dropped.values())
    assert sum(counts.values()) == len(rows) + 400
    if rule not in DROPPING:
        assert not found.placement.dropped


@pytest.mark.parametrize("rule", RULES)
@LAWS
@given(rows=ROWS, seed=st.integers(0, 9))
def test_neither_the_order_nor_other_rows_move_a_row(rule: str, rows: list[Any], seed: int) -> None:
    fewer = list(rows)
    Random(seed).shuffle(fewer)
    fewer = fewer[: 1 + len(fewer) // 2]

    among_all, among_fewer = placed(rule, rows).rows, placed(rule, fewer).rows

    by_id = {row["id"]: row for row in among_all}
    for row in among_fewer:
        other = by_id[row["id"]]
        assert (row["split_"], row["fold_"]) == (other["split_"], other["fold_"])


@pytest.mark.parametrize("rule", ["group", "composite", "group, target, synthetic", "hash_time"])
@LAWS
@given(rows=ROWS)
def test_an_entity_never_lies_in_two_splits(rule: str, rows: list[Any]) -> None:
    columns = ("g", "h") if rule == "composite" else ("g",)
    splits: dict[Any, set[str]] = {}
    for row in placed(rule, rows).rows:
        entity = tuple(row[name] for name in columns)
        if None not in entity and row["split_"] is not None:
            splits.setdefault(entity, set()).add(row["split_"])

    assert all(len(found) == 1 for found in splits.values())


@pytest.mark.parametrize("rule", [rule for rule in RULES if "target" in rule or "synthetic" in rule])
@LAWS
@given(rows=ROWS)
def test_dev_and_test_have_only_target_rows_and_nothing_synthetic(rule: str, rows: list[Any]) -> None:
    for row in placed(rule, rows).rows:
        if row["split_"] in ("dev", "test"):
            assert "target" not in rule or (row["x"] is not None and row["x"] > 0)
            assert "synthetic" not in rule or not row["y"]
        if row["split_"] == "train_dev" and rule != "synthetic, train_dev":
            assert "synthetic" not in rule or not row["y"]


@LAWS
@given(rows=ROWS)
def test_rows_off_target_lie_where_plain_python_says(rows: list[Any]) -> None:
    split = spec_of({"key": "id", "split": HASH}).split
    assert isinstance(split, HashSplit)
    closed = {(False, False): (), (True, False): ("dev", "test")}
    closed[False, True] = closed[True, True] = ("dev", "test", "train_dev")

    for row in placed("target and synthetic", rows).rows:
        off_target = row["x"] is None or not row["x"] > 0
        line = diverted_line(split, closed[off_target, row["y"]])
        assert row["split_"] == line_place(hash_text((row["id"],), salt="company"), line)


@LAWS
@given(rows=ROWS)
def test_unseen_entities_and_later_time_must_agree(rows: list[Any]) -> None:
    split = spec_of({"key": "id", **RULES["hash_time"]}).split
    assert isinstance(split, HashTimeSplit)
    found = placed("hash_time", rows)

    expected = Counter[str]()
    for row in found.rows:
        entity = (row["id"],) if row["g"] is None else (row["g"],)
        hashed = split_of(entity, bounds=split_bounds(split), salt="company")
        period = period_of(row["t"])
        if period == "embargo":
            place = "embargo"
        elif period == hashed or (period, hashed) == ("train", "train_dev"):
            place = hashed
        else:
            place = "off_diagonal"
        expected[place] += 1
        assert row["split_"] == (None if place in ("embargo", "off_diagonal") else place)
    dropped = {reason: expected[reason] for reason in ("embargo", "off_diagonal") if expected[reason]}
    assert found.placement.dropped == dropped


def period_of(moment: datetime) -> str:
    for split, start in (("test", datetime(2024, 3, 1)), ("dev", datetime(2024, 2, 1))):
        if moment >= start + timedelta(days=2):
            return split
        if moment >= start - timedelta(days=3):
            return "embargo"
    return "train"


@LAWS
@given(rows=ROWS)
def test_the_embargo_is_before_and_after_each_cutoff(rows: list[Any]) -> None:
    for row in placed("time", rows).rows:
        period = period_of(row["t"])
        assert row["split_"] == (None if period == "embargo" else row["split_"])
        assert period == "embargo" or (row["split_"] or "").removesuffix("_dev") == period.removesuffix("_dev")


@LAWS
@given(rows=ROWS, shares=st.lists(st.sampled_from([0.025, 0.1, 0.25, 0.5, 0.9]), min_size=1, max_size=3, unique=True))
def test_nested_shares_and_folds_lie_where_plain_python_says(rows: list[Any], shares: list[float]) -> None:
    document = {"key": "id", "groups": ["g"], "split": HASH, "subsets": shares, "folds": 7}
    found = place(document, COLUMNS, rows, more=MORE)

    for row in found.rows:
        point = hash_text((row["id"],) if row["g"] is None else (row["g"],), salt="company")
        if row["split_"] != "train":
            assert row["fold_"] is None
            continue
        part = found.placement.parts[row["part_"]]
        assert row["fold_"] == fold_of(point, 7)
        assert part.subset == next((share for share in sorted(shares) if is_in_subset(point, share)), None)
    parts = found.placement.parts_of("train")
    assert sum(part.row_count for part in parts) == found.placement.row_counts["train"]
    assert [part.subset for part in parts if part.subset] == sorted(part.subset for part in parts if part.subset)


@LAWS
@given(rows=ROWS)
def test_down_sampling_touches_one_label_of_train_alone(rows: list[Any]) -> None:
    plain = placed("hash", rows).splits()

    for row in placed("thinned", rows).rows:
        kept = row["split_"] == plain[row["id"]]
        assert kept or (row["split_"] is None and plain[row["id"]] == "train" and not row["y"])


def test_down_sampling_keeps_the_share_that_was_asked_for() -> None:
    rows = [(i, None, None, START, False, None) for i in range(4000)]
    document = {"key": "id", "label": "y", "split": HASH, "downsample": {"label": False, "keep": 0.25}}

    found = place(document, COLUMNS, rows)

    train = found.placement.row_counts["train"]
    total = train + found.placement.dropped["downsampled"]
    assert abs(train / total - 0.25) < 5 * (0.25 * 0.75 / total) ** 0.5


def test_linked_rows_take_the_point_of_their_entity() -> None:
    rows = [(i, str(i), i, START, False, None) for i in range(500)]
    point = "0" * 32
    document = {"key": "id", "groups": ["g", "h"], "split": HASH, "folds": 4}

    found = place(document, COLUMNS, rows, entities=dict.fromkeys(range(100), point))

    bounds = {"test": "3333333333333333", "dev": "6666666666666666", "train_dev": "851eb851eb851eb8", "train": "g"}
    splits = found.splits()
    assert {splits[i] for i in range(100)} == {"test"}
    # A row that is linked to none lies where its first group does.
    expected = {i: split_of((str(i),), bounds=bounds, salt="company") for i in range(100, 500)}
    assert {i: splits[i] for i in range(100, 500)} == expected


@pytest.mark.parametrize("frozen", [(), ("test",), ("dev",), ("train_dev",), ("train",), ("dev", "test")])
@given(shares=st.integers(1, 40), dev=st.integers(0, 40), train_dev=st.integers(0, 99))
def test_a_line_covers_everything_and_holds_nothing_that_is_closed(
    frozen: tuple[str, ...], shares: int, dev: int, train_dev: int
) -> None:
    split = HashSplit(
        shares={"train": (100 - shares - dev) / 100, "test": shares / 100, **({"dev": dev / 100} if dev else {})},
        train_dev=train_dev / 100,
        salt="s",
    )

    line = diverted_line(split, frozen)

    assert [upper for upper, _ in line] == sorted(upper for upper, _ in line)
    assert line[-1][0] == "g"
    assert not {name for _, name in line} & {*frozen}
    # Whatever is open stays where it was.
    for point in (f"{i:04x}" + "0" * 28 for i in range(0, 16**4, 997)):
        before = line_place(point, diverted_line(split, ()))
        if before not in frozen:
            assert line_place(point, line) == before


def test_train_dev_is_carved_from_all_of_trains_own_rows() -> None:
    rows = [(i, None, None, START, False, 1.0 if i % 2 else -1.0) for i in range(20_000)]

    found = place({"key": "id", "split": HASH, "target_distribution": "x > 0"}, COLUMNS, rows)

    for on_target in (True, False):
        counts = Counter(row["split_"] for row in found.rows if (row["x"] > 0) is on_target)
        share = counts["train_dev"] / (counts["train"] + counts["train_dev"])
        assert abs(share - 0.2) < 0.02


def test_one_row_leaves_test_empty_and_says_so() -> None:
    with pytest.raises(ExportError, match="would be empty"):
        place({"key": "id", "split": HASH}, COLUMNS, [(1, None, None, START, True, None)])


def test_times_with_a_zone_are_compared_in_utc() -> None:
    columns = {**COLUMNS, "t": "timestamptz"}
    rows = [(i, None, None, datetime(2024, 3, 1, tzinfo=UTC) + timedelta(hours=i), True, 1.0) for i in range(-3, 3)]
    split = {"method": "time", "cutoffs": {"test": "2024-03-01"}, "embargo": {"before": "1 hour", "after": "1 hour"}}

    found = place({"key": "id", "time": "t", "split": split}, columns, rows).splits()

    assert found == {-3: "train", -2: "train", -1: None, 0: None, 1: "test", 2: "test"}
