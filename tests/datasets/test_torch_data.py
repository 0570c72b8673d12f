"""A split as a PyTorch dataset, with the real PyTorch: every row once, whoever reads how many of them."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from fake_builds import Fake
from pyarrow import parquet

import warehouse
from warehouse.datasets import record_batches
from warehouse.datasets.loading import Dataset
from warehouse.errors import VersionError

# PyTorch is 700 MB; without it these tests are skipped, and say so.
torch = pytest.importorskip("torch")

DECLARED = {"key": "id", "label": "y", "split": {"method": "hash", "shares": {"train": 0.9, "test": 0.1}}}
COLUMNS = {
    "id": "i",
    "y": "i % 2 = 0",
    "text": "case when i % 5 = 0 then null else '値' || i end",
    "count": "case when i % 3 = 0 then null else i::int end",
    "real": "case when i % 4 = 0 then null else i / 7::double end",
    "unsigned": "i::uinteger",
    "price": "(i / 4)::decimal(12, 2)",
    "day": "date '1970-01-02' + (i % 100)::int",
    "moment": "timestamp '1970-01-01 00:00:00.000005' + to_seconds(i)",
    "clock": "time '00:00:01.5'",
    "list": "[i, null]",
}
UNITS = 7


@pytest.fixture(params=["parquet", "arrow"])
def dataset(request: pytest.FixtureRequest, fake: Fake, export: Callable[..., Any]) -> Dataset:
    """A dataset whose train has seven units of unequal size, in two files."""
    selected = ", ".join(f'{sql} as "{name}"' for name, sql in COLUMNS.items())
    fake.build({**DECLARED, "format": request.param}, rows=f"select {selected} from range(1000) as r(i)")
    export()
    found = warehouse.load_dataset("late", project=fake.project)
    (path,) = found.version.files("train")
    table = found.arrow("train")
    if request.param == "parquet":
        parquet.write_table(table, path, row_group_size=130)
    else:
        # The table is a view of the file that is overwritten.
        copied = pyarrow.ipc.open_stream(_stream(table)).read_all()
        with pyarrow.ipc.new_file(path, copied.schema) as writer:
            writer.write_table(copied, max_chunksize=130)
    (units,) = record_batches.read_units([path], found.manifest.spec.format)
    assert len(units.units) == UNITS
    return found


def _stream(table: Any) -> Any:
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def rows_of(dataset: Dataset, split: str = "train") -> list[dict[str, Any]]:
    return dataset[split].collect().to_dicts()


def test_rows_come_in_order_with_their_values(dataset: Dataset) -> None:
    found = list(dataset.torch("train"))

    for row, expected in zip(found, rows_of(dataset), strict=True):
        assert int(row["id"]) == expected["id"]
        assert bool(row["y"]) is expected["y"]
        assert row["text"] == expected["text"]
        assert row["list"] == expected["list"]
        assert float(row["price"]) == float(expected["price"])
        assert int(row["day"]) == (expected["day"].toordinal() - 719_163)
        assert int(row["moment"]) == expected["id"] * 1_000_000 + 5
        assert int(row["clock"]) == 1_500_000
        for name in ("count", "real"):
            missing = expected[name] is None
            assert math.isnan(row[name]) if missing else float(row[name]) == expected[name]


def test_a_column_has_one_type_throughout(dataset: Dataset) -> None:
    batches = list(dataset.torch("train", batch_size=100))

    types = {name: {batch[name].dtype for batch in batches} for name in COLUMNS if name not in ("text", "list")}
    assert types == {
        "id": {torch.int64},
        "y": {torch.bool},
        "count": {torch.float64},
        "real": {torch.float64},
        "unsigned": {torch.int64},
        "price": {torch.float64},
        "day": {torch.int32},
        "moment": {torch.int64},
        "clock": {torch.int64},
    }
    assert [len(batch["text"]) for batch in batches] == [len(batch["id"]) for batch in batches]


@pytest.mark.parametrize("size", [1, 7, 130, 131, 5000])
def test_batches_have_the_size_that_was_asked_for(dataset: Dataset, size: int) -> None:
    batches = list(dataset.torch("train", columns=["id"], batch_size=size))

    expected = [row["id"] for row in rows_of(dataset)]
    assert [len(batch["id"]) for batch in batches[:-1]] == [size] * (len(batches) - 1)
    assert torch.cat([batch["id"] for batch in batches]).tolist() == expected


@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
@pytest.mark.parametrize("workers", [1, 3, UNITS + 2])
@pytest.mark.parametrize("seed", [None, 3])
def test_workers_share_the_rows_without_overlap_or_loss(dataset: Dataset, workers: int, seed: int | None) -> None:
    rows = dataset.torch("train", columns=["id"], batch_size=64, shuffle_seed=seed)
    loader = torch.utils.data.DataLoader(
        rows, batch_size=None, num_workers=workers, multiprocessing_context="fork", timeout=60
    )

    found = torch.cat([batch["id"] for batch in loader]).tolist()

    assert sorted(found) == sorted(row["id"] for row in rows_of(dataset))


def test_a_loader_collects_rows_of_numbers_into_batches(dataset: Dataset) -> None:
    rows = dataset.torch("train", columns=["id", "real"], label="y")

    features, labels = next(iter(torch.utils.data.DataLoader(rows, batch_size=32)))

    assert features["id"].shape == features["real"].shape == labels.shape == (32,)
    assert list(features) == ["id", "real"]
    assert (features["id"] % 2 == 0).tolist() == labels.tolist()


def test_the_label_is_apart_whether_it_was_chosen_or_not(dataset: Dataset) -> None:
    for columns in (["id"], ["id", "y"], ["y", "id"]):
        features, label = next(iter(dataset.torch("train", columns=columns, label="y", batch_size=10)))
        assert (list(features), label.dtype) == (["id"], torch.bool)


def test_a_seed_shuffles_alike_on_every_run_and_otherwise_in_every_epoch(dataset: Dataset) -> None:
    def order(epoch: int, seed: int) -> list[int]:
        rows = dataset.torch("train", columns=["id"], shuffle_seed=seed)
        rows.set_epoch(epoch)
        return [int(row["id"]) for row in rows]

    plain = [row["id"] for row in rows_of(dataset)]
    orders = [order(0, 1), order(1, 1), order(0, 2), plain]

    assert order(0, 1) == orders[0]
    assert len({tuple(found) for found in orders}) == 4
    assert all(sorted(found) == sorted(plain) for found in orders)


def test_workers_that_live_on_see_the_epoch_change(dataset: Dataset) -> None:
    rows = dataset.torch("train", columns=["id"], batch_size=1000, shuffle_seed=1)
    loader = torch.utils.data.DataLoader(
        rows, batch_size=None, num_workers=1, persistent_workers=True, multiprocessing_context="fork", timeout=60
    )
    orders = []
    for epoch in (0, 1, 0):
        rows.set_epoch(epoch)
        orders.append(torch.cat([batch["id"] for batch in loader]).tolist())

    assert orders[0] == orders[2] != orders[1]


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["parquet"], indirect=True)
def test_ranks_and_their_workers_share_the_rows(dataset: Dataset, tmp_path: Path) -> None:
    script = """
