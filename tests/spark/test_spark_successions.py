"""Versions that follow each other are the same whichever engine writes which of them: DuckDB, then Spark, and back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from spark_fakes import SparkFake, told

from warehouse.datasets.tags import set_tag
from warehouse.datasets.versions import find_version, version_numbers
from warehouse.exports.export import export_dataset
from warehouse.exports.outcome import Export, Outcome
from warehouse.exports.reproduction import Sameness, reproduce

NOW = datetime(2026, 11, 28, tzinfo=UTC)
ROWS = """
    select i as id, 'g' || i // 3 as g, i % 3 = 0 as y, 'k' || i % 4 as k, (i % 50) / 4 as x, i // 5 % 60 as twin
    from range({}) as r(i)
"""
FEW, MORE = ROWS.format(400), ROWS.format(500)
FEWER = f"from ({MORE}) where id % 17 <> 3"
"""Rows that were there have gone, as others have come."""
HASH: dict[str, Any] = {"method": "hash", "shares": {"train": 0.6, "dev": 0.2, "test": 0.2}}
DECLARED: dict[str, Any] = {"key": "id", "label": "y", "split": HASH}
RESALTED = {**DECLARED, "split": {**HASH, "salt": "another"}}
FROZEN = {**DECLARED, "groups": ["g"], "split": {**HASH, "freeze": ["test", "dev"]}}
STRATA = {**DECLARED, "split": {**HASH, "stratify": ["k"]}}
ONCE = {**DECLARED, "deduplicate": {"exact": "once"}, "columns": {"include": ["id", "y", "twin"]}}
SIZED = {**DECLARED, "shard": {"size": "2 kB"}}

Steps = list[tuple[dict[str, Any], str, dict[str, Any]]]
HISTORIES: dict[str, tuple[str, Steps]] = {
    "rows that move need leave": (
        "dss",
        [(DECLARED, FEW, {}), (RESALTED, FEW, {}), (RESALTED, FEW, {"allow_split_changes": True})],
    ),
    "rows that moved move back": (
        "sds",
        [(DECLARED, FEW, {}), (RESALTED, MORE, {"allow_split_changes": True}), (DECLARED, MORE, {})],
    ),
    "frozen": ("dsd", [(FROZEN, FEW, {}), (FROZEN, FEWER, {}), (FROZEN, MORE, {})]),
    "strata": ("sds", [(STRATA, FEW, {}), (STRATA, FEWER, {}), (STRATA, MORE, {})]),
    "once": ("dsd", [(ONCE, FEW, {}), (ONCE, FEWER, {}), (ONCE, MORE, {})]),
    "shares of train": (
        "sdsd",
        [(DECLARED, FEW, {}), *((DECLARED, rows, {"fraction": 0.5}) for rows in (FEW, FEWER, MORE))],
    ),
    "files of a size": ("dsd", [(SIZED, FEW, {}), (SIZED, FEWER, {}), (SIZED, MORE, {})]),
    "dry runs": (
        "sdss",
        [*((DECLARED, FEW, {"dry_run": is_dry}) for is_dry in (True, False)), (RESALTED, FEWER, {"dry_run": True})],
    ),
}  # fmt: skip


def history(fake: SparkFake, engines: str, steps: Steps) -> list[Export]:
    """The steps, each from a build of its own: `d` in DuckDB, `s` on Spark."""
    exports = []
    for engine, (declared, rows, options) in zip(engines, steps, strict=False):
        (fake.build if engine == "d" else fake.build_on_spark)(declared, rows=rows)
        exports.append(export_dataset(fake.project, "late", now=NOW, **options))
    return exports


@pytest.mark.parametrize("case", HISTORIES)
def test_versions_follow_each_other_as_on_one_engine(spark: Any, spark_remote: str, tmp_path: Path, case: str) -> None:
    engines, steps = HISTORIES[case]
    alone, mixed = (SparkFake(tmp_path / name, spark, spark_remote) for name in ("alone", "mixed"))

    expected, found = history(alone, "d" * len(engines), steps), history(mixed, engines, steps)

    for before, after in zip(expected, found, strict=True):
        assert (after.outcome, after.path is None) == (before.outcome, before.path is None)
        assert told(after.manifest) == told(before.manifest)
        sizes = after.estimated_bytes or {}
        assert sizes.keys() == (before.estimated_bytes or {}).keys()
        for split, size in (before.estimated_bytes or {}).items():
            assert size / 3 <= sizes[split] <= size * 3
    assert list((mixed.project.datasets_path / "late").glob(".tmp-*")) == []
    assert list(mixed.project.temporary_path.glob("*")) == []
    if case == "rows that move need leave":
        assert [export.outcome for export in found] == [Outcome.WRITTEN, Outcome.REFUSED, Outcome.WRITTEN]
        assert found[-1].manifest.version == "2.0.0"
    if case == "files of a size":
        counts = [len(split.files) for split in found[1].manifest.splits if split.name == "train"]
        assert counts >= [2]


def test_versions_come_out_again_of_their_builds_on_either_engine(
    spark: Any, spark_remote: str, tmp_path: Path
) -> None:
    fake = SparkFake(tmp_path / "a project", spark, spark_remote)
    frozen = {**STRATA, "split": {**STRATA["split"], "freeze": ["test"]}}
    history(fake, "dsd", [(frozen, FEW, {}), (frozen, FEWER, {}), (frozen, MORE, {})])
    fake.build_on_spark(frozen, rows=MORE)
    export_dataset(fake.project, "late", now=NOW, fraction=0.5)
    set_tag(fake.project, "late@1.1.0", "prod")

    found = {
        name: reproduce(fake.project, name, now=NOW) for name in ("late@1.0.0", "late@prod", "late@1.2.0", "late_50pct")
    }

    assert {name: result.findings for name, result in found.items()} == dict.fromkeys(found, ())
    assert Sameness.DIFFERENT not in {result.sameness for result in found.values()}
    assert found["late@1.0.0"].sameness is found["late@1.2.0"].sameness is Sameness.BYTES
    assert [tool.name for result in found.values() for tool in result.tools] == []
    assert version_numbers(fake.project, "late") == ["1.0.0", "1.1.0", "1.2.0"]
    assert find_version(fake.project, "late_50pct").manifest.spec.fraction == 0.5
