from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Outcome
from fake_builds import Fake

from warehouse.datasets.versions import version_numbers
from warehouse.exports.export import Export

Run = Callable[..., Outcome]
DECLARED = {"key": "id", "split": {"method": "hash", "shares": {"train": 0.8, "dev": 0.1, "test": 0.1}}}


@pytest.fixture
def url(fake: Fake, export: Callable[..., Export], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store in a folder; the working directory is a project with version late@1.0.0."""
    fake.build(DECLARED, rows="select i as id from range(500) as r(i)")
    export()
    monkeypatch.chdir(fake.project.root)
    return f"file://{tmp_path}/store"


def test_push_remote_and_pull_go_together(url: str, run: Run, fake: Fake, tmp_path: Path) -> None:
    empty = run("remote", "--store", url)
    pushed = run("push", "late", "--to", url)
    again = run("push", "late@1.0.0", "--to", url)
    listed = run("remote", "--store", url)
    fake.project.datasets_path.rename(tmp_path / "aside")
    pulled = run("pull", "late", "--from", url)

    assert [outcome.code for outcome in (empty, pushed, again, listed, pulled)] == [0] * 5
    assert "has no version yet" in empty.out
    assert "late@1.0.0 pushed: 6 of 6 files sent" in pushed.out
    assert "late@1.0.0 is there already: 0 of 6 files sent" in again.out
    assert "late" in listed.out
    assert "next: warehouse pull late@1.0.0" in listed.out
    assert "late@1.0.0 pulled: 7 files" in pulled.out
    assert version_numbers(fake.project, "late") == ["1.0.0"]


def test_the_setting_names_the_store(url: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = run("push", "late")
    monkeypatch.setenv("WAREHOUSE_STORE", url)
    pushed = run("push", "late")

    assert missing.code == 2
    assert 'store = "s3://bucket/prefix" in [tool.warehouse]' in missing.err
    assert pushed.code == 0


def test_results_are_json_on_request(url: str, run: Run) -> None:
    pushed = json.loads(run("push", "late", "--to", url, "--json").out)
    (entry,) = json.loads(run("remote", "--store", url, "--json").out)
    pulled = json.loads(run("pull", "late", "--from", url, "--json").out)
    removed = json.loads(run("remote", "--store", url, "--remove", "late@1.0.0", "--json").out)
    cleaning = json.loads(run("remote", "--store", url, "--gc", "--json").out)

    assert (pushed["reference"], pushed["is_new"], pushed["url"]) == ("late@1.0.0", True, url)
    assert (entry["name"], entry["version"], entry["own_bytes"]) == ("late", "1.0.0", pushed["byte_count"])
    assert (pulled["is_new"], pulled["fetched_bytes"]) == (False, 0)
    assert removed == {"removed": "late@1.0.0"}
    assert (cleaning["object_count"], cleaning["young_count"]) == (0, 6)


def test_a_deleted_version_is_gone_and_its_space_is_freed(url: str, run: Run) -> None:
    run("push", "late", "--to", url)
    removed = run("remote", "--store", url, "--remove", "late@1.0.0")
    wanted = run("remote", "--store", url, "--gc", "--grace-days", "0", "--dry-run")
    done = run("remote", "--store", url, "--gc", "--grace-days", "0")
    pulled = run("pull", "late@1.0.0", "--from", url)

    assert "late@1.0.0 was deleted" in removed.out
    assert "would delete 6 contents" in wanted.out
    assert "deleted 6 contents" in done.out
    assert pulled.code == 2
    assert "has no version of dataset 'late'; the store is empty" in pulled.err


@pytest.mark.parametrize("words", [["push", "late@9.9.9"], ["push", "nothing"], ["pull", "nothing"], ["pull", "../x"]])
def test_what_does_not_exist_is_one_clear_error(url: str, run: Run, words: list[str]) -> None:
    outcome = run(*words, "--store", url)

    assert outcome.code == 2
    assert outcome.out == ""
    assert "Traceback" not in outcome.err


def test_a_wrong_url_is_one_clear_error(url: str, run: Run) -> None:
    outcome = run("push", "late", "--to", "s3://key:hidden@bucket")

    assert outcome.code == 2
    assert "must not hold credentials" in outcome.err
    assert "hidden" not in outcome.err
