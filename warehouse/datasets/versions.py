"""Versions on disk: which there are, which of them stand, and what one holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse import storage
from warehouse.datasets.formats import read_relation
from warehouse.datasets.manifest import NUMBER, Manifest, read_manifest
from warehouse.datasets.marks import (
    WITHDRAWN_NAME,
    Withdrawal,
    read_removals,
    read_stored_url,
    read_tags,
    read_withdrawal,
)
from warehouse.datasets.store_keys import object_key
from warehouse.errors import VersionError, suggestion
from warehouse.project import Project
from warehouse.sql import Relation

if TYPE_CHECKING:
    import duckdb

MANIFEST_NAME = "manifest.json"
NEWEST = "newest"
"""What people may write for the newest version that stands."""


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
    def withdrawal(self) -> Withdrawal | None:
        """Why it must no longer be used; None when it stands.

        Raises:
            VersionError: what says so cannot be read.
        """
        return read_withdrawal(self.path)

    @property
    def store_url(self) -> str | None:
        """URL of the store that has its data files; None when they are here.

        Raises:
            VersionError: what says so cannot be read.
        """
        return read_stored_url(self.path)

    @property
    def manifest_path(self) -> Path:
        """The file that makes this version exist."""
        return self.path / MANIFEST_NAME

    def files(self, split: str) -> tuple[Path, ...]:
        """The split's files, in the order of its rows.

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
        """The split's rows; where its files lie in a store, that is where an engine finds them.

        Raises:
            VersionError: this version has no such split, or a file of it is missing or cut off.
        """
        store = self.store_url
        if store is None:
            paths = [str(path) for path in self.files(name)]
            self.check_files(name)
        else:
            paths = self._stored_files(name, store)
        columns = self.manifest.columns
        return read_relation(self.manifest.spec.format, paths, columns, name=f"{self.reference} {name}")

    def _stored_files(self, split: str, url: str) -> list[str]:
        self.files(split)  # refuses a split that is not there
        records = next(record.files for record in self.manifest.splits if record.name == split)
        base = url.removeprefix("file://")
        return [f"{base}/{object_key(self.name, file.path, file.sha256)}" for file in records]

    def check_is_here(self) -> None:
        """Refuses a version whose data files lie in a store, for what reads files on this machine.

        Raises:
            VersionError: they do.
        """
        store = self.store_url
        if store is not None:
            raise VersionError(
                f"the data files of {self.reference} lie in {store}, where Spark's workers wrote them, and this reads "
                f"files that are here\n  fetch them: warehouse pull {self.reference}"
            )

    def check_files(self, split: str) -> None:
        """Looks at what costs nothing to see; `verify` reads the files.

        Raises:
            VersionError: a file of the split is missing, cut off, or in a store.
        """
        self.check_is_here()
        for file in (file for record in self.manifest.splits if record.name == split for file in record.files):
            try:
                found = (self.path / file.path).stat().st_size
                problem = "" if found == file.byte_count else f"has {found:,} bytes instead of {file.byte_count:,}"
            except OSError as error:
                problem = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
            if problem:
                raise VersionError(
                    f"{self.reference} is not what was written: {file.path} {problem}"
                    f"\n  restore it from a copy, or see what else is wrong: warehouse verify {self.reference}"
                )


def confine_to(connection: duckdb.DuckDBPyConnection, *versions: Version) -> None:
    """From now on the connection reads the files of these versions and no others, whatever their manifests say.

    Raises:
        VersionError: the files of one lie in a store.
    """
    for version in versions:
        version.check_is_here()
    storage.confine(connection, folders=[version.path / "data" for version in versions])


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


def standing_numbers(project: Project, name: str) -> list[str]:
    """Numbers of the versions that were not withdrawn, oldest first."""
    folder = project.datasets_path / name
    return [number for number in version_numbers(project, name) if not (folder / number / WITHDRAWN_NAME).is_file()]


def taken_numbers(project: Project, name: str) -> list[str]:
    """Every number that a version of the dataset has or had, lowest first; none is given twice.

    Raises:
        VersionError: the list of removed versions cannot be read.
    """
    removed = read_removals(project.datasets_path / name) if is_folder_name(name) else {}
    return sorted({*version_numbers(project, name), *removed}, key=number_parts)


def newest_version(project: Project, name: str) -> Version | None:
    """The dataset's newest version that stands; None when there is none."""
    numbers = standing_numbers(project, name)
    return _read_own(project.datasets_path / name / numbers[-1]) if numbers else None


