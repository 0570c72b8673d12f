"""An S3-compatible server on loopback, as a process of its own, whose log tells which requests came."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BUCKET = "bucket"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "a-secret-of-tests", "AWS_REGION": "us-east-1"}
_ADDRESS = re.compile(r"Running on (http://127\.0\.0\.1:\d+)")
_REQUEST = re.compile(r'"([A-Z]+) (\S+) HTTP/1\.1" (\d+)')


@dataclass(frozen=True)
class Server:
    url: str
    log_path: Path

    @property
    def environment(self) -> dict[str, str]:
        return {**CREDENTIALS, "AWS_ENDPOINT_URL": self.url}

    def requests(self) -> list[tuple[str, str, int]]:
        """Method, path and status of every request so far."""
        found = _REQUEST.findall(self.log_path.read_text())
        return [(method, path, int(status)) for method, path, status in found]

    def make_bucket(self, name: str = BUCKET) -> None:
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/{name}", method="PUT")).close()


@contextmanager
def s3_server(folder: Path, **environment: str) -> Iterator[Server]:
    """Starts the server and stops it in the end."""
    log_path = folder / "s3.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            # Port 0: the system's choice, which nobody else can take meanwhile.
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
            stdout=log,
            stderr=log,
            env={**os.environ, **CREDENTIALS, **environment},
        )
    try:
        server = Server(_address(process, log_path), log_path)
        server.make_bucket()
        yield server
    finally:
        process.terminate()
        process.wait(timeout=60)


def _address(process: subprocess.Popen[bytes], log_path: Path) -> str:
    """Where it listens, as it writes once it does."""
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and process.poll() is None:
        if found := _ADDRESS.search(log_path.read_text()):
            return found[1]
        time.sleep(0.05)
    raise RuntimeError(f"the S3 server did not start: {log_path.read_text()}")
