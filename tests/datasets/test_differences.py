from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fake_builds import Fake

from warehouse.datasets.differences import Difference, compare_versions
from warehouse.datasets.loading import load_dataset
from warehouse.datasets.versions import find_version
from warehouse.engine.local import LocalEngine
from warehouse.errors import WarehouseError
from warehouse.exports.export import export_dataset
from warehouse.storage import connect

NOW = datetime(2026, 11, 23, tzinfo=UTC)
HASH = {"method": "hash", "shares": {"train": 0.8, "dev": 0.1, "test": 0.1}}
DECLARED: dict[str, Any] = {"key": "id", "label": "y", "split": HASH}
ROWS = "select i as id, i % 4 = 0 as y, i / 8 as x, nullif('n' || i, 'n7') as note from range(2000) as r(i)"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Fake:
    fake = Fake(tmp_path_factory.mktemp("differences") / "a project")
    fake.build(DECLARED, rows=ROWS)
    export_dataset(fake.project, "late", now=NOW)
    return fake


@pytest.fixture
def fake(made: Fake, tmp_path: Path) -> Fake:
    return made.copied_to(tmp_path / "an [odd] *pro'ject* 名前")


@pytest.fixture
def engine() -> Iterator[LocalEngine]:
    with connect(None) as connection:
        yield LocalEngine(connection)


def compared(fake: Fake, engine: LocalEngine, declared: Any, rows: str) -> Difference:
    """The first version against the next one, of these rows by this declaration."""
    fake.build(declared, rows=rows)
    export_dataset(fake.project, "late", now=NOW, allow_split_changes=True)
    return compare_versions(engine, find_version(fake.project, "late@1.0.0"), find_version(fake.project, "late"))


def test_a_version_is_the_same_as_itself(fake: Fake, engine: LocalEngine) -> None:
    version = find_version(fake.project, "late")

    result = compare_versions(engine, version, version)

    assert result.is_same
    assert (result.rows, result.columns, result.fields) == ((), (), ())


@pytest.mark.parametrize(
    "more",
    [{"order": "shuffled"}, {"order": "key"}, {"format": "csv"}, {"format": "jsonl"}, {"shard": {"rows": 300}}],
    ids=["shuffled", "by key", "csv", "jsonl", "shards"],
)
def test_the_same_rows_in_another_order_or_format_are_the_same(
    fake: Fake, engine: LocalEngine, more: dict[str, Any]
) -> None:
    result = compared(fake, engine, {**DECLARED, **more}, f"select * from ({ROWS}) order by note")

    assert result.is_same
    assert {field.field for field in result.fields} == {"shard_rows" if "shard" in more else next(iter(more))}


def test_rows_added_removed_and_changed_are_counted_and_named(fake: Fake, engine: LocalEngine) -> None:
    rows = f"""
        select id, y, if(id in (5, 6), x + 1, x) as x, if(id = 6, null, note) as note
        from ({ROWS.replace("2000", "2003")}) where id not in (1, 2)
    """

    result = compared(fake, engine, DECLARED, rows)

    assert not result.is_same
    assert (result.rows_added, result.rows_removed, result.rows_changed, result.rows_moved) == (3, 2, 2, 0)
    assert [(column.name, column.row_count, column.examples) for column in result.columns] == [
        ("x", 2, ("5", "6")),
        ("note", 1, ("6",)),
    ]
    added = [key for change in result.rows if change.from_split is None for key in change.examples]
    removed = [key for change in result.rows if change.to_split is None for key in change.examples]
    assert (sorted(added), sorted(removed)) == (["2000", "2001", "2002"], ["1", "2"])


@pytest.mark.parametrize(
    ("old", "new", "count"),
    [
        ("null::varchar", "null::varchar", 0),
        ("null::varchar", "''", 1),
        ("'nan'::double", "'nan'::double", 0),
        ("0.0::double", "-0.0::double", 0),
        ("'nan'::double", "null::double", 1),
        ("[1, null]", "[1, 2]", 1),
        ("{'a': 1}", "{'a': null}", 1),
        # DuckDB gives both sides of these one hash.
        ("[]::integer[]", "null::integer[]", 1),
        ("[]::integer[]", "[null]::integer[]", 1),
        ("[]::double[]", "null::double[]", 1),
        ("[[1, 2]]", "[[1], [2]]", 1),
        ("{'a': null::integer}", "null::struct(a integer)", 1),
        ("[0.0::double]", "[-0.0::double]", 0),
        ("{'a': 0.0::double}", "{'a': -0.0::double}", 0),
    ],
)
def test_nulls_and_odd_values_count_as_sql_means(
    fake: Fake, engine: LocalEngine, tmp_path: Path, old: str, new: str, count: int
) -> None:
    other = Fake(tmp_path / "other")
    column = {"key": "id", "split": {"method": "column", "column": "part"}}
    rows = "select i as id, if(i % 2 = 0, 'train', 'test') as part, if(i = 3, {}, {}) as v from range(10) as r(i)"
    for value in (old, new):
        other.build(column, rows=rows.format(value, old))
        export_dataset(other.project, "late", now=NOW)
    versions = [find_version(other.project, "late@1.0.0"), find_version(other.project, "late")]

    result = compare_versions(engine, *versions)

    assert (result.rows_changed, len(result.columns)) == (count, count)


