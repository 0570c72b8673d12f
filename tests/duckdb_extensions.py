"""Tests that need one of DuckDB's extensions, which come as packages and for the oldest DuckDB only."""

from __future__ import annotations

import duckdb
import pytest

from warehouse.extensions import extension_folder


def needs_extension(name: str) -> None:
    """Skips the test where DuckDB's extension is not installed."""
    with duckdb.connect() as connection:
        ((platform,),) = connection.execute("pragma platform").fetchall()
        version = f"v{duckdb.__version__}"
        root = extension_folder(duckdb_version=version, platform=platform)
    if root is None or not (root / version / platform / f"{name}.duckdb_extension").is_file():
        pytest.skip(f"DuckDB's extension {name} is not installed for this version")
