"""Whether a zstd archive ends where it says: its blocks are counted off without unpacking them.

DuckDB reads an archive that was cut off as if its rows ended there. Source: RFC 8878, section 3.1.
"""

from __future__ import annotations

from typing import BinaryIO

MAGIC = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = range(0x184D2A50, 0x184D2A60)
_SIZE_BYTES = {0: 0, 1: 2, 2: 4, 3: 8}
_DICTIONARY_BYTES = {0: 0, 1: 1, 2: 2, 3: 4}
_RUN, _RESERVED = 1, 3


def archive_problem(file: BinaryIO, *, size: int) -> str:
    """What is wrong with the frames of this archive of `size` bytes; empty when nothing is."""
    place = 0
    while place < size:
        found = _frame_end(file, place, size)
        if isinstance(found, str):
            return found
        place = found
    return ""


def _frame_end(file: BinaryIO, place: int, size: int) -> int | str:
    file.seek(place)
    head = file.read(5)
    if len(head) < 5:
        return "it ends within a frame"
    magic = int.from_bytes(head[:4], "little")
    if magic in _SKIPPABLE:
        length = head[4:] + file.read(3)
        end = place + 8 + int.from_bytes(length, "little")
        return end if end <= size else "it ends within a frame"
    if head[:4] != MAGIC:
        return f"there is something else behind byte {place:,}"
    descriptor = head[4]
    is_single = bool(descriptor & 0x20)
    content = _SIZE_BYTES[descriptor >> 6] or int(is_single)
    place += 5 + int(not is_single) + _DICTIONARY_BYTES[descriptor & 3] + content
    is_last = False
    while not is_last:
        file.seek(place)
        block = file.read(3)
        if len(block) < 3:
            return "it ends within a frame"
        header = int.from_bytes(block, "little")
        is_last, kind = bool(header & 1), header >> 1 & 3
        if kind == _RESERVED:
            return f"a block at byte {place:,} is of no known kind"
        place += 3 + (1 if kind == _RUN else header >> 3)
    place += 4 if descriptor & 4 else 0
    return place if place <= size else "it ends within a frame"
