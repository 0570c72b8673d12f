"""Sail, which speaks Spark Connect, as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SERVER = """
import sys
from pysail.spark import SparkConnectServer
server = SparkConnectServer(ip="127.0.0.1", port=0)
server.start(background=True)
print(server.listening_address[1], flush=True)
sys.stdin.read()
server.stop()
"""


@dataclass(frozen=True)
class Sail:
    remote: str
    """Its address, without a session: every client gets a catalog of its own there."""
    process: subprocess.Popen[bytes]


@contextmanager
def sail_server(folder: Path, *, through: Sequence[str] = (), **environment: str) -> Iterator[Sail]:
    """Starts a server whose tables lie in this folder, and stops it in the end.

    Args:
        folder: Is there, and has the server's log too.
        through: The beginning of a command that runs the rest of it in its place.
        environment: Variables of the server's own.
    """
    with (
        (folder / "server.log").open("wb") as log,
        subprocess.Popen(
            [*through, sys.executable, "-c", SERVER],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            # Sail ends a session, with its catalog, that nobody asks for two minutes.
            env={**os.environ, "SAIL_SPARK__SESSION_TIMEOUT_SECS": "86400", **environment},
        ) as server,
    ):
        assert server.stdin is not None
        assert server.stdout is not None
        port = server.stdout.readline().decode().strip()
        assert port, (folder / "server.log").read_text()
        try:
            yield Sail(f"sc://127.0.0.1:{port}", server)
        finally:
            server.stdin.close()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
