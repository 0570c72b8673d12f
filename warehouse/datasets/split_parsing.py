"""Reading the `split` of a specification: how rows are divided, and which splits are frozen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from warehouse.datasets.reading import Reader
from warehouse.datasets.spec import SPLITS, ColumnSplit, HashSplit, HashTimeSplit, Split, TimeSplit
from warehouse.errors import suggestion

NEWEST = "newest"
"""Stands for a version's number until an export resolves it."""

_KEYS = {
    "hash": ("method", "shares", "train_dev", "salt", "stratify", "freeze"),
    "time": ("method", "shares", "cutoffs", "embargo", "train_dev", "salt", "freeze"),
    "hash_time": ("method", "shares", "cutoffs", "embargo", "train_dev", "salt", "freeze"),
    "column": ("method", "column"),
}


def parse_split(reader: Reader, value: object, *, default_salt: str, label_horizon: int) -> Split:
    """The split; what is wrong with it is noted by the reader.

    Labels that become known only `label_horizon` seconds later reach over a cutoff, so the embargo before it is at
    least as long.
    """
    fallback = ColumnSplit(column="")
    if value is None:
        reader.add("split is missing: say how rows are divided, for example {method: hash, shares: {train: 0.8, ...}}")
        return fallback
    method = value.get("method") if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or method not in tuple(_KEYS):
        hint = suggestion(str(method), tuple(_KEYS)) if isinstance(value, Mapping) else ""
        reader.add(f"split.method must be {', '.join(_KEYS)}, not {method!r}; {hint}".removesuffix("; "))
        return fallback
    entries = reader.mapping(value, "split", known=_KEYS[method])
    if method == "column":
        column = reader.name(entries.get("column"), "split.column")
        if column is None and "split.column" not in reader.refused:
            reader.add("split.column is missing: name the column that holds each row's split")
        return ColumnSplit(column=column or "")
    shares = reader.shares(entries.get("shares"), "split.shares")
    train_dev = reader.train_dev(entries.get("train_dev"))
    salt = reader.salt(entries.get("salt", default_salt))
    if method != "time" and shares is None and "split.shares" not in reader.refused:
        reader.add("split.shares is missing: {train: 0.8, dev: 0.1, test: 0.1}, say")
    if method == "hash":
        stratify = reader.names(entries.get("stratify"), "split.stratify")
        return HashSplit(shares=shares or {}, train_dev=train_dev, salt=salt, stratify=stratify)
    before, after = _embargo(reader, entries.get("embargo"))
    cutoffs = reader.cutoffs(entries.get("cutoffs"))
    if method == "hash_time":
        if cutoffs is None and "split.cutoffs" not in reader.refused:
            reader.add("split.cutoffs is missing: {dev: 2024-10-01, test: 2024-11-01}, say")
        return HashTimeSplit(
            shares=shares or {},
            cutoffs=cutoffs or {},
            embargo_seconds=max(before, label_horizon),
            embargo_after_seconds=after,
            train_dev=train_dev,
            salt=salt,
        )
    if (shares is None) == (cutoffs is None) and not {"split.shares", "split.cutoffs"} & reader.refused:
        both = "not both" if shares else "one of them is needed"
        reader.add(f"split: give cutoffs ({{dev: 2024-10-01, test: 2024-11-01}}) or shares; {both}")
    return TimeSplit(
        cutoffs=cutoffs,
        shares=shares,
        embargo_seconds=max(before, label_horizon),
        embargo_after_seconds=after,
        train_dev=train_dev,
        salt=salt,
    )


def _embargo(reader: Reader, value: object) -> tuple[int, int]:
    if not isinstance(value, Mapping):
        return reader.duration(value, "split.embargo"), 0
    entries = reader.mapping(value, "split.embargo", known=("before", "after"))
    before = reader.duration(entries.get("before"), "split.embargo.before")
    return before, reader.duration(entries.get("after"), "split.embargo.after")


def parse_freeze(reader: Reader, split: object) -> dict[str, str]:
    """Version numbers by frozen split, from `[test]` or `{test: 1.0.0}`."""
    value: Any = split.get("freeze") if isinstance(split, Mapping) else None
    if value is None or (isinstance(split, Mapping) and split.get("method") == "column"):
        return {}
    if isinstance(value, str | list):
        value = dict.fromkeys(reader.names(value, "split.freeze"), NEWEST)
    entries = reader.mapping(value, "split.freeze", known=SPLITS)
    for name, number in entries.items():
        if not isinstance(number, str) or not number:
            reader.add(f"split.freeze.{name} must be a version's number as text, '1.0.0' say, not {number!r}")
    return {name: str(number) for name, number in entries.items()}
