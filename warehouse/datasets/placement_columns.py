"""Placing rows without numbering them: every row with its values and its place, for engines without row numbers.

The rules are those of `placement_rows.py`, so a row lies where it lies on DuckDB. What ties rows together beyond one
group needs tables of the session, and is not placed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from warehouse.datasets.placement_rows import Known, asked_of_row_sql, own_point_sql, ruled_places_sql
from warehouse.datasets.spec import DatasetSpec, DuplicateRule, HashSplit
from warehouse.errors import ExportError, problem_list
from warehouse.sql import Query, Relation, Step, identifier


def placed_columns_sql(
    relation: Relation, spec: DatasetSpec, columns: Sequence[str], *, place: str, part: str = "", fold: str = ""
) -> Query:
    """One row per row of the relation: these columns, and its place by the name `place`.

    Args:
        relation: The model's table.
        spec: With cutoffs as moments.
        columns: What to carry.
        place: Name of the split that the row lies in, or of the reason why it is in none.
        part: Name of the index of the smallest of `spec.subsets` that a row of train belongs to; left out when empty.
        fold: Name of the row's fold, NULL outside train; left out when empty.

    Raises:
        ExportError: the specification asks for what is not placed here, or a column has one of these names.
    """
    added = {name: term for name, term in ((place, "place"), (part, "part"), (fold, "fold")) if name}
    problems = list(_tied_by(spec))
    problems += [f"the column {name!r} has the name of what is added" for name in columns if name in added]
    if problems:
        raise ExportError(problem_list(f"dataset {spec.name!r} cannot be split by this engine:", problems))
    carried = [f"column_{index}" for index in range(len(columns))]
    # Under other names, so that no column is called like what the rules know of a row.
    read = [f"{identifier(column)} as {name}" for column, name in zip(columns, carried, strict=True)]
    asked = [f"{expression} as {name}" for name, expression in asked_of_row_sql(spec).items()]
    point = f"{own_point_sql(spec)} as point"
    given = [f"{name} as {identifier(column)}" for column, name in zip(columns, carried, strict=True)]
    given += [f"{term} as {identifier(name)}" for name, term in added.items()]
    return Query.of(
        Step("points", f"select {', '.join([*read, point, *asked])} from {relation.sql}"),
        *ruled_places_sql(spec, Known(), carried=", ".join(carried)),
        Step("placed_columns", f"select {', '.join(given)} from placed_rows"),
    )


def is_placed_alone(spec: DatasetSpec) -> bool:
    """Whether a row's own values tell its place, but for rows that frozen splits keep."""
    return not any(_tied_by(replace(spec, freeze={})))


def _tied_by(spec: DatasetSpec) -> Iterator[str]:
    if spec.is_linked:
        yield "linked groups; groups: {composite: [...]} or a single one can be used"
    if isinstance(spec.split, HashSplit) and spec.split.stratify:
        yield "split.stratify; without it shares hold on average"
    if spec.freeze:
        yield "split.freeze; a hash split keeps rows where they are as long as its shares and salt stay"
    if spec.deduplicate.exact is DuplicateRule.ONCE:
        yield "deduplicate.exact: once; keep equal rows apart in the model"
