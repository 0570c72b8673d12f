"""How the rows of a version came into their splits, in sentences: for its card and for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from warehouse.datasets.spec import (
    ColumnSplit,
    DatasetSpec,
    DuplicateRule,
    Grouping,
    HashSplit,
    HashTimeSplit,
    TimeSplit,
    WeightKind,
)

DAY = 86_400


def split_rule(spec: DatasetSpec) -> str:
    """One paragraph: how the rows came into their splits, and what keeps these apart."""
    return " ".join((_placing(spec), *_apart(spec)))


def treatment(spec: DatasetSpec) -> tuple[str, ...]:
    """What was done to rows or added to them, a sentence each; empty when they are as the model has them."""
    return tuple(_treatments(spec))


def _placing(spec: DatasetSpec) -> str:
    split = spec.split
    match split:
        case ColumnSplit():
            return f"Column {code(split.column)} names each row's split."
        case HashSplit():
            what = "all that they are linked to" if spec.is_linked else names(spec.hashed)
            rule = f"Rows are placed by a hash of {what} ({_shares(split.shares)})."
            if split.stratify:
                rule += (
                    f" Among rows with the same {names(split.stratify)} these shares hold exactly, within rounding; "
                    "rows that an earlier version had stay where they were."
                )
        case TimeSplit():
            rule = f"Rows are placed by their time, {code(spec.time or '')}: train first, {_cutoffs(split.cutoffs)}."
        case HashTimeSplit():
            rule = (
                f"Rows are placed by a hash of {names(spec.hashed)} ({_shares(split.shares)}) and by their time, "
                f"{code(spec.time or '')} (train first, {_cutoffs(split.cutoffs)}), and are exported where both agree: "
                "test has unseen entities at a later time."
            )
    if split.train_dev:
        rule += f" A share of {split.train_dev:g} of train, chosen by hash, is train_dev."
    return rule


def _apart(spec: DatasetSpec) -> Iterator[str]:
    """What keeps rows together or out of a split."""
    if len(spec.groups) > 1 and spec.grouping is Grouping.LINKED:
        yield (
            f"Rows that share a value of any of {names(spec.groups)}, also by way of other rows, "
            "are one entity and always in the same split."
        )
    elif spec.groups and not isinstance(spec.split, TimeSplit):
        yield f"Rows with the same {names(spec.groups)} are always in the same split."
    if spec.deduplicate.exact is DuplicateRule.TOGETHER:
        yield "Rows that are equal in all but the key are always in the same split."
    if (text := spec.deduplicate.text) is not None:
        yield (
            f"Rows whose {code(text.column)} is nearly the same (similarity of at least {text.threshold:g}) "
            "are always in the same split."
        )
    if isinstance(spec.split, TimeSplit | HashTimeSplit):
        before, after = spec.split.embargo_seconds, spec.split.embargo_after_seconds
        spans = [f"{duration(before)} before"] * bool(before) + [f"{duration(after)} after"] * bool(after)
        if spans:
            yield f"Rows in the {' and the '.join(spans)} each of these moments are in no split."
    if spec.label_horizon_seconds:
        yield f"A row's label is known {duration(spec.label_horizon_seconds)} after its time."
    if spec.known_at:
        yield f"No row's {names(spec.known_at)} is later than its {code(spec.time or '')}."
    if spec.target_distribution:
        yield f"dev and test have only rows that satisfy {code(spec.target_distribution)}."
    if spec.synthetic:
        where = "train and train_dev" if spec.synthetic.train_dev else "train"
        yield f"Synthetic rows ({code(spec.synthetic.column)}) are in {where} alone."
    for split, version in spec.freeze.items():
        yield f"{split} has exactly the keys that it had in version {version}."


def _treatments(spec: DatasetSpec) -> Iterator[str]:
    if spec.deduplicate.exact is DuplicateRule.ONCE:
        yield "Of rows that are equal in all but the key, the one with the smallest key is kept."
    if spec.downsample:
        yield (
            f"Of train's rows with the label {code(spec.downsample.label)}, a share of {spec.downsample.keep:g} is "
            "kept, chosen by hash; the other splits have all. A model sees such labels less often than they are: "
            f"give the rows the weight {1 / spec.downsample.keep:.4g}, or correct what it predicts."
        )
    if spec.fraction < 1:
        yield f"train is a share of {spec.fraction:g}, by entity, of what it would be."
    if spec.folds:
        yield f"Column `fold` numbers {spec.folds} folds of train, 0 to {spec.folds - 1}; an entity is in one fold."
    if spec.weights:
        kind = (
            f"inversely proportional to how frequent its {code(spec.weights.column)} is in train"
            if spec.weights.kind is WeightKind.CLASS
            else f"one over the probability in {code(spec.weights.column)}"
        )
        yield f"Column `sample_weight` is a row's weight in training, {kind}; it is NULL outside train."
    if spec.pseudonymise:
        yield f"{names(spec.pseudonymise)}: a keyed hash of the value stands in its place."
    if spec.escape_formulas:
        yield "Text that a spreadsheet would run as a formula starts with an apostrophe."


def duration(seconds: float) -> str:
    """`7 days`, `1 day`, `36 hours`, `90 seconds`: the largest unit that needs no fraction."""
    for unit, size in (("day", DAY), ("hour", 3600), ("minute", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size:g} {unit}{'s' * (seconds != size)}"
    return f"{seconds:g} second{'s' * (seconds != 1)}"


def names(columns: Sequence[str]) -> str:
    """Names of columns as code, separated by commas."""
    return ", ".join(map(code, columns))


def code(name: str) -> str:
    """A name as Markdown code on one line, whatever it holds."""
    plain = " ".join(name.split()).replace("|", "\\|")
    fence = "`"
    while fence in plain:
        fence += "`"
    return f"`{plain}`" if fence == "`" else f"{fence} {plain} {fence}"


def _shares(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {share:g}" for name, share in shares.items())


def _cutoffs(cutoffs: Mapping[str, datetime] | None) -> str:
    return ", ".join(f"{name} from {moment:%Y-%m-%d %H:%M} UTC" for name, moment in (cutoffs or {}).items())
