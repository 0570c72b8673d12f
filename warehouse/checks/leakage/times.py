"""Times that contradict the split or the row: learning from what is to be predicted, knowing what had not happened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from warehouse.checks.leakage.result import Disorder, LateColumn, TimeCount, TimeRange
from warehouse.checks.leakage.rows import EXAMPLE_COUNT, EXAMPLE_LENGTH, LeakColumn, SplitRows
from warehouse.datasets.spec import DatasetSpec, HashTimeSplit, TimeSplit
from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step, literal

ORDER = {"train": 0, "train_dev": 0, "dev": 1, "test": 2}
"""Which split is to be later than which; train_dev is drawn from train's time."""


def _moment_sql(column: LeakColumn) -> str:
    """As a UTC wall time; the session's zone is UTC, so a zoned timestamp casts to it."""
    return f"{column.sql}::timestamp"


def times_and_labels_sql(rows: SplitRows) -> Query:
    """One row per split `s` and label `v` (NULL for all when the label's values are not classes): `n`, `first`, `last`.

    What the splits' times and their labels need is read in one scan.
    """
    label = rows.label.sql if rows.label is not None and rows.label.is_class else "null"
    moment = "null::timestamp" if rows.time is None else _moment_sql(rows.time)
    return Query.of(
        Step("labelled_times", f"select s, {label} as v, {moment} as moment from {rows.relation.sql}"),
        Step(
            "times_and_labels",
            """
            select
                s,
                v,
                count(*) as n,
                min(moment) as first,
                max(moment) as last,
            from labelled_times
            group by s, v
            """,
        ),
    )


def time_ranges_sql(times: Relation) -> Query:
    """One row per split that has a time: `s`, `first`, `last` as text."""
    return Query.of(
        Step(
            "time_ranges",
            f"""
            select
                s,
                min(first)::varchar as first,
                max(last)::varchar as last,
            from {times.sql}
            where first is not null
            group by s
            order by s
            """,
        )
    )


def time_counts_sql(rows: SplitRows, conditions: Sequence[str]) -> Query:
    """One row: for condition i `count_i`, how many rows satisfy it."""
    counts = ", ".join(f"count(*) filter ({condition}) as count_{i}" for i, condition in enumerate(conditions))
    return Query.of(Step("time_counts", f"select {counts} from {rows.relation.sql}"))


def example_rows_sql(rows: SplitRows, condition: str, example: str) -> Query:
    """A few rows that satisfy a condition: `example`, smallest first."""
    return Query.of(
        Step(
            "example_rows",
            f"select {example} as example from {rows.relation.sql} where {condition} order by example"
            f" limit {EXAMPLE_COUNT}",
        )
    )


def _examples(engine: Engine, rows: SplitRows, condition: str, example: str) -> tuple[str, ...]:
    found = engine.rows(example_rows_sql(rows, condition, example))
    return tuple(sorted({row["example"] for row in found}))


def read_times(
    engine: Engine, rows: SplitRows, spec: DatasetSpec, times: Relation, *, thorough: bool
) -> tuple[tuple[TimeRange, ...], tuple[TimeCount, ...]]:
    """From when to when each split is, and rows on the wrong side; nothing without a time column.

    `times` holds the rows of `times_and_labels_sql`. One scan, and for a split that does not run along time only if
    `thorough`.
    """
    time = rows.time
    if time is None:
        return (), ()
    found = {row["s"]: row for row in engine.rows(time_ranges_sql(times))}
    ranges = tuple(
        TimeRange(
            split=split,
            first=found[place]["first"] if place in found else None,
            last=found[place]["last"] if place in found else None,
        )
        for place, split in enumerate(rows.splits)
    )
    questions = _questions(rows, spec, time, {each.split: each for each in ranges})
    if not thorough:
        uncounted = [
            TimeCount(disorder=kind, left=left, right=right, row_count=None, examples=())
            for kind, left, right, _ in questions
            if kind is Disorder.RANDOM
        ]
        if uncounted:
            return ranges, tuple(uncounted)
    if not questions:
        return ranges, ()
    (counts,) = engine.rows(time_counts_sql(rows, [condition for *_, condition in questions]))
    return ranges, tuple(
        TimeCount(
            disorder=disorder,
            left=left,
            right=right,
            row_count=counts[f"count_{index}"],
            examples=(() if disorder is Disorder.RANDOM else _examples(engine, rows, condition, rows.key_sql)),
        )
        for index, (disorder, left, right, condition) in enumerate(questions)
        if counts[f"count_{index}"]
    )


