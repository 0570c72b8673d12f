"""What a nightly run did: a result per stage, as it stands in its record, reports and notices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from warehouse.findings import Finding, Severity
from warehouse.records import Record, Status


class StageName(StrEnum):
    """The stages, in their order."""

    LOAD = "load"
    """Rows of databases and other systems that came since."""
    SOURCES = "sources"
    """Files and tables at the sources: fresh, whole, of the shape that they had."""
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
    """Plain values for those who read on. What the report shows of them:

    `reports`: a list of `{"title", "path"}`, pages to link to, relative to the project; `build_id`; `versions`: a list
    of `{"dataset", "version"}`; `notice` and `sent`: see `warehouse.notices`.
    """
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
    only: tuple[str, ...] = ()
    """Stages that somebody asked to run alone; empty for a whole night."""

    @property
    def way_on(self) -> str:
        """The command that does what was not done."""
        return (
            " ".join(["warehouse nightly", *(f"--only {name}" for name in self.only)])
            if self.only
            else ("warehouse nightly --resume")
        )

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Of all stages, in their order."""
        return tuple(finding for stage in self.stages for finding in stage.findings)

    @classmethod
    def from_record(cls, record: Record) -> Self | None:
        """The run that this record tells of; None when it is no nightly run's, or of a format that is not known."""
        if record.command != "nightly":
            return None
        try:
            return cls(
                id=record.id,
                status=record.status,
                started_at=record.started_at,
                seconds=record.seconds,
                resumed_from=record.details.get("resumed_from"),
                stages=tuple(_stage(stage) for stage in record.details.get("stages", ())),
                only=tuple(record.details.get("options", {}).get("only", ())),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """One run in the history: enough for a chart."""

    id: str
    status: Status
    started_at: str
    seconds: float


def nights(records: Iterable[Record], *, newest: int = 30) -> tuple[Night, ...]:
    """The newest nightly runs among these records, oldest first."""
    found = [record for record in records if record.command == "nightly"]
    return tuple(
        Night(id=record.id, status=record.status, started_at=record.started_at, seconds=record.seconds)
        for record in found[-newest:]
    )


def findings_of(documents: Iterable[Mapping[str, Any]]) -> tuple[Finding, ...]:
    """Findings as they stand in a record, as findings again."""
    return tuple(Finding(**{**document, "severity": Severity(document["severity"])}) for document in documents)


def _stage(document: Mapping[str, Any]) -> StageResult:
    return StageResult(
        name=StageName(document["name"]),
        status=StageStatus(document["status"]),
        message=document["message"],
        started_at=document.get("started_at", ""),
        seconds=document.get("seconds", 0.0),
        findings=findings_of(document.get("findings", ())),
        details=document.get("details", {}),
        kept=document.get("kept", False),
    )
