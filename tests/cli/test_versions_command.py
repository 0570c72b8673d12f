from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fake_builds import Fake

from warehouse.datasets.versions import version_numbers
from warehouse.exports.export import export_dataset

NOW = datetime(2026, 11, 23, tzinfo=UTC)
HASH = {"method": "hash", "shares": {"train": 0.8, "dev": 0.1, "test": 0.1}}
DECLARED: dict[str, Any] = {"key": "id", "label": "y", "split": HASH}
ROWS = "select i as id, i % 4 = 0 as y, 'p' || i % 40 as person, i % 7 as n from range(2000) as r(i)"

Runner = Callable[..., Any]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Fake:
    fake = Fake(tmp_path_factory.mktemp("versions") / "a project")
    for rows in (ROWS, ROWS.replace("2000", "2010")):
        fake.build(DECLARED, rows=rows)
        export_dataset(fake.project, "late", now=NOW)
    return fake


@pytest.fixture
def fake(made: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    fake = made.copied_to(tmp_path / "project")
    monkeypatch.chdir(fake.project.root)
    return fake


def test_diff_shows_what_changed_since_the_version_before(fake: Fake, run: Runner) -> None:
    outcome = run("diff", "late")

    lines = outcome.out.splitlines()
    assert outcome.code == 0
    assert lines[0] == "late@1.0.0 to late@1.1.0"
    assert "10 rows added, 0 removed, 0 changed, 0 moved to another split" in lines
    assert any(line.startswith("train: ") for line in lines)


def test_diff_of_the_same_says_so(fake: Fake, run: Runner) -> None:
    outcome = run("diff", "late@1.0.0", "late@1.0.0")

    assert outcome.code == 0
    assert outcome.out.splitlines()[-1] == "the same rows in the same splits"


def test_diff_as_json_has_rows_and_drift(fake: Fake, run: Runner) -> None:
    document = json.loads(run("diff", "late@1.0.0", "late", "--json").out)
    without = json.loads(run("diff", "late@1.0.0", "late", "--json", "--no-drift").out)

    assert (document["left"], document["right"], document["is_same"]) == ("late@1.0.0", "late@1.1.0", False)
    assert sum(change["row_count"] for change in document["rows"]) == 10
    assert set(document["drift"]) <= {"train", "dev", "test"}
    assert without["drift"] == {}


def test_diff_takes_folders_tags_and_today_s_build(fake: Fake, run: Runner, tmp_path: Path) -> None:
    run("tag", "late@1.0.0", "prod")
    fake.build(DECLARED, rows=ROWS.replace("2000", "2020"))
    copy = (fake.project.datasets_path / "late/1.1.0").rename(tmp_path / "copied")
    copy_reference = str(copy)

    by_folder = run("diff", "late@prod", copy_reference, "--no-drift")
    today = run("diff", "late@prod", "@build", "--no-drift")

    assert "10 rows added" in by_folder.out
    assert "20 rows added" in today.out
    assert version_numbers(fake.project, "late") == ["1.0.0"]


def test_what_an_export_would_write_today_follows_the_versions_that_stand(fake: Fake, run: Runner) -> None:
    stratified = {**DECLARED, "split": {**DECLARED["split"], "stratify": ["y"]}}
    fake.build(stratified, rows=ROWS)
    run("export", "late", "--allow-split-changes")
    run("export", "late", "--fraction", "0.5")
    fake.build(stratified, rows=ROWS.replace("2000", "2300"))

    for name in ("late@newest", "late_50pct@newest"):
        today = json.loads(run("diff", name, "@build", "--no-drift", "--json").out)
        assert {change["from_split"] for change in today["rows"]} == {None}


def test_diff_of_an_only_version_names_the_next_step(fake: Fake, run: Runner) -> None:
    run("rm", "late@1.0.0", "--yes")

    outcome = run("diff", "late")

    assert outcome.code == 2
    assert "warehouse diff late@1.1.0 @build" in outcome.err


def test_a_critical_drift_gate_exits_with_1(fake: Fake, run: Runner) -> None:
    declared = {**DECLARED, "gates": {"drift": "critical"}}
    fake.build(declared, rows=f"select * replace (n + 100 as n) from ({ROWS})")
    export_dataset(fake.project, "late", now=NOW)

    assert run("diff", "late").code == 1
    assert run("diff", "late", "--no-drift").code == 0


def test_reproduce_says_byte_by_byte(fake: Fake, run: Runner) -> None:
    outcome = run("reproduce", "late@1.0.0")
    document = json.loads(run("reproduce", "late@1.0.0", "--json").out)

    assert outcome.code == 0
    assert outcome.out.splitlines()[-1].startswith("late@1.0.0 comes out of build 20261123T000001Z byte by byte")
    assert document["sameness"] == "bytes"


def test_reproduce_exits_with_1_when_rows_differ(fake: Fake, run: Runner) -> None:
    import duckdb

    with duckdb.connect(str(fake.project.builds_path / "20261123T000001Z/warehouse.duckdb")) as connection:
        connection.execute("delete from examples where id = 7")

    outcome = run("reproduce", "late@1.0.0")

    assert outcome.code == 1
    assert "0 rows added, 1 removed" in outcome.out


def test_tags_are_set_moved_listed_and_deleted(fake: Fake, run: Runner) -> None:
    assert run("tag", "late@1.0.0", "prod").out == "late@prod: 1.0.0\n"
    assert run("tag", "late@1.1.0", "prod").out == "late@prod: 1.0.0 -> 1.1.0\n"
    assert run("tag", "late@1.1.0", "prod").out == "late@prod is 1.1.0 already\n"
    assert "prod" in run("tag", "--list", "late").out
    assert json.loads(run("tag", "late", "--json").out) == {"prod": "1.1.0"}
    assert "prod 1.1.0" in run("datasets").out
    assert run("show", "late@prod").out.splitlines()[0] == "late@1.1.0 (prod)"
    assert json.loads(run("datasets", "--json").out)[0]["tags"] == {"prod": "1.1.0"}
    assert run("tag", "--delete", "late", "prod").out == "late: prod no longer names 1.1.0\n"
    assert "late has no tags" in run("tag", "--list", "late").out
    assert run("tag", "late@1.0.0", "v1").code == 2
    assert run("tag", "--delete", "late").code == 2


def test_rm_asks_and_refuses_what_is_needed(fake: Fake, run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    run("tag", "late@1.0.0", "prod")

    nobody = run("rm", "late@1.0.0")
    tagged = run("rm", "late@1.0.0", "--yes")
    newest = run("rm", "late@1.1.0", "--yes")
    vague = run("rm", "late", "--yes")
    forced = run("rm", "late@1.1.0", "--yes", "--force")

    assert (nobody.code, tagged.code, newest.code, vague.code, forced.code) == (2, 2, 2, 2, 0)
    assert "--yes" in nobody.err
    assert "tag 'prod' names it" in tagged.err
    assert "--force" in newest.err
    assert "warehouse rm late@1.0.0" in vague.err
    assert forced.out.startswith("deleted late@1.1.0, ")
    assert version_numbers(fake.project, "late") == ["1.0.0"]


def test_forget_and_gc_from_end_to_end(fake: Fake, run: Runner) -> None:
    run("tag", "late@1.0.0", "prod")

    shown = run("forget", "--key", "person=p7", "--dry-run")
    done = run("forget", "--key", "person=p7")
    withdrawn = run("show", "late@1.0.0")
    verified = run("verify", "late@1.0.0")
    would = run("gc", "--dry-run")
    cleaned = run("gc")
    gone = run("show", "late@1.0.0")

    assert shown.out.splitlines()[-1] == "2 of 2 versions hold 101 such rows; nothing was changed"
    assert done.out.splitlines()[-2:] == ["101 rows forgotten: 2 of 2 versions withdrawn", "next: warehouse gc"]
    assert "2 builds still hold such rows" in done.out
    assert "p7" not in done.out + done.err
    assert "(forgotten); use late@1.0.1" in withdrawn.out
    assert verified.code == 0
    assert "is whole" in verified.out
    assert "would delete late@1.0.0 (withdrawn)" in would.out
    assert "deleted late@1.1.0 (withdrawn)" in cleaned.out
    assert cleaned.out.splitlines()[-1].endswith("freed")
    assert gone.code == 2
    assert "use late@1.0.1" in gone.err
    assert run("gc").out == "nothing to delete\n"
    assert run("forget", "--key", "person=p7").out.splitlines()[-1] == "none of 2 versions holds such rows"


def test_the_value_may_come_from_standard_input(fake: Fake, run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("p7\n7\n"))

    document = json.loads(run("forget", "--key", "person", "--key", "id", "--dry-run", "--json").out)

    assert [version["row_count"] for version in document["versions"]] == [1, 1]
    assert document["columns"] == ["person", "id"]


@pytest.mark.parametrize(
    "keys", [("=x",), ("person=a", "person=b"), ("person",)], ids=["no column", "twice", "no line"]
)
def test_keys_that_make_no_sense_exit_with_2(
    fake: Fake, run: Runner, monkeypatch: pytest.MonkeyPatch, keys: tuple[str, ...]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))

    outcome = run("forget", *(word for key in keys for word in ("--key", key)))

    assert outcome.code == 2
    assert outcome.err.startswith("error: --key")


HOSTILE = ("../x", "../late@1.0.0", "a b", '"', "名前", "late@a b", "late@ ", "late@../1.0.0", "\0@1")


@pytest.mark.parametrize(
    "command",
    [
        *("diff {}", "diff late {}", "reproduce {}", "rm --yes {}", "tag {} prod", "tag --list {}"),
        *("tag --delete {} prod", "show {}", "verify {}", "leakage {}", "drift {}", "drift late {}"),
        *("push {} --to file:///nowhere", "pull {} --store memory://", "remote {} --store memory://"),
        *("export {}", "export late --build {}", "publish {}", "rollback {}", "validate {}"),
        "forget --key person=p1 --dataset {}",
    ],
)
def test_hostile_names_are_one_clear_error_and_change_nothing(fake: Fake, run: Runner, command: str) -> None:
    before = sorted(fake.project.root.rglob("*"))
    for name in HOSTILE:
        outcome = run(*(name if word == "{}" else word for word in command.split()))

        assert outcome.code == 2, (name, outcome)
        assert outcome.err.startswith(("error: ", "Usage: ")), (name, outcome)
        assert "Traceback" not in outcome.err, (name, outcome)
    after = sorted(fake.project.root.rglob("*"))
    assert [path for path in after if path not in before and path.suffix != ".lock"] == []
    assert set(before) <= set(after)


def test_gc_keeps_as_many_as_asked(fake: Fake, run: Runner) -> None:
    document = json.loads(run("gc", "--keep", "1", "--json").out)

    assert [version["number"] for version in document["versions"]] == ["1.0.0"]
    assert run("gc", "--keep", "0").code == 2
