"""Drift between the same split of two versions of a dataset."""

from __future__ import annotations

from warehouse.checks.drift import compare
from warehouse.checks.drift_result import DriftResult
from warehouse.datasets.spec import GATES
from warehouse.datasets.versions import Version
from warehouse.engine.base import Engine


def compare_split_of_versions(engine: Engine, left: Version, right: Version, *, split: str) -> DriftResult:
    """How this split's columns differ in the right version from those in the left one.

    Raises:
        VersionError: a version has no such split.
        QueryError: its files cannot be read.
    """
    spec = right.manifest.spec
    names = {column.name for column in left.manifest.columns} & {column.name for column in right.manifest.columns}
    return compare(
        engine,
        left.split(split),
        right.split(split),
        left_name=f"{split} of {left.reference}",
        right_name=f"{split} of {right.reference}",
        subject=f"{right.reference} {split}",
        excluded=dict.fromkeys(spec.key, "part of the key, different in every row"),
        label=spec.label,
        time=spec.time if spec.time in names else None,
        groups=[group for group in spec.groups if group in names],
        severity=spec.gates.get("drift", GATES["drift"]),
    )


def splits_to_compare(left: Version, right: Version) -> list[str]:
    """Splits that both have, with rows, and whose files are not the very same."""
    files = [
        {split.name: tuple(file.sha256 for file in split.files) for split in version.manifest.splits if split.row_count}
        for version in (left, right)
    ]
    return [split for split, found in files[1].items() if split in files[0] and files[0][split] != found]
