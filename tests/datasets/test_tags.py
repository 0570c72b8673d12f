from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fake_builds import Fake

from warehouse.datasets.loading import load_dataset
from warehouse.datasets.tags import delete_tag, list_tags, set_tag
from warehouse.datasets.versions import find_version
from warehouse.errors import LockedError, VersionError
from warehouse.exports.export import export_dataset
from warehouse.storage import lock

DECLARED = {"key": "id", "split": {"method": "hash", "shares": {"train": 0.8, "test": 0.2}}}
NOW = datetime(2026, 11, 23, tzinfo=UTC)
ROWS = "select i as id from range(1000) as r(i)"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Fake:
    """A dataset with two versions, made once."""
    fake = Fake(tmp_path_factory.mktemp("tags") / "a project")
    for rows in (ROWS, ROWS.replace("1000", "1100")):
        fake.build(DECLARED, rows=rows)
        export_dataset(fake.project, "late", now=NOW)
    return fake


@pytest.fixture
def fake(made: Fake, tmp_path: Path) -> Fake:
    """Its copy, for one test alone."""
    return made.copied_to(tmp_path / "an [odd] *pro'ject* 名前")


def test_a_tag_names_a_version_wherever_a_number_does(fake: Fake) -> None:
    change = set_tag(fake.project, "late@1.0.0", "prod")

    assert (change.old, change.new) == (None, "1.0.0")
    assert find_version(fake.project, "late@prod").number == "1.0.0"
    assert load_dataset("late@prod", project=fake.project).manifest.version == "1.0.0"
    assert load_dataset("late", "prod", project=fake.project).manifest.version == "1.0.0"
    assert find_version(fake.project, "late@newest").number == "1.1.0"


def test_moving_a_tag_says_from_where_to_where(fake: Fake) -> None:
    set_tag(fake.project, "late@1.0.0", "prod")

    change = set_tag(fake.project, "late", "prod")
    again = set_tag(fake.project, "late@prod", "prod")

    assert (change.old, change.new) == ("1.0.0", "1.1.0")
    assert (again.old, again.new) == ("1.1.0", "1.1.0")
    assert list_tags(fake.project, "late") == {"prod": "1.1.0"}


def test_a_deleted_tag_leaves_its_version(fake: Fake) -> None:
    set_tag(fake.project, "late@1.0.0", "prod")
    set_tag(fake.project, "late@1.0.0", "baseline")

    change = delete_tag(fake.project, "late", "prod")

    assert (change.old, change.new) == ("1.0.0", None)
    assert list_tags(fake.project, "late") == {"baseline": "1.0.0"}
    with pytest.raises(VersionError, match="no version or tag 'prod'"):
        find_version(fake.project, "late@prod")


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        *((tag, "cannot be a tag: letters") for tag in ("", "../x", "a b", '"', "名前", ".hidden", "-x", "a/b", "a@b")),
        *((tag, "cannot be a tag: letters") for tag in ("x\n", "x\0", "x" * 101)),
        *((tag, "looks like a version's number") for tag in ("1.0.0", "v1.0", "2", "1.2.3.4")),
        *((tag, "is reserved") for tag in ("newest", "Newest", "latest", "build")),
    ],
)
def test_what_cannot_be_a_tag_is_refused(fake: Fake, tag: str, message: str) -> None:
    with pytest.raises(VersionError, match=message):
        set_tag(fake.project, "late@1.0.0", tag)

    assert list_tags(fake.project, "late") == {}


@pytest.mark.parametrize("tag", ["prod", "A", "2026-spring", "v1.0-rc.1", "x" * 100, "1.0.0-rc1"])
def test_words_are_tags(fake: Fake, tag: str) -> None:
    set_tag(fake.project, "late@1.0.0", tag)

    assert find_version(fake.project, f"late@{tag}").number == "1.0.0"


@pytest.mark.parametrize(
    "reference",
    [
        "../late",
        "late/../late",
        "a b",
        '"',
        "名前",
        "",
        "@",
        "@1.0.0",
        "\0",
        "x" * 300,
        "late\n",
        "/etc",
        "late@@1.0.0",
    ],
)
def test_hostile_references_are_met_with_one_clear_error(fake: Fake, reference: str) -> None:
    with pytest.raises(VersionError, match="has no version"):
        find_version(fake.project, reference)
    with pytest.raises(VersionError, match="has no version"):
        set_tag(fake.project, reference, "prod")


@pytest.mark.parametrize("which", ["1.0", "01.0.0", "@1.0.0", "../1.0.0", "1.0.0/", "9.9.9", "名前", "1.0.0\n"])
def test_hostile_numbers_are_met_with_one_clear_error(fake: Fake, which: str) -> None:
    with pytest.raises(VersionError, match="dataset 'late' has no version or tag"):
        find_version(fake.project, f"late@{which}")


@pytest.mark.parametrize("name", ["late@1.0.0", "lat", "../late"])
def test_tags_are_of_a_dataset(fake: Fake, name: str) -> None:
    with pytest.raises(VersionError, match=r"name the dataset alone: late|has no version"):
        list_tags(fake.project, name)
    with pytest.raises(VersionError, match=r"name the dataset alone: late|has no version"):
        delete_tag(fake.project, name, "prod")


def test_an_unknown_tag_is_met_with_a_suggestion(fake: Fake) -> None:
    set_tag(fake.project, "late@1.0.0", "baseline")

    with pytest.raises(VersionError, match="has no tag 'basline'; did you mean 'baseline'"):
        delete_tag(fake.project, "late", "basline")
    with pytest.raises(VersionError, match="no version or tag 'basline'; did you mean 'baseline'"):
        find_version(fake.project, "late@basline")


@pytest.mark.parametrize("content", ["{", "[]", '{"prod": 1}', '{"prod": null}'])
def test_tags_that_cannot_be_read_are_named(fake: Fake, content: str) -> None:
    path = fake.project.datasets_path / "late/tags.json"
    path.write_text(content)

    with pytest.raises(VersionError, match=r"cannot read .*tags\.json"):
        find_version(fake.project, "late@prod")
    assert find_version(fake.project, "late").number == "1.1.0"


def test_a_tag_of_a_version_that_is_gone_is_no_traceback(fake: Fake) -> None:
    (fake.project.datasets_path / "late/tags.json").write_text(json.dumps({"prod": "7.0.0"}))

    with pytest.raises(VersionError, match="no version or tag 'prod'"):
        find_version(fake.project, "late@prod")


def test_a_tag_waits_for_an_export_and_then_says_who_runs(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warehouse.datasets.tags.dataset_lock.__kwdefaults__", {"timeout": 0.1})

    with (
        lock(fake.project.datasets_path / "late/.lock", purpose="an export of late"),
        pytest.raises(LockedError, match=r"another change of late is already running: process \d+"),
    ):
        set_tag(fake.project, "late@1.0.0", "prod")
