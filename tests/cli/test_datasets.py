from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

FAKES = str(Path(__file__).parents[1] / "datasets")
HASH = {"method": "hash", "shares": {"train": 0.8, "dev": 0.1, "test": 0.1}}
DECLARED = {"key": "id", "label": "y", "split": HASH}
ROWS = "select i as id, i % 4 = 0 as y, 'n' || i as note from range(2000) as r(i)"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    sys.path.insert(0, FAKES)
    from fake_builds import Fake

    fake = Fake(tmp_path / "project")
    monkeypatch.chdir(fake.project.root)
    yield fake
    sys.path.remove(FAKES)


def test_export_prints_the_splits_the_version_and_the_next_command(fake: Any, run: Callable[..., Any]) -> None:
    fake.build(DECLARED, rows=ROWS)

    outcome = run("export", "late")

    lines = outcome.out.strip().splitlines()
    assert outcome.code == 0
    assert outcome.err == ""
    assert any(line.split()[:1] == ["train"] and "false 7" in line for line in lines)
    assert lines[-2] == "wrote late@1.0.0: var/datasets/late/1.0.0"
    assert lines[-1] == "next: warehouse drift late"


def test_export_again_says_that_the_version_stands(fake: Any, run: Callable[..., Any]) -> None:
    fake.build(DECLARED, rows=ROWS)
    run("export", "late")

    outcome = run("export", "late")

    assert outcome.code == 0
    assert "late@1.0.0 holds the same rows already, so it stands: var/datasets/late/1.0.0" in outcome.out


def test_a_dry_run_writes_nothing(fake: Any, run: Callable[..., Any]) -> None:
    fake.build(DECLARED, rows=ROWS)

    outcome = run("export", "late", "--dry-run")

    assert outcome.code == 0
    assert re.search(r"would write late@1.0.0, about \d+\.\d MiB; nothing was written", outcome.out)
    assert "about MiB" in outcome.out
    assert run("show", "late").code == 2


def test_rows_that_change_their_split_exit_with_1(fake: Any, run: Callable[..., Any]) -> None:
    fake.build(DECLARED, rows=ROWS)
    run("export", "late")
    fake.build({**DECLARED, "split": {**HASH, "salt": "other"}}, rows=ROWS)

    refused = run("export", "late")
    allowed = run("export", "late", "--allow-split-changes")

    assert refused.code == 1
    assert "late@2.0.0 was not written: a critical finding stands" in refused.out
    assert "--allow-split-changes" in refused.out
    assert allowed.code == 0
    assert "wrote late@2.0.0" in allowed.out


def test_json_of_an_export_has_the_manifest(fake: Any, run: Callable[..., Any]) -> None:
    fake.build(DECLARED, rows=ROWS)

    document = json.loads(run("export", "late", "--json").out)

    assert document["outcome"] == "written"
    assert document["manifest"]["version"] == "1.0.0"
    assert sum(split["row_count"] for split in document["manifest"]["splits"]) == 2000
    assert json.loads(run("show", "late", "--json").out) == document["manifest"]


def test_mistakes_exit_with_2_and_are_listed_on_stderr(fake: Any, run: Callable[..., Any]) -> None:
    fake.build({"key": "idd", "split": {**HASH, "shares": {"train": 0.8, "test": 0.1}}, "lable": "y"}, rows=ROWS)

    outcome = run("export", "late")

    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.count("  - ") == 3
    assert "models/_exposures.yml" in outcome.err


@pytest.mark.parametrize("command", ["export", "show", "verify"])
def test_an_unknown_dataset_exits_with_2(fake: Any, run: Callable[..., Any], command: str) -> None:
    fake.build(DECLARED, rows=ROWS)
    run("export", "late")

    outcome = run(command, "lat")

    assert outcome.code == 2
    assert "did you mean 'late'" in outcome.err


@pytest.mark.parametrize("command", [("export", "late"), ("datasets",)])
def test_without_a_build_the_next_step_is_named(fake: Any, run: Callable[..., Any], command: tuple[str, ...]) -> None:
    outcome = run(*command)

    assert outcome.code == 2
    assert "warehouse build" in outcome.err


def test_datasets_lists_what_is_declared_exported_and_broken(fake: Any, run: Callable[..., Any]) -> None:
    from fake_builds import exposure_node

    fake.build(DECLARED, rows=ROWS, name="gone")
    run("export", "gone")
    exposures = [exposure_node("fresh", DECLARED), exposure_node("broken", {"key": "id"})]
    fake.build(exposures=exposures, rows=ROWS)

    outcome = run("datasets")
    entries = {entry["name"]: entry for entry in json.loads(run("datasets", "--json").out)}

    rows = {line.split()[0]: line for line in outcome.out.splitlines() if line.strip()}
    assert "not declared" in rows["gone"]
    assert "1 problems" in rows["broken"] or "split is missing" in outcome.out
    assert outcome.out.strip().splitlines()[-1] == "next: warehouse export fresh"
    assert entries["gone"]["row_count"] == 2000
    assert entries["gone"]["declared_in"] is None
    assert (entries["fresh"]["versions"], entries["fresh"]["problems"]) == ([], [])
    assert "split is missing" in entries["broken"]["problems"][0]


def test_datasets_tells_a_share_of_train_from_a_dataset_that_nobody_declares(
    fake: Any, run: Callable[..., Any]
) -> None:
    fake.build(DECLARED, rows=ROWS)
    run("export", "late", "--fraction", "0.1")

    outcome = run("datasets")
    entries = {entry["name"]: entry for entry in json.loads(run("datasets", "--json").out)}

    rows = {line.split()[0]: line for line in outcome.out.splitlines() if line.strip()}
    assert "share of late" in rows["late_10pct"]
    assert (entries["late_10pct"]["share_of"], entries["late"]["share_of"]) == ("late", None)


def test_show_prints_where_a_version_came_from(fake: Any, run: Callable[..., Any]) -> None:
    build = fake.build(DECLARED, rows=ROWS, exposure={"description": "[bold]Late[/bold] <b>ones</b>"})
    run("export", "late")

    outcome = run("show", "late@1.0.0")

    assert outcome.code == 0
    assert "[bold]Late[/bold] <b>ones</b>" in outcome.out
    assert f"build {build}, model examples (models/examples.sql)" in outcome.out
    assert "Rows are placed by a hash of `id`" in outcome.out


def test_verify_says_whole_or_names_the_file(fake: Any, run: Callable[..., Any]) -> None:
    fake.build(DECLARED, rows=ROWS)
    run("export", "late")

    whole = run("verify", "late")
    file = fake.project.datasets_path / "late/1.0.0/data/test/part-00000.parquet"
    file.chmod(0o644)
    file.write_text("x")
    broken = run("verify", "late")
    document = json.loads(run("verify", "late", "--json").out)

    assert whole.code == 0
    assert "late@1.0.0 is whole: 6 files" in whole.out
    assert broken.code == 1
    assert "data/test/part-00000.parquet has 1 bytes" in broken.out
    assert document["findings"][0]["severity"] == "critical"


def test_a_share_of_train_is_exported_from_an_older_build(fake: Any, run: Callable[..., Any]) -> None:
    first = fake.build(DECLARED, rows=ROWS)
    fake.build(DECLARED, rows=f"select * from ({ROWS}) limit 10")

    outcome = run("export", "late", "--as-of", first, "--fraction", "0.5")

    assert outcome.code == 0
    assert "wrote late_50pct@1.0.0" in outcome.out
    assert run("export", "late", "--fraction", "1.5").code == 2
