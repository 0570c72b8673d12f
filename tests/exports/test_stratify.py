"""Stratified splits: quotas are met exactly, and no row that was placed is moved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import hypothesis.strategies as st
import polars
import pytest
from fake_builds import Fake
from hypothesis import given, settings

from warehouse.datasets.loading import load_dataset
from warehouse.datasets.spec import HashSplit
from warehouse.datasets.strata import open_shares, quotas, readable
from warehouse.errors import ExportError
from warehouse.exports.outcome import Export, Outcome

SHARES = {"train": 0.6, "dev": 0.2, "test": 0.2}
SPLIT = {"method": "hash", "shares": SHARES, "train_dev": 0.25, "stratify": ["s"]}
BY_KEY = {"key": "id", "split": SPLIT}
ALL = {"train": 0.45, "train_dev": 0.15, "dev": 0.2, "test": 0.2}

Exporter = Callable[..., Export]


def rows(count: int, stratum: str, *, where: str = "true") -> str:
    return f"select i as id, {stratum} as s from range({count}) as r(i) where {where}"


def placed(fake: Fake, reference: str = "late") -> polars.DataFrame:
    dataset = load_dataset(reference, project=fake.project)
    frames = [dataset[split].collect().with_columns(split=polars.lit(split)) for split in dataset]
    return polars.concat(frames)


def counts_by_stratum(frame: polars.DataFrame) -> dict[Any, Counter[str]]:
    found: dict[Any, Counter[str]] = {}
    for stratum, split in zip(frame["s"], frame["split"], strict=True):
        found.setdefault(stratum, Counter())[split] += 1
    return found


STRATA = {
    "even": "i % 7",
    "skewed": "floor(sqrt(i))::int",
    "with NULL": "nullif(i % 3, 0)",
    "text": "['it''s', chr(31), chr(92) || 'N', chr(92), '', null][1 + i % 6]",
    "one": "1",
    "all small": "i // 3",
    "each alone": "i",
}


@pytest.mark.parametrize("stratum", STRATA.values(), ids=STRATA)
def test_every_stratum_fills_the_shares_within_rounding(fake: Fake, export: Exporter, stratum: str) -> None:
    fake.build(BY_KEY, rows=rows(997, stratum))

    result = export()

    counts = {split.name: split.row_count for split in result.manifest.splits}
    assert counts == quotas({name: Fraction(str(share)) for name, share in ALL.items()}, 997)
    for found in counts_by_stratum(placed(fake)).values():
        total = sum(found.values())
        for split in ("test", "dev", "train_dev"):
            assert abs(found[split] - Fraction(str(ALL[split])) * total) < 1
    assert result.manifest.bounds == {}
    assert not [finding for finding in result.findings if finding.check == "stratify"]


def test_rows_that_were_placed_stay_and_new_ones_fill_what_is_missing(fake: Fake, export: Exporter) -> None:
    fake.build(BY_KEY, rows=rows(1000, "i % 5"))
    export()
    before = dict(zip(*placed(fake).select("id", "split").get_columns(), strict=True))
    for count in (1003, 1100, 2000):
        fake.build(BY_KEY, rows=rows(count, "i % 5"))
        result = export()

        after = dict(zip(*placed(fake).select("id", "split").get_columns(), strict=True))
        assert all(after[key] == split for key, split in before.items())
        assert result.manifest.change is not None
        assert result.manifest.change.rows_moved == 0
        for found in counts_by_stratum(placed(fake)).values():
            for split in ("test", "dev", "train_dev"):
                assert abs(found[split] - ALL[split] * sum(found.values())) < 1
        before = after


def test_the_order_of_rows_changes_nothing(fake: Fake, export: Exporter) -> None:
    fake.build(BY_KEY, rows=rows(500, "i % 5"))
    export()
    first = set(placed(fake).rows())
    fake.build({**BY_KEY, "order": "key"}, rows=f"{rows(500, 'i % 5')} order by hash(i)", name="other")
    export("other")

    assert set(placed(fake, "other").rows()) == first
    assert export("other").outcome is Outcome.UNCHANGED


def test_when_rows_of_train_are_gone_nothing_moves_and_it_is_said(fake: Fake, export: Exporter) -> None:
    fake.build(BY_KEY, rows=rows(1000, "i % 2"))
    export()
    frame = placed(fake)
    gone = frame.filter((polars.col("split") == "train") & (polars.col("s") == 1))["id"].to_list()
    fake.build(BY_KEY, rows=rows(1000, "i % 2", where=f"i not in ({', '.join(map(str, gone))})"))

    result = export()

    assert result.manifest.change is not None
    assert result.manifest.change.rows_moved == 0
    (finding,) = (f for f in result.findings if f.check == "stratify" and f.subject == "late.test")
    # 100 of the 275 rows that are left in this stratum, where 55 are its share.
    assert finding.message == "test has 45 rows too many in 1 strata for its share; rows that were placed stay"


def test_another_salt_places_all_rows_anew(fake: Fake, export: Exporter) -> None:
    fake.build(BY_KEY, rows=rows(1000, "i % 2"))
    export()
    fake.build({**BY_KEY, "split": {**SPLIT, "salt": "another"}}, rows=rows(1000, "i % 2"))

    assert export().outcome is Outcome.REFUSED
    assert export(allow_split_changes=True).manifest.version == "2.0.0"


def test_groups_are_counted_as_one_and_stay_whole(fake: Fake, export: Exporter) -> None:
    document = {**BY_KEY, "groups": ["g"]}
    query = "select i as id, i // 5 as g, (i // 5) % 4 as s from range(2000) as r(i)"
    fake.build(document, rows=query)

    result = export()

    assert {split.name: split.row_count // 5 for split in result.manifest.splits} == {
        **{"train": 180, "train_dev": 60, "dev": 80, "test": 80},
    }
    assert all(frame["split"].n_unique() == 1 for frame in placed(fake).partition_by("g"))


def test_a_group_of_several_strata_is_refused_with_examples(fake: Fake, export: Exporter) -> None:
    fake.build({**BY_KEY, "groups": ["g"]}, rows="select i as id, i // 5 as g, i % 2 as s from range(100) as r(i)")

    with pytest.raises(ExportError, match=r"20 groups have rows of several strata .*\n.*one with \(0\) and \(1\)"):
        export()


def test_rows_off_target_fill_no_quota(fake: Fake, export: Exporter) -> None:
    query = "select i as id, i % 4 as s, i % 2 = 0 as near from range(1000) as r(i)"
    fake.build({**BY_KEY, "target_distribution": "near"}, rows=query)

    result = export()

    counts = {split.name: split.row_count for split in result.manifest.splits}
    assert (counts["test"], counts["dev"]) == (100, 100)
    frame = placed(fake)
    assert frame.filter(polars.col("split").is_in(["dev", "test"]))["near"].all()


@given(
    st.integers(0, 10_000),
    st.lists(st.integers(1, 50), min_size=2, max_size=4),
)
def test_quotas_sum_to_all_and_are_shares_rounded(count: int, parts: list[int]) -> None:
    names = ("test", "train", "dev", "train_dev")[: len(parts)]
    shares = {name: Fraction(part, sum(parts)) for name, part in zip(names, parts, strict=True)}

    found = quotas(shares, count)

    assert sum(found.values()) == count
    assert all(abs(found[name] - share * count) < 1 for name, share in shares.items())


@settings(max_examples=20)
@given(st.sampled_from([(), ("test",), ("dev",), ("train",), ("test", "dev")]))
def test_the_shares_of_frozen_splits_are_divided_among_the_others(frozen: tuple[str, ...]) -> None:
    split = HashSplit(shares=SHARES, train_dev=0.25, salt="s", stratify=("s",))

    shares = open_shares(split, frozen)

    assert sum(shares.values()) == 1
    assert not {*shares} & {*frozen}
    assert all(
        share * Fraction(str(ALL["train_dev"])) == shares["train_dev"] * Fraction(str(ALL[name]))
        for name, share in shares.items()
    )


def test_a_stratum_reads_as_its_values() -> None:
    assert readable("a\x1f\\N\x1fb\\\\") == "a, NULL, b\\"
