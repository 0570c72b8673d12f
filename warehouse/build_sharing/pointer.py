"""The pointer of a store: which build is published. It is replaced by compare-and-swap and never written otherwise."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta

from warehouse.build_sharing.documents import FORMAT, DocumentReader, is_checksum, is_time
from warehouse.build_sharing.layout import FOLDER
from warehouse.errors import StoreError
from warehouse.object_store import Store
from warehouse.published import BUILD_ID

POINTER_KEY = f"{FOLDER}/current"
CLEANING_TIME = timedelta(hours=1)
"""A clean-up that began longer ago was killed: it stops long before."""

_CLOCK_KEY = f"{FOLDER}/clock"
_ATTEMPTS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """Which build of a store is published."""

    revision: int
    """Grows with every change, so that two states of the pointer are never the same bytes."""
    build: str
    index_sha256: str
    project: str
    moved_at: str
    """UTC, ISO 8601."""
    by: Mapping[str, str]
    """User and host that moved it."""
    cleaning_since: str | None = None
    """Since when a clean-up deletes; the pointer does not move meanwhile."""

    @property
    def content(self) -> bytes:
        """The pointer as it lies in the store."""
        return (json.dumps({"format": FORMAT, **asdict(self)}, ensure_ascii=False, sort_keys=True) + "\n").encode()

    @property
    def placement(self) -> str:
        """Names the act of moving it here: a clean-up changes the pointer, but not this."""
        return hashlib.sha256(replace(self, revision=0, cleaning_since=None).content).hexdigest()

    @property
    def mover(self) -> str:
        """`ana on build-host, at 2026-11-23T10:15:00+00:00`."""
        return f"{self.by.get('user', '?')} on {self.by.get('host', '?')}, at {self.moved_at}"


def read_pointer(store: Store) -> Pointer | None:
    """Which build is published; None when no build was pushed yet.

    Raises:
        StoreError: what lies there is not a pointer, or the store cannot be read.
    """
    found = store.read_tagged(POINTER_KEY)
    return None if found is None else parse_pointer(found.content, where=f"{store.url}/{POINTER_KEY}")


def parse_pointer(content: bytes, *, where: str) -> Pointer:
    """The pointer in these bytes.

    Raises:
        StoreError: it is not one.
    """
    reader = DocumentReader(content, where)
    build, checksum = reader.text("build"), reader.text("index_sha256")
    reader.demand(BUILD_ID.fullmatch(build) is not None, f"it names build {build!r}")
    reader.demand(is_checksum(checksum), "the checksum of the index")
    since, moved_at = reader.document.get("cleaning_since"), reader.text("moved_at")
    reader.demand(is_time(moved_at) and (since is None or is_time(since)), "its times")
    pointer = Pointer(
        revision=reader.number("revision"),
        build=build,
        index_sha256=checksum,
        project=reader.text("project"),
        moved_at=moved_at,
        by=reader.texts("by"),
        cleaning_since=since,
    )
    reader.demand(pointer.content == content, "it is not written as a pointer is")
    return pointer


def change_pointer(store: Store, change: Callable[[Pointer | None], Pointer | None]) -> Pointer | None:
    """Replaces the pointer by what `change` makes of it, unless somebody else did so meanwhile: then from the start.

    `change` gets what is there now and returns what shall be there, or None to leave it; what it raises ends all.
    Returns what was written.

    Raises:
        StoreError: the store cannot be written, or others change the pointer again and again.
    """
    for _ in range(_ATTEMPTS):
        found = store.read_tagged(POINTER_KEY)
        new = change(parse_pointer(found.content, where=f"{store.url}/{POINTER_KEY}") if found else None)
        if new is None:
            return None
        if store.replace(POINTER_KEY, new.content, expected=found):
            return new
        # NOTE: a write that arrived and whose answer was lost is tried again by the client, and then refused.
        after = store.read_tagged(POINTER_KEY)
        if after is not None and after.content == new.content:
            return new
    raise StoreError(f"{store.url}/{POINTER_KEY} is changed by others all the time; run the same command again")


def refuse_while_cleaning(store: Store, pointer: Pointer | None) -> None:
    """Does nothing when no clean-up holds the pointer, or one that was killed.

    For how long it has been held is told by the store's clock alone: those of two machines may be hours apart.

    Raises:
        StoreError: a clean-up is running.
    """
    if pointer is None or pointer.cleaning_since is None:
        return
    store.put_bytes(_CLOCK_KEY, b"")
    clock, found = store.read_tagged(_CLOCK_KEY), store.read_tagged(POINTER_KEY)
    if clock and found and found.content == pointer.content and clock.modified_at - found.modified_at > CLEANING_TIME:
        return
    raise StoreError(
        f"a clean-up of the builds in {store.url} is running since {pointer.cleaning_since}\n"
        "  run the same command again when it is done; one that was killed stops counting after an hour"
    )
