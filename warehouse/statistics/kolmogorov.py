"""The two-sample Kolmogorov-Smirnov test of columns and nothing else, for those who want no more of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from warehouse.engine.base import Engine
from warehouse.errors import SpecError, problem_list, suggestion
from warehouse.sql import Relation
from warehouse.statistics.distance import Counts, kolmogorov_smirnov_sorted, rising
from warehouse.statistics.kinds import Family, common_family, family_of
from warehouse.statistics.number_facts import finite_values_sql
from warehouse.statistics.profile import Measured
from warehouse.statistics.significance import kolmogorov_tail


@dataclass(frozen=True, slots=True, kw_only=True)
class KolmogorovSmirnov:
    """The test of one column."""

    statistic: float
    """Largest gap between the cumulative shares, 0..1; exact. 0 when a side has no finite value."""
    p_value: float
    """That both sides have one law; asymptotic. 1 when a side has no finite value."""
    left_count: int
    """Finite values: neither null nor NaN nor infinite."""
    right_count: int


def kolmogorov_smirnov(
    engine: Engine, left: Relation, right: Relation, columns: Sequence[str]
) -> dict[str, KolmogorovSmirnov]:
    """The test of each of these columns, by name; numbers, times and dates.

    Costs one scan of the single column per side. A column's values are in memory, 8 bytes each, two columns at a time.
    A small p-value says that sides differ, not by how much: with many rows every trifle has one. `compare` judges.

    Raises:
        SpecError: a column is not on both sides, or has no numbers that meet.
        QueryError: a relation cannot be read.
    """
    measured = _measured(engine, left, right, columns)
    waiting: list[Future[KolmogorovSmirnov]] = []
    # The engine reads the next column while one is sorted.
    with ThreadPoolExecutor(max_workers=1) as worker:
        for place, column in enumerate(measured):
            sides = [engine.number_columns(finite_values_sql(side, [column]))[0] for side in (left, right)]
            if place:
                waiting[-1].result()
            waiting.append(worker.submit(_test, *sides))
            del sides
    return {column.name: future.result() for column, future in zip(measured, waiting, strict=True)}


def _test(left: Counts, right: Counts) -> KolmogorovSmirnov:
    left, right = rising(left), rising(right)
    statistic = kolmogorov_smirnov_sorted(left, right) if len(left) and len(right) else 0.0
    p_value = kolmogorov_tail(statistic, len(left), len(right))
    return KolmogorovSmirnov(statistic=statistic, p_value=p_value, left_count=len(left), right_count=len(right))


def _measured(engine: Engine, left: Relation, right: Relation, columns: Sequence[str]) -> list[Measured]:
    sides = [{column.name: column.type for column in engine.columns(side)} for side in (left, right)]
    measured, problems = [], []
    for name in columns:
        lacking = [side.name for side, types in zip((left, right), sides, strict=True) if name not in types]
        if lacking:
            known = [other for other in sides[0] if other in sides[1]]
            problems.append(f"{name}: not in {' and '.join(lacking)}; {suggestion(name, known)}")
            continue
        types = [side[name] for side in sides]
        family = common_family(*(family_of(type_name) for type_name in types))
        column = Measured(name, family or Family.OTHER)
        if not column.has_numbers or family is Family.STRING:
            problems.append(f"{name}: no numbers or times on both sides ({' and '.join(types)})")
        measured.append(column)
    if problems:
        raise SpecError(problem_list("columns that cannot be tested:", problems))
    return measured
