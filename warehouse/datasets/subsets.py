"""Nested shares of train: what they are called, which files they are, which rows belong to one that has no files.

A row is in the share by the second lane of its entity's hash, so a smaller share is always inside a larger one.
"""

from __future__ import annotations

from collections.abc import Sequence

from warehouse.datasets.manifest import FileRecord, Manifest
from warehouse.datasets.reading import exact
from warehouse.datasets.splits import KeyPart, bound, hash_text
from warehouse.errors import VersionError

SUBSET_SPLIT = "train"


def subset_name(fraction: float) -> str:
    """`train_10pct` for 0.1, `train_2p5pct` for 0.025."""
    percent = (exact(fraction) * 100).normalize()
    return f"{SUBSET_SPLIT}_{percent:f}pct".replace(".", "p")


def subset_files(files: Sequence[FileRecord], fraction: float) -> tuple[FileRecord, ...]:
    """The files of train that make up this share, which must be one that was written."""
    return tuple(file for file in files if file.subset is not None and file.subset <= fraction)


def is_written(manifest: Manifest, fraction: float) -> bool:
    """Whether this share of train can be read as files of its own."""
    return fraction in manifest.spec.subsets


def in_subset(entity: Sequence[KeyPart | None], key: Sequence[KeyPart], *, fraction: float, salt: str) -> bool:
    """Whether an example is in the share; one without an entity (a part is None) is placed by its own key."""
    whole = [part for part in entity if part is not None]
    point = hash_text(whole if len(whole) == len(entity) else key, salt=salt)
    return point[8:16] < bound(exact(fraction))


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
