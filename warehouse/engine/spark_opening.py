"""An engine on the project's Spark cluster, for as long as somebody asks it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from warehouse.engine.spark import SparkEngine
from warehouse.engine.spark_scratch import ScratchTables
from warehouse.engine.spark_session import connect_spark
from warehouse.project import Project


@contextmanager
def spark_engine(project: Project, *, schemas: Mapping[str, str] | None = None) -> Iterator[SparkEngine]:
    """An engine with a session and a scratch schema of its own; leaving the block drops the schema and ends it.

    Args:
        project: Whose setting `spark_remote` names the cluster.
        schemas: Where each schema of a build lies, as `read_spark_place` has them; none to ask of files alone.

    Raises:
        ProjectError: no address is set, or the address is wrong.
        StorageError: nobody answers there.
        MissingExtraError: the extra `spark` is not installed.
    """
    session = connect_spark(project)
    try:
        with ScratchTables(session, started_at=datetime.now(UTC)) as tables:
            yield SparkEngine(session, tables=tables, schemas=schemas)
    finally:
        session.stop()
