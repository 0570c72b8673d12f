"""DuckDB's extensions from PyPI, so that files in Excel or S3 and other databases need no download.

`pip install 'ml-warehouse[files,databases]'` brings them as packages, each for exactly one version of DuckDB. DuckDB
looks for extensions in a folder of its own shape, so such a folder is made of links to what is installed.
"""

from __future__ import annotations

import os
import re
import sys
import uuid
from contextlib import suppress
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from warehouse.errors import MissingExtraError

EXTRAS = {
    "httpfs": "files",
    "excel": "files",
    "postgres_scanner": "databases",
    "mysql_scanner": "databases",
    "sqlite_scanner": "databases",
    "delta": "lakehouse",
    "iceberg": "lakehouse",
    # Iceberg's own lists of files are of this format.
    "avro": "lakehouse",
}
"""The extensions that this toolkit can use, and the extra that installs each."""


def extension_folder(*, duckdb_version: str, platform: str) -> Path | None:
    """The folder for DuckDB's `extension_directory`; None when no extension is installed as a package.

    Links in it point to the packages of this Python environment, and for what these lack to the extensions that
    DuckDB itself installed for this user.
    """
    packaged = {name: path for name in EXTRAS if (path := _packaged(name, duckdb_version)) is not None}
    if not packaged:
        return None
    own = Path.home() / ".duckdb" / "extensions" / duckdb_version / platform
    installed = {path.name.removesuffix(_SUFFIX): path for path in own.glob(f"*{_SUFFIX}")} if own.is_dir() else {}
    root = _cache_path() / sha256(sys.prefix.encode()).hexdigest()[:12]
    folder = root / duckdb_version / platform
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, path in {**installed, **packaged}.items():
            _link(folder / f"{name}{_SUFFIX}", path)
    except OSError:
        return None  # a home that cannot be written: DuckDB looks where it always does
    return root


def missing_extension(name: str, *, purpose: str) -> MissingExtraError:
    """The error for an extension that DuckDB could not find."""
    from importlib.metadata import version

    installed = version("duckdb")
    package = f"duckdb-extension-{name.replace('_', '-')}"
    return MissingExtraError(
        f"{purpose} needs DuckDB's extension {name!r}, which is not installed for DuckDB {installed}\n"
        f"  install it with: pip install 'ml-warehouse[{EXTRAS.get(name, 'files')}]' '{package}=={installed}'"
    )


def named_extension(message: str) -> str | None:
    """The extension that DuckDB's error says is missing; None when it says something else."""
    match = _MISSING.search(message)
    name = next(filter(None, match.groups()), "").rpartition("/")[2] if match else ""
    return name if name in EXTRAS else None


_SUFFIX = ".duckdb_extension"
_MISSING = re.compile(
    r"""requires the extension "?(\w+)"? to be loaded|Extension "([^"]+)\.duckdb_extension" not found|"""
    r"""exists in the "?(\w+)"? extension|installing and loading the (\w+) extension|INSTALL '?(\w+)""",
)


def _packaged(name: str, duckdb_version: str) -> Path | None:
    # NOTE: find_spec finds the package without running it.
    spec = find_spec(f"duckdb_extension_{name}")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "extensions" / duckdb_version / f"{name}{_SUFFIX}"
        if path.is_file():
            return path
    return None


def _cache_path() -> Path:
    base = os.environ.get("WAREHOUSE_CACHE")
    return (Path(base) if base else Path.home() / ".cache" / "ml-warehouse") / "duckdb-extensions"


def _link(link: Path, target: Path) -> None:
    with suppress(OSError):
        if link.readlink() == target:
            return
    temporary = link.with_name(f".{link.name}.{uuid.uuid4().hex}")
    temporary.symlink_to(target)
    temporary.replace(link)
