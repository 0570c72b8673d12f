"""Before the build: rows that came since, then the files and tables that it will read."""

from __future__ import annotations

from warehouse.loads.load import load_sources
from warehouse.nightly.tonight import Done, Tonight
from warehouse.stages import StageStatus


def load(tonight: Tonight) -> Done:
    """Lands what databases and other systems have and the project does not.

    Raises:
        LoadError: declarations are wrong, connections are not set, or no table could be loaded.
        LockedError: another load of one of the tables is running.
        BuildError: dbt cannot parse the project.
    """
    result = load_sources(tonight.project, now=tonight.clock())
    if not result.tables:
        return Done(message="no source declares a load", status=StageStatus.SKIPPED)
    return Done(
        message=f"{result.row_count:,} new rows in {len(result.tables)} tables",
        findings=result.findings,
        details={
            "load_id": result.id,
            "row_count": result.row_count,
            "tables": [
                {"table": table.name, "status": table.status.value, "row_count": table.row_count}
                for table in result.tables
            ],
        },
    )


def check(tonight: Tonight) -> Done:
    """Looks at what the build will read: fresh, whole, of the shape that it had."""
    return Done(message="sources are checked by the build itself", status=StageStatus.SKIPPED)
