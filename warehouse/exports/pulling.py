"""Pulling a version from an object store, as a run of its own."""

from __future__ import annotations

from datetime import datetime

from warehouse import runs
from warehouse.datasets.manifest import Manifest
from warehouse.datasets.marks import STORED_NAME
from warehouse.datasets.store_layout import find_stored
from warehouse.datasets.store_pull import Pull, pull_version
from warehouse.datasets.versions import MANIFEST_NAME, read_version
from warehouse.lineage.facets import of_dataset, of_writing
from warehouse.lineage.names import store_name, version_name
from warehouse.lineage.runs import DatasetUse
from warehouse.object_store import Store
from warehouse.project import Project


def pull_on_record(project: Project, store: Store, reference: str, *, now: datetime) -> Pull:
    """Fetches a version into the project's datasets; on record and told, unless it is here already.

    Raises:
        StoreError: there is no such version, the store cannot be reached, or an object is not what its name says.
        VersionError: another version of this number is here already.
        LockedError: an export or another pull of this dataset is running.
        StorageError: the disk is full or cannot be written.
    """
    found = find_stored(store, reference)
    folder = project.datasets_path / found.dataset / found.number
    if (folder / MANIFEST_NAME).is_file() and not (folder / STORED_NAME).is_file():
        return pull_version(store, project, found.reference)
    details = {"url": store.url, "reference": found.reference}
    with runs.on_record(project, "pull", now=now, details=details, dataset=found.dataset, is_reading=True) as run:
        result = pull_version(store, project, found.reference)
        run.details = {"fetched_bytes": result.fetched_bytes, "file_count": result.file_count}
        with run.telling() as is_told:
            if is_told:
                run.inputs.append(DatasetUse(name=store_name(store.url, found.dataset)))
                run.outputs.append(_written(project, read_version(result.path).manifest))
    return result


def _written(project: Project, manifest: Manifest) -> DatasetUse:
    columns = [(column.name, column.type, column.description) for column in manifest.columns]
    return DatasetUse(
        name=version_name(project, manifest.name),
        facets=of_dataset(description=manifest.description, columns=columns, version=manifest.version),
        use_facets=of_writing(rows=manifest.row_count),
    )
