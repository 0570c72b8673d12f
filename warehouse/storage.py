"""Files and databases: connect; write aside and switch in one rename; hold locks.

Nothing else calls `duckdb.connect`, makes temporary files, renames or locks. A kill at any moment leaves the old state
or the new one: content is written aside and synced before the one rename that makes it count.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.errors import LockedError, StorageError
from warehouse.extensions import extension_folder
from warehouse.sql import Relation, identifier, literal

if TYPE_CHECKING:
    import duckdb


def connect(
    path: Path | None,
    *,
    read_only: bool = True,
    memory_limit: str = "2GB",
    threads: int = 0,
    temporary_path: Path | None = None,
) -> duckdb.DuckDBPyConnection:
    """A connection to this DuckDB file; None means in memory. Nothing is ever downloaded or installed by it.

    Raises:
        StorageError: the file is missing, locked by a writer, or not a DuckDB file.
    """
    import duckdb

    if path is not None and read_only and not path.is_file():
        raise StorageError(f"no DuckDB file at {path}")
    # Without the last one, a table's name that nobody knows would find a variable of ours that is called like it.
    config: dict[str, Any] = {
        "autoinstall_known_extensions": False,
        "memory_limit": memory_limit,
        "python_enable_replacements": False,
    }
    if threads:
        config["threads"] = threads
    if temporary_path is not None:
        config["temp_directory"] = str(temporary_path)
    try:
        connection = duckdb.connect(
            ":memory:" if path is None else str(path), read_only=read_only and path is not None, config=config
        )
    except duckdb.Error as error:
        raise StorageError(f"cannot open {path}: {_first_line(error)}") from error
    use_extensions(connection)
    # Times are UTC everywhere; a reader's own zone must not change what a query returns.
    connection.execute("set timezone = 'UTC'")
    # DuckDB draws its bar on stdout, in the middle of what a command prints there.
    connection.execute("set enable_progress_bar = false")
    return connection


def use_extensions(connection: duckdb.DuckDBPyConnection) -> Path | None:
    """Lets DuckDB find the extensions that are installed as packages, when some are; it loads them as it needs them."""
    import duckdb

    ((platform,),) = connection.execute("pragma platform").fetchall()
    folder = extension_folder(duckdb_version=f"v{duckdb.__version__}", platform=platform)
    if folder is not None:
        connection.execute(f"set extension_directory = {literal(str(folder))}")
    return folder


def attach_read_only(connection: duckdb.DuckDBPyConnection, path: Path, *, name: str) -> None:
    """Makes the tables of this DuckDB file a catalog of the connection that nobody can write through it.

    Raises:
        StorageError: the file is missing, locked by a writer, or not a DuckDB file.
    """
    import duckdb

    if not path.is_file():
        raise StorageError(f"no DuckDB file at {path}")
    try:
        connection.execute(f"attach {literal(str(path))} as {identifier(name)} (read_only)")
    except duckdb.Error as error:
        raise StorageError(f"cannot open {path}: {_first_line(error)}") from error


def confine(connection: duckdb.DuckDBPyConnection, *, folders: Iterable[Path] = (), files: Iterable[str] = ()) -> None:
    """From now on the connection reaches no file but its own database, spill files, and what is named here.

    It loads no extension and changes no setting either. Links in the folders are followed: who may write there decides
    what is read.
    """
    below = {f"{folder}/" for folder in folders}
    # NOTE: a path with `[` or `*` is given to DuckDB as a pattern, and checked as it is written.
    below |= set(Relation.escaped(sorted(below)))
    for setting, values in (("allowed_directories", sorted(below)), ("allowed_paths", sorted(files))):
        if values:
            connection.execute(f"set {setting} = [{', '.join(map(literal, values))}]")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


@contextmanager
def storage_errors(action: str) -> Iterator[None]:
    """Turns an `OSError` in the block (disk full, read-only) into a `StorageError` that says what to do."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"cannot {action}: {error.strerror or error}{_advice(error)}") from error


