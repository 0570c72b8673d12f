"""All datasets of a project at a glance: declared, exported, broken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from warehouse.datasets.declarations import read_declarations
from warehouse.datasets.manifest import Manifest
from warehouse.datasets.marks import read_tags
from warehouse.datasets.splits import whole_name
from warehouse.datasets.versions import dataset_names, newest_version, standing_numbers, version_numbers
from warehouse.dbt_manifest import read_dbt_manifest
from warehouse.errors import VersionError
from warehouse.project import Project
from warehouse.published import find_build


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetEntry:
    """One dataset."""

    name: str
    declared_in: str | None
    """The YAML file; None when only versions are left of it."""
    share_of: str | None
    """The dataset of whose train this is a share; None when it is a whole."""
    model: str | None
    versions: tuple[str, ...]
    """Numbers of those that stand, oldest first."""
    withdrawn: tuple[str, ...]
    """Numbers of those that were withdrawn and not deleted yet."""
    tags: Mapping[str, str]
    """Each with the number that it names."""
    row_count: int | None
    """Of the newest version, as the four fields below."""
    build_id: str | None
    created_at: datetime | None
    owner: str | None
    description: str | None
    problems: tuple[str, ...]
    """Why it cannot be exported, or its newest version not be read; empty when all is well."""


def list_datasets(project: Project) -> tuple[DatasetEntry, ...]:
    """Every dataset that the published build declares or that has a version, by name.

    Raises:
        ProjectError: no build is published.
    """
    build = find_build(project)
    manifest = read_dbt_manifest(build.dbt_manifest_path)
    declarations = read_declarations(manifest, default_salt=project.settings.split_salt)
    entries = []
    for declaration in declarations:
        model = declaration.model.name if declaration.model else None
        entries.append(
            _entry(project, declaration.name, declaration.exposure.original_file_path, model, declaration.problems)
        )
    declared = {declaration.name for declaration in declarations}
    entries += [_entry(project, name, None, None, ()) for name in dataset_names(project) if name not in declared]
    return tuple(sorted(entries, key=lambda entry: entry.name))


def _entry(
    project: Project, name: str, declared_in: str | None, model: str | None, problems: tuple[str, ...]
) -> DatasetEntry:
    newest: Manifest | None = None
    standing = standing_numbers(project, name)
    tags: dict[str, str] = {}
    try:
        tags = read_tags(project.datasets_path / name)
        version = newest_version(project, name)
        newest = version.manifest if version else None
    except VersionError as error:
        problems = (*problems, str(error))
    return DatasetEntry(
        name=name,
        declared_in=declared_in,
        share_of=whole_name(newest.spec) if newest and newest.spec.fraction < 1 else None,
        model=model or (newest.spec.model if newest else None),
        versions=tuple(standing),
        withdrawn=tuple(number for number in version_numbers(project, name) if number not in standing),
        tags=tags,
        row_count=newest.row_count if newest else None,
        build_id=newest.provenance.build_id if newest else None,
        created_at=newest.created_at if newest else None,
        owner=newest.owner if newest else None,
        description=newest.description if newest else None,
        problems=problems,
    )
