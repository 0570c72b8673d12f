"""How the labels are spread over the splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from warehouse.datasets.manifest import LabelCount
from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step, identifier, literal

MOST_LABELS = 100
"""With more different labels than this, only the mean and the missing ones are recorded."""
_ROUGHLY = 1.5
"""What the rough count (HyperLogLog, up to 10 % off) may not exceed for labels to be counted one by one."""

_FRACTIONAL = ("FLOAT", "REAL", "DOUBLE", "DECIMAL")
_NUMERIC = (*_FRACTIONAL, "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT")
_UNSIGNED = ("UINTEGER", "UBIGINT", "UHUGEINT")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFacts:
    """The labels of one split."""

    labels: tuple[LabelCount, ...] | None
    mean: float | None
    missing_count: int
    """Rows whose label is NULL or NaN."""


def labelled_rows_sql(splits: Mapping[str, Relation], label: str, *, is_float: bool) -> Step:
    """One row per row of every split: `split`, `label`; NaN is no label."""
    name = identifier(label)
    value = f"case when isnan({name}) then null else {name} end" if is_float else name
    selects = (
        f"select {literal(split)} as split, {value} as label from {relation.sql}" for split, relation in splits.items()
    )
    return Step("labelled_rows", " union all ".join(selects))


def label_totals_sql(rows: Step, *, is_float: bool, is_numeric: bool) -> Query:
    """One row per split: `split`, `row_count`, `label_count`, `kinds` (roughly), `mean` (NULL for labels like text)."""
    finite = "filter (isfinite(label))" if is_float else ""
    # NOTE: fsum compensates rounding, so that the mean does not depend on which thread saw which row.
    mean = f"fsum(label::double) {finite} / count(label) {finite}" if is_numeric else "null"
    return Query.of(
        rows,
        Step(
            "label_totals",
            f"""
            select
                split,
                count(*) as row_count,
                count(label) as label_count,
                approx_count_distinct(label) as kinds,
                {mean} as mean,
            from labelled_rows
            group by split
            """,
        ),
    )


def labels_sql(rows: Step, *, is_double: bool) -> Query:
    """One row per split and label: `split`, `label` (NULL when missing), `row_count`; most frequent first.

    Labels are text, but for doubles: engines write those in ways of their own.
    """
    label = "label" if is_double else "label::varchar as label"
    return Query.of(
        rows,
        Step("rows_per_label", "select split, label, count(*) as row_count from labelled_rows group by split, label"),
        Step(
            "labels",
            f"""
            select
                split,
                {label},
                row_count,
            from rows_per_label
            order by split, row_count desc, label
            """,
        ),
    )


def read_label_facts(
    engine: Engine, splits: Mapping[str, Relation], label: str | None, *, type_name: str
) -> dict[str, LabelFacts]:
    """The labels of every split; empty without a label."""
    if label is None:
        return {}
    upper = type_name.upper()
    is_float = upper in ("FLOAT", "DOUBLE", "REAL")
    # An array of numbers is no number.
    is_numeric = upper.startswith((*_NUMERIC, *_UNSIGNED)) and not upper.endswith("]")
    rows = labelled_rows_sql(splits, label, is_float=is_float)
    if upper == "BOOLEAN":
        counts = _counts(engine, rows, is_double=False)
        return {split: _boolean_facts(counts.get(split, ())) for split in splits}
    totals = {
        row["split"]: row for row in engine.rows(label_totals_sql(rows, is_float=is_float, is_numeric=is_numeric))
    }
    may_be_few = max(row["kinds"] for row in totals.values()) <= _ROUGHLY * MOST_LABELS
    counts = _counts(engine, rows, is_double=upper == "DOUBLE") if may_be_few else {}
    has_few = may_be_few and all(
        sum(count.label is not None for count in found) <= MOST_LABELS for found in counts.values()
    )
    return {
        split: LabelFacts(
            labels=counts[split] if has_few else None,
            mean=_rounded(totals[split]["mean"]),
            missing_count=totals[split]["row_count"] - totals[split]["label_count"],
        )
        for split in splits
    }


def _counts(engine: Engine, rows: Step, *, is_double: bool) -> dict[str, tuple[LabelCount, ...]]:
    counts: dict[str, tuple[LabelCount, ...]] = {}
    for row in engine.rows(labels_sql(rows, is_double=is_double)):
        # NOTE: as DuckDB writes it. Zero has no sign, of which an engine would keep that of any row.
        label = repr(row["label"] + 0.0) if is_double and row["label"] is not None else row["label"]
        count = LabelCount(label=label, row_count=row["row_count"])
        counts[row["split"]] = (*counts.get(row["split"], ()), count)
    if is_double:
        return {split: tuple(sorted(found, key=_most_frequent_first)) for split, found in counts.items()}
    return counts


def _most_frequent_first(count: LabelCount) -> tuple[int, bool, str]:
    return -count.row_count, count.label is None, count.label or ""


def _boolean_facts(labels: tuple[LabelCount, ...]) -> LabelFacts:
    """Two counts say everything about a truth value: no second scan for its mean."""
    by_label = {count.label: count.row_count for count in labels}
    known = by_label.get("true", 0) + by_label.get("false", 0)
    mean = _rounded(by_label.get("true", 0) / known) if known else None
    return LabelFacts(labels=labels, mean=mean, missing_count=by_label.get(None, 0))


def _rounded(mean: float | None) -> float | None:
    return None if mean is None else float(f"{mean:.12g}")
