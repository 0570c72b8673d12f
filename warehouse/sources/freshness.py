"""How old the newest rows of a source are, by dbt's own `source freshness`."""

from __future__ import annotations

import re
import shutil
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from warehouse import dbt_runner, storage
from warehouse.errors import BuildError
from warehouse.findings import Finding, Severity
from warehouse.project import Project

_ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Freshness(StrEnum):
    """dbt's words."""

    PASS = "pass"
    WARN = "warn"
    ERROR = "error"
    """Older than `error_after`."""
    BROKEN = "runtime error"
    """The question could not be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFreshness:
    """One source that declares freshness."""

    name: str
    """`source.table`."""
    status: Freshness
    max_loaded_at: str | None
    """Of the newest row, UTC, ISO 8601; None when the question could not be asked."""
    age_seconds: float | None
    warn_after_seconds: float | None
    error_after_seconds: float | None
    message: str
    """Why the question could not be asked; otherwise empty."""


def read_freshness(project: Project, parsed: dbt_runner.Parsed, *, run_id: str) -> tuple[SourceFreshness, ...]:
    """Asks every source that declares freshness.

    dbt gets a database of its own for it, deleted again: sources are files and other databases, and a build may run.

    Raises:
        BuildError: dbt could not run.
    """
    log_path = project.warehouse_path / "logs" / run_id
    folder = project.temporary_path / f"freshness-{uuid.uuid4().hex}"
    with storage.storage_errors(f"make {folder}"):
        folder.mkdir(parents=True)
    try:
        results, reason = dbt_runner.run_command(
            project,
            parsed,
            ["source", "freshness", "--output", str(folder / "sources.json")],
            log_path=log_path,
            place=replace(dbt_runner.build_place(project), build_path=folder),
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if reason and "no freshness" not in reason.lower():
        raise BuildError(
            f"dbt could not ask how fresh the sources are: {reason}\n"
            f"  dbt's log: {project.relative(log_path / 'dbt.log')}"
        )
    return tuple(_freshness(result) for result in results)


def _freshness(result: Any) -> SourceFreshness:
    status = str(getattr(result.status, "value", result.status))
    loaded = getattr(result, "max_loaded_at", None)
    limits = getattr(result.node, "freshness", None)
    return SourceFreshness(
        name=f"{result.node.source_name}.{result.node.name}",
        status=Freshness(status) if status in set(Freshness) else Freshness.BROKEN,
        max_loaded_at=None if loaded is None else loaded.isoformat(timespec="seconds"),
        age_seconds=None if loaded is None else float(result.age),
        warn_after_seconds=_seconds(getattr(limits, "warn_after", None)),
        error_after_seconds=_seconds(getattr(limits, "error_after", None)),
        message=_ANSI.sub("", str(result.message or "")).strip(),
    )


def _seconds(limit: Any) -> float | None:
    if limit is None or not limit.count or limit.period is None:
        return None
    lengths = {"minute": 60.0, "hour": 3600.0, "day": 86_400.0}
    return float(limit.count) * lengths[str(getattr(limit.period, "value", limit.period))]


def freshness_findings(sources: tuple[SourceFreshness, ...]) -> tuple[Finding, ...]:
    """A finding for every source that is too old, or that could not be asked."""
    return tuple(_finding(source) for source in sources if source.status is not Freshness.PASS)


def _finding(source: SourceFreshness) -> Finding:
    if source.age_seconds is None:
        return Finding(
            severity=Severity.CRITICAL,
            check="freshness",
            subject=source.name,
            message=f"how fresh it is could not be asked: {source.message[:300]}",
            advice="correct loaded_at_field, or loaded_at_query, of the source",
        )
    is_error = source.status is Freshness.ERROR
    limit = source.error_after_seconds if is_error else source.warn_after_seconds
    newest = datetime.fromisoformat(source.max_loaded_at).isoformat(timespec="minutes") if source.max_loaded_at else ""
    return Finding(
        severity=Severity.CRITICAL if is_error else Severity.WARNING,
        check="freshness",
        subject=source.name,
        message=f"its newest rows are {age_text(source.age_seconds)} old ({newest})"
        + (f", and {age_text(limit)} is the limit" if limit else ""),
        measured=source.age_seconds,
        threshold=limit,
        advice="has a delivery failed to come? ask whoever sends it",
    )


def age_text(seconds: float) -> str:
    """A span of time as people say it."""
    for name, length in (("day", 86_400.0), ("hour", 3600.0), ("minute", 60.0)):
        if seconds >= 2 * length or (seconds >= length and name == "minute"):
            count = seconds / length
            return f"{count:.0f} {name}{'' if round(count) == 1 else 's'}"
    return f"{seconds:.0f} seconds"
