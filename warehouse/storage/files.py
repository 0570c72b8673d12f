"""Files and folders: written aside and synced before the one rename that makes them count."""

from __future__ import annotations

import errno
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from warehouse.errors import StorageError


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


def move_to_free(path: Path, target: Path) -> None:
    """Moves the file to a name that must be free, also when somebody takes that in this very moment.

    Raises:
        FileExistsError: a file has that name; neither is touched.
    """
    try:
        target.hardlink_to(path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        path.rename(target)
    else:
        path.unlink()


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
