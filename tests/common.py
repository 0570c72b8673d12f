"""What tests say to each other besides fixtures. Not in `conftest.py`, of which there are several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from warehouse.dbt_manifest import Source

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PROJECTS = Path(__file__).parent / "projects"


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    code: int
    out: str
    err: str


def source_of_shop(
    name: str, location: str | None, *, file_path: str = "", meta: Mapping[str, Any] | None = None
) -> Source:
    """A table of source `shop`, as dbt's manifest has it."""
    return Source(
        unique_id=f"source.tiny.shop.{name}",
        source_name="shop",
        name=name,
        description="",
        external_location=location,
        relation_name=None,
        file_path=file_path,
        columns={},
        meta=dict(meta or {}),
    )