def _questions(
    rows: SplitRows, spec: DatasetSpec, time: LeakColumn, ranges: dict[str, TimeRange]
) -> list[tuple[Disorder, str, str, str]]:
    """What to count: (kind, left, right, condition)."""
    moment, split = _moment_sql(time), spec.split
    places = {name: place for place, name in enumerate(rows.splits)}
    known = [name for name in rows.splits if name in ORDER and ranges[name].first is not None]
    if not isinstance(split, TimeSplit | HashTimeSplit):
        if "train" not in known or "test" not in known:
            return []
        if (ranges["test"].first or "") > (ranges["train"].last or ""):
            return []
        last = literal(ranges["train"].last or "")
        return [(Disorder.RANDOM, "train", "test", f"s = {places['test']} and {moment} <= {last}::timestamp")]
    questions = []
    for left in known:
        for right in known:
            if ORDER[left] >= ORDER[right]:
                continue
            first = f"{literal(ranges[right].first or '')}::timestamp"
            questions.append((Disorder.OVERLAP, left, right, f"s = {places[left]} and {moment} >= {first}"))
            if spec.label_horizon_seconds:
                # NOTE: a row that overlaps is counted as such alone.
                horizon = f"{moment} < {first} and {moment} + to_seconds({int(spec.label_horizon_seconds)}) > {first}"
                questions.append((Disorder.HORIZON, left, right, f"s = {places[left]} and {horizon}"))
            questions += _embargo_questions(split, left, right, places, moment)
    return questions


def _embargo_questions(
    split: TimeSplit | HashTimeSplit, left: str, right: str, places: dict[str, int], moment: str
) -> list[tuple[Disorder, str, str, str]]:
    cutoff = (split.cutoffs or {}).get(right)
    if cutoff is None:
        return []
    at = _cutoff_sql(cutoff)
    before, after = split.embargo_seconds, split.embargo_after_seconds
    found = []
    if before:
        inside = f"{moment} < {at} and {moment} >= {at} - to_seconds({int(before)})"
        found.append((Disorder.EMBARGO, left, right, f"s = {places[left]} and {inside}"))
    if after:
        inside = f"{moment} >= {at} and {moment} < {at} + to_seconds({int(after)})"
        found.append((Disorder.EMBARGO, left, right, f"s = {places[right]} and {inside}"))
    return found


def _cutoff_sql(cutoff: datetime) -> str:
    return f"timestamp '{cutoff.replace(tzinfo=None)}'"


def read_late(engine: Engine, rows: SplitRows, spec: DatasetSpec) -> tuple[LateColumn, ...]:
    """Moments of knowing that lie after the row's time. One scan; NULL is never late."""
    time = rows.time
    columns = [column for name in spec.known_at if (column := rows.named(name)) is not None]
    if time is None or not columns:
        return ()
    conditions = [f"{_moment_sql(column)} > {_moment_sql(time)}" for column in columns]
    (counts,) = engine.rows(time_counts_sql(rows, conditions))
    late = []
    for index, (column, condition) in enumerate(zip(columns, conditions, strict=True)):
        if counts[f"count_{index}"]:
            example = (
                f"left({rows.key_sql}, {EXAMPLE_LENGTH}) || ': ' || {column.example_sql} || ' > ' || {time.example_sql}"
            )
            late.append(
                LateColumn(
                    name=column.name,
                    row_count=counts[f"count_{index}"],
                    examples=_examples(engine, rows, condition, example),
                )
            )
    return tuple(late)
