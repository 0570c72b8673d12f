"""What holds of every version of every dataset, whatever its specification combines: checked in plain Python."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import duckdb
import polars
import pytest

from warehouse.checks.leakage.result import LeakageResult
from warehouse.checks.leakage.search import find_leaks_in_version
from warehouse.datasets.differences import compare_versions
from warehouse.datasets.loading import Dataset, load_dataset
from warehouse.datasets.spec import (
    FOLD,
    WEIGHT,
    DatasetSpec,
    DuplicateRule,
    Grouping,
    HashTimeSplit,
    Order,
    TimeSplit,
    WeightKind,
)
from warehouse.datasets.verification import verify_version
from warehouse.datasets.versions import Version
from warehouse.engine.local import LocalEngine
from warehouse.project import Project
from warehouse.storage import connect

Row = dict[str, Any]
TWIN = "letter"
"""Column of the table that is equal where texts are nearly equal."""


@dataclass(frozen=True)
class Seen:
    """A version beside the table that it was made from."""

    version: Version
    dataset: Dataset
    table: dict[int, Row]
    """The rows of the model by key."""
    frames: dict[str, polars.DataFrame]

    @property
    def spec(self) -> DatasetSpec:
        return self.version.manifest.spec

    @property
    def places(self) -> dict[int, str]:
        """Each exported row's split by its key."""
        return {key: split for split, frame in self.frames.items() for key in keys_of(frame)}

    def entities(self) -> Iterator[list[int]]:
        """The keys of the table's rows that belong together, in lists of all of one entity."""
        parents: dict[Hashable, Hashable] = {}

        def root(node: Hashable) -> Hashable:
            while parents.setdefault(node, node) != node:
                node = parents[node]
            return node

        for key, row in self.table.items():
            for names in linking(self.spec):
                values = tuple(row[name] for name in names)
                if None not in values:
                    parents[root(("row", key))] = root((names, values))
        members = defaultdict(list)
        for key in self.table:
            members[root(("row", key))].append(key)
        yield from members.values()


def linking(spec: DatasetSpec) -> list[tuple[str, ...]]:
    """The sets of columns whose equal values make one entity."""
    is_composite = spec.grouping is Grouping.COMPOSITE
    sets = [spec.groups] if is_composite and spec.groups else [(name,) for name in spec.groups]
    return [*sets, (TWIN,)] if spec.deduplicate.text is not None else sets


def keys_of(frame: polars.DataFrame) -> list[int]:
    return [int(key) for key in frame["id"]]


def see(project: Project, reference: str) -> Seen:
    """Reads a version, and the table of the build that it says it comes from."""
    dataset = load_dataset(reference, project=project)
    build = project.builds_path / dataset.manifest.provenance.build_id / "warehouse.duckdb"
    with duckdb.connect(str(build), read_only=True) as connection:
        found = connection.execute("select * from examples")
        names = [item[0] for item in found.description]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return Seen(
        version=dataset.version,
        dataset=dataset,
        table={row["id"]: row for row in rows},
        frames={split: dataset[split].collect() for split in dataset},
    )


def check_laws(seen: Seen) -> None:
    """All that holds of one version by itself."""
    check_rows_are_the_tables(seen)
    check_manifest_says_what_files_hold(seen)
    check_entities_are_whole(seen)
    check_splits_hold_what_they_may(seen)
    check_times_are_in_order(seen)
    check_train_is_divided_as_asked(seen)
    check_files_are_ordered_and_cut(seen)
    assert verify_version(seen.version).findings == ()
    check_no_leak_is_found(seen)


def check_rows_are_the_tables(seen: Seen) -> None:
    """Every row of the model is in one split, or dropped for a reason; its values are the model's."""
    keys = [key for frame in seen.frames.values() for key in keys_of(frame)]
    assert len(keys) == len(set(keys))
    assert set(keys) <= set(seen.table)
    manifest = seen.version.manifest
    forgotten = manifest.forgotten.row_count if manifest.forgotten else 0
    assert len(keys) + sum(manifest.dropped.values()) + forgotten == len(seen.table)
    plain = [name for name in ("y", "shelf", "score") if name in next(iter(seen.frames.values())).columns]
    for frame in seen.frames.values():
        for key, *values in frame.select("id", *plain).iter_rows():
            assert values == [seen.table[int(key)][name] for name in plain]


def check_manifest_says_what_files_hold(seen: Seen) -> None:
    """Counts of rows, labels and files, names of columns."""
    manifest = seen.version.manifest
    assert manifest.row_count == sum(frame.height for frame in seen.frames.values())
    for split in manifest.splits:
        frame = seen.frames[split.name]
        assert frame.height == split.row_count == sum(file.row_count for file in split.files) > 0
        assert frame.columns == [column.name for column in manifest.columns]
        if split.labels is not None and seen.spec.label:
            found = dict(frame.group_by(seen.spec.label).len().iter_rows())
            assert {label.label: label.row_count for label in split.labels} == {
                None if value is None else str(value): count for value, count in found.items()
            }
    for name in seen.spec.pseudonymise:
        for frame in seen.frames.values():
            assert set(frame[name].drop_nulls().str.len_chars()) <= {64}


