"""Building the site: facts are gathered, pages are rendered aside, one switch shows them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from warehouse.project import Project
from warehouse.reports.catalog_pages import catalog_pages, headline
from warehouse.site.gathering import gather_facts
from warehouse.site.publishing import check_output, site_lock, write_site
from warehouse.stages import Nightly


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A site that was built."""

    path: Path
    """Its folder; `index.html` in it is the first page."""
    headline: str
    """The state of everything in one sentence, as the first page has it."""
    page_count: int
    byte_count: int
    """Of its pages, styles, scripts and search index; the reports that it links to are apart."""
    report_count: int
    attention_count: int
    """Things that somebody should look at."""
    seconds: float


def build_site(
    project: Project,
    *,
    now: datetime,
    profiles: bool = True,
    output: Path | None = None,
    night: Nightly | None = None,
    on_progress: Callable[[str], None] = lambda _: None,
) -> Site:
    """Builds the site of the whole project and shows it in one switch; a reader never sees half of it.

    Args:
        project: Whose state to show; it need not have a published build.
        now: When it is: ages are measured against it.
        profiles: Also profile the published tables; what is known already is not computed again.
        output: Where it goes; `var/site` when left out.
        night: A nightly run that is about to end, to be told of as ended.
        on_progress: Called with what is being done.

    Raises:
        LockedError: another build of the same site is still running after a minute.
        StorageError: the disk is full or the folder cannot be written, or it holds something else.
    """
    started = time.monotonic()
    output = default_output(project) if output is None else Path(output).absolute()
    check_output(output)
    with site_lock(output):
        gathered = gather_facts(project, now=now, profiles=profiles, night=night, on_progress=on_progress)
        on_progress("writing pages")
        page_count, byte_count = write_site(output, catalog_pages(gathered.facts), gathered.files)
    return Site(
        path=output,
        headline=headline(gathered.facts),
        page_count=page_count,
        byte_count=byte_count,
        report_count=len(gathered.files),
        attention_count=len(gathered.facts.attention),
        seconds=time.monotonic() - started,
    )


def default_output(project: Project) -> Path:
    """Where a project's site lies when nobody says otherwise."""
    return project.state_path / "site"
