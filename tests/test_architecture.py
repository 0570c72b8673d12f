"""Imports go one way, heavy libraries stay out of start-up, and every import is declared."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted([*ROOT.glob("warehouse/**/*.py"), *ROOT.glob("cli/**/*.py")])

# Which area may import which; the way of the data through the code is one straight line.
ARROWS: dict[str, set[str]] = {
    "errors": set(),
    "findings": set(),
    "sql": {"errors"},
    "project": {"errors"},
    "published": {"errors", "project", "storage"},
    "extensions": {"errors"},
    "storage": {"errors", "sql", "project", "extensions"},
    "queues": {"errors", "storage"},
    "engine": {"errors", "sql", "project", "storage"},
    "records": {"errors", "project", "published", "storage", "scrubbing"},
    "dbt_manifest": {"errors", "project", "storage"},
    "build_tables": {"errors", "sql", "project", "published", "storage", "engine", "dbt_manifest"},
    "dbt_results": {"errors", "scrubbing"},
    "dbt_runner": {"errors", "sql", "project", "storage", "dbt_results", "build_inputs", "scrubbing"},
    "object_store": {"errors", "project", "storage"},
    "dbt_tests": {"errors", "findings", "sql", "project", "storage", "engine", "dbt_results"},
    "sources": {
        *("errors", "findings", "sql", "project", "published", "storage", "engine", "records", "dbt_manifest"),
        *("dbt_runner", "extensions"),
    },
    "template": {"errors", "storage"},
    "validation": {"errors", "findings", "sql", "project", "published", "storage", "engine", "build_tables"},
    "statistics": {"errors", "sql", "engine"},
    "datasets": {
        *("errors", "findings", "sql", "project", "published", "storage", "engine", "records", "dbt_manifest"),
        *("statistics", "object_store", "build_tables"),
    },
    "exports": {
        *("errors", "findings", "sql", "project", "published", "storage", "engine", "records", "dbt_manifest"),
        *("statistics", "datasets", "checks", "reports", "object_store", "lineage", "runs", "build_tables"),
    },
    "spark_leftovers": {"errors", "project", "published", "engine"},
    "retention": {"errors", "findings", "project", "published", "storage", "records", "datasets", "spark_leftovers"},
    "checks": {"errors", "findings", "sql", "engine", "statistics", "datasets"},
    "catalog_facts": {"findings"},
    "reports": {"errors", "findings", "stages", "statistics", "datasets", "checks", "catalog_facts"},
    "loads": {
        *("errors", "findings", "sql", "project", "storage", "engine", "records", "dbt_manifest", "dbt_runner"),
        *("extensions", "scrubbing", "sources", "lineage", "runs"),
    },
    "questions": {"errors", "sql", "project", "published", "storage", "engine", "statistics", "datasets"},
    "build_sharing": {
        *("errors", "findings", "sql", "project", "published", "storage", "engine", "records", "object_store"),
        *("builds", "retention", "lineage", "runs"),
    },
    "site": {
        *("errors", "findings", "sql", "project", "published", "storage", "engine", "records", "dbt_manifest"),
        *("statistics", "datasets", "checks", "reports", "sources", "validation", "catalog_facts", "stages"),
        *("dbt_runner", "build_tables"),
    },
    "stages": {"findings", "records"},
    "runs": {"errors", "project", "published", "storage", "records", "lineage"},
    "scrubbing": set(),
    "build_inputs": {"errors", "project", "storage", "scrubbing"},
    "dbt_code": {"errors"},
    "logs": {"errors", "project", "scrubbing"},
    "notices": {
        *("errors", "findings", "project", "storage", "records", "stages", "scrubbing", "logs", "reports"),
    },
    "lineage": {
        *("errors", "findings", "sql", "project", "published", "storage", "engine", "records", "stages", "logs"),
        *("dbt_manifest", "scrubbing", "sources", "build_tables"),
    },
    "nightly": {
        *("errors", "findings", "sql", "project", "published", "storage", "engine", "records", "dbt_manifest"),
        *("dbt_runner", "statistics", "datasets", "checks", "reports", "sources", "validation", "retention", "exports"),
        *("loads", "builds", "build_sharing", "site", "notices", "stages", "scrubbing", "logs", "lineage"),
        *("build_inputs", "dbt_code", "runs", "build_tables"),
    },
    "capacity": {
        *("errors", "sql", "project", "published", "storage", "engine", "records", "datasets", "exports", "reports"),
    },
    "builds": {
        *("errors", "findings", "sql", "project", "published", "storage", "records", "queues", "logs", "lineage"),
        *("dbt_manifest", "dbt_results", "dbt_runner", "dbt_tests", "build_inputs", "sources", "retention"),
        *("validation", "engine", "runs", "build_tables"),
    },
}
OWNERS = {
    "dbt": {"dbt_runner"},
    "great_expectations": {"validation"},
    "sqlalchemy": {"validation"},
    "jinja2": {"reports"},
    "typer": {"cli"},
    "rich": {"cli"},
    "prompt_toolkit": {"cli"},
    "filelock": {"storage"},
    "obstore": {"object_store"},
    "sklearn": {"statistics"},
    "pyspark": {"engine"},
    "sqlglot": {"engine"},
    "markupsafe": {"reports"},
}
HEAVY = (
    "dbt",
    "great_expectations",
    "pandas",
    "scipy",
    "polars",
    "duckdb",
    "numpy",
    "pydantic",
    "pyspark",
    "sqlalchemy",
    "sqlglot",
    "jinja2",
)


def area(path: Path) -> str:
    """The first part of a module's name below `warehouse`; `cli` for the command line."""
    relative = path.relative_to(ROOT)
    if relative.parts[0] == "cli":
        return "cli"
    return relative.parts[1].removesuffix(".py")


