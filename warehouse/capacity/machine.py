"""The limits of this machine: cores, memory, disk."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from warehouse import storage

_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a process here may use."""

    core_count: int
    memory_bytes: int | None
    """The machine's, or its container's when that is less; None where the system does not say."""
    disk_bytes: int
    """Of the disk that the project's state lies on."""
    free_bytes: int


def this_machine(folder: Path) -> Machine:
    """This machine, with the disk that the folder lies on, or will when it is made.

    Raises:
        StorageError: the disk cannot be asked.
    """
    with storage.storage_errors(f"read {folder}"):
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        disk = shutil.disk_usage(existing)
    return Machine(
        core_count=_core_count(),
        memory_bytes=_memory_bytes(),
        disk_bytes=disk.total,
        free_bytes=disk.free,
    )


def _core_count() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_bytes() -> int | None:
    try:
        limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    except (AttributeError, ValueError, OSError):
        return None
    for path in _CGROUP_LIMITS:
        try:
            limits.append(int(path.read_text()))
        except (OSError, ValueError):  # no container, or the word `max`
            continue
    return min(limits)
