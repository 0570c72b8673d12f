"""Files that an older version of the dataset already holds are stored once: as hard links to one file.

Data files are read-only, so that nobody edits two versions through one name. Where a file system has no hard links, the
copies stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from warehouse import storage
from warehouse.datasets.manifest import NUMBER, FileRecord
from warehouse.datasets.versions import number_parts
from warehouse.datasets.writing import CHECKSUMS_NAME

READ_ONLY = 0o444
_CHUNK = 2**20


def share_files(folder: Path, files: Iterable[FileRecord], dataset_path: Path) -> int:
    """Turns every file of a new version that an older one also has into a link to it, and makes all read-only.

    Both are compared byte by byte first: a file that rotted on the disk must not spread into the new version.

    Args:
        folder: The new version's, not shown yet.
        files: Its data files, as they were written.
        dataset_path: Where the older versions lie.

    Returns:
        How many bytes are shared.

    Raises:
        StorageError: a folder cannot be written.
    """
    originals = _files_by_checksum(dataset_path)
    shared = 0
    with storage.storage_errors(f"write {folder}"):
        for file in files:
            path = folder / file.path
            path.chmod(READ_ONLY)
            original = originals.get(file.sha256)
            if original is None or not _is_same(path, original):
                continue
            if storage.replace_by_link(path, original):
                storage.sync_folder(path.parent)
                shared += file.byte_count
    return shared


def _files_by_checksum(dataset_path: Path) -> Mapping[str, Path]:
    """Data files of all versions by their recorded SHA-256; of several, the newest version's."""
    found: dict[str, Path] = {}
    folders = [path for path in dataset_path.iterdir() if NUMBER.fullmatch(path.name)] if dataset_path.is_dir() else []
    for folder in sorted(folders, key=lambda path: number_parts(path.name)):
        try:
            lines = (folder / CHECKSUMS_NAME).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            continue  # a damaged version is no source
        for checksum, _, path in (line.partition("  ") for line in lines):
            # NOTE: only what lies in the version's own data folder, whatever the list says.
            if path.startswith("data/") and ".." not in Path(path).parts:
                found[checksum] = folder / path
    return found


def _is_same(path: Path, original: Path) -> bool:
    try:
        if original.is_symlink() or original.stat().st_size != path.stat().st_size:
            return False
        with path.open("rb") as new, original.open("rb") as old:
            while chunk := new.read(_CHUNK):
                if chunk != old.read(_CHUNK):
                    return False
            return True
    except OSError:
        return False
