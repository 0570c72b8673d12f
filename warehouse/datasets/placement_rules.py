"""What places a row, rule by rule, as expressions over a row's point and what is known of the row.

The rules meet in this order: frozen rows keep their split; duplicates are left out; the method places the rest; what
must not lie in dev or test goes to train or is left out; then train is thinned.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import product

from warehouse.datasets.reading import exact
from warehouse.datasets.row_bits import RowSets
from warehouse.datasets.spec import DatasetSpec, Downsample, HashSplit, HashTimeSplit, TimeSplit
from warehouse.datasets.splits import (
    bound,
    diverted_line,
    hash_text_sql,
    line_sql,
    place_sql,
    salt_of,
    split_bounds,
    subset_sql,
)
from warehouse.sql import identifier, literal

DOWNSAMPLE_SALT = "/downsample"
"""Ends the salt of the hash that thins train, so that it is independent of the one that places rows."""

EVALUATION = ("test", "dev")


def frozen_variable(split: str) -> str:
    """The set of the rows that a split keeps from an earlier version."""
    return f"frozen_in_{split}"


def frozen_in_sql(frozen: Sequence[str], sets: RowSets) -> str:
    """The split that keeps a row of the table; NULL when none does."""
    return sets_case_sql({split: frozen_variable(split) for split in frozen}, sets)


def sets_case_sql(names: dict[str, str], sets: RowSets) -> str:
    """The first word whose set, by its name, has a row of the table; NULL when none does, or there are no sets."""
    return sets.first_of_sql({name: literal(word) for word, name in names.items()}) if names else "null::varchar"


def surplus_sql(spec: DatasetSpec, downsample: Downsample) -> str:
    """Whether a row of train is thinned out: it has the label, and a hash of its own is not below the share."""
    label = f"{identifier(spec.label or '')}::varchar = {literal(downsample.label)}"
    roll = hash_text_sql(spec.key, salt=salt_of(spec) + DOWNSAMPLE_SALT)
    # A hash only where the label is the one, since it costs more than all the rest.
    return f"case when {label} then {roll} >= {literal(bound(exact(downsample.keep)))} else false end"


def period_sql(spec: DatasetSpec, split: TimeSplit | HashTimeSplit, *, train: str = "'train'") -> str:
    """The split by time alone: test and dev from their cutoff on, train before; `embargo` in the gap around each."""
    # NOTE: the session's zone is UTC, so a zoned timestamp casts to its UTC wall time.
    time = f"{identifier(spec.time or '')}::timestamp"
    branches = []
    for name in EVALUATION:
        if split.cutoffs and name in split.cutoffs:
            cutoff = split.cutoffs[name].replace(tzinfo=None)
            before = cutoff - timedelta(seconds=split.embargo_seconds)
            after = cutoff + timedelta(seconds=split.embargo_after_seconds)
            branches.append(f"when {time} >= timestamp '{after}' then '{name}'")
            if after > before:
                branches.append(f"when {time} >= timestamp '{before}' then 'embargo'")
    return f"case {' '.join(branches)} else {train} end"


def by_column_or_time_sql(spec: DatasetSpec) -> str:
    """The place by `period` and, where the method asks for it, `point`."""
    split = spec.split
    if isinstance(split, TimeSplit):
        if not split.train_dev:
            return "period"
        return f"case when period = 'train' then {place_sql('point', split_bounds(split))} else period end"
    if isinstance(split, HashTimeSplit):
        hashed = place_sql("point", split_bounds(split))
        return f"""case
            when period = 'embargo' then period
            when period = {hashed} then period
            when period = 'train' and {hashed} = 'train_dev' then 'train_dev'
            else 'off_diagonal'
        end"""
    return "period"


def unmoved_place_sql(spec: DatasetSpec, frozen: Sequence[str], *, movable: bool) -> str:
    """The place by the line; where rows are movable, each takes the line without the splits that are closed to it."""
    split = spec.split
    assert isinstance(split, HashSplit)
    if not movable:
        return line_sql("point", diverted_line(split, frozen))
    flags = [
        name for name, asked in (("is_off_target", spec.target_distribution), ("is_synthetic", spec.synthetic)) if asked
    ]
    branches = []
    for values in product((True, False), repeat=len(flags)):
        held = [name for name, value in zip(flags, values, strict=True) if value]
        line = line_sql("point", diverted_line(split, {*frozen, *_closed(spec, held)}))
        branches.append(f"when {' and '.join(held)} then {line}" if held else f"else {line}")
    return f"case {' '.join(branches)} end" if flags else line_sql("point", diverted_line(split, frozen))


def _closed(spec: DatasetSpec, held: Sequence[str]) -> set[str]:
    """The splits that a row must not enter, by what holds of it."""
    closed = {*EVALUATION} if held else set()
    if "is_synthetic" in held and spec.synthetic is not None and not spec.synthetic.train_dev:
        closed.add("train_dev")
    return closed


def ruled_place_sql(
    spec: DatasetSpec, frozen: Sequence[str], *, movable: bool, tied: bool, has_duplicates: bool
) -> str:
    """The place after all rules but those that thin train, over `base` and what is known of the row."""
    branches = []
    if frozen:
        branches.append("when frozen_in is not null then frozen_in")
    if has_duplicates:
        branches.append("when is_duplicate then 'duplicate'")
    if not movable:
        branches += _dropping_branches(spec, frozen, tied=tied)
    return f"case {' '.join(branches)} else base end" if branches else "base"


def _dropping_branches(spec: DatasetSpec, frozen: Sequence[str], *, tied: bool) -> list[str]:
    branches = []
    if isinstance(spec.split, TimeSplit | HashTimeSplit):
        branches.append("when base in ('embargo', 'off_diagonal') then base")
    if frozen:
        # In train, rows of an entity that test keeps would give it away.
        has_frozen_rows = ["has_frozen_rows"] if tied else []
        words = ", ".join(map(literal, frozen))
        branches.append(f"when {' or '.join([*has_frozen_rows, f'base in ({words})'])} then 'frozen'")
    if spec.synthetic is not None:
        branches.append("when is_synthetic and base in ('dev', 'test') then 'synthetic'")
        if not spec.synthetic.train_dev:
            # Alone in its entity, and of the same time as train: it may as well be there.
            elsewhere = "'synthetic'" if tied or "train" in frozen else "'train'"
            branches.append(f"when is_synthetic and base = 'train_dev' then {elsewhere}")
    if spec.target_distribution is not None:
        branches.append("when is_off_target and base in ('dev', 'test') then 'off_target'")
    return branches


def left_out_sql(spec: DatasetSpec) -> str:
    """The place after train is thinned: to a share of its entities, and of rows with one label."""
    branches = []
    if spec.fraction < 1:
        branches.append(f"when ruled = 'train' and not ({subset_sql('point', spec.fraction)}) then 'fraction'")
    if spec.downsample is not None:
        branches.append("when ruled = 'train' and is_surplus then 'downsampled'")
    return f"case {' '.join(branches)} else ruled end" if branches else "ruled"
