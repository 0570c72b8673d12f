"""The bytes of a file in one pass: its checksum, and for text what no parser would say of it."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from warehouse.sources.archives import GZIP
from warehouse.sources.zstd_frames import MAGIC, archive_problem

_CHUNK = 1 << 20
HEAD_BYTES = 1 << 16
"""How much of the beginning is kept, for the header."""
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFacts:
    """What the bytes of text are."""

    head: bytes
    """The beginning, without a byte order mark."""
    has_mark: bool
    """Whether it begins with a byte order mark of UTF-8."""
    is_wide: bool
    """Whether it begins as UTF-16 does."""
    line_feeds: int
    carriage_returns: int
    """Of them, how many follow a carriage return; see `lone_returns` for others."""
    lone_returns: int
    ends_line: bool
    """Whether the last byte ends a line."""
    nul_line: int | None
    """Line of the first NUL, counted from 1."""
    bad_line: int | None
    """Line of the first byte that is not UTF-8."""
    bad_byte: int | None
    cut_off: str = ""
    """Why the archive could not be read to its end; empty when it could."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByteFacts:
    """What a file's bytes are."""

    sha256: str
    text: TextFacts | None
    """None for what is no text, and for archives that only the engine unpacks (zstd)."""
    cut_off: str
    """Why an archive does not end where it should; empty when it does."""


def read_bytes(path: Path, *, is_text: bool) -> ByteFacts:
    """Reads the file once (an archive twice), in constant memory.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(0)
        if start.startswith(GZIP) and is_text:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            text = _text_facts(_unpacked(file))
            return ByteFacts(sha256=digest, text=text, cut_off=text.cut_off)
        if not is_text or start.startswith(MAGIC):
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            is_archive = start.startswith(MAGIC)
            problem = archive_problem(file, size=path.stat().st_size) if is_archive else ""
            return ByteFacts(sha256=digest, text=None, cut_off=problem)
        digest_of = hashlib.sha256()
        facts = _text_facts(_hashed(file, digest_of))
        return ByteFacts(sha256=digest_of.hexdigest(), text=facts, cut_off="")


def _hashed(file: BinaryIO, digest: hashlib._Hash) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
        yield chunk


def _unpacked(file: BinaryIO) -> Iterator[bytes]:
    # NOTE: zlib would need to be told of every member of the archive; gzip knows.
    with gzip.GzipFile(fileobj=file) as archive:
        reader = io.BufferedReader(archive, _CHUNK)
        while chunk := reader.read(_CHUNK):
            yield chunk


def _text_facts(chunks: Iterator[bytes]) -> TextFacts:
    head, last, previous = b"", b"", b""
    feeds = pairs = returns = 0
    nul_line = bad_line = bad_byte = None
    cut_off = ""
    decoder = codecs.getincrementaldecoder("utf-8")()
    pending = b""
    first = True
    has_mark = is_wide = False
    try:
        for raw in chunks:
            chunk = raw
            if first:
                first = False
                is_wide = chunk.startswith(_WIDE)
                has_mark = chunk.startswith(codecs.BOM_UTF8)
                chunk = chunk.removeprefix(codecs.BOM_UTF8)
            if len(head) < HEAD_BYTES:
                head += chunk[: HEAD_BYTES - len(head)]
            if nul_line is None and (place := chunk.find(b"\0")) >= 0:
                nul_line = feeds + chunk.count(b"\n", 0, place) + 1
            if bad_line is None and not (chunk.isascii() and not pending):
                try:
                    decoder.decode(chunk)
                    pending = decoder.getstate()[0]
                except UnicodeDecodeError as error:
                    place = max(0, error.start - len(pending))
                    bad_line = feeds + chunk.count(b"\n", 0, place) + 1
                    bad_byte = error.object[error.start]
            pairs += chunk.count(b"\r\n") + (previous == b"\r" and chunk.startswith(b"\n"))
            feeds += chunk.count(b"\n")
            returns += chunk.count(b"\r")
            if chunk:
                previous = last = chunk[-1:]
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        cut_off = str(error) or type(error).__name__
    if bad_line is None and pending and not cut_off:
        bad_line, bad_byte = feeds + 1, pending[0]
    return TextFacts(
        head=head,
        has_mark=has_mark,
        is_wide=is_wide,
        line_feeds=feeds,
        carriage_returns=pairs,
        lone_returns=returns - pairs,
        ends_line=last in (b"\n", b"\r", b""),
        nul_line=nul_line,
        bad_line=bad_line,
        bad_byte=bad_byte,
        cut_off=cut_off,
    )
