"""What dbt ran for a build, and the templates that it was made from: read from the build's `manifest.json`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warehouse.errors import BuildError

_WITHOUT_CODE = ("seed", "analysis", "unit_test", "documentation")
_OF_DBT = ("macro.dbt.", "macro.dbt_duckdb.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Every piece of it by dbt's id."""

    sql: Mapping[str, str | None]
    """What was run: models, tests, snapshots, hooks. None for what is not SQL or was not compiled."""
    templates: Mapping[str, str]
    """What it was made from, with Jinja, and the macros of the project and its packages that this calls."""


def read_code(path: Path) -> Code:
    """The code of the build whose manifest lies at `path`.

    Raises:
        BuildError: there is none, or it is not one that can be read.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        nodes: Mapping[str, Any] = document["nodes"]
        macros: Mapping[str, Any] = document["macros"]
        sql: dict[str, str | None] = {}
        templates: dict[str, str] = {}
        for unique_id, node in nodes.items():
            if node["resource_type"] in _WITHOUT_CODE:
                continue
            is_hook = node["resource_type"] == "operation"
            # NOTE: dbt runs a hook's SQL without keeping what it came to.
            sql[unique_id] = node.get("compiled_code") or (node.get("raw_code") if is_hook else None)
            if node.get("language", "sql") != "sql":
                sql[unique_id] = None
            templates[unique_id] = node.get("raw_code") or ""
            hooks = [hook for when in ("pre-hook", "post-hook") for hook in node.get("config", {}).get(when) or ()]
            for number, hook in enumerate(hooks):
                sql[f"{unique_id}.hook{number}"] = templates[f"{unique_id}.hook{number}"] = hook["sql"]
        for name in _called(nodes.values(), macros):
            templates[name] = macros[name]["macro_sql"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BuildError(f"cannot read what dbt ran from {path}: {type(error).__name__}: {error}") from error
    return Code(sql=sql, templates=templates)


def _called(nodes: Iterable[Mapping[str, Any]], macros: Mapping[str, Any]) -> set[str]:
    """Macros that these nodes call, and those that these call in turn, but for dbt's own."""
    found: set[str] = set()
    waiting = {name for node in nodes for name in node.get("depends_on", {}).get("macros", ())}
    while waiting:
        name = waiting.pop()
        if name in found or name not in macros or name.startswith(_OF_DBT):
            continue
        found.add(name)
        waiting |= set(macros[name].get("depends_on", {}).get("macros", ()))
    return found
