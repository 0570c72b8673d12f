"""Whether OpenLineage is configured, and by which file: the places that its own client looks into, and the project."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from warehouse.project import Project

FILE_VARIABLE = "OPENLINEAGE_CONFIG"
_NAME = "openlineage.yml"


def is_configured(project: Project, environment: Mapping[str, str]) -> bool:
    """Whether somebody wants events: a variable or a file says where to send them, and none says not to."""
    if environment.get("OPENLINEAGE_DISABLED", "").strip().lower() == "true":
        return False
    if environment.get("OPENLINEAGE_URL") or any(name.startswith("OPENLINEAGE__TRANSPORT") for name in environment):
        return True
    return configuration_file(project, environment) is not None


def configuration_file(project: Project, environment: Mapping[str, str]) -> Path | None:
    """The file that counts: the one that `OPENLINEAGE_CONFIG` names, else the first `openlineage.yml` there is.

    It is looked for in the project before the working directory, so that a job that a scheduler starts elsewhere has
    the same, and then in `~/.openlineage`.
    """
    if named := environment.get(FILE_VARIABLE):
        return Path(named) if Path(named).is_file() else None
    places = [project.root / _NAME, Path.cwd() / _NAME]
    if home := environment.get("HOME"):
        places.append(Path(home) / ".openlineage" / _NAME)
    return next((place for place in places if place.is_file()), None)
