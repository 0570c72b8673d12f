"""A full disk: what writes changes nothing and says so; what deletes still can, for that is what makes room."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fake_builds import Fake
from small_disks import fill, small_disk

from warehouse.datasets.holdings import Entity
from warehouse.datasets.marks import read_tags
from warehouse.datasets.removal import remove_version
from warehouse.datasets.tags import list_tags, set_tag
from warehouse.datasets.verification import verify_version
from warehouse.datasets.versions import find_version, read_version, standing_numbers, version_numbers
from warehouse.errors import StorageError
from warehouse.exports.export import export_dataset
from warehouse.exports.forgetting import forget
from warehouse.retention import clean_up

NOW = datetime(2026, 11, 24, tzinfo=UTC)
DECLARED: dict[str, Any] = {
    **{"key": "id", "label": "y"},
    "split": {"method": "hash", "shares": {"train": 0.8, "dev": 0.1, "test": 0.1}},
}
ROWS = "select i as id, i % 2 = 0 as y, md5(i::varchar) as text, 'p' || i % 300 as person from range(1000) as r(i)"
WHO = Entity(values={"person": "p7"})


@contextmanager
def no_file_grows_past(limit: int) -> Iterator[None]:
    """The same as a full disk to whoever writes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def add_versions(fake: Fake, *counts: int) -> None:
    for count in counts:
        fake.build(DECLARED, rows=ROWS.replace("1000", str(count)))
        export_dataset(fake.project, "late", now=NOW)


@pytest.mark.parametrize("limit", [0, 300, 5_000, 20_000], ids=lambda limit: f"{limit} bytes")
def test_forgetting_goes_on_where_it_stopped(fake: Fake, limit: int) -> None:
    add_versions(fake, 1000, 1100)
    set_tag(fake.project, "late@1.0.0", "prod")
    with no_file_grows_past(limit), pytest.raises(StorageError, match=r"cannot write[\s\S]*(space|large)"):
        forget(fake.project, WHO, now=NOW)

    # A successor may be there already; the versions that it is for are as they were.
    assert {"1.0.0", "1.1.0"} <= set(standing_numbers(fake.project, "late"))
    assert list_tags(fake.project, "late") == {"prod": "1.0.0"}
    assert list(fake.project.datasets_path.glob("late/.tmp-*")) == []
    forget(fake.project, WHO, now=NOW)
    assert standing_numbers(fake.project, "late") == ["1.0.1", "1.2.0"]
    assert list_tags(fake.project, "late") == {"prod": "1.0.1"}
    for number in standing_numbers(fake.project, "late"):
        assert verify_version(find_version(fake.project, f"late@{number}")).findings == ()


def test_a_tag_is_moved_or_stays(fake: Fake) -> None:
    add_versions(fake, 1000, 1100)
    set_tag(fake.project, "late@1.0.0", "prod")

    with no_file_grows_past(0), pytest.raises(StorageError, match="cannot write"):
        set_tag(fake.project, "late@1.1.0", "prod")

    assert list_tags(fake.project, "late") == {"prod": "1.0.0"}


def test_a_version_whose_removal_cannot_be_recorded_stays(fake: Fake) -> None:
    add_versions(fake, 1000, 1100)

    with no_file_grows_past(0), pytest.raises(StorageError, match=r"cannot write .*removed\.json"):
        remove_version(fake.project, "late@1.0.0", now=NOW)

    assert verify_version(find_version(fake.project, "late@1.0.0")).findings == ()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "a small disk") as folder:
        yield folder


@pytest.mark.parametrize(
    "free",
    [
        pytest.param(lambda fake: remove_version(fake.project, "late@1.0.0", now=NOW), id="rm"),
        pytest.param(lambda fake: clean_up(fake.project, now=NOW, keep=1), id="gc"),
    ],
)
def test_a_full_disk_can_be_freed(disk: Path, free: Callable[[Fake], Any]) -> None:
    fake = Fake(disk / "project")
    add_versions(fake, 1000, 1100)
    fake.build(DECLARED, rows=ROWS.replace("1000", "1200"))
    fill(disk)
    assert os.statvfs(disk).f_bavail == 0
    with pytest.raises(StorageError, match="free some space"):
        export_dataset(fake.project, "late", now=NOW)
    with pytest.raises(StorageError, match="free some space"):
        forget(fake.project, WHO, now=NOW)
    assert version_numbers(fake.project, "late") == ["1.0.0", "1.1.0"]
    assert read_tags(fake.project.datasets_path / "late") == {}

    free(fake)

    assert version_numbers(fake.project, "late") == ["1.1.0"]
    assert verify_version(read_version(fake.project.datasets_path / "late/1.1.0")).findings == ()
    assert os.statvfs(disk).f_bavail > 0
    (disk / "filler").unlink()
    assert export_dataset(fake.project, "late", now=NOW).manifest.version == "1.2.0"
