"""Facts of one relation's columns, as parts that merge: those of two halves add up to those of the whole.

Two scans per relation. The first (`first_scan.py`) counts, finds the extremes and takes quantiles of a bounded
sample, which decides each column's kind and its bins. The second (`second_scan_sql`) counts bins over all rows and
sums moments. Sample and edges choose where to look; every count is exact.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step, identifier
from warehouse.statistics.kinds import Family, is_numeric

COLUMNS_PER_SCAN = 40
"""Wide tables are read in several scans, each of its own columns, so that a statement stays of bounded size."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A column to profile, and how to read it."""

    name: str
    family: Family

    @property
    def has_numbers(self) -> bool:
        """Whether `number_sql` gives anything to bin."""
        return self.family is not Family.OTHER and self.family is not Family.BOOLEAN

    @property
    def may_be_infinite(self) -> bool:
        """Whether values of its type may be NaN or infinite."""
        return self.family in (Family.REAL, Family.TIMESTAMP)

    @property
    def number_sql(self) -> str:
        """The column as a double: the number itself, microseconds since 1970 or midnight, or a string's length."""
        return self.number_of(identifier(self.name))

    def number_of(self, value: str) -> str:
        """The same of one of the column's values, given as SQL; rising with the value, but for strings."""
        if is_numeric(self.family):
            return f"cast({value} as double)"
        if self.family is Family.TIMESTAMP:
            # An infinite timestamp has no microseconds: null here, counted as infinite by its sign.
            return f"cast(epoch_us(cast({value} as timestamp)) as double)"
        if self.family is Family.CLOCK:
            return f"cast(epoch_us({value}) as double)"
        return f"cast(length(cast({value} as varchar)) as double)"

    @property
    def finite_sql(self) -> str:
        """As `number_sql`; null where it is NaN or infinite."""
        if self.family is Family.REAL:
            name = identifier(self.name)
            return f"case when isfinite({name}) then cast({name} as double) end"
        return self.number_sql

    @property
    def value_sql(self) -> str:
        """The column as what is counted value by value; never NaN or infinite."""
        return self.finite_sql if is_numeric(self.family) else f"cast({identifier(self.name)} as varchar)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """What the first scan tells of a column."""

    row_count: int
    present_count: int
    """Rows that are not null; NaN is present."""
    nan_count: int = 0
    positive_infinity_count: int = 0
    negative_infinity_count: int = 0
    minimum: float | None = None
    """Smallest finite value, microseconds or length; None when there is none."""
    maximum: float | None = None
    quantiles: tuple[float, ...] = ()
    """Of the sample's finite values, at `QUANTILE_LEVELS`; empty when it has none."""
    sampled_count: int = 0
    """Present values in the sample."""
    sampled_distinct: int = 0
    mean_length: float = 0.0
    """Of sampled strings, characters."""
    spaced_share: float = 0.0
    """Share of sampled strings with white space between words."""
    distinct_estimate: int | None = None
    """About how many different strings there are in all rows (HyperLogLog, a few percent off); None for other types."""

    @property
    def missing_count(self) -> int:
        """Null rows."""
        return self.row_count - self.present_count

    @property
    def infinite_count(self) -> int:
        """Infinities of either sign."""
        return self.positive_infinity_count + self.negative_infinity_count

    @property
    def finite_count(self) -> int:
        """Values that have a place in a bin."""
        return self.present_count - self.nan_count - self.infinite_count

    @property
    def extremes(self) -> list[tuple[float, float]]:
        """`[(minimum, maximum)]`, or nothing."""
        return [] if self.minimum is None or self.maximum is None else [(self.minimum, self.maximum)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Count, mean and spread of the finite values; merges without loss."""

    count: int
    mean: float
    squares: float
    """Sum of squared distances from the mean."""

    @property
    def variance(self) -> float:
        """Of the population: divided by the count."""
        return self.squares / self.count

    def merged(self, other: Moments) -> Moments:
        """Those of both parts together. Source: Chan, Golub and LeVeque (1979)."""
        count = self.count + other.count
        shift = other.mean - self.mean
        return Moments(
            count=count,
            mean=self.mean + shift * other.count / count,
            squares=self.squares + other.squares + shift * shift * self.count * other.count / count,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """What the second scan tells of a column: exact counts per bin, and moments."""

    counts: tuple[int, ...]
    """Per edge of the bins, of finite values."""
    moments: Moments | None
    """None when no value is finite."""

    def merged(self, other: Histogram) -> Histogram:
        """That of both parts together; both are on the same bins."""
        mine, theirs = self.moments, other.moments
        return Histogram(
            counts=tuple(a + b for a, b in zip(self.counts, other.counts, strict=True)),
            moments=mine.merged(theirs) if mine and theirs else mine or theirs,
        )


def row_count_sql(relation: Relation) -> Query:
    """One row: `row_count`."""
    return Query.of(Step("row_count", f"select count(*) as row_count from {relation.sql}"))


def row_count(engine: Engine, relation: Relation) -> int:
    """How many rows the relation has; Parquet and tables know without a scan."""
    return int(engine.rows(row_count_sql(relation))[0]["row_count"])


def second_scan_sql(
    relation: Relation, columns: Sequence[Measured], edges: Sequence[Sequence[float]], scales: Sequence[float]
) -> Query:
    """One row; for column i `histogram_i` (bin edge to count), `mean_i` and `variance_i` of (x - lowest edge) / scale.

    Only finite values count.
    Dividing by a power of two not below the largest value is exact and keeps sums of squares from overflowing; counting
    from the lowest edge keeps the digits of values that lie close together far from zero.
    """
    facts: list[str] = []
    parameters: dict[str, object] = {}
    for index in range(len(columns)):
        number = f"number_{index}"
        scaled = f"{number} / $scale_{index} - $start_{index}"
        start = edges[index][0] / scales[index]
        parameters |= {f"edges_{index}": list(edges[index]), f"scale_{index}": scales[index], f"start_{index}": start}
        facts += [
            f"histogram({number}, $edges_{index}) as histogram_{index}",
            f"avg({scaled}) as mean_{index}",
            f"var_pop({scaled}) as variance_{index}",
        ]
    values = [f"{column.finite_sql} as number_{index}" for index, column in enumerate(columns)]
    return Query.of(
        Step("numbers_to_profile", f"select {', '.join(values)} from {relation.sql}"),
        Step("second_scan", f"select {', '.join(facts)} from numbers_to_profile"),
        **parameters,
    )


def histograms(
    engine: Engine, relation: Relation, columns: Sequence[Measured], edges: Mapping[str, Sequence[float]]
) -> dict[str, Histogram]:
    """The second scan's facts by column name; each column has edges, the last at least its largest value."""
    found: dict[str, Histogram] = {}
    for chunk in chunks(columns):
        cuts = [edges[column.name] for column in chunk]
        scales = [power_of_two(max(abs(cut[0]), abs(cut[-1]))) for cut in cuts]
        row = engine.rows(second_scan_sql(relation, chunk, cuts, scales))[0]
        for index, (column, cut, scale) in enumerate(zip(chunk, cuts, scales, strict=True)):
            counted: dict[float, int] = row[f"histogram_{index}"] or {}
            counts = tuple(counted.get(edge, 0) for edge in cut)
            total, moments = sum(counts), None
            if total:
                mean, variance = row[f"mean_{index}"], row[f"variance_{index}"]
                moments = Moments(
                    count=total, mean=(mean + cut[0] / scale) * scale, squares=variance * scale * scale * total
                )
            found[column.name] = Histogram(counts=counts, moments=moments)
    return found


def power_of_two(value: float) -> float:
    """The smallest power of two above this magnitude; 1 for zero."""
    return 2.0 ** min(1023, math.frexp(value)[1]) if value else 1.0


def distinct_count_sql(relation: Relation, column: Measured) -> Query:
    """One row: `distinct_count` of present values, exact."""
    return Query.of(
        Step(
            "distinct_count", f"select count(distinct {identifier(column.name)}) as distinct_count from {relation.sql}"
        )
    )


def distinct_count(engine: Engine, relation: Relation, column: Measured) -> int:
    """How many different values the column has, nulls apart."""
    return int(engine.rows(distinct_count_sql(relation, column))[0]["distinct_count"])


def chunks(columns: Sequence[Measured]) -> list[Sequence[Measured]]:
    """The columns in runs that one scan takes together."""
    return [columns[start : start + COLUMNS_PER_SCAN] for start in range(0, len(columns), COLUMNS_PER_SCAN)]