def _advice(error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{where}\n  free some space, or set WAREHOUSE_STATE_PATH to a larger disk; nothing is lost"
    if error.errno in (errno.ENOLCK, errno.EOPNOTSUPP):
        return f"{where}\n  put the state on a disk whose file system has locks: set WAREHOUSE_STATE_PATH"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"{where}\n  make the folder writable, or set WAREHOUSE_STATE_PATH to one that is; nothing is lost"
    return where


def write_file(path: Path, content: str | bytes, *, aside: Path | None = None) -> None:
    """Puts this content at `path`, whole or not at all, and durable.

    Args:
        path: Where it goes.
        content: Text is written as UTF-8.
        aside: Folder of the same disk where a kill may leave a `.tmp-` file; the one that `path` is in when left out.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    with storage_errors(f"write {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
        if aside is not None:
            temporary = aside / f".tmp-{path.name}-{uuid.uuid4().hex}"
        try:
            with temporary.open("wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)


def write_json(path: Path, document: Any, *, aside: Path | None = None) -> None:
    """Puts this document at `path` as indented JSON, whole or not at all."""
    write_file(path, json.dumps(document, indent=2, ensure_ascii=False, sort_keys=False) + "\n", aside=aside)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside this one to write to; what lies there at the end takes its place, and nothing after an error.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    with storage_errors(f"write {path}"):
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
        try:
            yield temporary
            sync_file(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)


def machine_temporary_path() -> Path:
    """The machine's folder for files that may vanish, for who cannot write into the project."""
    return Path(os.environ.get("TMPDIR") or "/tmp")


def sync_file(path: Path) -> None:
    """Makes the file's content durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(path: Path) -> None:
    """Makes the folder's entries (renames, new files) durable."""
    sync_file(path)


def publish_folder(temporary: Path, final: Path) -> None:
    """Renames a finished, synced folder to its final name, durable; fails when that name is taken."""
    with storage_errors(f"publish {final}"):
        if final.exists():
            raise StorageError(f"{final} exists already")
        temporary.rename(final)
        sync_folder(final.parent)


def switch_link(link: Path, target: Path) -> None:
    """Points the symbolic link at `target`, by its relative path, in one atomic rename."""
    with storage_errors(f"switch {link}"):
        temporary = link.with_name(f".{link.name}.{uuid.uuid4().hex}.tmp")
        try:
            temporary.symlink_to(os.path.relpath(target, link.parent), target_is_directory=True)
            temporary.replace(link)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(link.parent)


def copy_file(source: Path, target: Path) -> None:
    """Copies the file, sharing its blocks where the file system can (reflink)."""
    with storage_errors(f"copy {source} to {target}"):
        if not _reflink(source, target):
            shutil.copyfile(source, target)


def _reflink(source: Path, target: Path) -> bool:
    try:
        import fcntl
    except ImportError:
        return False
    ficlone = 0x40049409  # linux/fs.h: _IOW(0x94, 9, int)
    try:
        with source.open("rb") as reader, target.open("wb") as writer:
            fcntl.ioctl(writer.fileno(), ficlone, reader.fileno())
    except OSError:
        return False
    return True


def replace_by_link(path: Path, original: Path) -> bool:
    """Makes `path` a hard link to `original`, in one rename; False where the file system cannot link these two.

    The caller knows that both hold the same bytes, and syncs the folder.
    """
    if path.samefile(original):
        return True
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        temporary.hardlink_to(original)
        temporary.replace(path)
    except OSError:
        # Another file system, one without links, or a file that has as many as it can: the copy stays.
        temporary.unlink(missing_ok=True)
        return False
    return True


def link_or_copy(source: Path, target: Path) -> None:
    """Makes `target` a hard link to `source`, or a copy where the file system has no links."""
    with storage_errors(f"link {source} to {target}"):
        try:
            target.hardlink_to(source)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EEXIST):
                raise
            copy_file(source, target)
            sync_file(target)


def remove_folder(path: Path, *, aside: Path) -> None:
    """Deletes a folder so that a kill leaves it whole or gone: renamed to `aside` first, then emptied."""
    with storage_errors(f"remove {path}"):
        path.rename(aside)
        sync_folder(path.parent)
        shutil.rmtree(aside)


def has_reader(path: Path) -> bool:
    """Whether another process holds this DuckDB file open.

    DuckDB takes a POSIX record lock on what it opens, also for reading. NOTE: never ask about a file that this very
    process has open: closing our handle would release DuckDB's lock.
    """
    import fcntl

    try:
        with path.open("r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """While the block runs, `replacing_all` does not replace what lies in this folder; any number read at once."""
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
    if host == socket.gethostname() and not _is_alive(pid):
        # Killed, and what it had started lives on with a copy of its lock; or the new holder has not written yet.
        return f"{text}, which has ended; what it started may still run"
    return text


def _holder_path(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".lock") + ".holder.json")


def _is_alive(pid: int) -> bool:
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
