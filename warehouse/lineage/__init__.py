"""Events of runs for catalogs that read OpenLineage: what ran, from which datasets to which, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager

from warehouse.project import Project
from warehouse.records import Record

__all__ = ["as_parent", "run_ended", "run_started"]


def run_started(project: Project, record: Record, *, environment: Mapping[str, str] | None = None) -> None:
    """Sends a START event, if OpenLineage is configured in the environment; failures are logged, never raised."""


def run_ended(project: Project, record: Record, *, environment: Mapping[str, str] | None = None) -> None:
    """Sends COMPLETE, FAIL or ABORT with what the record of the finished run says."""


@contextmanager
def as_parent(
    project: Project, record: Record, *, environment: MutableMapping[str, str] | None = None
) -> Iterator[None]:
    """Runs that start within it, also in other processes, name this one as the one that they belong to."""
    yield
