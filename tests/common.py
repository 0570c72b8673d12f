"""What tests say to each other besides fixtures. Not in `conftest.py`, of which there are several."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PROJECTS = Path(__file__).parent / "projects"


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    code: int
    out: str
    err: str
