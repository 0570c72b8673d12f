"""Errors of models that were trained on shares of train: what a file or table says, looked at before it is used."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from warehouse.checks.diagnosis.predicted import EXAMPLE_COUNT, EXAMPLE_LENGTH
from warehouse.checks.diagnosis.result import MetricName
from warehouse.checks.drift.words import count_text
from warehouse.engine.base import Engine
from warehouse.errors import PredictionError, problem_list, suggestion
from warehouse.sql import Query, Relation, Step, identifier
from warehouse.statistics.kinds import family_of, is_numeric

FRACTION, ROWS, SPLIT, ERROR, REPEAT, TESTED = "fraction", "rows", "split", "error", "repeat", "n"
ROLES = (FRACTION, ROWS, SPLIT, ERROR, REPEAT, TESTED)
MOST_POINTS = 10_000


@dataclass(frozen=True, slots=True)
class _Rule:
    role: str
    is_wrong: Callable[[Any], bool]
    words: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredError:
    """One row of the file."""

    split: str
    row_count: float
    """Rows that the model was trained on."""
    error: float
    tested_count: int | None


def read_points(
    engine: Engine,
    relation: Relation,
    *,
    metric: MetricName,
    splits: Sequence[str],
    train_count: int,
) -> list[MeasuredError]:
    """Every error that is there.

    Args:
        engine: reads the relation.
        relation: has `fraction` (of train) or `rows`, `split`, `error`; may have `repeat` and `n`.
        metric: what errors are in.
        splits: of the version.
        train_count: rows of train.

    Raises:
        PredictionError: a column is missing or a value impossible; all that is wrong is said together.
    """
    types = {column.name: column.type for column in engine.columns(relation)}
    columns = _columns(relation.name, types)
    listed = ", ".join(f"{identifier(column)} as {identifier(role)}" for role, column in columns.items())
    rows = engine.rows(Query.of(Step("errors", f"select {listed} from {relation.sql} limit {MOST_POINTS + 1}")))
    if not rows:
        raise PredictionError(f"{relation.name} holds no rows")
    if len(rows) > MOST_POINTS:
        raise PredictionError(
            f"{relation.name} holds more than {MOST_POINTS:,} rows, too many for a learning curve"
            "\n  give one row per trained model and split"
        )
    problems = list(_problems(rows, columns, metric, splits))
    if problems:
        raise PredictionError(problem_list(f"{relation.name} cannot be used as a learning curve:", problems))
    return [
        MeasuredError(
            split=str(row[SPLIT]),
            row_count=float(row[ROWS]) if ROWS in columns else float(row[FRACTION]) * train_count,
            error=float(row[ERROR]),
            tested_count=int(row[TESTED]) if TESTED in columns else None,
        )
        for row in rows
    ]


def _columns(name: str, types: Mapping[str, str]) -> dict[str, str]:
    """Columns by role."""
    by_name = {column.casefold(): column for column in types}
    found = {role: by_name[role] for role in ROLES if role in by_name}
    problems = [
        f"there is no column {role!r}; {suggestion(role, list(types))}" for role in (SPLIT, ERROR) if role not in found
    ]
    if FRACTION not in found and ROWS not in found:
        problems.append(f"there is neither a column {FRACTION!r} nor {ROWS!r}; {suggestion(FRACTION, list(types))}")
    if ROWS in found:
        # Rows say it more exactly.
        found.pop(FRACTION, None)
    for role in (FRACTION, ROWS, ERROR, TESTED):
        if role in found and not is_numeric(family_of(types[found[role]])):
            problems.append(f"{found[role]!r} must hold numbers and is {types[found[role]]}")
    if problems:
        raise PredictionError(
            problem_list(f"{name} cannot be read as a learning curve:", problems)
            + "\n  its columns: fraction (of train, above 0 and up to 1) or rows, split, error; "
            "repeat and n, the rows that the error was measured on, if there are any"
        )
    return found


def _problems(
    rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], metric: MetricName, splits: Sequence[str]
) -> Iterator[str]:
    for role, column in columns.items():
        values = [row[role] for row in rows]
        if missing := values.count(None):
            yield f"{count_text(missing, 'row')} {_have(missing)} no {column!r}"
        given = [value for value in values if value is not None]
        for rule in _rules(metric, splits):
            wrong = [value for value in given if rule.role == role and rule.is_wrong(value)]
            if wrong:
                shown = ", ".join(list(dict.fromkeys(str(value)[:EXAMPLE_LENGTH] for value in wrong))[:EXAMPLE_COUNT])
                words = f"{count_text(len(wrong), 'row')} {_have(len(wrong))} a {column!r} {rule.words}: {shown}"
                yield f"{words}\n{rule.advice}"
                break
    size = ROWS if ROWS in columns else FRACTION
    if REPEAT in columns:
        counts = Counter((row[SPLIT], row[size], row[REPEAT]) for row in rows)
        (split, value, repeat), most = counts.most_common(1)[0]
        if most > 1:
            yield (
                f"{columns[SPLIT]} {split}, {columns[size]} {value}, {columns[REPEAT]} {repeat} is there {most} times"
                "\ngive one row per trained model and split"
            )


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def _rules(metric: MetricName, splits: Sequence[str]) -> Iterator[_Rule]:
    """What no value may be; of one column the first that is broken counts."""
    share = "give a share of train, as 0.25, or its rows in a column 'rows'"
    yield _Rule(FRACTION, lambda value: not 0 < value <= 1, "outside of 0 to 1", share)
    for role, what in ((ROWS, "a model was trained on"), (TESTED, "the error was measured on")):
        yield _Rule(role, lambda value: not 1 <= value < math.inf, "that is no number of rows", f"rows that {what}")
    yield _Rule(
        SPLIT, lambda value: str(value) not in splits, "that the version has not", f"it has {', '.join(splits)}"
    )
    yield _Rule(
        ERROR, lambda value: not math.isfinite(value), "that is NaN or infinite", "leave out models that did not train"
    )
    if metric.is_share:
        advice = "give shares, 0.05 for 5 %; if it is another measure, say which: --metric mae"
        yield _Rule(ERROR, lambda value: not 0 <= value <= 1, "that is no share", advice)
    elif metric is not MetricName.LOSS:
        advice = f"{metric.value} cannot be; a measure of your own is --metric loss"
        yield _Rule(ERROR, lambda value: value < 0, "below 0", advice)
