"""Text that is fit to be shown."""

from __future__ import annotations

import re

LONGEST = 200
# Control characters, and those that turn the reading direction of what follows them.
_HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")


def visible(text: object, limit: int = LONGEST) -> str:
    """Text fit to be shown: no control or direction characters, not longer than `limit`; blanks alone can be seen."""
    cleaned = _HARMFUL.sub("\N{REPLACEMENT CHARACTER}", str(text))
    if cleaned.isspace():
        cleaned = "\N{OPEN BOX}" * len(cleaned)
    return cleaned if len(cleaned) <= limit else cleaned[: limit - 1] + "…"


def size_text(size: int) -> str:
    """`size` bytes as people read it: 12.3 MiB."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"
