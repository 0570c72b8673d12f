"""`doctor`: what the warehouse takes of this machine, when to move, and whether the place to move to is there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from warehouse.project import Project
from warehouse.published import find_build, published_id

from .. import console


def doctor(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False
) -> None:
    """Tell when to move: sizes and times measured here against this machine's disk, nights and memory.

    With a Spark cluster in the settings, also whether it answers.

    Example: warehouse doctor
    """
    from warehouse.capacity.machine import this_machine
    from warehouse.capacity.outlook import outlook
    from warehouse.capacity.usage import read_usage
    from warehouse.engine.spark_checks import check_spark

    project = Project.find(context.obj)
    found = outlook(
        this_machine(project.state_path),
        read_usage(project, now=datetime.now(UTC)),
        keep_builds=project.settings.keep_builds,
        memory_limit=project.settings.memory_limit,
    )
    spark = check_spark(project)
    if as_json:
        console.print_json({**console.plain(found), "spark": spark})
    else:
        for check in spark:
            state = "is fine" if check.is_fine else "is missing"
            console.print_line(f"spark      {check.name} {state}: {check.found}")
        machine, usage = found.machine, found.usage
        memory = "unknown" if machine.memory_bytes is None else console.size_text(machine.memory_bytes)
        console.print_line(
            f"machine    {machine.core_count} cores, {memory} of memory, "
            f"{console.size_text(machine.free_bytes)} of {console.size_text(machine.disk_bytes)} of disk free"
        )
        if on_spark(project):
            console.print_line("warehouse  the published build lies on Spark, and takes no room here")
        elif usage.build_id is None:
            console.print_line("warehouse  nothing is published yet: warehouse build")
        else:
            console.print_line(f"warehouse  {console.size_text(usage.build_bytes)} (build {usage.build_id})")
            tables = [(table.name, table.row_count, table.column_count) for table in usage.tables]
            console.print_table(("largest tables", "rows", "columns"), tables, right=("rows", "columns"))
        for limit in found.limits:
            first, *rest = limit.sentences
            console.print_line(f"{limit.name:<10} {limit.state.value}: {first}")
            for sentence in rest:
                console.print_line(f"{'':<10} {sentence}")
        for words in usage.passed_over:
            console.print_line(f"not counted, since its clock was wrong: {words}")
        console.print_line(found.answer)
    if found.is_beyond or not all(check.is_fine for check in spark):
        raise typer.Exit(1)


def on_spark(project: Project) -> bool:
    """Whether the published build lies there."""
    return published_id(project) is not None and find_build(project).is_on_spark
