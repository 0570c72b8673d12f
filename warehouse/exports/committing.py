"""Exports and the object store: numbers continue from what it holds, and it has a version before the project does."""

from __future__ import annotations

from datetime import datetime

from warehouse.datasets.fractions import export_words
from warehouse.datasets.store_pull import pull_newest
from warehouse.datasets.store_push import push_version
from warehouse.datasets.versions import Version
from warehouse.object_store import open_store
from warehouse.project import Project


def receive_newest(project: Project, dataset: str) -> None:
    """Fetches the newest version from the project's store, when it has one and it is newer; holds no lock.

    Also what another machine wrote, or an export here that was killed after its commit.

    Raises:
        StoreError: the store cannot be reached, or what it holds is broken.
    """
    if project.settings.store:
        pull_newest(open_store(project.settings.store), project, dataset)


def commit_version(project: Project, version: Version, *, now: datetime) -> None:
    """Puts a finished version into the project's store, when it has one, before its folder gets its name.

    Raises:
        StoreError: the store cannot be reached, or another machine was first with this number.
    """
    if project.settings.store:
        words = export_words(version.manifest.spec)
        advice = f"another machine was first; to continue from its version, run again: warehouse export {words}"
        push_version(open_store(project.settings.store), version, now=now, advice=advice)
