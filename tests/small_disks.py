"""Real file systems of few megabytes, which can be filled to the last byte or made read-only."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of 24 MiB at this path; without the right to mount one, the test is skipped."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> None:
    """Leaves not a byte free."""
    size = 1 << 20
    with (disk / "filler").open("ab", buffering=0) as filler:
        while size:
            try:
                filler.write(b"\1" * size)
            except OSError:
                size //= 2


def free(disk: Path) -> None:
    """Takes away what filled it."""
    (disk / "filler").unlink()


def make_read_only(disk: Path) -> None:
    """Nothing can be written there any more."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
