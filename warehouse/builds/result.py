"""What a build tells: how it goes on, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from warehouse.dbt_results import NodeProgress, NodeResult
from warehouse.findings import Finding
from warehouse.records import Status
from warehouse.sources.states import SourceState
from warehouse.validation import ValidationResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One finished build."""

    id: str
    path: Path
    content_path: Path
    """The DuckDB file, or the file that says where the tables lie on Spark."""
    status: Status
    published: bool
    started_from: str | None
    """The build whose copy it started from; None for an empty file."""
    nodes: tuple[NodeResult, ...]
    sources: tuple[SourceState, ...]
    validation: ValidationResult | None
    """None when dbt's own tests failed, so that there was nothing sound to validate."""
    findings: tuple[Finding, ...]
    removed_builds: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Who wants to know how a build goes on; called from dbt's threads too."""

    on_stage: Callable[[str], None] = lambda _: None
    on_node: Callable[[NodeProgress], None] = lambda _: None
    on_wait: Callable[[str], None] = lambda _: None
    """Called with who is waited for, once for each; for builds that wait alone."""
