"""Nested shares of train: what they are called, which files they are, which rows belong to one that has no files.

A row is in the share by the second lane of its entity's hash, so a smaller share is always inside a larger one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from warehouse.datasets.manifest import FileRecord, Manifest
from warehouse.datasets.splits import fraction_suffix, hash_text, is_in_subset, salt_of
from warehouse.errors import VersionError

SUBSET_SPLIT = "train"


def subset_name(fraction: float) -> str:
    """`train_10pct` for 0.1, `train_2p5pct` for 0.025."""
    return f"{SUBSET_SPLIT}{fraction_suffix(fraction)}"


def subset_files(files: Sequence[FileRecord], fraction: float) -> tuple[FileRecord, ...]:
    """The files of train that make up this share, which must be one that was written."""
    return tuple(file for file in files if file.subset is not None and file.subset <= fraction)


def is_written(manifest: Manifest, fraction: float) -> bool:
    """Whether this share of train can be read as files of its own."""
    return fraction in manifest.spec.subsets


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A nested share of train, told row by row."""

    entity: tuple[str, ...]
    """Columns whose hash places a row; one with a NULL among them is placed by its own key."""
    key: tuple[str, ...]
    fraction: float
    salt: str

    @property
    def columns(self) -> tuple[str, ...]:
        """What must be read of a row."""
        return tuple(dict.fromkeys((*self.entity, *self.key)))

    def holds(self, rows: Mapping[str, Sequence[Any]]) -> list[bool]:
        """Whether each row is in the share, from its values by column."""
        entities = zip(*(rows[name] for name in self.entity), strict=True)
        keys = zip(*(rows[name] for name in self.key), strict=True)
        points = (
            hash_text([_key_part(part) for part in (key if None in entity else entity)], salt=self.salt)
            for entity, key in zip(entities, keys, strict=True)
        )
        return [is_in_subset(point, self.fraction) for point in points]


def _key_part(part: Any) -> Any:
    # polars reads a UUID as its 16 bytes.
    return UUID(bytes=part) if isinstance(part, bytes) else part


def share_of(manifest: Manifest, fraction: float) -> Share:
    """The rule for a share that `check_fraction` accepts."""
    spec = manifest.spec
    return Share(entity=spec.hashed, key=spec.key, fraction=fraction, salt=salt_of(spec))


def check_fraction(manifest: Manifest, fraction: float) -> None:
    """Checks that this share of train can be told from the files or from the rows.

    Raises:
        VersionError: it is no share, or rows cannot be told apart by what the version holds.
    """
    if not 0 < fraction <= 1:
        raise VersionError(f"fraction must be above 0 and at most 1, not {fraction!r}")
    spec = manifest.spec
    if fraction == 1 or is_written(manifest, fraction):
        return
    reason = None
    exported = {column.name for column in manifest.columns}
    needed = (*spec.hashed, *spec.key)
    if spec.is_linked:
        reason = "its rows are placed by what they are linked to, which no file holds"
    elif missing := [name for name in needed if name not in exported]:
        reason = f"its rows are placed by {missing[0]!r}, which is not exported"
    elif hidden := [name for name in needed if name in spec.pseudonymise]:
        reason = f"its rows are placed by {hidden[0]!r}, which is exported as a pseudonym"
    if reason:
        written = ", ".join(f"{share:g}" for share in spec.subsets) or "none"
        raise VersionError(
            f"{manifest.name}@{manifest.version} cannot be read with fraction={fraction:g}: {reason}\n"
            f"  written as files: {written}; for this one, declare `subsets: [{fraction:g}]` and export"
        )
