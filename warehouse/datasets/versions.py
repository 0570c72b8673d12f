"""Versions on disk: which there are, and what one holds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from warehouse.datasets.manifest import Manifest, read_manifest
from warehouse.errors import VersionError, suggestion
from warehouse.project import Project
from warehouse.sql import Relation

NUMBER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
MANIFEST_NAME = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One immutable version of a dataset."""

    path: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self.manifest.name

    @property
    def number(self) -> str:
        """`1.0.0`, say."""
        return self.manifest.version

    @property
    def reference(self) -> str:
        """How people name it: `late_arrivals@1.0.0`."""
        return f"{self.name}@{self.number}"

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of its splits: train first, test last."""
        return tuple(split.name for split in self.manifest.splits)

    @property
    def reports_path(self) -> Path:
        """Reports about this version; they may be written after it, and no checksum covers them."""
        return self.path / "reports"

    @property
    def manifest_path(self) -> Path:
        """The file that makes this version exist."""
        return self.path / MANIFEST_NAME

    def files(self, split: str) -> tuple[Path, ...]:
        """The split's Parquet files, in the order of its rows.

        Raises:
            VersionError: this version has no such split.
        """
        for record in self.manifest.splits:
            if record.name == split:
                return tuple(self.path / file.path for file in record.files)
        raise VersionError(f"{self.reference} has no split {split!r}; {suggestion(split, self.splits)}")

    @property
    def relations(self) -> dict[str, Relation]:
        """The rows of every split."""
        return {name: self.split(name) for name in self.splits}

    def split(self, name: str) -> Relation:
        """The split's rows.

        Raises:
            VersionError: this version has no such split.
        """
        return Relation.parquet([str(path) for path in self.files(name)], name=f"{self.reference} {name}")


def version_numbers(project: Project, name: str) -> list[str]:
    """Numbers of the dataset's versions, oldest first; empty when there is none.

    A folder without a manifest is not a version: the manifest is written last.
    """
    folder = project.datasets_path / name
    if not folder.is_dir():
        return []
    found = (path.name for path in folder.iterdir() if NUMBER.fullmatch(path.name) and (path / MANIFEST_NAME).is_file())
    return sorted(found, key=number_parts)


def number_parts(number: str) -> tuple[int, ...]:
    """`1.10.0` as numbers, so that it sorts after `1.9.0`."""
    return tuple(int(part) for part in number.split("."))


def newest_version(project: Project, name: str) -> Version | None:
    """The dataset's newest version; None before the first."""
    numbers = version_numbers(project, name)
    return read_version(project.datasets_path / name / numbers[-1]) if numbers else None


def find_version(project: Project, reference: str) -> Version:
    """The version that `name@1.2.0` names, or the newest one of `name`.

    Raises:
        VersionError: there is no such version, or its manifest cannot be read.
    """
    name, _, number = reference.partition("@")
    numbers = version_numbers(project, name) if _is_folder_name(name) else []
    if not numbers:
        known = dataset_names(project)
        hint = suggestion(name, known) or f"nothing is exported yet in {project.relative(project.datasets_path)}"
        raise VersionError(f"dataset {name!r} has no version; {hint}\n  make one with: warehouse export {name}")
    if number and number not in numbers:
        raise VersionError(
            f"dataset {name!r} has no version {number!r}; {suggestion(number, numbers[::-1])}\n"
            "  list: warehouse datasets"
        )
    return read_version(project.datasets_path / name / (number or numbers[-1]))


def read_version(path: Path) -> Version:
    """The version in this folder, wherever it lies.

    Raises:
        VersionError: there is no manifest, or it cannot be read.
    """
    if not (path / MANIFEST_NAME).is_file():
        raise VersionError(f"{path} is not a dataset version: it has no {MANIFEST_NAME}")
    return Version(path=path, manifest=read_manifest(path / MANIFEST_NAME))


def dataset_names(project: Project) -> list[str]:
    """Names of the datasets that have a version, sorted."""
    if not project.datasets_path.is_dir():
        return []
    return sorted(path.name for path in project.datasets_path.iterdir() if version_numbers(project, path.name))


def _is_folder_name(name: str) -> bool:
    return bool(name) and name not in (".", "..") and not set(name) & set("/\\\0")
