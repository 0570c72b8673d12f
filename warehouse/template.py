"""The example project that travels with the package, as the start of a new one."""

from __future__ import annotations

import shutil
from pathlib import Path

from warehouse import storage
from warehouse.errors import ProjectError

PARTS = ("dbt_project.yml", "profiles.yml", "models", "macros", "expectations", "data", "train_late_arrivals.py")
"""What makes up a project; the same folders and files as at the top of the repository."""

_SETTINGS = """\
# Settings of this warehouse project; each can be overridden by WAREHOUSE_<NAME> in the environment.
[tool.warehouse]
keep_builds = 5
# Mixed into the split hash. Never change it: rows would move between train and test.
split_salt = "company"
"""


def write_project(folder: Path) -> tuple[Path, ...]:
    """Puts a working copy of the example project into `folder` and returns what it wrote.

    Raises:
        ProjectError: the folder has something that would be overwritten; nothing is written then.
        StorageError: the folder cannot be written.
    """
    taken = [name for name in (*PARTS, "pyproject.toml") if (folder / name).exists()]
    if taken:
        raise ProjectError(
            f"{folder} has {', '.join(taken)} already, and init overwrites nothing\n"
            "  name a new folder: warehouse init FOLDER"
        )
    written = []
    with storage.storage_errors(f"write {folder}"):
        (folder / "var" / "dev").mkdir(parents=True, exist_ok=True)
        for name in PARTS:
            source = _template_path() / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            elif source.is_file():
                shutil.copyfile(source, folder / name)
            else:
                continue
            written.append(folder / name)
        (folder / "pyproject.toml").write_text(_SETTINGS, encoding="utf-8")
        (folder / ".gitignore").write_text("/var/\n/target/\n/logs/\n", encoding="utf-8")
    return (*written, folder / "pyproject.toml")


def _template_path() -> Path:
    """Beside the modules in an installed wheel; the repository itself in an editable install."""
    package = Path(__file__).parent
    packed = package / "template_files"
    return packed if packed.is_dir() else package.parent
