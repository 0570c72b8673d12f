from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import polars
import pytest
from fake_builds import Fake

import warehouse
from warehouse.datasets.loading import Dataset, MissingExtraError
from warehouse.errors import VersionError, import_extra
from warehouse.exports.outcome import Export

DECLARED = {"key": "id", "label": "y", "split": {"method": "hash", "shares": {"train": 0.7, "dev": 0.1, "test": 0.2}}}
DECLARED["split"]["train_dev"] = 0.1  # type: ignore[index]  # the split is a mapping
ROWS = "select i as id, i % 2 = 0 as y, 'text ' || i as note, [i] as list from range(2000) as r(i)"


@pytest.fixture
def dataset(fake: Fake, export: Callable[..., Export]) -> Dataset:
    fake.build(DECLARED, rows=ROWS)
    export()
    return warehouse.load_dataset("late", project=fake.project)


def test_splits_are_lazy_polars_frames(dataset: Dataset) -> None:
    train = dataset["train"]

    assert isinstance(train, polars.LazyFrame)
    assert list(dataset) == ["train", "train_dev", "dev", "test"] == list(dataset.splits)
    assert (len(dataset), "dev" in dataset, "valid" in dataset) == (4, True, False)
    assert train.collect().height == dataset.manifest.splits[0].row_count
    assert sorted(key for split in dataset for key in dataset[split].collect()["id"]) == list(range(2000))


def test_arrow_and_pandas_hold_the_same_rows(dataset: Dataset) -> None:
    for split in dataset:
        frame = dataset[split].collect()
        assert dataset.arrow(split).to_pylist() == frame.to_dicts()
        assert dataset.pandas(split, columns=["id", "note"]).to_dict("records") == frame.select("id", "note").to_dicts()


def test_an_unknown_split_is_met_with_a_suggestion(dataset: Dataset) -> None:
    with pytest.raises(VersionError, match=r"late@1\.0\.0 has no split 'trian'; did you mean 'train'"):
        dataset["trian"]


def test_a_version_is_found_by_name_number_reference_and_path(dataset: Dataset, fake: Fake, tmp_path: Path) -> None:
    copy = tmp_path / "a copy"
    shutil.copytree(dataset.version.path, copy)

    for loaded in (
        warehouse.load_dataset("late", "1.0.0", project=fake.project),
        warehouse.load_dataset("late@1.0.0", project=fake.project.root),
        warehouse.load_dataset("late", project=str(fake.project.root)),
        warehouse.load_dataset(copy),
        warehouse.load_dataset(str(copy)),
    ):
        assert loaded.manifest == dataset.manifest
        assert loaded["dev"].collect().equals(dataset["dev"].collect())


@pytest.mark.parametrize("reference", ["lat", "late@2.0.0", "../late", "late@", "a/b", "", "late@../1.0.0"])
def test_what_does_not_exist_is_a_version_error(dataset: Dataset, fake: Fake, reference: str) -> None:
    if reference == "late@":
        assert warehouse.load_dataset(reference, project=fake.project).version.number == "1.0.0"
        return
    with pytest.raises(VersionError, match="has no version"):
        warehouse.load_dataset(reference, project=fake.project)


def test_a_folder_that_is_no_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VersionError, match=r"is not a dataset version: it has no manifest\.json"):
        warehouse.load_dataset(tmp_path)


def test_a_missing_extra_is_named() -> None:
    with pytest.raises(MissingExtraError, match=r"pip install 'ml-warehouse\[arrow\]'"):
        import_extra("a_package_that_nobody_has", extra="arrow")


def test_the_repr_says_what_is_inside(dataset: Dataset) -> None:
    assert repr(dataset).startswith("<Dataset late@1.0.0: train ")
