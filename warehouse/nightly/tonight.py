"""What every stage is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from warehouse.builds import Listener as BuildListener
from warehouse.findings import Finding
from warehouse.project import Project
from warehouse.stages import Nightly, StageName, StageResult, StageStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Who wants to know how the night goes on."""

    on_start: Callable[[StageName], None] = lambda _: None
    on_stage: Callable[[StageResult], None] = lambda _: None
    """Called with each result, also of stages that were skipped or kept."""
    build: BuildListener = field(default_factory=BuildListener)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What somebody asked for."""

    only: tuple[str, ...] = ()
    """Stages to run alone; all when empty."""
    skip: tuple[str, ...] = ()
    force: bool = False
    """Whether to build although nothing has changed."""
    wait: float = 0.0
    """Seconds to wait for a build that somebody else runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tonight:
    """The run as a stage sees it."""

    project: Project
    id: str
    clock: Callable[[], datetime]
    """What time it is: the `now` that the run was given, and the seconds since."""
    options: Options
    listener: Listener
    results: dict[StageName, StageResult]
    """Of the stages before, in their order."""
    so_far: Callable[[], Nightly]
    """The run with the stages that are done, and what it comes to by them."""
    previous: Nightly | None
    """The night before, whether or not this one goes on from it."""


def told_together(summaries: Iterable[str], errors: Iterable[str]) -> str:
    """One line for all parts of a stage; below it, what stopped a part and takes more than a line."""
    return "\n".join(["; ".join(summaries), *(error for error in errors if "\n" in error)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a stage did."""

    message: str
    findings: tuple[Finding, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    status: StageStatus | None = None
    """None: `failed` when a finding is critical, else `passed`."""
