"""Loads every source table that declares how its rows come (`config.meta.load`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from warehouse.loads.results import Loads, TableLoad
from warehouse.project import Project


def load_sources(
    project: Project,
    *,
    now: datetime,
    select: Sequence[str] = (),
    full_refresh: bool = False,
    since: str | None = None,
    dry_run: bool = False,
    on_table: Callable[[TableLoad], None] = lambda _: None,
) -> Loads:
    """Lands what the sources have and the project does not, table by table, each in one rename.

    A table that cannot be loaded leaves the others alone: it becomes a critical finding.

    Args:
        project: The project.
        now: When it happens.
        select: `source`, `source.table` or patterns of them, `shop.*`; every table that declares a load when empty.
        full_refresh: Read everything anew and replace what is there, all at once.
        since: Read again from this value of the cursor on, and add what is not there.
        dry_run: Only say what would be read.
        on_table: Called as each table is done.

    Returns:
        Empty, without a record, when no source declares a load and nothing is selected.

    Raises:
        LoadError: declarations are wrong, connections are not set, or no table could be loaded; lists every problem.
        LockedError: another load of one of the tables is running.
        BuildError: dbt cannot parse the project.
    """
    raise NotImplementedError
