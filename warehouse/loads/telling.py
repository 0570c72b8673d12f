"""Tells catalogs that read OpenLineage of a load: for each table what it read and where the rows landed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from urllib.parse import urlsplit

from warehouse.lineage import facets
from warehouse.lineage.names import DatasetName, files_name
from warehouse.lineage.runs import DatasetUse, Step
from warehouse.loads.batches import TableFolder
from warehouse.loads.results import TableLoad, TableStatus
from warehouse.loads.specs import Kind, LoadSpec
from warehouse.project import Project
from warehouse.records import Record, Status

_PORTS = {Kind.POSTGRES: 5432, Kind.MYSQL: 3306}
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"[^\"]*\"")
_PLAIN = re.compile(r"[A-Za-z0-9_.-]+")


def table_steps(project: Project, record: Record, specs: Iterable[LoadSpec], tables: Iterable[TableLoad]) -> list[Step]:
    """One step per table that was asked for; one that could not be loaded wrote nothing."""
    known = {spec.name: spec for spec in specs}
    return [_step(project, record, known[table.name], table) for table in tables]


def _step(project: Project, record: Record, spec: LoadSpec, table: TableLoad) -> Step:
    failed = table.status is TableStatus.FAILED
    landed = DatasetName("file", str(TableFolder(project, spec.source_name, spec.table_name).link))
    written = facets.of_writing(rows=table.row_count, size=table.byte_count, files=table.batch_count)
    source = _source(project, spec, os.environ)
    return Step(
        job=spec.name,
        started_at=datetime.fromisoformat(record.started_at),
        seconds=table.seconds,
        status=Status.ERROR if failed else Status.PASSED,
        inputs=[DatasetUse(name=source)] if source is not None else [],
        outputs=[] if failed else [DatasetUse(name=landed, use_facets=written)],
        error=table.message if failed else "",
    )


def _source(project: Project, spec: LoadSpec, environment: Mapping[str, str]) -> DatasetName | None:
    """Files, or a table of a server; None for what has no name that other systems know, such as a query."""
    if spec.kind is Kind.FILES and spec.path:
        return files_name(project, spec.path)
    if spec.kind in _PORTS and spec.table:
        return server_table(spec.kind, environment.get(spec.connection or "", ""), spec.table)
    return None


def server_table(kind: Kind, connection: str, table: str) -> DatasetName | None:
    """The table as OpenLineage names it; None when the connection does not say plainly where its server is.

    NOTE: a connection holds a password. Taken from it are host, port and database, and only as plain words: whatever
    a password with odd characters makes of the rest of an address is none.
    """
    _, separator, _ = connection.partition("://")
    try:
        if separator:
            parts = urlsplit(connection)
            found = {"host": parts.hostname or "", "port": str(parts.port or ""), "database": parts.path[1:]}
        else:
            words = re.findall(r"(?:^|\s)(host|port|database|dbname|db)\s*=\s*(\S+)", _QUOTED.sub("", connection))
            found = {{"dbname": "database", "db": "database"}.get(key, key): value for key, value in words}
    except ValueError:
        return None
    host, database = found.get("host", ""), found.get("database", "")
    port = found.get("port") or str(_PORTS[kind])
    if not (_PLAIN.fullmatch(host) and _PLAIN.fullmatch(database) and port.isdecimal()):
        return None
    if kind is Kind.POSTGRES and "." not in table:
        table = f"public.{table}"
    return DatasetName(f"{kind.value}://{host}:{port}", f"{database}.{table}")
