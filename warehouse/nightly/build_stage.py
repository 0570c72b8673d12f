"""The build of the night, unless the published one was made from the very same."""

from __future__ import annotations

from warehouse.build_sharing import share_published
from warehouse.builds import build_warehouse
from warehouse.builds.publication import publish
from warehouse.errors import WarehouseError
from warehouse.findings import Finding, Severity
from warehouse.nightly.tonight import Done, Tonight
from warehouse.nightly.unchanged import find_same_build
from warehouse.stages import StageName


def build(tonight: Tonight) -> Done:
    """Builds, checks and publishes; holds back what does not pass.

    Raises:
        LockedError: somebody else builds, and the wait is over.
        BuildError: dbt could not parse or build the project.
        ValidationError: a suite cannot be run as written.
        StorageError: the disk is full or cannot be written.
    """
    project = tonight.project
    loaded = tonight.results.get(StageName.LOAD)
    why = "asked for" if tonight.options.force else ""
    if not why and loaded is not None and loaded.details.get("row_count"):
        why = f"{loaded.details['row_count']:,} rows were loaded"
    if not why:
        same = find_same_build(project, now=tonight.clock())
        if same.build_id is not None:
            if same.must_be_published:
                publish(project, same.build_id)
            details = {"build_id": same.build_id, "needed": False, "why": same.why}
            details |= {"published": False} if same.is_held_back else {}
            shared, said = _share(tonight, same.build_id)
            return Done(message=same.why + said, findings=(*same.findings, *shared), details=details)
        why = same.why
    result = build_warehouse(project, now=tonight.clock(), wait=tonight.options.wait, listener=tonight.listener.build)
    models = sum(node.resource_type in ("model", "seed", "snapshot") for node in result.nodes)
    tests = sum(node.resource_type in ("test", "unit_test") for node in result.nodes)
    outcome = "published" if result.published else "held back"
    shared, said = _share(tonight, result.id) if result.published else ((), "")
    return Done(
        message=f"{outcome} build {result.id}: {models} models, {tests} tests; built because {why}{said}",
        findings=(*result.findings, *shared),
        details={
            "build_id": result.id,
            "needed": True,
            "why": why,
            "published": result.published,
            "model_count": models,
            "test_count": tests,
        },
    )


def _share(tonight: Tonight, build_id: str) -> tuple[tuple[Finding, ...], str]:
    """Pushes the published build when the settings say so; when that fails, the next night tries again."""
    try:
        pushed = share_published(tonight.project, now=tonight.clock(), build_id=build_id)
    except WarehouseError as error:
        finding = Finding(
            severity=Severity.WARNING,
            check="share",
            subject=f"build {build_id}",
            message=str(error).splitlines()[0],
            advice="other machines still have the build before; correct it, then: warehouse push",
        )
        return (finding,), "; not shared"
    return (), f"; shared in {pushed.url}" if pushed is not None and (pushed.is_new or pushed.is_moved) else ""
