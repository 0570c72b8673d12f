"""Before the build: rows that came since, then the files and tables that it will read."""

from __future__ import annotations

from warehouse import records
from warehouse.build_inputs import read_inputs
from warehouse.dbt_manifest import read_dbt_manifest
from warehouse.errors import BuildError, ProjectError
from warehouse.loads.load import load_sources
from warehouse.nightly.tonight import Done, Tonight
from warehouse.nightly.unchanged import is_same_project
from warehouse.project import Project
from warehouse.published import find_build, published_id
from warehouse.sources.report import check_sources
from warehouse.stages import StageStatus

_NONE = "no source declares a load"


def load(tonight: Tonight) -> Done:
    """Lands what databases and other systems have and the project does not.

    Raises:
        LoadError: declarations are wrong, connections are not set, or no table could be loaded.
        LockedError: another load of one of the tables is running.
        BuildError: dbt cannot parse the project.
    """
    if _declares_none(tonight.project):
        return Done(message=_NONE, status=StageStatus.SKIPPED)
    result = load_sources(tonight.project, now=tonight.clock())
    if not result.tables:
        return Done(message=_NONE, status=StageStatus.SKIPPED)
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


def _declares_none(project: Project) -> bool:
    """Whether the published build tells that no source declares a load: then dbt, which is slow, need not be asked."""
    build_id = published_id(project)
    record = records.read_record(project, build_id) if build_id is not None else None
    if record is None or build_id is None or not is_same_project(record, read_inputs(project)):
        return False
    try:
        manifest = read_dbt_manifest(find_build(project, build_id).dbt_manifest_path)
    except (BuildError, ProjectError):
        return False
    return not any("load" in source.meta for source in manifest.sources.values())


def check(tonight: Tonight) -> Done:
    """Looks at what the build will read: fresh, whole, of the shape that it had.

    Files that must not be read are moved away by the build itself, which looks again.

    Raises:
        ProjectError: `meta.checks` of a source cannot be used.
        BuildError: dbt cannot parse the project, or ask how fresh the sources are.
    """
    report = check_sources(tonight.project, now=tonight.clock())
    files = sum(len(source.files) for source in report.sources)
    asked = sum(source.freshness is not None for source in report.sources)
    troubled = sum(bool(source.findings) for source in report.sources)
    found = f"{troubled} with findings" if troubled else "nothing wrong"
    return Done(
        message=f"{len(report.sources)} sources, {files:,} files, {asked} asked how fresh they are: {found}",
        findings=report.findings,
        details={"source_count": len(report.sources), "file_count": files},
    )
