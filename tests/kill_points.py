"""Kills at every single change of the file system: a process counts its own and ends itself before one of them."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

CHANGES = {"os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "os.symlink"}
"""Audit events of what changes the file system, besides opening for writing."""


def counting_changes(step: int) -> Callable[[], int]:
    """From now on this process kills itself before its change number `step`; tells how many there were."""
    changes = 0

    def before_change(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal changes
        is_change = event in CHANGES
        if event == "open" and isinstance(arguments[1], str):
            is_change = bool(set(arguments[1]) & set("wax+"))
        changes += is_change
        if is_change and changes == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(before_change)
    return lambda: changes
