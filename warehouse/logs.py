"""The log of a run: lines for people on a terminal, JSON lines otherwise and in the run's folder.

Every line carries the run's correlation id, so that what several processes did for one night can be put together.
Modules log through `logging.getLogger(__name__)`; `extra=event("stage_started", stage="build")` gives a line its name
and fields. What is shown where is decided by `run_log` alone. A log that cannot be written stops nothing.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from warehouse.project import Project
from warehouse.scrubbing import Secrets, secrets_of

LOGGER = "warehouse"
RUN_ID_VARIABLE = "WAREHOUSE_RUN_ID"
LONGEST_ID = 200
_EVENT, _FIELDS = "warehouse_event", "warehouse_fields"


def correlation_id(run_id: str, environment: Mapping[str, str] | None = None) -> str:
    """What ties this run to those it belongs to: `WAREHOUSE_RUN_ID`, by whoever started it, or else its own id.

    A scheduler's id is kept readable; characters that no id needs become `_`.
    """
    given = (os.environ if environment is None else environment).get(RUN_ID_VARIABLE, "").strip()
    return re.sub(r"[^\w.:+@/=-]", "_", given, flags=re.ASCII)[:LONGEST_ID] or run_id


def event(name: str, /, **fields: Any) -> dict[str, Any]:
    """For a logging call's `extra`: the line's event name and its fields, which must be plain JSON values."""
    return {_EVENT: name, _FIELDS: fields}


@contextmanager
def run_log(
    project: Project,
    run_id: str,
    *,
    command: str = "nightly",
    environment: MutableMapping[str, str] | None = None,
    stream: TextIO | None = None,
    quiet: bool = False,
) -> Iterator[logging.Logger]:
    """The library's logger, for the length of a run, shown on stderr and kept as JSON lines in the run's folder.

    Within it `WAREHOUSE_RUN_ID` is set, so that builds and processes started here say that they belong to this run.

    Args:
        project: Its setting `log` says how lines look on stderr; they are kept in `warehouse/logs/<run id>/`.
        run_id: The run.
        command: Names the file: `nightly.jsonl`.
        environment: Where the correlation id and the secrets come from; default: this process's.
        stream: Instead of stderr.
        quiet: Show nothing on the stream, only keep it.
    """
    known = os.environ if environment is None else environment
    correlation = correlation_id(run_id, known)
    secrets = secrets_of(known, also=project.settings.notify_urls_from.split())
    handlers: list[logging.Handler] = []
    if not quiet:
        handlers.append(_stream_handler(project.settings.log, stream or sys.stderr, correlation, secrets))
    if (kept := _file_handler(log_path(project, run_id, command), correlation, secrets)) is not None:
        handlers.append(kept)
    logger = logging.getLogger(LOGGER)
    before = (logger.level, logger.propagate, known.get(RUN_ID_VARIABLE))
    logger.setLevel(logging.INFO)
    # NOTE: whoever configured the root logger would else show each line twice.
    logger.propagate = False
    for handler in handlers:
        logger.addHandler(handler)
    known[RUN_ID_VARIABLE] = correlation
    try:
        yield logger
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
            handler.close()
        logger.setLevel(before[0])
        logger.propagate = before[1]
        if before[2] is None:
            known.pop(RUN_ID_VARIABLE, None)
        else:
            known[RUN_ID_VARIABLE] = before[2]


def keep_to_themselves(*libraries: str) -> None:
    """Keeps these loggers' lines from stderr, where Python shows what nobody handles; they may hold addresses.

    For good: a thread that was given up may still log after its time.
    """
    for name in libraries:
        logger = logging.getLogger(name)
        logger.propagate = False
        if not any(isinstance(handler, logging.NullHandler) for handler in logger.handlers):
            logger.addHandler(logging.NullHandler())


def log_path(project: Project, run_id: str, command: str = "nightly") -> Path:
    """Where the JSON lines of this run are kept."""
    return project.warehouse_path / "logs" / run_id / f"{command}.jsonl"


class JsonLines(logging.Formatter):
    """One object per line: `at` (UTC), `level`, `event`, `correlation_id`, `message`, `logger`, then the fields."""

    def __init__(self, correlation: str, secrets: Secrets) -> None:
        super().__init__()
        self._correlation = correlation
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """The line; a field that is called like one of the line's own keys comes as `field_<name>`."""
        line: dict[str, Any] = {
            "at": _at(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": getattr(record, _EVENT, "message"),
            "correlation_id": self._correlation,
            "message": record.getMessage(),
            "logger": record.name,
        }
        for name, value in getattr(record, _FIELDS, {}).items():
            line[f"field_{name}" if name in line else name] = value
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(self._secrets.scrub_value(line), ensure_ascii=False, default=str)


class HumanLines(logging.Formatter):
    """`02:00:07 build passed in 31 s`, with the level before what is more than information."""

    def __init__(self, secrets: Secrets) -> None:
        super().__init__()
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """The line, without control characters: what comes from data must not steer a terminal."""
        level = f"{record.levelname.lower()}: " if record.levelno > logging.INFO else ""
        text = f"{_at(record):%H:%M:%S} {level}{record.getMessage()}"
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        text = self._secrets.scrub(text)
        return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)


def _at(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


class _Forgiving(logging.StreamHandler[TextIO]):
    """Goes silent when its stream is gone or its disk is full: the run matters more than its log."""

    def __init__(self, stream: TextIO, *, owns_stream: bool) -> None:
        super().__init__(stream)
        self._owns_stream = owns_stream

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's own name
        self.setLevel(logging.CRITICAL + 1)

    def close(self) -> None:
        super().close()
        if self._owns_stream:
            with suppress(OSError):
                self.stream.close()


def _stream_handler(form: str, stream: TextIO, correlation: str, secrets: Secrets) -> logging.Handler:
    handler = _Forgiving(stream, owns_stream=False)
    for_people = form == "human" or (form == "auto" and stream.isatty())
    handler.setFormatter(HumanLines(secrets) if for_people else JsonLines(correlation, secrets))
    return handler


def _file_handler(path: Path, correlation: str, secrets: Secrets) -> logging.Handler | None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Line by line, so that a kill loses none; appended, so that a resumed run adds to its log.
        stream = path.open("a", encoding="utf-8", buffering=1)
    except OSError:
        return None
    handler = _Forgiving(stream, owns_stream=True)
    handler.setFormatter(JsonLines(correlation, secrets))
    return handler
