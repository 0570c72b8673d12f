"""Writing a site: into a folder aside, which one renamed link then makes the site; a reader never sees half of it."""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from warehouse import storage
from warehouse.errors import StorageError

LOCK_SECONDS = 60.0


@contextmanager
def site_lock(output: Path) -> Iterator[None]:
    """Keeps two builds of one site apart; the second waits a minute.

    Raises:
        LockedError: another build of this site is still running.
    """
    path = output.with_name(f".{output.name}.lock")
    with storage.lock(path, purpose=f"a build of the site in {output}", timeout=LOCK_SECONDS):
        yield


def check_output(output: Path) -> None:
    """Makes sure that nothing but a site of ours, or nothing at all, would be replaced.

    Raises:
        StorageError: something else lies there.
    """
    if output.is_symlink():
        if _is_ours(output, output.readlink()):
            return
        raise StorageError(f"{output} is a link that no site build made\n  {_ADVICE}")
    if output.is_dir() and not any(output.iterdir()):
        return
    if output.exists():
        what = "a folder with other files" if output.is_dir() else "a file"
        raise StorageError(f"{output} is {what}, which a site must not replace\n  {_ADVICE}")


_ADVICE = "give another place: warehouse docs build --output FOLDER"


def write_site(output: Path, pages: Iterable[tuple[str, str]], files: Mapping[str, Path]) -> tuple[int, int]:
    """Writes pages, links files, shows all of it at `output`, and deletes what was there; counts pages and bytes.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    folder = output.with_name(f".{output.name}-{uuid.uuid4().hex}")
    with storage.storage_errors(f"write {folder}"):
        folder.mkdir(parents=True)
        page_count = byte_count = 0
        made: set[Path] = {folder}
        try:
            for page, text in pages:
                path = _place(folder, page, made)
                content = text.encode(errors="replace")
                path.write_bytes(content)
                page_count += page.endswith(".html")
                byte_count += len(content)
            for page, source in files.items():
                _take(source, _place(folder, page, made))
            # One call for all: thousands of small files, each synced alone, would take longer than to write them.
            os.sync()
            if output.is_dir() and not output.is_symlink():
                output.rmdir()
            storage.switch_link(output, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        for other in output.parent.iterdir():
            if other != folder and _is_ours(output, Path(other.name)) and not other.is_symlink():
                shutil.rmtree(other, ignore_errors=True)
    return page_count, byte_count


def _place(folder: Path, page: str, made: set[Path]) -> Path:
    path = folder / page
    if path.parent not in made:
        path.parent.mkdir(parents=True, exist_ok=True)
        made.add(path.parent)
    return path


def _take(source: Path, target: Path) -> None:
    """The file as it is now; one that has gone since it was found leaves its link dead, and nothing else."""
    try:
        storage.link_or_copy(source, target)
    except StorageError:
        if source.exists():
            raise


def _is_ours(output: Path, target: Path) -> bool:
    """Whether a folder beside `output` is one that a build of it made."""
    return target.parent in (Path(), output.parent) and bool(
        re.fullmatch(rf"\.{re.escape(output.name)}-[0-9a-f]{{32}}", target.name)
    )
