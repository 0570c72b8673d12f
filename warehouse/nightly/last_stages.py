"""After the work: what nothing needs is deleted, the night is written up, people are told."""

from __future__ import annotations

from warehouse.nightly.tonight import Done, Tonight
from warehouse.retention import clean_up
from warehouse.stages import StageStatus


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
    """Writes the page of this run."""
    return Done(message="no report is written yet", status=StageStatus.SKIPPED)


def notify(tonight: Tonight) -> Done:
    """Tells whoever should know."""
    return Done(message="nobody is to be told", status=StageStatus.SKIPPED)
