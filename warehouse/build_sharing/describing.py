"""A build of this machine as it would lie in a store: its files, cut into pieces with their checksums."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO

from warehouse import records, storage
from warehouse.build_sharing.layout import (
    CHUNK_BYTES,
    DATABASE,
    MANIFEST,
    RECORD,
    RESULTS,
    SharedBuild,
    SharedFile,
    chunk_bounds,
)
from warehouse.errors import BuildError, StoreError
from warehouse.project import Project
from warehouse.published import BuildFiles
from warehouse.records import Record, Status

PULLED = "pulled"
"""Key of a record's details that says where the build came from; absent from builds of one's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Where a piece of content lies in a file that is open, or in memory."""

    source: BinaryIO | bytes
    start: int
    end: int

    def read(self) -> bytes:
        """Its bytes, as they are now."""
        if isinstance(self.source, bytes):
            return self.source[self.start : self.end]
        return read_at(self.source.fileno(), self.start, self.end - self.start)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBuild:
    """A build whose files are held open, so that it can be read to the end whatever is deleted meanwhile."""

    build: SharedBuild
    pieces: Mapping[str, Piece]
    """By checksum."""


@contextmanager
def open_build(project: Project, files: BuildFiles) -> Iterator[OpenBuild]:
    """The build, read once from its first byte to its last.

    Raises:
        BuildError: it did not pass, or a file of it is missing.
        StorageError: it cannot be read.
    """
    record = records.read_record(project, files.id)
    if record is None or record.command != "build" or record.status is not Status.PASSED:
        status = record.status.value if record else "unknown"
        raise BuildError(
            f"build {files.id} is not pushed: its status is {status!r}\n  builds that can be: warehouse builds"
        )
    with ExitStack() as stack:
        sources: dict[str, BinaryIO | bytes] = {RECORD: record_content(record)}
        pieces: dict[str, Piece] = {}
        with storage.storage_errors(f"read {files.path}"):
            for path in (DATABASE, MANIFEST, RESULTS):
                try:
                    sources[path] = stack.enter_context((files.path / path).open("rb"))
                except FileNotFoundError as error:
                    if path != RESULTS:
                        raise BuildError(
                            f"build {files.id} is not pushed: {project.relative(files.path / path)} is missing"
                        ) from error
            shared = [_describe(path, sources[path], pieces) for path in sorted(sources)]
        build = SharedBuild(
            id=files.id,
            project=str(record.details.get("dbt_project", "")),
            started_at=record.started_at,
            by={name: str(record.by.get(name, "")) for name in ("user", "host")},
            duckdb=str(record.tools.get("duckdb", "")),
            chunk_bytes=CHUNK_BYTES,
            files=tuple(shared),
        )
        yield OpenBuild(build=build, pieces=pieces)


def record_content(record: Record) -> bytes:
    """The record as the machine wrote it that made the build: where it was pulled from is no part of it."""
    details = {name: value for name, value in record.details.items() if name != PULLED}
    document = replace(record, details=details).as_document()
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def read_at(handle: int, start: int, count: int) -> bytes:
    """So many bytes from there; fewer where the file ends. Any number of threads may read one file."""
    parts = []
    while count > 0 and (part := os.pread(handle, count, start)):
        parts.append(part)
        start, count = start + len(part), count - len(part)
    return b"".join(parts)


def _describe(path: str, source: BinaryIO | bytes, pieces: dict[str, Piece]) -> SharedFile:
    size = len(source) if isinstance(source, bytes) else os.fstat(source.fileno()).st_size
    file = SharedFile(path=path, byte_count=size, chunks=())
    chunks = []
    for start, end in chunk_bounds(file, CHUNK_BYTES):
        piece = Piece(source=source, start=start, end=end)
        content = piece.read()
        if len(content) != end - start:
            raise StoreError(f"{path} became shorter while it was read; nothing was pushed")
        checksum = hashlib.sha256(content).hexdigest()
        pieces.setdefault(checksum, piece)
        chunks.append(checksum)
    return replace(file, chunks=tuple(chunks))
