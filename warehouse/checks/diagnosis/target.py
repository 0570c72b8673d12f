"""What a model predicts: the task, and how labels and predictions become numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from warehouse.checks.diagnosis.columns import OF_CLASS, PredictionColumns
from warehouse.checks.diagnosis.result import Task
from warehouse.engine.base import Engine
from warehouse.errors import PredictionError, suggestion
from warehouse.sql import Query, Relation, Step, identifier, literal
from warehouse.statistics.kinds import Family, family_of, is_numeric

MOST_CLASSES = 1_000
MOST_AREA_CLASSES = 50
"""AUC is told of up to so many classes; each takes a column of the joined table."""
FEW_CLASSES = 20
"""Integers with at most so many different values, predicted by integers, are classes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is predicted, in the terms of the joined table."""

    task: Task
    label: str | None
    """None when each row's loss is given and no label is needed."""
    label_type: str = ""
    classes: tuple[str, ...] = ()
    """As text; a class's code is its place."""
    positive: str | None = None

    @property
    def positive_code(self) -> int:
        """The code of the positive class of two."""
        return self.classes.index(self.positive) if self.positive is not None else -1

    @property
    def label_sql(self) -> str:
        """A row's label as its class's code or as a double; NULL when it has none."""
        if self.label is None:
            return "0"
        column = identifier(self.label)
        if self.task is Task.CLASSES:
            # Without text in between it takes a third of the time.
            if family_of(self.label_type) is Family.BOOLEAN and self.classes == ("false", "true"):
                return f"{column}::utinyint"
            return self.code_sql(f"{column}::varchar")
        return finite_sql(column, self.label_type)

    def code_sql(self, text: str) -> str:
        """The code of the class that this text names; NULL for any other text."""
        return f"enum_code(try_cast({text} as enum({', '.join(map(literal, self.classes))})))"


def finite_sql(column: str, type_name: str) -> str:
    """The number as a double; NULL for NaN and infinities."""
    if family_of(type_name) is Family.REAL:
        return f"case when isfinite({column}) then {column}::double end"
    return f"{column}::double"


def find_target(
    engine: Engine,
    splits: Mapping[str, Relation],
    types: Mapping[str, str],
    columns: PredictionColumns,
    prediction_types: Mapping[str, str],
    *,
    label: str | None,
    task: Task | None,
    positive: str | None,
) -> Target:
    """What these predictions are of.

    Without `task`: of classes when the label is no number or probabilities are given, or when label and prediction
    are both whole numbers and few; of numbers otherwise; of loss when nothing but a loss is there.

    Raises:
        PredictionError: predictions, label and task do not go together.
    """
    can_predict = columns.prediction is not None or columns.has_probabilities
    if task is Task.LOSS or (task is None and columns.loss is not None and not can_predict):
        if columns.loss is None:
            raise PredictionError("there is no column 'loss'\n  say which it is: --column loss=NAME")
        return Target(task=Task.LOSS, label=None)
    if label is None or label not in types:
        raise PredictionError(
            f"the dataset has no label{f' {label!r} among its exported columns' if label else ''}, so predictions "
            "cannot be judged\n  give each row's loss in a column 'loss', and say --task loss"
        )
    if task is Task.RANKING:
        return _relevance(label, types[label], columns)
    if not can_predict:
        raise PredictionError(
            "there is neither a column 'prediction' nor a probability\n  say which it is: --column prediction=NAME"
        )
    family = family_of(types[label])
    if family in (Family.OTHER, Family.TIMESTAMP, Family.CLOCK):
        raise PredictionError(
            f"the label {label!r} is {types[label]}, neither a class nor a number"
            "\n  give each row's loss in a column 'loss', and say --task loss"
        )
    if task is None:
        task = _task(engine, splits, label, family, columns, prediction_types)
    if task is Task.NUMBERS:
        return _numbers(label, types[label], columns, prediction_types)
    classes = read_classes(engine, splits, label, most=MOST_CLASSES)
    if len(classes) > MOST_CLASSES:
        raise PredictionError(
            f"the label {label!r} has more than {MOST_CLASSES:,} different values, too many for classes"
            + ("\n  if it is a number, say --task numbers" if is_numeric(family) else "")
        )
    if len(classes) < 2:
        raise PredictionError(f"the label {label!r} has {len(classes)} different values; there is nothing to predict")
    return _classes(label, types[label], classes, columns, positive)


