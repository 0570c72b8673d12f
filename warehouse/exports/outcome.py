"""What an export came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from warehouse.datasets.manifest import Manifest
from warehouse.findings import Finding


class Outcome(StrEnum):
    """What an export came to."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    """The newest version holds the same rows by the same specification, so it stands."""
    REFUSED = "refused"
    """A critical finding stands; nothing was written."""
    DRY_RUN = "dry_run"
    """Nothing was written, as asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What an export did, or would do."""

    outcome: Outcome
    path: Path | None
    """The version's folder; None when nothing was written and none stands."""
    manifest: Manifest
    """Of the version that was written, stands, or would be written; its files are empty in the last case."""
    estimated_bytes: Mapping[str, int] | None = None
    """Of a dry run: roughly the bytes of each split's files."""

    @property
    def reference(self) -> str:
        """`late_arrivals@1.0.0`."""
        return f"{self.manifest.name}@{self.manifest.version}"

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the checks found."""
        return self.manifest.findings
