"""The card, as people and Hugging Face read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from fake_builds import Fake

import warehouse
from warehouse.datasets.card import dataset_card
from warehouse.datasets.croissant import croissant_document
from warehouse.datasets.manifest import FileRecord, Manifest
from warehouse.datasets.spec import (
    ColumnSplit,
    DatasetSpec,
    Deduplicate,
    Downsample,
    DuplicateRule,
    Grouping,
    HashSplit,
    HashTimeSplit,
    NearText,
    Synthetic,
    TimeSplit,
    WeightKind,
    Weights,
)
from warehouse.datasets.split_words import code, duration, split_rule, treatment
from warehouse.datasets.subsets import Share, check_fraction, subset_files, subset_name
from warehouse.errors import VersionError

DECLARED = {"key": "id", "label": "y", "split": {"method": "hash", "shares": {"train": 0.7, "dev": 0.1, "test": 0.2}}}
SHARES = {"train": 0.8, "test": 0.2}
BY_HASH = HashSplit(shares=SHARES, salt="s")
CUTOFFS = {"test": datetime(2025, 3, 1, tzinfo=UTC)}


@pytest.fixture
def manifest(fake: Fake, export: Callable[..., Any]) -> Manifest:
    fake.build(DECLARED, rows="select i as id, i % 2 = 0 as y from range(500) as r(i)")
    export()
    return warehouse.load_dataset("late", project=fake.project).manifest


def with_subsets(manifest: Manifest) -> Manifest:
    """As if train had been written in three files, two of them subsets."""

    def file(number: int, subset: float | None) -> FileRecord:
        return FileRecord(
            path=f"data/train/part-{number:05}.parquet", row_count=1, byte_count=1, sha256="0" * 64, subset=subset
        )

    train = replace(manifest.splits[0], files=(file(0, 0.01), file(1, 0.1), file(2, None)))
    spec = replace(manifest.spec, subsets=(0.01, 0.1))
    return replace(manifest, spec=spec, splits=(train, *manifest.splits[1:]))


def spec_of(**changes: Any) -> DatasetSpec:
    return DatasetSpec(**{"name": "d", "model": "m", "key": ("id",), "time": "at", "split": BY_HASH, **changes})


def front_matter(card: str) -> dict[str, Any]:
    _, front, _ = card.split("---\n", 2)
    loaded = yaml.safe_load(front)
    assert isinstance(loaded, dict)
    return loaded


def test_the_front_matter_names_every_file_of_every_split(manifest: Manifest) -> None:
    front = front_matter(dataset_card(manifest, licence="cc-by-4.0"))

    assert front["license"] == "cc-by-4.0"
    (config,) = front["configs"]
    assert config["config_name"] == "default"
    assert [(item["split"], item["path"]) for item in config["data_files"]] == [
        (split.name, [file.path for file in split.files]) for split in manifest.splits
    ]


def test_every_nested_share_is_a_configuration_with_the_other_splits_whole(manifest: Manifest) -> None:
    card = dataset_card(with_subsets(manifest), licence=None)

    configs = {config["config_name"]: config["data_files"] for config in front_matter(card)["configs"]}

    assert list(configs) == ["default", "train_1pct", "train_10pct"]
    files = [f"data/train/part-{number:05}.parquet" for number in range(3)]
    assert [configs[name][0]["path"] for name in configs] == [files, files[:1], files[:2]]
    assert configs["train_1pct"][1:] == configs["train_10pct"][1:] == configs["default"][1:]
    assert "`train_1pct`, `train_10pct`" in card


def test_every_nested_share_is_a_file_set_in_croissant(manifest: Manifest) -> None:
    document = croissant_document(with_subsets(manifest), licence=None)

    sets = {item["@id"]: item for item in document["distribution"] if item["@type"] == "cr:FileSet"}

    assert list(sets) == ["files", "files-train", "files-train_1pct", "files-train_10pct", "files-dev", "files-test"]
    assert sets["files-train_10pct"]["includes"] == ["data/train/part-00000.parquet", "data/train/part-00001.parquet"]
    assert sets["files-train_10pct"]["description"] == "A share of 0.1 of train, by entity: 2 rows."
    assert sets["files"]["includes"] == ["data/dev/*.parquet", "data/test/*.parquet", "data/train/*.parquet"]


@pytest.mark.parametrize(
    ("fraction", "name"),
    [
        (0.1, "train_10pct"),
        (0.01, "train_1pct"),
        (0.025, "train_2p5pct"),
        (0.5, "train_50pct"),
        (1e-5, "train_0p001pct"),
    ],
)
def test_a_share_is_named_in_percent(fraction: float, name: str) -> None:
    assert subset_name(fraction) == name


def test_a_share_is_the_files_of_all_smaller_ones(manifest: Manifest) -> None:
    files = with_subsets(manifest).splits[0].files

    assert subset_files(files, 0.01) == files[:1]
    assert subset_files(files, 0.1) == files[:2]


def test_a_smaller_share_is_inside_a_larger_one_and_as_large_as_asked() -> None:
    def share(fraction: float) -> set[int]:
        held = Share(entity=("id",), key=("id",), fraction=fraction, salt="s").holds({"id": range(4_000)})
        return {key for key, holds in enumerate(held) if holds}

    assert share(0.05) < share(0.2) < share(0.9)
    assert len(share(0.2)) == pytest.approx(800, rel=0.1)


def test_an_example_without_an_entity_is_in_a_share_by_its_own_key() -> None:
    by_key = Share(entity=("id",), key=("id",), fraction=0.5, salt="s")
    by_group = Share(entity=("group",), key=("id",), fraction=0.5, salt="s")

    assert by_group.holds({"id": range(50), "group": [None] * 50}) == by_key.holds({"id": range(50)})
    assert len(set(by_group.holds({"id": range(50), "group": [7] * 50}))) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"groups": ("a", "b")}, "placed by what they are linked to"),
        ({"groups": ("gone",)}, "placed by 'gone', which is not exported"),
        ({"pseudonymise": ("id",)}, "placed by 'id', which is exported as a pseudonym"),
    ],
)
def test_a_share_that_rows_do_not_tell_is_refused(manifest: Manifest, changes: dict[str, Any], message: str) -> None:
    changed = replace(manifest, spec=replace(manifest.spec, subsets=(0.1,), **changes))

    check_fraction(changed, 0.1)
    check_fraction(changed, 1)
    with pytest.raises(VersionError, match=message) as caught:
        check_fraction(changed, 0.2)
    assert "written as files: 0.1; for this one, declare `subsets: [0.2]`" in str(caught.value)


@pytest.mark.parametrize("fraction", [0, -1, 1.5, float("nan")])
def test_a_share_is_above_0_and_at_most_1(manifest: Manifest, fraction: float) -> None:
    with pytest.raises(VersionError, match="fraction must be above 0 and at most 1"):
        check_fraction(manifest, fraction)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (spec_of(), "Rows are placed by a hash of `id` (train 0.8, test 0.2)."),
        (spec_of(groups=("g",)), "a hash of `g` (train 0.8, test 0.2). Rows with the same `g` are always in the same"),
        (spec_of(groups=("g", "h")), "Rows are placed by a hash of all that they are linked to (train"),
        (spec_of(groups=("g", "h")), "share a value of any of `g`, `h`, also by way of other rows, are one entity"),
        (spec_of(groups=("g", "h"), grouping=Grouping.COMPOSITE), "Rows with the same `g`, `h` are always in the same"),
        (spec_of(split=replace(BY_HASH, stratify=("y",))), "Among rows with the same `y` these shares hold exactly"),
        (spec_of(split=replace(BY_HASH, train_dev=0.05)), "A share of 0.05 of train, chosen by hash, is train_dev."),
        (spec_of(split=ColumnSplit(column="part")), "Column `part` names each row's split."),
        (
            spec_of(split=TimeSplit(cutoffs=CUTOFFS, salt="s", embargo_seconds=604_800, embargo_after_seconds=86_400)),
            "Rows in the 7 days before and the 1 day after each of these moments are in no split.",
        ),
        (
            spec_of(split=TimeSplit(cutoffs=CUTOFFS, salt="s")),
            "their time, `at`: train first, test from 2025-03-01 00:00",
        ),
        (
            spec_of(split=HashTimeSplit(shares=SHARES, cutoffs=CUTOFFS, salt="s", embargo_after_seconds=3600)),
            "exported where both agree: test has unseen entities at a later time. Rows in the 1 hour after each",
        ),
        (spec_of(target_distribution="origin = 'JFK'"), "dev and test have only rows that satisfy `origin = 'JFK'`."),
        (spec_of(synthetic=Synthetic(column="made")), "Synthetic rows (`made`) are in train alone."),
        (spec_of(synthetic=Synthetic(column="made", train_dev=True)), "(`made`) are in train and train_dev alone."),
        (spec_of(freeze={"test": "1.2.0"}), "test has exactly the keys that it had in version 1.2.0."),
        (spec_of(deduplicate=Deduplicate(exact=DuplicateRule.TOGETHER)), "equal in all but the key are always in the"),
        (spec_of(deduplicate=Deduplicate(text=NearText(column="note"))), "`note` is nearly the same (similarity of at"),
        (spec_of(label_horizon_seconds=86_400 * 30), "A row's label is known 30 days after its time."),
        (spec_of(known_at=("weather_at",)), "No row's `weather_at` is later than its `at`."),
    ],
)
def test_the_card_says_how_rows_came_into_their_splits(spec: DatasetSpec, expected: str) -> None:
    assert expected in split_rule(spec)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (spec_of(downsample=Downsample(label="no", keep=0.25)), "the label `no`, a share of 0.25 is kept"),
        (spec_of(downsample=Downsample(label="no", keep=0.25)), "give the rows the weight 4, or correct"),
        (
            spec_of(weights=Weights(kind=WeightKind.CLASS, column="y")),
            "`sample_weight` is a row's weight in training, inv",
        ),
        (spec_of(weights=Weights(kind=WeightKind.INVERSE_PROBABILITY, column="p")), "one over the probability in `p`"),
        (spec_of(folds=5), "Column `fold` numbers 5 folds of train, 0 to 4; an entity is in one fold."),
        (spec_of(fraction=0.1), "train is a share of 0.1, by entity, of what it would be."),
        (spec_of(deduplicate=Deduplicate(exact=DuplicateRule.ONCE)), "the one with the smallest key is kept."),
        (spec_of(pseudonymise=("email",)), "`email`: a keyed hash of the value stands in its place."),
        (spec_of(escape_formulas=True), "starts with an apostrophe."),
    ],
)
def test_the_card_says_what_was_done_to_rows(manifest: Manifest, spec: DatasetSpec, expected: str) -> None:
    assert any(expected in sentence for sentence in treatment(spec))
    assert expected in dataset_card(replace(manifest, spec=spec), licence=None)


def test_rows_in_no_split_are_counted_by_reason(manifest: Manifest) -> None:
    card = dataset_card(replace(manifest, dropped={"embargo": 1_200, "off the diagonal": 7}), licence=None)

    assert "In no split: 1,200 rows (embargo), 7 rows (off the diagonal)." in card


def test_names_and_words_cannot_break_the_page(manifest: Manifest) -> None:
    hostile = "a | `b`\n``` <script>"
    columns = tuple(replace(column, name=hostile, description="x|<b>\n# y") for column in manifest.columns[:1])
    card = dataset_card(
        replace(manifest, columns=columns, description="<img src=x>", spec=spec_of(target_distribution=hostile)),
        licence="a: [b",
    )

    assert front_matter(card)["license"] == "a: [b"
    assert "<script>" not in card.replace(code(hostile), "")
    assert "| ```` a \\| `b` ``` <script> ```` | BIGINT |  | x\\|&lt;b&gt; # y |" in card
    assert "&lt;img src=x&gt;" in card


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(604_800, "7 days"), (86_400, "1 day"), (129_600, "36 hours"), (90, "90 seconds"), (60, "1 minute")],
)
def test_spans_are_said_in_the_largest_whole_unit(seconds: int, words: str) -> None:
    assert duration(seconds) == words
