from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from common import Outcome
from fake_builds import Fake

from warehouse import records
from warehouse.datasets.versions import version_numbers
from warehouse.exports.export import Export
from warehouse.records import Record, Status

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
    assert "has no build and no version yet" in empty.out
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
    listed = json.loads(run("remote", "--store", url, "--json").out)
    (entry,) = listed["versions"]
    pulled = json.loads(run("pull", "late", "--from", url, "--json").out)
    removed = json.loads(run("remote", "--store", url, "--remove", "late@1.0.0", "--json").out)
    cleaning = json.loads(run("remote", "--store", url, "--gc", "--json").out)

    assert (pushed["reference"], pushed["is_new"], pushed["url"]) == ("late@1.0.0", True, url)
    assert (entry["name"], entry["version"], entry["own_bytes"]) == ("late", "1.0.0", pushed["byte_count"])
    assert (pulled["is_new"], pulled["fetched_bytes"]) == (False, 0)
    assert removed == {"removed": "late@1.0.0"}
    assert listed["builds"] == cleaning["builds"]["builds"] == []
    assert (cleaning["versions"]["object_count"], cleaning["versions"]["young_count"]) == (0, 6)


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


@pytest.fixture
def passed(fake: Fake) -> Callable[[], str]:
    """Makes a published build that has passed, and returns its id."""

    def make() -> str:
        build_id = fake.build(DECLARED, rows="select i as id from range(700) as r(i)")
        records.write_record(
            fake.project,
            Record(
                id=build_id,
                command="build",
                status=Status.PASSED,
                started_at="2026-11-23T00:00:00+00:00",
                details={"dbt_project": "fake"},
            ),
        )
        return build_id

    return make


def test_without_a_name_the_published_build_is_pushed_and_pulled(
    url: str, run: Run, passed: Callable[[], str], tmp_path: Path
) -> None:
    first = passed()
    pushed = run("push", "--to", url)
    again = run("push", first, "--to", url)
    second = passed()
    run("push", "--to", url)
    listed = run("remote", "--store", url)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/dbt_project.yml").write_text("name: fake")
    pulled = run("--project", str(tmp_path / "other"), "pull", "--from", url)
    older = run("--project", str(tmp_path / "other"), "pull", first, "--from", url)
    as_json = json.loads(run("--project", str(tmp_path / "other"), "pull", "--from", url, "--json").out)

    assert [outcome.code for outcome in (pushed, again, listed, pulled, older)] == [0] * 5
    assert f"build {first} pushed: " in pushed.out
    assert f"{url} publishes it" in pushed.out
    assert f"build {first} is there already: 0 B of " in again.out
    assert "publishes it already" in again.out
    assert "<- current" in listed.out
    assert f"build {second} pulled: " in pulled.out
    assert f"published instead of {second}: var/warehouse/builds/{first}/warehouse.duckdb" in older.out
    assert f"back again: warehouse publish {second}" in older.out
    assert (as_json["id"], as_json["replaced"], as_json["fetched_bytes"]) == (second, first, 0)


def test_builds_in_a_store_are_removed_and_their_space_is_freed(url: str, run: Run, passed: Callable[[], str]) -> None:
    ids = []
    for _ in range(3):
        ids.append(passed())
        run("push", "--to", url)

    kept = run("remote", "--store", url, "--remove", ids[2])
    removed = run("remote", "--store", url, "--remove", ids[0])
    cleaned = run("remote", "--store", url, "--gc", "--keep-builds", "1", "--grace-days", "0")
    listed = json.loads(run("remote", "--store", url, "--json").out)

    assert kept.code == 2
    assert "so it stays" in kept.err
    assert f"build {ids[0]} was deleted from" in removed.out
    assert f"deleted 1 builds: {ids[1]}" in cleaned.out
    assert [entry["id"] for entry in listed["builds"]] == [ids[2]]


def test_what_is_published_is_shared_when_the_settings_say_so(
    url: str, run: Run, passed: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = passed(), passed()
    monkeypatch.setenv("WAREHOUSE_SHARE_BUILDS", "true")
    without = run("publish", second)
    monkeypatch.setenv("WAREHOUSE_STORE", url)
    published = run("publish", second)
    back = run("rollback")
    listed = json.loads(run("remote", "--json").out)

    assert without.code == 2
    assert "share_builds is true, and no store is set" in without.err
    assert f"shared in {url}" in published.out
    assert f"published build {first} again" in back.out
    assert [(entry["id"], entry["is_current"]) for entry in listed["builds"]] == [(first, True), (second, False)]


def test_force_is_of_builds_alone(url: str, run: Run) -> None:
    outcome = run("push", "late", "--force", "--to", url)

    assert outcome.code == 2
    assert "--force is for builds" in outcome.err
