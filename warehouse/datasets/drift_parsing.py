"""Reading `drift:` of a specification: thresholds, kinds, columns to ignore, segments."""

from __future__ import annotations

from collections.abc import Mapping

from warehouse.datasets.drift_rules import THRESHOLDS, ColumnRules, DriftRules
from warehouse.datasets.reading import Reader
from warehouse.statistics.kinds import Kind

_COLUMN_EFFECTS = ("distance", "share", "new", "aspect", "label")


def parse_drift(reader: Reader, value: object) -> DriftRules:
    """The rules as far as they can be understood; the reader keeps the problems."""
    entries = reader.mapping(value, "drift", known=(*THRESHOLDS, "ignore", "by", "columns", "profile"))
    columns = entries.get("columns")
    names = tuple(name for name in columns if isinstance(name, str)) if isinstance(columns, Mapping) else ()
    named = reader.mapping(columns, "drift.columns", known=names)
    return DriftRules(
        thresholds=_thresholds(reader, entries, "drift", tuple(THRESHOLDS)),
        columns={name: _column(reader, rules, f"drift.columns.{name}") for name, rules in named.items()},
        ignore=reader.names(entries.get("ignore"), "drift.ignore"),
        by=reader.names(entries.get("by"), "drift.by"),
        profile=reader.truth(entries.get("profile", False), "drift.profile"),
    )


def _column(reader: Reader, value: object, where: str) -> ColumnRules:
    entries = reader.mapping(value, where, known=("kind", *_COLUMN_EFFECTS))
    kind = reader.word(entries["kind"], f"{where}.kind", Kind) if "kind" in entries else None
    return ColumnRules(kind=kind, thresholds=_thresholds(reader, entries, where, _COLUMN_EFFECTS))


def _thresholds(reader: Reader, entries: dict[str, object], where: str, effects: tuple[str, ...]) -> dict[str, float]:
    found = {name: reader.share(entries[name], f"{where}.{name}") for name in effects if name in entries}
    return {name: share for name, share in found.items() if share is not None}
