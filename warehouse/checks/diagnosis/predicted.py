"""Predictions as rows with names of our own, and what is wrong with them: looked for in one scan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from warehouse.checks.diagnosis.columns import PredictionColumns
from warehouse.checks.diagnosis.result import Task
from warehouse.checks.diagnosis.target import Target
from warehouse.engine.base import Engine
from warehouse.errors import PredictionError, problem_list
from warehouse.sql import Query, Relation, Step, identifier
from warehouse.statistics.kinds import Family, common_family, family_of, is_numeric

SUM_TOLERANCE = 0.001
"""Probabilities of all classes may sum to 1 within this; what 16 bits keep of them does."""
EXAMPLE_COUNT = 5
EXAMPLE_LENGTH = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """The predictions as they enter the join."""

    relation: Relation
    """Has `key_0`, `key_1`... of the dataset's types, and the columns."""
    key: tuple[str, ...]
    """The dataset's key, whose columns these are."""
    columns: tuple[str, ...]
    """Of `prediction` (a class's code or a double; not when `probability` tells it), `probability` (of the positive
    class), `p_0`, `p_1`... (of each of three classes or more), `score`, `loss` (doubles), `q` (hash of a query): those
    that are there."""
    row_count: int

    @property
    def key_sql(self) -> str:
        """The key's columns, listed."""
        return ", ".join(f"key_{place}" for place in range(len(self.key)))

    @property
    def example_sql(self) -> str:
        """The key as bounded text."""
        return example_sql([f"key_{place}" for place in range(len(self.key))])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    """A condition that no prediction may fulfil."""

    condition: str
    words: str
    """What is wrong with such rows."""
    value: str
    """What to show of them."""
    advice: str = ""


def example_sql(columns: Sequence[str]) -> str:
    """These columns as bounded text, for messages."""
    parts = ", ".join(f"left(coalesce({column}::varchar, 'NULL'), {EXAMPLE_LENGTH})" for column in columns)
    return f"left(concat_ws(', ', {parts}), {EXAMPLE_LENGTH})"


def read_predicted(
    engine: Engine,
    relation: Relation,
    columns: PredictionColumns,
    target: Target,
    *,
    types: Mapping[str, str],
    key: Mapping[str, str],
) -> Predicted:
    """The predictions, once every row of them was found to be usable.

    Args:
        engine: reads them.
        relation: holds them.
        columns: what they are called there.
        target: what is predicted.
        types: of the relation's columns.
        key: types of the dataset's key columns, in their order.

    Raises:
        PredictionError: a key, a prediction or a probability is missing, of the wrong type, or impossible.
    """
    keys = [
        _key_sql(column, types[column], name, type_)
        for column, (name, type_) in zip(columns.key, key.items(), strict=True)
    ]
    made = dict(_made(columns, target, types))
    faults = [*_key_faults(columns, keys), *_faults(columns, target, types, made)]
    (facts,) = engine.rows(
        Query.of(
            Step(
                "prediction_facts",
                f"""
                select
                    count(*) as row_count,
                    coalesce(bool_or({" or ".join(f"({fault.condition})" for fault in faults)}), false) as is_faulty,
                from {relation.sql}
                """,
            )
        )
    )
    if facts["is_faulty"]:
        raise PredictionError(
            problem_list(
                f"{relation.name} cannot be used as predictions:",
                _problems(engine, relation, faults, key=[identifier(column) for column in columns.key]),
            )
        )
    if not facts["row_count"]:
        raise PredictionError(f"{relation.name} holds no rows")
    listed = ", ".join(
        [*(f"{sql} as key_{place}" for place, sql in enumerate(keys)), *(f"{sql} as {n}" for n, sql in made.items())]
    )
    return Predicted(
        relation=Relation(f"(select {listed} from {relation.sql})", relation.name),
        key=tuple(key),
        columns=tuple(made),
        row_count=facts["row_count"],
    )