def find_version(project: Project, reference: str, *, allow_withdrawn: bool = False) -> Version:
    """The version that `name@1.2.0` or `name@tag` means; `name` or `name@newest` is the newest that stands.

    Args:
        project: Where to look.
        reference: How people name a version.
        allow_withdrawn: Also answer with a version that must no longer be used.

    Raises:
        VersionError: there is no such version, it was withdrawn, or its manifest cannot be read.
    """
    name, _, which = reference.partition("@")
    folder = project.datasets_path / name
    numbers = version_numbers(project, name) if is_folder_name(name) else []
    if not numbers:
        known = dataset_names(project)
        hint = suggestion(name, known) or f"nothing is exported yet in {project.relative(project.datasets_path)}"
        raise VersionError(f"dataset {name!r} has no version; {hint}\n  make one with: warehouse export {name}")
    if which in ("", NEWEST):
        standing = standing_numbers(project, name)
        if not standing and not allow_withdrawn:
            raise VersionError(
                f"every version of dataset {name!r} was withdrawn\n  make one with: warehouse export {name}"
            )
        return _read_own(folder / (standing or numbers)[-1])
    tags = read_tags(folder)
    number = tags.get(which, which)
    if number not in numbers:
        raise VersionError(_missing(project, name, which, number, [*tags, *numbers[::-1]]))
    version = _read_own(folder / number)
    withdrawal = version.withdrawal
    if withdrawal is not None and not allow_withdrawn:
        instead = f"use {name}@{withdrawal.successor}" if withdrawal.successor else "no version takes its place"
        raise VersionError(f"{version.reference} was withdrawn on {withdrawal.at} ({withdrawal.reason})\n  {instead}")
    return version


def _missing(project: Project, name: str, which: str, number: str, known: list[str]) -> str:
    removal = read_removals(project.datasets_path / name).get(number)
    if removal is None:
        return (
            f"dataset {name!r} has no version or tag {which!r}; {suggestion(which, known)}\n  list: warehouse datasets"
        )
    instead = f"use {name}@{removal.successor}" if removal.successor else "list: warehouse datasets"
    return f"{name}@{number} was deleted on {removal.at} ({removal.reason})\n  {instead}"


def find_version_or_folder(project: Project, reference: str, *, allow_withdrawn: bool = False) -> Version:
    """As `find_version`; also the version in a folder, wherever it was copied to.

    Raises:
        VersionError: there is no such version, it was withdrawn, or its manifest cannot be read.
    """
    path = Path(reference)
    if "\0" not in reference and (path / MANIFEST_NAME).is_file():
        return read_version(path)
    return find_version(project, reference, allow_withdrawn=allow_withdrawn)


def newest_two(project: Project, name: str) -> tuple[Version, Version]:
    """The newest version that stands and the one before it, the older one first.

    Raises:
        VersionError: there are no two, or one of them cannot be read.
    """
    newest = find_version(project, name)
    standing = standing_numbers(project, newest.name)
    before = standing[: standing.index(newest.number)] if newest.number in standing else []
    if not before:
        raise VersionError(
            f"{newest.reference} is the only version up to it, so there is nothing to compare it with"
            f"\n  compare it with what an export would write: warehouse diff {newest.reference} @build"
        )
    return read_version(project.datasets_path / newest.name / before[-1]), newest


def read_version(path: Path) -> Version:
    """The version in this folder, wherever it lies.

    Raises:
        VersionError: there is no manifest, or it cannot be read.
    """
    if not (path / MANIFEST_NAME).is_file():
        raise VersionError(f"{path} is not a dataset version: it has no {MANIFEST_NAME}")
    return Version(path=path, manifest=read_manifest(path / MANIFEST_NAME))


def _read_own(path: Path) -> Version:
    """The version in a folder of the project's datasets, which must be the one that the folder is named after.

    Raises:
        VersionError: its manifest cannot be read, or is another version's.
    """
    version = read_version(path)
    if (version.name, version.number) != (path.parent.name, path.name):
        raise VersionError(
            f"{path} holds {version.reference}, not {path.parent.name}@{path.name}\n"
            f"  move it to where it belongs: {path.parent.parent / version.name / version.number}"
        )
    return version


def dataset_names(project: Project) -> list[str]:
    """Names of the datasets that have a version, sorted."""
    if not project.datasets_path.is_dir():
        return []
    return sorted(path.name for path in project.datasets_path.iterdir() if version_numbers(project, path.name))


def is_folder_name(name: str) -> bool:
    """Whether the text can name a folder, and no other folder than one right here."""
    is_short = len(name.encode(errors="surrogatepass")) <= 255
    return bool(name) and is_short and name not in (".", "..") and not set(name) & set("/\\\0")
