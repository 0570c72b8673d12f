"""How builds lie in a store.

    <prefix>/warehouse-builds/current              the pointer: which build is published, replaced by compare-and-swap
    <prefix>/warehouse-builds/<id>/build.json      the index of one build, created after all it names, and only once
    <prefix>/warehouse-builds/chunks/<sha256>      contents, in pieces of 4 MiB, under their checksum

What the index names is checked by its checksums, and the pointer holds the checksum of the index: whoever trusts the
pointer can trust every byte. The name has a dash, which no dataset's name has.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from warehouse.build_sharing.documents import FORMAT, DocumentReader, is_checksum
from warehouse.errors import StoreError, suggestion
from warehouse.object_store import Store
from warehouse.published import BUILD_ID

FOLDER = "warehouse-builds"
CHUNK_BYTES = 4 * 2**20
"""Small enough that a partial build shares many, large enough that the requests for them do not count."""

DATABASE, MANIFEST, RESULTS, RECORD = "warehouse.duckdb", "dbt/manifest.json", "dbt/run_results.json", "record.json"
_INDEX_NAME = "build.json"
_MOST_INDEX_BYTES = 64 * 2**20
_MOST_CHUNK_BYTES = 64 * 2**20
# More than the largest texts of dbt's that are known; a database may have any size that the disk has room for.
_MOST_FILE_BYTES = {MANIFEST: 2**30, RESULTS: 2**30, RECORD: 2**28}


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFile:
    """One file of a build, as checksums of its pieces."""

    path: str
    byte_count: int
    chunks: tuple[str, ...]
    """SHA-256 of each piece, in order; all have the same size but the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedBuild:
    """One build in a store: its index."""

    id: str
    project: str
    """Name of the dbt project."""
    started_at: str
    by: Mapping[str, str]
    """User and host of the machine that built it."""
    duckdb: str
    """Version of the duckdb that wrote it."""
    chunk_bytes: int
    files: tuple[SharedFile, ...]

    @property
    def byte_count(self) -> int:
        """Of all its files."""
        return sum(file.byte_count for file in self.files)

    @property
    def chunk_keys(self) -> frozenset[str]:
        """Keys of all contents that it names."""
        return frozenset(chunk_key(chunk) for file in self.files for chunk in file.chunks)

    @property
    def content(self) -> bytes:
        """The index as it lies in the store; equal builds give equal bytes."""
        return (json.dumps({"format": FORMAT, **asdict(self)}, ensure_ascii=False, sort_keys=True) + "\n").encode()

    @property
    def checksum(self) -> str:
        """SHA-256 of the index, and so of every byte of the build."""
        return hashlib.sha256(self.content).hexdigest()


def index_key(build_id: str) -> str:
    """Of the object that makes a build exist in the store."""
    return f"{FOLDER}/{build_id}/{_INDEX_NAME}"


def chunk_key(checksum: str) -> str:
    """Of a piece of content."""
    return f"{FOLDER}/chunks/{checksum}"


def chunks_folder() -> str:
    """Where all contents lie."""
    return f"{FOLDER}/chunks"


def stored_ids(store: Store) -> tuple[str, ...]:
    """Ids of the builds in the store, oldest first; one that is being deleted may be among them."""
    return tuple(sorted(name for name in store.keys_below(FOLDER) if BUILD_ID.fullmatch(name)))


def read_index(store: Store, build_id: str) -> SharedBuild | None:
    """The index of one build; None when the store has none of this id.

    Raises:
        StoreError: what lies there is not one, or the store cannot be read.
    """
    if not BUILD_ID.fullmatch(build_id):
        raise StoreError(f"{build_id!r} is not the id of a build, as 20261123T101500Z is")
    key = index_key(build_id)
    found = store.read_tagged(key, most_bytes=_MOST_INDEX_BYTES)
    return None if found is None else parse_index(found.content, build_id=build_id, where=f"{store.url}/{key}")


def missing_build(store: Store, build_id: str) -> StoreError:
    """The error for a build that the store does not have."""
    hint = suggestion(build_id, stored_ids(store)[::-1]) or "it has none"
    return StoreError(f"{store.url} has no build {build_id!r}; {hint}\n  list: warehouse remote")


def parse_index(content: bytes, *, build_id: str, where: str) -> SharedBuild:
    """The build that this index describes; everything in it is checked before any of it is used.

    Raises:
        StoreError: it is not an index, is of another build, or names files that a build does not have.
    """
    reader = DocumentReader(content, where)
    files = [_parse_file(reader, entry) for entry in reader.items("files")]
    paths = [file.path for file in files]
    reader.demand(len(set(paths)) == len(paths), "it names a file twice")
    reader.demand({DATABASE, MANIFEST, RECORD} <= set(paths), "it does not name the database, manifest and record")
    chunk_bytes = reader.number("chunk_bytes")
    reader.demand(2**12 <= chunk_bytes <= _MOST_CHUNK_BYTES, f"pieces of {chunk_bytes:,} bytes")
    for file in files:
        count = -(-file.byte_count // chunk_bytes)
        reader.demand(len(file.chunks) == count, f"{len(file.chunks)} pieces for {file.byte_count:,} bytes")
    found = reader.text("id")
    reader.demand(found == build_id, f"it is of build {found!r}")
    build = SharedBuild(
        id=found,
        project=reader.text("project"),
        started_at=reader.text("started_at"),
        by=reader.texts("by"),
        duckdb=reader.text("duckdb"),
        chunk_bytes=chunk_bytes,
        files=tuple(files),
    )
    reader.demand(build.content == content, "it is not written as an index is")
    return build


def _parse_file(reader: DocumentReader, entry: dict[str, Any]) -> SharedFile:
    path: Any = entry.get("path")
    size: Any = entry.get("byte_count")
    chunks: Any = entry.get("chunks")
    reader.demand(path in (DATABASE, MANIFEST, RESULTS, RECORD), f"it names a file {path!r}")
    reader.demand(isinstance(size, int) and not isinstance(size, bool) and size >= 0, f"the size of {path}")
    reader.demand(size <= _MOST_FILE_BYTES.get(path, size), f"the size of {path}")
    reader.demand(isinstance(chunks, list) and all(map(is_checksum, chunks)), f"the checksums of {path}")
    return SharedFile(path=path, byte_count=size, chunks=tuple(chunks))


def chunk_bounds(file: SharedFile, chunk_bytes: int) -> list[tuple[int, int]]:
    """Where each piece begins and ends."""
    return list(pairwise([*range(0, file.byte_count, chunk_bytes), file.byte_count]))
