"""What a store holds, and how it is kept small: listing, deleting a version, removing contents that nothing names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from warehouse.datasets.store_keys import object_key, objects_folder, staging_folder
from warehouse.datasets.store_layout import (
    commit_key,
    find_stored,
    read_stored,
    stored_names,
    stored_numbers,
)
from warehouse.datasets.store_push import GRACE, referenced_keys
from warehouse.object_store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreEntry:
    """One version in a store."""

    name: str
    version: str
    file_count: int
    byte_count: int
    """Of all its files."""
    own_bytes: int
    """Of those that no version before it has: what it costs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaning:
    """What removing contents that no version names did, or would do."""

    url: str
    is_dry_run: bool
    object_count: int
    byte_count: int
    young_count: int
    """Contents that no version names and that are too young: an upload may be on its way to them."""


def list_store(store: Store, name: str | None = None) -> tuple[StoreEntry, ...]:
    """Every version in the store, or of one dataset, oldest first; one request per version.

    Raises:
        StoreError: the store cannot be read.
    """
    entries = []
    for dataset in (name,) if name else stored_names(store):
        numbers = stored_numbers(store, dataset)
        sizes = {item.key: item.byte_count for item in store.objects(objects_folder(dataset))} if numbers else {}
        seen: set[str] = set()
        for number in numbers:
            found = read_stored(store, dataset, number)
            if found is None:
                continue
            keys = {object_key(dataset, path, checksum) for path, checksum in found.files.items()}
            entries.append(
                StoreEntry(
                    name=dataset,
                    version=number,
                    file_count=len(found.files) + 1,
                    byte_count=sum(
                        sizes.get(object_key(dataset, path, checksum), 0) for path, checksum in found.files.items()
                    ),
                    own_bytes=sum(sizes.get(key, 0) for key in keys - seen),
                )
            )
            seen |= keys
    return tuple(entries)


def remove_stored(store: Store, reference: str) -> str:
    """Deletes one version, `name@1.0.0`, from the store and returns its reference; its contents go with `clean_store`.

    Raises:
        StoreError: there is no such version.
    """
    found = find_stored(store, reference)
    store.delete([commit_key(found.dataset, found.number)])
    return found.reference


def clean_store(store: Store, *, now: datetime, grace: timedelta = GRACE, dry_run: bool = False) -> Cleaning:
    """Deletes contents that no version names and that are older than `grace`.

    Raises:
        StoreError: the store cannot be read, or a version in it is broken; nothing of that dataset was deleted.
    """
    count = size = young = 0
    for dataset in stored_names(store):
        # NOTE: contents first, then the versions: what is committed in between is old enough to be seen by both.
        contents = [*store.objects(objects_folder(dataset)), *store.objects(staging_folder(dataset))]
        named = referenced_keys(store, dataset)
        unnamed = [item for item in contents if item.key not in named]
        old = [item for item in unnamed if now - item.modified_at > grace]
        young += len(unnamed) - len(old)
        count += len(old)
        size += sum(item.byte_count for item in old)
        if not dry_run:
            store.delete([item.key for item in old])
    return Cleaning(url=store.url, is_dry_run=dry_run, object_count=count, byte_count=size, young_count=young)
