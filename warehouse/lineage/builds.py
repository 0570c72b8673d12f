"""What a build comes to for a catalog: each model with what it read and made, and the checks of each table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from warehouse import sql, storage
from warehouse.build_tables import engine_of_spark_build, read_build_manifest, types_on_spark
from warehouse.dbt_manifest import ColumnDoc, DbtManifest, Model, Source
from warehouse.engine.local import LocalEngine
from warehouse.errors import WarehouseError
from warehouse.lineage import facets
from warehouse.lineage.checks import checks_steps
from warehouse.lineage.names import files_name, table_name
from warehouse.lineage.runs import DatasetUse, Run, Step, error_of
from warehouse.lineage.sending import harmless
from warehouse.project import Project
from warehouse.published import BuildFiles
from warehouse.records import Record, Status
from warehouse.sources.locations import parse_location

_RELATIONS = ("model", "seed", "snapshot")
Columns = Mapping[tuple[str, str], Sequence[tuple[str, str]]]
"""Name and type of every column, by schema and table."""


def end_build(run: Run, record: Record, files: BuildFiles) -> None:
    """Ends the run of a build with what its record and dbt's manifest say.

    A build that was published tells of every model: what it read, what it made, its rows, columns and SQL. Of one that
    was held back no table changed for anybody, so that it tells of the models that broke and of the checks alone.
    """
    if not run.is_told:
        return
    with harmless(), suppress(WarehouseError):  # without a manifest it was stopped before dbt ran
        _end_with_parts(run, record, files)
    run.end_record(record)


def tables_of_build(project: Project, files: BuildFiles) -> list[DatasetUse]:
    """Every table of a build with its columns; none when it has no manifest that can be read."""
    with harmless(), suppress(WarehouseError):
        manifest = read_build_manifest(files)
        columns = _columns(project, files, manifest)
        models = [model for model in manifest.models.values() if (model.schema, model.alias) in columns]
        return [_table(project, model, columns) for model in models]
    return []


def _end_with_parts(run: Run, record: Record, files: BuildFiles) -> None:
    project = run.project
    manifest = read_build_manifest(files)
    columns = _columns(project, files, manifest) if record.status is Status.PASSED else {}
    nodes = [node for node in record.details.get("nodes", ()) if node["resource_type"] in _RELATIONS]
    models = [(manifest.models[node["unique_id"]], node) for node in nodes if node["unique_id"] in manifest.models]
    steps = [
        _model_step(run, record, manifest, model, node, columns)
        for model, node in models
        if record.status is Status.PASSED or node["status"] == "error"
    ]
    steps += checks_steps(project, record, manifest)
    made = [(model, node) for model, node in models if record.status is Status.PASSED]
    run.end(
        record.status,
        seconds=record.seconds,
        error=error_of(record),
        inputs=[use for source in manifest.sources.values() for use in _source(project, source, record)],
        outputs=[_output(project, model, node, columns) for model, node in made],
        steps=steps,
    )


def _model_step(
    run: Run, record: Record, manifest: DbtManifest, model: Model, node: Mapping[str, Any], columns: Columns
) -> Step:
    is_made = node["status"] == "success"
    return Step(
        job=model.name,
        # NOTE: the record knows how long a model took, not when dbt began with it.
        started_at=datetime.fromisoformat(record.started_at),
        seconds=float(node["seconds"]),
        status=Status.PASSED if is_made else Status.ERROR,
        inputs=list(_inputs(run.project, record, manifest, model, columns)),
        outputs=[_output(run.project, model, node, columns)] if is_made else [],
        job_facets=facets.of_job(description=model.description, sql=run.shown(model.compiled_code or "")),
        error="" if is_made else str(node["message"]),
    )


def _inputs(
    project: Project, record: Record, manifest: DbtManifest, model: Model, columns: Columns
) -> Iterator[DatasetUse]:
    for parent in dict.fromkeys(_parents(manifest, model)):
        if parent in manifest.sources:
            yield from _source(project, manifest.sources[parent], record)
        else:
            yield _table(project, manifest.models[parent], columns)


def _parents(manifest: DbtManifest, model: Model) -> Iterator[str]:
    """Ids of the sources and relations that a model reads; an ephemeral one is no relation, but SQL within."""
    for parent in model.depends_on:
        other = manifest.models.get(parent)
        if other is not None and other.materialized == "ephemeral":
            yield from _parents(manifest, other)
        elif other is not None or parent in manifest.sources:
            yield parent


def _source(project: Project, source: Source, record: Record) -> Iterator[DatasetUse]:
    """The files behind a source, or the table that it is."""
    name = f"{source.source_name}.{source.name}"
    state = next((state for state in record.details.get("sources", ()) if state["name"] == name), None)
    version = (state or {}).get("table") or {}
    described = facets.of_dataset(
        description=source.description, columns=_documented(source.columns), version=version.get("version", "")
    )
    if source.external_location is None:
        parts = (source.relation_name or f"{source.source_name}.{source.name}").replace('"', "").split(".")
        yield DatasetUse(name=table_name(project, schema=".".join(parts[:-1]), table=parts[-1]), facets=described)
        return
    files = None if version or state is None else state["files"]
    read = facets.of_reading(rows=state["row_count"], files=files) if state else {}
    location = parse_location(source.external_location)
    # An Iceberg table may be told by a file of its log, which is another one for each version.
    patterns = [one.partition("/metadata/")[0] if location.is_table else one for one in location.patterns]
    names = dict.fromkeys(files_name(project, pattern) for pattern in patterns)
    for place in names:
        yield DatasetUse(name=place, facets=described, use_facets=read if len(names) == 1 else {})


def _table(project: Project, model: Model, columns: Columns) -> DatasetUse:
    typed = columns.get((model.schema, model.alias)) or [
        (column.name, column.data_type or "") for column in model.columns.values()
    ]
    texts = {column.name.lower(): column.description for column in model.columns.values()}
    return DatasetUse(
        name=table_name(project, schema=model.schema, table=model.alias),
        facets=facets.of_dataset(
            description=model.description, columns=[(name, type_, texts.get(name.lower(), "")) for name, type_ in typed]
        ),
    )


def _output(project: Project, model: Model, node: Mapping[str, Any], columns: Columns) -> DatasetUse:
    table = _table(project, model, columns)
    return DatasetUse(name=table.name, facets=table.facets, use_facets=facets.of_writing(rows=node["rows"]))


def _columns(project: Project, files: BuildFiles, manifest: DbtManifest) -> Columns:
    if files.is_on_spark:
        with engine_of_spark_build(project, files) as engine:
            types = types_on_spark(engine, manifest.models.values())
        return {table: list(columns.items()) for table, columns in types.items()}
    with storage.connect(files.database_path) as connection:
        found: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for row in LocalEngine(connection).rows(columns_sql()):
            found.setdefault((row["schema_name"], row["table_name"]), []).append((row["column_name"], row["data_type"]))
    return found


def columns_sql() -> sql.Query:
    """One row per column of every table and view: `schema_name`, `table_name`, `column_name`, `data_type`."""
    return sql.Query.of(
        sql.Step(
            "columns",
            """
            select
                schema_name,
                table_name,
                column_name,
                data_type,
            from duckdb_columns()
            where not internal
            order by schema_name, table_name, column_index
            """,
        )
    )


def _documented(columns: Mapping[str, ColumnDoc]) -> list[tuple[str, str, str]]:
    return [(column.name, column.data_type or "", column.description) for column in columns.values()]
