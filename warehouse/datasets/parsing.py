"""Reading a specification as people write it, in YAML under an exposure's `config.meta.dataset`.

Every problem is reported, not the first; what this version does not do yet is refused, never ignored.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from warehouse.datasets.spec import GATES, ColumnSplit, DatasetSpec, HashSplit, Order, Split, TimeSplit
from warehouse.errors import suggestion
from warehouse.findings import Severity

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")

NOT_YET = "is not supported yet"
_KEYS = ("key", "label", "columns", "groups", "time", "split", "order", "gates")
_KEYS_LATER = ("target_distribution", "synthetic", "deduplicate", "weights", "fraction", "label_horizon")
_SPLIT_KEYS = {
    "hash": ("method", "shares", "train_dev", "salt"),
    "time": ("method", "shares", "cutoffs", "embargo", "train_dev", "salt"),
    "column": ("method", "column"),
}
_SPLIT_KEYS_LATER = ("stratify", "freeze", "folds")
_GATES_LATER = ("leakage", "diagnosis")
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}

Word = TypeVar("Word", bound=StrEnum)


def parse_spec(name: str, document: object, *, model: str, default_salt: str) -> tuple[DatasetSpec | None, list[str]]:
    """The specification as far as it can be understood, and its problems; usable only when there are none.

    Args:
        name: The dataset's name.
        document: What stands under `config.meta.dataset`.
        model: Name of the model that it reads.
        default_salt: The project's, for a split that names none.
    """
    reader = _Reader()
    if not NAME.fullmatch(name):
        reader.add(f"{name!r} cannot be a dataset's name: letters, digits and _ only, a letter first, 100 at most")
    entries = reader.mapping(document, "dataset", known=_KEYS, later=_KEYS_LATER)
    if not isinstance(document, Mapping):
        return None, reader.problems
    key = reader.names(entries.get("key"), "key")
    if not key and "key" not in reader.refused:
        reader.add("key is missing: name the column, or the columns, that identify an example")
    groups = reader.names(entries.get("groups"), "groups")
    if len(groups) > 1:
        reader.add(f"groups: several linked columns ({', '.join(groups)}) {NOT_YET}; name one")
    columns = reader.mapping(entries.get("columns"), "columns", known=("include", "exclude"), later=("tags_denied",))
    spec = DatasetSpec(
        name=name,
        model=model,
        key=key,
        label=reader.name(entries.get("label"), "label"),
        groups=groups,
        time=reader.name(entries.get("time"), "time"),
        include=reader.names(columns.get("include"), "columns.include"),
        exclude=reader.names(columns.get("exclude"), "columns.exclude"),
        split=_split(reader, entries.get("split"), default_salt),
        order=reader.word(entries.get("order", Order.TABLE), "order", Order) or Order.TABLE,
        gates=_gates(reader, entries.get("gates")),
    )
    return spec, [*reader.problems, *_contradictions(spec)]


def _split(reader: _Reader, value: object, default_salt: str) -> Split:
    fallback = ColumnSplit(column="")
    if value is None:
        reader.add("split is missing: say how rows are divided, for example {method: hash, shares: {train: 0.8, ...}}")
        return fallback
    method = value.get("method") if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or method not in tuple(_SPLIT_KEYS):
        hint = suggestion(str(method), tuple(_SPLIT_KEYS)) if isinstance(value, Mapping) else ""
        reader.add(f"split.method must be hash, time or column, not {method!r}; {hint}".removesuffix("; "))
        return fallback
    entries = reader.mapping(value, "split", known=_SPLIT_KEYS[method], later=_SPLIT_KEYS_LATER)
    if method == "column":
        column = reader.name(entries.get("column"), "split.column")
        if column is None and "split.column" not in reader.refused:
            reader.add("split.column is missing: name the column that holds each row's split")
        return ColumnSplit(column=column or "")
    shares = reader.shares(entries.get("shares"), "split.shares")
    train_dev = reader.train_dev(entries.get("train_dev"))
    salt = reader.salt(entries.get("salt", default_salt))
    if method == "hash":
        if shares is None and "split.shares" not in reader.refused:
            reader.add("split.shares is missing: {train: 0.8, dev: 0.1, test: 0.1}, say")
        return HashSplit(shares=shares or {}, train_dev=train_dev, salt=salt)
    cutoffs = reader.cutoffs(entries.get("cutoffs"))
    if (shares is None) == (cutoffs is None) and not {"split.shares", "split.cutoffs"} & reader.refused:
        both = "not both" if shares else "one of them is needed"
        reader.add(f"split: give cutoffs ({{dev: 2024-10-01, test: 2024-11-01}}) or shares; {both}")
    embargo = reader.duration(entries.get("embargo"), "split.embargo")
    return TimeSplit(cutoffs=cutoffs, shares=shares, embargo_seconds=embargo, train_dev=train_dev, salt=salt)


def _gates(reader: _Reader, value: object) -> dict[str, Severity]:
    entries = reader.mapping(value, "gates", known=tuple(GATES), later=_GATES_LATER)
    chosen = {check: reader.word(entries[check], f"gates.{check}", Severity) for check in GATES if check in entries}
    return {check: chosen.get(check) or default for check, default in GATES.items()}


def _contradictions(spec: DatasetSpec) -> Iterable[str]:
    """What each part allows and all parts together do not."""
    if spec.label is not None and spec.label in spec.groups:
        yield f"label {spec.label!r} is among the groups: rows would be placed by what they are to teach"
    if spec.label is not None and spec.label in spec.key:
        yield f"label {spec.label!r} is among the key columns: rows would be placed by what they are to teach"
    if spec.include and spec.exclude:
        yield "columns: give include or exclude, not both"
    needed = {"key": spec.key, "label": (spec.label,), "groups": spec.groups, "time": (spec.time,)}
    for role, names in needed.items():
        for name in names:
            if name is not None and (name in spec.exclude or (spec.include and name not in spec.include)):
                yield f"columns leave out {name!r}, which is the dataset's {role}: later checks need it"
    if spec.order is Order.TIME and spec.time is None:
        yield "order is time, and no time column is named: add time: COLUMN"
    split = spec.split
    if isinstance(split, ColumnSplit) and split.column and split.column == spec.label:
        yield f"split.column is the label, {spec.label!r}"
    if isinstance(split, TimeSplit):
        yield from _time_contradictions(spec, split)


def _time_contradictions(spec: DatasetSpec, split: TimeSplit) -> Iterable[str]:
    if spec.time is None:
        yield "split.method is time, and no time column is named: add time: COLUMN"
    if spec.groups:
        yield (
            f"split.method is time, which cannot keep the groups ({', '.join(spec.groups)}) whole; both {NOT_YET}"
            "\nremove groups, or split by hash"
        )
    if split.cutoffs and {"dev", "test"} <= split.cutoffs.keys():
        dev, test = split.cutoffs["dev"], split.cutoffs["test"]
        if dev >= test:
            yield f"split.cutoffs: dev ({dev:%Y-%m-%d %H:%M}) must come before test ({test:%Y-%m-%d %H:%M})"
        elif test - dev <= timedelta(seconds=split.embargo_seconds):
            yield f"split.embargo is as long as dev itself ({test - dev}): no row would be left in dev"


class _Reader:
    """Turns values into types and notes what cannot be turned."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.refused: set[str] = set()
        """Keys that were there and wrong, so that nobody also calls them missing."""

    def add(self, problem: str, *, where: str = "") -> None:
        self.problems.append(problem)
        self.refused.add(where)

    def mapping(
        self, value: object, where: str, *, known: tuple[str, ...], later: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        if value is None and where != "dataset":
            return {}
        if not isinstance(value, Mapping):
            self.add(f"{where} must be a mapping of {', '.join(known)}, not {value!r}", where=where)
            return {}
        prefix = "" if where == "dataset" else f"{where}."
        for key in value:
            if key in later:
                self.add(f"{prefix}{key} {NOT_YET}; remove it")
            elif key not in known:
                self.add(f"unknown key {prefix}{key}; {suggestion(str(key), known)}")
        # NOTE: `key:` without a value reads as null, and counts as absent.
        return {key: item for key, item in value.items() if key in known and item is not None}

    def name(self, value: object, where: str) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str) or not value or "\0" in value:
            self.add(f"{where} must be the name of a column, not {value!r}", where=where)
            return None
        return value

    def names(self, value: object, where: str) -> tuple[str, ...]:
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
        try:
            return words(value)  # type: ignore[arg-type]  # whatever it is, the enum refuses it with a ValueError
        except ValueError:
            known = [item.value for item in words]
            self.add(f"{where} must be one of {', '.join(known)}, not {value!r}; {suggestion(str(value), known)}")
            return None

    def shares(self, value: object, where: str) -> dict[str, float] | None:
        if value is None:
            return None
        count = len(self.problems)
        if isinstance(value, Mapping) and "train_dev" in value:
            self.add("split.shares.train_dev: it is carved from train; write split.train_dev instead", where=where)
            value = {key: item for key, item in value.items() if key != "train_dev"}
        entries = self.mapping(value, where, known=("train", "dev", "test"))
        for split, share in entries.items():
            if not _is_number(share) or share <= 0:
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
        if value is None:
            return 0.0
        if not _is_number(value) or not 0 <= value < 1:  # type: ignore[operator]  # a number, as just asked
            self.add(f"split.train_dev must be a share of train, from 0 to below 1, not {value!r}")
            return 0.0
        return float(value)  # type: ignore[arg-type]  # a number, as just asked

    def salt(self, value: object) -> str:
        if not isinstance(value, str) or not value.isprintable() or not value:
            self.add(f"split.salt must be printable text, not {value!r}")
            return ""
        return value

    def cutoffs(self, value: object) -> dict[str, datetime] | None:
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
        if value is None:
            return 0
        match = re.fullmatch(r"\s*(\d{1,6})\s*([a-z]+?)s?\s*", value) if isinstance(value, str) else None
        if match is None or match[2] not in _UNITS:
            self.add(f"{where} must be a duration such as '7 days' or '12 hours', not {value!r}")
            return 0
        return int(match[1]) * _UNITS[match[2]]


def exact(share: float) -> Decimal:
    """The share as it was written: 0.1 is one tenth, not the nearest binary number."""
    return Decimal(repr(share))


def _is_number(value: object) -> bool:
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
