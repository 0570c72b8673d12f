"""Whether a build on Spark could begin: one check per thing that may be missing, each with what to do."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from warehouse.engine.spark_opening import spark_engine
from warehouse.engine.spark_session import shown_remote
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
        with spark_engine(project) as engine:
            found = f"Spark {engine.version} at {shown_remote(project.settings.spark_remote)}"
    except WarehouseError as error:
        return SparkCheck(name="server", is_fine=False, found=str(error))
    return SparkCheck(name="server", is_fine=True, found=found)


def _target(project: Project) -> SparkCheck:
    """Whether the project's profile has the target; what else it says is dbt's to judge."""
    import yaml

    def missing(found: str) -> SparkCheck:
        return SparkCheck(name="target", is_fine=False, found=found)

    try:
        profiles = yaml.safe_load((project.root / "profiles.yml").read_text(encoding="utf-8"))
        profile = yaml.safe_load((project.root / "dbt_project.yml").read_text(encoding="utf-8")).get("profile")
        targets = {name: (said or {}).get("outputs") or {} for name, said in profiles.items()}
    except (OSError, ValueError, AttributeError, yaml.YAMLError) as error:
        return missing(f"profiles.yml or dbt_project.yml cannot be read: {error}")
    if profile not in targets:
        return missing(f"profiles.yml has no profile {profile}, which dbt_project.yml names")
    if "spark" not in targets[profile]:
        return missing(f"profile {profile} has no target spark; copy that of a new project: warehouse init FOLDER")
    target = targets[profile]["spark"] or {}
    if (target.get("type"), target.get("method")) != ("spark", "session"):
        return missing("the target spark in profiles.yml must have type: spark and method: session")
    return SparkCheck(name="target", is_fine=True, found="spark, in profiles.yml")
