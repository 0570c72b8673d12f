"""A real HTTP server on loopback that keeps what it is sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Loopback:
    """The server: its address, what came, and what it answers, in turn; the last answer stays."""

    answers: list[int]
    url: str = ""
    requests: list[Received] = field(default_factory=list)
    pause: threading.Event = field(default_factory=threading.Event)
    """Answers only when it is set."""


@contextmanager
def serving(answers: Sequence[int] = (200,), *, hangs: bool = False) -> Iterator[Loopback]:
    """Serves until the block ends.

    Args:
        answers: HTTP statuses, in the order of requests.
        hangs: Take requests and answer none before the block ends.
    """
    state = Loopback(answers=list(answers))
    if not hangs:
        state.pause.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            state.requests.append(Received(self.path, dict(self.headers.items()), body))
            status = state.answers.pop(0) if len(state.answers) > 1 else state.answers[0]
            state.pause.wait(30)
            try:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()
            except OSError:
                pass  # whoever asked has given up

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        state.pause.set()
        server.shutdown()
        server.server_close()
        thread.join()
