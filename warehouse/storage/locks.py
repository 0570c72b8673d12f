"""Locks between processes: the system frees them when their holder dies, however it dies."""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from warehouse.errors import LockedError, StorageError
from warehouse.storage.files import storage_errors, write_json


def has_reader(path: Path) -> bool:
    """Whether another process holds this DuckDB file open.

    DuckDB takes a POSIX record lock on what it opens, also for reading. NOTE: never ask about a file that this very
    process has open: closing our handle would release DuckDB's lock.
    """
    import fcntl

    try:
        with path.open("rb") as file:
            # Asks which lock would be in the way of writing; takes none, so that it needs no right to write.
            answer = fcntl.fcntl(file, fcntl.F_GETLK, _record_lock(fcntl.F_WRLCK))
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return _record_lock_type(answer) != fcntl.F_UNLCK


_LOCK_STRUCT, _TYPE_FIELD = ("qqihh", 3) if sys.platform == "darwin" else ("hhqqi", 0)
"""`struct flock` of fcntl.h, as the C library orders it."""


def _record_lock(kind: int) -> bytes:
    """A lock of this kind on a whole file: start 0, length 0, as nobody's."""
    fields = (0, 0, 0, kind, os.SEEK_SET) if sys.platform == "darwin" else (kind, os.SEEK_SET, 0, 0, 0)
    return struct.pack(_LOCK_STRUCT, *fields)


def _record_lock_type(answer: bytes) -> int:
    return int(struct.unpack(_LOCK_STRUCT, answer)[_TYPE_FIELD])


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """While the block runs, `replacing_all` does not replace what lies in this folder; any number read at once."""
    if not folder.is_dir():
        yield
        return
    with _flock(folder / ".readers", exclusive=False, timeout=60.0):
        yield


@contextmanager
def replacing_all(folder: Path, *, timeout: float) -> Iterator[None]:
    """Waits until nobody is `reading` the folder, and holds new ones back while the block runs.

    Raises:
        LockedError: somebody was still reading after `timeout` seconds.
    """
    with _flock(folder / ".readers", exclusive=True, timeout=timeout):
        yield


@contextmanager
def _flock(path: Path, *, exclusive: bool, timeout: float) -> Iterator[None]:
    import fcntl

    with storage_errors(f"lock {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(handle, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() >= deadline:
                    raise LockedError(
                        f"{path.parent} is in use by a build or a load\n"
                        "  wait for it to finish and run the same command again"
                    ) from error
                time.sleep(0.05)
        yield
    finally:
        os.close(handle)


@contextmanager
def held_open(path: Path) -> Iterator[None]:
    """Lets `has_reader` of other processes say that this file is read, also while DuckDB does not have it open.

    NOTE: the lock is of the open file and not of the process, so that DuckDB, when it closes the same file, does not
    let it go. Where the system has no such locks, nothing is held.

    Raises:
        StorageError: there is no such file.
    """
    import fcntl

    with storage_errors(f"open {path}"):
        handle = os.open(path, os.O_RDONLY)
    try:
        if hasattr(fcntl, "F_OFD_SETLK"):
            with suppress(OSError):
                fcntl.fcntl(handle, fcntl.F_OFD_SETLK, _record_lock(fcntl.F_RDLCK))
        yield
    finally:
        os.close(handle)


@contextmanager
def lock(path: Path, *, purpose: str, timeout: float = 0.0) -> Iterator[None]:
    """Holds an exclusive lock between processes; the system frees it when its holder dies, however it dies.

    Waits up to `timeout` seconds for it.

    Raises:
        LockedError: another process holds it; the message says which one and since when.
    """
    from filelock import FileLock, SoftFileLock, Timeout

    holder = _holder_path(path)
    with storage_errors(f"lock {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        file_lock = FileLock(str(path), timeout=timeout)
        try:
            file_lock.acquire()
        except Timeout as error:
            raise LockedError(
                f"{purpose} is already running: {holder_text(path)}\n"
                "  wait for it to finish and run the same command again; the lock frees itself when that process ends"
            ) from error
        except NotImplementedError as error:
            raise StorageError(_no_locks(path)) from error
        if isinstance(
            file_lock, SoftFileLock
        ):  # what filelock falls back to: it would outlive a process that is killed
            file_lock.release()
            raise StorageError(_no_locks(path))
    try:
        started_at = datetime.now(UTC).isoformat(timespec="seconds")
        holder.unlink(missing_ok=True)
        # NOTE: only for the messages of others; on a full disk, what deletes must be able to go on.
        with suppress(StorageError):
            write_json(holder, {"pid": os.getpid(), "host": socket.gethostname(), "started_at": started_at})
        yield
    finally:
        holder.unlink(missing_ok=True)
        file_lock.release()


def holder_text(path: Path) -> str:
    """Who holds this lock and since when, for messages: `process 12 on ada, since 2026-11-23T10:15:00+00:00`."""
    try:
        holder = json.loads(_holder_path(path).read_text())
        pid, host, started_at = int(holder["pid"]), str(holder["host"]), holder["started_at"]
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
    text = f"process {pid} on {host}, since {started_at}"
    if not may_live(pid, host):
        # Killed, and what it had started lives on with a copy of its lock; or the new holder has not written yet.
        return f"{text}, which has ended; what it started may still run"
    return text


def _holder_path(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".lock") + ".holder.json")


def may_live(pid: int, host: str) -> bool:
    """Whether this process runs; one of another machine may, since nobody here knows."""
    if host != socket.gethostname():
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True


def _no_locks(path: Path) -> str:
    return (
        f"cannot lock {path}: its file system has no locks between processes\n"
        "  put the state on a disk that has (local, or NFS 4 with locks): set WAREHOUSE_STATE_PATH"
    )
