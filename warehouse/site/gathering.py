"""All facts of a project for its catalog, from its records, its published build and its dataset versions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from warehouse.build_tables import read_build_manifest
from warehouse.catalog_facts import CatalogFacts, DatasetFacts, Link, Node, Published, State, TableFacts, Thing
from warehouse.datasets.declarations import Declaration, read_declarations
from warehouse.datasets.versions import dataset_names
from warehouse.dbt_manifest import DbtManifest
from warehouse.errors import WarehouseError
from warehouse.project import Project
from warehouse.published import find_build, published_id
from warehouse.site.attention import find_attention
from warehouse.site.dataset_facts import Told, dataset_facts
from warehouse.site.dbt_docs import dbt_docs_path
from warehouse.site.history import History, read_history
from warehouse.site.lineage import lineage_nodes
from warehouse.site.published_tables import PublishedTables, published_tables
from warehouse.site.run_facts import commit_words
from warehouse.site.table_facts import Known, table_facts
from warehouse.sources.report import read_source_report
from warehouse.stages import Nightly

_NO_MANIFEST = DbtManifest(
    project_name="", dbt_version="", generated_at="", models={}, sources={}, tests={}, exposures={}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """The facts, and where the files lie that pages link to."""

    facts: CatalogFacts
    files: Mapping[str, Path]
    """By address in the site."""


def gather_facts(
    project: Project,
    *,
    now: datetime,
    profiles: bool = True,
    night: Nightly | None = None,
    on_progress: Callable[[str], None] = lambda _: None,
) -> Gathered:
    """The state of everything as it stands now; what cannot be read is told of and keeps nothing else from the site.

    Raises:
        StorageError: the disk is full, so that profiles cannot be kept.
    """
    on_progress("reading records")
    history = read_history(project, night=night)
    manifest, tables, unreadable = _published(project, profiles=profiles, on_progress=on_progress)
    on_progress("reading datasets")
    declarations = {
        declaration.name: declaration
        for declaration in read_declarations(manifest, default_salt=project.settings.split_salt)
    }
    nodes = _nodes(project, manifest, declarations)
    sources = read_source_report(project)
    known = Known(
        manifest=manifest,
        nodes=nodes,
        history=history,
        types=tables.types,
        profiles=tables.profiles,
        sources=sources,
        now=now,
    )
    files: dict[str, Path] = {}
    told = Told(
        project=project,
        nodes=nodes,
        declarations=declarations,
        nights=history.nights,
        files=files,
    )
    found_tables = table_facts(known)
    datasets = _datasets(told)
    published = _published_facts(project, history, found_tables)
    facts = CatalogFacts(
        project_name=manifest.project_name or project.root.name,
        made_at=now,
        published=published,
        nodes=nodes,
        tables=found_tables,
        datasets=datasets,
        runs=tuple(sorted(history.runs, key=lambda run: run.id, reverse=True)),
        older_run_count=history.older_run_count,
        attention=find_attention(
            published=published, runs=history.runs, datasets=datasets, sources=sources, unreadable=unreadable
        ),
        reports=tuple(_other_reports(project, files)),
        sources_checked_at=sources.checked_at if sources is not None else "",
    )
    return Gathered(facts=facts, files=files)


def _published(
    project: Project, *, profiles: bool, on_progress: Callable[[str], None]
) -> tuple[DbtManifest, PublishedTables, str]:
    """Dbt's manifest and the tables of the published build, or nothing and why."""
    nothing = PublishedTables(types={}, profiles={})
    build_id = published_id(project)
    if build_id is None:
        return _NO_MANIFEST, nothing, ""
    try:
        manifest = read_build_manifest(find_build(project, build_id))
    except WarehouseError as error:
        return _NO_MANIFEST, nothing, str(error)
    try:
        tables = published_tables(project, manifest, build_id=build_id, profiles=profiles, on_progress=on_progress)
    except WarehouseError as error:
        return manifest, nothing, str(error)
    return manifest, tables, ""


def _nodes(project: Project, manifest: DbtManifest, declarations: Mapping[str, Declaration]) -> dict[str, Node]:
    undeclared = [name for name in dataset_names(project) if name not in declarations]
    return {node.id: node for node in lineage_nodes(manifest, declarations.values(), undeclared)}


def _datasets(told: Told) -> tuple[DatasetFacts, ...]:
    found = [node for node in told.nodes.values() if node.thing is Thing.DATASET]
    return tuple(dataset_facts(told, node) for node in sorted(found, key=lambda node: node.name))


def _published_facts(project: Project, history: History, tables: Iterable[TableFacts]) -> Published | None:
    build_id = published_id(project)
    if build_id is None:
        return None
    record = history.published
    checks = [check for table in tables for check in table.checks]
    return Published(
        id=build_id,
        started_at=record.started_at if record is not None else "",
        commit=commit_words(record.git) if record is not None else "",
        page=next((run.page for run in history.runs if run.id == build_id), ""),
        test_count=sum(check.is_dbt for check in checks),
        expectation_count=sum(not check.is_dbt for check in checks),
        warning_count=sum(check.last.state in (State.WARN, State.BAD) for check in checks),
    )


def _other_reports(project: Project, files: dict[str, Path]) -> Iterable[Link]:
    """Dbt's own docs, when somebody made them as one file, and Great Expectations' Data Docs."""
    # Ours, or what `dbt docs generate --static` wrote for an analyst.
    for path in (dbt_docs_path(project), project.root / "target" / "static_index.html"):
        if path.is_file() and not path.is_symlink():
            files["reports/dbt/index.html"] = path
            yield Link(title="dbt docs: the project as dbt describes it", page="reports/dbt/index.html")
            break
    folder = project.reports_path / "validation"
    pages = [path for path in folder.glob("*.html") if path.is_file() and not path.is_symlink()]
    if folder / "index.html" in pages:
        # They link each other by their names.
        files.update({f"reports/validation/{path.name}": path for path in pages})
        yield Link(title="Data Docs: what Great Expectations found", page="reports/validation/index.html")