def read_classes(engine: Engine, splits: Mapping[str, Relation], label: str, *, most: int) -> tuple[str, ...]:
    """The label's values over all splits, ascending, as text; one more than `most` when there are more."""
    column = identifier(label)
    rows = " union all ".join(f"select {column} as label from {relation.sql}" for relation in splits.values())
    query = Query.of(
        Step("labels", rows),
        Step(
            "classes",
            f"""
            select
                label::varchar as class,
            from labels
            where label is not null
            group by label
            order by label
            limit {most + 1}
            """,
        ),
    )
    return tuple(row["class"] for row in engine.rows(query))


def _task(
    engine: Engine,
    splits: Mapping[str, Relation],
    label: str,
    family: Family,
    columns: PredictionColumns,
    prediction_types: Mapping[str, str],
) -> Task:
    if not is_numeric(family) or columns.has_probabilities:
        return Task.CLASSES
    predicted = family_of(prediction_types[columns.prediction]) if columns.prediction else Family.OTHER
    if family is Family.INTEGER and predicted is not Family.REAL and predicted is not Family.DECIMAL:
        few = len(read_classes(engine, splits, label, most=FEW_CLASSES)) <= FEW_CLASSES
        return Task.CLASSES if few else Task.NUMBERS
    return Task.NUMBERS


def _numbers(label: str, label_type: str, columns: PredictionColumns, prediction_types: Mapping[str, str]) -> Target:
    if not is_numeric(family_of(label_type)):
        raise PredictionError(f"the label {label!r} is {label_type}, which is no number\n  say --task classes")
    if columns.prediction is None:
        raise PredictionError("there is no column 'prediction'\n  say which it is: --column prediction=NAME")
    found = prediction_types[columns.prediction]
    if not is_numeric(family_of(found)):
        raise PredictionError(f"the prediction {columns.prediction!r} is {found}, and the label {label!r} a number")
    return Target(task=Task.NUMBERS, label=label, label_type=label_type)


def _relevance(label: str, label_type: str, columns: PredictionColumns) -> Target:
    family = family_of(label_type)
    if not is_numeric(family) and family is not Family.BOOLEAN:
        raise PredictionError(
            f"the label {label!r} is {label_type}, and a ranking needs a relevance: a number from 0 on, or a boolean"
        )
    if columns.score is None:
        raise PredictionError("there is no column 'score' to rank rows by\n  say which it is: --column score=NAME")
    return Target(task=Task.RANKING, label=label, label_type=label_type)


def _classes(
    label: str, label_type: str, classes: Sequence[str], columns: PredictionColumns, positive: str | None
) -> Target:
    listed = ", ".join(classes[:10]) + (", ..." if len(classes) > 10 else "")
    unseen = [name for name in columns.class_probabilities if name not in classes]
    if unseen:
        raise PredictionError(
            f"{OF_CLASS}{unseen[0]} is of no class that the label {label!r} has; {suggestion(unseen[0], classes)}"
            f"\n  its classes: {listed}"
        )
    if positive is not None and positive not in classes:
        raise PredictionError(f"--positive {positive!r} is no class of {label!r}; {suggestion(positive, classes)}")
    if len(classes) == 2:
        return Target(
            task=Task.CLASSES,
            label=label,
            label_type=label_type,
            classes=tuple(classes),
            positive=positive or classes[-1],
        )
    if columns.probability is not None and not columns.class_probabilities:
        raise PredictionError(
            f"{columns.probability!r} is one probability, and the label {label!r} has {len(classes)} classes"
            f"\n  give one column per class: {OF_CLASS}{classes[0]}, {OF_CLASS}{classes[1]}, ..."
        )
    missing = [name for name in classes if name not in columns.class_probabilities]
    if columns.class_probabilities and missing:
        raise PredictionError(
            f"there is no probability of {', '.join(map(repr, missing[:5]))}; the classes of {label!r}: {listed}"
        )
    return Target(task=Task.CLASSES, label=label, label_type=label_type, classes=tuple(classes))
