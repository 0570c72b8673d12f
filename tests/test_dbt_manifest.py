from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from warehouse.dbt_manifest import read_dbt_manifest
from warehouse.errors import BuildError


def column(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "description": f"The {name}.", "meta": {}, "tags": [], "data_type": None, **more}


def document() -> dict[str, Any]:
    model = {
        "database": "warehouse",
        "schema": "main",
        "name": "orders",
        "alias": "orders_v2",
        "resource_type": "model",
        "original_file_path": "models/orders.sql",
        "unique_id": "model.shop.orders",
        "checksum": {"name": "sha256", "checksum": "abc"},
        "config": {"materialized": "table", "contract": {"enforced": True}, "meta": {"team": "sales"}},
        "description": "One row per order.",
        "columns": {
            "amount": column("amount", data_type="double", meta={"unit": "EUR"}),
            "email": column("email", config={"meta": {"pii": True}}),
            "phone": column("phone", tags=["pii"]),
        },
        "depends_on": {"nodes": ["source.shop.raw.orders"]},
        "compiled_code": "select 1",
    }
    seed = {**model, "name": "codes", "resource_type": "seed", "alias": None, "config": {}, "compiled_code": None}
    test = {
        "name": "unique_orders_id",
        "resource_type": "test",
        "original_file_path": "models/_orders.yml",
        "attached_node": "model.shop.orders",
        "column_name": "id",
        "config": {"severity": "warn"},
        "depends_on": {"nodes": ["model.shop.orders"]},
    }
    source = {
        "name": "orders",
        "source_name": "raw",
        "identifier": "orders_2013",
        "description": "",
        "original_file_path": "models/_raw.yml",
        "source_meta": {"external_location": "data/{identifier}/{name}.csv"},
        "relation_name": "'data/orders_2013/orders.csv'",
        "columns": {},
    }
    exposure = {
        "name": "late",
        "type": "ml",
        "owner": {"name": "Ops", "email": ["a@example.com", "b@example.com"]},
        "description": "Lateness.",
        "maturity": "high",
        "depends_on": {"nodes": ["model.shop.orders"]},
        "config": {"meta": {"dataset": {"key": "id"}}},
        "original_file_path": "models/_exposures.yml",
    }
    return {
        "metadata": {
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json",
            "dbt_version": "1.11.16",
            "generated_at": "2026-11-23T12:00:00Z",
            "project_name": "shop",
        },
        "nodes": {"model.shop.orders": model, "seed.shop.codes": seed, "test.shop.unique": test},
        "sources": {"source.shop.raw.orders": source},
        "exposures": {"exposure.shop.late": exposure},
    }


def write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_everything_needed_is_read(tmp_path: Path) -> None:
    manifest = read_dbt_manifest(write(tmp_path / "manifest.json", document()))

    model = manifest.models["model.shop.orders"]
    assert (model.name, model.alias, model.schema, model.materialized) == ("orders", "orders_v2", "main", "table")
    assert model.contract_enforced
    assert model.columns["amount"].unit == "EUR"
    assert [name for name, column in model.columns.items() if column.is_pii] == ["email", "phone"]
    seed = manifest.models["seed.shop.codes"]
    assert (seed.materialized, seed.alias, seed.contract_enforced, seed.compiled_code) == ("seed", "codes", False, None)
    assert manifest.sources["source.shop.raw.orders"].external_location == "data/orders_2013/orders.csv"
    assert [test.severity for test in manifest.tests_of("model.shop.orders")] == ["WARN"]
    exposure = manifest.exposures["exposure.shop.late"]
    assert exposure.owner_email == "a@example.com, b@example.com"
    assert exposure.meta == {"dataset": {"key": "id"}}
    assert manifest.model_named("orders") is model
    assert manifest.model_named("nothing") is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("{", "is not JSON", id="cut off"),
        pytest.param("[]", "it holds a list", id="a list"),
        pytest.param("{}", "no metadata.dbt_schema_version", id="another document"),
        pytest.param(
            {"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v99.json"}},
            "in a shape we do not know: https://schemas.getdbt.com/dbt/manifest/v99.json",
            id="a later dbt",
        ),
        pytest.param({**document(), "nodes": []}, "nodes must map ids to objects", id="nodes are a list"),
    ],
)
def test_what_is_no_manifest_is_refused_with_the_next_step(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(BuildError, match=r"warehouse build|dbt-core") as raised:
        read_dbt_manifest(write(tmp_path / "manifest.json", content))

    assert message in str(raised.value)


def test_a_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"there is no dbt manifest at .*nothing\.json\n.*warehouse build"):
        read_dbt_manifest(tmp_path / "nothing.json")


def test_every_broken_node_is_named(tmp_path: Path) -> None:
    content = document()
    del content["nodes"]["model.shop.orders"]["schema"]
    content["nodes"]["seed.shop.codes"]["config"] = "table"
    content["exposures"]["exposure.shop.late"]["name"] = 7

    with pytest.raises(BuildError) as raised:
        read_dbt_manifest(write(tmp_path / "manifest.json", content))

    assert "model.shop.orders has no 'schema'" in str(raised.value)
    assert "seed.shop.codes: config must be an object, not 'table'" in str(raised.value)
    assert "exposure.shop.late: name must be text, not 7" in str(raised.value)


@pytest.mark.slow
def test_what_the_installed_dbt_writes_is_read(tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(Path(__file__).parent / "projects" / "tiny", root)
    (root / "models").mkdir(exist_ok=True)
    (root / "models/ones.sql").write_text("{{ config(materialized='table') }} select 1::bigint as id")
    (root / "models/_ones.yml").write_text(
        dedent("""\
        models:
          - name: ones
            description: One row.
            config: {contract: {enforced: true}}
            columns:
              - {name: id, data_type: bigint, description: A number., config: {meta: {unit: pieces}}}
        exposures:
          - name: ones_dataset
            type: ml
            owner: {name: Ops}
            depends_on: [ref('ones')]
            config: {meta: {dataset: {key: id, split: {cutoffs: {test: 2013-10-01}}}}}
        """)
    )
    script = (
        f"import sys\nfrom dbt.cli.main import cli\nsys.argv = ['dbt', 'parse', '--profiles-dir', {str(root)!r}]\ncli()"
    )
    subprocess.run([sys.executable, "-c", script], cwd=root, check=True, capture_output=True)

    manifest = read_dbt_manifest(root / "target/manifest.json")

    exposure = next(item for item in manifest.exposures.values() if item.name == "ones_dataset")
    model = manifest.models[exposure.depends_on[0]]
    assert (model.name, model.materialized, model.contract_enforced) == ("ones", "table", True)
    assert (model.columns["id"].data_type, model.columns["id"].unit) == ("bigint", "pieces")
    assert exposure.meta["dataset"]["split"]["cutoffs"]["test"] == "2013-10-01"
