"""Results of both engines held against each other, number by number."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from warehouse.checks.drift.result import DriftResult
from warehouse.statistics.kinds import Kind


def differences(left: Any, right: Any, place: str = "") -> Iterator[str]:
    """Where two results differ by more than a billionth."""
    if dataclasses.is_dataclass(left):
        for field in dataclasses.fields(left):
            # An estimate that each engine makes in its own way.
            if field.name != "distinct_estimate":
                yield from differences(getattr(left, field.name), getattr(right, field.name), f"{place}.{field.name}")
    elif isinstance(left, dict):
        if list(left) != list(right):
            yield f"{place}: {list(left)} on DuckDB, {list(right)} on Spark"
            return
        for key in left:
            yield from differences(left[key], right[key], f"{place}[{key}]")
    elif isinstance(left, list | tuple):
        if len(left) != len(right):
            yield f"{place}: {len(left)} entries on DuckDB, {len(right)} on Spark"
            return
        for index, both in enumerate(zip(left, right, strict=True)):
            yield from differences(*both, f"{place}[{index}]")
    elif isinstance(left, float) and isinstance(right, float):
        if not math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12) and not (math.isnan(left) and math.isnan(right)):
            yield f"{place}: {left} on DuckDB, {right} on Spark"
    elif left != right or type(left) is not type(right):
        yield f"{place}: {left!r} on DuckDB, {right!r} on Spark"


def without_estimates(result: DriftResult) -> DriftResult:
    """The result without what each engine estimates in its own way: how many different texts there are."""
    return replace(
        result,
        columns=tuple(
            replace(
                column,
                left=replace(column.left, distinct_count=None),
                right=replace(column.right, distinct_count=None),
            )
            if column.kind is Kind.TEXT
            else column
            for column in result.columns
        ),
    )
