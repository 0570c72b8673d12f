"""What datasets are called, so that the jobs of other systems that write or read them mean the same ones.

Source: the naming conventions of OpenLineage for files and object stores; its dbt integration for DuckDB.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from warehouse.engine.spark_session import shown_remote
from warehouse.project import Project

_ESCAPED = re.compile(r"\[(.)\]")
_WILDCARD = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class DatasetName:
    """One dataset: unique within its namespace."""

    namespace: str
    name: str


def table_name(project: Project, *, schema: str, table: str) -> DatasetName:
    """A table of the published warehouse, whichever build that is; on Spark below the cluster's address."""
    settings = project.settings
    if settings.engine == "spark" and settings.spark_remote:
        return DatasetName(shown_remote(settings.spark_remote), f"warehouse.{schema}.{table}")
    database = project.current_path / "warehouse.duckdb"
    return DatasetName(f"duckdb://{database}", f"warehouse.{schema}.{table}")


def version_name(project: Project, dataset: str) -> DatasetName:
    """A dataset, whose versions are one another's successors."""
    return DatasetName("file", str(project.datasets_path / dataset))


def store_name(url: str, folder: str) -> DatasetName:
    """What lies below a folder of an object store."""
    scheme, _, rest = url.partition("://")
    if scheme == "file":
        return DatasetName("file", f"{rest}/{folder}")
    parts = urlsplit(url)
    return DatasetName(f"{scheme.lower()}://{parts.netloc.rpartition('@')[2]}", f"{parts.path}/{folder}".strip("/"))


def files_name(project: Project, pattern: str) -> DatasetName:
    """The file, or for a pattern of several the folder above its first wildcard."""
    scheme, separator, rest = pattern.partition("://")
    if scheme.lower() == "file" and separator:
        return DatasetName("file", _without_wildcards(rest))
    if separator:
        parts = urlsplit(pattern)
        host = parts.netloc.rpartition("@")[2]
        return DatasetName(f"{scheme.lower()}://{host}", _without_wildcards(parts.path).strip("/") or "/")
    path = Path(pattern) if Path(pattern).is_absolute() else project.root / pattern
    return DatasetName("file", _without_wildcards(str(path)))


def _without_wildcards(path: str) -> str:
    kept = []
    for part in path.split("/"):
        # DuckDB's way to write a character that would be a wildcard, `[*]`, stands for the character.
        if _WILDCARD.search(_ESCAPED.sub("", part)):
            break
        kept.append(_ESCAPED.sub(r"\1", part))
    return "/".join(kept) or "/"
