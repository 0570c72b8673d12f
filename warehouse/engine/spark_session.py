"""Sessions on a Spark cluster, through its Connect server."""

from __future__ import annotations

import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from warehouse.engine.spark_errors import spark_reason
from warehouse.errors import ProjectError, StorageError, import_extra
from warehouse.project import Project

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession

READY_SECONDS = 15
"""How long a server may take to answer at first."""
RETRIES = 6
"""How often a call is made again that the server did not answer: over half a minute in all."""
SETTINGS = {
    # As DuckDB has it: times without a zone, errors instead of nulls for what cannot be computed.
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.ansi.enabled": "true",
    # Text in a statement is what it is.
    "spark.sql.variable.substitute": "false",
    # Maps are compared entry by entry in their order, as DuckDB does.
    "spark.sql.legacy.allowHashOnMapType": "true",
}

_OURS = {*SETTINGS, "spark.remote", "spark.master", "spark.sql.catalogImplementation"}
"""What nobody else sets in a session of ours; the last three are for the server to choose."""
_ON_TLS = "the address asks for TLS, as use_ssl=true and any token do: does the server speak it?"
_LOGGERS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")


@contextmanager
def _as_a_program() -> Iterator[None]:
    """Lets Spark's client be imported where the main module is no file, under `python -c` and in workers of tests.

    It takes such a process for one that runs its own doctests, and ends it.
    """
    main = sys.modules["__main__"]
    is_file = hasattr(main, "__file__")
    if not is_file:
        main.__file__ = ""
    try:
        yield
    finally:
        if not is_file:
            del main.__file__


def connect_spark(project: Project) -> SparkSession:
    """A session on the cluster of the project's setting `spark_remote`; the caller stops it.

    Its zone is UTC, and what cannot be computed is an error. When the address names a session (`;session_id=<UUID>`),
    several clients share it, and stopping one leaves it to the others.

    Raises:
        ProjectError: no address is set, or the address is wrong.
        StorageError: nobody answers there, or not as a Spark Connect server does.
        MissingExtraError: the extra `spark` is not installed.
    """
    remote = project.settings.spark_remote
    if not remote:
        raise ProjectError(
            'no Spark cluster is set: add spark_remote = "sc://host:15002" to [tool.warehouse], or set SPARK_REMOTE'
        )
    # Otherwise its C library prints handshakes and headers that failed; an error that says what to do follows.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    with warnings.catch_warnings(), _as_a_program():
        # Its way to pandas, which nothing here takes, is untried with pandas 3.
        warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas", category=FutureWarning)
        grpc = import_extra("grpc", extra="spark")
        connect = import_extra("pyspark.sql.connect.session", extra="spark")
        core = import_extra("pyspark.sql.connect.client.core", extra="spark")
        retries = import_extra("warehouse.engine.spark_retries", extra="spark")
        errors = import_extra("pyspark.errors", extra="spark")
        loggers = import_extra("pyspark.logger", extra="spark")
    for name in _LOGGERS:
        # What Spark refuses becomes an error here; its client would print it too, as JSON with its plan and its trace.
        loggers.PySparkLogger.getLogger(name).setLevel(logging.CRITICAL + 1)
    place = shown_remote(remote)
    try:
        builder = core.DefaultChannelBuilder(remote)
        is_named = builder.session_id is not None
        channel = builder.toChannel()
    except (errors.PySparkException, ValueError) as error:
        raise ProjectError(
            f"spark_remote (or SPARK_REMOTE) is no address of a Spark Connect server: {place}\n"
            "  it looks like sc://host:15002, with options behind a slash: sc://host:443/;use_ssl=true;token=...\n"
            "  a session_id among them is a UUID"
        ) from error
    try:
        # NOTE: Spark's client itself would try for ten minutes before it says that nobody answers.
        grpc.channel_ready_future(channel).result(timeout=READY_SECONDS)
    except grpc.FutureTimeoutError:
        raise StorageError(
            f"no Spark Connect server answers at {place} within {READY_SECONDS} seconds\n"
            "  is it running, and is spark_remote (or SPARK_REMOTE) its address?"
            + (f"\n  {_ON_TLS}" if builder.secure else "")
        ) from None
    finally:
        channel.close()
    session: SparkSession = connect.SparkSession(connection=builder)
    session.release_session_on_close = not is_named
    session.client.set_retry_policies([retries.Patience(RETRIES)])
    # The error that follows says as much.
    warnings.filterwarnings("ignore", message=r"\[RETRIES_EXCEEDED\]", category=UserWarning)
    try:
        # NOTE: `session.conf.set` takes a round trip for each.
        session.conf._set_all(SETTINGS, silent=False)
    except (errors.PySparkException, grpc.RpcError) as error:
        session.stop()
        raise StorageError(
            f"what answers at {place} is not a Spark Connect server that can be used: {spark_reason(error)}"
        ) from error
    return session


@contextmanager
def default_session(session: SparkSession) -> Iterator[None]:
    """While the block runs, whoever in this process asks for a session, dbt say, gets this one, with its settings.

    dbt asks with every statement, each time for a session that makes nulls of what cannot be computed. Its other
    wishes are granted, once.
    """
    kind: Any = type(session)
    granted: dict[str, Any] = {}

    def grant(builder: Any, _: SparkSession) -> None:
        wishes = {key: value for key, value in builder._options.items() if key not in _OURS}
        if new := {key: value for key, value in wishes.items() if granted.get(key) != value}:
            granted.update(new)
            conf: Any = session.conf
            conf._set_all(new, silent=True)

    apply_options = kind.Builder._apply_options
    kind.Builder._apply_options = grant
    kind._set_default_and_active_session(session)
    try:
        yield
    finally:
        kind.Builder._apply_options = apply_options
        with kind._lock:
            kind._default_session = None
            kind._active_session.session = None


def shown_remote(remote: str) -> str:
    """The address without its options, which may hold a token: what messages and records show."""
    scheme, _, rest = remote.partition("://")
    return f"{scheme}://{re.split('[/;?#]', rest)[0].rpartition('@')[2]}"
