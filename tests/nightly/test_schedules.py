from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
import yaml

from warehouse.errors import ProjectError
from warehouse.nightly.schedules import Job, Scheduler, job_of, parse_time, schedule_file
from warehouse.project import Project

ODD = "a 100% odd 'folder' \"of\" $HOME {{ ours }} \\ 名前 ;&"


@pytest.fixture
def odd(tmp_path: Path) -> Job:
    """A job in a folder with an odd name, whose command writes down what it was called with."""
    root = tmp_path / ODD
    (root / "var").mkdir(parents=True)
    (root / "bin").mkdir()
    command = root / "bin" / "warehouse"
    command.write_text(f'#!/bin/sh\nfor word in "$@"; do echo "$word"; done > {tmp_path}/called\n')
    command.chmod(0o755)
    return Job(
        root=root,
        command=command,
        hour=2,
        minute=30,
        zone="Europe/Berlin",
        variables=("WAREHOUSE_NOTIFY_URLS", "DB_PASSWORD"),
        state=root / "var",
    )


def called_with(tmp_path: Path) -> list[str]:
    return (tmp_path / "called").read_text().splitlines()


@pytest.mark.parametrize("scheduler", list(Scheduler), ids=str)
def test_every_file_says_the_zone_names_what_it_needs_and_holds_no_value(
    odd: Job, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_PASSWORD", "planted-secret")

    text = schedule_file(scheduler.value, odd)

    assert "Europe/Berlin" in text
    assert "WAREHOUSE_NOTIFY_URLS" in text
    assert "DB_PASSWORD" in text
    assert "planted-secret" not in text


def test_cron_runs_the_command_at_its_time_with_the_path_as_it_is(odd: Job, tmp_path: Path) -> None:
    *settings, line = [line for line in schedule_file("cron", odd).splitlines() if not line.startswith("#")]
    minute, hour, day, month, weekday, command = line.split(maxsplit=5)

    assert settings == ["CRON_TZ=Europe/Berlin", "SHELL=/bin/sh"]
    assert (minute, hour, day, month, weekday) == ("30", "2", "*", "*", "*")
    # What cron itself does: the first % that no backslash stands before ends the command.
    shell_text = ""
    while command:
        if command.startswith("\\%"):
            shell_text, command = shell_text + "%", command[2:]
            continue
        if command.startswith("%"):
            break
        shell_text, command = shell_text + command[0], command[1:]
    subprocess.run(["/bin/sh", "-c", shell_text], check=True)
    assert called_with(tmp_path) == ["--project", str(odd.root), "nightly"]
    assert (odd.root / "var/nightly.log").is_file()


def systemd_words(line: str) -> list[str]:
    """What systemd makes of a command's line: quotes, backslashes, %% and $$."""
    words, i = [], 0
    while i < len(line):
        assert line[i] == '"', line[i:]
        i, word = i + 1, ""
        while line[i] != '"':
            if line[i] == "\\":
                i += 1
            word += line[i]
            i += 1
        words.append(word.replace("%%", "%").replace("$$", "$"))
        i += 2
    return words


def test_systemd_units_hold_the_path_and_the_zone(odd: Job, tmp_path: Path) -> None:
    text = schedule_file("systemd", odd)
    lines = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))

    assert lines["OnCalendar"] == "*-*-* 02:30:00 Europe/Berlin"
    assert lines["WorkingDirectory"].replace("%%", "%") == str(odd.root)
    words = systemd_words(lines["ExecStart"])
    assert words[-3:] == ["--project", str(odd.root), "nightly"]
    subprocess.run(words, check=True)
    assert called_with(tmp_path) == words[-3:]


def systemd_files(text: str, folder: Path) -> list[Path]:
    """The two parts, each in the file that its first line names."""
    paths = []
    for part in text.split("\n# ~/.config/systemd/user/")[1:]:
        name, _, body = part.partition("\n")
        (folder / name).write_text(body)
        paths.append(folder / name)
    return paths


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_itself_finds_nothing_wrong_with_the_units(odd: Job, tmp_path: Path) -> None:
    plain = tmp_path / "it's a 100% $odd folder"
    shutil.copytree(odd.root, plain)
    job = replace(odd, root=plain, command=plain / "bin/warehouse", state=plain / "var")
    units = systemd_files(schedule_file("systemd", job), tmp_path)

    checked = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", "--generators=no", *map(str, units)],
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)},
    )

    ours = [line for line in checked.stderr.splitlines() if "warehouse-nightly" in line]
    assert ours == []


