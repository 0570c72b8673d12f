"""Waiting for a lock in the order of coming.

A lock says who works; a queue beside it says who waits. Everyone who waits holds a numbered ticket, which is a lock of
its own, so that the ticket of a process that died is seen to be free and thrown away.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from warehouse import storage
from warehouse.errors import LockedError

POLL_SECONDS = 0.2
"""How often one who waits looks whether it is its turn."""
_DIGITS = 9


@contextmanager
def queued_lock(
    path: Path, *, purpose: str, wait: float = 0.0, on_wait: Callable[[str], None] = lambda _: None
) -> Iterator[None]:
    """Holds an exclusive lock between processes; who waits for it is served in the order of coming.

    Args:
        path: The lock's file; the tickets lie in a folder beside it.
        purpose: What it is held for, for messages: `a build`.
        wait: Seconds to wait at most; 0 fails at once, also while others wait whose turn is next.
        on_wait: Called with who is waited for, at first and whenever that changes.

    Raises:
        LockedError: another process holds it, or came first, and the time is over.
    """
    with ExitStack() as held:
        if wait > 0:
            _take_turn(held, path, purpose=purpose, wait=wait, on_wait=on_wait)
        elif first := _first_living(_queue_path(path)):
            raise LockedError(f"{purpose} is already waiting for its turn: {storage.holder_text(first)}")
        else:
            held.enter_context(storage.lock(path, purpose=purpose))
        yield


def _take_turn(held: ExitStack, path: Path, *, purpose: str, wait: float, on_wait: Callable[[str], None]) -> None:
    deadline = time.monotonic() + wait
    told = ""
    with ExitStack() as queueing:
        own = _take_ticket(queueing, _queue_path(path))
        while True:
            first = _first_living(own.parent, before=own.name)
            if first is None:
                try:
                    held.enter_context(storage.lock(path, purpose=purpose))
                    return
                except LockedError as error:
                    reason = error
            else:
                reason = LockedError(f"{purpose} waits before this one: {storage.holder_text(first)}")
            # Said before the time is looked at: on a busy machine a short one is over by the first look.
            text = f"waiting, as {str(reason).splitlines()[0]}"
            if text != told:
                told = text
                on_wait(text)
            if time.monotonic() >= deadline:
                raise LockedError(f"after waiting {wait:g} seconds, {reason}")
            time.sleep(min(POLL_SECONDS, max(deadline - time.monotonic(), 0.0)))


def _queue_path(path: Path) -> Path:
    return path.with_suffix(".queue")


def _take_ticket(queueing: ExitStack, folder: Path) -> Path:
    """A ticket behind all others, held until `queueing` closes."""
    number = 0
    while True:
        number = max([number, *(int(path.name) for path in _tickets(folder))]) + 1
        ticket = folder / f"{number:0{_DIGITS}d}"
        try:
            queueing.enter_context(storage.lock(ticket, purpose="waiting"))
        except LockedError:
            continue  # somebody else took this number, or looks whether its holder is alive
        # Deleted before it is let go: a ticket that nobody holds is that of a dead process.
        queueing.callback(ticket.unlink, missing_ok=True)
        return ticket


def _first_living(folder: Path, *, before: str = "9" * (_DIGITS + 1)) -> Path | None:
    """The first ticket that a living process holds; those of the dead are thrown away."""
    for ticket in _tickets(folder):
        if ticket.name >= before:
            break
        try:
            with storage.lock(ticket, purpose="waiting"):
                ticket.unlink(missing_ok=True)
        except LockedError:
            return ticket
    return None


def _tickets(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("[0-9]" * _DIGITS)) if folder.is_dir() else []
