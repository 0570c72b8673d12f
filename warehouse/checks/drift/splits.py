"""Drift between the splits of one dataset version: which pairs, what each is for, what the declaration says of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from warehouse.checks.drift.pairs import Beyond, Frame, Purpose, compare_pair
from warehouse.checks.drift.report import DriftReport, report_of_pairs
from warehouse.checks.drift.result import DriftResult
from warehouse.datasets.spec import GATES, ColumnSplit, DatasetSpec, HashSplit, TimeSplit
from warehouse.datasets.versions import Version
from warehouse.engine.base import Engine
from warehouse.statistics.sketches import Sketches

PURPOSES: Mapping[tuple[str, str], Purpose] = {
    ("train", "test"): Purpose(words="what the model learned from against what it is judged on"),
    ("train", "train_dev"): Purpose(
        words="what the model learned from against rows of the same kind that it did not see",
        expected_alike=True,
        advice=(
            "train_dev is drawn from train by chance, so look for rows that hang together: declare what binds them "
            "(groups), or make train_dev larger"
        ),
    ),
    ("train_dev", "dev"): Purpose(
        words="rows like those the model learned from against those it is tuned on: what the data alone makes worse"
    ),
    ("dev", "test"): Purpose(
        words="what the model is tuned on against what it is judged on",
        expected_alike=True,
        advice="a choice made on dev may not hold on test: draw both from the same time and by the same rule",
    ),
}
"""The pairs that a version's report has, the most important first."""

_OTHER = Purpose(words="one split against another")


def report_of_version(
    engine: Engine,
    version: Version,
    *,
    left: str | None = None,
    right: str | None = None,
    beyond: Beyond | None = None,
) -> DriftReport:
    """How a version's splits differ: all pairs of `PURPOSES` that have rows, or the one pair that is named.

    Args:
        engine: runs the queries.
        version: whose splits.
        left: the split to compare with, for one pair; train when only the other is named.
        right: the split in question, for one pair; test when only the other is named.
        beyond: what to look for beyond single columns; in the first pair.

    Raises:
        VersionError: the version has no such split.
        QueryError: its files cannot be read.
    """
    spec = version.manifest.spec
    pairs = standard_pairs(version)
    if left is not None or right is not None:
        pairs = [("train" if left is None else left, "test" if right is None else right)]
    # The same columns whatever the pairs, so that a pair alone has the numbers that it has among others.
    always_apart = columns_apart(spec, left="train", right="train_dev")
    sketches = Sketches(engine, skip={*always_apart, *spec.drift.ignore})
    compared = [
        compare_pair(
            engine,
            version.split(first),
            version.split(second),
            left_name=first,
            right_name=second,
            subject=version.reference,
            purpose=PURPOSES.get((first, second), _OTHER),
            frame=frame_of(spec, {column.name for column in version.manifest.columns}),
            excluded=columns_apart(spec, left=first, right=second),
            sketches=sketches,
            beyond=beyond if index == 0 else None,
        )
        for index, (first, second) in enumerate(pairs)
    ]
    return report_of_pairs(version.reference, compared)


def standard_pairs(version: Version) -> list[tuple[str, str]]:
    """The pairs of `PURPOSES` whose splits both have rows; train and test in any case."""
    filled = {split.name for split in version.manifest.splits if split.row_count} | {"train", "test"}
    return [pair for pair in PURPOSES if set(pair) <= filled]


def compare_splits(engine: Engine, version: Version, *, left: str, right: str) -> DriftResult:
    """How the right split differs from the left one, in every column that the split itself does not make differ.

    Raises:
        VersionError: the version has no such split.
        QueryError: its files cannot be read.
    """
    return report_of_version(engine, version, left=left, right=right).main.result


def frame_of(spec: DatasetSpec, names: Collection[str]) -> Frame:
    """What a specification says about rows that have these columns."""
    return Frame(
        label=spec.label if spec.label in names else None,
        time=spec.time if spec.time in names else None,
        # What the split keeps apart binds rows together.
        groups=tuple(group for group in spec.groups if group in names),
        severity=spec.gates.get("drift", GATES["drift"]),
        rules=spec.drift,
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


def report_stem(pair: tuple[str, str] | None) -> str:
    """Name of the report's files without ending: `drift` for all pairs, `drift-dev-test` for one of them."""
    return "drift" if pair is None else f"drift-{pair[0]}-{pair[1]}"
