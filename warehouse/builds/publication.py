"""Which build readers open: publish one, or go back to an earlier one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime

from warehouse import records, storage
from warehouse.build_tables import is_gone_from_spark
from warehouse.builds.listing import list_builds
from warehouse.errors import BuildError, StorageError, WarehouseError
from warehouse.project import Project
from warehouse.published import find_build, published_id
from warehouse.records import Status


def publish(project: Project, build_id: str) -> None:
    """Makes this build the one that readers open, in one atomic rename.

    Raises:
        ProjectError: there is no such build.
        BuildError: the build did not pass.
    """
    # NOTE: looked at under the lock: retention must not delete it in between.
    with storage.lock(project.warehouse_path / "publish.lock", purpose="publishing", timeout=60):
        files = find_build(project, build_id)
        record = records.read_record(project, build_id)
        if record is None or record.status is not Status.PASSED or not files.content_path.is_file():
            status = record.status.value if record else "unknown"
            raise BuildError(
                f"build {build_id} cannot be published: its status is {status!r}\n  builds that can: warehouse builds"
            )
        storage.switch_link(project.current_path, files.path)


def publish_by_hand(project: Project, build_id: str, *, now: datetime) -> str | None:
    """Publishes this build because somebody says so, on record; returns the id of the one before.

    The next night leaves it at that until there is something new to build.

    Raises:
        ProjectError: there is no such build.
        BuildError: the build did not pass, or its tables are gone from Spark.
        StorageError: it lies on Spark, and nobody answers there.
    """
    _check_is_there(project, build_id)
    current = published_id(project)
    with switching(project, "publish", current, build_id, now=now):
        publish(project, build_id)
    return current


def roll_back(project: Project, *, now: datetime, build_id: str | None = None) -> tuple[str, str]:
    """Publishes an earlier build again: this one, or the newest passed one before the published one.

    Waits for no running build; that one will publish its own when it passes. Returns the ids before and after.

    Raises:
        ProjectError: nothing is published, or there is no such build.
        BuildError: there is no earlier build that passed, or its tables are gone from Spark.
        StorageError: it lies on Spark, and nobody answers there.
    """
    current = find_build(project).id
    if build_id is None:
        earlier = [entry.id for entry in list_builds(project) if entry.id < current and entry.status is Status.PASSED]
        if not earlier:
            raise BuildError(f"no build before {current} has passed and is still kept\n  list: warehouse builds")
        build_id = max(earlier)
    _check_is_there(project, build_id)
    with switching(project, "rollback", current, build_id, now=now):
        publish(project, build_id)
    return current, build_id


def _check_is_there(project: Project, build_id: str) -> None:
    if is_gone_from_spark(project, find_build(project, build_id)):
        raise BuildError(
            f"build {build_id} cannot be published: its tables are gone from Spark\n"
            "  make them anew with: warehouse build; or take another of: warehouse builds"
        )


@contextmanager
def switching(project: Project, command: str, before: str | None, after: str, *, now: datetime) -> Iterator[None]:
    """Within it, a build is published because somebody says so: who, when, from which build to which is on record."""
    run_id = records.new_run_id(project, now, is_build=False)
    record = records.start_record(project, command=command, run_id=run_id, now=now)
    record = replace(record, details={"from": before, "to": after})
    # On record before the switch: a full disk then stops it before anything has changed, and after a kill in between
    # the next build, or the next night, can tell that somebody meant this.
    records.write_record(project, record)
    try:
        yield
    except WarehouseError as error:
        with suppress(StorageError):
            details = {**record.details, "error": str(error)}
            records.write_record(project, replace(record, status=Status.ERROR, details=details))
        raise
    records.write_record(project, replace(record, status=Status.PASSED))
