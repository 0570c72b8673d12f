"""What a version's manifest will say, before a file is written: origin, columns, counts, findings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version as installed_version

from warehouse import records
from warehouse.datasets.columns import OutputColumn
from warehouse.datasets.comparison import ANOTHER_KEY, next_number
from warehouse.datasets.declarations import Declaration
from warehouse.datasets.labels import LabelFacts
from warehouse.datasets.manifest import FORMAT, Change, ColumnRecord, Manifest, Provenance, SplitRecord
from warehouse.datasets.placement import Placement
from warehouse.datasets.spec import ColumnSplit, DatasetSpec, HashSplit
from warehouse.datasets.splits import split_bounds
from warehouse.datasets.versions import taken_numbers
from warehouse.dbt_manifest import DbtManifest, Model
from warehouse.findings import Finding, Severity
from warehouse.project import Project
from warehouse.published import BuildFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is exported, before any data is read."""

    project: Project
    files: BuildFiles
    dbt_manifest: DbtManifest
    declaration: Declaration
    now: datetime
    recorded: DatasetSpec | None = None
    """A version's specification, by which it is made again; None: the declared one counts."""


def draft_manifest(
    task: Task,
    spec: DatasetSpec,
    model: Model,
    columns: list[OutputColumn],
    placement: Placement,
    change: Change | None,
    *,
    tools: Mapping[str, str],
) -> Manifest:
    """The manifest without files, fingerprints, labels and findings; `tools` are versions of what computes."""
    description, owner, maturity = exposure_words(task)
    record = records.read_record(task.project, task.files.id)
    git = (record.git if record else None) or {}
    sql = model.compiled_code
    return Manifest(
        format=FORMAT,
        name=spec.name,
        version=next_number(change, taken=taken_numbers(task.project, spec.name)),
        created_at=task.now.astimezone(UTC),
        description=description,
        owner=owner,
        maturity=maturity,
        spec=spec,
        declared=dict(task.declaration.document),
        provenance=Provenance(
            build_id=task.files.id,
            model=model.unique_id,
            model_path=model.file_path,
            compiled_sql=sql,
            compiled_sql_sha256=None if sql is None else hashlib.sha256(sql.encode()).hexdigest(),
            git_commit=git.get("commit"),
            git_dirty=git.get("dirty"),
        ),
        columns=column_records(model, columns),
        bounds=_bounds(spec),
        splits=tuple(
            SplitRecord(
                name=name,
                row_count=count,
                labels=None,
                label_mean=None,
                fingerprint="",
                files=(),
            )
            for name, count in placement.row_counts.items()
        ),
        dropped=placement.dropped,
        fingerprint="",
        change=change,
        findings=(),
        tools={
            "ml-warehouse": installed_version("ml-warehouse"),
            **tools,
            "dbt-core": task.dbt_manifest.dbt_version,
        },
    )


def _bounds(spec: DatasetSpec) -> dict[str, str]:
    """The line that places rows; empty when a column does, or quotas."""
    if isinstance(spec.split, ColumnSplit) or (isinstance(spec.split, HashSplit) and spec.split.stratify):
        return {}
    return split_bounds(spec.split)


def column_records(model: Model, columns: list[OutputColumn]) -> tuple[ColumnRecord, ...]:
    """The exported columns with what dbt's YAML says about them."""
    documented = {column.name.lower(): column for column in model.columns.values()}
    records = []
    for column in columns:
        words = documented.get(column.name.lower())
        records.append(
            ColumnRecord(
                name=column.name,
                type=column.type,
                description=column.description or (words.description if words else ""),
                unit=column.unit if column.description or not words else words.unit,
                pseudonym=column.pseudonym,
            )
        )
    return tuple(records)


def citation_of(task: Task) -> str | None:
    """How to cite the dataset, as the exposure's `meta.citation` says it; None when it does not."""
    citation = task.declaration.exposure.meta.get("citation")
    return None if citation is None else str(citation)


def licence_of(task: Task) -> str | None:
    """The licence that the exposure names in `meta.license`; None when it does not."""
    licence = task.declaration.exposure.meta.get("license")
    return None if licence is None else str(licence)


