"""Files that make other programs run the nightly job: ready to be put where they belong.

No secret is ever written into one: environment variables are named, with where their values come from.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from textwrap import dedent
from zoneinfo import ZoneInfo

from warehouse.build_inputs import read_variables
from warehouse.errors import ProjectError, suggestion
from warehouse.project import Project


class Scheduler(StrEnum):
    """Who runs it."""

    CRON = "cron"
    SYSTEMD = "systemd"
    GITHUB_ACTIONS = "github-actions"
    AIRFLOW = "airflow"
    DAGSTER = "dagster"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is to be run, where and when."""

    root: Path
    """The project's folder."""
    command: Path
    """The `warehouse` command."""
    hour: int
    minute: int
    zone: str
    """IANA name of the time zone that hour and minute are meant in."""
    variables: tuple[str, ...]
    """Names of the environment variables that the job may need."""
    state: Path
    """The project's folder of all generated state."""


def job_of(project: Project, *, at: str, timezone: str) -> Job:
    """The nightly job of this project, run by the `warehouse` command that runs now.

    Raises:
        ProjectError: `at` is no time of day, or `timezone` no time zone.
    """
    hour, minute = parse_time(at)
    settings = project.settings
    named = [*read_variables(project), *re.findall(r"[A-Za-z_]\w*", settings.notify_urls_from)]
    if settings.store.startswith("s3://"):
        named += ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
    return Job(
        root=project.root,
        command=Path(sys.executable).parent / "warehouse",
        hour=hour,
        minute=minute,
        zone=check_zone(timezone),
        variables=tuple(dict.fromkeys(named)),
        state=project.state_path,
    )


def schedule_file(scheduler: str, job: Job) -> str:
    """The text of the file; its first lines say where it belongs.

    Raises:
        ProjectError: the scheduler is not known, or cannot hold the project's path.
    """
    known = [word.value for word in Scheduler]
    if scheduler not in known:
        raise ProjectError(f"--print-schedule must be one of {', '.join(known)}; {suggestion(scheduler, known)}")
    text = str(job.root) + str(job.command)
    if any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise ProjectError(f"the path {str(job.root)!r} has control characters, which no schedule can hold")
    return _WRITERS[Scheduler(scheduler)](job)


_AT = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def parse_time(text: str) -> tuple[int, int]:
    """Hour and minute of `02:30`.

    Raises:
        ProjectError: it is no time of day.
    """
    found = _AT.fullmatch(text)
    if found is None:
        raise ProjectError(f"--at must be a time of day from 00:00 to 23:59, 02:30 say, not {text!r}")
    return int(found[1]), int(found[2])


def check_zone(name: str) -> str:
    """The name, when it is a time zone that is known here.

    Raises:
        ProjectError: it is none.
    """
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        raise ProjectError(f"--timezone must be a time zone's name, UTC or Europe/Berlin say, not {name!r}") from error
    return name


def _comments(lines: Sequence[str]) -> str:
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)


def _cron(job: Job) -> str:
    """A crontab's lines. There `%` ends the command, whatever quotes it stands in."""
    command = shlex.join([str(job.command), "--project", str(job.root), "nightly"]).replace("%", r"\%")
    log = shlex.quote(str(job.state / "nightly.log")).replace("%", r"\%")
    lines = [
        "Add these lines with: crontab -e",
        f"Every night at {job.hour:02}:{job.minute:02} in {job.zone}. CRON_TZ is known to cronie (Red Hat, Fedora,",
        "Arch); Debian's and Ubuntu's cron ignores it and takes the machine's own time zone: see timedatectl.",
        *_environment_words(job, "put lines NAME=value above the schedule; a crontab is read by its owner alone"),
    ]
    return _comments(lines) + (
        f"CRON_TZ={job.zone}\nSHELL=/bin/sh\n{job.minute} {job.hour} * * * {command} >> {log} 2>&1\n"
    )


def _environment_words(job: Job, where: str) -> list[str]:
    if not job.variables:
        return []
    return ["", f"Of its environment the job may need {', '.join(job.variables)}:", f"{where}."]


