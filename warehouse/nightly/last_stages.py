"""After the work: what nothing needs is deleted, the night is written up, people are told."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from typing import Any

from warehouse import storage
from warehouse.nightly.history import nightly_records
from warehouse.nightly.tonight import Done, Tonight
from warehouse.notices.sending import send_notices
from warehouse.project import Project
from warehouse.records import Record
from warehouse.retention import clean_up
from warehouse.stages import Night, Nightly, StageStatus, nights

NIGHTS = 30
"""So many runs are in the page's chart."""


def clean(tonight: Tonight) -> Done:
    """Deletes what nothing needs: old builds, withdrawn versions, leftovers of killed processes.

    Raises:
        VersionError: tags or other marks of a dataset cannot be read.
        StorageError: something cannot be deleted.
    """
    cleaning = clean_up(tonight.project, now=tonight.clock())
    parts = [
        f"{len(cleaning.builds)} builds" if cleaning.builds else "",
        f"{len(cleaning.versions)} versions" if cleaning.versions else "",
        f"{cleaning.leftover_count} leftovers" if cleaning.leftover_count else "",
    ]
    removed = ", ".join(part for part in parts if part)
    size = f"{cleaning.byte_count / 2**20:,.1f} MiB"
    return Done(
        message=f"deleted {removed}: {size}" if removed else "nothing to delete",
        findings=cleaning.findings,
        details={
            "builds": list(cleaning.builds),
            "removed_versions": [f"{version.name}@{version.number}" for version in cleaning.versions],
            "byte_count": cleaning.byte_count,
        },
    )


def report(tonight: Tonight) -> Done:
    """Writes the page of this run, and the site when the project wants one.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
        LockedError: somebody else builds the site for more than a minute.
    """
    project = tonight.project
    page = write_report(project, tonight.so_far())
    details: dict[str, Any] = {"reports": [{"title": "this run", "path": project.relative(page)}]}
    message = f"wrote {project.relative(page)}"
    if project.settings.nightly_site:
        from warehouse.site.site import build_site

        site = build_site(project, now=tonight.clock(), night=tonight.so_far())
        index = project.relative(site.path / "index.html")
        details["reports"].append({"title": "the site", "path": index})
        message += f" and {site.page_count:,} pages of the site, {index}"
    return Done(message=message, details=details)


def report_path(project: Project, run_id: str) -> Path:
    """Where the page of a run lies; its JSON and Markdown lie beside it."""
    return project.reports_path / "nightly" / f"{run_id}.html"


def write_report(project: Project, nightly: Nightly) -> Path:
    """Writes the page, JSON and Markdown of a run, and the page once more as `latest.html`; returns the page's path.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    from warehouse.reports.nightly_json import nightly_json
    from warehouse.reports.nightly_markdown import nightly_markdown
    from warehouse.reports.nightly_page import nightly_html

    path = report_path(project, nightly.id)
    root = os.path.relpath(project.root, path.parent)
    earlier = [night for night in nights(records_of_nights(project), newest=NIGHTS) if night.id != nightly.id]
    this = Night(id=nightly.id, status=nightly.status, started_at=nightly.started_at, seconds=nightly.seconds)
    history = [*earlier, this]
    page = nightly_html(nightly, history=history, project_name=project.root.name, root=root)
    storage.write_file(path.with_suffix(".json"), nightly_json(nightly, history=history))
    storage.write_file(path.with_suffix(".md"), nightly_markdown(nightly, history=history))
    storage.write_file(path, page)
    storage.write_file(path.with_name("latest.html"), page)
    return path


def records_of_nights(project: Project) -> list[Record]:
    """Of the newest nightly runs, oldest first."""
    return list(islice(nightly_records(project), NIGHTS))[::-1]


def notify(tonight: Tonight) -> Done:
    """Tells whoever should know, when the outcome is one to tell of."""
    project, nightly = tonight.project, tonight.so_far()
    page = report_path(project, nightly.id)
    result = send_notices(project, nightly, previous=tonight.previous, report_path=page if page.is_file() else None)
    could_not = result.deliveries and not all(delivery.sent for delivery in result.deliveries)
    return Done(
        message=result.message,
        findings=result.findings,
        details=result.details,
        status=StageStatus.ERROR if could_not else None,
    )
