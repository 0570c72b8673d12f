"""Exports and the object store: numbers continue from what it holds, and it has a version before the project does."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

from warehouse.datasets.fractions import export_words
from warehouse.datasets.store_keys import staging_folder
from warehouse.datasets.store_pull import pull_newest
from warehouse.datasets.store_push import push_version
from warehouse.datasets.versions import Version
from warehouse.datasets.writing import writing
from warehouse.object_store import open_store
from warehouse.project import Project


def clear_leftovers(project: Project, folder: Path) -> None:
    """Removes what exports of the dataset that died have left, here and in the project's store; holds no lock.

    Raises:
        StoreError: the store cannot be reached.
        StorageError: the folder cannot be written.
    """
    with writing(folder):
        for leftover in folder.glob(".tmp-*"):
            if project.settings.store:
                # Workers of that export wrote below a name like this one's.
                store = open_store(project.settings.store)
                staged = store.objects(f"{staging_folder(folder.name)}/{leftover.name}")
                store.delete([item.key for item in staged])
            shutil.rmtree(leftover, ignore_errors=True)


def receive_newest(project: Project, dataset: str, *, data: bool) -> None:
    """Fetches the newest version from the project's store, when it has one and it is newer; holds no lock.

    Also what another machine wrote, or an export here that was killed after its commit. With `data`, its files are here
    then, also when a version of Spark's left them in the store.

    Raises:
        StoreError: the store cannot be reached, or what it holds is broken.
    """
    if project.settings.store:
        pull_newest(open_store(project.settings.store), project, dataset, data=data)


def commit_version(project: Project, version: Version, *, now: datetime) -> None:
    """Puts a finished version into the project's store, when it has one, before its folder gets its name.

    Raises:
        StoreError: the store cannot be reached, or another machine was first with this number.
    """
    if project.settings.store:
        words = export_words(version.manifest.spec)
        advice = f"another machine was first; to continue from its version, run again: warehouse export {words}"
        push_version(open_store(project.settings.store), version, now=now, advice=advice)
