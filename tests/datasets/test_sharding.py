from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fake_builds import Fake

from warehouse import storage
from warehouse.datasets.sharding import rows_per_file, shard_starts_sql
from warehouse.datasets.spec import DatasetSpec, HashSplit
from warehouse.datasets.verification import verify_version
from warehouse.datasets.versions import Version, find_version
from warehouse.engine.local import LocalEngine
from warehouse.exports.export import Export, Outcome
from warehouse.sql import Query, Relation, Step

SHARES = {"train": 0.8, "dev": 0.1, "test": 0.1}
DECLARED: dict[str, Any] = {"key": "id", "split": {"method": "hash", "shares": SHARES}}
ROWS = "select (i * 7919) % 20000 as id, i as n, md5(i::varchar) as note from range(20000) as r(i)"


def column(version: Version, split: str, name: str) -> list[Any]:
    """The split's values, in the order of its files and of the rows in them."""
    engine = LocalEngine(storage.connect(None))
    return [row[name] for row in engine.rows(Query.of(Step("rows", f"select {name} from {version.split(split).sql}")))]


@pytest.mark.parametrize("format_", ["parquet", "csv", "jsonl", "arrow"])
@pytest.mark.parametrize("order", ["table", "key", "shuffled"])
def test_shards_together_are_the_rows_of_one_file_in_the_same_order(
    fake: Fake, export: Callable[..., Export], format_: str, order: str
) -> None:
    declared = {**DECLARED, "format": format_, "order": order}
    fake.build({**declared, "order": order}, rows=ROWS)
    export()
    whole = find_version(fake.project, "late")
    fake.build({**declared, "shard": {"rows": 3000}}, rows=ROWS)
    result = export()

    assert result.reference == "late@1.0.1"
    version = find_version(fake.project, "late")
    train = result.manifest.splits[0]
    assert [file.path for file in train.files] == [f"data/train/part-{i:05}.{format_}" for i in range(len(train.files))]
    assert [file.row_count for file in train.files[:-1]] == [3000] * (train.row_count // 3000)
    assert len(result.manifest.splits[1].files) == 1
    assert all(column(version, split, "n") == column(whole, split, "n") for split in version.splits)
    assert verify_version(version).findings == ()


def test_rows_added_behind_leave_all_shards_but_the_last_as_they_were(
    fake: Fake, export: Callable[..., Export]
) -> None:
    declared = {**DECLARED, "shard": {"size": "100KB"}}
    rows = "select i as id, md5(i::varchar) as note from range({count}) as r(i)"
    fake.build(declared, rows=rows.format(count=150_000))
    old = export().manifest.splits[0].files
    fake.build(declared, rows=rows.format(count=152_000))
    new = export().manifest.splits[0].files

    assert len(old) > 10
    assert [file.sha256 for file in new[: len(old) - 1]] == [file.sha256 for file in old[:-1]]


@pytest.mark.parametrize("format_", ["parquet", "csv", "jsonl", "arrow"])
def test_files_are_about_as_large_as_asked(fake: Fake, export: Callable[..., Export], format_: str) -> None:
    fake.build({**DECLARED, "format": format_, "shard": {"size": "50KB"}}, rows=ROWS)

    result = export()

    sizes = [file.byte_count for file in result.manifest.splits[0].files[:-1]]
    assert len(sizes) > 5
    assert all(20_000 < size < 75_000 for size in sizes)
    assert not list(find_version(fake.project, "late").path.glob("sample*"))


def test_the_same_rows_are_cut_alike_every_time(fake: Fake, export: Callable[..., Export]) -> None:
    fake.build({**DECLARED, "shard": {"size": "100KB"}, "order": "shuffled"}, rows=ROWS)
    first = export().manifest.fingerprint
    fake.project.datasets_path.rename(fake.project.state_path / "before")

    assert export().manifest.fingerprint == first


def test_a_sharded_version_is_compared_as_any_other(fake: Fake, export: Callable[..., Export]) -> None:
    fake.build({**DECLARED, "shard": {"rows": 1000}}, rows=ROWS)
    export()
    fake.build({**DECLARED, "shard": {"rows": 1000}}, rows=ROWS)

    assert export().outcome is Outcome.UNCHANGED


@pytest.mark.parametrize("extra", [{}, {"shard": {"rows": 500}}, {"order": "key"}], ids=["plain", "sharded", "by key"])
def test_nested_subsets_of_train_lie_in_files_of_their_own(
    fake: Fake, export: Callable[..., Export], extra: dict[str, Any]
) -> None:
    fake.build({**DECLARED, "subsets": [0.1, 0.5], **extra}, rows=ROWS)

    result = export()

    train = result.manifest.splits[0]
    rows = {subset: sum(file.row_count for file in train.files if file.subset == subset) for subset in (0.1, 0.5, None)}
    assert {file.path.split("/")[2] for file in train.files} == {"subset-0.1", "subset-0.5", "rest"}
    assert 0.08 < rows[0.1] / train.row_count < 0.12
    assert 0.46 < (rows[0.1] + rows[0.5]) / train.row_count < 0.54
    assert sum(rows.values()) == train.row_count == len(set(column(find_version(fake.project, "late"), "train", "id")))


def spec(**more: Any) -> DatasetSpec:
    return DatasetSpec(name="late", model="m", key=("id",), split=HashSplit(shares=SHARES, salt="s"), **more)


@pytest.mark.parametrize(
    ("bounds", "rows"),
    [
        ({}, None),
        ({"shard_rows": 10}, 10),
        ({"shard_bytes": 1000}, 40),
        ({"shard_bytes": 123_456}, 4900),
        ({"shard_bytes": 1}, 1),
        ({"shard_bytes": 1000, "shard_rows": 7}, 7),
    ],
)
def test_rows_per_file_follow_from_the_bounds(bounds: dict[str, int], rows: int | None) -> None:
    assert rows_per_file(spec(**bounds), sample_rows=100, sample_bytes=2500) == rows


def test_shards_start_at_every_so_many_chosen_rows() -> None:
    engine = LocalEngine(storage.connect(None))
    engine.rows(Query.of(Step("make", "create table t as select i from range(500000) as r(i)")))

    found = engine.rows(shard_starts_sql(Relation.table("t"), "i % 5 <> 0", row_count=100_000))

    assert [row["row_number"] for row in found] == [1, 125_001, 250_001, 375_001]
