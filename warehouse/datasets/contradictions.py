"""What each part of a specification allows and all parts together do not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from warehouse.datasets.spec import (
    ColumnSplit,
    DatasetSpec,
    DuplicateRule,
    Format,
    HashSplit,
    HashTimeSplit,
    Order,
    TimeSplit,
)


def contradictions(spec: DatasetSpec) -> Iterable[str]:
    """One sentence per contradiction, with what to do about it where that is not plain."""
    yield from _label_contradictions(spec)
    yield from _column_contradictions(spec)
    if spec.order is Order.TIME and spec.time is None:
        yield "order is time, and no time column is named: add time: COLUMN"
    if spec.known_at and spec.time is None:
        yield "known_at is compared with the time of the row, and no time column is named: add time: COLUMN"
    if spec.escape_formulas and spec.format is not Format.CSV:
        yield f"format.escape_formulas is for csv, not {spec.format.value}"
    if spec.shard_rows and spec.shard_bytes:
        yield "shard: give rows or size, not both"
    for name in spec.freeze:
        if name not in spec.splits and not isinstance(spec.split, ColumnSplit):
            yield f"split.freeze names {name}, which is not one of the splits: {', '.join(spec.splits)}"
    split = spec.split
    if isinstance(split, ColumnSplit):
        if split.column and split.column == spec.label:
            yield f"split.column is the label, {spec.label!r}"
        if spec.is_linked and not (len(spec.groups) > 1):
            yield "deduplicate cannot keep rows together when a column names their split; warehouse leakage counts them"
    if isinstance(split, HashSplit) and set(split.stratify) & set(spec.key):
        yield "split.stratify names a key column: every row would be a stratum of its own"
    if isinstance(split, TimeSplit | HashTimeSplit):
        yield from _time_contradictions(spec, split)


def _label_contradictions(spec: DatasetSpec) -> Iterable[str]:
    if spec.label is not None and spec.label in spec.groups:
        yield f"label {spec.label!r} is among the groups: rows would be placed by what they are to teach"
    if spec.label is not None and spec.label in spec.key:
        yield f"label {spec.label!r} is among the key columns: rows would be placed by what they are to teach"
    if spec.label is not None and spec.label in spec.pseudonymise:
        yield f"label {spec.label!r} is pseudonymised: nothing could be learnt from it"
    if spec.time is not None and spec.time in spec.pseudonymise:
        yield f"time {spec.time!r} is pseudonymised: it could not be compared with anything"
    if spec.downsample is not None and spec.label is None:
        yield "downsample needs a label, and the dataset names none"
    if spec.label_horizon_seconds and (spec.label is None or spec.time is None):
        yield "label_horizon needs a label and a time column"


def _column_contradictions(spec: DatasetSpec) -> Iterable[str]:
    if spec.include and spec.exclude:
        yield "columns: give include or exclude, not both"
    for name in sorted({*spec.grant} & {*spec.pseudonymise}):
        yield f"columns: {name!r} is both granted and pseudonymised"
    needed: dict[str, tuple[str | None, ...]] = {
        "key": spec.key,
        "label": (spec.label,),
        "groups": spec.groups,
        "time": (spec.time,),
        "columns.pseudonymise": spec.pseudonymise,
    }
    for role, names in needed.items():
        for name in filter(None, names):
            if name in spec.exclude or (spec.include and name not in spec.include):
                yield f"columns leave out {name!r}, which is the dataset's {role}: later checks need it"


def _time_contradictions(spec: DatasetSpec, split: TimeSplit | HashTimeSplit) -> Iterable[str]:
    if spec.time is None:
        yield f"split.method is {split.method}, and no time column is named: add time: COLUMN"
    if isinstance(split, TimeSplit):
        if spec.groups:
            yield (
                f"split.method is time, which cannot keep the groups ({', '.join(spec.groups)}) whole"
                "\nuse split.method hash_time: unseen groups and a later time; or remove groups"
            )
        elif spec.deduplicate.exact is DuplicateRule.TOGETHER or spec.deduplicate.text is not None:
            yield (
                "split.method is time, which cannot keep duplicates together"
                "\nuse split.method hash_time, or deduplicate: {exact: once}"
            )
    if (
        isinstance(split, HashTimeSplit)
        and split.shares
        and split.cutoffs
        and {*split.cutoffs} != {*split.shares} - {"train"}
    ):
        yield "split: cutoffs and shares must name the same splits: test, and dev in both or in neither"
    if split.cutoffs and {"dev", "test"} <= split.cutoffs.keys():
        dev, test = split.cutoffs["dev"], split.cutoffs["test"]
        embargo = split.embargo_seconds + split.embargo_after_seconds
        if dev >= test:
            yield f"split.cutoffs: dev ({dev:%Y-%m-%d %H:%M}) must come before test ({test:%Y-%m-%d %H:%M})"
        elif test - dev <= timedelta(seconds=embargo):
            yield f"split.embargo is as long as dev itself ({test - dev}): no row would be left in dev"