def with_labels(manifest: Manifest, facts: Mapping[str, LabelFacts]) -> Manifest:
    """The manifest with the labels of each split; unchanged without a label."""
    if not facts:
        return manifest
    splits = (
        replace(split, labels=facts[split.name].labels, label_mean=facts[split.name].mean) for split in manifest.splits
    )
    return replace(manifest, splits=tuple(splits))


_REASONS = {
    "embargo": "so close to a cutoff that they are in the embargo",
    "off_diagonal": "of an entity of one split and the time of another",
    "off_target": "not of the target distribution, and tied to dev or test",
    "synthetic": "synthetic, and tied to a split that must not have such rows",
    "frozen": "new, and tied to a frozen split",
    "duplicate": "equal to a row that is exported",
    "fraction": "of train, beyond the share that is exported",
    "downsampled": "of train, and thinned out by downsample",
}


def drop_findings(manifest: Manifest) -> Iterator[Finding]:
    """Rows of the model that lie in no split."""
    total = manifest.row_count + sum(manifest.dropped.values())
    for reason, count in manifest.dropped.items():
        yield Finding(
            severity=Severity.INFO,
            check="split",
            subject=manifest.name,
            message=(
                f"{count:,} of {total:,} rows ({count / total:.1%}) are in no split: {reason}"
                + (f" ({_REASONS[reason]})" if reason in _REASONS else "")
            ),
            measured=count / total,
        )


def label_findings(manifest: Manifest, facts: Mapping[str, LabelFacts]) -> Iterator[Finding]:
    """Rows without a label; how much they matter is for the dataset to say."""
    spec = manifest.spec
    missing = {split: fact.missing_count for split, fact in facts.items() if fact.missing_count}
    if missing:
        counts = ", ".join(f"{split} {count:,}" for split, count in missing.items())
        yield Finding(
            severity=spec.gates["missing_labels"],
            check="missing_labels",
            subject=f"{spec.model}.{spec.label}",
            message=f"{sum(missing.values()):,} rows have no label: {counts}",
            measured=sum(missing.values()) / manifest.row_count,
            threshold=0.0,
            advice="leave such rows out in the model, or say what the label means when it is missing",
        )


def change_findings(manifest: Manifest, *, allow_split_changes: bool) -> Iterator[Finding]:
    """What happened to rows of the version before; rows that changed their split keep the export from being written."""
    change = manifest.change
    if change is not None and change.rows_moved:
        yield Finding(
            severity=Severity.WARNING if allow_split_changes else Severity.CRITICAL,
            check="split_changes",
            subject=manifest.name,
            message=f"{change.rows_moved:,} rows changed their split since {change.since}",
            measured=float(change.rows_moved),
            threshold=0.0,
            advice=(
                "results on this version cannot be compared with those on earlier ones"
                if allow_split_changes
                else "if this is meant, run again with --allow-split-changes"
            ),
        )
    rekeyed = [entry.partition(":")[0] for entry in change.columns_retyped if ANOTHER_KEY in entry] if change else []
    if change is not None and rekeyed:
        yield Finding(
            severity=Severity.WARNING,
            check="pseudonym_key",
            subject=manifest.name,
            message=f"the key of the pseudonyms in {', '.join(rekeyed)} is not that of {change.since}: all are others",
            advice="if this is not meant, set the key that was used before and export again",
        )
    if change is not None and change.rows_removed:
        yield Finding(
            severity=Severity.INFO,
            check="rows_removed",
            subject=manifest.name,
            message=f"{change.rows_removed:,} rows of {change.since} are gone",
            measured=float(change.rows_removed),
        )


def exposure_words(task: Task) -> tuple[str, str | None, str | None]:
    """The dataset's description, owner and maturity."""
    exposure = task.declaration.exposure
    email = f"<{exposure.owner_email}>" if exposure.owner_email else None
    owner = " ".join(part for part in (exposure.owner_name, email) if part)
    return exposure.description, owner or None, exposure.maturity