def _key_sql(column: str, type_: str, name: str, wanted: str) -> str:
    """The key as the dataset types it; NULL for a value that this type cannot hold."""
    own = identifier(column)
    if type_ == wanted:
        return own
    have, want = family_of(type_), family_of(wanted)
    if have is Family.STRING or common_family(have, want) in (have, want):
        cast = f"try_cast({own} as {wanted})"
        # A cast to an integer rounds, and 1.5 is not the key 2.
        return f"case when {cast} = {own} then {cast} end" if want is not Family.STRING != have else cast
    if want is Family.STRING and have is Family.INTEGER:
        return f"{own}::varchar"
    raise PredictionError(
        f"the key {name!r} is {wanted} in the dataset and {column!r} is {type_} in the predictions"
        "\n  write it as the dataset has it"
    )


def _class_text_sql(column: str, type_: str, label_type: str) -> str:
    """A predicted class as the label's values read; NULL for what cannot be one."""
    have, want = family_of(type_), family_of(label_type)
    if want is Family.BOOLEAN:
        if is_numeric(have):
            return f"case {column} when 0 then 'false' when 1 then 'true' end"
        return f"try_cast({column} as boolean)::varchar"
    if is_numeric(want):
        cast = f"try_cast({column} as {label_type})"
        return f"(case when {cast} = {column} then {cast} end)::varchar" if is_numeric(have) else f"{cast}::varchar"
    return f"{column}::varchar"


