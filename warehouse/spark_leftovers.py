"""What builds and processes that are gone left on Spark."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import Any

from warehouse.engine.spark_schemas import drop_schemas
from warehouse.engine.spark_scratch import drop_dead_scratch
from warehouse.engine.spark_session import connect_spark, shown_remote
from warehouse.errors import StorageError, WarehouseError
from warehouse.project import Project
from warehouse.published import BuildFiles, read_spark_place


class SparkLeftovers:
    """Drops them in one session, begun when it is first needed; leaving the block ends it.

    Where nobody answers, nothing is dropped, and nobody is asked again: each time takes a while, and old builds may be
    many.
    """

    def __init__(self, project: Project) -> None:
        """Nobody is asked yet.

        Args:
            project: Whose setting `spark_remote` names the cluster.
        """
        self._project = project
        self.kept: dict[str, str] = {}
        """Ids of the builds that could not be dropped, and why."""
        self._session: Any = None
        self._failure: WarehouseError | None = None

    def __enter__(self) -> SparkLeftovers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            self._session.stop()
            self._session = None

    def drop_build(self, files: BuildFiles) -> bool:
        """Drops the schemas of this build, if it has any; whether none is left. Else the build must stay."""
        if not files.is_on_spark:
            return True
        try:
            place = read_spark_place(files)
            if place.remote != shown_remote(self._project.settings.spark_remote):
                raise StorageError(
                    f"it lies on {place.remote}, and spark_remote (or SPARK_REMOTE) names another server"
                )
            drop_schemas(self._connected(), place.schemas.values())
        except WarehouseError as error:
            self.kept[files.id] = str(error).splitlines()[0]
            return False
        self.kept.pop(files.id, None)
        return True

    def drop_scratch(self, *, now: datetime) -> None:
        """Drops the scratch schemas of processes that died. Where nobody answers, it is tried again the next time."""
        with suppress(WarehouseError):
            drop_dead_scratch(self._connected(), now=now)

    def _connected(self) -> Any:
        if self._failure is not None:
            raise self._failure
        if self._session is None:
            try:
                self._session = connect_spark(self._project)
            except WarehouseError as error:
                self._failure = error
                raise
        return self._session