def _systemd_text(text: str) -> str:
    """A quoted word of a unit's command, where `%` begins a specifier and `$` a variable."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$") + '"'


def _systemd(job: Job) -> str:
    """A service and its timer in one text; each part says which file it is."""
    words = [str(job.command), "--project", str(job.root), "nightly"]
    if not re.fullmatch(r"[\w./+-]+", words[0], re.ASCII):
        # systemd starts no program whose own path has quotes, blanks or dollars; the shell does.
        words = ["/bin/sh", "-c", 'exec "$0" "$@"', *words]
    command = " ".join(map(_systemd_text, words))
    head = _comments(
        [
            "Two files, for the user that owns the project: put each part where its first line says, then",
            "  systemctl --user daemon-reload && systemctl --user enable --now warehouse-nightly.timer",
            "  loginctl enable-linger    # so that it also runs while nobody is logged in",
            "What it logged: journalctl --user -u warehouse-nightly",
            *_environment_words(
                job,
                "lines NAME=value in ~/.config/warehouse-nightly.env, which only its owner may read (chmod 600)",
            ),
        ]
    )
    # NOTE: a path there is not a command's word: it is taken to the end of the line, quotes and all.
    folder = str(job.root).replace("%", "%%")
    service = f"""
        # ~/.config/systemd/user/warehouse-nightly.service
        [Unit]
        Description=Nightly run of the warehouse

        [Service]
        Type=oneshot
        WorkingDirectory={folder}
        EnvironmentFile=-%h/.config/warehouse-nightly.env
        ExecStart={command}
        # 1: done, and a critical finding stands; 2: a stage could not be done. Both count as failed.
        Nice=10
        """
    timer = f"""
        # ~/.config/systemd/user/warehouse-nightly.timer
        [Unit]
        Description=Every night at {job.hour:02}:{job.minute:02} in {job.zone}

        [Timer]
        OnCalendar=*-*-* {job.hour:02}:{job.minute:02}:00 {job.zone}
        # A machine that was off at that time makes up for it when it starts.
        Persistent=true

        [Install]
        WantedBy=timers.target
        """
    return head + dedent(service) + dedent(timer)


def _github_actions(job: Job) -> str:
    secrets = "".join(f"          {name}: ${{{{ secrets.{name} }}}}\n" for name in job.variables)
    environment = f"        env:\n{secrets}" if secrets else ""
    inside = job.state.relative_to(job.root) if job.state.is_relative_to(job.root) else job.state
    extras = "notify,s3" if "AWS_ACCESS_KEY_ID" in job.variables else "notify"
    state, reports = json.dumps(str(inside)), json.dumps(str(inside / "reports" / "nightly"))
    return (
        _comments(
            [
                "Put this into .github/workflows/nightly.yml of the project's repository.",
                "",
                "Builds, versions and records live on in the cache, so that they are there the next night. A cache may",
                "be evicted, and holds 10 GB: keep versions in an object store (setting `store`), or take a runner of",
                "your own with a disk that stays: change runs-on and leave out the two cache steps.",
                *(["", "Add as secrets of the repository: " + ", ".join(job.variables)] if job.variables else []),
            ]
        )
        + "name: warehouse nightly\n"
        "on:\n"
        "  schedule:\n"
        f'    - cron: "{job.minute} {job.hour} * * *"\n'
        f"      timezone: {json.dumps(job.zone)}\n"
        "  workflow_dispatch:\n"
        "concurrency:\n"
        "  group: warehouse-nightly\n"
        "  cancel-in-progress: false\n"
        "permissions:\n"
        "  contents: read\n"
        "jobs:\n"
        "  nightly:\n"
        "    runs-on: ubuntu-latest\n"
        "    timeout-minutes: 350\n"
        "    steps:\n"
        "      - uses: actions/checkout@v4\n"
        "      - uses: actions/setup-python@v5\n"
        "        with:\n"
        '          python-version: "3.12"\n'
        f"      - run: pip install 'ml-warehouse[{extras}]'\n"
        "      - uses: actions/cache/restore@v4\n"
        "        with:\n"
        f"          path: {state}\n"
        "          key: warehouse-${{ github.run_id }}-${{ github.run_attempt }}\n"
        "          restore-keys: warehouse-\n"
        "      - run: warehouse nightly\n"
        f"{environment}"
        "      - uses: actions/cache/save@v4\n"
        "        if: always()\n"
        "        with:\n"
        f"          path: {state}\n"
        "          key: warehouse-${{ github.run_id }}-${{ github.run_attempt }}\n"
        "      - uses: actions/upload-artifact@v4\n"
        "        if: always()\n"
        "        with:\n"
        "          name: nightly-report\n"
        f"          path: {reports}\n"
    )


def _airflow(job: Job) -> str:
    command = shlex.join([str(job.command), "--project", str(job.root), "nightly"])
    return _comments(
        [
            "Put this into the folder of DAGs as warehouse_nightly.py. For Airflow 2.9 and later, and Airflow 3 with",
            "its standard provider. A retry does no work twice: what was built or exported before stands.",
            *_environment_words(job, "set them for the worker; tasks see its environment"),
        ]
    ) + dedent(
        f"""
        from datetime import datetime, timedelta
        from zoneinfo import ZoneInfo

        try:
            from airflow.providers.standard.operators.bash import BashOperator
            from airflow.sdk import DAG
        except ImportError:
            from airflow import DAG
            from airflow.operators.bash import BashOperator

        NIGHTLY = {command!r}

        with DAG(
            dag_id="warehouse_nightly",
            description="Sources, build, checks, drift, exports, clean-up and report of the warehouse",
            schedule="{job.minute} {job.hour} * * *",
            start_date=datetime(2025, 1, 1, tzinfo=ZoneInfo({job.zone!r})),
            catchup=False,
            max_active_runs=1,
        ):
            BashOperator(
                task_id="nightly",
                # The command is a template: the raw block keeps braces in the path as they are.
                bash_command="{{% raw %}}" + NIGHTLY + "{{% endraw %}}",
                retries=1,
                retry_delay=timedelta(minutes=15),
                # The command's environment is the worker's, with the run's id for the logs.
                env={{"WAREHOUSE_RUN_ID": "{{{{ run_id }}}}"}},
                append_env=True,
                # 1: done, and a critical finding stands; 2: a stage could not be done.
                execution_timeout=timedelta(hours=12),
            )
        """
    )


def _dagster(job: Job) -> str:
    words = ",\n".join(f"    {word!r}" for word in [str(job.command), "--project", str(job.root), "nightly"])
    return _comments(
        [
            "Put this into a file of your code location, or load it alone: dagster dev -f warehouse_nightly.py",
            *_environment_words(job, "set them for the code location; the command sees its environment"),
        ]
    ) + dedent(
        """
        import os
        import subprocess

        from dagster import DefaultScheduleStatus, Definitions, Failure, RetryPolicy, ScheduleDefinition, job, op

        NIGHTLY = [
        {words},
        ]
        MEANING = {{1: "a critical finding stands", 2: "a stage could not be done"}}


        @op(retry_policy=RetryPolicy(max_retries=1, delay=900))
        def nightly(context):
            # A retry does no work twice: what was built or exported before stands.
            environment = {{**os.environ, "WAREHOUSE_RUN_ID": context.run_id}}
            ended = subprocess.run(NIGHTLY, env=environment, check=False)
            if ended.returncode:
                meaning = MEANING.get(ended.returncode, "it was interrupted")
                raise Failure(f"warehouse nightly ended with {{ended.returncode}}: {{meaning}}")


        @job
        def warehouse_nightly():
            nightly()


        defs = Definitions(
            jobs=[warehouse_nightly],
            schedules=[
                ScheduleDefinition(
                    job=warehouse_nightly,
                    cron_schedule="{minute} {hour} * * *",
                    execution_timezone={zone!r},
                    default_status=DefaultScheduleStatus.RUNNING,
                )
            ],
        )
        """
    ).format(words=words, minute=job.minute, hour=job.hour, zone=job.zone)


_WRITERS: Mapping[Scheduler, Callable[[Job], str]] = {
    Scheduler.CRON: _cron,
    Scheduler.SYSTEMD: _systemd,
    Scheduler.GITHUB_ACTIONS: _github_actions,
    Scheduler.AIRFLOW: _airflow,
    Scheduler.DAGSTER: _dagster,
}
