"""The `warehouse` command: its commands, global options and exit codes.

Exit 0: done and clean. 1: done, and a critical finding stands. 2: could not run. 130: interrupted.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from pathlib import Path
from traceback import format_exception
from types import TracebackType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from warehouse.errors import WarehouseError
from warehouse.scrubbing import secrets_of

from . import console
from .commands import (
    builds,
    datasets,
    dev,
    diagnose,
    docs,
    doctor,
    drift,
    leakage,
    loads,
    nightly,
    projects,
    questions,
    sources,
    stores,
    synthetic,
    validate,
    versions,
)

PROJECT, BUILDS, DATASETS, REPORTS = "Project", "Builds", "Datasets", "Reports"
INTERRUPTED = 130


class Commands(TyperGroup):
    """The commands, of which an interrupted one exits with 130: Typer's own 1 would say that a finding stands."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command that was named."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            console.print_error("interrupted; what was published or exported before stands as it was")
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    name="warehouse",
    cls=Commands,
    help="Turn a company's raw data into training sets that can be trusted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        console.print_line(f"ml-warehouse {version('ml-warehouse')}")
        raise typer.Exit


@app.callback()
def set_up(
    context: typer.Context,
    project: Annotated[
        Path | None, typer.Option(help="Folder of the project; default: the one around the working directory.")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Turn a company's raw data into training sets that can be trusted."""
    context.obj = project


app.command("init", rich_help_panel=PROJECT)(projects.init)
app.command("status", rich_help_panel=PROJECT)(projects.status)
app.command("doctor", rich_help_panel=PROJECT)(doctor.doctor)
app.command("sources", rich_help_panel=BUILDS)(sources.sources)
app.command("load", rich_help_panel=BUILDS)(loads.load)
app.command("build", rich_help_panel=BUILDS, cls=builds.WaitingCommand)(builds.build)
app.command("dev", rich_help_panel=BUILDS)(dev.dev)
app.command("builds", rich_help_panel=BUILDS)(builds.builds)
app.command("publish", rich_help_panel=BUILDS)(builds.publish)
app.command("rollback", rich_help_panel=BUILDS)(builds.rollback)
app.command("sql", rich_help_panel=BUILDS)(questions.sql)
app.command("validate", rich_help_panel=BUILDS)(validate.validate)
app.command("nightly", rich_help_panel=BUILDS)(nightly.nightly)
app.command("datasets", rich_help_panel=DATASETS)(datasets.datasets)
app.command("export", rich_help_panel=DATASETS)(datasets.export)
app.command("show", rich_help_panel=DATASETS)(datasets.show)
app.command("verify", rich_help_panel=DATASETS)(datasets.verify)
app.command("diff", rich_help_panel=DATASETS)(versions.diff)
app.command("reproduce", rich_help_panel=DATASETS)(versions.reproduce)
app.command("tag", rich_help_panel=DATASETS)(versions.tag)
app.command("rm", rich_help_panel=DATASETS)(versions.rm)
app.command("gc", rich_help_panel=DATASETS)(versions.gc)
app.command("forget", rich_help_panel=DATASETS)(versions.forget)
app.command("push", rich_help_panel=DATASETS)(stores.push)
app.command("pull", rich_help_panel=DATASETS)(stores.pull)
app.command("remote", rich_help_panel=DATASETS)(stores.remote)
app.command("drift", rich_help_panel=REPORTS)(drift.drift)
app.command("profile", rich_help_panel=REPORTS)(drift.profile)
app.command("leakage", rich_help_panel=REPORTS)(leakage.leakage)
app.command("diagnose", rich_help_panel=REPORTS)(diagnose.diagnose)
app.command("synthetic", rich_help_panel=REPORTS)(synthetic.synthetic)
app.add_typer(docs.app, name="docs", rich_help_panel=REPORTS)


def main() -> None:
    """Run the command line; a `WarehouseError` becomes its message and exit code 2."""
    sys.excepthook = _print_traceback
    try:
        app()
    except WarehouseError as error:
        console.print_error(secrets_of(os.environ).scrub(str(error)))
        sys.exit(2)


def _print_traceback(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """What Python prints of an error that nobody foresaw, without the secrets of the environment."""
    text = "".join(format_exception(kind, error, traceback))
    sys.stderr.write(secrets_of(os.environ).scrub(text))
