"""Names of files for things that people named: safe on every disk and in every address, and always the same."""

from __future__ import annotations

import hashlib
import re

_SAFE = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,79}")
_RESERVED = frozenset(
    {"index", "con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}
)


def file_stem(name: str) -> str:
    """A file's name without its suffix: small letters, digits, `_`, `.`, `-`; the name itself where it is such.

    Otherwise a hash of the name keeps two names apart, also where capitals do not count.
    """
    if _SAFE.fullmatch(name) and name.partition(".")[0] not in _RESERVED and not name.endswith("."):
        return name
    readable = re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")[:40]
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:12]
    return f"{readable or 'x'}-{digest}"
