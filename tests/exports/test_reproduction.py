from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fake_builds import Fake

from warehouse.datasets.holdings import Entity
from warehouse.datasets.manifest import manifest_json
from warehouse.datasets.pseudonyms import KEY_VARIABLE
from warehouse.datasets.tags import set_tag
from warehouse.datasets.versions import Version, find_version, version_numbers
from warehouse.errors import VersionError
from warehouse.exports.export import export_dataset
from warehouse.exports.forgetting import forget
from warehouse.exports.reproduction import Sameness, reproduce

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SHARES = {"train": 0.8, "dev": 0.1, "test": 0.1}
HASH = {"method": "hash", "shares": SHARES}
DECLARED: dict[str, Any] = {"key": "id", "label": "y", "split": HASH}
ROWS = """
    select i as id, i % 4 = 0 as y, i / 8 as x, 'p' || i % 90 as person, timestamp '2013-01-01' + to_hours(i::int) as t
    from range(3000) as r(i)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Fake:
    fake = Fake(tmp_path_factory.mktemp("reproduction") / "a project")
    fake.build(DECLARED, rows=ROWS)
    export_dataset(fake.project, "late", now=NOW)
    fake.build(DECLARED, rows=ROWS.replace("3000", "3100"))
    export_dataset(fake.project, "late", now=NOW)
    return fake


@pytest.fixture
def fake(made: Fake, tmp_path: Path) -> Fake:
    return made.copied_to(tmp_path / "an [odd] *pro'ject* 名前")


def rewrite_manifest(version: Version, **changes: Any) -> None:
    version.manifest_path.write_text(manifest_json(replace(version.manifest, **changes)), encoding="utf-8")


@pytest.mark.parametrize("reference", ["late@1.0.0", "late@prod", "late"])
def test_an_old_version_comes_out_of_its_build_byte_by_byte(fake: Fake, reference: str) -> None:
    set_tag(fake.project, "late@1.0.0", "prod")
    before = sorted(fake.project.datasets_path.rglob("*"))

    result = reproduce(fake.project, reference, now=datetime(2027, 1, 1, tzinfo=UTC))

    assert result.sameness is Sameness.BYTES
    assert (result.findings, result.difference) == ((), None)
    assert {split.sameness for split in result.splits} == {Sameness.BYTES}
    assert sorted(fake.project.datasets_path.rglob("*")) == before


@pytest.mark.parametrize(
    "declared",
    [
        pytest.param({"split": {"method": "time", "shares": SHARES}, "time": "t"}, id="cutoffs from shares"),
        pytest.param({"split": {**HASH, "freeze": {"test": "1.0.0"}}}, id="frozen"),
        pytest.param({"split": {**HASH, "stratify": ["y"]}}, id="stratified"),
        pytest.param({"order": "shuffled", "format": "csv"}, id="shuffled csv"),
        pytest.param({"shard": {"rows": 500}, "subsets": [0.1], "folds": 3}, id="shards, subsets, folds"),
    ],
)
def test_what_was_resolved_is_not_resolved_again(fake: Fake, declared: dict[str, Any]) -> None:
    fake.build({**DECLARED, **declared}, rows=ROWS)
    export_dataset(fake.project, "late", now=NOW, allow_split_changes=True)
    fake.build({**DECLARED, **declared}, rows=ROWS.replace("3000", "3500"))
    second = export_dataset(fake.project, "late", now=NOW, allow_split_changes=True)

    result = reproduce(fake.project, f"late@{second.manifest.version}", now=NOW)

    assert result.sameness is Sameness.BYTES


@pytest.mark.parametrize(
    "split",
    [
        pytest.param(HASH, id="hash"),
        pytest.param({**HASH, "freeze": ["test"]}, id="frozen"),
        pytest.param({**HASH, "stratify": ["y"]}, id="stratified"),
    ],
)
def test_a_share_of_train_follows_the_versions_of_the_whole_again(fake: Fake, split: dict[str, Any]) -> None:
    declared = {**DECLARED, "split": split}
    fake.build(declared, rows=ROWS)
    export_dataset(fake.project, "late", now=NOW, allow_split_changes=True)
    fake.build(declared, rows=ROWS.replace("3000", "3500"))
    export_dataset(fake.project, "late", now=NOW, allow_split_changes=True)
    share = export_dataset(fake.project, "late", now=NOW, fraction=0.1)

    result = reproduce(fake.project, share.reference, now=NOW)

    assert result.sameness is Sameness.BYTES


def test_strata_that_followed_a_version_that_is_gone_cannot_be_made_again(fake: Fake) -> None:
    fake.build({**DECLARED, "split": {**HASH, "stratify": ["y"]}}, rows=ROWS)
    result = export_dataset(fake.project, "late", now=NOW, allow_split_changes=True)
    assert result.manifest.change is not None
    shutil.rmtree(fake.project.datasets_path / "late" / result.manifest.change.since)

    with pytest.raises(VersionError, match="strata kept the places"):
        reproduce(fake.project, result.reference, now=NOW)


def test_other_bytes_of_the_same_rows_are_the_same_content(fake: Fake) -> None:
    version = find_version(fake.project, "late@1.0.0")
    splits = [
        replace(split, files=tuple(replace(file, sha256="0" * 64) for file in split.files))
        for split in version.manifest.splits
    ]
    tools = {**version.manifest.tools, "duckdb": "1.4.0"}
    rewrite_manifest(version, splits=tuple(splits), tools=tools)

    result = reproduce(fake.project, "late@1.0.0", now=NOW)

    assert result.sameness is Sameness.CONTENT
    assert result.findings == ()
    assert all(split.recorded_content == split.content is not None for split in result.splits)
    assert ("duckdb", "1.4.0") in [(tool.name, tool.recorded) for tool in result.tools]


def test_other_rows_are_a_critical_finding_that_says_which(fake: Fake) -> None:
    import duckdb

    version = find_version(fake.project, "late@1.0.0")
    build = fake.project.builds_path / version.manifest.provenance.build_id / "warehouse.duckdb"
    with duckdb.connect(str(build)) as connection:
        connection.execute("update examples set x = -1 where id in (7, 8)")

    result = reproduce(fake.project, "late@1.0.0", now=NOW)

    assert result.sameness is Sameness.DIFFERENT
    assert result.difference is not None
    assert [(column.name, column.row_count) for column in result.difference.columns] == [("x", 2)]
    (finding,) = result.findings
    assert finding.severity == "critical"
    assert "late@1.0.0 does not come out again" in finding.message


def test_a_build_that_is_gone_is_named(fake: Fake) -> None:
    build = find_version(fake.project, "late@1.0.0").manifest.provenance.build_id
    shutil.rmtree(fake.project.builds_path / build)

    with pytest.raises(VersionError, match=rf"late@1\.0\.0 was exported from build {build}, which is not there"):
        reproduce(fake.project, "late@1.0.0", now=NOW)


def test_a_version_from_which_somebody_was_left_out_cannot_be_made_again(fake: Fake) -> None:
    forget(fake.project, Entity(values={"person": "p7"}), now=NOW)

    with pytest.raises(VersionError, match=r"late@1\.2\.0 was not exported: warehouse forget wrote it"):
        reproduce(fake.project, "late", now=NOW)


def test_pseudonyms_need_the_key_that_they_were_made_with(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "correct horse battery staple")
    fake.build({**DECLARED, "columns": {"pseudonymise": ["person"]}}, rows=ROWS, name="hidden")
    export_dataset(fake.project, "hidden", now=NOW)

    assert reproduce(fake.project, "hidden", now=NOW).sameness is Sameness.BYTES
    monkeypatch.setenv(KEY_VARIABLE, "another horse battery staple")
    with pytest.raises(VersionError, match="set the key that it was written with"):
        reproduce(fake.project, "hidden", now=NOW)


def test_nothing_is_left_behind_and_no_version_is_made(fake: Fake) -> None:
    reproduce(fake.project, "late@1.0.0", now=NOW)

    assert version_numbers(fake.project, "late") == ["1.0.0", "1.1.0"]
    assert list(fake.project.temporary_path.glob("*")) == []
    assert json.loads((fake.project.datasets_path / "late/1.1.0/manifest.json").read_text())["version"] == "1.1.0"
