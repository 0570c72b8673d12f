"""Every format gives the same rows, whatever reads it: polars, Arrow, Hugging Face, DuckDB."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from fake_builds import Fake

import warehouse
from warehouse.datasets.loading import Dataset
from warehouse.errors import VersionError

# Hugging Face reads these as text or as floating point numbers from CSV and JSON lines.
NOT_FROM_TEXT = {"list", "pair", "raw", "long", "price", "clock"}
FORMATS = ("parquet", "csv", "jsonl", "arrow")
DECLARED = {
    "key": "id",
    "label": "y",
    "split": {"method": "hash", "shares": {"train": 0.7, "dev": 0.1, "test": 0.2}, "train_dev": 0.1},
}
PLAIN = {
    "id": "i",
    "y": "i % 2 = 0",
    "text": "case i % 5 when 0 then null when 1 then '' when 2 then 'NA' when 3 then '=1' else 'a \"b\", ' || i end",
    "名 前": "'値' || i",
    "count": "case when i % 3 = 0 then null else i::int end",
    "real": "i / 7::double",
}
ALL = {
    **PLAIN,
    "narrow": "i::float",
    "unsigned": "18446744073709551615::ubigint",
    "day": "date '2024-01-01' + i::int",
    "moment": "timestamp '2024-01-01 10:00:00.000001' + to_seconds(i)",
    "zoned": "timestamptz '2024-01-01 10:00:00Z' + to_seconds(i)",
    "clock": "time '10:00:01.5'",
    "price": "(i / 4)::decimal(12, 2)",
    "long": "12345678901234567890.12345::decimal(38, 5)",
    "list": "[i, null]",
    "pair": "{'a': i, 'b c': ['x', null]}",
    "raw": "'\\x00\\xFFx'::blob",
    "lines": "'a' || chr(13) || chr(10) || 'b'",
}


def rows(columns: dict[str, str]) -> str:
    return "select {} from range(300) as r(i)".format(", ".join(f'{sql} as "{name}"' for name, sql in columns.items()))


def load(fake: Fake, export: Callable[..., Any], format_: str, columns: dict[str, str], **more: Any) -> Dataset:
    fake.build({**DECLARED, "format": format_, **more}, rows=rows(columns))
    export()
    dataset = warehouse.load_dataset("late", project=fake.project)
    assert all(path.suffix == f".{format_}" for split in dataset for path in dataset.version.files(split))
    return dataset


@pytest.fixture(params=FORMATS)
def dataset(request: pytest.FixtureRequest, fake: Fake, export: Callable[..., Any]) -> Dataset:
    return load(fake, export, request.param, ALL)


def expected(dataset: Dataset, split: str, columns: dict[str, str]) -> list[dict[str, Any]]:
    """The rows as DuckDB computes them, by the keys that the split holds."""
    keys = dataset[split].select("id").collect()["id"].to_list()
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        found = connection.execute(rows(columns)).fetchall()
    by_key = {row[0]: dict(zip(columns, row, strict=True)) for row in found}
    return [by_key[key] for key in keys]


def test_polars_reads_every_type_as_it_was(dataset: Dataset) -> None:
    for split in dataset:
        assert dataset[split].collect().to_dicts() == expected(dataset, split, ALL)
    assert sorted(key for split in dataset for key in dataset[split].collect()["id"]) == list(range(300))


def test_arrow_and_pandas_agree_with_polars(dataset: Dataset) -> None:
    assert dataset.arrow("dev").to_pylist() == dataset["dev"].collect().to_dicts()
    assert dataset.pandas("dev", columns=["名 前", "id"]).to_dict("records") == (
        dataset["dev"].select("名 前", "id").collect().to_dicts()
    )


def test_duckdb_reads_the_split_in_the_connection_that_is_given(fake: Fake, export: Callable[..., Any]) -> None:
    for format_ in ("parquet", "csv", "jsonl"):
        dataset = load(fake, export, format_, ALL)
        with duckdb.connect() as connection:
            found = dataset.duckdb("dev", connection).select("id, long").fetchall()
        assert [key for key, _ in found] == dataset["dev"].collect()["id"].to_list()
        assert {long for _, long in found} == {Decimal("12345678901234567890.12345")}


def test_an_unknown_column_is_met_with_a_suggestion(dataset: Dataset) -> None:
    with pytest.raises(VersionError, match="has no column 'txt'; did you mean 'text'"):
        dataset.arrow("dev", columns=["txt"])


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.slow
def test_hugging_face_loads_the_folder_as_it_lies(
    fake: Fake, export: Callable[..., Any], tmp_path: Path, format_: str
) -> None:
    pytest.importorskip("datasets")
    columns = dict(ALL)
    if format_ == "csv":
        # Its reader of CSV takes an empty text for a missing one.
        columns |= {"text": "case i % 3 when 0 then null when 1 then 'NA' else 'a \"b\", ' || i end"}
    if format_ in ("csv", "jsonl"):
        columns = {name: sql for name, sql in columns.items() if name not in NOT_FROM_TEXT}
    if format_ == "jsonl":
        # Its reader of JSON has no integers above 2^63.
        columns |= {"unsigned": "i::ubigint"}
    dataset = load(fake, export, format_, columns, subsets=[0.1, 0.4])
    script = """
