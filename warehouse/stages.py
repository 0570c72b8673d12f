"""What a nightly run did: a result per stage, as it stands in its record, reports and notices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from warehouse.findings import Finding
from warehouse.records import Status


class StageName(StrEnum):
    """The stages, in their order."""

    SOURCES = "sources"
    """Files and tables at the sources: fresh, whole, of the shape that they had."""
    LOAD = "load"
    """Rows of databases and other systems that came since."""
    BUILD = "build"
    """Dbt, its tests, the expectations, and the switch to the new build."""
    DRIFT = "drift"
    """Today's tables beside the versions that are in use."""
    EXPORT = "export"
    """New versions of the datasets that ask for them."""
    RETENTION = "retention"
    """What nothing needs is deleted."""
    REPORT = "report"
    """The page of this run, and the site of the whole warehouse."""
    NOTIFY = "notify"
    """Whoever should know is told."""


class StageStatus(StrEnum):
    """How a stage ended."""

    PASSED = "passed"
    FAILED = "failed"
    """Done, and a critical finding stands."""
    ERROR = "error"
    """Could not be done."""
    SKIPPED = "skipped"
    """A stage that it depends on did not pass, or nothing asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """One stage."""

    name: StageName
    status: StageStatus
    message: str
    """One sentence: what was done, or why not."""
    started_at: str = ""
    """UTC, ISO 8601; empty when it was skipped."""
    seconds: float = 0.0
    findings: tuple[Finding, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    """Plain values for those who read on: a build's id, the versions written, paths of reports below the project."""
    kept: bool = False
    """Whether the result is of an earlier run that this one went on from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nightly:
    """One nightly run. Its record has command `nightly` and these fields as they are, `stages` among them."""

    id: str
    status: Status
    started_at: str
    seconds: float
    resumed_from: str | None
    """Id of the run that it went on from."""
    stages: tuple[StageResult, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Of all stages, in their order."""
        return tuple(finding for stage in self.stages for finding in stage.findings)
