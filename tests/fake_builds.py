"""A project with published builds that no dbt made: a DuckDB file and the manifest that dbt would have written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from warehouse.project import Project


def column_doc(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "description": "", "meta": {}, "data_type": None, "config": {"meta": {}}, "tags": [], **more}


def model_node(name: str, *, columns: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    config = {"materialized": more.pop("materialized", "table"), "contract": {"enforced": more.pop("enforced", False)}}
    return {
        "database": "warehouse",
        "schema": "main",
        "name": name,
        "alias": name,
        "resource_type": "model",
        "original_file_path": f"models/{name}.sql",
        "unique_id": f"model.fake.{name}",
        "checksum": {"name": "sha256", "checksum": "0" * 64},
        "config": config,
        "description": f"One row per {name}.",
        "columns": dict(columns or {}),
        "depends_on": {"macros": [], "nodes": []},
        "compiled_code": f"select * from {name}_source",
        "relation_name": f'"warehouse"."main"."{name}"',
        **more,
    }


def exposure_node(name: str, dataset: Any, *, model: str = "examples", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "resource_type": "exposure",
        "original_file_path": "models/_exposures.yml",
        "unique_id": f"exposure.fake.{name}",
        "type": "ml",
        "owner": {"name": "Fakes", "email": "fakes@example.com"},
        "description": "A dataset of fakes.",
        "maturity": "low",
        "label": None,
        "url": None,
        "depends_on": {"macros": [], "nodes": [f"model.fake.{model}"]},
        "meta": {"dataset": dataset},
        "config": {"enabled": True, "meta": {"dataset": dataset}},
        **more,
    }


def manifest_document(models: list[dict[str, Any]], exposures: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "metadata": {
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json",
            "dbt_version": "1.11.16",
            "generated_at": "2026-11-23T12:00:00Z",
            "project_name": "fake",
        },
        "nodes": {node["unique_id"]: node for node in models},
        "sources": {},
        "exposures": {node["unique_id"]: node for node in exposures},
    }


class Fake:
    """Makes builds in one project; every build is published as it is made."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        (root / "dbt_project.yml").write_text("name: fake\n")
        self.project = Project.find(root)
        self.count = 0

    def copied_to(self, root: Path) -> Fake:
        """The same project elsewhere, with its builds and versions: cheaper than making it for every test."""
        shutil.copytree(self.project.root, root, symlinks=True)
        copy = Fake(root)
        copy.count = self.count
        return copy

    def build(
        self,
        dataset: Any = None,
        *,
        rows: str = "select 1 as id",
        name: str = "late",
        model: Mapping[str, Any] | None = None,
        exposure: Mapping[str, Any] | None = None,
        exposures: list[dict[str, Any]] | None = None,
        table: str | None = None,
    ) -> str:
        """A build whose table `examples` holds these rows and whose exposure `name` declares this dataset; its id."""
        self.count += 1
        build_id = f"20261123T{self.count:06d}Z"
        folder = self.project.builds_path / build_id
        (folder / "dbt").mkdir(parents=True)
        node = model_node("examples", **dict(model or {}))
        with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
            quoted = '"' + node["alias"].replace('"', '""') + '"'
            connection.execute(table or f"create table {quoted} as {rows}")
        if exposures is None:
            exposures = [exposure_node(name, dataset, **dict(exposure or {}))]
        (folder / "dbt" / "manifest.json").write_text(json.dumps(manifest_document([node], exposures), default=str))
        self.project.current_path.unlink(missing_ok=True)
        self.project.current_path.symlink_to(folder)
        return build_id