import json, sys
import datasets
for config in ("default", "train_10pct", "train_40pct"):
    loaded = datasets.load_dataset(sys.argv[1], config, cache_dir=sys.argv[2])
    print(json.dumps({split: rows.to_list() for split, rows in loaded.items()}, default=str))
"""
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home"), "HF_DATASETS_OFFLINE": "1"}
    # Hugging Face reads `[` and `*` in a folder's name as a pattern.
    folder = tmp_path / "plain"
    shutil.copytree(dataset.version.path, folder)
    output = subprocess.run(
        [sys.executable, "-c", script, str(folder), str(tmp_path / "cache")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert output.returncode == 0, output.stderr
    for line, fraction in zip(output.stdout.splitlines()[-3:], (1.0, 0.1, 0.4), strict=True):
        part = warehouse.load_dataset(dataset.version.path, fraction=fraction)
        rows_of_split = {split: expected(part, split, columns) for split in part}
        assert json.loads(line) == json.loads(json.dumps(rows_of_split, default=str))


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.slow
def test_hugging_face_datasets_hold_the_same_rows_in_mapped_files(
    fake: Fake, export: Callable[..., Any], tmp_path: Path, format_: str
) -> None:
    pytest.importorskip("datasets")
    dataset = load(fake, export, format_, ALL)
    script = """
import sys, pyarrow, warehouse
dataset = warehouse.load_dataset(sys.argv[1])
loaded = dataset.huggingface()
for split in dataset:
    assert loaded[split].to_list() == dataset[split].collect().to_dicts(), split
    assert str(loaded[split].split) == split
assert pyarrow.total_allocated_bytes() < 200_000, pyarrow.total_allocated_bytes()
print(type(loaded).__name__, len(dataset.huggingface("dev")))
"""
    output = subprocess.run(
        [sys.executable, "-c", script, str(dataset.version.path)],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert output.returncode == 0, output.stderr
    assert output.stdout.split() == ["DatasetDict", str(dataset["dev"].collect().height)]


@pytest.mark.parametrize("format_", FORMATS)
def test_nested_shares_are_read_from_their_files_or_told_by_the_hash(
    fake: Fake, export: Callable[..., Any], format_: str
) -> None:
    whole = load(fake, export, format_, ALL, subsets=[0.1, 0.4])
    path = whole.version.path
    keys: dict[float, set[int]] = {}

    for fraction in (0.1, 0.25, 0.4, 0.7, 1.0):
        part = warehouse.load_dataset(path, fraction=fraction)
        frame = part["train"].collect()
        keys[fraction] = set(frame["id"].to_list())
        assert part.arrow("train", columns=["id"]).to_pylist() == frame.select("id").to_dicts()
        assert part["test"].collect().equals(whole["test"].collect())

    assert keys[0.1] < keys[0.25] < keys[0.4] < keys[0.7] < keys[1.0]
    assert keys[1.0] == set(whole["train"].collect()["id"].to_list())
    # The files of a share hold just the rows that the hash says.
    share = warehouse.datasets.subsets.share_of(whole.manifest, 0.4)
    ids = whole["train"].collect()["id"].to_list()
    assert keys[0.4] == {key for key, held in zip(ids, share.holds({"id": ids}), strict=True) if held}


def test_a_share_of_train_is_no_relation(fake: Fake, export: Callable[..., Any]) -> None:
    dataset = load(fake, export, "parquet", PLAIN)
    part = warehouse.load_dataset(dataset.version.path, fraction=0.5)

    assert repr(part).endswith(", train x 0.5>")
    with duckdb.connect() as connection:
        assert part.duckdb("dev", connection).fetchall()
        with pytest.raises(VersionError, match=r"a fraction of late@1\.0\.0 cannot be a relation"):
            part.duckdb("train", connection)
