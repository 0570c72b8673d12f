"""Runs dbt in this process and returns what it did. Nothing else imports dbt.

dbt takes two seconds to import, so it is imported inside the functions here. Its own printing is off: events arrive in
a callback instead, and its debug log lies in the build's folder.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse import storage
from warehouse.build_inputs import refuse_secrets
from warehouse.dbt_results import NodeProgress, NodeResult, clean, materialization, node_result
from warehouse.errors import BuildError
from warehouse.project import Project
from warehouse.scrubbing import secrets_of
from warehouse.sql import Relation, literal

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult

_BUILT_TYPES = ("model", "seed", "snapshot", "test", "unit_test")
_UNKNOWN_GROUP = re.compile(r"Invalid group '([^']+)'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A parsed project, ready to run without parsing again."""

    manifest: Any
    """A `dbt.contracts.graph.manifest.Manifest`, whose types are too loose to check against."""

    @property
    def keeps_history(self) -> bool:
        """Whether a snapshot exists: its rows cannot be made again from the sources."""
        return any(node.resource_type == "snapshot" for node in self.manifest.nodes.values())

    @property
    def is_incremental(self) -> bool:
        """Whether some model adds to what is there."""
        return any(node.config.materialized == "incremental" for node in self.manifest.nodes.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where dbt writes, and what it reads besides the project; paths that stay the same spare it to parse all again."""

    build_path: Path
    """Folder of the database; `WAREHOUSE_BUILD_PATH` in profiles.yml."""
    target_path: Path
    """Folder of dbt's own files: one for all builds, so that dbt parses only what has changed since the last one."""
    profiles_path: Path
    """Folder of profiles.yml."""
    state_path: Path | None = None
    """Folder of the manifest that `state:` selectors compare with, and whose tables stand in for what is not built."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Further variables for profiles.yml."""
    target: str | None = None
    """The target of profiles.yml; None for the one that the settings name."""


def build_place(project: Project) -> Place:
    """Where `warehouse build` lets dbt write."""
    return Place(
        build_path=project.warehouse_path / "building",
        target_path=project.warehouse_path / "dbt",
        profiles_path=project.root,
    )


def parse_project(project: Project, *, log_path: Path, place: Place | None = None) -> Parsed:
    """Reads the dbt project; connects to no database.

    Raises:
        BuildError: dbt refuses it; the message is dbt's own, with its file.
    """
    _check_profile_folder(project)
    refuse_secrets(project)
    place = place or build_place(project)
    with _environment(project, place):
        outcome, errors = _invoke(["parse", *_arguments(project, place, log_path=log_path)])
    if not outcome.success or outcome.result is None:
        reason = _reason(outcome, errors)
        raise BuildError(
            f"dbt cannot parse the project in {project.root}:\n{reason}\n"
            f"  {_advice(reason)}, then run the same command again; "
            f"dbt's log: {project.relative(log_path / 'dbt.log')}"
        )
    return Parsed(manifest=outcome.result)


def selected_nodes(
    project: Project,
    parsed: Parsed,
    *,
    log_path: Path,
    place: Place,
    select: Sequence[str],
    exclude: Sequence[str] = (),
) -> tuple[str, ...]:
    """Ids of the models, seeds, snapshots and tests that dbt would build of this selection; nothing is built.

    Raises:
        BuildError: the selection cannot be understood.
    """
    arguments = ["list", *_arguments(project, place, log_path=log_path), "--output", "json"]
    arguments += ["--output-keys", "unique_id", "--select", *select]
    arguments += ["--exclude", *exclude] if exclude else []
    arguments += [word for kind in _BUILT_TYPES for word in ("--resource-type", kind)]
    arguments += ["--state", str(place.state_path)] if place.state_path else []
    with _environment(project, place):
        outcome, errors = _invoke(arguments, manifest=parsed.manifest)
    if not isinstance(outcome.result, list):
        raise BuildError(
            f"dbt cannot select: {_reason(outcome, errors)}\n  dbt's log: {project.relative(log_path / 'dbt.log')}"
        )
    return tuple(json.loads(line)["unique_id"] for line in outcome.result)


def run_build(
    project: Project,
    parsed: Parsed,
    *,
    log_path: Path,
    place: Place | None = None,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    full_refresh: bool = False,
    locations: Mapping[str, str] | None = None,
    on_node: Callable[[NodeProgress], None] = lambda _: None,
) -> tuple[NodeResult, ...]:
    """Runs `dbt build` on the build target and returns every node's result, in the order of finishing.

    With a state in `place`, what is not selected is read from there. Sources whose ids are in `locations` are read
    there, whatever they say themselves.

    The database is closed again when it returns. A node that failed is a result, not an exception.

    Raises:
        BuildError: dbt could not run at all: a wrong selection, a profile without the target, no database.
    """
    place = place or build_place(project)
    arguments = ["build", *_arguments(project, place, log_path=log_path)]
    arguments += ["--select", *select] if select else []
    arguments += ["--exclude", *exclude] if exclude else []
    arguments += ["--full-refresh"] if full_refresh else []
    arguments += ["--defer", "--favor-state", "--state", str(place.state_path)] if place.state_path else []
    listener = _Listener(parsed.manifest, on_node)
    read_from(parsed, locations or {})
    # Loaded tables are not replaced while models read them.
    with _environment(project, place), storage.reading(project.raw_path):
        try:
            outcome, errors = _invoke(arguments, manifest=parsed.manifest, on_event=listener)
        finally:
            _close_database()
            _scrub_results(place.target_path / "run_results.json")
    results = getattr(outcome.result, "results", None)
    if results is None:
        raise BuildError(
            f"dbt could not run: {_reason(outcome, errors)}\n  dbt's log: {project.relative(log_path / 'dbt.log')}"
        )
    if not results and not (select or exclude):
        raise BuildError(
            f"nothing to build: the project in {project.root} has no model\n"
            "  write the first one, models/orders.sql say; for an example: warehouse init FOLDER"
        )
    if not results:
        raise BuildError(
            f"nothing to build: the selection {' '.join(select) or '(everything)'} matches no model\n"
            "  list what can be selected with: dbt ls"
        )
    return tuple(node_result(run.node, run, rows=listener.rows.get(run.node.unique_id)) for run in results)


def read_from(parsed: Parsed, locations: Mapping[str, str]) -> None:
    """Lets these sources, by their ids, be read there, whatever they say themselves."""
    for unique_id, location in locations.items():
        # dbt-duckdb takes it from the settings before it looks at meta, which stays as it was declared: what was read
        # is no change of the project. It fills in {name}.
        source = parsed.manifest.sources[unique_id]
        source.config["external_location"] = location.replace("{", "{{").replace("}", "}}")


def run_command(
    project: Project, parsed: Parsed, words: Sequence[str], *, log_path: Path, place: Place
) -> tuple[list[Any], str]:
    """Runs any other command of dbt's; its results, dbt's own objects, and why there is none.

    The database is closed again when it returns.
    """
    with _environment(project, place):
        try:
            outcome, errors = _invoke(
                [*words, *_arguments(project, place, log_path=log_path)], manifest=parsed.manifest
            )
        finally:
            _close_database()
    results = getattr(outcome.result, "results", None)
    return list(results or ()), "" if results is not None else _reason(outcome, errors)


class _Listener:
    """Receives dbt's events, from its worker threads, and counts finished nodes."""

    def __init__(self, manifest: Any, on_node: Callable[[NodeProgress], None]) -> None:
        self.rows: dict[str, int] = {}
        self._manifest = manifest
        self._on_node = on_node
        self._done = 0

    def __call__(self, event: Any) -> None:
        if event.info.name not in ("LogModelResult", "LogTestResult", "LogSeedResult", "LogSnapshotResult"):
            return
        info = event.data.node_info
        node = self._manifest.nodes.get(info.unique_id) or self._manifest.unit_tests.get(info.unique_id)
        if node is None:
            return
        is_table = materialization(node) in ("table", "incremental", "seed", "snapshot")
        rows = _table_rows(node) if is_table else None
        if rows is not None:
            self.rows[info.unique_id] = rows
        self._done += 1
        seconds = float(event.data.execution_time)
        # A unit test's node has no status yet when its event comes.
        status = info.node_status if info.node_status not in ("", "None") else str(event.data.status).lower()
        result = node_result(node, None, status=status, seconds=seconds, rows=rows)
        # dbt calls the number of nodes by two names.
        total = int(getattr(event.data, "total", 0) or getattr(event.data, "num_models", 0))
        try:
            self._on_node(NodeProgress(node=result, done=self._done, total=total))
        except OSError:
            # Whoever watched has gone (`| head`); dbt would take that for a failure of the node.
            self._on_node = lambda _: None


def _table_rows(node: Any) -> int | None:
    """The table's row count from DuckDB's catalog, asked through dbt's own connection: no other could open the file."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    connection = getattr(DuckDBConnectionManager._ENV, "conn", None)
    if connection is None:
        return None
    cursor = connection.cursor()
    try:
        row = cursor.execute(
            "select estimated_size from duckdb_tables()"
            " where database_name = current_database() and schema_name = ? and table_name = ?",
            [node.schema, node.alias],
        ).fetchone()
    finally:
        cursor.close()
    return int(row[0]) if row else None


def _invoke(
    arguments: list[str], *, manifest: Any = None, on_event: Callable[[Any], None] = lambda _: None
) -> tuple[dbtRunnerResult, list[str]]:
    """Runs one dbt command; returns its outcome and the messages of its error events."""
    from dbt.cli.main import dbtRunner

    errors: list[str] = []

    def receive(event: Any) -> None:
        if event.info.level == "error":
            errors.append(clean(event.info.msg))
        on_event(event)

    outcome = dbtRunner(manifest=manifest, callbacks=[receive]).invoke(arguments)
    if isinstance(outcome.exception, KeyboardInterrupt | SystemExit):
        raise outcome.exception
    return outcome, errors


def _arguments(project: Project, place: Place, *, log_path: Path) -> list[str]:
    return [
        *("--project-dir", str(project.root), "--profiles-dir", str(place.profiles_path)),
        *("--target", place.target or project.settings.dbt_target),
        *("--target-path", str(place.target_path)),
        *("--log-path", str(log_path), "--log-level", "none", "--no-use-colors", "--no-send-anonymous-usage-stats"),
    ]


@contextmanager
def _environment(project: Project, place: Place) -> Iterator[None]:
    """What profiles.yml and the sources read."""
    values: Mapping[str, str] = {
        **place.environment,
        # dbt takes the values of variables with this prefix out of its log and its messages.
        **{f"DBT_ENV_SECRET_{i}_OF_WAREHOUSE": text for i, text in enumerate(secrets_of(os.environ).values)},
        "WAREHOUSE_BUILD_PATH": str(place.build_path),
        "WAREHOUSE_ROOT": str(project.root),
        "WAREHOUSE_RAW": raw_location(project),
        "WAREHOUSE_EXTENSIONS": _extension_directory(),
    }
    before = {name: os.environ.get(name) for name in values}
    folder = Path.cwd()
    os.environ.update(values)
    try:
        yield
    finally:
        os.chdir(folder)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def raw_location(project: Project) -> str:
    """The folder of loaded rows as it can stand within quotes in a source's `external_location`."""
    (pattern,) = Relation.escaped([str(project.raw_path)])
    # dbt-duckdb fills in {name} and {identifier}.
    return literal(pattern)[1:-1].replace("{", "{{").replace("}", "}}")


def _extension_directory() -> str:
    """Where DuckDB finds its extensions; empty is its own folder."""
    connection = storage.connect(None)
    try:
        return str(storage.use_extensions(connection) or "")
    finally:
        connection.close()


def _scrub_results(path: Path) -> None:
    """Takes secrets out of the messages in dbt's results, which it writes as the database gave them."""
    with suppress(OSError, ValueError):
        document = json.loads(path.read_text(encoding="utf-8"))
        scrubbed = secrets_of(os.environ).scrub_document(document)
        if scrubbed != document:
            storage.write_json(path, scrubbed)


def _close_database() -> None:
    """Closes what dbt-duckdb keeps open for the process, so that the file can be opened read-only and moved."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.adapters.factory import cleanup_connections, reset_adapters

    cleanup_connections()
    environment = DuckDBConnectionManager._ENV
    if environment is not None and environment.conn is not None:
        environment.conn.close()
        environment.conn = None
    DuckDBConnectionManager.close_all_connections()
    reset_adapters()


def _check_profile_folder(project: Project) -> None:
    if not (project.root / "profiles.yml").is_file():
        raise BuildError(
            f"no profiles.yml in {project.root}\n"
            f"  it needs the target {project.settings.dbt_target!r} with type: duckdb and path: "
            "\"{{ env_var('WAREHOUSE_BUILD_PATH') }}/warehouse.duckdb\""
        )


def _advice(reason: str) -> str:
    """What to do about a project that dbt refuses, where its own words leave one without a trace."""
    if found := _UNKNOWN_GROUP.search(reason):
        # The file that declared it was deleted with others, and the settings that name it were not.
        return (
            f"declare group {found[1]} in a YAML file of models/ (groups: - name, owner), or take it out where "
            f"`+group: {found[1]}` stands, most likely in dbt_project.yml"
        )
    return "correct what it names"


def _reason(outcome: dbtRunnerResult, errors: Sequence[str]) -> str:
    """The explanation dbt gives; the same text often comes as exception and as event."""
    texts = [clean(str(outcome.exception))] if outcome.exception else []
    texts += [error for error in errors if error and not any(error in text or text in error for text in texts)]
    return "\n".join(f"  {line}" for text in texts or ["no reason given"] for line in text.splitlines() if line.strip())