def _made(columns: PredictionColumns, target: Target, types: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Names of ours, each with its expression over the predictions."""
    if target.task is Task.CLASSES:
        yield from _made_classes(columns, target, types)
    elif target.task is Task.NUMBERS and columns.prediction is not None:
        yield "prediction", f"{identifier(columns.prediction)}::double"
    if columns.loss is not None and target.task is Task.LOSS:
        yield "loss", f"{identifier(columns.loss)}::double"
    if target.task is Task.RANKING and columns.score is not None:
        yield "score", f"{identifier(columns.score)}::double"
        if columns.query is not None:
            yield "q", f"hash({identifier(columns.query)})"


def _made_classes(columns: PredictionColumns, target: Target, types: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    positive = target.positive_code
    probability = probability_sql(columns, target)
    of_class = (
        [f"{identifier(columns.class_probabilities[name])}::double" for name in target.classes]
        if (positive < 0 and columns.class_probabilities)
        else []
    )
    if columns.prediction is not None:
        own = identifier(columns.prediction)
        yield "prediction", target.code_sql(_class_text_sql(own, types[columns.prediction], target.label_type))
    elif of_class:
        # The first of those that are likeliest.
        listed = ", ".join(of_class)
        yield "prediction", f"(list_position([{listed}], greatest({listed})) - 1)::usmallint"
    if probability:
        yield "probability", probability
    for code, sql in enumerate(of_class):
        yield f"p_{code}", sql
    if columns.score is not None and positive >= 0:
        yield "score", f"{identifier(columns.score)}::double"


def probability_sql(columns: PredictionColumns, target: Target) -> str:
    """The probability of the positive class of two; empty when there is none."""
    if target.positive is None:
        return ""
    if target.positive in columns.class_probabilities:
        return f"{identifier(columns.class_probabilities[target.positive])}::double"
    if columns.probability is not None:
        return f"{identifier(columns.probability)}::double"
    return "".join(f"(1 - {identifier(column)}::double)" for column in columns.class_probabilities.values())


def _key_faults(columns: PredictionColumns, keys: Sequence[str]) -> Iterator[_Fault]:
    for column, sql in zip(columns.key, keys, strict=True):
        own = identifier(column)
        yield _Fault(condition=f"{own} is null", words=f"have no key {column!r}", value=own)
        if sql != own:
            yield _Fault(
                condition=f"{own} is not null and ({sql}) is null",
                words=f"have a key {column!r} that is none of the dataset's type",
                value=own,
            )


def _faults(
    columns: PredictionColumns, target: Target, types: Mapping[str, str], made: Mapping[str, str]
) -> Iterator[_Fault]:
    if columns.prediction is not None and "prediction" in made:
        own = identifier(columns.prediction)
        yield _Fault(
            condition=f"{own} is null",
            words=f"have no {columns.prediction!r}",
            value=own,
            advice="leave such rows out; they are then reported as missing",
        )
        if target.task is Task.NUMBERS:
            yield from _number_faults(columns.prediction, types)
        else:
            known = ", ".join(target.classes[:10]) + (", ..." if len(target.classes) > 10 else "")
            yield _Fault(
                condition=f"{own} is not null and ({made['prediction']}) is null",
                words=f"have a {columns.prediction!r} that is no class of the label {target.label!r}",
                value=own,
                advice=f"its classes: {known}",
            )
    if "score" in made and columns.score is not None:
        yield from _number_faults(columns.score, types, nulls=True)
    if "loss" in made and columns.loss is not None:
        yield from _number_faults(columns.loss, types, nulls=True)
    if "q" in made and columns.query is not None:
        own = identifier(columns.query)
        yield _Fault(condition=f"{own} is null", words=f"have no query {columns.query!r}", value=own)
    if target.task is Task.CLASSES:
        yield from _probability_faults(columns, target, types)


def _number_faults(column: str, types: Mapping[str, str], *, nulls: bool = False) -> Iterator[_Fault]:
    family = family_of(types[column])
    if not is_numeric(family):
        raise PredictionError(f"{column!r} must hold numbers and is {types[column]}")
    own = identifier(column)
    if nulls:
        yield _Fault(condition=f"{own} is null", words=f"have no {column!r}", value=own)
    if family is Family.REAL:
        yield _Fault(condition=f"not isfinite({own})", words=f"have a {column!r} that is NaN or infinite", value=own)


def _probability_faults(columns: PredictionColumns, target: Target, types: Mapping[str, str]) -> Iterator[_Fault]:
    used = [columns.class_probabilities[name] for name in target.classes if name in columns.class_probabilities]
    if target.positive is not None and not used and columns.probability is not None:
        used = [columns.probability]
    for column in used:
        if not is_numeric(family_of(types[column])):
            raise PredictionError(f"{column!r} must hold probabilities and is {types[column]}")
        own = identifier(column)
        nan = f" or isnan({own})" if family_of(types[column]) is Family.REAL else ""
        yield _Fault(condition=f"{own} is null{nan}", words=f"have no {column!r}, or NaN", value=own)
        # DuckDB's NaN is greater than any number.
        outside = f"{own} < 0 or ({own} > 1 and not ({own} is null{nan}))"
        yield _Fault(
            condition=outside,
            words=f"have a {column!r} outside of 0 to 1",
            value=own,
            advice="give probabilities, not percentages or logits; other numbers may be called 'score'",
        )
    if len(used) == len(target.classes):
        total = " + ".join(f"{identifier(column)}::double" for column in used)
        yield _Fault(
            condition=f"abs({total} - 1) > {SUM_TOLERANCE} and not isnan({total})",
            words="have probabilities that do not sum to 1",
            value=f"round({total}, 6)",
        )


def _problems(engine: Engine, relation: Relation, faults: Sequence[_Fault], *, key: Sequence[str]) -> list[str]:
    """What is wrong with so many rows, and the first of them."""
    counts = ", ".join(f"count(*) filter (where {fault.condition}) as f{i}" for i, fault in enumerate(faults))
    (found,) = engine.rows(Query.of(Step("fault_counts", f"select {counts} from {relation.sql}")))
    shown = example_sql(key)
    return [
        _problem(engine, relation, fault, found[f"f{i}"], shown) for i, fault in enumerate(faults) if found[f"f{i}"]
    ]


def _problem(engine: Engine, relation: Relation, fault: _Fault, count: int, key: str) -> str:
    query = Query.of(
        Step(
            "faulty_predictions",
            f"""
            select
                {key} as key,
                left(coalesce(({fault.value})::varchar, 'NULL'), {EXAMPLE_LENGTH}) as value,
            from {relation.sql}
            where {fault.condition}
            order by 1, 2
            limit {EXAMPLE_COUNT}
            """,
        )
    )
    shown = "; ".join(f"{row['value']} at {row['key']}" for row in engine.rows(query))
    rows = "row has" if count == 1 else "rows have"
    words = fault.words.removeprefix("have ")
    return f"{count:,} {rows} {words}: {shown}" + (f"\n{fault.advice}" if fault.advice else "")
