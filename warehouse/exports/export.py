"""Exporting a dataset: from a build's table to an immutable version, or to nothing at all."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from warehouse import records, storage
from warehouse.checks.leakage.search import find_leaks_in_placement
from warehouse.datasets import profiles
from warehouse.datasets.columns import OutputColumn
from warehouse.datasets.comparison import compare, is_same_content
from warehouse.datasets.conditions import check_condition
from warehouse.datasets.cutoffs import resolve_cutoffs
from warehouse.datasets.declarations import exported_columns, find_declaration
from warehouse.datasets.derived import derived_columns, derived_headers
from warehouse.datasets.formats import stored_columns
from warehouse.datasets.fractions import fraction_name, fraction_spec
from warehouse.datasets.freeze import resolve_freeze
from warehouse.datasets.labels import read_label_facts
from warehouse.datasets.manifest import Change, Manifest
from warehouse.datasets.placement import Placement, placed_relations
from warehouse.datasets.placement_stretches import in_stretches, stretches_of
from warehouse.datasets.pseudonyms import output_columns
from warehouse.datasets.row_checks import check_rows
from warehouse.datasets.spec import DatasetSpec
from warehouse.datasets.splits import is_integer_type, whole_name
from warehouse.datasets.versions import Version, newest_version
from warehouse.datasets.writing import writing
from warehouse.dbt_manifest import Model, read_dbt_manifest
from warehouse.engine.base import Engine
from warehouse.errors import ExportError, QueryError, VersionError
from warehouse.exports.committing import clear_leftovers, commit_version, receive_newest
from warehouse.exports.drafting import (
    Task,
    change_findings,
    citation_of,
    draft_manifest,
    drop_findings,
    label_findings,
    licence_of,
    with_labels,
)
from warehouse.exports.finishing import with_files, write_texts
from warehouse.exports.local_workplace import local_workplace
from warehouse.exports.outcome import Export, Outcome
from warehouse.exports.sizes import known_bytes, sampled_bytes
from warehouse.exports.spark_workplace import spark_workplace
from warehouse.exports.telling import told
from warehouse.exports.timing import keep_time
from warehouse.exports.unchanged import has_same_words, is_known
from warehouse.exports.workplaces import Workplace
from warehouse.findings import is_critical
from warehouse.project import Project
from warehouse.published import BuildFiles, find_build
from warehouse.reports.leakage_json import leakage_json
from warehouse.sql import Relation


def export_dataset(
    project: Project,
    name: str,
    *,
    now: datetime,
    build: str | None = None,
    fraction: float | None = None,
    dry_run: bool = False,
    allow_split_changes: bool = False,
    recorded: DatasetSpec | None = None,
    tell: bool = True,
) -> Export:
    """Writes the next version of a dataset, unless the newest one is already what it would be.

    Reads the published build (or the one of the id `build`), which may be switched meanwhile. A version appears whole,
    in one rename; what a killed export left is removed by the next one.

    Args:
        project: The project.
        name: The dataset's name.
        now: When the version is made.
        build: Id of a build; the published one when left out.
        fraction: Nested share of train, above 0 and below 1, exported as a dataset of its own (`NAME_10pct`) with the
            same dev and test; all of train when left out.
        dry_run: Find out everything and write nothing.
        allow_split_changes: Also write a version in which rows changed their split.
        recorded: A version's specification, by which it is made again; the declared one when left out.
        tell: Tell catalogs that read OpenLineage, if that is configured; a dry run is never told of.

    Raises:
        ProjectError: nothing is published, or there is no such build.
        SpecError: no such dataset, or its declaration is wrong; lists every problem.
        ExportError: these rows cannot be exported: keys repeat, a split would be empty.
        LockedError: another export of this dataset is running.
        StorageError: the disk is full or cannot be written.
        StoreError: the project's object store cannot be reached, or another machine was first; nothing was written.
    """
    started = time.monotonic()
    files = find_build(project, build)
    record = records.read_record(project, files.id)
    if record is not None and record.status is not records.Status.PASSED:
        raise ExportError(
            f"build {files.id} did not pass (its status is {record.status.value!r}), so nothing is exported from it\n"
            "  list: warehouse builds"
        )
    dbt_manifest = read_dbt_manifest(files.dbt_manifest_path)
    if recorded is not None and recorded.fraction < 1:
        name, fraction = whole_name(recorded), recorded.fraction
    declaration = find_declaration(dbt_manifest, name, default_salt=project.settings.split_salt)
    if declaration.model is None or declaration.draft is None:
        declaration.usable()
    names = {exposure.name for exposure in dbt_manifest.exposures.values() if "dataset" in exposure.meta}
    folder = project.datasets_path / fraction_name(declaration.name, fraction, declared=names)
    with ExitStack() as parts:
        done = None
        if tell and not dry_run and declaration.model is not None:
            # Entered first and so left last: nobody waits for the dataset's lock while a catalog is told.
            model = declaration.model
            done = parts.enter_context(told(project, folder.name, build_id=files.id, model=model, now=now))
        workplace = parts.enter_context(_working(project, files, folder, dry_run=dry_run))
        parts.enter_context(writing(folder))
        if not dry_run:
            receive_newest(project, folder.name, data=workplace.needs_data_here)
        result = _export(
            Task(
                project=project,
                files=files,
                dbt_manifest=dbt_manifest,
                declaration=declaration,
                now=now,
                recorded=recorded,
            ),
            workplace,
            folder,
            fraction=fraction,
            dry_run=dry_run,
            allow_split_changes=allow_split_changes,
        )
        if result.outcome is Outcome.WRITTEN:
            keep_time(folder, result.manifest, started_at=now, seconds=time.monotonic() - started)
        if result.outcome is Outcome.UNCHANGED and result.path is not None and not dry_run:
            commit_version(project, Version(path=result.path, manifest=result.manifest), now=now)
        if done is not None:
            done.append(result)
        return result


LOCK_SECONDS = 5.0


@contextmanager
def _working(project: Project, files: BuildFiles, folder: Path, *, dry_run: bool) -> Iterator[Workplace]:
    """Where to export from the build, with the dataset locked and the leftovers of dead exports removed."""
    # A tag or a clean-up holds the lock for a moment, which is no reason to fail.
    with storage.lock(folder / ".lock", purpose=f"an export of {folder.name}", timeout=LOCK_SECONDS):
        if not dry_run:
            clear_leftovers(project, folder)
        with spark_workplace(project, files) if files.is_on_spark else local_workplace(project, files) as workplace:
            yield workplace


def _export(
    task: Task,
    workplace: Workplace,
    folder: Path,
    *,
    fraction: float | None,
    dry_run: bool,
    allow_split_changes: bool,
) -> Export:
    model = task.declaration.model
    assert model is not None
    engine = workplace.engine
    relation = workplace.table(model)
    types = _table_types(engine, relation, model, task)
    workplace.prepare(column_count=len(types))
    declared, model = task.declaration.usable(types)
    spec = task.recorded or fraction_spec(declared, fraction, name=folder.name)
    workplace.check(spec, folder=None if dry_run else folder)
    columns = stored_columns(output_columns(engine, spec, types), spec)
    previous = newest_version(task.project, spec.name)

    integer_key = len(spec.key) == 1 and is_integer_type(types[spec.key[0]])
    if previous is not None and is_known(task, spec, model, [*columns, *derived_headers(spec)], previous):
        return Export(outcome=Outcome.UNCHANGED, path=previous.path, manifest=previous.manifest)
    if spec.target_distribution is not None:
        check_condition(
            engine,
            relation,
            spec.target_distribution,
            dataset=spec.name,
            role="target_distribution",
            columns=tuple(types),
        )
    facts = workplace.table_facts(relation, spec, integer_key=integer_key)
    check_rows(engine, relation, spec, facts)
    # A share of train has the dev and test of the whole, so it follows the versions of the whole.
    whole = previous if fraction is None else newest_version(task.project, task.declaration.name) or previous
    document = task.declaration.document
    spec = resolve_cutoffs(engine, relation, spec, row_count=facts.row_count, declared=document, previous=whole)
    spec, freeze = resolve_freeze(task.project, spec, name=task.declaration.name, declared=document)
    relation, placement, found = workplace.place(relation, spec, facts, columns=columns, freeze=freeze, newest=whole)
    columns += derived_columns(engine, relation, spec, placement, types)
    # NOTE: for answers whose rows may come in any order; what keeps it would hold back all but the first stretch.
    asked, answered = in_stretches(relation, placement, facts.blocks)
    change = None if previous is None else _change(engine, asked, columns, answered, previous, spec)
    manifest = draft_manifest(task, spec, model, columns, placement, change, tools=workplace.tools)
    if previous is not None and change is not None and is_same_content(change) and has_same_words(manifest, previous):
        return Export(outcome=Outcome.UNCHANGED, path=previous.path, manifest=previous.manifest)
    stretches = stretches_of(relation, placement, facts.blocks)
    leaks = find_leaks_in_placement(engine, stretches, spec, types=types, exported=exported_columns(spec, types))
    found += (*drop_findings(manifest), *change_findings(manifest, allow_split_changes=allow_split_changes))
    found += leaks.findings
    label_type = types[spec.label] if spec.label else ""

    def judged(splits: Mapping[str, Relation]) -> Manifest:
        facts = read_label_facts(engine, splits, spec.label, type_name=label_type)
        labelled = with_labels(manifest, facts)
        return replace(labelled, findings=(*found, *label_findings(labelled, facts)))

    if dry_run or is_critical(found):
        outcome = Outcome.DRY_RUN if dry_run else Outcome.REFUSED
        sizes = None
        if dry_run:
            sizes = known_bytes(spec, columns, placement, previous) or sampled_bytes(
                workplace.sampled_bytes_per_row(relation, spec, columns, task.project.temporary_path), placement
            )
        manifest = judged(placed_relations(relation, placement))
        return Export(outcome=outcome, path=None, manifest=manifest, estimated_bytes=sizes)
    temporary = folder / f".tmp-{uuid.uuid4().hex}"
    try:
        manifest = with_files(manifest, workplace.write(relation, spec, columns, placement, temporary))
        manifest = judged(Version(path=temporary, manifest=manifest).relations)
        if is_critical(manifest.findings):
            return Export(outcome=Outcome.REFUSED, path=None, manifest=manifest)
        reports = {"leakage.json": leakage_json(leaks)}
        if spec.drift.profile:
            written = Version(path=temporary, manifest=manifest)
            reports[profiles.NAME] = profiles.profile_json(written, profiles.make_profile(engine, written))
        workplace.share(temporary, manifest.files)
        write_texts(
            temporary,
            manifest,
            licence=licence_of(task),
            citation=citation_of(task),
            reports=reports,
        )
        commit_version(task.project, Version(path=temporary, manifest=manifest), now=task.now)
        storage.publish_folder(temporary, folder / manifest.version)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return Export(outcome=Outcome.WRITTEN, path=folder / manifest.version, manifest=manifest)


def _change(
    engine: Engine,
    relation: Relation,
    columns: Sequence[OutputColumn],
    placement: Placement,
    previous: Version,
    spec: DatasetSpec,
) -> Change:
    try:
        return compare(engine, relation, columns, placement, previous, key=spec.key)
    except QueryError as error:
        if str(previous.path) not in str(error):
            raise
        raise VersionError(
            f"{previous.reference}, with which this export is compared, cannot be read: {str(error).splitlines()[0]}"
            f"\n  restore it from a copy, or see what is wrong: warehouse verify {previous.reference}"
        ) from error


def _table_types(engine: Engine, relation: Relation, model: Model, task: Task) -> dict[str, str]:
    try:
        return {column.name: column.type for column in engine.columns(relation)}
    except QueryError as error:
        if task.files.is_on_spark:
            raise ExportError(
                f"dataset {task.declaration.name!r} reads {model.schema}.{model.alias} of build {task.files.id}, of "
                f"which Spark does not tell the columns: {error.first_line}\n"
                "  if the table is gone, make it anew with: warehouse build"
            ) from error
        raise ExportError(
            f"build {task.files.id} has no table {model.schema}.{model.alias}, which dataset "
            f"{task.declaration.name!r} reads\n"
            f"  build it with: warehouse build --select +exposure:{task.declaration.name}"
        ) from error
