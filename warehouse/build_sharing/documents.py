"""Reading the small documents of a store, which anybody with the right to write may have made."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from warehouse.errors import StoreError

FORMAT = 1
"""Of the documents that this version writes and reads."""

_MOST_TEXT = 1_000
_CHECKSUM = re.compile(r"[0-9a-f]{64}")


def is_checksum(value: object) -> bool:
    """Whether it is a SHA-256 as hexadecimal digits."""
    return isinstance(value, str) and _CHECKSUM.fullmatch(value) is not None


def is_time(value: object) -> bool:
    """Whether it is a time with its zone, as ISO 8601."""
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _is_short(value: object) -> bool:
    # What is not printable could be a command to a terminal, or no text at all.
    return isinstance(value, str) and len(value) <= _MOST_TEXT and value.isprintable()


class DocumentReader:
    """Reads a document that anybody may have written, and names the first thing that is wrong with it."""

    def __init__(self, content: bytes, where: str) -> None:
        self._where = where
        try:
            document = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise self._refusal(f"it is no JSON: {type(error).__name__}") from error
        self.demand(isinstance(document, dict), "it is no JSON object")
        self.document: dict[str, Any] = document
        known = document.get("format")
        self.demand(known == FORMAT, f"its format is {str(known)[:20]!r}, and this version of the toolkit reads 1")

    def demand(self, holds: bool, what: str) -> None:
        """Refuses the document unless this holds."""
        if not holds:
            raise self._refusal(what)

    def text(self, name: str) -> str:
        """A short text."""
        value = self.document.get(name)
        self.demand(_is_short(value), f"{name!r} is no short text")
        return str(value)

    def number(self, name: str) -> int:
        """A whole number, 0 or more."""
        value = self.document.get(name)
        self.demand(isinstance(value, int) and not isinstance(value, bool) and value >= 0, f"{name!r} is no number")
        return int(value or 0)

    def texts(self, name: str) -> dict[str, str]:
        """Short texts by name."""
        value = self.document.get(name)
        self.demand(
            isinstance(value, dict) and len(value) <= 10 and all(map(_is_short, [*value, *value.values()])),
            f"{name!r} is no set of short texts",
        )
        return dict(value or {})

    def items(self, name: str) -> list[dict[str, Any]]:
        """A list of objects."""
        value = self.document.get(name)
        self.demand(isinstance(value, list) and all(isinstance(item, dict) for item in value), f"{name!r} is no list")
        return list(value or [])

    def _refusal(self, what: str) -> StoreError:
        return StoreError(
            f"{self._where} is refused: {what[:300]}\n"
            "  if nobody tampers with this store, push the build again: warehouse push"
        )
