"""Frozen splits: they keep exactly the keys that they have in an earlier version, whatever else says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from warehouse.datasets.columns import OutputColumn
from warehouse.datasets.known_rows import has_same_key, mark_known_rows, vanished_keys
from warehouse.datasets.placement_rules import frozen_variable
from warehouse.datasets.row_bits import RowSets
from warehouse.datasets.spec import DatasetSpec
from warehouse.datasets.split_parsing import NEWEST
from warehouse.datasets.versions import Version, find_version, newest_version, standing_numbers
from warehouse.engine.base import Engine
from warehouse.errors import ExportError, suggestion
from warehouse.findings import Finding, Severity
from warehouse.project import Project
from warehouse.sql import Relation


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """Which splits keep the rows of which versions."""

    versions: Mapping[str, Version]
    """By split; a split that no version has yet is not here."""

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that take no other rows."""
        return tuple(self.versions)


NOTHING = Freeze(versions={})


def resolve_freeze(
    project: Project, spec: DatasetSpec, *, name: str, declared: Mapping[str, Any]
) -> tuple[DatasetSpec, Freeze]:
    """The specification with the numbers of its frozen versions, and the versions.

    `newest` is resolved once: while the declaration stays as it is and the version stands, its number does too, so
    that a key that is missing for a while comes back to its split. Before the first version it freezes nothing.

    Args:
        project: Where the versions are.
        spec: As declared.
        name: Of the dataset whose versions count; a share of it freezes what the whole does.
        declared: The declaration's document.

    Raises:
        ExportError: there is no such version, or it has no such split.
        VersionError: a version was withdrawn or cannot be read.
    """
    if not spec.freeze:
        return spec, NOTHING
    numbers = standing_numbers(project, name)
    newest = newest_version(project, name)
    resolved: dict[str, str] = dict(spec.freeze)
    versions: dict[str, Version] = {}
    for split, number in spec.freeze.items():
        if number == NEWEST and newest is None:
            continue
        if number == NEWEST and newest is not None:
            number = newest.number
            before = newest.manifest.spec.freeze.get(split, NEWEST)
            if before in numbers and _freeze_words(newest.manifest.declared) == _freeze_words(declared):
                number = before
        elif not numbers:
            raise ExportError(
                f"dataset {name!r}: split.freeze keeps {split} as in version {number!r}, and the dataset has no version"
                "\n  write freeze: [test], which keeps what the first version will have"
            )
        version = find_version(project, f"{name}@{number}")
        if split not in version.splits:
            raise ExportError(
                f"dataset {name!r}: split.freeze keeps {split} as in {version.reference}, which has no such split; "
                f"{suggestion(split, version.splits)}"
            )
        versions[split] = version
        resolved[split] = version.number
    return replace(spec, freeze=resolved), Freeze(versions=versions)


def _freeze_words(declared: Mapping[str, Any]) -> object:
    split = declared.get("split")
    return split.get("freeze") if isinstance(split, Mapping) else None


def mark_frozen_rows(
    engine: Engine,
    relation: Relation,
    columns: Sequence[OutputColumn],
    spec: DatasetSpec,
    freeze: Freeze,
    sets: RowSets,
) -> tuple[Finding, ...]:
    """Keeps the rows of every frozen split as a set; says which of its keys are gone.

    Raises:
        ExportError: keys cannot be compared, none is left, or two splits keep the same key.
    """
    found = []
    for split, version in freeze.versions.items():
        if not has_same_key(columns, version, spec.key):
            before = ", ".join(version.manifest.spec.key)
            raise ExportError(
                f"dataset {spec.name!r}: split.freeze keeps {split} as in {version.reference}, whose key ({before}) "
                f"is not of the same columns and types as today's ({', '.join(spec.key)})"
                "\n  remove the split from split.freeze, or go back to that key"
            )
        names = {split: frozen_variable(split)}
        counts = mark_known_rows(engine, relation, columns, version, names, key=spec.key, sets=sets)
        row_count = next(record.row_count for record in version.manifest.splits if record.name == split)
        if not counts[split]:
            raise ExportError(
                f"dataset {spec.name!r}: none of the {row_count:,} keys of {split} in {version.reference} is in model "
                f"{spec.model!r}, so split.freeze leaves {split} empty"
                "\n  look for what happened to the keys, or remove the split from split.freeze"
            )
        if counts[split] < row_count:
            gone = row_count - counts[split]
            examples = vanished_keys(engine, relation, columns, version, split, key=spec.key)
            found.append(
                Finding(
                    severity=Severity.WARNING,
                    check="freeze",
                    subject=f"{spec.name}.{split}",
                    message=(
                        f"{gone:,} of {row_count:,} frozen keys of {split} in {version.reference} are gone, "
                        f"for example {examples}"
                    ),
                    measured=gone / row_count,
                    threshold=0.0,
                    advice=f"results on {split} cannot be compared exactly with earlier ones",
                )
            )
    _refuse_double_keys(engine, spec, freeze, sets)
    return (*found, *_nothing_frozen(spec, freeze))


def _refuse_double_keys(engine: Engine, spec: DatasetSpec, freeze: Freeze, sets: RowSets) -> None:
    splits = freeze.splits
    for i, right in enumerate(splits):
        for left in splits[:i]:
            (row,) = engine.rows(sets.common_sql(frozen_variable(left), frozen_variable(right)))
            if row["row_count"]:
                names = " and ".join(f"{split} of {freeze.versions[split].reference}" for split in (left, right))
                raise ExportError(
                    f"dataset {spec.name!r}: split.freeze keeps {row['row_count']:,} keys twice, in {names}"
                    "\n  freeze both splits as they are in the same version"
                )


def _nothing_frozen(spec: DatasetSpec, freeze: Freeze) -> Iterator[Finding]:
    for split in spec.freeze:
        if split not in freeze.versions:
            yield Finding(
                severity=Severity.INFO,
                check="freeze",
                subject=f"{spec.name}.{split}",
                message=f"{split} is frozen from this version on: there was none to take its keys from",
            )