def test_github_actions_reads_the_workflow(odd: Job) -> None:
    text = schedule_file("github-actions", odd)
    # YAML 1.1 takes `on` for true; GitHub does not.
    workflow: dict[Any, Any] = yaml.safe_load(text)

    assert workflow[True]["schedule"] == [{"cron": "30 2 * * *", "timezone": "Europe/Berlin"}]
    steps = workflow["jobs"]["nightly"]["steps"]
    (run,) = [step for step in steps if step.get("run") == "warehouse nightly"]
    assert run["env"]["DB_PASSWORD"] == "${{ secrets.DB_PASSWORD }}"
    assert {step["with"]["path"] for step in steps if "cache" in step.get("uses", "")} == {"var"}
    assert "pip install 'ml-warehouse[notify]'" in [step.get("run") for step in steps]
    assert workflow["concurrency"]["cancel-in-progress"] is False


class Recorder:
    """Stands for any name of a scheduler's library: called, entered or used as a decorator, it remembers."""

    calls: ClassVar[list[tuple[str, tuple[Any, ...], dict[str, Any]]]] = []

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *values: Any, **options: Any) -> Any:
        self.calls.append((self.name, values, options))
        return values[0] if len(values) == 1 and callable(values[0]) and not options else self

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __getattr__(self, name: str) -> Recorder:
        return Recorder(f"{self.name}.{name}")


def run_with(
    text: str, modules: dict[str, tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Runs a file whose imports find recorders, as the library itself is too large to install for this."""
    Recorder.calls = []
    for module, names in modules.items():
        made = ModuleType(module)
        for name in names:
            setattr(made, name, Recorder(name))
        monkeypatch.setitem(sys.modules, module, made)
    space: dict[str, Any] = {"__name__": "schedule"}
    exec(compile(text, "schedule.py", "exec"), space)
    return space, {name: options for name, _, options in Recorder.calls}


def test_airflow_runs_the_command_with_the_path_as_it_is(
    odd: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jinja2 = pytest.importorskip("jinja2")
    modules = {
        "airflow": (),
        "airflow.sdk": ("DAG",),
        "airflow.providers": (),
        "airflow.providers.standard": (),
        "airflow.providers.standard.operators": (),
        "airflow.providers.standard.operators.bash": ("BashOperator",),
    }

    _, calls = run_with(schedule_file("airflow", odd), modules, monkeypatch)

    assert calls["DAG"]["schedule"] == "30 2 * * *"
    assert str(calls["DAG"]["start_date"].tzinfo) == "Europe/Berlin"
    assert calls["DAG"]["catchup"] is False
    command = jinja2.Environment().from_string(calls["BashOperator"]["bash_command"]).render()
    subprocess.run(["bash", "-c", command], check=True)
    assert called_with(tmp_path) == ["--project", str(odd.root), "nightly"]


def test_dagster_runs_the_command_with_the_path_as_it_is(
    odd: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("DefaultScheduleStatus", "Definitions", "RetryPolicy", "ScheduleDefinition", "job", "op")
    space, calls = run_with(schedule_file("dagster", odd), {"dagster": (*names, "Failure")}, monkeypatch)

    assert calls["ScheduleDefinition"]["cron_schedule"] == "30 2 * * *"
    assert calls["ScheduleDefinition"]["execution_timezone"] == "Europe/Berlin"
    subprocess.run(space["NIGHTLY"], check=True)
    assert called_with(tmp_path) == ["--project", str(odd.root), "nightly"]


@pytest.mark.parametrize("text", ["", "2", "24:00", "02:60", "2:5", "02:30:00", "noon"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ProjectError, match="--at must be a time of day"):
        parse_time(text)


def test_the_job_of_a_project_names_variables_of_its_files(project: Project) -> None:
    job = job_of(project, at="2:05", timezone="UTC")

    assert (job.hour, job.minute, job.zone) == (2, 5, "UTC")
    assert job.variables == ("WAREHOUSE_NOTIFY_URLS",)
    with pytest.raises(ProjectError, match="--timezone must be a time zone's name"):
        job_of(project, at="2:05", timezone="Mars/Olympus")


def test_an_unknown_scheduler_and_a_path_over_two_lines_are_refused(odd: Job) -> None:
    with pytest.raises(ProjectError, match="did you mean 'systemd'"):
        schedule_file("systmd", odd)
    with pytest.raises(ProjectError, match="control characters"):
        schedule_file("cron", replace(odd, root=Path("/a\nb")))
