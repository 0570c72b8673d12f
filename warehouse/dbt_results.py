"""What dbt did, node by node, in types of our own."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from warehouse.errors import BuildError, problem_list
from warehouse.scrubbing import secrets_of

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_BROKEN = ("error", "runtime error", "partial success")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeResult:
    """What dbt did with one model, test, seed or snapshot."""

    unique_id: str
    name: str
    resource_type: str
    """`model`, `seed`, `snapshot`, `test`, `unit_test`, ..."""
    tested: str
    """The model that a test is about; empty for what is no test, and for a test of several."""
    materialized: str
    status: str
    """dbt's word: `success`, `pass`, `warn`, `fail`, `error`, `skipped`, ..."""
    seconds: float
    message: str
    failures: int | None
    """Rows that a test returned."""
    rows: int | None
    """Rows of the table; None for what is not one."""
    path: str
    """The file that defines it, relative to the project."""
    compiled_path: str
    """The SQL that dbt made of it, relative to the project; empty when it made none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeProgress:
    """One node has finished; `done` of `total` are through. `node` lacks message and failures."""

    node: NodeResult
    done: int
    total: int


def broken_nodes(results: Sequence[NodeResult]) -> BuildError | None:
    """The error for models that dbt could not build; None when every one was built or skipped on purpose."""
    broken = [result for result in results if result.status in _BROKEN]
    if not broken:
        return None
    skipped = sum(result.status == "skipped" for result in results)
    problems = [f"{_title(result)} ({result.path})\n{clean(result.message)}" for result in broken]
    advice = f"\n  {skipped} that depend on it were skipped" if skipped else ""
    return BuildError(problem_list(f"dbt could not build {len(broken)} of {len(results)} nodes:", problems) + advice)


def _title(result: NodeResult) -> str:
    return f"{result.resource_type} {result.name}" + (f" of model {result.tested}" if result.tested else "")


def materialization(node: Any) -> str:
    """How dbt keeps the node of its own: `view`, `table`, ...; empty for a test of units."""
    return str(getattr(node.config, "materialized", "") or "")


def node_result(
    node: Any, run: Any | None, *, rows: int | None, status: str | None = None, seconds: float | None = None
) -> NodeResult:
    """What dbt's own objects, a node and what it returned of its run, come to.

    Args:
        node: Of dbt's manifest.
        run: None while dbt has not returned: `status` and `seconds` are then those of its event.
        rows: Of the node's table, if it is one.
        status: dbt's word, when it is not to be taken from `run`.
        seconds: Likewise.
    """
    return NodeResult(
        unique_id=node.unique_id,
        name=node.name,
        resource_type=str(node.resource_type.value),
        tested=str(getattr(node, "model", None) or (getattr(node, "attached_node", None) or "").rpartition(".")[2]),
        materialized=materialization(node),
        status=status or str(getattr(run.status, "value", run.status) if run else ""),
        seconds=round(seconds if seconds is not None else (run.execution_time if run else 0.0), 3),
        message=clean(str(run.message or "")) if run else "",
        failures=run.failures if run else None,
        rows=rows,
        path=node.original_file_path,
        compiled_path=str(getattr(node, "compiled_path", None) or ""),
    )


def clean(text: str) -> str:
    """The text without colours, margins and the secrets of the environment: a profile may have read them."""
    return secrets_of(os.environ).scrub(_ANSI.sub("", text).strip())
