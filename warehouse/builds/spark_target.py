"""A build on a Spark cluster: schemas of its own, and in the build's folder a file that says which."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from typing import Any

from warehouse import storage
from warehouse.builds.spark_sources import file_tables
from warehouse.builds.targets import make_folder
from warehouse.dbt_manifest import DbtManifest
from warehouse.dbt_results import NodeResult
from warehouse.dbt_runner import Parsed, Place
from warehouse.dbt_tests import findings_of_tests_by
from warehouse.engine.spark_errors import GONE, plain_reason, spark_errors
from warehouse.engine.spark_schemas import make_file_tables, run, schema_names, spark_is_sail
from warehouse.engine.spark_scratch import drop_dead_scratch
from warehouse.engine.spark_session import connect_spark, default_session, shown_remote
from warehouse.engine.spark_values import spark_identifier
from warehouse.errors import BuildError, StorageError, problem_list
from warehouse.findings import Finding
from warehouse.project import Project
from warehouse.published import BuildFiles, SparkPlace, spark_prefix, write_spark_place
from warehouse.validation import Suite, SuiteResult, ValidationResult
from warehouse.validation.spark_running import run_spark_suites

TARGET = "spark"
"""The target of profiles.yml."""
DEFAULT_SCHEMA = "main"
"""What the schema of models is called that name none, in DuckDB and here."""
_TABLES = ("table", "incremental", "seed", "snapshot")


class SparkTarget:
    """Schemas on the cluster of the settings."""

    def __init__(self, project: Project, files: BuildFiles, *, now: datetime) -> None:
        self.project = project
        self.files = files
        self.prefix = spark_prefix(files.id)
        self.place = Place(
            build_path=project.warehouse_path / "building",
            target_path=project.warehouse_path / "dbt-spark",
            profiles_path=project.root,
            environment={
                "SPARK_REMOTE": project.settings.spark_remote,
                "WAREHOUSE_SPARK_SCHEMA": f"{self.prefix}_{DEFAULT_SCHEMA}",
            },
            target=TARGET,
        )
        self._session = connect_spark(project)
        self._held = ExitStack()
        self._now = now
        self._spark_place: SparkPlace | None = None
        self._manifest: DbtManifest | None = None

    def check(self, parsed: Parsed, *, is_partial: bool, full_refresh: bool) -> None:
        """Refuses whatever would start from a copy of the published build: Spark copies no schemas."""
        reasons = []
        if is_partial:
            reasons.append("--select and --exclude; leave them out, so that everything is built")
        if parsed.keeps_history:
            reasons.append("snapshots, whose history would be lost; build them in DuckDB: --target duckdb")
        if parsed.is_incremental and not full_refresh:
            reasons.append("incremental models; make them again from nothing: --full-refresh")
        if reasons:
            raise BuildError(
                problem_list("a build on Spark starts from nothing, and these need the published one:", reasons)
            )

    def prepare(self, origin: BuildFiles | None) -> None:
        """Makes the folder."""
        make_folder(self.files)

    def begin(self, manifest: DbtManifest) -> None:
        """Writes down which schemas the build is about to make, and makes tables of the sources' files.

        Whatever died with its scratch schema left here goes first.
        """
        drop_dead_scratch(self._session, now=self._now)
        self._manifest = manifest
        made = {f"{self.prefix}_{DEFAULT_SCHEMA}"} | {
            model.schema for model in manifest.models.values() if model.materialized != "ephemeral"
        }
        strays = [schema for schema in sorted(made) if not schema.startswith(f"{self.prefix}_")]
        if strays:
            raise BuildError(
                problem_list("models would be built into schemas that others read:", strays)
                + f"\n  let generate_schema_name() begin with target.schema, which is {self.prefix}_{DEFAULT_SCHEMA}"
            )
        # Loaded rows are not replaced while they are read, file by file.
        self._held.enter_context(storage.reading(self.project.raw_path))
        tables = file_tables(
            self.project,
            manifest.sources.values(),
            schema=f"{self.prefix}_{DEFAULT_SCHEMA}",
            is_sail=spark_is_sail(self._session),
        )
        made |= {table.schema for table in tables}
        self._refuse_to_share(made)
        self._spark_place = SparkPlace(
            remote=shown_remote(self.project.settings.spark_remote),
            catalog=str(self._rows("select current_catalog() as name")[0]["name"]),
            schemas={schema.removeprefix(f"{self.prefix}_"): schema for schema in sorted(made)},
        )
        # Before the first schema is made: whoever clears up after a kill reads it.
        write_spark_place(self.files.spark_draft_path, self._spark_place)
        make_file_tables(self._session, tables)

    def run(self, run_dbt: Callable[[], tuple[NodeResult, ...]]) -> tuple[NodeResult, ...]:
        """Lets dbt run in this session, counts the tables that it made, and says plainly why others were not.

        Raises:
            StorageError: the server went away meanwhile.
        """
        try:
            with default_session(self._session):
                nodes = run_dbt()
        except BuildError as error:
            _check_was_there("dbt", str(error))
            raise
        for node in nodes:
            _check_was_there(f"the {node.resource_type} {node.name}", node.message)
        return tuple(replace(node, rows=self._row_count(node), message=plain_reason(node.message)) for node in nodes)

    def seal(self) -> None:
        """Writes where the build lies; from then on it is whole."""
        assert self._spark_place is not None
        write_spark_place(self.files.spark_path, self._spark_place)
        with storage.storage_errors(f"seal {self.files.path}"):
            self.files.spark_draft_path.unlink()
            storage.sync_folder(self.files.path)
            storage.sync_folder(self.files.path.parent)

    def findings_of_tests(self, nodes: Sequence[NodeResult]) -> tuple[Finding, ...]:
        """What dbt's tests found."""
        return findings_of_tests_by(self.project, nodes, self._rows)

    def validate(self, suites: Sequence[Suite], on_suite: Callable[[SuiteResult], None]) -> ValidationResult:
        """What the suites found."""
        return run_spark_suites(self.project, self.files, suites, session=self._session, on_suite=on_suite)

    def make_room(self) -> None:
        """Nothing: what a build on Spark makes lies on the cluster."""

    def close(self) -> None:
        """Leaves the cluster."""
        self._held.close()
        self._session.stop()

    def _refuse_to_share(self, schemas: Collection[str]) -> None:
        """Another project may have begun a build on this cluster in the same second: its tables are not ours."""
        there = schema_names(self._session)
        taken = sorted(schema for schema in schemas if schema.lower() in there)
        if taken:
            raise BuildError(
                problem_list("the cluster has schemas of another project's build, begun in the same second:", taken)
                + "\n  nothing was built; run it again"
            )

    def _rows(self, statement: str) -> list[dict[str, Any]]:
        frame = run(self._session, statement)
        with spark_errors(statement):
            return [row.asDict() for row in frame.collect()]

    def _row_count(self, node: NodeResult) -> int | None:
        if node.status != "success" or node.materialized not in _TABLES or self._manifest is None:
            return None
        model = self._manifest.models[node.unique_id]
        (row,) = self._rows(
            f"select count(*) as row_count from {spark_identifier(model.schema)}.{spark_identifier(model.alias)}"
        )
        return int(row["row_count"])


def _check_was_there(asker: str, said: str) -> None:
    """Raises one error when what somebody said of a failure is that the server went away: all after it failed too."""
    _, gone, details = plain_reason(said).partition(GONE)
    if gone:
        raise StorageError(
            f"{GONE}{details.splitlines()[0]}\n  {asker} asked it; once it answers, run the same command again"
        )
