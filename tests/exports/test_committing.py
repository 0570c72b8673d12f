from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from common import NOW
from fake_builds import Fake

from warehouse import storage
from warehouse.datasets.loading import load_dataset
from warehouse.datasets.store_layout import find_stored, stored_numbers
from warehouse.datasets.verification import verify_version
from warehouse.datasets.versions import find_version, version_numbers
from warehouse.errors import StoreError
from warehouse.exports import export as export_module
from warehouse.exports.export import Export, Outcome, export_dataset
from warehouse.object_store import open_store

DECLARED = {"key": "id", "split": {"method": "hash", "shares": {"train": 0.8, "dev": 0.1, "test": 0.1}}}
ROWS = "select i as id, i as x from range({}) as r(i)"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"file://{tmp_path}/store"


@pytest.fixture
def stored(fake: Fake, url: str) -> Callable[..., Export]:
    """Exports dataset `late` of the project with a store."""

    def run(other: Fake = fake, **options: Any) -> Export:
        settings = replace(other.project.settings, store=url)
        return export_dataset(replace(other.project, settings=settings), "late", **{"now": NOW, **options})

    return run


def test_an_export_commits_to_the_store(fake: Fake, stored: Callable[..., Export], url: str) -> None:
    fake.build(DECLARED, rows=ROWS.format(500))

    result = stored()

    assert result.outcome is Outcome.WRITTEN
    assert stored_numbers(open_store(url), "late") == ("1.0.0",)
    assert result.path is not None
    assert find_stored(open_store(url), "late").checksums == (result.path / "SHA256SUMS").read_bytes()


def test_numbers_continue_from_what_another_machine_wrote(
    fake: Fake, stored: Callable[..., Export], url: str, tmp_path: Path
) -> None:
    fake.build(DECLARED, rows=ROWS.format(500))
    stored()
    other = Fake(tmp_path / "another machine")
    # Ids of builds are times; these two were not made in the same second.
    other.count = 50
    other.build(DECLARED, rows=ROWS.format(600))

    theirs = stored(other)
    fake.build(DECLARED, rows=ROWS.format(600))
    ours = stored()

    assert theirs.reference == "late@1.1.0"
    assert theirs.manifest.change is not None
    assert theirs.manifest.change.rows_added == 100
    assert ours.outcome is Outcome.UNCHANGED
    assert version_numbers(fake.project, "late") == ["1.0.0", "1.1.0"]
    assert stored_numbers(open_store(url), "late") == ("1.0.0", "1.1.0")


def test_a_kill_between_commit_and_rename_is_made_good_by_the_next_export(
    fake: Fake, stored: Callable[..., Export], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.build(DECLARED, rows=ROWS.format(500))

    def die(temporary: Path, final: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(storage, "publish_folder", die)
        with pytest.raises(KeyboardInterrupt):
            stored()
    assert version_numbers(fake.project, "late") == []
    assert stored_numbers(open_store(url), "late") == ("1.0.0",)

    result = stored()

    assert (result.outcome, result.reference) == (Outcome.UNCHANGED, "late@1.0.0")
    assert verify_version(find_version(fake.project, "late")).findings == ()


def test_when_another_machine_was_first_nothing_is_written(
    fake: Fake, stored: Callable[..., Export], url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Fake(tmp_path / "another machine")
    # Ids of builds are times; these two were not made in the same second.
    other.count = 50
    other.build(DECLARED, rows=ROWS.format(600))
    stored(other)
    before = find_stored(open_store(url), "late").checksums
    fake.build(DECLARED, rows=ROWS.format(500))
    with monkeypatch.context() as patch:
        # As if the other machine had committed just after this one had looked.
        patch.setattr(export_module, "receive_newest", lambda project, dataset, **__: None)
        with pytest.raises(StoreError, match=r"another machine was first; .* run again: warehouse export late"):
            stored()

    assert version_numbers(fake.project, "late") == []
    assert find_stored(open_store(url), "late").checksums == before
    assert stored().reference == "late@1.1.0"


def test_a_version_from_before_the_store_was_set_is_committed_later(
    fake: Fake, export: Callable[..., Export], stored: Callable[..., Export], url: str
) -> None:
    fake.build(DECLARED, rows=ROWS.format(500))
    export()

    assert stored().outcome is Outcome.UNCHANGED
    assert stored_numbers(open_store(url), "late") == ("1.0.0",)


def test_a_dry_run_touches_no_store(fake: Fake, stored: Callable[..., Export], url: str) -> None:
    fake.build(DECLARED, rows=ROWS.format(500))

    assert stored(dry_run=True).outcome is Outcome.DRY_RUN
    assert stored_numbers(open_store(url), "late") == ()


def test_a_store_that_does_not_answer_keeps_the_export_from_being_written(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    fake.build(DECLARED, rows=ROWS.format(500))
    project = replace(fake.project, settings=replace(fake.project.settings, store="s3://bucket/x"))

    with pytest.raises(StoreError, match="the store does not answer"):
        export_dataset(project, "late", now=NOW)

    assert version_numbers(fake.project, "late") == []


def test_a_dataset_in_a_store_is_loaded_by_its_url(
    fake: Fake, stored: Callable[..., Export], url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_CACHE", str(tmp_path / "cache"))
    fake.build(DECLARED, rows=ROWS.format(500))
    stored()

    dataset = load_dataset(f"{url}/late", "1.0.0")

    assert sum(dataset[split].collect().height for split in dataset) == 500
