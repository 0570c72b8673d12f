"""Why a notice was not sent, in our own words.

apprise says so in its log alone, and its words, and those of the libraries below it, may hold the address with its
secrets. So its log is read here and goes nowhere: of each line only what is on the list below is kept.
"""

from __future__ import annotations

import logging
import re
from contextvars import ContextVar

from warehouse.logs import keep_to_themselves

_KNOWN = (
    (re.compile(r"(?i)timed out|timeout"), "no answer in time"),
    (re.compile(r"(?i)connection refused"), "the connection was refused"),
    (
        re.compile(r"(?i)name or service not known|failed to resolve|name resolution|getaddrinfo|nodename"),
        "unknown host",
    ),
    (re.compile(r"(?i)certificate"), "its certificate is not accepted"),
    (
        re.compile(r"(?i)smtpauthentication|authentication (?:failed|unsuccessful|credentials)|\b535\b"),
        "it refused the login",
    ),
    (re.compile(r"(?i)recipients? refused|\b55[0-4]\b"), "it refused the recipient"),
    (
        re.compile(r"(?i)connection error|socket exception|remote end closed|connection reset|disconnected"),
        "no connection",
    ),
)
_STATUS = re.compile(r"error=(\d{3})\b")
LIBRARIES = ("apprise", "urllib3", "requests")
_FALLBACK = "it was not accepted"


_SENDING: ContextVar[Reasons | None] = ContextVar("sending", default=None)
"""Whose sending it is; apprise hands the context on to the threads that it sends in."""


class Reasons(logging.Handler):
    """While it is entered, collects from apprise's log what the sending that it is entered for comes to."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._found: dict[str, None] = {}

    def __enter__(self) -> Reasons:
        keep_to_themselves(*LIBRARIES)
        logger = logging.getLogger("apprise")
        logger.setLevel(logging.DEBUG)
        logger.addHandler(self)
        self._token = _SENDING.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _SENDING.reset(self._token)
        logging.getLogger("apprise").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps what is known of the line."""
        if _SENDING.get() is not self:
            return
        text = record.getMessage()
        if status := _STATUS.search(text):
            self._found.setdefault(f"it answered {status[1]}")
        for pattern, words in _KNOWN:
            if pattern.search(text):
                self._found.setdefault(words)
                break

    @property
    def text(self) -> str:
        """The most telling reason: a status before all, then in the list's order."""
        order = [words for _, words in _KNOWN]
        found = sorted(self._found, key=lambda words: order.index(words) if words in order else -1)
        return found[0] if found else _FALLBACK


def is_final(reason: str) -> bool:
    """Whether trying again is of no use: the service understood and refused."""
    status = re.fullmatch(r"it answered (4\d\d)", reason)
    return bool(status and status[1] not in ("408", "425", "429")) or reason in (
        "it refused the login",
        "it refused the recipient",
        "apprise cannot use this address",
    )
