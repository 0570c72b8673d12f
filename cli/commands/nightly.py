"""`nightly`: everything that has to happen every night, in one command."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from warehouse.errors import ProjectError
from warehouse.project import Project

from .. import console

if TYPE_CHECKING:
    from warehouse.nightly.planning import Planned
    from warehouse.stages import Nightly

STAGES = "load, sources, build, drift, export, retention, report, notify"
STYLES = {"passed": "green", "failed": "red", "error": "bold red", "skipped": "dim"}
SHOWN_FINDINGS = 20


def nightly(
    context: typer.Context,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the last night stopped, if it did not pass.")
    ] = False,
    only: Annotated[list[str] | None, typer.Option(metavar="STAGE", help=f"Run this stage alone: {STAGES}.")] = None,
    skip: Annotated[list[str] | None, typer.Option(metavar="STAGE", help="Leave this stage out.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Build although nothing has changed.")] = False,
    wait: Annotated[float, typer.Option(help="Seconds to wait while somebody else builds.", min=0.0)] = 3600.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")] = False,
    print_schedule: Annotated[
        str | None,
        typer.Option(
            metavar="SCHEDULER",
            help="Print a file that makes this run every night: cron, systemd, github-actions, airflow, dagster.",
        ),
    ] = None,
    at: Annotated[str, typer.Option(help="With --print-schedule: the time of day.")] = "02:30",
    timezone: Annotated[str, typer.Option(help="With --print-schedule: the time zone that it is meant in.")] = "UTC",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Load, check, build, compare, export, clean up and tell: all that a night has to do.

    Example: warehouse nightly --resume
    """
    project = Project.find(context.obj)
    if print_schedule is not None:
        from warehouse.nightly.schedules import job_of, schedule_file

        if resume or only or skip or force or dry_run or as_json:
            raise ProjectError("--print-schedule prints a file and runs nothing; leave out the other options")
        console.print_text(schedule_file(print_schedule, job_of(project, at=at, timezone=timezone)))
        return
    now = datetime.now(UTC)
    if dry_run:
        from warehouse.nightly.planning import plan_nightly

        plan = plan_nightly(project, now=now, resume=resume, only=only or (), skip=skip or (), force=force)
        _print_plan(plan, as_json=as_json)
        return
    from warehouse.nightly.running import run_nightly

    with console.NightProgress(quiet=as_json) as progress:
        result = run_nightly(
            project,
            now=now,
            resume=resume,
            only=only or (),
            skip=skip or (),
            force=force,
            wait=wait,
            listener=progress.listener(),
        )
    if result is None:
        _print_nothing(as_json=as_json)
        return
    if as_json:
        console.print_json(result)
    else:
        _print(project, result)
    code = {"passed": 0, "failed": 1}.get(result.status.value, 2)
    if code:
        raise typer.Exit(code)


def _print_nothing(*, as_json: bool) -> None:
    if as_json:
        console.print_json(None)
    else:
        console.print_line("nothing to resume: the last night passed, or there was none")
        console.print_line("start a new one with: warehouse nightly")


def _print_plan(plan: tuple[Planned, ...], *, as_json: bool) -> None:
    if as_json:
        console.print_json(plan)
        return
    if not plan:
        _print_nothing(as_json=False)
        return
    console.print_table(
        ("stage", "would run", "what"),
        [(planned.name.value, "yes" if planned.runs else "no", planned.message) for planned in plan],
    )
    console.print_line("nothing was done; do it with: warehouse nightly")


def _print(project: Project, result: Nightly) -> None:
    from rich.text import Text

    console.print_table(
        ("stage", "status", "seconds", "what"),
        [
            (
                stage.name.value,
                Text(stage.status.value + (" (kept)" if stage.kept else ""), style=STYLES[stage.status.value]),
                f"{stage.seconds:.1f}" if stage.started_at else "",
                (stage.message.splitlines() or [""])[0],
            )
            for stage in result.stages
        ],
        right=("seconds",),
    )
    for stage in result.stages:
        _, _, rest = stage.message.partition("\n")
        if rest:
            console.print_line(f"{stage.name.value}: {rest}", style=STYLES.get(stage.status.value))
    shown = [
        finding
        for severity in ("critical", "warning")
        for finding in result.findings
        if finding.severity.value == severity
    ]
    for finding in shown[:SHOWN_FINDINGS]:
        console.print_finding(finding)
    if len(shown) > SHOWN_FINDINGS:
        console.print_line(f"... and {len(shown) - SHOWN_FINDINGS} more, in the report")
    words = {"passed": "passed", "failed": "a critical finding stands", "error": "a stage could not be done"}
    ended = words.get(result.status.value, result.status.value)
    style = "green" if result.status.value == "passed" else "red"
    console.print_line(f"nightly run {result.id} in {result.seconds:.1f} s: {ended}", style=style)
    for stage in result.stages:
        for report in stage.details.get("reports", ()) if stage.name.value == "report" else ():
            console.print_line(f"report: {report['path']}")
    if result.status.value != "passed":
        console.print_line(f"correct what failed, then go on with: {result.way_on}")
