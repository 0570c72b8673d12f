"""The split function: the same row falls into the same split on every machine, engine and day.

A row's *canonical key* and the salt are hashed with MD5; the 32 hex digits, compared as text, are a point on the line
from 0 to 1, which is cut into test, dev, train_dev and train, in this order. It is written twice, in SQL and in plain
Python, and both must agree with the vectors in `tests/datasets/vectors.json`. See `docs/datasets.md`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from hashlib import md5
from uuid import UUID

from warehouse.datasets.reading import exact
from warehouse.datasets.spec import DatasetSpec, HashSplit, HashTimeSplit, TimeSplit
from warehouse.sql import identifier, literal

LINE = ("test", "dev", "train_dev", "train")
"""The splits in the order in which they lie on the line."""

NOWHERE = "frozen"
"""Stands on a line where no split may take a row."""

SEPARATOR = "\x1f"
HEX_DIGITS = 16
END = "g"
"""Upper bound of the line: greater than every hex digit, as text."""

KEY_TYPES = "an integer, text, a date or a UUID"
KeyPart = int | str | date | UUID

_KEY_TYPE = re.compile(
    r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|INT[1248]|INT(16|32|64|128)|LONG|SHORT"
    r"|VARCHAR(\(\d+\))?|TEXT|STRING|CHAR(\(\d+\))?|BPCHAR|ENUM\(.*\)|DATE|UUID",
    re.DOTALL,
)


def is_key_type(type_name: str) -> bool:
    """Whether values of this DuckDB type are written alike by every engine."""
    return _KEY_TYPE.fullmatch(type_name.strip().upper()) is not None


def bound(share: Decimal) -> str:
    """The share of the line as the text that a hash is compared with: 16 hex digits, rounded down."""
    return END if share >= 1 else f"{int(share * 16**HEX_DIGITS):0{HEX_DIGITS}x}"


def split_bounds(split: HashSplit | TimeSplit | HashTimeSplit) -> dict[str, str]:
    """Upper bound of each split on the line, in the line's order; a time split cuts only train_dev from train."""
    if isinstance(split, TimeSplit):
        return {"train_dev": bound(exact(split.train_dev)), "train": END} if split.train_dev else {"train": END}
    shares = {name: exact(share) for name, share in split.shares.items()}
    shares["train_dev"] = shares["train"] * exact(split.train_dev)
    shares["train"] -= shares["train_dev"]
    bounds, total = {}, Decimal(0)
    for name in LINE:
        if shares.get(name):
            total += shares[name]
            bounds[name] = END if name == "train" else bound(total)
    return bounds


def diverted_line(split: HashSplit | HashTimeSplit, closed: Collection[str]) -> tuple[tuple[str, str], ...]:
    """The line for rows that must not enter the `closed` splits: upper bounds with what lies below each, in order.

    Each stretch of the line that belongs to closed splits is cut anew: its first part, as large as train_dev's share of
    train, is train_dev, the rest is train; all of it is train when train_dev is closed. Everything else stays as it
    was. While train itself is closed, such rows have nowhere to go: they are `frozen`.
    """
    shares = {name: exact(share) for name, share in split.shares.items()}
    train_dev = exact(split.train_dev)
    test_end = shares["test"]
    dev_end = test_end + shares.get("dev", Decimal(0))
    train = NOWHERE if "train" in closed else "train"
    pieces: list[tuple[Decimal, str]] = []
    start = Decimal(0)
    # Neighbours that are both closed are one stretch.
    stretches = [("test", dev_end)] if {"test", "dev"} <= {*closed} else [("test", test_end), ("dev", dev_end)]
    for name, end in stretches:
        if name not in closed:
            pieces.append((end, name))
        else:
            carved = Decimal(0) if {"train", "train_dev"} & {*closed} else train_dev
            pieces += [(start + carved * (end - start), "train_dev"), (end, train)]
        start = end
    pieces.append((dev_end + train_dev * shares["train"], train if "train_dev" in closed else "train_dev"))
    pieces.append((Decimal(1), train))
    starts = (Decimal(0), *(end for end, _ in pieces))
    return tuple((bound(end), name) for start, (end, name) in zip(starts, pieces, strict=False) if end > start)


def line_sql(point: str, line: Sequence[tuple[str, str]]) -> str:
    """What a point lies in, both expressions; NULL for a NULL point."""
    branches = " ".join(f"when {point} < {literal(upper)} then {literal(name)}" for upper, name in line)
    return f"case {branches} end"


def line_place(point: str, line: Sequence[tuple[str, str]]) -> str:
    """What a point lies in."""
    return next(name for upper, name in line if point < upper)