import sys, torch, warehouse
from torch import distributed
folder, store, rank, world = sys.argv[1:]
distributed.init_process_group("gloo", init_method=f"file://{store}", rank=int(rank), world_size=int(world))
rows = warehouse.load_dataset(folder).torch("train", columns=["id"], batch_size=50)
loader = torch.utils.data.DataLoader(rows, batch_size=None, num_workers=2, multiprocessing_context="fork", timeout=60)
print([int(key) for batch in loader for key in batch["id"]])
distributed.barrier()
distributed.destroy_process_group()
"""
    processes = [
        subprocess.Popen(
            [
                *(sys.executable, "-W", "ignore", "-c", script),
                *(str(dataset.version.path), str(tmp_path / "store"), str(rank), "2"),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]

    found = [key for process in processes for key in json.loads(process.communicate(timeout=120)[0])]

    assert sorted(found) == sorted(row["id"] for row in rows_of(dataset))


def test_a_worker_started_afresh_still_knows_its_rank(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    import pickle

    from warehouse.datasets import torch_data

    rows = dataset.torch("train", columns=["id"], batch_size=50)
    monkeypatch.setattr(torch_data, "_rank", lambda: (1, 2))
    second = rows.__getstate__()
    monkeypatch.setattr(torch_data, "_rank", lambda: (0, 2))
    first = rows.__getstate__()
    monkeypatch.setattr(torch_data, "_rank", lambda: None)

    found = []
    for state in (first, second):
        # Shared memory does not go through plain pickle.
        copy = object.__new__(torch_data.SplitRows)
        copy.__dict__.update(pickle.loads(pickle.dumps({**state, "_epoch": torch.zeros(())})))
        found.append({int(key) for batch in copy for key in batch["id"]})

    assert found[0].isdisjoint(found[1])
    assert found[0] | found[1] == {row["id"] for row in rows_of(dataset)}


def test_a_share_of_train_is_the_same_rows_as_in_polars(dataset: Dataset) -> None:
    part = warehouse.load_dataset(dataset.version.path, fraction=0.3)

    found = [int(row["id"]) for row in part.torch("train", columns=["id"])]

    assert found == [row["id"] for row in rows_of(part)]
    assert 200 < len(found) < 340
    assert set(next(iter(part.torch("train", columns=["real"], batch_size=8)))) == {"real"}


def test_only_the_chosen_columns_are_read(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []

    def spy(unit: Any, columns: Any, format_: Any) -> Any:
        table = record_batches.read_unit(unit, columns, format_)
        read.append((table.num_rows, table.column_names))
        return table

    monkeypatch.setattr("warehouse.datasets.torch_data.read_unit", spy)
    rows = iter(dataset.torch("train", columns=["real", "id"]))
    next(rows)

    assert read == [(130, ["real", "id"])]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": ["ids"]}, "has no column 'ids'; did you mean 'id'"),
        ({"label": "z"}, "has no column 'z'"),
        ({"batch_size": 0}, "batch_size must be at least 1, not 0"),
    ],
)
def test_wrong_options_are_refused(dataset: Dataset, options: dict[str, Any], message: str) -> None:
    with pytest.raises(VersionError, match=message):
        dataset.torch("train", **options)


@pytest.mark.parametrize("format_", ["csv", "jsonl"])
def test_files_of_text_are_refused(fake: Fake, export: Callable[..., Any], format_: str) -> None:
    fake.build({**DECLARED, "format": format_}, rows="select i as id, true as y from range(100) as r(i)")
    export()
    dataset = warehouse.load_dataset("late", project=fake.project)

    with pytest.raises(VersionError, match=f"is of {format_} files, which cannot be read in parts"):
        dataset.torch("train")
