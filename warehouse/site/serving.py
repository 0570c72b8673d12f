"""Serving a site to browsers: reading alone, files of the site alone, nothing that a page could be made to do.

The files there are found by walking the site, and a request names one of them or gets 404: no path of a request ever
reaches the disk.
"""

from __future__ import annotations

import errno
import hashlib
import ipaddress
import os
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from warehouse.errors import ProjectError

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_COMMON_POLICY = "form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
PAGE_POLICY = f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; {_COMMON_POLICY}"
_ALONE = (
    f"style-src 'unsafe-inline'; img-src data:; font-src data:; {_COMMON_POLICY}; sandbox allow-scripts allow-popups"
)
REPORT_POLICY = f"default-src 'none'; script-src 'unsafe-inline'; {_ALONE}"
"""Reports hold their own scripts and styles, ours with a policy of their own that names them; they stand alone: the
sandbox gives each an origin of its own, which reads nothing of the site, and no request leaves the page."""
DBT_POLICY = f"default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; {_ALONE}"
"""dbt's page makes functions out of texts."""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-cache",
}
_POLICIES = (("reports/dbt/", DBT_POLICY), ("reports/", REPORT_POLICY), ("", PAGE_POLICY))
MOST_PATH = 2_000
IDLE_SECONDS = 20.0


@dataclass(slots=True)
class SiteFiles:
    """The files of the site as it is now, by address."""

    root: Path
    _folder: Path | None = None
    _files: Mapping[str, Path] = field(default_factory=dict)
    _lock: Any = field(default_factory=Lock)

    def find(self, address: str) -> Path | None:
        """Where this file lies; None when the site has none of this address."""
        with self._lock:
            folder = self.root.resolve()
            # A site that was built again is another folder.
            if folder != self._folder:
                self._folder, self._files = folder, _walked(folder)
            return self._files.get(address)


def _walked(folder: Path) -> dict[str, Path]:
    """Plain files below the folder; links and what begins with a dot are passed over."""
    found = {}
    for name, folders, names in os.walk(folder, followlinks=False):
        folders[:] = [inner for inner in folders if not inner.startswith(".")]
        for file in names:
            path = Path(name) / file
            if not file.startswith(".") and path.is_file() and not path.is_symlink():
                found[path.relative_to(folder).as_posix()] = path
    return found


def address_of(target: str) -> str | None:
    """The address that a request's target means, `tables/index.html`; None when it can mean no file of a site."""
    if len(target) > MOST_PATH or not target.startswith("/"):
        return None
    try:
        # Decoded once: what is encoded twice stays what it is, and is no file's name.
        path = unquote_to_bytes(urlsplit(target).path).decode()
    except (UnicodeDecodeError, ValueError):
        return None
    if path.endswith("/"):
        path += "index.html"
    parts = path.split("/")[1:]
    if any(not part or part.startswith(".") or not part.isprintable() or "\\" in part for part in parts):
        return None
    return "/".join(parts)