def subset_sql(point: str, share: float) -> str:
    """Whether a point lies in this nested share: its second lane, as text, is below the share's bound."""
    return f"substr({point}, 9, 8) < {literal(bound(exact(share)))}"


def is_in_subset(point: str, share: float) -> bool:
    """Whether a point lies in this nested share; whatever lies in one lies in every larger one."""
    return point[8:16] < bound(exact(share))


def fold_sql(point: str, folds: int) -> str:
    """The fold of a point, 0 to `folds` - 1: its third lane times the number of folds, rounded down."""
    return f"(('0x' || substr({point}, 17, 8))::bigint * {folds} >> 32)::integer"


def fold_of(point: str, folds: int) -> int:
    """The fold of a point, 0 to `folds` - 1."""
    return int(point[16:24], 16) * folds >> 32


def salt_of(spec: DatasetSpec) -> str:
    """What is mixed into every hash of this dataset; its name when a column names the splits.

    A share of train has a name of its own, and the salt of the whole.
    """
    own: str | None = getattr(spec.split, "salt", None)
    return own if own is not None else whole_name(spec)


def whole_name(spec: DatasetSpec) -> str:
    """The dataset that a share of train is a share of; its own name for the whole."""
    return spec.name.removesuffix(fraction_suffix(spec.fraction))


def fraction_suffix(fraction: float) -> str:
    """What the name of an exported share of train ends in: `_10pct`, `_2p5pct`; nothing for the whole."""
    percent = f"{(exact(fraction) * 100).normalize():f}".replace(".", "p")
    return "" if fraction == 1 else f"_{percent}pct"


def canonical_key(parts: Sequence[KeyPart]) -> str:
    r"""One text per key: integers in decimal, dates as ISO, UUIDs in lower case; a lone text stands as it is.

    Several parts are joined with 0x1F, after `\` became `\\` and 0x1F became `\s` in each, so that no two keys
    have the same text.
    """
    texts = [_part(part) for part in parts]
    if len(texts) == 1:
        return texts[0]
    return SEPARATOR.join(text.replace("\\", "\\\\").replace(SEPARATOR, "\\s") for text in texts)


def _part(part: KeyPart) -> str:
    # bool is an int, and datetime a date, to Python alone.
    if isinstance(part, bool | datetime) or not isinstance(part, int | str | date | UUID):
        raise TypeError(f"{part!r} cannot be part of a key: use {KEY_TYPES}")
    return part.isoformat() if isinstance(part, date) else str(part)


def hash_text(parts: Sequence[KeyPart], *, salt: str) -> str:
    """The key's point on the line, as 32 hex digits."""
    return md5(f"{salt}{SEPARATOR}{canonical_key(parts)}".encode(), usedforsecurity=False).hexdigest()


def split_of(parts: Sequence[KeyPart], *, bounds: Mapping[str, str], salt: str) -> str:
    """The split that this key falls into, by bounds as `split_bounds` gives them or a manifest records them."""
    point = hash_text(parts, salt=salt)
    return next(name for name, upper in bounds.items() if point < upper)


def lane(point: str, number: int) -> float:
    """One of the four independent parts of a hash, as a number from 0 to below 1.

    Lane 1 places a row in its split, 2 in a nested subset, 3 in a fold or shard, 4 in the order within its split.
    """
    return int(point[8 * (number - 1) : 8 * number], 16) / 16**8


def canonical_key_sql(columns: Sequence[str]) -> str:
    """The canonical key as an expression; NULL when a part is NULL."""
    if len(columns) == 1:
        return f"{identifier(columns[0])}::varchar"
    parts = (f"replace(replace({identifier(column)}::varchar, '\\', '\\\\'), chr(31), '\\s')" for column in columns)
    return "(" + " || chr(31) || ".join(parts) + ")"


def hash_text_sql(columns: Sequence[str], *, salt: str) -> str:
    """The point on the line as an expression; NULL when a part is NULL."""
    return f"md5({literal(salt + SEPARATOR)} || {canonical_key_sql(columns)})"


def place_sql(point: str, bounds: Mapping[str, str]) -> str:
    """The split of a point, both expressions; NULL for a NULL point, never the last split."""
    branches = " ".join(f"when {point} < {literal(upper)} then {literal(name)}" for name, upper in bounds.items())
    return f"case {branches} end"


def is_integer_type(type_name: str) -> bool:
    """Whether this DuckDB type is an integer of at most 64 bits."""
    upper = type_name.strip().upper()
    return upper in {f"{sign}{size}INT" for sign in ("", "U") for size in ("TINY", "SMALL", "BIG")} | {
        "INTEGER",
        "UINTEGER",
    }
