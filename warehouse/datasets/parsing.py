"""Reading a specification as people write it, in YAML under an exposure's `config.meta.dataset`.

Every problem is reported, not the first; what is not understood is refused, never ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from warehouse.datasets.contradictions import contradictions
from warehouse.datasets.drift_parsing import parse_drift
from warehouse.datasets.reading import Reader
from warehouse.datasets.spec import (
    GATES,
    DatasetSpec,
    Deduplicate,
    Downsample,
    DuplicateRule,
    Format,
    Grouping,
    NearText,
    Order,
    Refresh,
    Synthetic,
    WeightKind,
    Weights,
)
from warehouse.datasets.split_parsing import parse_freeze, parse_split
from warehouse.findings import Severity
from warehouse.statistics.shingles import LEAST_THRESHOLD

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")

_KEYS = (
    *("key", "label", "label_horizon", "columns", "groups", "time", "known_at", "target_distribution", "synthetic"),
    *(
        "split",
        "deduplicate",
        "downsample",
        "subsets",
        "folds",
        "weights",
        "order",
        "format",
        "shard",
        "gates",
        "drift",
        "refresh",
    ),
)
_COLUMNS = ("include", "exclude", "grant", "pseudonymise", "tags_denied")
_MOST_FOLDS = 1000


def parse_spec(name: str, document: object, *, model: str, default_salt: str) -> tuple[DatasetSpec | None, list[str]]:
    """The specification as far as it can be understood, and its problems; usable only when there are none.

    Args:
        name: The dataset's name.
        document: What stands under `config.meta.dataset`.
        model: Name of the model that it reads.
        default_salt: The project's, for a split that names none.
    """
    reader = Reader()
    if not NAME.fullmatch(name):
        reader.add(f"{name!r} cannot be a dataset's name: letters, digits and _ only, a letter first, 100 at most")
    entries = reader.mapping(document, "dataset", known=_KEYS)
    if not isinstance(document, Mapping):
        return None, reader.problems
    key = reader.names(entries.get("key"), "key")
    if not key and "key" not in reader.refused:
        reader.add("key is missing: name the column, or the columns, that identify an example")
    groups, grouping = _groups(reader, entries.get("groups"))
    columns = reader.mapping(entries.get("columns"), "columns", known=_COLUMNS)
    label = reader.name(entries.get("label"), "label")
    label_horizon = reader.duration(entries.get("label_horizon"), "label_horizon")
    file_format, escape_formulas = _format(reader, entries.get("format"))
    shard = reader.mapping(entries.get("shard"), "shard", known=("rows", "size"))
    spec = DatasetSpec(
        name=name,
        model=model,
        key=key,
        label=label,
        label_horizon_seconds=label_horizon,
        groups=groups,
        grouping=grouping,
        time=reader.name(entries.get("time"), "time"),
        known_at=reader.names(entries.get("known_at"), "known_at"),
        include=reader.names(columns.get("include"), "columns.include"),
        exclude=reader.names(columns.get("exclude"), "columns.exclude"),
        grant=reader.names(columns.get("grant"), "columns.grant"),
        pseudonymise=reader.names(columns.get("pseudonymise"), "columns.pseudonymise"),
        tags_denied=reader.names(columns.get("tags_denied"), "columns.tags_denied"),
        target_distribution=reader.text(entries.get("target_distribution"), "target_distribution"),
        synthetic=_synthetic(reader, entries.get("synthetic")),
        split=parse_split(reader, entries.get("split"), default_salt=default_salt, label_horizon=label_horizon),
        freeze=parse_freeze(reader, entries.get("split")),
        deduplicate=_deduplicate(reader, entries.get("deduplicate")),
        downsample=_downsample(reader, entries.get("downsample")),
        subsets=_subsets(reader, entries.get("subsets")),
        folds=_folds(reader, entries.get("folds")),
        weights=_weights(reader, entries.get("weights"), label),
        order=reader.word(entries.get("order", Order.TABLE), "order", Order) or Order.TABLE,
        format=file_format,
        escape_formulas=escape_formulas,
        shard_rows=reader.integer(shard["rows"], "shard.rows", least=1) if "rows" in shard else None,
        shard_bytes=reader.size(shard["size"], "shard.size") if "size" in shard else None,
        gates=_gates(reader, entries.get("gates")),
        drift=parse_drift(reader, entries.get("drift")),
    )
    return spec, [*reader.problems, *contradictions(spec)]


def parse_refresh(document: object) -> tuple[Refresh, list[str]]:
    """When the dataset is exported, and what is wrong with the word."""
    value = document.get("refresh") if isinstance(document, Mapping) else None
    if value is None:
        return Refresh.MANUAL, []
    reader = Reader()
    return reader.word(value, "refresh", Refresh) or Refresh.MANUAL, reader.problems


def _groups(reader: Reader, value: object) -> tuple[tuple[str, ...], Grouping]:
    if isinstance(value, Mapping):
        entries = reader.mapping(value, "groups", known=("composite", "linked"))
        if len(entries) != 1:
            if entries or not value:
                reader.add("groups: name the columns under composite (all equal) or under linked (any equal), not both")
            return (), Grouping.LINKED
        ((word, columns),) = entries.items()
        return reader.names(columns, f"groups.{word}"), Grouping(word)
    return reader.names(value, "groups"), Grouping.LINKED


def _synthetic(reader: Reader, value: object) -> Synthetic | None:
    if value is None or isinstance(value, str):
        column = reader.name(value, "synthetic")
        return None if column is None else Synthetic(column=column)
    entries = reader.mapping(value, "synthetic", known=("column", "train_dev"))
    column = reader.name(entries.get("column"), "synthetic.column")
    if column is None:
        reader.add("synthetic.column is missing: name the column that is true for such rows")
        return None
    return Synthetic(column=column, train_dev=reader.truth(entries.get("train_dev", False), "synthetic.train_dev"))


def _deduplicate(reader: Reader, value: object) -> Deduplicate:
    entries = reader.mapping(value, "deduplicate", known=("exact", "text"))
    exact = reader.word(entries["exact"], "deduplicate.exact", DuplicateRule) if "exact" in entries else None
    text = entries.get("text")
    if text is None or isinstance(text, str):
        column = reader.name(text, "deduplicate.text")
        return Deduplicate(exact=exact, text=None if column is None else NearText(column=column))
    inner = reader.mapping(text, "deduplicate.text", known=("column", "threshold"))
    column = reader.name(inner.get("column"), "deduplicate.text.column")
    if column is None:
        reader.add("deduplicate.text.column is missing: name the column of text")
        return Deduplicate(exact=exact)
    threshold = inner.get("threshold", 0.8)
    chosen = 1.0 if threshold == 1 else reader.share(threshold, "deduplicate.text.threshold")
    if chosen is not None and chosen < LEAST_THRESHOLD:
        reader.add(f"deduplicate.text.threshold must be from {LEAST_THRESHOLD} to 1, not {threshold!r}")
    return Deduplicate(exact=exact, text=NearText(column=column, threshold=chosen or 0.8))


def _downsample(reader: Reader, value: object) -> Downsample | None:
    if value is None:
        return None
    entries = reader.mapping(value, "downsample", known=("label", "keep"))
    label, keep = entries.get("label"), entries.get("keep")
    if not isinstance(label, str | int | bool):
        reader.add(f"downsample.label must be one value of the label, text or a whole number or a truth, not {label!r}")
        return None
    share = reader.share(keep, "downsample.keep")
    word = str(label).lower() if isinstance(label, bool) else str(label)
    return None if share is None else Downsample(label=word, keep=share)


def _subsets(reader: Reader, value: object) -> tuple[float, ...]:
    if value is None:
        return ()
    items = value if isinstance(value, list) else [value]
    shares = [reader.share(item, "subsets") for item in items]
    return tuple(sorted({share for share in shares if share is not None}))


def _folds(reader: Reader, value: object) -> int:
    if value is None:
        return 0
    folds = reader.integer(value, "folds", least=2)
    if folds is not None and folds > _MOST_FOLDS:
        reader.add(f"folds must be at most {_MOST_FOLDS}, not {folds}")
    return folds or 0


def _weights(reader: Reader, value: object, label: str | None) -> Weights | None:
    if value is None:
        return None
    if value == WeightKind.CLASS:
        if label is None:
            reader.add("weights: class needs a label, and the dataset names none")
            return None
        return Weights(kind=WeightKind.CLASS, column=label)
    if not isinstance(value, Mapping):
        reader.add(f"weights must be class, or {{inverse_probability: COLUMN}}, not {value!r}")
        return None
    entries = reader.mapping(value, "weights", known=("inverse_probability",))
    column = reader.name(entries.get("inverse_probability"), "weights.inverse_probability")
    return None if column is None else Weights(kind=WeightKind.INVERSE_PROBABILITY, column=column)


def _format(reader: Reader, value: object) -> tuple[Format, bool]:
    if value is None:
        return Format.PARQUET, False
    if not isinstance(value, Mapping):
        return reader.word(value, "format", Format) or Format.PARQUET, False
    entries = reader.mapping(value, "format", known=("type", "escape_formulas"))
    file_format = reader.word(entries.get("type"), "format.type", Format) or Format.PARQUET
    return file_format, reader.truth(entries.get("escape_formulas", False), "format.escape_formulas")


def _gates(reader: Reader, value: object) -> dict[str, Severity]:
    entries = reader.mapping(value, "gates", known=tuple(GATES))
    chosen = {check: reader.word(entries[check], f"gates.{check}", Severity) for check in GATES if check in entries}
    return {check: chosen.get(check) or default for check, default in GATES.items()}
