"""Exports from builds on Spark: the same versions as from builds in DuckDB, written by the workers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import polars
import pytest
from spark_fakes import SparkFake, told

from warehouse.datasets.differences import compare_versions
from warehouse.datasets.fingerprints import content_fingerprint
from warehouse.datasets.loading import load_dataset
from warehouse.datasets.spec import Order
from warehouse.datasets.verification import verify_version
from warehouse.datasets.versions import Version, read_version
from warehouse.engine.local import LocalEngine
from warehouse.exports.export import export_dataset
from warehouse.exports.outcome import Export
from warehouse.storage import connect

NOW = datetime(2026, 11, 28, tzinfo=UTC)
ROWS = """
    select
        i::integer as id,
        nullif('g' || (i % 61) || ' é\\', 'g7 é\\') as g,
        timestamp '2024-01-01 00:00:00.000001' + to_hours(((i * 37) % 2160)::int) as t,
        i % 3 = 0 as y,
        case when i % 5 > 0 then (1.5 - i % 4)::double end as x,
        ['train', 'test', 'dev', 'train_dev'][1 + i % 4] as s,
        (i / 7)::decimal(18, 3) as price,
        (i % 100)::tinyint as small,
        (i % 1000)::smallint as medium,
        i::bigint * 1000000007 as large,
        (i / 3)::float as half,
        date '1969-12-01' + i::integer as day,
        ('b' || i)::blob as bytes,
        [i, null, -i] as list,
        {'a': i, 'B b': ['x', null]} as struct,
        map {'k' || i % 3: i / 2} as map,
        case when i % 11 = 0 then null else 'text ' || i || ' "quoted", 名' end as note,
        -i as file_number,
        i as "we""ird `name`",
    from range(600) as r(i)
"""
"""Of every type that Spark has, under names that it would take for its own."""
SHARES = {"train": 0.6, "dev": 0.2, "test": 0.2}
HASH = {"method": "hash", "shares": SHARES, "train_dev": 0.2}
CUTOFFS = {"dev": "2024-02-01", "test": "2024-03-01"}
TIME = {"method": "time", "cutoffs": CUTOFFS, "embargo": {"before": "3 days", "after": "2 days"}, "train_dev": 0.2}
HASH_TIME = {"method": "hash_time", "shares": SHARES, "cutoffs": CUTOFFS, "train_dev": 0.2}
SPECS: dict[str, dict[str, Any]] = {
    "hash": {"split": HASH, "label": "y"},
    "shuffled shards of groups": {
        "split": HASH,
        "groups": ["g"],
        "label": "s",
        "order": "shuffled",
        "shard": {"rows": 70},
    },
    "time": {"split": TIME, "time": "t", "label": "x", "order": "time", "shard": {"rows": 40}},
    "hash and time": {"split": HASH_TIME, "time": "t", "groups": ["g"], "label": "y", "order": "key"},
    "column": {"split": {"method": "column", "column": "s"}, "key": ["s", "id"], "order": "key", "shard": {"rows": 90}},
    "all rules": {
        **{"split": HASH, "label": "y", "target_distribution": "x > 0 and g <> 'a'", "synthetic": "y"},
        **{"folds": 3, "subsets": [0.1, 0.5], "weights": "class", "downsample": {"label": "false", "keep": 0.5}},
    },
}


Exporter = Callable[..., Export]


@pytest.fixture(scope="module")
def fake(spark: Any, spark_remote: str, tmp_path_factory: pytest.TempPathFactory) -> SparkFake:
    return SparkFake(tmp_path_factory.mktemp("exports") / "a project", spark, spark_remote)


@pytest.fixture(scope="module", params=SPECS)
def both(request: pytest.FixtureRequest, fake: SparkFake) -> tuple[Version, Version]:
    """The same dataset, exported from DuckDB and from Spark, each as a first version."""
    name = f"late_{list(SPECS).index(request.param)}"
    spec = {"key": "id", **SPECS[request.param]}
    fake.build(spec, rows=ROWS, name=name)
    here = export_dataset(fake.project, name, now=NOW)
    assert here.path is not None, here.findings
    kept = here.path.rename(fake.project.root / name)
    fake.build_on_spark(spec, rows=ROWS, name=name)
    there = export_dataset(fake.project, name, now=NOW)
    assert there.path is not None, there.findings
    return read_version(kept), read_version(there.path)


def test_both_engines_write_the_same_version(both: tuple[Version, Version]) -> None:
    here, there = both

    assert told(there.manifest) == told(here.manifest)
    assert there.manifest.tools.keys() == {"ml-warehouse", "dbt-core", "spark"}
    assert verify_version(there).findings == ()
    types = {column.name: column.type for column in here.manifest.columns}
    with connect(None) as connection:
        engine = LocalEngine(connection)
        assert compare_versions(engine, here, there).is_same
        for split in here.splits:
            contents = [content_fingerprint(engine, version.split(split), types) for version in both]
            assert contents[0] == contents[1], split
            shapes = [engine.columns(version.split(split)) for version in both]
            assert shapes[0] == shapes[1]


def test_files_lie_where_duckdb_puts_them_in_the_order_that_was_asked_for(both: tuple[Version, Version]) -> None:
    here, there = both
    spec = there.manifest.spec
    for split in there.manifest.splits:
        folders = {Path(file.path).parent for file in split.files}
        (before,) = [other for other in here.manifest.splits if other.name == split.name]
        assert folders == {Path(file.path).parent for file in before.files}
        for folder in folders:
            names = [Path(file.path).name for file in split.files if Path(file.path).parent == folder]
            assert names == [f"part-{index:05}.parquet" for index in range(len(names))]
        assert {file.subset for file in split.files} == {file.subset for file in before.files}
        assert max(file.row_count for file in split.files) <= (spec.shard_rows or split.row_count)
        # Files are nearly as full as they may be.
        assert len(split.files) <= 1.5 * len(before.files) + 1
    if spec.order is not Order.TABLE:
        for split in there.splits:
            keys = [[polars.read_parquet(path)["id"].to_list() for path in each.files(split)] for each in both]
            assert [*chain(*keys[1])] == [*chain(*keys[0])]


def test_everybody_reads_the_same_schema_and_values(both: tuple[Version, Version]) -> None:
    here, there = (load_dataset(version.path) for version in both)

    for split in here.splits:
        frames = [dataset[split].sort("id").collect() for dataset in (here, there)]
        assert frames[1].schema == frames[0].schema
        assert frames[1].equals(frames[0])
        tables = [dataset.arrow(split) for dataset in (here, there)]
        assert tables[1].schema.names == tables[0].schema.names
        assert [str(field.type) for field in tables[1].schema] == [str(field.type) for field in tables[0].schema]
