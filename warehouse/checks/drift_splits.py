"""Drift between two splits of one dataset version: what its declaration says about the comparison."""

from __future__ import annotations

from warehouse.checks.drift import compare
from warehouse.checks.drift_result import DriftResult
from warehouse.datasets.spec import GATES, ColumnSplit, DatasetSpec, HashSplit, TimeSplit
from warehouse.datasets.versions import Version
from warehouse.engine.base import Engine


def compare_splits(engine: Engine, version: Version, *, left: str, right: str) -> DriftResult:
    """How the right split differs from the left one, in every column that the split itself does not make differ.

    Raises:
        VersionError: the version has no such split.
        QueryError: its files cannot be read.
    """
    spec = version.manifest.spec
    return compare(
        engine,
        version.split(left),
        version.split(right),
        left_name=left,
        right_name=right,
        subject=version.reference,
        excluded=columns_apart(spec, left=left, right=right),
        label=spec.label,
        time=spec.time if any(column.name == spec.time for column in version.manifest.columns) else None,
        # What the split keeps apart binds rows together.
        groups=[group for group in spec.groups if any(column.name == group for column in version.manifest.columns)],
        severity=spec.gates.get("drift", GATES["drift"]),
    )


def columns_apart(spec: DatasetSpec, *, left: str, right: str) -> dict[str, str]:
    """Columns that differ between these splits because the split is what it is, each with the reason."""
    apart = dict.fromkeys(spec.key, "part of the key, different in every row")
    split = spec.split
    if isinstance(split, HashSplit):
        apart |= dict.fromkeys(spec.groups, "the split keeps its values apart, each in one split only")
    # train_dev is drawn from train's own time, so there the time says something.
    if isinstance(split, TimeSplit) and spec.time and {left, right} != {"train", "train_dev"}:
        apart[spec.time] = "the split runs along it, so both sides have other times"
    if isinstance(split, ColumnSplit):
        apart[split.column] = "it names the split"
    return apart


def report_stem(*, left: str, right: str) -> str:
    """Name of the report's files without ending: `drift` for train against test, `drift-train-dev` for others."""
    return "drift" if (left, right) == ("train", "test") else f"drift-{left}-{right}"
