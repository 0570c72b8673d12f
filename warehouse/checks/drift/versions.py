"""Drift between the same split of two versions of a dataset."""

from __future__ import annotations

from warehouse.checks.drift.pairs import Beyond, Purpose, compare_pair
from warehouse.checks.drift.report import DriftPair, DriftReport, report_of_pairs
from warehouse.checks.drift.result import DriftResult
from warehouse.checks.drift.splits import frame_of
from warehouse.datasets.versions import Version
from warehouse.engine.base import Engine
from warehouse.errors import VersionError

PURPOSE = Purpose(words="the same split in another version: whether results on both can be compared")


def report_of_versions(
    engine: Engine, left: Version, right: Version, *, split: str | None = None, beyond: Beyond | None = None
) -> DriftReport:
    """How each split (or the one that is named) differs in the right version from the left one; train comes first.

    Raises:
        VersionError: a version has no such split, or they have none in common.
        QueryError: their files cannot be read.
    """
    splits = [split] if split else [name for name in left.splits if name in right.splits]
    if not splits:
        raise VersionError(
            f"{left.reference} and {right.reference} have no split in common; "
            f"they have {', '.join(left.splits)} and {', '.join(right.splits)}"
        )
    pairs = [
        _compare(engine, left, right, split=name, beyond=beyond if index == 0 else None)
        for index, name in enumerate(splits)
    ]
    return report_of_pairs(f"{left.reference} to {right.reference}", pairs)


def compare_split_of_versions(engine: Engine, left: Version, right: Version, *, split: str) -> DriftResult:
    """How this split's columns differ in the right version from those in the left one.

    Raises:
        VersionError: a version has no such split.
        QueryError: its files cannot be read.
    """
    return _compare(engine, left, right, split=split, beyond=None).result


def _compare(engine: Engine, left: Version, right: Version, *, split: str, beyond: Beyond | None) -> DriftPair:
    spec = right.manifest.spec
    names = {column.name for column in left.manifest.columns} & {column.name for column in right.manifest.columns}
    return compare_pair(
        engine,
        left.split(split),
        right.split(split),
        left_name=f"{split} of {left.reference}",
        right_name=f"{split} of {right.reference}",
        subject=f"{right.reference} {split}",
        purpose=PURPOSE,
        frame=frame_of(spec, names),
        excluded=dict.fromkeys(spec.key, "part of the key, different in every row"),
        beyond=beyond,
    )


def splits_to_compare(left: Version, right: Version) -> list[str]:
    """Splits that both have, with rows, and whose files are not the very same."""
    files = [
        {split.name: tuple(file.sha256 for file in split.files) for split in version.manifest.splits if split.row_count}
        for version in (left, right)
    ]
    return [split for split, found in files[1].items() if split in files[0] and files[0][split] != found]
