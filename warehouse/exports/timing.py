"""How long exports took: the last few of each dataset, in a file beside its versions."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from warehouse import storage
from warehouse.datasets.manifest import Manifest
from warehouse.datasets.versions import dataset_names
from warehouse.errors import StorageError
from warehouse.project import Project

NAME = ".times.json"
_KEPT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportTime:
    """One export that wrote a version."""

    dataset: str
    version: str
    build_id: str
    started_at: str
    """UTC, ISO 8601."""
    seconds: float
    row_count: int
    byte_count: int
    """Of the version's data files."""


def keep_time(folder: Path, manifest: Manifest, *, started_at: datetime, seconds: float) -> None:
    """Adds an export to those that the dataset's folder tells of. The version stands, so that a full disk is no error.

    The caller holds the dataset's lock.
    """
    time = ExportTime(
        dataset=manifest.name,
        version=manifest.version,
        build_id=manifest.provenance.build_id,
        started_at=started_at.astimezone(UTC).isoformat(timespec="seconds"),
        seconds=round(seconds, 3),
        row_count=manifest.row_count,
        byte_count=sum(file.byte_count for file in manifest.files),
    )
    kept = [*_read(folder), time][-_KEPT:]
    with suppress(StorageError):
        storage.write_json(folder / NAME, {"format": 1, "exports": [asdict(each) for each in kept]})


def export_times(project: Project) -> list[ExportTime]:
    """The last exports of every dataset, each dataset's oldest first; what cannot be read is passed over."""
    return [time for name in dataset_names(project) for time in _read(project.datasets_path / name)]


def _read(folder: Path) -> list[ExportTime]:
    try:
        return [ExportTime(**entry) for entry in json.loads((folder / NAME).read_text(encoding="utf-8"))["exports"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []
