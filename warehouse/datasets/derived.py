"""Columns that an export adds to train's rows: the fold and the weight; and the thinning of one label."""

from __future__ import annotations

from collections.abc import Mapping

from warehouse.datasets.columns import OutputColumn
from warehouse.datasets.placement import Placement
from warehouse.datasets.row_checks import example_keys_sql
from warehouse.datasets.spec import FOLD, WEIGHT, DatasetSpec, WeightKind, Weights
from warehouse.engine.base import Engine
from warehouse.errors import ExportError
from warehouse.sql import Query, Relation, Step, identifier, literal

MOST_CLASSES = 1000
"""Each class is a branch of an expression that every row of train goes through."""

_EXAMPLES = 10
_NUMBERS = (
    *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
    *("FLOAT", "REAL", "DOUBLE", "DECIMAL"),
)


def derived_headers(spec: DatasetSpec) -> tuple[OutputColumn, ...]:
    """The columns that an export adds, without values: their names, types and descriptions."""
    headers = []
    if spec.folds:
        headers.append(
            OutputColumn(
                name=FOLD,
                type="INTEGER",
                value="null::integer",
                description=(
                    f"Number of the row's fold for cross-validation, 0 to {spec.folds - 1}, by a hash of its "
                    f"{'group' if spec.groups else 'key'}; NULL outside train."
                ),
            )
        )
    if spec.weights is not None:
        by_class = spec.weights.kind is WeightKind.CLASS
        how = (
            f"rows of train / (classes x rows of train with the same {spec.weights.column})"
            if by_class
            else f"1 / {spec.weights.column}"
        )
        headers.append(
            OutputColumn(
                name=WEIGHT,
                type="DOUBLE",
                value="null::double",
                description=f"Weight of the row in training, {how}; NULL outside train.",
                unit="1",
                # The weight of a row follows from the counts of other rows.
                is_compared=not by_class,
            )
        )
    return tuple(headers)


def derived_columns(
    engine: Engine, relation: Relation, spec: DatasetSpec, placement: Placement, types: Mapping[str, str]
) -> tuple[OutputColumn, ...]:
    """The columns that an export adds, computed on train as it was placed.

    Args:
        engine: Whose session holds the placement.
        relation: The model's table.
        spec: Of the dataset.
        placement: Of its rows.
        types: The table's, by column.

    Raises:
        ExportError: a probability of train is none, or there are too many classes.
    """
    columns = []
    for header in derived_headers(spec):
        value = placement.fold_sql if header.name == FOLD else ""
        if spec.weights is not None and header.name == WEIGHT:
            value = _weight_sql(engine, relation, spec, spec.weights, placement, types)
        columns.append(
            OutputColumn(
                name=header.name,
                type=header.type,
                value=value,
                description=header.description,
                unit=header.unit,
                is_compared=header.is_compared,
            )
        )
    return tuple(columns)


def _weight_sql(
    engine: Engine,
    relation: Relation,
    spec: DatasetSpec,
    weights: Weights,
    placement: Placement,
    types: Mapping[str, str],
) -> str:
    train = placement.holds_sql("train")
    if weights.kind is WeightKind.CLASS:
        found = class_weights(engine, relation, spec, weights, train)
        # NOTE: text, since a decimal number is not always cast to the double nearest to it.
        branches = " ".join(f"when {literal(label)} then '{weight!r}'::double" for label, weight in found.items())
        weight = f"case {identifier(weights.column)}::varchar {branches} end" if found else "null::double"
        return f"case when {train} then {weight} end"
    _check_probabilities(engine, relation, spec, weights, train, types)
    return f"case when {train} then 1 / {identifier(weights.column)}::double end"


def rows_per_class_sql(relation: Relation, column: str, condition: str, *, limit: int) -> Query:
    """One row per label as text, most frequent first: `label`, `row_count`; rows without a label are no class."""
    name = identifier(column)
    return Query.of(
        Step(
            "rows_per_class",
            f"""
            select
                {name}::varchar as label,
                count(*) as row_count,
            from {relation.sql}
            where ({condition}) and {name} is not null
            group by {name}::varchar
            order by row_count desc, label
            limit {limit}
            """,
        )
    )


def class_weights(
    engine: Engine, relation: Relation, spec: DatasetSpec, weights: Weights, train: str
) -> dict[str, float]:
    """Weight by label: rows / (classes x rows of the class), so that every class weighs the same in all.

    Rows without a label are not counted, and have no weight. Source: King and Zeng (2001), as `class_weight="balanced"`
    of scikit-learn.
    """
    rows = engine.rows(rows_per_class_sql(relation, weights.column, train, limit=MOST_CLASSES + 1))
    if len(rows) > MOST_CLASSES:
        raise ExportError(
            f"dataset {spec.name!r}: weights: class is for at most {MOST_CLASSES:,} classes, and train has more values "
            f"of {weights.column!r}\n  use weights: {{inverse_probability: COLUMN}}, computed in the model"
        )
    total = sum(int(row["row_count"]) for row in rows)
    return {row["label"]: total / (len(rows) * int(row["row_count"])) for row in rows}


def wrong_probabilities_sql(relation: Relation, column: str, train: str) -> Query:
    """One row: `row_count`, rows of train whose probability is missing, NaN, not above 0, or above 1."""
    return Query.of(
        Step(
            "wrong_probabilities",
            f"select count(*) as row_count from {relation.sql} where {_is_wrong(column, train)}",
        )
    )


def _is_wrong(column: str, train: str) -> str:
    value = f"{identifier(column)}::double"
    # NaN counts as greater than every number, and NULL as neither.
    return f"({train}) and not coalesce({value} > 0 and {value} <= 1, false)"


def _check_probabilities(
    engine: Engine, relation: Relation, spec: DatasetSpec, weights: Weights, train: str, types: Mapping[str, str]
) -> None:
    where = f"dataset {spec.name!r}: weights.inverse_probability: column {weights.column!r}"
    if not types[weights.column].upper().startswith(_NUMBERS):
        raise ExportError(f"{where} is of type {types[weights.column]}; it must be a number above 0 and at most 1")
    (row,) = engine.rows(wrong_probabilities_sql(relation, weights.column, train))
    if row["row_count"]:
        condition = _is_wrong(weights.column, train)
        examples = engine.rows(example_keys_sql(relation, spec, condition=condition))
        keys = "; ".join(example["example"][:100] for example in examples)
        raise ExportError(
            f"{where} is NULL, not above 0, or above 1 in {row['row_count']:,} rows of train, for example in those "
            f"with key {keys}\n  correct the model, then: warehouse build"
        )


def check_downsample(engine: Engine, relation: Relation, spec: DatasetSpec, placement: Placement) -> None:
    """Makes sure that the label to be thinned is one of the table.

    Raises:
        ExportError: no row has it; names the labels that there are.
    """
    if spec.downsample is None or placement.dropped.get("downsampled"):
        return
    name = identifier(spec.label or "")
    condition = f"{name}::varchar = {literal(spec.downsample.label)}"
    if engine.rows(rows_per_class_sql(relation, spec.label or "", condition, limit=1)):
        return
    rows = engine.rows(rows_per_class_sql(relation, spec.label or "", "true", limit=_EXAMPLES))
    known = ", ".join(f"{row['label'][:50]!r} ({row['row_count']:,} rows)" for row in rows)
    raise ExportError(
        f"dataset {spec.name!r}: downsample.label is {spec.downsample.label!r}, which no row of {spec.label!r} has"
        f"\n  labels: {known or 'none'}"
    )
