"""A night that compares and exports datasets whose build lies on Spark does what it does in DuckDB."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fake_builds import Fake, exposure_node
from spark_fakes import SparkFake, told

from warehouse.datasets.tags import set_tag
from warehouse.datasets.verification import verify_version
from warehouse.datasets.versions import find_version
from warehouse.exports.export import export_dataset
from warehouse.nightly.running import run_nightly
from warehouse.stages import Nightly, StageName, StageStatus

NOW = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
ROWS = "select i as id, i % 3 = 0 as y, (i * 7919 % 1009) * 1.5 + {} as x, 'f' || i % 7 as kind from range(900) as r(i)"
SPEC: dict[str, Any] = {
    "key": "id",
    "label": "y",
    "split": {"method": "hash", "shares": {"train": 0.8, "test": 0.2}},
    "refresh": "nightly",
}
DATASETS = {
    "late": SPEC,
    "strict": {**SPEC, "gates": {"drift": "critical"}},
    "broken": {**SPEC, "key": "kind"},
    "manual": {**SPEC, "refresh": "manual"},
}


def night(fake: Fake, build: Any) -> Nightly:
    """Versions in use of two datasets, then a build whose numbers have moved, and its night."""
    exposures = [exposure_node(name, dataset) for name, dataset in DATASETS.items()]
    build(exposures=exposures, rows=ROWS.format(0))
    for name in ("late", "strict"):
        export_dataset(fake.project, name, now=NOW)
        set_tag(fake.project, name, "prod")
    build(exposures=exposures, rows=ROWS.format(5000))
    result = run_nightly(fake.project, now=NOW, only=("drift", "export"), quiet=True)
    assert result is not None
    return result


def test_a_night_exports_from_spark_as_from_duckdb(spark: Any, spark_remote: str, tmp_path: Path) -> None:
    fakes = [SparkFake(tmp_path / name, spark, spark_remote) for name in ("here", "there")]
    nights = [night(fakes[0], fakes[0].build), night(fakes[1], fakes[1].build_on_spark)]

    stages = [{stage.name: stage for stage in each.stages} for each in nights]
    for name in (StageName.DRIFT, StageName.EXPORT):
        here, there = (each[name] for each in stages)
        assert (there.status, there.message, there.findings) == (here.status, here.message, here.findings)
    export = stages[1][StageName.EXPORT]
    assert export.status is StageStatus.ERROR
    assert {done["dataset"]: done["outcome"] for done in export.details["datasets"]} == {
        **{"broken": "error", "late": "written", "strict": "held_back"}
    }
    here, there = (find_version(fake.project, "late") for fake in fakes)
    assert replace(told(there.manifest), created_at=NOW) == replace(told(here.manifest), created_at=NOW)
    assert there.manifest.change is not None
    assert there.manifest.tools.keys() >= {"spark"}
    assert verify_version(there).findings == ()
