from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fake_builds import Fake

from warehouse import retention
from warehouse.datasets.marks import Withdrawal, read_removals, write_withdrawal
from warehouse.datasets.removal import freed_bytes, remove_version
from warehouse.datasets.tags import delete_tag, set_tag
from warehouse.datasets.versions import find_version, newest_version, version_numbers
from warehouse.errors import LockedError, VersionError
from warehouse.exports.export import export_dataset
from warehouse.project import Project
from warehouse.published import build_ids
from warehouse.storage import lock

DECLARED = {"key": "id", "split": {"method": "hash", "shares": {"train": 0.8, "test": 0.2}}}
FROZEN = {**DECLARED, "split": {**DECLARED["split"], "freeze": {"test": "1.0.0"}}}  # type: ignore[dict-item]  # literals
ROWS = "select i as id, md5(i::varchar) as note from range(1000) as r(i)"
NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Fake:
    """A dataset with the versions 1.0.0, 1.1.0 and 1.2.0, made once."""
    fake = Fake(tmp_path_factory.mktemp("removal") / "a project")
    for count in (1000, 1100, 1200):
        fake.build(DECLARED, rows=ROWS.replace("1000", str(count)))
        export_dataset(fake.project, "late", now=NOW)
    return fake


@pytest.fixture
def fake(made: Fake, tmp_path: Path) -> Fake:
    return made.copied_to(tmp_path / "an [odd] *pro'ject* 名前")


def numbers(fake: Fake) -> list[str]:
    return version_numbers(fake.project, "late")


def withdraw(fake: Fake, number: str, successor: str | None = None) -> None:
    withdrawal = Withdrawal(at="2026-11-23T00:00:00+00:00", reason="forgotten", successor=successor, row_count=1)
    write_withdrawal(fake.project.datasets_path / "late" / number, withdrawal)


def test_a_version_that_nothing_needs_is_deleted(fake: Fake) -> None:
    path = find_version(fake.project, "late@1.0.0").path
    size = freed_bytes([path])

    result = remove_version(fake.project, "late@1.0.0", now=NOW)

    assert not path.exists()
    assert numbers(fake) == ["1.1.0", "1.2.0"]
    assert (result.byte_count, [version.reference for version in result.versions]) == (size, ["late@1.0.0"])
    assert not list(path.parent.glob(".tmp-*"))
    with pytest.raises(VersionError, match=r"late@1\.0\.0 was deleted on 2026-11-23T00:00:00\+00:00 \(removed\)"):
        find_version(fake.project, "late@1.0.0")


def test_what_has_a_tag_stays(fake: Fake) -> None:
    set_tag(fake.project, "late@1.0.0", "prod")

    with pytest.raises(VersionError, match=r"tag 'prod' names it\n.*warehouse tag --delete late prod"):
        remove_version(fake.project, "late@prod", now=NOW, force=True)

    delete_tag(fake.project, "late", "prod")
    remove_version(fake.project, "late@1.0.0", now=NOW)
    assert "1.0.0" not in numbers(fake)


def test_the_newest_stays_unless_it_is_meant_and_its_number_is_not_given_again(fake: Fake) -> None:
    with pytest.raises(VersionError, match=r"the newest version, .*\n.*--force"):
        remove_version(fake.project, "late", now=NOW)

    remove_version(fake.project, "late@1.2.0", now=NOW, force=True)
    again = export_dataset(fake.project, "late", now=NOW)

    assert again.manifest.version == "1.3.0"
    assert again.manifest.change is not None
    assert again.manifest.change.since == "1.1.0"


def test_when_all_are_deleted_numbers_go_on(fake: Fake) -> None:
    for number in numbers(fake):
        remove_version(fake.project, f"late@{number}", now=NOW, force=True)

    assert export_dataset(fake.project, "late", now=NOW).manifest.version == "2.0.0"
    assert list(read_removals(fake.project.datasets_path / "late")) == ["1.0.0", "1.1.0", "1.2.0"]


def test_what_a_split_is_frozen_to_stays(fake: Fake) -> None:
    fake.build(FROZEN, rows=ROWS.replace("1000", "1300"))
    frozen = export_dataset(fake.project, "late", now=NOW, allow_split_changes=True).manifest.version

    with pytest.raises(VersionError, match=rf"late@{frozen} has a split that is frozen to it"):
        remove_version(fake.project, "late@1.0.0", now=NOW)

    result = retention.clean_up(fake.project, now=NOW, keep=1)
    assert [version.number for version in result.versions] == ["1.1.0", "1.2.0"]


