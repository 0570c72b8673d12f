from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from fake_builds import Fake

from warehouse.project import Project

Run = Callable[..., Any]
SPEC = {"key": "id", "label": "y", "split": {"method": "hash", "shares": {"train": 0.8, "test": 0.2}}}
ROWS = "select i as id, i % 3 = 0 as y from range(100) as r(i)"
QUICK = ("--only", "drift", "--only", "export", "--only", "report")


@pytest.fixture
def published(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> Fake:
    fake.build({**SPEC, "refresh": "nightly"}, rows=ROWS)
    monkeypatch.chdir(fake.project.root)
    return fake


def test_a_night_is_a_table_of_stages_and_says_where_its_report_lies(published: Fake, run: Run) -> None:
    outcome = run("nightly", *QUICK)

    assert outcome.code == 0
    assert "wrote late@1.0.0" in outcome.out
    assert "no version is tagged prod" in outcome.out
    (path,) = [line.removeprefix("report: ") for line in outcome.out.splitlines() if line.startswith("report: ")]
    assert (published.project.root / path).is_file()


def test_json_is_the_run_and_nothing_else_is_on_stdout(published: Fake, run: Run) -> None:
    document = json.loads(run("nightly", *QUICK, "--json").out)

    assert document["status"] == "passed"
    assert [stage["name"] for stage in document["stages"]][:3] == ["load", "sources", "build"]
    assert document["stages"][4]["details"]["versions"][0]["version"] == "1.0.0"


def test_a_critical_finding_ends_with_1_and_a_stage_that_could_not_be_done_with_2(fake: Fake, run: Run) -> None:
    labels = "select i as id, case when i % 2 = 0 then true end as y from range(500) as r(i)"
    project = ("--project", str(fake.project.root))
    gates = {"gates": {"missing_labels": "critical"}, "refresh": "nightly"}
    fake.build({**SPEC, **gates}, rows=labels)
    refused = run(*project, "nightly", *QUICK)
    fake.build({**SPEC, "refresh": "nightly", "key": "nothing"}, rows=labels)
    broken = run(*project, "nightly", *QUICK)

    assert refused.code == 1
    assert "a critical finding stands" in refused.out
    assert "go on with: warehouse nightly --only drift --only export --only report" in refused.out
    assert broken.code == 2
    assert "a stage could not be done" in broken.out
    assert "nothing" in broken.out


def test_nothing_to_resume_is_said_and_ends_with_0(published: Fake, run: Run) -> None:
    outcome = run("nightly", "--resume")

    assert outcome.code == 0
    assert outcome.out.startswith("nothing to resume")
    assert json.loads(run("nightly", "--resume", "--json").out) is None


def test_a_dry_run_shows_the_plan_and_leaves_no_record(published: Fake, run: Run) -> None:
    outcome = run("nightly", "--dry-run")

    assert outcome.code == 0
    assert "exports late" in outcome.out
    assert not published.project.runs_path.exists()
    plan = json.loads(run("nightly", "--dry-run", "--json", "--skip", "export").out)
    assert [stage["runs"] for stage in plan if stage["name"] == "export"] == [False]


@pytest.mark.parametrize("scheduler", ["cron", "systemd", "github-actions", "airflow", "dagster"])
def test_every_schedule_is_printed_and_nothing_runs(project: Project, run: Run, scheduler: str) -> None:
    outcome = run("nightly", "--print-schedule", scheduler, "--at", "4:05", "--timezone", "Asia/Tokyo")

    assert outcome.code == 0
    assert "Asia/Tokyo" in outcome.out
    assert not project.runs_path.exists()
    if scheduler == "github-actions":
        assert yaml.safe_load(outcome.out)[True]["schedule"][0]["cron"] == "5 4 * * *"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--only", "dirft"), "did you mean 'drift'?"),
        (("--resume", "--force"), "leave out --only, --skip and --force"),
        (("--print-schedule", "cronn"), "did you mean 'cron'?"),
        (("--print-schedule", "cron", "--at", "25:00"), "--at must be a time of day"),
        (("--print-schedule", "cron", "--force"), "leave out the other options"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_asked_is_one_error_and_nothing_is_written(
    project: Project, run: Run, words: tuple[str, ...], message: str
) -> None:
    outcome = run("nightly", *words)

    assert outcome.code == 2
    assert message in outcome.err
    assert outcome.err.startswith("error: ")
    assert not project.runs_path.exists()
