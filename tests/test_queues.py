from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from warehouse import queues, storage
from warehouse.errors import LockedError
from warehouse.queues import queued_lock

SCRIPT = """
import sys
from pathlib import Path
from warehouse.queues import queued_lock
path, name, wait = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
with queued_lock(path, purpose="a build", wait=wait, on_wait=lambda text: print(text, flush=True)):
    with (path.parent / "order").open("a") as file:
        file.write(name + "\\n")
    print("held", flush=True)
    if len(sys.argv) > 4:
        sys.stdin.read()
"""
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "build.lock"


@pytest.fixture
def start(path: Path) -> Iterator[Start]:
    """Starts a process that asks for the lock, and waits until it holds it or says what it waits for."""
    processes = []

    def run(name: str, *, wait: float = 60, stay: bool = False, host: str | None = None) -> subprocess.Popen[str]:
        apart = ["unshare", "--uts", "sh", "-c", f'hostname {host} && exec "$@"', "sh"] if host else []
        words = [*apart, sys.executable, "-c", SCRIPT, str(path), name, str(wait), *(["stay"] if stay else [])]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        said(process)
        return process

    yield run
    for process in processes:
        process.kill()
        with process:
            pass


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    process.first_line = process.stdout.readline().rstrip("\n")  # type: ignore[attr-defined]
    return str(process.first_line)  # type: ignore[attr-defined]


def first_line(process: subprocess.Popen[str]) -> str:
    return str(process.first_line)  # type: ignore[attr-defined]


def end(process: subprocess.Popen[str]) -> None:
    process.communicate("")


def no_ticket(path: Path) -> bool:
    return not list(path.with_suffix(".queue").iterdir())


def test_who_waits_is_served_in_the_order_of_coming(path: Path, start: Start) -> None:
    holder = start("first", stay=True)
    waiting = [start(name) for name in ("second", "third", "fourth")]
    assert first_line(waiting[0]).startswith(f"waiting, as a build is already running: process {holder.pid} on ")
    assert first_line(waiting[2]).startswith(f"waiting, as a build waits before this one: process {waiting[0].pid} on ")

    end(holder)
    for process in waiting:
        process.communicate()

    assert (path.parent / "order").read_text().split() == ["first", "second", "third", "fourth"]
    assert no_ticket(path)


def test_who_does_not_want_to_wait_neither_waits_nor_pushes_in(path: Path, start: Start) -> None:
    holder = start("first", stay=True)
    with pytest.raises(LockedError, match="a build is already running"), queued_lock(path, purpose="a build"):
        pass
    second = start("second", stay=True)
    # The lock becomes free while its next holder does not run.
    second.send_signal(signal.SIGSTOP)
    end(holder)

    with (
        pytest.raises(LockedError, match=f"a build is already waiting for its turn: process {second.pid} on"),
        queued_lock(path, purpose="a build"),
    ):
        pass
    second.send_signal(signal.SIGCONT)
    while said(second) != "held":
        pass


def test_those_who_are_killed_while_they_wait_hold_up_nobody(path: Path, start: Start) -> None:
    holder = start("first", stay=True)
    killed = start("killed")
    third = start("third", stay=True)
    killed.kill()
    killed.wait()
    end(holder)
    while said(third) != "held":
        pass
    end(third)

    assert (path.parent / "order").read_text().split() == ["first", "third"]
    with queued_lock(path, purpose="a build"):
        assert no_ticket(path)


def test_an_interrupt_while_waiting_leaves_nothing(path: Path, start: Start) -> None:
    start("first", stay=True)
    second = start("second")

    os.kill(second.pid, signal.SIGINT)
    second.wait(60)

    assert second.returncode != 0
    assert no_ticket(path)


def test_waiting_ends_when_the_time_is_over(path: Path, start: Start) -> None:
    start("first", stay=True)
    began = time.monotonic()

    with (
        pytest.raises(LockedError, match=r"after waiting 0\.3 seconds, a build is already running"),
        queued_lock(path, purpose="a build", wait=0.3),
    ):
        pass
    # However soon it is over, who is waited for is said.
    waits: list[str] = []
    with pytest.raises(LockedError), queued_lock(path, purpose="a build", wait=1e-9, on_wait=waits.append):
        pass
    assert waits[0].startswith("waiting, as a build is already running")

    assert 0.3 <= time.monotonic() - began < 60
    assert no_ticket(path)


def test_a_free_lock_is_held_at_once(path: Path) -> None:
    with queued_lock(path, purpose="a build", wait=60, on_wait=lambda text: pytest.fail(text)):
        assert no_ticket(path)
    with queued_lock(path, purpose="a build"):
        pass


def test_a_holder_that_has_ended_is_said_to_have(path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    with storage.lock(path, purpose="a build"):
        holder = path.with_name("build.holder.json")
        holder.write_text(holder.read_text().replace(str(os.getpid()), str(child.pid)))

        with (
            pytest.raises(LockedError, match="has ended; what it started may still run"),
            queued_lock(path, purpose="a"),
        ):
            pass


def test_machines_that_share_a_folder_wait_for_each_other_and_name_the_host(path: Path, start: Start) -> None:
    if subprocess.run(["unshare", "--uts", "hostname", "x"], capture_output=True).returncode:
        pytest.skip("only root may give a process a host name of its own")
    holder = start("first", stay=True, host="ada")
    second = start("second", host="grace")
    third = start("third", host="joan")
    assert f"process {holder.pid} on ada, since " in first_line(second)
    assert f"process {second.pid} on grace, since " in first_line(third)

    # The machine goes down: to the system, the same as a kill.
    holder.kill()
    second.communicate()
    third.communicate()

    assert (path.parent / "order").read_text().split() == ["first", "second", "third"]


def test_a_ticket_that_is_thrown_away_while_it_is_taken_is_not_taken_for_held(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its making and its locking, another process took the ticket for that of a dead one and deleted it."""
    really, ticket = fcntl.flock, path.with_suffix(".queue") / "000000001"
    thrown_away = []

    def flock(handle: int, operation: int) -> None:
        if ticket.exists() and not thrown_away:
            thrown_away.append(ticket.stat().st_ino)
            ticket.unlink()
        really(handle, operation)

    with ExitStack() as held:
        with monkeypatch.context() as patch:
            patch.setattr(fcntl, "flock", flock)
            own = queues._take_ticket(held, ticket.parent)

        assert thrown_away
        assert own.exists()
        with pytest.raises(LockedError), storage.lock(own, purpose="waiting"):
            pytest.fail("nobody holds what lies there")
    assert no_ticket(path)
