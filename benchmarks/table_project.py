"""Projects whose published build has one table, made by one statement, with no dbt behind them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BUILD = "20261123T000000Z"


def database_of(root: Path) -> Path:
    """The published build's file."""
    return root / "var/warehouse/builds" / BUILD / "warehouse.duckdb"


def begin_project(root: Path, manifest: Mapping[str, Any]) -> Path:
    """Makes the project anew, with a published build that has dbt's manifest and no tables yet; the build's folder."""
    shutil.rmtree(root, ignore_errors=True)
    build = database_of(root).parent
    (build / "dbt").mkdir(parents=True)
    (root / "dbt_project.yml").write_text("name: bench\n")
    (build / "dbt/manifest.json").write_text(json.dumps(manifest))
    (root / "var/warehouse/current").symlink_to(build)
    return build


def make_table_project(
    root: Path,
    statement: str,
    parameters: Mapping[str, Any],
    manifest: Mapping[str, Any],
    *,
    memory_limit: str = "",
) -> None:
    """Makes the project, once: the statement fills the table, the manifest is dbt's."""
    import duckdb

    if (root / "done").exists():
        return
    begin_project(root, manifest)
    config = {"memory_limit": memory_limit} if memory_limit else {}
    with duckdb.connect(str(database_of(root)), config=config) as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(statement, dict(parameters))
    (root / "done").touch()
