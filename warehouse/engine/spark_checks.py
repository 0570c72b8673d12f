"""Whether a build on Spark could begin: one check per thing that may be missing, each with what to do."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from warehouse.engine.spark_session import connect_spark, shown_remote
from warehouse.errors import WarehouseError
from warehouse.project import Project

_PACKAGES = ("pyspark-client", "dbt-spark", "sqlglot")


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkCheck:
    """One thing that was looked at."""

    name: str
    is_fine: bool
    found: str
    """What is there; or what is wrong, and what to do."""


def check_spark(project: Project) -> tuple[SparkCheck, ...]:
    """The client, the server of the settings and dbt's target; nothing when no cluster is set."""
    if not project.settings.spark_remote:
        return ()
    return _client(), _server(project), _target(project)


def _client() -> SparkCheck:
    try:
        found = ", ".join(f"{package} {version(package)}" for package in _PACKAGES)
    except PackageNotFoundError as error:
        found = f"{error.name} is not installed; install it with: pip install 'ml-warehouse[spark]'"
        return SparkCheck(name="client", is_fine=False, found=found)
    return SparkCheck(name="client", is_fine=True, found=found)


def _server(project: Project) -> SparkCheck:
    try:
        session = connect_spark(project)
    except WarehouseError as error:
        return SparkCheck(name="server", is_fine=False, found=str(error))
    try:
        found = f"Spark {session.version} at {shown_remote(project.settings.spark_remote)}"
    finally:
        session.stop()
    return SparkCheck(name="server", is_fine=True, found=found)


def _target(project: Project) -> SparkCheck:
    """Whether profiles.yml has the target; what it says is dbt's to judge."""
    import yaml

    try:
        profiles = yaml.safe_load((project.root / "profiles.yml").read_text(encoding="utf-8"))
        targets = {target for profile in profiles.values() for target in (profile.get("outputs") or {})}
    except (OSError, ValueError, AttributeError, yaml.YAMLError) as error:
        return SparkCheck(name="target", is_fine=False, found=f"profiles.yml cannot be read: {error}")
    if "spark" not in targets:
        found = "profiles.yml has no target spark; copy that of a new project: warehouse init FOLDER"
        return SparkCheck(name="target", is_fine=False, found=found)
    return SparkCheck(name="target", is_fine=True, found="spark, in profiles.yml")
