"""Hands events to OpenLineage's client, in a thread of its own: a catalog that is slow or down holds up nothing."""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from warehouse.errors import ProjectError, import_extra
from warehouse.lineage.configuration import FILE_VARIABLE, configuration_file
from warehouse.logs import event as log_event
from warehouse.logs import keep_to_themselves
from warehouse.project import Project
from warehouse.scrubbing import Secrets, secrets_of

CLOSE_SECONDS = 30.0
"""How long a run waits at its end for events that are not through yet."""
_log = logging.getLogger(__name__)


class Sender:
    """Sends what it is given, in that order.

    After one that did not get through, even by the client's own retries, the others are dropped: each would wait as
    long again.
    """

    def __init__(self, client: Any, secrets: Secrets, *, close_seconds: float = CLOSE_SECONDS) -> None:
        self._client = client
        self._secrets = secrets
        self._close_seconds = close_seconds
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._sent = 0
        self._thread = threading.Thread(target=self._work, daemon=True, name="openlineage")
        self._thread.start()

    def send(self, events: list[Any]) -> None:
        """Queues them; returns at once."""
        for item in events:
            self._events.put(item)

    def close(self) -> None:
        """Waits until all are through, one failed, or the time is up."""
        self._events.put(None)
        self._thread.join(self._close_seconds)
        if self._thread.is_alive():
            self._warn(f"not all were sent within {self._close_seconds:.0f} s")

    def _work(self) -> None:
        try:
            while (item := self._events.get()) is not None:
                self._client.emit(item)
                self._sent += 1
            self._client.close(self._close_seconds)
        except Exception as error:  # whatever a transport raises: telling a catalog must not fail a run
            self._warn(f"{type(error).__name__}: {error}".splitlines()[0])
            return
        _log.debug("sent %s OpenLineage events", self._sent, extra=log_event("lineage_sent", count=self._sent))

    def _warn(self, reason: str) -> None:
        text = self._secrets.scrub(reason)
        _log.warning(
            "OpenLineage events were not sent after the first %s: %s",
            self._sent,
            text,
            extra=log_event("lineage_failed", sent_count=self._sent),
        )


@contextmanager
def harmless() -> Iterator[None]:
    """Whatever goes wrong within is logged and ends there: no run may fail because of what a catalog is told."""
    try:
        yield
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        _log.warning("OpenLineage events could not be made: %s", secrets_of(os.environ).scrub(reason))


def open_sender(project: Project, secrets: Secrets) -> Sender | None:
    """A sender by OpenLineage's own configuration; None, with the reason logged, when that cannot be used."""
    try:
        openlineage = import_extra("openlineage.client", extra="lineage")
        keep_to_themselves("openlineage", "urllib3", "requests")
        with _client_environment(project):
            client = openlineage.OpenLineageClient()
        if client.transport.kind == "console" and not (client.config.transport or {}).get("type"):
            # Its way out when it cannot make out where to send: it would only log.
            raise ProjectError("no transport is named in its variables, nor in an openlineage.yml that can be read")
        return Sender(client, secrets)
    except Exception as error:  # an absent extra, a file that is no YAML, an unknown transport
        reason = " ".join(secrets.scrub(f"{type(error).__name__}: {error}").split())
        _log.warning("OpenLineage events cannot be sent: %s", reason, extra=log_event("lineage_failed", sent_count=0))
        return None


@contextmanager
def _client_environment(project: Project) -> Iterator[None]:
    """The environment as the client shall see it, and afterwards as it was: it copies keys into more variables."""
    before = dict(os.environ)
    if (path := configuration_file(project, os.environ)) is not None:
        os.environ[FILE_VARIABLE] = str(path)
    try:
        yield
    finally:
        for name in [name for name in os.environ if name.startswith("OPENLINEAGE")]:
            if name not in before:
                del os.environ[name]
        os.environ.update({name: value for name, value in before.items() if name.startswith("OPENLINEAGE")})
