"""From facts to what a chart shows: sides, bars, new and vanished categories."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from warehouse.checks.drift.result import Bar, Role, Side, Strangers
from warehouse.checks.drift.words import number_text, time_text
from warehouse.statistics.bins import Bins
from warehouse.statistics.categories import Categories, Category
from warehouse.statistics.kinds import Family, Kind, is_numeric
from warehouse.statistics.pair import ColumnPair
from warehouse.statistics.profile import Histogram, Sketch

MOST_CATEGORY_BARS = 12
MOST_DISCRETE_BARS = 50
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def side_of(pair: ColumnPair, sketch: Sketch, histogram: Histogram | None, *, is_left: bool) -> Side:
    """The facts of one side, as people read them."""
    moments = histogram.moments if histogram else None
    numeric = is_numeric(pair.family) or pair.kind is Kind.TEXT
    shown = numeric or pair.kind is Kind.TIME
    distinct = sketch.distinct_estimate if pair.kind is Kind.TEXT else None
    if pair.categories is not None:
        distinct = pair.categories.left_distinct if is_left else pair.categories.right_distinct

    def value(number: float | None) -> float | str | None:
        return time_text(number, pair.family) if number is not None and pair.kind is Kind.TIME else number

    quantiles: list[float | str] = []
    if shown and histogram is not None and moments is not None and pair.bins is not None:
        whole = pair.family in (Family.INTEGER, Family.STRING)
        for number in _quantiles(pair.bins, histogram.counts, sketch, whole=whole):
            text = value(number)
            assert text is not None
            quantiles.append(text)
    return Side(
        row_count=sketch.row_count,
        missing_count=sketch.missing_count,
        missing_share=sketch.missing_count / sketch.row_count if sketch.row_count else 0.0,
        nan_count=sketch.nan_count,
        positive_infinity_count=sketch.positive_infinity_count,
        negative_infinity_count=sketch.negative_infinity_count,
        distinct_count=distinct,
        minimum=value(sketch.minimum) if shown else None,
        maximum=value(sketch.maximum) if shown else None,
        mean=moments.mean if moments and numeric else None,
        standard_deviation=moments.variance**0.5 if moments and numeric else None,
        quantiles=tuple(quantiles),
    )


def _quantiles(bins: Bins, counts: Sequence[int], sketch: Sketch, *, whole: bool) -> list[float]:
    """Values at `LEVELS`, from the fine bins: as if values lay evenly within a bin."""
    total, found = sum(counts), []
    cumulated = list(accumulate(counts))
    low, high = sketch.extremes[0]
    for level in LEVELS:
        wanted = level * total
        index = next(i for i, reached in enumerate(cumulated) if reached >= wanted and counts[i])
        lower, upper = bins.edges[index - 1] if index else bins.lowest, bins.edges[index]
        part = (wanted - (cumulated[index] - counts[index])) / counts[index]
        inside = upper if whole else lower * (1 - part) + upper * part
        # The edge below a round bound is a hair less than the whole number it stands for.
        value = min(max(inside, low), high)
        found.append(float(value // 1) if whole else value)
    return found


def bars_of(pair: ColumnPair) -> tuple[Bar, ...]:
    """Bars whose shares add up to 1 on either side: values in order, then rare ones, then missing ones."""
    left, right = pair.left, pair.right
    bars = _value_bars(pair)
    bars += [
        _bar(pair, label, counts, role=Role.MISSING)
        for label, counts in (
            ("missing", (left.missing_count, right.missing_count)),
            ("NaN", (left.nan_count, right.nan_count)),
            ("+∞", (left.positive_infinity_count, right.positive_infinity_count)),
            ("−∞", (left.negative_infinity_count, right.negative_infinity_count)),
        )
        if any(counts)
    ]
    return tuple(bars)


def _bar(
    pair: ColumnPair,
    label: str,
    counts: tuple[int, int],
    *,
    role: Role = Role.VALUE,
    low: float | None = None,
    high: float | None = None,
) -> Bar:
    return Bar(
        label=label,
        left_count=counts[0],
        right_count=counts[1],
        left_share=counts[0] / max(1, pair.left.row_count),
        right_share=counts[1] / max(1, pair.right.row_count),
        role=role,
        low=low,
        high=high,
    )


def _value_bars(pair: ColumnPair) -> list[Bar]:
    if pair.categories is not None:
        return _category_bars(pair, pair.categories)
    if pair.bins is not None and pair.left_histogram is not None and pair.right_histogram is not None:
        return _range_bars(pair, pair.bins, pair.left_histogram.counts, pair.right_histogram.counts)
    counts = (pair.left.finite_count, pair.right.finite_count)
    return [_bar(pair, "present", counts)] if any(counts) else []


def _category_bars(pair: ColumnPair, categories: Categories) -> list[Bar]:
    discrete = pair.kind is Kind.DISCRETE

    def change(category: Category) -> float:
        return max(
            category.left_count / max(1, pair.left.row_count), category.right_count / max(1, pair.right.row_count)
        )

    most = MOST_DISCRETE_BARS if discrete else MOST_CATEGORY_BARS
    shown = sorted(categories.listed, key=lambda c: (-change(c), str(c.label)))[:most]
    if discrete:
        shown.sort(key=lambda category: float(category.label))
    bars = [
        _bar(
            pair,
            _label(category),
            (category.left_count, category.right_count),
        )
        for category in shown
    ]
    others = (
        categories.other_left_count + sum(c.left_count for c in categories.listed) - sum(c.left_count for c in shown),
        categories.other_right_count
        + sum(c.right_count for c in categories.listed)
        - sum(c.right_count for c in shown),
    )
    count = categories.other_distinct + len(categories.listed) - len(shown)
    if count:
        bars.append(_bar(pair, f"{count:,} other{'s' if count > 1 else ''}", others, role=Role.OTHER))
    return bars


def _label(category: Category) -> str:
    return number_text(category.label) if isinstance(category.label, float) else category.label


def _range_bars(pair: ColumnPair, bins: Bins, left: Sequence[int], right: Sequence[int]) -> list[Bar]:
    bounds = bins.bounds
    counts = [[0, 0] for _ in range(len(bounds) + 1)]
    for edge, left_count, right_count in zip(bins.edges, left, right, strict=True):
        place = bisect_right(bounds, edge)
        counts[place][0] += left_count
        counts[place][1] += right_count
    text = (lambda value: time_text(value, pair.family)) if pair.kind is Kind.TIME else number_text
    below, *inside, above = [(pair_counts[0], pair_counts[1]) for pair_counts in counts]
    bars = [_bar(pair, f"below {text(bounds[0])}", below, role=Role.BELOW, high=bounds[0])] if any(below) else []
    whole = pair.family in (Family.INTEGER, Family.STRING)
    for low, high, both in zip(bounds, bounds[1:], inside, strict=False):
        single = whole and high - low == 1
        label = text(low) if single or high <= low else f"{text(low)} to {text(high)}"
        bars.append(_bar(pair, label, both, low=low, high=high))
    if any(above):
        bars.append(_bar(pair, f"{text(bounds[-1])} and above", above, role=Role.ABOVE, low=bounds[-1]))
    return bars


def strangers_of(categories: Categories, *, left_rows: int, right_rows: int) -> tuple[Strangers, Strangers]:
    """New categories of the right and vanished ones of the left."""
    return (
        Strangers(
            distinct_count=categories.new_distinct,
            row_count=categories.new_rows,
            row_share=categories.new_rows / max(1, right_rows),
            examples=tuple((_label(category), category.right_count) for category in categories.new),
        ),
        Strangers(
            distinct_count=categories.vanished_distinct,
            row_count=categories.vanished_rows,
            row_share=categories.vanished_rows / max(1, left_rows),
            examples=tuple((_label(category), category.left_count) for category in categories.vanished),
        ),
    )