def imported_modules(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that the file names in an import, also inside functions, with its line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            if node.module == "warehouse":
                for alias in node.names:
                    yield f"warehouse.{alias.name}", node.lineno
            else:
                yield node.module, node.lineno


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_follow_the_arrows(path: Path) -> None:
    own = area(path)
    if own == "__init__":
        return
    for module, line in imported_modules(path):
        first, *rest = module.split(".")
        if first == "warehouse" and rest and own != "cli":
            assert rest[0] == own or rest[0] in ARROWS[own], f"{path}:{line} {own} must not import {module}"
        if first in OWNERS:
            assert own in OWNERS[first], f"{path}:{line} only {OWNERS[first]} may import {first}"


def test_only_storage_connects_renames_and_makes_temporary_files() -> None:
    for path in FILES:
        if area(path) == "storage":
            continue
        text = path.read_text(encoding="utf-8")
        assert "duckdb.connect(" not in text, path
        assert "import tempfile" not in text, path


def test_files_stay_small() -> None:
    for path in FILES:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path


def test_every_import_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = [
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
    ]
    declared = {re.split(r"[\[<>=!~ ]", line)[0].replace("-", "_").lower() for line in requirements}
    names = {"dbt": "dbt_core", "yaml": "pyyaml", "openlineage": "openlineage_python", "pyspark": "pyspark_client"}
    for path in FILES:
        for module, line in imported_modules(path):
            first = module.split(".")[0]
            if first == "warehouse" or first in sys.stdlib_module_names:
                continue
            assert names.get(first, first).lower() in declared, f"{path}:{line} {first} is not in pyproject.toml"


def test_every_package_travels_in_the_wheel() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = {".".join(path.parent.relative_to(ROOT).parts) for path in ROOT.glob("warehouse/**/__init__.py")}
    packages |= {
        f"warehouse.{'.'.join(path.parent.relative_to(ROOT).parts)}" for path in ROOT.glob("cli/**/__init__.py")
    }

    assert packages == set(settings["packages"]) - {"warehouse.template_files"}


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys\nsys.argv = ['warehouse', '--help']\nfrom warehouse.cli.app import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('LOADED', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert output.splitlines()[-1] == "LOADED []"


def test_exports_and_nights_need_no_extra_to_be_imported() -> None:
    modules = ("warehouse.exports.export", "warehouse.nightly.running", "warehouse.datasets.row_engines")
    extras = ("grpc", "obstore", "pandas", "pyarrow", "pyspark", "sklearn", "sqlglot")
    code = f"import sys, {', '.join(modules)}; print([name for name in {extras!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
