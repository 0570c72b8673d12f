"""`reports/profile.json`: what a version leaves of itself, bounded, versioned, and never of other rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from warehouse.datasets.profiles import (
    MOST_BYTES,
    find_profile,
    make_profile,
    profile_json,
    profile_path,
    profile_schema,
    read_profile,
    write_profile,
)
from warehouse.datasets.versions import Version, read_version
from warehouse.engine.local import LocalEngine
from warehouse.errors import VersionError

ROWS = "select i as id, 'p' || i % 90 as person, i % 4 = 0 as is_late, i * 0.37 as x from range(3000) as r(i)"
DATASET: dict[str, Any] = {
    "key": "id",
    "label": "is_late",
    "split": {"method": "hash", "shares": {"train": 0.8, "test": 0.2}},
}


@pytest.fixture
def version(fake: Any, export: Callable[..., Any]) -> Version:
    fake.build(DATASET, rows=ROWS)
    return read_version(export().path)


def test_a_written_profile_reads_back_and_satisfies_its_schema(engine: LocalEngine, version: Version) -> None:
    jsonschema = pytest.importorskip("jsonschema")

    profile = make_profile(engine, version)
    write_profile(version, profile)

    assert read_profile(version) == profile
    jsonschema.validate(json.loads(profile_path(version).read_text(encoding="utf-8")), profile_schema())
    assert profile.sets == ("train", "test")
    assert [column.name for column in profile.columns] == ["person", "is_late", "x"]


def test_the_published_schema_is_that_of_the_code() -> None:
    path = Path(__file__).parents[2] / "docs/profile.schema.json"

    assert json.loads(path.read_text(encoding="utf-8")) == profile_schema()


def test_a_profile_is_made_once_and_serves_when_the_files_are_gone(engine: LocalEngine, version: Version) -> None:
    first = find_profile(engine, version)
    for file in version.manifest.files:
        (version.path / file.path).unlink()

    assert find_profile(engine, version) == first


def test_an_export_writes_the_profile_when_the_dataset_says_so(
    fake: Any, export: Callable[..., Any], engine: LocalEngine
) -> None:
    fake.build({**DATASET, "drift": {"profile": True}}, rows=ROWS)

    version = read_version(export().path)

    assert read_profile(version) == make_profile(engine, version)


def test_without_files_or_profile_there_is_one_clear_error(engine: LocalEngine, version: Version) -> None:
    for file in version.manifest.files:
        (version.path / file.path).unlink()

    with pytest.raises(VersionError, match=r"late@1.0.0 has no profile\n  make it with: warehouse profile late@1.0.0"):
        find_profile(engine, version)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[:100], "cannot read the profile"),
        (lambda text: "[]", "cannot read the profile"),
        (lambda text: text.replace('"format_version":1', '"format_version":2'), "has format 2, and this ml-warehouse"),
        (lambda text: text.replace('"train"', "7"), "is not a profile: profile.sets.0"),
        (lambda text: text.replace('"fingerprint":"', '"fingerprint":"0'), "is the profile of other rows"),
    ],
    ids=["cut", "a list", "newer", "wrong type", "other rows"],
)
def test_a_profile_that_cannot_be_used_is_said(
    engine: LocalEngine, version: Version, change: Callable[[str], str], message: str
) -> None:
    write_profile(version, make_profile(engine, version))
    profile_path(version).write_text(change(profile_path(version).read_text(encoding="utf-8")), encoding="utf-8")

    with pytest.raises(VersionError, match=message):
        read_profile(version)


def test_granted_personal_data_lists_no_values_and_pseudonyms_do(
    fake: Any, export: Callable[..., Any], engine: LocalEngine
) -> None:
    personal = {"person": {"name": "person", "meta": {"pii": True}, "config": {"meta": {"pii": True}}, "tags": []}}
    fake.build(
        {**DATASET, "columns": {"grant": ["person"]}},
        rows=ROWS,
        model={"columns": personal},
    )
    version = read_version(export().path)

    text = profile_json(version, make_profile(engine, version))

    assert '"p7"' not in text
    assert '"true"' in text


def test_two_hundred_columns_stay_under_a_megabyte(fake: Any, export: Callable[..., Any], engine: LocalEngine) -> None:
    numbers = ", ".join(f"(hash(i * 200 + {c}) % 1000000007) / 7.3 as n{c}" for c in range(100))
    words = ", ".join(f"'{'long ' * 20}' || hash(i * 200 + {c}) % 900 as w{c}" for c in range(100))
    fake.build(DATASET, rows=f"select i as id, i % 2 = 0 as is_late, {numbers}, {words} from range(2000) as r(i)")
    version = read_version(export().path)

    text = profile_json(version, make_profile(engine, version))

    assert 100_000 < len(text.encode()) <= MOST_BYTES


def test_a_successor_does_not_inherit_a_profile(
    fake: Any, export: Callable[..., Any], engine: LocalEngine, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.build(DATASET, rows=ROWS)
    version = read_version(export().path)
    write_profile(version, make_profile(engine, version))
    monkeypatch.chdir(fake.project.root)

    assert run("forget", "--key", "person=p7").code == 0

    (successor,) = (path for path in version.path.parent.iterdir() if path.name not in ("1.0.0",) and path.is_dir())
    assert not profile_path(read_version(successor)).exists()
    assert '"p7"' not in profile_json(read_version(successor), find_profile(engine, read_version(successor)))