def test_a_kill_between_the_steps_leaves_it_whole_or_gone(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("warehouse.datasets.removal.storage.remove_folder", killed)
        with pytest.raises(KeyboardInterrupt):
            remove_version(fake.project, "late@1.0.0", now=NOW)
    assert find_version(fake.project, "late@1.0.0").manifest.row_count == 1000
    with monkeypatch.context() as patch:
        patch.setattr("warehouse.storage.files.shutil.rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            remove_version(fake.project, "late@1.0.0", now=NOW)
    assert numbers(fake) == ["1.1.0", "1.2.0"]

    result = retention.clean_up(fake.project, now=NOW)

    assert result.leftover_count == 1
    assert not list((fake.project.datasets_path / "late").glob(".tmp-*"))


def test_gc_deletes_what_was_withdrawn_and_says_what_takes_its_place(fake: Fake) -> None:
    withdraw(fake, "1.0.0", "1.1.0")

    shown = retention.clean_up(fake.project, now=NOW, dry_run=True)
    assert numbers(fake) == ["1.0.0", "1.1.0", "1.2.0"]
    done = retention.clean_up(fake.project, now=NOW)

    assert shown.versions == done.versions
    assert shown.byte_count == done.byte_count > 0
    assert [(version.number, version.reason) for version in done.versions] == [("1.0.0", "withdrawn")]
    assert numbers(fake) == ["1.1.0", "1.2.0"]
    with pytest.raises(VersionError, match=r"\(withdrawn\)\n  use late@1\.1\.0"):
        find_version(fake.project, "late@1.0.0")


def test_gc_keeps_a_tagged_version_that_was_withdrawn_and_says_so(fake: Fake) -> None:
    set_tag(fake.project, "late@1.0.0", "prod")
    withdraw(fake, "1.0.0")

    result = retention.clean_up(fake.project, now=NOW)

    assert result.versions == ()
    assert "still has the tag 'prod'" in result.findings[0].message


def test_gc_keeps_so_many_and_the_tagged_ones(fake: Fake) -> None:
    set_tag(fake.project, "late@1.0.0", "prod")

    result = retention.clean_up(fake.project, now=NOW, keep=1)

    assert [(version.number, version.reason) for version in result.versions] == [("1.1.0", "old")]
    assert numbers(fake) == ["1.0.0", "1.2.0"]
    assert retention.clean_up(fake.project, now=NOW, keep=1).versions == ()
    assert retention.clean_up(fake.project, now=NOW).versions == ()


def test_gc_deletes_nothing_old_when_a_newer_one_cannot_be_read(fake: Fake) -> None:
    (fake.project.datasets_path / "late/1.2.0/manifest.json").write_text("{")

    result = retention.clean_up(fake.project, now=NOW, keep=1)

    assert result.versions == ()
    assert "cannot be read, so no older version of it was deleted" in result.findings[0].message


def test_gc_leaves_a_dataset_alone_that_is_being_exported(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    withdraw(fake, "1.0.0")

    with lock(fake.project.datasets_path / "late/.lock", purpose="an export"):
        result = retention.clean_up(fake.project, now=NOW)

    assert numbers(fake) == ["1.0.0", "1.1.0", "1.2.0"]
    assert "nothing of late was deleted" in result.findings[0].message
    monkeypatch.setattr("warehouse.datasets.tags.dataset_lock.__kwdefaults__", {"timeout": 0.1})
    with lock(fake.project.datasets_path / "late/.lock", purpose="an export"), pytest.raises(LockedError):
        remove_version(fake.project, "late@1.0.0", now=NOW)


def test_builds_go_with_the_versions_that_needed_them(fake: Fake) -> None:
    project = fake.project
    few = Project(root=project.root, settings=type(project.settings)(keep_builds=1))
    assert len(build_ids(few)) == 3
    assert retention.clean_up(few, now=NOW).builds == ()

    shown = retention.clean_up(few, now=NOW, keep=1, dry_run=True)
    result = retention.clean_up(few, now=NOW, keep=1)

    assert shown.builds == result.builds
    assert len(result.builds) == 2
    assert len(build_ids(few)) == 1


def test_space_that_a_kept_version_shares_is_not_counted(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    (tmp_path / "a/own").write_bytes(os.urandom(100_000))
    (tmp_path / "a/shared").write_bytes(os.urandom(200_000))
    (tmp_path / "b/shared").hardlink_to(tmp_path / "a/shared")
    (tmp_path / "b/link").symlink_to(tmp_path / "a/own")

    def size(name: str) -> int:
        return (tmp_path / name).stat().st_blocks * 512

    assert freed_bytes([tmp_path / "a"]) == size("a/own")
    assert freed_bytes([tmp_path / "a", tmp_path / "b"]) >= size("a/own") + size("a/shared")
    assert freed_bytes([tmp_path / "c"]) == 0


def test_withdrawn_versions_are_not_the_newest(fake: Fake) -> None:
    withdraw(fake, "1.2.0", "1.1.0")

    newest = newest_version(fake.project, "late")

    assert newest is not None
    assert newest.number == "1.1.0"
    assert find_version(fake.project, "late").number == "1.1.0"
    with pytest.raises(VersionError, match=r"late@1\.2\.0 was withdrawn on .* \(forgotten\)\n  use late@1\.1\.0"):
        find_version(fake.project, "late@1.2.0")
    assert find_version(fake.project, "late@1.2.0", allow_withdrawn=True).number == "1.2.0"
    for number in ("1.0.0", "1.1.0"):
        withdraw(fake, number)
    with pytest.raises(VersionError, match="every version of dataset 'late' was withdrawn"):
        find_version(fake.project, "late")