def test_moves_between_splits_are_a_table(fake: Fake, engine: LocalEngine) -> None:
    before = {split: set(load_dataset("late", project=fake.project)[split].collect()["id"]) for split in HASH["shares"]}  # type: ignore[attr-defined]  # a dictionary

    result = compared(fake, engine, {**DECLARED, "split": {**HASH, "salt": "other"}}, ROWS)

    after = load_dataset("late", project=fake.project)
    expected = Counter[tuple[str, str]]()
    for split in after:
        for key in after[split].collect()["id"]:
            old = next(name for name, keys in before.items() if key in keys)
            if old != split:
                expected[old, split] += 1
    assert {(change.from_split, change.to_split): change.row_count for change in result.moves} == dict(expected)
    assert result.rows_moved == expected.total()
    assert all(len(change.examples) == 5 or len(change.examples) == change.row_count for change in result.moves)
    assert [(field.field, field.left, field.right) for field in result.fields] == [("split.salt", "company", "other")]
    assert (result.rows_added, result.rows_removed, result.rows_changed) == (0, 0, 0)


def test_schema_specification_and_labels_are_compared(fake: Fake, engine: LocalEngine) -> None:
    rows = f"select id, y or id % 2 = 0 as y, x::float as x, 1 as z from ({ROWS})"
    declared = {**DECLARED, "gates": {"drift": "critical"}, "groups": ["z"], "split": {**HASH, "train_dev": 0.05}}
    declared = {key: value for key, value in declared.items() if key != "groups"}

    result = compared(fake, engine, declared, rows)

    assert (result.columns_added, result.columns_removed) == (("z",), ("note",))
    assert [(column.name, column.left, column.right) for column in result.columns_retyped] == [("x", "DOUBLE", "FLOAT")]
    assert {field.field for field in result.fields} == {"gates.drift", "split.train_dev"}
    sides = {split.name: (split.left, split.right) for split in result.splits}
    assert list(sides) == ["train", "train_dev", "dev", "test"]
    assert sides["train_dev"][0] is None
    left, right = sides["test"]
    assert left is not None
    assert right is not None
    assert left.row_count == right.row_count
    assert left.label_mean is not None
    assert right.label_mean is not None
    assert right.label_mean > left.label_mean + 0.2
    assert [column.name for column in result.columns] == ["y"]


@pytest.mark.parametrize("key", ["x_id", ["id", "note_id"]])
def test_with_another_key_no_row_is_matched(fake: Fake, engine: LocalEngine, key: Any) -> None:
    result = compared(fake, engine, {**DECLARED, "key": key}, f"select *, id + 1 as x_id, id as note_id from ({ROWS})")

    assert (result.is_comparable, result.is_same) == (False, False)
    assert (result.rows_added, result.rows_removed, result.rows_moved) == (2000, 2000, 0)


@pytest.mark.parametrize("column", ["k0", "h", "split", "left_split", "is_changed", 'a "b"', "É", "select", "v0", "n0"])
def test_hostile_names_are_fine(tmp_path: Path, engine: LocalEngine, column: str) -> None:
    fake = Fake(tmp_path / "hostile")
    quoted = '"' + column.replace('"', '""') + '"'
    for value in ("i", "if(i = 7, 0, i)"):
        rows = f"select i as id, i % 5 as other, {value} as {quoted} from range(1000) as r(i)"
        fake.build({"key": ["id", "other"], "split": HASH}, rows=rows)
        export_dataset(fake.project, "late", now=NOW)

    result = compare_versions(
        engine, find_version(fake.project, "late@1.0.0"), find_version(fake.project, "late@newest")
    )

    assert [(found.name, found.examples) for found in result.columns] == [(column, ("7, 2",))]


def test_a_file_that_cannot_be_read_is_one_error(fake: Fake, engine: LocalEngine) -> None:
    fake.build(DECLARED, rows=ROWS.replace("2000", "2001"))
    export_dataset(fake.project, "late", now=NOW)
    path = find_version(fake.project, "late@1.0.0").files("test")[0]
    path.chmod(0o644)
    path.write_bytes(b"no parquet")

    with pytest.raises(WarehouseError):
        compare_versions(engine, find_version(fake.project, "late@1.0.0"), find_version(fake.project, "late"))


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    fake = Fake(tmp_path / "large")
    rows = "select i as id, md5(i::varchar) as a, md5((i + {})::varchar) as b from range(1500000) as r(i)"
    for shift in (1, 2):
        fake.build({"key": "id", "split": HASH}, rows=rows.format(shift))
        export_dataset(fake.project, "late", now=NOW)
    with connect(None, memory_limit="300MB", threads=2, temporary_path=tmp_path / "spill") as connection:
        result = compare_versions(
            LocalEngine(connection),
            find_version(fake.project, "late@1.0.0"),
            find_version(fake.project, "late"),
        )

    assert result.rows_changed == 1_500_000
