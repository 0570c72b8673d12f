"""Where Spark's workers put a version's files: a folder that they share with this machine, or the project's store."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from warehouse import storage
from warehouse.datasets.marks import write_stored
from warehouse.datasets.store_keys import object_key, staging_folder
from warehouse.engine.spark_files import NumberedFile
from warehouse.engine.spark_values import is_spark_pattern
from warehouse.errors import StorageError
from warehouse.object_store import Store

_COPIES = 8


class Destination(Protocol):
    """Aside at first, under names of their own; then each file where its version has it."""

    @property
    def shown(self) -> str:
        """What people call the place, for messages."""
        ...

    def aside(self, name: str) -> str:
        """Path or URL of a folder that the workers may make and fill.

        Raises:
            StorageError: what is above it cannot be made, or not be named to the workers.
        """
        ...

    def has_files(self, name: str) -> bool:
        """Whether something of that folder is to be seen from here."""
        ...

    def keep(self, name: str, files: Mapping[str, NumberedFile]) -> None:
        """Gives every file of that folder its place in the version, by its path there; durable when this returns.

        Raises:
            StorageError: the disk is full or cannot be written.
            StoreError: the store cannot be reached.
        """
        ...

    def remove(self, name: str) -> None:
        """Removes that folder, if it is there."""
        ...


class SharedFolder:
    """A version's folder below the project, which the workers see at the same path."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.shown = str(folder)

    def aside(self, name: str) -> str:
        """A folder in the version's."""
        if is_spark_pattern(str(self._folder)):
            raise StorageError(
                f"Spark would take the path for a pattern: {self._folder}\n"
                "  let state_path be a folder without *, ?, brackets, braces and backslashes in its path"
            )
        with storage.storage_errors(f"write {self._folder}"):
            self._folder.mkdir(parents=True, exist_ok=True)
        return str(self._folder / name)

    def has_files(self, name: str) -> bool:
        """Whether there is a Parquet file in it."""
        return any((self._folder / name).rglob("*.parquet"))

    def keep(self, name: str, files: Mapping[str, NumberedFile]) -> None:
        """Renames them."""
        with storage.storage_errors(f"write {self._folder}"):
            for path, file in files.items():
                target = self._folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                (self._folder / name / file.path).rename(target)
                storage.sync_file(target)
            for parent in {(self._folder / path).parent for path in files}:
                storage.sync_folder(parent)

    def remove(self, name: str) -> None:
        """Deletes it with what is in it."""
        shutil.rmtree(self._folder / name, ignore_errors=True)


class StoreFolder:
    """The project's store: contents under their checksums, as every version there has them."""

    def __init__(self, store: Store, dataset: str, folder: Path) -> None:
        """A place for the files of one version.

        Args:
            store: The project's.
            dataset: The dataset's name.
            folder: The version's, which gets its texts alone; the next export finds by its name what this one left.
        """
        self._store = store
        self._dataset = dataset
        self._folder = folder
        self.shown = store.url

    def aside(self, name: str) -> str:
        """A prefix among what is not finished."""
        # Before anything is written there: the next export knows by it what a dead one has left in the store.
        with storage.storage_errors(f"write {self._folder}"):
            self._folder.mkdir(parents=True, exist_ok=True)
        return f"{self._store.url.removeprefix('file://')}/{self._key(name)}"

    def has_files(self, name: str) -> bool:
        """Whether there is an object below it."""
        return any(True for _ in self._store.objects(self._key(name)))

    def keep(self, name: str, files: Mapping[str, NumberedFile]) -> None:
        """Lets the store copy them, also those that it has: a copy is young, so that no clean-up takes it."""
        with ThreadPoolExecutor(max_workers=_COPIES) as pool:
            copies = [
                pool.submit(
                    self._store.copy,
                    f"{self._key(name)}/{file.path}",
                    object_key(self._dataset, path, file.sha256),
                )
                for path, file in files.items()
            ]
            for copy in copies:
                copy.result()
        write_stored(self._folder, self._store.url)

    def remove(self, name: str) -> None:
        """Deletes what lies below it."""
        self._store.delete([item.key for item in self._store.objects(self._key(name))])

    def _key(self, name: str) -> str:
        return f"{staging_folder(self._dataset)}/{self._folder.name}/{name}"
