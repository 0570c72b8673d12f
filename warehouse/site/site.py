"""Building the site: facts are gathered, pages are rendered aside, one switch shows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from warehouse.project import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A site that was built."""

    path: Path
    """Its folder; `index.html` in it is the first page."""
    page_count: int
    seconds: float


def build_site(project: Project, *, now: datetime, profiles: bool = True, output: Path | None = None) -> Site:
    """Builds the site of the whole project and shows it in one switch; a reader never sees half of it.

    Args:
        project: Whose state to show; it need not have a published build.
        now: What freshness is measured against.
        profiles: Also profile the published tables; what is known already is not computed again.
        output: Where it goes; `var/site` when left out.

    Raises:
        StorageError: the disk is full or the folder cannot be written, or it holds something else.
    """
    raise NotImplementedError