class _Handler(BaseHTTPRequestHandler):
    """Answers one browser."""

    server: SiteServer
    protocol_version = "HTTP/1.1"
    server_version = "warehouse"
    sys_version = ""
    timeout = IDLE_SECONDS

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def __getattr__(self, name: str) -> Any:
        # What is no reading is refused in one place, whatever it is called.
        if name.startswith("do_"):
            return self._refuse
        raise AttributeError(name)

    def _refuse(self) -> None:
        # What it may have sent is not read, so the connection cannot go on.
        self.close_connection = True
        self._send(HTTPStatus.METHOD_NOT_ALLOWED, b"only GET and HEAD\n", ".txt", more={"Allow": "GET, HEAD"})

    def _answer(self, *, with_body: bool) -> None:
        if not self.server.is_own_host(self.headers.get("Host", "")):
            # A name that somebody else's server gave to this machine: their page must not read ours.
            self._send(HTTPStatus.MISDIRECTED_REQUEST, b"not a name of this server\n", ".txt", with_body=with_body)
            return
        address = address_of(self.path)
        content = None if address is None else self._read(address)
        if address is None or content is None:
            missing = self._read("404.html")
            body, suffix = (b"not found\n", ".txt") if missing is None else (missing, ".html")
            self._send(HTTPStatus.NOT_FOUND, body, suffix, with_body=with_body)
            return
        tag = f'"{hashlib.blake2b(content, digest_size=16).hexdigest()}"'
        policy = next(policy for folder, policy in _POLICIES if address.startswith(folder))
        asked = [given.strip().removeprefix("W/") for given in self.headers.get("If-None-Match", "").split(",")]
        status = HTTPStatus.NOT_MODIFIED if tag in asked or "*" in asked else HTTPStatus.OK
        suffix = PurePosixPath(address).suffix
        self._send(status, content, suffix, with_body=with_body, policy=policy, more={"ETag": tag})

    def _read(self, address: str) -> bytes | None:
        path = self.server.files.find(address)
        if path is None:
            return None
        try:
            # A link that took the file's place since it was found is not followed.
            handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
            with os.fdopen(handle, "rb") as file:
                return file.read()
        except OSError:
            return None

    def _send(
        self,
        status: HTTPStatus,
        body: bytes,
        suffix: str,
        *,
        with_body: bool = True,
        policy: str = PAGE_POLICY,
        more: Mapping[str, str] | None = None,
    ) -> None:
        if self.request_version not in ("HTTP/1.0", "HTTP/1.1"):
            # NOTE: the base class sends no headers to what it takes for HTTP 0.9, which browsers read as a page.
            self.request_version = "HTTP/1.0"
        self.send_response(status)
        headers = {**HEADERS, "Content-Security-Policy": policy, **(more or {})}
        if status is not HTTPStatus.NOT_MODIFIED:
            headers |= {
                "Content-Type": TYPES.get(suffix, "application/octet-stream"),
                "Content-Length": str(len(body)),
            }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body and status is not HTTPStatus.NOT_MODIFIED:
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Of a request that is no HTTP: as every other answer, with nothing of it repeated."""
        self.close_connection = True
        self._send(HTTPStatus(code), f"{HTTPStatus(code).phrase.lower()}\n".encode(), ".txt")

    def log_message(self, format: str, *args: Any) -> None:
        self.server.on_request(f"{self.address_string()} {_shown(format % args)}")


class SiteServer(ThreadingHTTPServer):
    """A server of one site; `serve_forever` serves, `shutdown` ends that."""

    daemon_threads = True
    allow_reuse_address = os.name == "posix"

    def __init__(self, files: SiteFiles, host: str, port: int, on_request: Callable[[str], None]) -> None:
        self.files = files
        self.on_request = on_request
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)
        self.host, self.port = host, int(self.server_address[1])

    def is_own_host(self, given: str) -> bool:
        """Whether it answers to a request's `Host`: any name will do, unless it serves this machine alone."""
        if not is_loopback(self.host):
            return True
        name, _, port = given.rpartition(":") if not given.endswith("]") and ":" in given else (given, "", "80")
        return port == str(self.port) and name.lower() in ("localhost", "127.0.0.1", "[::1]", self.host.lower())

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away in the middle is no error of ours; anything else is told in one line."""
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):
            self.on_request(f"{client_address[0]} {type(error).__name__}: {_shown(str(error))}")


def open_server(
    site: Path, *, host: str = "127.0.0.1", port: int = 8085, on_request: Callable[[str], None] = lambda _: None
) -> SiteServer:
    """A server of the site in this folder that listens already; a site that is built again is served from then on.

    Args:
        site: The site's folder.
        host: Address to listen at; other machines can read the site unless it is a loopback one.
        port: 0 takes a free one.
        on_request: Called with one line per request, from the server's threads.

    Raises:
        ProjectError: there is no site, or nobody can listen at this address.
    """
    if not (site / "index.html").is_file():
        raise ProjectError(f"there is no site in {site}\n  make it with: warehouse docs build")
    try:
        return SiteServer(SiteFiles(site), host, port, on_request)
    except (OSError, OverflowError, UnicodeError) as error:
        raise ProjectError(f"cannot listen at {host}, port {port}: {_why(error)}") from error


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return "another program listens there\n  take another port: warehouse docs serve --port 0 finds a free one"
    if isinstance(error, OSError) and error.errno == errno.EACCES:
        return "only the system's administrator may\n  take a port from 1024 on: warehouse docs serve --port 8085"
    if isinstance(error, OSError):
        return f"{error.strerror or error}\n  give an address of this machine: warehouse docs serve --host 127.0.0.1"
    return f"{error}\n  a port is a number from 0 to 65535"


def _shown(text: str) -> str:
    """A line for a terminal: what somebody sent must not steer it."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)[:300]
