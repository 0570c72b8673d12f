"""The project: its settings and every path we use."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_type_hints

from warehouse.errors import ProjectError, problem_list, suggestion

_WORDS = {
    "engine": ("duckdb", "spark"),
    "log": ("auto", "human", "json"),
    "notify_on": ("change", "failure", "finding", "always", "never"),
}

_COUNTS = ("threads", "build_wait_seconds", "nightly_rebuild_hours")

_TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`[tool.warehouse]` of pyproject.toml; each key can be overridden by `WAREHOUSE_<KEY>` in the environment."""

    state_path: str = "var"
    """Folder of all generated state, relative to the project."""
    dbt_target: str = "build"
    """The dbt target whose path is `WAREHOUSE_BUILD_PATH`."""
    keep_builds: int = 5
    """How many finished builds to keep, besides those that are read or needed."""
    build_wait_seconds: int = 0
    """How long `warehouse build` waits at most while another build runs; 0 fails at once."""
    split_salt: str = "company"
    """Mixed into the split hash, so that an entity is in test in every dataset of the project, or in none."""
    memory_limit: str = "2GB"
    """DuckDB's memory limit for validation, statistics and reading; exports set their own."""
    threads: int = 0
    """DuckDB's threads; 0 means all cores."""
    nightly_rebuild_hours: int = 168
    """`warehouse nightly` builds again after so many hours although nothing has changed; 0 means never for that."""
    nightly_site: bool = False
    """Whether `warehouse nightly` builds the catalog site too."""
    store: str = ""
    """URL of the object store that exports commit to, `s3://bucket/prefix`; empty for none."""
    share_builds: bool = False
    """Whether every build that is published is pushed to the store too."""
    log: str = "auto"
    """How runs are logged on stderr: `human`, `json`, or `auto`: human on a terminal, JSON lines otherwise."""
    notify_on: str = "change"
    """Which nights are told of: `change` for the worse or back, `failure`, `finding`, `always`, `never`."""
    notify_urls_from: str = "WAREHOUSE_NOTIFY_URLS"
    """Names of the environment variables that hold the addresses; the addresses themselves are secrets."""
    report_url: str = ""
    """Where people open `var/reports` in a browser, for links in notices; empty: they are told the path."""
    engine: str = "duckdb"
    """What computes: `duckdb` in this process, or `spark`, a cluster; its builds take a dbt target of type spark."""
    spark_remote: str = field(default="", repr=False)
    """Address of the cluster's Spark Connect server, `sc://host:15002`; `SPARK_REMOTE` wins. May hold a token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A folder with a dbt_project.yml, and where everything in it lies."""

    root: Path
    settings: Settings

    @staticmethod
    def find(start: Path | None = None) -> Project:
        """The project that `start` (default: the working directory, or `WAREHOUSE_PROJECT`) lies in.

        Raises:
            ProjectError: no folder up to the root has a dbt_project.yml, or its settings are wrong.
        """
        origin = Path(start or os.environ.get("WAREHOUSE_PROJECT") or Path.cwd()).resolve()
        for folder in (origin, *origin.parents):
            if (folder / "dbt_project.yml").is_file():
                return Project(root=folder, settings=read_settings(folder / "pyproject.toml", os.environ))
        raise ProjectError(
            f"no warehouse project here: neither {origin} nor a folder above it has a dbt_project.yml\n"
            "  change into a project, name one with --project FOLDER, or create one with: warehouse init FOLDER"
        )

    def on_engine(self, engine: str) -> Project:
        """The same project with another engine than its settings name.

        Raises:
            ProjectError: there is no such engine, or it is Spark and no cluster is set, or builds are to be shared.
        """
        known = _WORDS["engine"]
        if engine not in known:
            raise ProjectError(f"there is no engine {engine!r}; {suggestion(engine, known)}")
        if engine == "spark" and not self.settings.spark_remote:
            raise ProjectError(
                'no Spark cluster is set: add spark_remote = "sc://host:15002" to [tool.warehouse], or set SPARK_REMOTE'
            )
        if engine == "spark" and self.settings.share_builds:
            raise ProjectError(_NOT_SHARED)
        return replace(self, settings=replace(self.settings, engine=engine))

    @property
    def state_path(self) -> Path:
        """Everything generated lies under here."""
        return self.root / self.settings.state_path

    @property
    def warehouse_path(self) -> Path:
        """Builds, their records and the published one."""
        return self.state_path / "warehouse"

    @property
    def builds_path(self) -> Path:
        """One folder per build, named by its id."""
        return self.warehouse_path / "builds"

    @property
    def current_path(self) -> Path:
        """Link to the published build's folder."""
        return self.warehouse_path / "current"

    @property
    def runs_path(self) -> Path:
        """One JSON record per run."""
        return self.warehouse_path / "runs"

    @property
    def raw_path(self) -> Path:
        """Rows that `warehouse load` landed: a folder per source, in it one per table."""
        return self.state_path / "raw"

    @property
    def datasets_path(self) -> Path:
        """One folder per dataset, in it one per version."""
        return self.state_path / "datasets"

    @property
    def reports_path(self) -> Path:
        """Reports that belong to no dataset version: validation results, GX Data Docs."""
        return self.state_path / "reports"

    @property
    def temporary_path(self) -> Path:
        """Spill files of queries; safe to delete when nothing runs."""
        return self.state_path / "tmp"

    @property
    def quarantine_path(self) -> Path:
        """Files that a build must not read, with the reason."""
        return self.state_path / "quarantine"

    @property
    def expectations_path(self) -> Path:
        """One YAML suite per model."""
        return self.root / "expectations"

    def relative(self, path: Path) -> str:
        """`path` as people write it: relative to the project when it lies inside."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)


_NOT_SHARED = (
    "share_builds is true, and builds on Spark are not files that a store could hold: take it out, or build with "
    'engine = "duckdb"; dataset versions are shared from either (warehouse push NAME@VERSION)'
)


def read_settings(path: Path, environment: os._Environ[str] | dict[str, str]) -> Settings:
    """Settings from `[tool.warehouse]` of this file, if it exists, then from the environment.

    Raises:
        ProjectError: lists every unknown key and every value of the wrong type.
    """
    types: dict[str, type] = get_type_hints(Settings)
    known = [setting.name for setting in fields(Settings)]
    problems: list[str] = []
    values: dict[str, Any] = {}
    for key, value in _tool_table(path).items():
        if key not in known:
            problems.append(f"[tool.warehouse] has no setting {key!r}; {suggestion(key, known)}")
        elif not isinstance(value, types[key]) or (isinstance(value, bool) and types[key] is not bool):
            problems.append(f"[tool.warehouse] {key} must be of type {types[key].__name__}, not {value!r}")
        else:
            values[key] = value
    for key in known:
        raw = environment.get(f"WAREHOUSE_{key.upper()}")
        if raw is None:
            continue
        try:
            values[key] = _TRUTHS[raw.lower()] if types[key] is bool else types[key](raw)
        except (ValueError, KeyError):
            problems.append(f"WAREHOUSE_{key.upper()} must be of type {types[key].__name__}, not {raw!r}")
    # The variable that Spark's own clients read, dbt's adapter among them: all must go to the same cluster.
    if environment.get("SPARK_REMOTE"):
        values["spark_remote"] = environment["SPARK_REMOTE"]
    if values.get("spark_remote") and not values["spark_remote"].startswith("sc://"):
        # NOTE: not the value itself, which may hold a token.
        problems.append("spark_remote (or SPARK_REMOTE) must be an address like sc://host:15002")
    if values.get("engine") == "spark" and not values.get("spark_remote"):
        problems.append(
            'engine is spark, and no cluster is set: add spark_remote = "sc://host:15002", or set SPARK_REMOTE'
        )
    problems += [f"{key} must be 0 or more, not {values[key]}" for key in _COUNTS if values.get(key, 0) < 0]
    if values.get("keep_builds", 1) < 1:
        problems.append(
            f"keep_builds must be 1 or more, not {values['keep_builds']}: the published build is one of them"
        )
    if values.get("share_builds") and not values.get("store"):
        problems.append('share_builds is true, and no store is set: add store = "s3://bucket/prefix"')
    if values.get("share_builds") and values.get("engine") == "spark":
        problems.append(_NOT_SHARED)
    problems += [
        f"{key} must be one of {', '.join(words)}, not {values[key]!r}"
        for key, words in _WORDS.items()
        if key in values and values[key] not in words
    ]
    if problems:
        raise ProjectError(problem_list(f"settings in {path} cannot be used:", problems))
    return Settings(**values)


def _tool_table(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProjectError(f"{path} is not valid TOML: {error}") from error
    tool = document.get("tool", {})
    table = tool.get("warehouse", {}) if isinstance(tool, dict) else tool
    if not isinstance(table, dict):
        raise ProjectError(f"{path}: [tool.warehouse] must be a table, not {table!r}")
    return table
