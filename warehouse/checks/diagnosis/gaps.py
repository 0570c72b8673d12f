"""From level to level: how much the error grows, whether chance alone could do that, and how many rows would tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from warehouse.checks.diagnosis.result import (
    HUMAN,
    Answer,
    Cause,
    Gap,
    Level,
    MetricName,
    RequiredSize,
    RowsNeeded,
    SplitErrors,
)
from warehouse.datasets.spec import SPLITS, DatasetSpec, HashSplit, HashTimeSplit, TimeSplit
from warehouse.statistics.distance import NORMAL_QUANTILE
from warehouse.statistics.estimates import (
    Estimate,
    Mean,
    difference,
    known,
    rate_estimate,
    rows_for_difference,
    smallest_difference,
)

USUAL_DIFFERENCE = 0.1
"""Of the last level's error: the difference to look for when nobody says which."""
LEAST_DIFFERENCE = 0.01
"""The same when the last level has no error."""
SIZED = ("dev", "test")
_STEPS = (Cause.BIAS, Cause.VARIANCE, Cause.MISMATCH, Cause.DEV_OVERFITTING)
_ORDER = (HUMAN, *SPLITS)


def find_levels(
    errors: Sequence[SplitErrors], metric: MetricName, *, human: float | None, human_rows: int | None
) -> tuple[Level, ...]:
    """The levels of the chart that are there, in its order.

    Args:
        errors: of the splits.
        metric: what the chart is in.
        human: how people do in the same metric; None when nobody knows.
        human_rows: on so many rows this was measured; None takes it as certain. Only a share of rows has an interval.
    """
    levels = []
    if human is not None:
        estimate = known(human)
        if human_rows is not None:
            estimate = rate_estimate(Mean(value=human, standard_error=0.0, row_count=human_rows))
        levels.append(Level(name=HUMAN, estimate=estimate))
    for each in errors:
        found = each.of(metric)
        if found is not None and each.split in SPLITS:
            levels.append(Level(name=each.split, estimate=found))
    return tuple(levels)


def usual_difference(levels: Sequence[Level], metric: MetricName) -> float:
    """The difference to look for when nobody says which: a tenth of the last level's error."""
    value = levels[-1].estimate.value
    return USUAL_DIFFERENCE * abs(1 - value if metric.is_better_greater else value) or LEAST_DIFFERENCE


def find_gaps(
    levels: Sequence[Level], metric: MetricName, spec: DatasetSpec, *, splits: Sequence[str], wanted: float
) -> tuple[Gap, ...]:
    """The gap between each level and the one before.

    Args:
        levels: in the chart's order.
        metric: what they are in.
        spec: tells whether splits can differ at all but by chance.
        splits: all that the version has, with predictions or without.
        wanted: the least difference that one wants to see.
    """
    gaps = []
    for left, right in pairwise(levels):
        before, after = (right, left) if metric.is_better_greater else (left, right)
        change = difference(before.estimate, after.estimate)
        answer = _answer(change, wanted)
        gaps.append(
            Gap(
                left=left.name,
                right=right.name,
                causes=causes_between(left.name, right.name, spec, splits=splits),
                change=change,
                answer=answer,
                more_rows=rows_to_tell(left, right, wanted) if answer is Answer.UNDECIDED else (),
            )
        )
    return tuple(gaps)


def causes_between(left: str, right: str, spec: DatasetSpec, *, splits: Sequence[str]) -> tuple[Cause, ...]:
    """What can make `right` worse than `left`.

    Without dev nothing was chosen on it. Where a hash alone decides a row's split, all splits have one distribution.
    Where time does, test is later than dev, which makes as much of a difference as seasons do.
    """
    causes = list(_STEPS[_ORDER.index(left) : _ORDER.index(right)])
    if "dev" not in splits and Cause.DEV_OVERFITTING in causes:
        causes.remove(Cause.DEV_OVERFITTING)
    if len(causes) > 1 and Cause.MISMATCH in causes and has_one_distribution(spec):
        causes.remove(Cause.MISMATCH)
    if left == "dev" and isinstance(spec.split, TimeSplit | HashTimeSplit):
        causes.insert(0, Cause.LATER_TIME)
    return tuple(causes)


def has_one_distribution(spec: DatasetSpec) -> bool:
    """Whether train and test are drawn from the same rows by chance."""
    is_chosen = spec.target_distribution is not None or spec.synthetic is not None or spec.downsample is not None
    return isinstance(spec.split, HashSplit) and not is_chosen


def _answer(change: Estimate, wanted: float) -> Answer:
    if change.low > 0:
        return Answer.PRESENT
    if change.high < 0:
        return Answer.REVERSED
    return Answer.ABSENT if change.high < wanted else Answer.UNDECIDED


def rows_to_tell(left: Level, right: Level, wanted: float) -> tuple[RowsNeeded, ...]:
    """The fewest more rows, of either side or both, after which the interval cannot hold both 0 and `wanted`.

    Then the gap either shows, or is shown to be smaller. Empty when nothing can be said of a side's variance.
    """
    goal = (wanted / (2 * NORMAL_QUANTILE)) ** 2
    sides = [level for level in (left, right) if level.estimate.row_count]
    variances = {level.name: level.estimate.spread**2 for level in sides}
    if not all(map(math.isfinite, variances.values())):
        return ()
    plans = [_plan(sides, variances, {each.name: goal / len(sides) for each in sides})]
    for side in sides:
        rest = goal - sum(variance for name, variance in variances.items() if name != side.name)
        if rest > 0:
            plans.append(_plan(sides, variances, {side.name: rest}))
    return min(plans, key=lambda plan: sum(each.row_count for each in plan))


def _plan(sides: Sequence[Level], variances: dict[str, float], goals: dict[str, float]) -> tuple[RowsNeeded, ...]:
    """How many more rows bring each side's variance down to its goal."""
    needed = (
        (level.name, math.ceil(level.estimate.row_count * (variances[level.name] / goals[level.name] - 1)))
        for level in sides
        if level.name in goals
    )
    return tuple(RowsNeeded(split=name, row_count=count) for name, count in needed if count > 0)


def largest_gap(gaps: Sequence[Gap]) -> Gap | None:
    """The largest one that is there; None when none can be told from nothing."""
    present = [gap for gap in gaps if gap.answer is Answer.PRESENT]
    return max(present, key=lambda gap: gap.change.value, default=None)


def required_sizes(levels: Sequence[Level], wanted: float) -> tuple[RequiredSize, ...]:
    """Whether dev and test suffice to tell two models apart."""
    sizes = []
    for level in levels:
        variance = level.estimate.row_variance
        if level.name in SIZED and math.isfinite(variance):
            sizes.append(
                RequiredSize(
                    split=level.name,
                    row_count=level.estimate.row_count,
                    needed_count=rows_for_difference(variance, wanted),
                    smallest_difference=smallest_difference(variance, level.estimate.row_count),
                )
            )
    return tuple(sizes)
