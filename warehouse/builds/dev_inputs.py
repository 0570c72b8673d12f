"""What dbt gets for a dev build: a profile with the published build attached, and the manifest to compare with."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from warehouse import storage
from warehouse.errors import BuildError
from warehouse.project import Project
from warehouse.published import CATALOG, DEV_CATALOG, BuildFiles

PUBLISHED_PATH = "WAREHOUSE_PUBLISHED_PATH"
"""The variable that holds the published file's path: in a profile it would have to be escaped."""


def write_profile(project: Project, folder: Path) -> None:
    """Writes the project's profile with its build target turned into one that writes a dev file.

    What the target says besides (threads, settings, extensions, secrets as variables) stays.

    Raises:
        BuildError: there is no such target, or it is none of DuckDB.
        StorageError: the folder cannot be written.
    """
    path, target = project.root / "profiles.yml", project.settings.dbt_target
    try:
        profiles = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BuildError(f"{path} cannot be read: {error}") from error
    outputs = [
        profile["outputs"][target]
        for profile in (profiles.values() if isinstance(profiles, dict) else ())
        if isinstance(profile, dict) and isinstance(profile.get("outputs"), dict) and target in profile["outputs"]
    ]
    if not outputs or not all(isinstance(output, dict) and output.get("type") == "duckdb" for output in outputs):
        raise BuildError(f"{path} has no target {target!r} of type duckdb, which dev builds are made with too")
    for output in outputs:
        output.pop("database", None)
        output["path"] = f"{{{{ env_var('WAREHOUSE_BUILD_PATH') }}}}/{DEV_CATALOG}.duckdb"
        published = {"path": f"{{{{ env_var('{PUBLISHED_PATH}') }}}}", "alias": CATALOG, "read_only": True}
        output["attach"] = [*(output.get("attach") or []), published]
    copy = folder / "profiles.yml"
    storage.write_file(copy, yaml.safe_dump(profiles, sort_keys=False, allow_unicode=True))
    with storage.storage_errors(f"write {copy}"):
        copy.chmod(path.stat().st_mode & 0o777)  # who may not read the one may not read the other


def write_state(project: Project, published: BuildFiles, parsed_manifest_path: Path, folder: Path) -> None:
    """Writes the published build's manifest for dbt to compare with, without what differs and is no change.

    dbt takes a source for another one when the target's catalog has another name, and when the project lies in
    another folder, as that of a build from another machine does.
    """
    with storage.storage_errors(f"read {published.dbt_manifest_path}"):
        document = json.loads(published.dbt_manifest_path.read_text(encoding="utf-8"))
        sources = json.loads(parsed_manifest_path.read_text(encoding="utf-8"))["sources"]
    for unique_id, source in document["sources"].items():
        if source.get("database") == CATALOG:
            source["database"] = DEV_CATALOG
        for key in _PLACES:
            source[key] = _moved(source.get(key), sources.get(unique_id, {}).get(key), str(project.root))
    storage.write_json(folder / "manifest.json", document)


_PLACES = ("config", "unrendered_config", "meta", "source_meta", "external")
"""Where a source says where its files lie."""


def _moved(there: Any, here: Any, root: str) -> Any:
    """`there` with the texts of `here` that are the same but for the folder of the project."""
    if isinstance(there, dict) and isinstance(here, dict):
        return {key: _moved(value, here.get(key), root) for key, value in there.items()}
    if isinstance(there, list) and isinstance(here, list) and len(there) == len(here):
        return [_moved(left, right, root) for left, right in zip(there, here, strict=True)]
    if isinstance(there, str) and isinstance(here, str) and root in here:
        same_elsewhere = "/[^'\"]*".join(map(re.escape, here.split(root)))
        return here if re.fullmatch(same_elsewhere, there) else there
    return there
