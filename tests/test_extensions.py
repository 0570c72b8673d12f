"""DuckDB's extensions from packages, in a folder of DuckDB's own shape."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from warehouse.extensions import EXTRAS, extension_folder, missing_extension, named_extension


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for packages, and nothing else of this machine's extensions."""
    for name in EXTRAS:
        monkeypatch.setitem(sys.modules, f"duckdb_extension_{name}", None)
        monkeypatch.delitem(sys.modules, f"duckdb_extension_{name}")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "packages")])
    monkeypatch.setenv("WAREHOUSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "packages"


def install(packages: Path, name: str, version: str, content: str = "") -> Path:
    folder = packages / f"duckdb_extension_{name}"
    path = folder / "extensions" / version / f"{name}.duckdb_extension"
    path.parent.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('no package is ever run')")
    path.write_text(content)
    return path


def test_without_packages_duckdb_looks_where_it_always_does(packages: Path) -> None:
    assert extension_folder(duckdb_version="v1.0.0", platform="linux_amd64") is None


def test_packages_of_this_version_and_the_users_own_extensions_are_linked(packages: Path, tmp_path: Path) -> None:
    excel = install(packages, "excel", "v1.0.0")
    install(packages, "httpfs", "v0.9.0")
    own = tmp_path / "home/.duckdb/extensions/v1.0.0/linux_amd64/spatial.duckdb_extension"
    own.parent.mkdir(parents=True)
    own.touch()

    for _ in range(2):
        root = extension_folder(duckdb_version="v1.0.0", platform="linux_amd64")
        assert root is not None
        links = {path.name: path.readlink() for path in (root / "v1.0.0/linux_amd64").iterdir()}
        assert links == {"excel.duckdb_extension": excel, "spatial.duckdb_extension": own}


def test_a_package_that_moved_is_linked_anew(packages: Path) -> None:
    path = install(packages, "excel", "v1.0.0")
    root = extension_folder(duckdb_version="v1.0.0", platform="p")
    assert root is not None
    link = root / "v1.0.0/p/excel.duckdb_extension"
    link.unlink()
    link.symlink_to("/nowhere")

    assert extension_folder(duckdb_version="v1.0.0", platform="p") == root
    assert link.readlink() == path


def test_a_cache_that_cannot_be_made_is_done_without(packages: Path, tmp_path: Path) -> None:
    install(packages, "excel", "v1.0.0")
    (tmp_path / "cache").write_text("a file where the folder should be")

    assert extension_folder(duckdb_version="v1.0.0", platform="p") is None


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("Missing Extension Error: ... requires the extension httpfs to be loaded", "httpfs"),
        ('IO Error: Extension "/x/y/postgres_scanner.duckdb_extension" not found.', "postgres_scanner"),
        ("Catalog Error: read_xlsx exists in the excel extension", "excel"),
        ("try installing and loading the sqlite_scanner extension", "sqlite_scanner"),
        ("requires the extension spatial to be loaded", None),
        ("Parser Error: syntax error", None),
    ],
)
def test_the_missing_extension_is_told_from_what_duckdb_says(message: str, name: str | None) -> None:
    assert named_extension(message) == name


def test_what_to_install_is_said() -> None:
    text = str(missing_extension("postgres_scanner", purpose="reading shop.orders"))

    assert text.startswith("reading shop.orders needs DuckDB's extension 'postgres_scanner'")
    assert "pip install 'ml-warehouse[databases]' 'duckdb-extension-postgres-scanner==" in text
