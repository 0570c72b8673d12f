"""A page in a headless Chromium: what it shows, what its console says."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update"),
    *("--disable-background-networking", "--disable-sync", "--hide-scrollbars", "--enable-logging=stderr", "--v=0"),
)


def chromium() -> str:
    """Its path; skips the test when there is none."""
    named = os.environ.get("CHROMIUM")
    found = named or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None
    )
    if not found:
        pytest.skip("no Chromium here; name one in CHROMIUM")
    return found


def open_page(path: Path, folder: Path, *flags: str) -> tuple[str, list[str]]:
    """The page's document after its scripts ran, and the lines that they wrote to the console."""
    done = subprocess.run(
        [
            chromium(),
            *FLAGS,
            f"--user-data-dir={folder}",
            "--virtual-time-budget=3000",
            *flags,
            "--dump-dom",
            path.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]
