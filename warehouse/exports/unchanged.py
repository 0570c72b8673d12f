"""Whether the newest version already is what an export would write."""

from __future__ import annotations

from dataclasses import replace

from warehouse.datasets.columns import OutputColumn
from warehouse.datasets.manifest import FORMAT, Manifest
from warehouse.datasets.spec import DatasetSpec
from warehouse.datasets.versions import Version
from warehouse.dbt_manifest import Model
from warehouse.exports.drafting import Task, column_records, exposure_words


def is_known(task: Task, spec: DatasetSpec, model: Model, columns: list[OutputColumn], previous: Version) -> bool:
    """Whether the newest version was made from this very build by these very words."""
    manifest = previous.manifest
    return (
        manifest.provenance.build_id == task.files.id
        and manifest.provenance.model == model.unique_id
        and manifest.declared == task.declaration.document
        and replace(manifest.spec, split=spec.split, freeze=spec.freeze) == spec
        and getattr(manifest.spec.split, "salt", None) == getattr(spec.split, "salt", None)
        and manifest.columns == column_records(model, columns)
        and _words(manifest) == exposure_words(task)
        and manifest.format == FORMAT
    )


def has_same_words(manifest: Manifest, previous: Version) -> bool:
    """Whether specification, description and columns are as in the version before."""
    before = previous.manifest
    # Which number stands for `newest` is no other word: the declaration tells whether it has changed.
    spec = replace(manifest.spec, freeze=before.spec.freeze)
    return (
        (spec, manifest.declared, manifest.columns) == (before.spec, before.declared, before.columns)
        and _words(manifest) == _words(before)
        and manifest.format == before.format
    )


def _words(manifest: Manifest) -> tuple[str | None, ...]:
    return manifest.description, manifest.owner, manifest.maturity
