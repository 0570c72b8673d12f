"""How the labels are spread over the splits."""

from __future__ import annotations

from dataclasses import dataclass

from warehouse.datasets.manifest import LabelCount
from warehouse.datasets.placement import Placement
from warehouse.datasets.spec import DatasetSpec
from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step, identifier

MOST_LABELS = 100
"""With more different labels than this, only the mean and the missing ones are recorded."""

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


def labels_sql(relation: Relation, label: str, placement: Placement, *, is_float: bool) -> Query:
    """One row per split and label: `split`, `label` (text; NULL when missing), `row_count`; most frequent first."""
    name = identifier(label)
    value = f"case when isnan({name}) then null else {name} end" if is_float else name
    return Query.of(
        Step("labelled_rows", f"select {placement.split_sql} as split, {value} as label from {relation.sql}"),
        Step("rows_per_label", "select split, label, count(*) as row_count from labelled_rows group by all"),
        Step(
            "labels",
            """
            select
                split,
                label::varchar as label,
                row_count,
            from rows_per_label
            where split is not null
            order by split, row_count desc, label
            """,
        ),
    )


def label_means_sql(relation: Relation, label: str, placement: Placement, *, is_float: bool, is_numeric: bool) -> Query:
    """One row per split: `split`, `missing_count`, `mean` of the finite labels (NULL when they are no numbers)."""
    name = identifier(label)
    number = f"case when isfinite({name}) then {name} end" if is_float else name
    # NOTE: fsum compensates rounding, so that the mean does not depend on which thread saw which row.
    mean = "fsum(label::double) / count(label)" if is_numeric else "null"
    return Query.of(
        Step(
            "labelled_rows",
            f"""
            select
                {placement.split_sql} as split,
                {f"{name} is null or isnan({name})" if is_float else f"{name} is null"} as is_missing,
                {number} as label,
            from {relation.sql}
            """,
        ),
        Step(
            "label_means",
            f"""
            select
                split,
                count(*) filter (is_missing) as missing_count,
                {mean} as mean,
            from labelled_rows
            where split is not null
            group by split
            """,
        ),
    )


def read_label_facts(
    engine: Engine, relation: Relation, spec: DatasetSpec, placement: Placement, *, type_name: str, label_kinds: int
) -> dict[str, LabelFacts]:
    """The labels of every split; empty without a label."""
    if spec.label is None:
        return {}
    upper = type_name.upper()
    is_float = upper in ("FLOAT", "DOUBLE", "REAL")
    # An array of numbers is no number.
    is_numeric = upper.startswith((*_NUMERIC, *_UNSIGNED)) and not upper.endswith("]")
    means = {
        row["split"]: row
        for row in engine.rows(
            label_means_sql(relation, spec.label, placement, is_float=is_float, is_numeric=is_numeric)
        )
    }
    counts: dict[str, list[LabelCount]] = {}
    if label_kinds <= MOST_LABELS:
        for row in engine.rows(labels_sql(relation, spec.label, placement, is_float=is_float)):
            counts.setdefault(row["split"], []).append(LabelCount(label=row["label"], row_count=row["row_count"]))
    return {
        split: LabelFacts(
            labels=tuple(counts[split]) if split in counts else None,
            mean=None if means[split]["mean"] is None else float(f"{means[split]['mean']:.12g}"),
            missing_count=means[split]["missing_count"],
        )
        for split in placement.row_counts
    }
