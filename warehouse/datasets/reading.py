"""Values as people write them in YAML, turned into types; every problem is noted, not the first."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from warehouse.errors import suggestion

UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
SIZES = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}

Word = TypeVar("Word", bound=StrEnum)


class Reader:
    """Turns values into types and notes what cannot be turned."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.refused: set[str] = set()
        """Keys that were there and wrong, so that nobody also calls them missing."""

    def add(self, problem: str, *, where: str = "") -> None:
        """Notes a problem; `where` is the key that was refused."""
        self.problems.append(problem)
        self.refused.add(where)

    def mapping(self, value: object, where: str, *, known: tuple[str, ...]) -> dict[str, Any]:
        """The entries of known keys that have a value."""
        if value is None and where != "dataset":
            return {}
        if not isinstance(value, Mapping):
            self.add(f"{where} must be a mapping of {', '.join(known)}, not {value!r}", where=where)
            return {}
        prefix = "" if where == "dataset" else f"{where}."
        for key in value:
            if key not in known:
                self.add(f"unknown key {prefix}{key}; {suggestion(str(key), known)}")
        # NOTE: `key:` without a value reads as null, and counts as absent.
        return {key: item for key, item in value.items() if key in known and item is not None}

    def name(self, value: object, where: str) -> str | None:
        """A column's name."""
        if value is None:
            return None
        if not isinstance(value, str) or not value or "\0" in value:
            self.add(f"{where} must be the name of a column, not {value!r}", where=where)
            return None
        return value

    def names(self, value: object, where: str) -> tuple[str, ...]:
        """Names of columns, from one or a list."""
        if value is None:
            return ()
        items = value if isinstance(value, list) else [value]
        if not all(isinstance(item, str) and item and "\0" not in item for item in items):
            self.add(f"{where} must be a column's name or a list of them, not {value!r}", where=where)
            return ()
        doubled = sorted({item for item in items if items.count(item) > 1})
        if doubled:
            self.add(f"{where} names {', '.join(doubled)} twice", where=where)
        return tuple(dict.fromkeys(items))

    def word(self, value: object, where: str, words: type[Word]) -> Word | None:
        """One of a closed set of words."""
        try:
            return words(value)  # type: ignore[arg-type]  # whatever it is, the enum refuses it with a ValueError
        except ValueError:
            known = [item.value for item in words]
            self.add(f"{where} must be one of {', '.join(known)}, not {value!r}; {suggestion(str(value), known)}")
            return None

    def shares(self, value: object, where: str) -> dict[str, float] | None:
        """Shares of train, dev and test that sum to exactly 1."""
        if value is None:
            return None
        count = len(self.problems)
        if isinstance(value, Mapping) and "train_dev" in value:
            self.add("split.shares.train_dev: it is carved from train; write split.train_dev instead", where=where)
            value = {key: item for key, item in value.items() if key != "train_dev"}
        entries = self.mapping(value, where, known=("train", "dev", "test"))
        for split, share in entries.items():
            if not is_number(share) or share <= 0:
                self.add(f"{where}.{split} must be a number above 0, not {share!r}", where=where)
        self.problems += [f"{where}.{split} is missing" for split in ("train", "test") if split not in entries]
        if len(self.problems) == count and (total := sum(map(exact, entries.values()))) != 1:
            terms = " + ".join(f"{split} {share}" for split, share in entries.items())
            self.add(f"{where} must sum to 1, and {terms} is {total}", where=where)
        if len(self.problems) > count:
            self.refused.add(where)
            return None
        return {split: float(share) for split, share in entries.items()}

    def train_dev(self, value: object) -> float:
        """Share of train that becomes train_dev; 0 when there is none."""
        if value is None:
            return 0.0
        if not is_number(value) or not 0 <= value < 1:  # type: ignore[operator]  # a number, as just asked
            self.add(f"split.train_dev must be a share of train, from 0 to below 1, not {value!r}")
            return 0.0
        return float(value)  # type: ignore[arg-type]  # a number, as just asked

    def share(self, value: object, where: str) -> float | None:
        """Above 0 and below 1; None when it is not."""
        if not is_number(value) or not 0 < value < 1:  # type: ignore[operator]  # a number, as just asked
            self.add(f"{where} must be a share above 0 and below 1, not {value!r}", where=where)
            return None
        return float(value)  # type: ignore[arg-type]  # a number, as just asked

    def integer(self, value: object, where: str, *, least: int) -> int | None:
        """A whole number, not below `least`."""
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            self.add(f"{where} must be a whole number from {least} on, not {value!r}", where=where)
            return None
        return value

    def truth(self, value: object, where: str) -> bool:
        """True or false."""
        if not isinstance(value, bool):
            self.add(f"{where} must be true or false, not {value!r}", where=where)
        return value is True

    def text(self, value: object, where: str) -> str | None:
        """Text with more than spaces in it."""
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip() or "\0" in value:
            self.add(f"{where} must be text, not {value!r}", where=where)
            return None
        return value.strip()

    def size(self, value: object, where: str) -> int | None:
        """Bytes, from `256 MB` or `1 GiB`."""
        match = re.fullmatch(r"\s*(\d{1,6})\s*([A-Za-z]+)\s*", value) if isinstance(value, str) else None
        if match is None or match[2].upper() not in SIZES or not int(match[1]):
            self.add(f"{where} must be a size such as '256 MB', not {value!r}", where=where)
            return None
        return int(match[1]) * SIZES[match[2].upper()]

    def salt(self, value: object) -> str:
        """Printable text that is mixed into a hash."""
        if not isinstance(value, str) or not value.isprintable() or not value:
            self.add(f"split.salt must be printable text, not {value!r}")
            return ""
        return value

    def cutoffs(self, value: object) -> dict[str, datetime] | None:
        """Moments, UTC, of test and perhaps dev."""
        if value is None:
            return None
        where = "split.cutoffs"
        entries = self.mapping(value, where, known=("dev", "test"))
        moments = {split: _moment(item) for split, item in entries.items()}
        for split, moment in moments.items():
            if moment is None:
                self.add(f"{where}.{split} must be a date or a time, not {entries[split]!r}", where=where)
        if "test" not in entries:
            self.add(f"{where}.test is missing", where=where)
        return {split: moment for split, moment in moments.items() if moment is not None}

    def duration(self, value: object, where: str) -> int:
        """Seconds, from `7 days`; 0 when there is none."""
        if value is None:
            return 0
        match = re.fullmatch(r"\s*(\d{1,6})\s*([a-z]+?)s?\s*", value) if isinstance(value, str) else None
        if match is None or match[2] not in UNITS:
            self.add(f"{where} must be a duration such as '7 days' or '12 hours', not {value!r}")
            return 0
        return int(match[1]) * UNITS[match[2]]


def exact(share: float) -> Decimal:
    """The share as it was written: 0.1 is one tenth, not the nearest binary number."""
    return Decimal(repr(share))


def is_number(value: object) -> bool:
    """Whether it is a finite number; a boolean is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _moment(value: object) -> datetime | None:
    """A moment in UTC; a date is its midnight, a time without a zone is UTC already."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return datetime(value.year, value.month, value.day, tzinfo=UTC) if isinstance(value, date) else None