def check_entities_are_whole(seen: Seen) -> None:
    places = seen.places
    folds = {}
    if seen.spec.folds:
        folds = dict(zip(keys_of(seen.frames["train"]), seen.frames["train"][FOLD], strict=True))
    for keys in seen.entities():
        assert len({places[key] for key in keys if key in places}) <= 1
        assert len({folds[key] for key in keys if key in folds}) <= 1


def check_splits_hold_what_they_may(seen: Seen) -> None:
    """Synthetic rows and rows off target stay where they may be; of equal rows one is there."""
    spec = seen.spec
    for split, frame in seen.frames.items():
        rows = [seen.table[key] for key in keys_of(frame)]
        if spec.synthetic is not None and split != "train" and not (split == "train_dev" and spec.synthetic.train_dev):
            assert not any(row[spec.synthetic.column] for row in rows)
        if spec.target_distribution is not None and split in ("dev", "test") and split not in spec.freeze:
            assert all(row["region"] == "north" for row in rows)
    if spec.deduplicate.exact is DuplicateRule.ONCE:
        every = polars.concat(seen.frames.values()).drop("id")
        assert every.unique().height == every.height


def check_times_are_in_order(seen: Seen) -> None:
    split = seen.spec.split
    if not isinstance(split, TimeSplit | HashTimeSplit) or seen.spec.freeze:
        return
    assert split.cutoffs is not None
    cutoffs = {name: moment.replace(tzinfo=None) for name, moment in split.cutoffs.items()}
    before, after = timedelta(seconds=split.embargo_seconds), timedelta(seconds=split.embargo_after_seconds)
    first = min(cutoffs.values())
    for name, frame in seen.frames.items():
        times = [seen.table[key]["happened"] for key in keys_of(frame)]
        if name in cutoffs:
            assert min(times) >= cutoffs[name] + after
            later = [moment for moment in cutoffs.values() if moment > cutoffs[name]]
            assert not later or max(times) < min(later) - before
        else:
            assert max(times) < first - before


def check_train_is_divided_as_asked(seen: Seen) -> None:
    """Nested shares, folds and weights are of train alone."""
    spec, train = seen.spec, seen.frames["train"]
    smaller: set[int] = set()
    for share in spec.subsets:
        part = keys_of(load_share(seen, share))
        assert smaller <= set(part) <= set(keys_of(train))
        assert 0.5 * share < len(part) / train.height < 1.5 * share
        smaller = set(part)
    for name in filter(None, (FOLD if spec.folds else "", WEIGHT if spec.weights else "")):
        for split, frame in seen.frames.items():
            assert split == "train" or frame[name].null_count() == frame.height
    if spec.folds:
        assert set(train[FOLD]) == set(range(spec.folds))
    if spec.weights is not None and spec.weights.kind is WeightKind.CLASS:
        sums = train.group_by(spec.label or "").agg(polars.col(WEIGHT).sum())[WEIGHT].to_list()
        assert sums == pytest.approx([train.height / len(sums)] * len(sums))


def load_share(seen: Seen, share: float) -> polars.DataFrame:
    return Dataset(seen.version, fraction=share)["train"].collect()


def check_files_are_ordered_and_cut(seen: Seen) -> None:
    spec = seen.spec
    if spec.shard_rows is not None:
        assert all(file.row_count <= spec.shard_rows for file in seen.version.manifest.files)
    if not spec.subsets:
        for frame in seen.frames.values():
            keys = keys_of(frame)
            if spec.order is Order.KEY:
                assert keys == sorted(keys)
            if spec.order is Order.TIME:
                assert (times := [seen.table[key]["happened"] for key in keys]) == sorted(times)


def check_no_leak_is_found(seen: Seen) -> None:
    """The search reads the files, and finds no key, entity or near text in two splits."""
    result = leaks(seen.version)
    assert result.keys is not None
    assert result.keys.value_count == 0
    assert {entity.name: entity.value_count for entity in result.entities if entity.value_count} == {}
    named = seen.spec.deduplicate.text
    assert not [text.across for text in result.texts if named and text.name == named.column and text.across]


def leaks(version: Version) -> LeakageResult:
    with connect(None) as connection:
        return find_leaks_in_version(LocalEngine(connection), version)


def check_nothing_moved(before: Seen, after: Seen) -> None:
    """No row that both versions have has changed its split; none is gone that the table still has."""
    old, new = before.places, after.places
    assert {key: (old[key], new.get(key)) for key in old if key in after.table and new.get(key) != old[key]} == {}
    for split in after.spec.freeze:
        assert {key for key, place in new.items() if place == split} <= set(old)
    with connect(None) as connection:
        difference = compare_versions(LocalEngine(connection), before.version, after.version)
    assert (difference.is_comparable, difference.rows_moved) == (True, 0)
    assert difference.rows_added == len(new.keys() - old.keys())
    assert difference.rows_removed == len(old.keys() - new.keys())
